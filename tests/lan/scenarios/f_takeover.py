"""(f) The same user on a second machine."""

import os
import time

from harness import wire
from harness.product import ip_of
from harness.runner import scenario
from harness.waiting import check, contains, equal, until
from harness.world import World, hosts_config


def second_machine(world, name="ann"):
    """Another machine with ann's token."""
    host = world.t.host(world.net.node(f"{name}2", world.lan))
    host.join(world.tokens[name])
    return host


def at(world, host):
    row = world.hms.row("ann")
    equal("address of ann", ip_of(row["address"]), host.node.v4)
    return row


@scenario("f-takeover", "(f) a second machine takes over; the first stops for good, exit 4", takes=14)
def f_takeover(t):
    world = World(t, ["ann", "bob"], hosts_config())
    world.equal(within=4)
    watch = world.hms.watch()
    first = world["ann"]
    since = time.time()
    second = second_machine(world)
    watch.wait("replace", "ann", 1, since)
    first.process.wait_exit(4, 2.2 + 2.5)
    t.note(f"the first stopped {first.process.ended - since:.2f} s after the second joined, T = 2 s")
    contains("the first", first.process.text(), ("taken over", "another machine", "superseded"))
    at(world, second)
    # Made to register again: the agent is started again, with the HMS up, and after a restart.
    refuse_quietly(world, first)
    world.hms.stop()
    world.hms.serve()
    refuse_quietly(world, first)
    world.hms.wait_up("ann", "bob", within=6)
    at(world, second)
    check(second.process.running, "the second was stopped")
    # Only a person takes it back.
    first.join(world.tokens["ann"])
    second.process.wait_exit(4, 5)
    at(world, first)


def refuse_quietly(world, host):
    """`hms agent` of a superseded host ends with 4 and sends nothing."""
    since = time.time()
    host.start("agent", "--state", host.state)
    host.process.wait_exit(4, 3)
    contains("hms agent", host.process.text(), "hms join")
    sent = world.capture.find(lambda d: d.source[0] == host.node.v4, since)
    check(not sent, f"a superseded host sent {sent[:3]}")


def cut_off_takeover(t, restart):
    """The first machine sees nothing of the takeover; it comes back after the HMS was restarted."""
    world = World(t, ["ann", "bob"], hosts_config())
    world.equal(within=4)
    first = world["ann"]
    first.node.unplug()
    second = second_machine(world)
    restart(world)
    first.node.plug()
    # With T = 2 s the first heartbeats again within a back-off of 2 s at most.
    first.process.wait_exit(4, 12)
    contains("the first", first.process.text(), ("taken over", "another machine", "superseded"))
    world.hms.wait_up("ann", "bob", within=6)
    at(world, second)
    check(second.process.running, f"the second was stopped: {second.process.text()}")


def forget(world):
    """The HMS's snapshot is lost."""
    for name in os.listdir(world.hms.state):
        if "snapshot" in name:
            os.remove(os.path.join(world.hms.state, name))


@scenario("f-takeover-warm", "(f) cut off meanwhile, the first does not take back (HMS restarted)",
          takes=18)
def f_takeover_warm(t):
    def restart(world):
        world.hms.stop()
        world.hms.serve()
    cut_off_takeover(t, restart)


@scenario("f-takeover-cold", "(f) the same, HMS killed, snapshot lost, the second machine back first",
          takes=18)
def f_takeover_cold(t):
    def restart(world):
        world.hms.kill()
        forget(world)
        world.hms.serve()
        world.hms.wait_up("ann", "bob", within=8)
    cut_off_takeover(t, restart)


@scenario("f-takeover-first", "(f) the same, and the first machine is back before the second",
          takes=18)
def f_takeover_first(t):
    world = World(t, ["ann", "bob"], hosts_config("3s"))
    world.equal(within=4)
    first = world["ann"]
    first.node.unplug()
    second = second_machine(world)
    second.node.unplug()
    world.hms.stop()
    forget(world)
    world.hms.serve()
    first.node.plug()
    # Nobody can know better yet: the first is taken.
    until("the first is back", lambda: "ann" in world.hms.rows(), 10)
    at(world, first)
    second.node.plug()
    first.process.wait_exit(4, 12)
    world.hms.wait_up("ann", "bob", within=6)
    at(world, second)
    check(second.process.running, f"the second was stopped: {second.process.text()}")


@scenario("f-restart-same", "(f) a restart of the same machine is no takeover",
          takes=8)
def f_restart_same(t):
    world = World(t, ["ann", "bob"], hosts_config("5s"))
    world.equal(within=6)
    ann = world["ann"]
    ann.set("state=organizing", "conference=board")
    ann.kill()
    since = time.time()
    ann.agent()
    registered = world.capture.of(wire.REGISTERED, since=since)
    check(registered, "not registered anew")
    check(registered[0].at - since < 2, "the same machine had to wait")
    row = world.hms.row("ann")
    equal("kept over the restart", (row["state"], row["conference"]), ("organizing", "board"))
    world.equal(within=2)
