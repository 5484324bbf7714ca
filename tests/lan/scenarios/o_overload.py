"""More comes in than the HMS can read."""

import json
import os
import signal
import threading
import time

from attack.flood import Flooded
from attack.truth import delays, drops, more
from harness import wire
from harness.runner import scenario
from harness.waiting import check, contains, equal

T = 5
# Of each of these periods, in seconds, the HMS has a tenth: what other programs take from it when its speed is
# measured, and do not take later, must not make five times too much less than that.
PERIOD, SHARE = 0.05, 0.1
LASTS = 30  # more than two expiries


class Slowed:
    """A process on a machine that is too slow for it."""

    def __init__(self, pid):
        self.pid, self.open = pid, True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.open:
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(PERIOD * (1 - SHARE))
            os.kill(self.pid, signal.SIGCONT)
            time.sleep(PERIOD * SHARE)

    def close(self):
        self.open = False
        self.thread.join(1.0)
        os.kill(self.pid, signal.SIGCONT)


@scenario("o-overload", "far more than the HMS can read, of all kinds: no host lost, drops shown", takes=45,
          alone=True)
def o_overload(t):
    flooded = Flooded(t, ["ann", "bob", *(f"user{number}" for number in range(10))], T)
    world, hms = flooded.world, flooded.world.hms
    able = flooded.send(50_000, 1)["per_second"]
    rate = int(able)
    before, since = drops(hms), time.time()
    slowed = Slowed(hms.process.pid)
    try:
        tool = flooded.start(rate * LASTS, 2, "--rate", str(rate), "--repeat")
        tool.wait_exit(0, 4 * LASTS)
    finally:
        slowed.close()
    report, counted = json.loads(tool.text("out")), more(before, drops(hms))
    took = time.time() - since
    lost = counted.get("receive-buffer", 0)
    t.note(f"{report['sent']} in {took:.0f} s, the HMS read {able:.0f} a second before it was slowed down;"
           f" {lost} ({100 * lost / report['sent']:.0f} %) found no room; {counted}")
    check(lost >= 0.8 * report["sent"], f"it was no overload: {counted} of {report['sent']}")
    contains("hms status", hms.cli("status").out, "too slow")
    said = world.capture.find(since=since)
    living = {host.node.v4 for host in world.hosts.values()}
    answers = delays(said, set(), living, since)
    check(answers["beats"] > answers["unanswered"], f"no heartbeat was answered: {answers}")
    t.note(f"of {answers['beats']} heartbeats {answers['beats'] - answers['unanswered']} were answered,"
           f" after {answers['longest_answer_ms']:.0f} ms at most")
    equal("hosts lost", flooded.watch.count("leave", "expire", "late", "replace", "join", since=flooded.started), 0)
    check(not [d for d in said if d.type == wire.REGISTER], "somebody registered anew")
    world.equal(within=2 * T)
    flooded.unharmed()
