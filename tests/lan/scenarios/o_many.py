"""Many hosts; a part of them dies at once."""

import time

from harness import wire
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, check, equal, until
from harness.world import World, hosts_config

HOSTS, T = 100, 5.0
BATCH = 20


@scenario("o-hundred", "100 hosts, equal lists; 30 die: gone in time; then 60 of 70: late, then gone", takes=66)
def o_hundred(t):
    started = time.time()
    world = World(t, config=hosts_config("5s"))
    names = [f"user{number:02}" for number in range(HOSTS)]
    for first in range(0, HOSTS, BATCH):
        world.add(*names[first:first + BATCH])
    world.equal(within=2 * T + 10)
    t.note(f"{HOSTS} hosts are there and have equal lists after {time.time() - started:.1f} s")
    watch = world.hms.watch()
    t.step("30 of 100: not more than the brake lets go")
    last = kill(world, names[:30])
    gone = [watch.wait("expire", name, 4 * T)[0] - last[name] for name in names[:30]]
    between("first gone", min(gone), 2.5 * T, 2.6 * T + 0.1)
    between("last gone", max(gone), 2.5 * T, 2.6 * T + 0.1)
    t.note(f"30 gone {min(gone) / T:.2f} to {max(gone) / T:.2f} T after their last heartbeats")
    world.equal(within=2 * T, users=names[30:])
    equal("late", watch.count("late"), 0)
    t.step("60 of 70: more")
    last = kill(world, names[30:90])
    late = until("60 are late", lambda: sum(row["status"] == "late" for row in world.hms.rows().values()) == 60,
                 4 * T)[1]
    equal("rows, the late ones among them", len(world.hms.rows()), 70)
    check("fell silent" in (world.hms.json("status")["message"] or ""), "hms status does not say so")
    seen = world[names[95]].listed()
    equal("late ones in a host's list", sum(row["status"] == "late" for row in seen.values()), 60)
    gone = [watch.wait("expire", name, 9 * T)[0] - last[name] for name in names[30:90]]
    between("first gone", min(gone), late - max(last.values()), 3 * 2.5 * T + 0.1)
    between("last gone", max(gone), 2.6 * T, 3 * 2.5 * T + 0.1)
    t.note(f"60 late at first, gone {min(gone) / T:.2f} to {max(gone) / T:.2f} T after their last heartbeats")
    world.equal(within=2 * T, users=names[90:])
    equal("expired", watch.count("expire"), 90)
    equal("others lost", watch.count("leave", "replace"), 0)


def kill(world, names):
    """All at once; {name: when it was last heard}."""
    ends_of = {user: ends(row["address"]) for user, row in world.hms.rows().items() if user in names}
    for name in names:
        world[name].process.child.kill()
    heard = {}
    for one in world.capture.of(wire.HEARTBEAT):
        heard[one.source] = one.at
    return {name: heard[end] for name, end in ends_of.items()}
