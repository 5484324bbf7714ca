"""Attackers without a key: one that says again what it captured, one that says anything."""

import os
import time

from attack.flood import Flooded, constant, reasons, size
from attack.truth import drops
from harness import wire
from harness.forge import Spoofer
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, check, equal, until
from harness.world import World, hosts_config

T = 2.0
CHANGES = ("join", "leave", "expire", "replace", "late", "update")


class Captor:
    """Says again, from wherever it likes, all that hosts and HMS said."""

    def __init__(self, t, world):
        self.world, self.node = world, world.net.node("rogue", world.lan)
        self.spoofer = t.closing(Spoofer(self.node))
        self.elsewhere = [(self.node.v4, 7000), (str(world.lan.v4[222]), 7001)]
        self.hms, self.sent, self.bytes_in = world.address(), 0, 0

    def captured(self):
        """What was said to the HMS, and what it said to hosts, until now and not by the captor."""
        strangers = set(self.elsewhere)
        hosts = {host.node.v4 for host in self.world.hosts.values()}
        to_hms = self.world.capture.find(lambda d: not d.outgoing and d.source[0] in hosts)
        to_hosts = self.world.capture.find(lambda d: d.outgoing and d.target[0] in hosts
                                           and d.target not in strangers)
        return distinct(to_hms), distinct(to_hosts)

    def say_again(self, datagrams, of=None):
        """To the HMS, each from its own source and from two others."""
        for one in datagrams:
            if of is not None and one.source[0] != of:
                continue
            for source in (one.source, *self.elsewhere):
                self.spoofer.send(source, self.hms, one.data)
                self.sent += 1
                self.bytes_in += len(one.data) if source in self.elsewhere else 0

    def answer_again(self, datagrams):
        """To the hosts, from the address of the HMS."""
        for one in datagrams:
            self.spoofer.send(self.hms, one.target, one.data)
            self.sent += 1


def distinct(datagrams):
    """Each once: resends and what the captor said itself are equal to what was said before."""
    return list({one.data: one for one in reversed(datagrams)}.values())


@scenario("attack-replay", "all traffic replayed from anywhere, after leave, death and restart: nothing",
          takes=18)
def attack_replay(t):
    world = World(t, ["ann", "bob", "cyd", "dan"], hosts_config("2s"))
    world.equal(within=4)
    captor = Captor(t, world)
    watch = world.hms.watch()
    world["ann"].set("state=participating", "conference=board")
    old = world["bob"].node.v4
    world["bob"].node.readdress(f"{old}/24", f"{world.lan.v4[77]}/24")
    until("bob listed at his new address", lambda:
          ends(world.hms.row("bob")["address"])[0] == world["bob"].node.v4, 2.2 * T)
    left = world["cyd"].node.v4
    world["cyd"].cli("leave")
    until("cyd is gone", lambda: "cyd" not in world.hms.rows(), 1)
    time.sleep(1.2 * T)
    to_hms, to_hosts = captor.captured()
    kinds = {one.type for one in to_hms}
    check(kinds >= {wire.DISCOVER, wire.INIT, wire.REGISTER, wire.HEARTBEAT, wire.PULL, wire.LEAVE},
          f"only {kinds} captured")
    check(any(one.type == wire.HEARTBEAT and one.message.flags & wire.COOKIE for one in to_hms),
          "no echoed cookie captured")

    t.step("replayed to living hosts and their HMS")
    kept = {user: (row["address"], row["since"], row["status"], row["conference"])
            for user, row in world.hms.rows().items()}
    since = time.time()
    for _ in range(3):
        captor.say_again(to_hms)
        captor.answer_again(to_hosts)
        time.sleep(0.3)
    equal("rows", {user: (row["address"], row["since"], row["status"], row["conference"])
                   for user, row in world.hms.rows().items()}, kept)
    equal("events", watch.count(*CHANGES, since=since), 0)
    for name in ("ann", "bob", "dan"):
        check(world[name].process.running, f"{name} was stopped")
    world.equal(within=2 * T, users=["ann", "bob", "dan"])

    t.step("replayed for a dead host: it goes when it would have gone")
    silent = world["dan"].node.v4
    world["dan"].kill()
    to_hms, _ = captor.captured()
    last = max(one.at for one in to_hms if one.type == wire.HEARTBEAT and one.source[0] == silent)
    while "dan" in world.hms.rows() and time.time() < last + 4 * T:
        captor.say_again(to_hms, of=silent)
        captor.say_again(to_hms, of=left)
        time.sleep(0.25)
    gone, _ = watch.wait("expire", "dan", 1)
    took = between("dan gone", gone - last, 2.4 * T, 2.6 * T + 0.3)
    t.note(f"dan, replayed all the time, gone {took:.2f} s after his last heartbeat, T = 2 s")

    t.step("replayed to a restarted HMS, with and without its snapshot")
    world["bob"].kill()
    world.hms.stop()
    world.hms.serve()
    started, watch = time.time(), world.hms.watch()
    equal("bob after the restart", world.hms.row("bob")["status"], "unconfirmed")
    while "bob" in world.hms.rows() and time.time() < started + 4 * T:
        captor.say_again(to_hms)
        check(world.hms.rows().get("bob", {}).get("status") in (None, "unconfirmed"), "confirmed")
        time.sleep(0.25)
    gone, _ = watch.wait("expire", "bob", 1)
    between("bob gone after the restart", gone - started, 2.5 * T - 0.6, 2.6 * T + 0.3)
    world.hms.kill()
    for name in os.listdir(world.hms.state):
        if "snapshot" in name:
            os.remove(os.path.join(world.hms.state, name))
    world.hms.serve()
    for _ in range(4):
        captor.say_again(to_hms)
        captor.answer_again(to_hosts)
        check(set(world.hms.rows()) <= {"ann"}, f"{set(world.hms.rows())}")
        time.sleep(0.3)
    world.hms.wait_up("ann", within=6)
    check(world["ann"].process.running, "ann was stopped")
    strangers = set(captor.elsewhere)
    out = sum(len(d.data) for d in world.capture.find(lambda d: d.outgoing and d.target in strangers))
    check(out <= captor.bytes_in, f"{out} bytes to strangers for {captor.bytes_in}")
    t.note(f"{captor.sent} datagrams said again; {captor.bytes_in} bytes from strangers, {out} to them")


