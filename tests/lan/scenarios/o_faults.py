"""Faults of machine and network: nobody is lost by them."""

import os
import signal
import time

from harness import wire
from harness.runner import scenario
from harness.waiting import check, equal, until
from harness.world import Behind, World, hosts_config

NAMES = ["ann", "bob", "cyd"]
GONE = ("leave", "expire", "late", "replace", "join")


@scenario("o-paused", "the HMS stands still for six check times: no host is lost by it", takes=14)
def o_paused(t):
    world = World(t, NAMES, hosts_config("1s"))
    world.equal(within=4)
    watch = world.hms.watch()
    before = world.hms.rows()
    os.kill(world.hms.process.pid, signal.SIGSTOP)
    time.sleep(6)
    os.kill(world.hms.process.pid, signal.SIGCONT)
    since = time.time()
    time.sleep(3)  # longer than the expiry
    equal("rows", {user: row["since"] for user, row in world.hms.rows().items()},
          {user: row["since"] for user, row in before.items()})
    equal("hosts lost", watch.count(*GONE), 0)
    world.equal(within=3)
    check(not world.capture.of(wire.REGISTER, since=since), "registered anew")


@scenario("o-lossy", "20 % loss, duplicates, reordering, corruption: nobody is lost, lists right",
          takes=25)
def o_lossy(t):
    # Five heartbeats come within 2.5 check times (R-REG-34): all are lost once in 3000 cycles. Within four, never here.
    world = World(t, config=hosts_config("2s", expiry_factor=4.0))
    bad = Behind(world, "--loss", "20%", "--dup", "10%", "--reorder", "10%", "--corrupt", "2%",
                 "--delay", "20ms", "--jitter", "10ms", "--seed", "7")
    bad.add(*NAMES)
    world.equal(within=15)
    watch = world.hms.watch()
    since = {user: row["since"] for user, row in world.hms.rows().items()}
    for number in range(5):
        world["ann"].set("state=participating", f"conference=board {number}")
        at = time.time()
        # Three cycles with their back-off.
        done = max(until(f"{name} sees change {number}", lambda name=name, number=number:
                         world[name].listed()["ann"]["conference"] == f"board {number}", 15, at)[1]
                   for name in NAMES)
        t.note(f"change {number} everywhere {done - at:.2f} s later, T = 2 s")
    world.equal(within=15)
    equal("since", {user: row["since"] for user, row in world.hms.rows().items()}, since)
    equal("hosts lost", watch.count(*GONE), 0)
