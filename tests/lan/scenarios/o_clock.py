"""The wall clock jumps, under the HMS or under a host: nothing happens."""

import glob
import json
import os
import time

from harness import wire
from harness.runner import scenario
from harness.waiting import Skip, check, equal, until
from harness.world import World, hosts_config

GONE = ("leave", "expire", "late", "replace", "join")
STEPS = ("+1h", "-1h", "+10y", "-10y", "+0")


class Clock:
    """A wall clock that can be set, for the processes that are started with its environment. The clock that counts
    since the machine started is left alone, as it is by whoever sets the clock."""

    def __init__(self, t, name):
        found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
        if not found:
            raise Skip("no libfaketime: apt-get install faketime")
        self.file = os.path.join(t.directory, f"clock-{name}")
        self.set("+0")
        self.environment = {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def set(self, offset):
        with open(f"{self.file}.new", "w") as file:
            file.write(f"{offset}\n")
        os.rename(f"{self.file}.new", self.file)

    def prefix(self):
        return ["env", *(f"{key}={value}" for key, value in self.environment.items())]


@scenario("o-clock", "wall clocks of HMS and host jump by an hour and ten years: nobody is refused or lost", takes=26)
def o_clock(t):
    world = World(t, config=hosts_config("1s"), join=None)
    of_hms, of_host = Clock(t, "hms"), Clock(t, "host")
    world.hms.serve(prefix=of_hms.prefix())
    world.add("ann", "bob")
    dan = world.hosts["dan"] = t.host(world.net.node("dan", world.lan))
    token = world.tokens["dan"] = world.hms.token("dan", "--multicast")
    dan.start("join", token, "--state", dan.state, environment=of_host.environment)
    dan.process.wait_line("registered at", 10, "out")
    world.equal(within=4)
    before, watch, since = world.hms.rows(), world.hms.watch(), time.time()
    drops = world.hms.json("status")["drops"]
    for number, clock in enumerate((of_hms, of_host)):
        for offset in STEPS:
            clock.set(offset)
            stepped = time.time()
            for name in world.hosts:
                own = world[name].node.v4
                until(f"{name} is answered twice after {offset}", lambda own=own, stepped=stepped: len(
                    [d for d in world.capture.of(wire.ACK, since=stepped) if d.target[0] == own]) >= 2, 5)
            if clock is of_hms and offset != "+0":
                told = hour_of_hms(world)
                check(told != before_hour(before), f"the clock was not set: {told}")
            world["ann"].set(f"conference=board {number} {offset}")
            until("pushed", lambda offset=offset, number=number: world["dan"].listed()["ann"]["conference"]
                  == f"board {number} {offset}", 3)
            if clock is of_host and offset != "+0":
                until("the host notes another hour", lambda: hour_of_host(dan) != before_hour(before), 5)
    after = world.hms.rows()
    equal("rows", {user: (row["address"], row["status"]) for user, row in after.items()},
          {user: (row["address"], row["status"]) for user, row in before.items()})
    equal("hosts lost", watch.count(*GONE, since=since), 0)
    equal("drops", world.hms.json("status")["drops"], drops)
    again = world.capture.find(lambda d: d.type in (wire.INIT, wire.REGISTER, wire.REJECT, wire.SUPERSEDED,
                                                    wire.REREGISTER), since)
    check(not again, f"registered anew or refused: {again[:3]}")
    # A registration while both clocks are wrong, and one after a restart under a clock that went back.
    of_hms.set("-10y")
    of_host.set("+10y")
    world["dan"].cli("leave")
    world["dan"].process.wait_exit(0, 5)
    dan.start("agent", "--state", dan.state, environment=of_host.environment)
    dan.wait_registered(10)
    world.equal(within=4)
    world.hms.kill()
    world.hms.serve(prefix=of_hms.prefix())
    world.hms.wait_up(*world.hosts, within=10)
    world.equal(within=6)


def hour_of_hms(world):
    return world.hms.json("status")["since"][:13]


def hour_of_host(host):
    """It notes when it was answered last."""
    with open(os.path.join(host.state, "host.json")) as file:
        return time.strftime("%Y-%m-%dT%H", time.gmtime(json.load(file)["last_answer"] / 1000))


def before_hour(rows):
    """The hour in which all was well."""
    return next(iter(rows.values()))["since"][:13]
