"""(g) The HMS is gone, and comes back."""

import time

from harness import wire
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, check, contains, equal, until
from harness.world import World, hosts_config


@scenario("g-stopped", "(g) HMS stopped: hosts list the fixed-IP hosts from storage, with age",
          takes=14)
def g_stopped(t):
    world = World(t, ["ann", "bob"], hosts_config())
    world.add("room", arguments=("--fixed", "--data", "4000"))
    world.add("cyd")
    world.equal(within=4)
    fixed = world.hms.row("room")
    equal("fixed", fixed["fixed"], True)
    stopped = world.hms.stop()
    took = time.time() - stopped
    t.note(f"HMS stopped in {took:.2f} s")
    between("its end", took, 0, 5.0)
    for name in ("ann", "bob", "cyd"):
        host = world[name]

        def from_cache(host=host):
            who = host.who()
            return who if who["source"] == "cache" else None
        who, _ = until(f"{name} works from its storage", from_cache, 12)
        rows = {row["user"]: row for row in who["hosts"]}
        check("room" in rows, f"{name} lists {set(rows)}")
        equal("address", rows["room"]["address"], fixed["address"])
        equal("data port", rows["room"]["ports"]["data"], 4000)
        check(who["age_ms"] >= 1000, f"age {who['age_ms']} ms")
        contains("hms who", host.cli("who").said, "room")
        equal("hms ip", host.cli("ip", "room").out.strip(), world["room"].node.v4)
        check(host.process.running, f"{name} ended: {host.process.text()}")
    # And from a cold start of the agent, without any HMS.
    ann = world["ann"]
    ann.kill()
    ann.agent(wait=False)
    until("ann's list after her restart", lambda: "room" in ann.listed(), 5)
    equal("source", ann.who()["source"], "cache")
    until("age grows", lambda: ann.who()["age_ms"] >= 3000, 5)


@scenario("g-killed", "(g) HMS killed: all rows back by themselves, revocations kept", takes=20)
def g_killed(t):
    world = World(t, ["ann", "bob", "cyd", "eve"], hosts_config())
    world.equal(within=5)
    world["ann"].set("state=participating", "conference=board")
    world.hms.cli("revoke", "eve")
    world["eve"].process.wait_exit(4, 5)
    users = {"ann", "bob", "cyd"}
    world.equal(within=3, users=users)
    world.hms.kill()
    world.hms.serve()
    up = time.time()
    at = world.hms.wait_up(*users, within=1.1 * 2 + 5)
    t.note(f"rows back {at - up:.2f} s after the HMS was ready, T = 2 s")
    world.equal(within=3, users=users)
    equal("content", (world.hms.row("ann")["state"], world.hms.row("ann")["conference"]),
          ("participating", "board"))
    for name in users:
        check(world[name].process.running, f"{name} was stopped")
    world["eve"].join(world.tokens["eve"], "--timeout", "3s", wait=False)
    world["eve"].process.wait_exit(4, 8)
    contains("eve", world["eve"].process.text(), "revoked")


@scenario("g-warm", "(g) warm start: unconfirmed rows at once, same sessions confirmed by challenge",
          takes=12)
def g_warm(t):
    world = World(t, ["ann", "bob", "cyd"], hosts_config("5s"))
    world.equal(within=6)
    before = world.hms.rows()
    world.hms.stop()
    restarted = time.time()
    world.hms.serve()
    rows = world.hms.rows()
    between("rows shown after the start", time.time() - restarted, 0, 1.0)
    equal("rows", set(rows), set(before))
    check({row["status"] for row in rows.values()} <= {"unconfirmed", "up"}, f"{rows}")
    check("unconfirmed" in {row["status"] for row in rows.values()}, "trusted without a heartbeat")
    at = world.hms.wait_up("ann", "bob", "cyd", within=1.1 * 5 + 5)
    t.note(f"all confirmed {at - restarted:.2f} s after the start, T = 5 s")
    equal("since", {user: row["since"] for user, row in world.hms.rows().items()},
          {user: row["since"] for user, row in before.items()})
    again = world.capture.of(wire.INIT, wire.REGISTER, since=restarted)
    check(not again, f"registered anew: {again[:3]}")
    challenged = {d.target for d in world.capture.of(wire.CHALLENGE, since=restarted)}
    check({ends(row["address"]) for row in before.values()} <= challenged, "without a challenge")
    world.equal(within=2)


@scenario("g-warm-gone", "(g) warm start: a host that died meanwhile goes after one expiry", takes=24)
def g_warm_gone(t):
    world = World(t, ["ann", "bob"], hosts_config("5s"))
    world.equal(within=6)
    world.hms.stop()
    world["bob"].kill()
    before = time.time()
    world.hms.serve()
    started = time.time()
    watch = world.hms.watch()
    equal("bob", world.hms.row("bob")["status"], "unconfirmed")
    gone, _ = watch.wait("expire", "bob", 2.6 * 5 + 1)
    between("expired, from before the start", gone - before, 2.5 * 5, 2.6 * 5 + 1)
    between("expired, from after the start", gone - started, 2.5 * 5 - 1, 2.6 * 5 + 0.1)
    until("gone at ann", lambda: set(world["ann"].listed()) == {"ann"}, 3)
