"""Many hosts; a part of them dies at once."""

import time

from harness import wire
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, check, equal, until
from harness.world import World, hosts_config

HOSTS, T = 100, 5.0
BATCH = 20
BRAKE = 50  # R-REG-43


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
    ends_of = kill(world, names[:30])
    gone_at = {name: watch.wait("expire", name, 4 * T)[0] for name in ends_of}
    last = last_heartbeats(world, ends_of)
    gone = [gone_at[name] - last[name] for name in ends_of]
    between("first gone", min(gone), 2.5 * T, 2.6 * T + 0.1)
    between("last gone", max(gone), 2.5 * T, 2.6 * T + 0.1)
    t.note(f"30 gone {min(gone) / T:.2f} to {max(gone) / T:.2f} T after their last heartbeats")
    world.equal(within=2 * T, users=names[30:])
    equal("late", watch.count("late"), 0)
    t.step("60 of 70: more")
    ends_of = kill(world, names[30:90])
    late = until("none of the 60 is up", lambda: silenced(world, names[30:90]), 4 * T)[0]
    equal("rows, the late ones among them", len(world.hms.rows()), 10 + len(late))
    check("fell silent" in (world.hms.json("status")["message"] or ""), "hms status does not say so")
    seen = world[names[95]].listed()
    equal("late ones in a host's list", {name for name, row in seen.items() if row["status"] == "late"}, late)
    gone_at = {name: watch.wait("expire", name, 9 * T)[0] for name in ends_of}
    last = last_heartbeats(world, ends_of)
    for name in ends_of.keys() - late:
        # Its last heartbeat was so much before most others' that the brake did not hold yet when it went.
        with_it = sum(last[name] <= at <= last[name] + 0.9 * T for at in last.values())
        check(with_it <= BRAKE, f"{name} went, though {with_it} fell silent within 0.9 T")
        between("gone before the brake held", gone_at[name] - last[name], 2.5 * T, 2.6 * T + 0.1)
    gone = [gone_at[name] - last[name] for name in late]
    between("first of the late gone", min(gone), 2.6 * T, 3 * 2.5 * T + 0.1)
    between("last of the late gone", max(gone), 2.6 * T, 3 * 2.5 * T + 0.1)
    t.note(f"{len(late)} of 60 late at first, gone {min(gone) / T:.2f} to {max(gone) / T:.2f} T after"
           " their last heartbeats")
    world.equal(within=2 * T, users=names[90:])
    equal("expired", watch.count("expire"), 90)
    equal("others lost", watch.count("leave", "replace"), 0)


def silenced(world, names):
    """The late ones, once none of these users is up; at most as many as the brake lets go are gone."""
    rows = world.hms.rows()
    late = {name for name in names if name in rows and rows[name]["status"] == "late"}
    up = any(name in rows and name not in late for name in names)
    return late if len(late) >= len(names) - BRAKE and not up else None


def kill(world, names):
    """All at once; {name: where it was}."""
    ends_of = {user: ends(row["address"]) for user, row in world.hms.rows().items() if user in names}
    for name in names:
        world[name].process.child.kill()
    return ends_of


def last_heartbeats(world, ends_of):
    """When each was last heard; to be asked once they are gone, for by then the capture has it."""
    last = {one.source: one.at for one in world.capture.of(wire.HEARTBEAT)}
    return {name: last[end] for name, end in ends_of.items()}
