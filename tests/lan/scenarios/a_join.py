"""(a) 20 hosts join by multicast with tokens that carry no address."""

from harness import wire
from harness.product import ends, ip_of
from harness.runner import scenario
from harness.waiting import between, check, equal, until
from harness.world import World, hosts_config

NAMES = [f"host{number:02}" for number in range(1, 21)]


def join_all(t, config, families):
    world = World(t, config=config, families=families)
    world.add(*NAMES, join=False)
    for name in NAMES:
        check(not wire.Token(world.tokens[name]).addresses, "--multicast: the token has an address")
    for number, name in enumerate(NAMES):
        world[name].join(world.tokens[name], "--data", 4000 + number, "--name", f"room {number}",
                         "--service", f"sip:{5060 + number}/tcp", wait=False)
    for name in NAMES:
        world[name].process.wait_line("registered at", 20, "out")
    registered = until("20 REGISTERED captured", lambda: answered(world), 2)[0]
    t.note(f"{len(registered)} REGISTERED in {registered[-1].at - registered[0].at:.2f} s")
    return world, registered[-1].at


def answered(world):
    registered = world.capture.of(wire.REGISTERED)
    return registered if len({one.target for one in registered}) == 20 else None


def rows_right(world):
    """Every row says what its host was told to say, at the address that it really has."""
    rows = world.hms.rows()
    equal("users", sorted(rows), NAMES)
    for number, name in enumerate(NAMES):
        row, node = rows[name], world[name].node
        check(ip_of(row["address"]) in node.addresses(), f"{name} at {row['address']}")
        equal("observed", row["observed"], row["address"])
        equal("host name", row["host"], f"room {number}")
        equal("data port", row["ports"]["data"], 4000 + number)
        check("sip" in str(row["services"]) and str(5060 + number) in str(row["services"]),
              f"services {row['services']}")
        equal("status", row["status"], "up")
        equal("state", row["state"], "standby")
        equal("via", row["via"], "atlas")


@scenario("a-join-push", "(a) 20 hosts join by multicast; rows right everywhere in 2 s with push",
          takes=12)
def a_join_push(t):
    # With a check time of 30 s no heartbeat helps: what arrives in 2 s was pulled once or pushed.
    world, last = join_all(t, hosts_config("30s"), "46")
    at = world.equal("rows right", 2.0, since=last)
    t.note(f"all 20 lists right {between('lists right', at - last, -1, 2):.2f} s after the last "
           "registration (seen by 20 commands, one after the other)")
    rows_right(world)
    for name in NAMES:
        who = world[name].who()
        equal("source", who["source"], "hms")
        equal("hms", who["hms"], "atlas")
        equal("self", [row["user"] for row in who["hosts"] if row.get("self")], [name])
    oversize = [one for one in world.capture.find() if len(one.data) > 1200]
    check(not oversize, f"longer than 1200 bytes: {oversize[:3]}")


@scenario("a-join-heartbeat", "(a) the same with push = false: rows right at the next heartbeat",
          takes=14)
def a_join_heartbeat(t):
    check_time = 3.0
    world, last = join_all(t, hosts_config("3s", push=False), "4")
    # The next heartbeat comes at most 1.1 T after; a page more, or a resend, still is that heartbeat.
    at = world.equal("rows right", 1.1 * check_time + 1.0, since=last)
    t.note(f"all 20 lists right {at - last:.2f} s after the last registration, T = 3 s")
    rows_right(world)
    pushed = world.capture.find(lambda d: d.type == wire.PAGE and d.message.flags & wire.PUSH)
    check(not pushed, f"pushed with push = false: {pushed[:3]}")
    addresses = {ends(row["address"]) for row in world.hms.hosts()}
    equal("addresses", len(addresses), 20)
