"""(d) A host that dies, and one that leaves."""

import time

from harness import wire
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, equal, until
from harness.world import World, hosts_config

T = 5.0


@scenario("d-killed", "(d) SIGKILL: gone 2.5 to 2.6 T after the last heartbeat, T = 5 s", takes=26)
def d_killed(t):
    world = World(t, ["ann", "bob", "cyd"], hosts_config("5s"))
    world.equal(within=6)
    watch = world.hms.watch()
    source = ends(world.hms.row("bob")["address"])
    # Killed in the middle of its life: after a heartbeat, not after the registration.
    world.capture.wait("heartbeat of bob",
                       lambda d: d.type == wire.HEARTBEAT and d.source == source, 1.2 * T)
    world["bob"].kill()
    gone, event = watch.wait("expire", "bob", 2.6 * T + 1)
    last = world.capture.find(lambda d: d.type == wire.HEARTBEAT and d.source == source)[-1].at
    t.note(f"expired {gone - last:.3f} s = {(gone - last) / T:.3f} T after its last heartbeat")
    between("expired after the last heartbeat", gone - last, 2.5 * T, 2.6 * T)
    equal("row of the event", event["row"]["user"], "bob")
    equal("rows at the HMS", set(world.hms.rows()), {"ann", "cyd"})
    for name in ("ann", "cyd"):
        at = until(f"gone from {name}'s list", lambda name=name: "bob" not in world[name].listed(),
                   1.0, gone)[1]
        t.note(f"gone from {name}'s list {at - gone:.2f} s later")
    equal("others that expired", watch.count("expire", "late"), 1)


@scenario("d-left", "(d) `hms leave`: gone within a second, from others' lists a second later",
          takes=8)
def d_left(t):
    world = World(t, ["ann", "bob", "cyd"], hosts_config("5s"))
    world.equal(within=6)
    watch = world.hms.watch()
    before = time.time()
    world["bob"].cli("leave")
    gone, _ = watch.wait("leave", "bob", 1.0, since=before)
    between("gone after `hms leave`", gone - before, 0, 1.0)
    for name in ("ann", "cyd"):
        until(f"gone from {name}'s list", lambda name=name: "bob" not in world[name].listed(),
              1.0, gone)
    world["bob"].process.wait_exit(0, 3)
    # Never back: an answer or resend on its way must not resurrect it.
    time.sleep(2.0)
    equal("rows at the HMS", set(world.hms.rows()), {"ann", "cyd"})
    equal("join events", watch.count("join", since=before), 0)
    # SIGTERM leaves as well; the token is still there, and `hms agent` takes it from there.
    world["bob"].agent()
    world.hms.wait_up("ann", "bob", "cyd", within=3)
    before = time.time()
    world["bob"].cli("leave", "--forget")
    until("gone", lambda: "bob" not in world.hms.rows(), 1.0, before)
    world["bob"].process.wait_exit(0, 3)
    again = t.process(world["bob"].node, world["bob"].command("agent", "--state",
                                                             world["bob"].state), None, "agent")
    again.wait_exit(within=5)
    equal("agent without a token", again.code not in (0, 3, 4), True)