@scenario("attack-flood", "10^5 hostile datagrams: each counted, none answered but by hints, no growth",
          takes=10, alone=True)
def attack_flood(t):
    flooded = Flooded(t)
    first = flooded.send(10_000, 1)  # what is made once is made now
    small = size(flooded.pid)
    report = flooded.send(100_000, 2)
    large = size(flooded.pid)
    t.note(f"{report['sent']} datagrams in {report['seconds']:.1f} s; counted: "
           + ", ".join(f"{name} {number}" for name, number in sorted(report["drops"].items())))
    t.note(f"{report['hints_sent']} hints; before {small}, after {large}")
    reasons(report)
    equal("sum of the counters", sum(flooded.world.hms.json("status")["drops"].values())
          - sum(flooded.drops.values()), first["sent"] + report["sent"])
    constant(small, large)
    flooded.unharmed()


@scenario("attack-nobody", "answers to addresses of the LAN that nobody has take nothing from hosts",
          takes=9)
def attack_nobody(t):
    world = World(t, ["ann", "bob"], hosts_config("1s"))
    world.equal(within=4)
    init, hms = world.capture.of(wire.INIT)[0].data, world.address()
    nobody = [(str(world.lan.v4[number]), 5000) for number in range(30, 230)]
    spoofer = t.closing(Spoofer(world.net.node("rogue", world.lan)))
    since = time.time()
    sent = full = 0
    # Each CHALLENGE waits some seconds for an address that does not resolve, until half of the HMS's
    # send buffer is full of them.
    while time.time() < since + 25 and (not full or time.time() < full + 4):
        for _ in range(500):
            spoofer.send(nobody[sent % len(nobody)], hms, init)
            sent += 1
        time.sleep(0.04)
        if not full and sent % 10_000 == 0 and drops(world.hms).get("send-no-room"):
            full = time.time()
    check(full, f"{sent} datagrams did not fill anything")
    ended = time.time()
    time.sleep(0.5)
    answered = {(d.message.session, d.message.sequence) for d in world.capture.of(wire.ACK, since=full)}
    beats = world.capture.of(wire.HEARTBEAT, since=full, before=ended)
    lost = [d for d in beats if (d.message.session, d.message.sequence) not in answered]
    check(len(beats) >= 4 and not lost, f"{len(lost)} of {len(beats)} heartbeats not answered")
    t.note(f"{sent} challenges to nobody in {ended - since:.0f} s; {len(beats)} heartbeats while the"
           " send buffer was full, all answered")
