"""What is true while old things are said: rows, events, how the living are answered, bytes to strangers."""

import time

from harness import wire
from harness.product import ends
from harness.waiting import check, equal

KEPT = ("user", "host", "address", "observed", "reported", "since", "status", "state", "conference", "ports")
CHANGES = ("join", "leave", "expire", "replace", "late", "update")
ANSWERS = (wire.ACK, wire.CHALLENGE, wire.REREGISTER, wire.SUPERSEDED)


def kept(hms):
    """{user: all of its row that must not change}."""
    return {user: {key: row.get(key) for key in KEPT} for user, row in hms.rows().items()}


def drops(hms):
    return hms.json("status")["drops"]


def more(before, after):
    """The counters that rose, and by how much."""
    return {name: count - before.get(name, 0) for name, count in sorted(after.items())
            if count != before.get(name, 0)}


class Truth:
    """Everything as it was when this was made; `holds` demands that it still is."""

    def __init__(self, world, silent=()):
        """silent: users whose hosts do not live any more."""
        self.world, self.silent = world, set(silent)
        self.rows, self.drops = kept(world.hms), drops(world.hms)
        self.watch, self.since = world.hms.watch(), time.time()

    def holds(self):
        """Rows, events, agents; returns figures."""
        now, wanted = kept(self.world.hms), dict(self.rows)
        for user in self.silent:
            now.pop(user, None)
            wanted.pop(user, None)
        equal("rows", now, wanted)
        changed = [one for at, one in self.watch.events() if at >= self.since and one["event"] in CHANGES
                   and one["row"]["user"] not in self.silent]
        check(not changed, f"events: {changed[:3]}")
        for user in wanted:
            process = self.world[user].process
            check(process.running, f"{user} was stopped: {process.text()}")
        self.watch.process.kill()
        return {"rows_before": len(self.rows), "rows_after": len(now),
                "drops": more(self.drops, drops(self.world.hms))}


def delays(datagrams, known, living, since=0.0):
    """How the heartbeats that living hosts sent themselves were answered. A beat is one sequence of a session; what
    is known was said before."""
    beats, answered = {}, {}
    # What is on its way when the capture is looked at is not late.
    before = max((one.at for one in datagrams), default=0.0) - 0.1
    for one in datagrams:
        if not one.message:
            continue
        key = one.message.session, one.message.sequence
        if one.outgoing and one.type in ANSWERS:
            answered.setdefault(key, one.at)
        elif (not one.outgoing and one.type == wire.HEARTBEAT and one.source[0] in living
              and one.data not in known and since <= one.at < before):
            beats.setdefault(key, one.at)
    longest = max((answered[key] - at for key, at in beats.items() if key in answered), default=0.0)
    return {"beats": len(beats), "unanswered": sum(key not in answered for key in beats),
            "longest_answer_ms": round(longest * 1000, 2)}


def unproven(datagrams, proven):
    """Bytes from and to addresses that have proven nothing: at no moment more to one than came from it."""
    into, out = {}, {}
    for one in datagrams:
        remote = one.target if one.outgoing else one.source
        if remote in proven or is_group(remote[0]):
            continue
        side = out if one.outgoing else into
        side[remote] = side.get(remote, 0) + len(one.data)
        check(out.get(remote, 0) <= into.get(remote, 0),
              f"{out.get(remote)} bytes to {remote}, {into.get(remote, 0)} from it: {one!r}")
    total = sum(into.values())
    return {"unproven_addresses": len(into), "bytes_in": total, "bytes_out": sum(out.values()),
            "ratio": round(sum(out.values()) / total, 4) if total else 0.0}


def is_group(ip):
    return ip.startswith("239.")


def proven(hms):
    """Where registered hosts are."""
    return {ends(row["address"]) for row in hms.rows().values() if row["address"]}
