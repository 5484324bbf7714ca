"""(l) `hms reload`."""

import signal
import time

from harness import wire
from harness.runner import scenario
from harness.waiting import check, contains, equal, until
from harness.world import World, hosts_config

NAMES = ["ann", "bob", "cyd"]


@scenario("l-reload", "(l) reload: new check time, no host lost; a broken file changes nothing",
          takes=32)
def l_reload(t):
    world = World(t, NAMES, hosts_config("1s"))
    world.equal(within=4)
    watch = world.hms.watch()
    before = world.hms.rows()

    t.step("longer")
    world.hms.configure(hosts_config("4s"))
    world.hms.cli("reload")
    # Each host hears of it in the answer to its next heartbeat.
    until("4 s told", lambda: {row["check_time_s"] for row in world.hms.hosts()} == {4}, 4)
    time.sleep(8)  # two new check times: who still beat once a second, or was expired, shows
    since = time.time()
    time.sleep(8)
    beats = world.capture.of(wire.HEARTBEAT, since=since)
    check(len(NAMES) <= len(beats) <= 3 * len(NAMES), f"{len(beats)} heartbeats in 2 T")

    t.step("broken")
    with open(world.hms.config, "a") as file:
        file.write('chek_time = "1s"\n')
    broken = world.hms.cli("reload", code=78)
    contains("hms reload", broken.err, "hms.toml", "chek_time", "check_time")
    world.hms.process.signal(signal.SIGHUP)
    until("the daemon says so", lambda: "chek_time" in world.hms.process.text(), 3)
    check(world.hms.process.running, "the daemon ended")
    equal("check time", {row["check_time_s"] for row in world.hms.hosts()}, {4})

    t.step("shorter, by SIGHUP")
    world.hms.configure(hosts_config("1s"))
    world.hms.process.signal(signal.SIGHUP)
    # A row keeps the longer time until its host must have heard of the shorter one: one old expiry.
    until("1 s in force", lambda: {row["check_time_s"] for row in world.hms.hosts()} == {1},
          2.5 * 4 + 2)
    since = time.time()
    time.sleep(4)  # longer than the new expiry
    beats = world.capture.of(wire.HEARTBEAT, since=since)
    check(3 * len(NAMES) <= len(beats), f"{len(beats)} heartbeats in 4 T")
    equal("rows", {user: row["since"] for user, row in world.hms.rows().items()},
          {user: row["since"] for user, row in before.items()})
    equal("hosts lost", watch.count("leave", "expire", "late", "replace", "join"), 0)
    for name in NAMES:
        check(world[name].process.running, f"{name} ended")
    world.equal(within=3)
