"""Hostile datagrams in numbers: `hms-load flood` beside an HMS with registered hosts."""

import json
import os
import time

from harness import wire
from harness.product import ends
from harness.waiting import Skip, check, equal, until
from harness.world import World, hosts_config

from .truth import CHANGES, delays, kept

CHECK_TIME, USERS = 2, ("ann", *(f"user{number}" for number in range(1, 12)))
# What random, truncated and bit-flipped datagrams must at least be dropped for.
REASONS = {"length", "version", "type", "flags", "realm", "epoch", "tag"}
GROWTH_KIB = 512
# Live bytes of the heap: less than one for ten datagrams, more than a snapshot or an answer on its way.
GROWTH_LIVE = 10_000
# Of the hosts' heartbeats in a flood (QUALITY section 1, the floor).
UNANSWERED = 0.01


class Flooded:
    """An HMS with some hosts, and datagrams of theirs from which hostile ones are made."""

    def __init__(self, t, users=USERS, check_time=CHECK_TIME):
        self.t, self.tool = t, os.path.join(os.path.dirname(t.binary), "hms-load")
        if not os.path.exists(self.tool):
            raise Skip("no hms-load beside the binary: cargo build --workspace")
        self.world = world = World(t, users, hosts_config(f"{check_time}s"))
        world.equal(within=6)
        other = users[1]
        world[other].set("conference=board")
        world.capture.wait("content", lambda d: d.type == wire.HEARTBEAT and d.message.flags & wire.CONTENT, 2, 0)
        until("pushed", lambda: world["ann"].listed()[other]["conference"] == "board", 3)
        self.seeds = os.path.join(t.directory, "seeds")
        with open(self.seeds, "w") as file:
            file.writelines(f"{one.data.hex()}\n" for one in world.capture.datagrams
                            # An ANNOUNCE is ignored, whoever wrote it, and not counted; a HINT is one bit away.
                            if one.type not in (wire.ANNOUNCE, wire.HINT))
        self.check_time = check_time
        self.rows, self.pid = kept(world.hms), world.hms.process.pid
        self.watch, self.started = world.hms.watch(), time.time()
        self.drops = world.hms.json("status")["drops"]
        

    def start(self, count, seed, *options):
        """The tool. Every tenth datagram comes from where ann is, whose own must get through."""
        source = ends(self.world.hms.row("ann")["address"])
        return self.t.process(self.world.server, [
            self.tool, "flood", "--state", self.world.hms.state, "--to", f"{self.world.server.v4}:6710", "--networks",
            "--count", str(count), "--seeds", self.seeds, "--spoof", f"{source[0]}:{source[1]}", "--seed", str(seed),
            "--json", *options], None, "flood")

    def send(self, count, seed):
        """In a closed loop; returns the report."""
        since, process = time.time(), self.start(count, seed)
        process.wait_exit(0, 3600)
        report = json.loads(process.text("out"))
        equal("counted by the HMS", report["counted"], count)
        check("receive-buffer" not in report["drops"], f"the loop was not closed: {report}")
        equal("answers that are no hints", report["other_answers"], 0)
        # Those that went to where ann is were seen on the wire, where nothing of the flood itself passes.
        to_ann = len(self.world.capture.find(lambda d: d.outgoing and d.type == wire.HINT, since))
        equal("hints received", report["hints_received"] + to_ann, report["hints_sent"])
        return {**report, "hints_to_the_spoofed": to_ann}

    def unharmed(self):
        """All hosts are where they were, and are heard."""
        world = self.world
        check(world.hms.process.running and "panic" not in world.hms.process.text("err"), "it ended")
        equal("rows", kept(world.hms), self.rows)
        equal("events", self.watch.count(*CHANGES, since=self.started), 0)
        until("all heard from", lambda: all(row["age_ms"] < 1100 * self.check_time + 2500
                                            for row in world.hms.rows().values()), self.check_time + 1)
        for host in world.hosts.values():
            check(host.me()["registered"], f"{host.name} lost its HMS")

    def heartbeats(self):
        """How those of the hosts were answered since the flood began: hardly one may be in vain."""
        living = {host.node.v4 for host in self.world.hosts.values()}
        answers = delays(self.world.capture.find(since=self.started), set(), living, self.started)
        check(answers["beats"] >= len(living), f"hosts were silent: {answers}")
        check(answers["unanswered"] <= UNANSWERED * answers["beats"], f"heartbeats in vain: {answers}")
        return answers

    def size(self):
        return size(self.pid) | {"live_bytes": live_bytes(self.world.hms)}


def live_bytes(hms):
    """The heap, without what the question itself needs and what is there for a moment."""
    return min(hms.json("status")["memory"]["live_bytes"] for _ in range(5))


def size(pid):
    """Descriptors and KiB of a process, without what is there for a moment: a command's connection, a snapshot
    being written."""
    descriptors = []
    for _ in range(25):
        descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(0.05)
    found = {"descriptors": min(descriptors)}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        lines = dict(line.split(":", 1) for line in file if "kB" in line)
    for name in ("Rss", "Private_Dirty", "Anonymous"):
        found[f"{name.lower()}_kib"] = int(lines[name].split()[0])
    return found


def constant(before, after):
    """No descriptor more, and no memory that grows with what came in."""
    equal("descriptors", after["descriptors"], before["descriptors"])
    grown = after["live_bytes"] - before["live_bytes"]
    check(grown <= GROWTH_LIVE, f"the heap grew by {grown} bytes")
    for name in (name for name in before if name.endswith("_kib")):
        check(after[name] - before[name] <= GROWTH_KIB,
              f"{name} grew from {before[name]} to {after[name]} KiB")


def reasons(report):
    missing = REASONS - set(report["drops"])
    check(not missing, f"nothing was dropped for {missing}: {report['drops']}")


def prove(test, count, figures):
    """The proof: `count` in all, the first 10^5 of them to fill what is filled once."""
    flooded, first = Flooded(test), 100_000
    figures["before"] = flooded.size()
    print(f"before: {figures['before']}", flush=True)
    opening = flooded.send(first, 1)
    figures["after_the_first_100000"] = flooded.size()
    print(f"{json.dumps(opening)}\nafter {first}: {figures['after_the_first_100000']}", flush=True)
    parts = [opening]
    left = count - first
    while left:
        part = min(left, 1_000_000)
        parts.append(flooded.send(part, 1 + len(parts)))
        left -= part
        print(f"{count - left} counted, {parts[-1]['per_second']:.0f} a second, {flooded.size()}", flush=True)
    figures |= summed(parts)
    figures["at_the_end"] = flooded.size()
    after = flooded.world.hms.json("status")["drops"]
    equal("sum of the counters", sum(after.values()) - sum(flooded.drops.values()), count)
    equal("sent", figures["sent"], count)
    reasons(figures)
    flooded.unharmed()
    figures["heartbeats"] = flooded.heartbeats()
    constant(figures["after_the_first_100000"], figures["at_the_end"])


def summed(parts):
    total = {key: sum(part[key] for part in parts) for key in
             ("sent", "counted", "hints_sent", "hints_received", "hints_to_the_spoofed", "other_answers")}
    for table in ("made", "drops"):
        names = sorted({name for part in parts for name in part[table]})
        total[table] = {name: sum(part[table].get(name, 0) for part in parts) for name in names}
    total["seconds"] = round(sum(part["seconds"] for part in parts), 1)
    return total
