"""(h) Who may take an address that another row has."""

import time

from harness import wire
from harness.forge import MiniHost
from harness.product import ends
from harness.runner import scenario
from harness.waiting import check, equal, until
from harness.world import Behind, World, hosts_config


@scenario("h-proved", "(h) who proves another row's (IP, port) takes it; the older is late", takes=6)
def h_proved(t):
    world = World(t, ["ann", "bob"], hosts_config("3s"))
    world.equal(within=5)
    watch = world.hms.watch()
    bob = world["bob"]
    address = world.hms.row("bob")["address"]
    since = world.hms.row("bob")["since"]
    bob.kill()
    # The same machine, the same port, another user: it answers the challenge, so it is there.
    mini = t.closing(MiniHost(bob.node, world.hms.token("new"), world.address(),
                              port=ends(address)[1]))
    equal("answer", mini.register().type, wire.REGISTERED)
    rows = world.hms.rows()
    equal("address of the newcomer", rows["new"]["address"], address)
    equal("the older row", (rows["bob"]["status"], rows["bob"]["address"]), ("late", None))
    equal("since of the older row", rows["bob"]["since"], since)
    watch.wait("late", "bob", 1)
    until("ann sees it", lambda: (world["ann"].listed()["bob"]["status"],
                                  world["ann"].listed()["new"]["address"] is not None)
          == ("late", True), 1)
    # Its session stays: it gets an address back when it proves one (another port, another machine).
    equal("heartbeat of the newcomer", mini.heartbeat().type, wire.ACK)


@scenario("h-regained", "(h) a row that lost its address has another with its next heartbeat",
          takes=5)
def h_regained(t):
    world = World(t, ["ann"], hosts_config("5s"))
    node = world.net.node("both", world.lan)
    one = t.closing(MiniHost(node, world.hms.token("one"), world.address()))
    equal("answer", one.register().type, wire.REGISTERED)
    port = one.local[1]
    one.close()
    two = t.closing(MiniHost(node, world.hms.token("two"), world.address(), port=port))
    equal("answer", two.register().type, wire.REGISTERED)
    equal("one", (world.hms.row("one")["status"], world.hms.row("one")["address"]), ("late", None))
    # one is still there, on another port: its session goes on.
    from harness.forge import udp_socket
    one.socket = udp_socket(node)
    answer = one.heartbeat()
    equal("answer", answer and answer.type, wire.ACK)
    row = world.hms.row("one")
    equal("one", (row["status"], row["address"]),
          ("up", f"{node.v4}:{one.socket.getsockname()[1]}"))
    challenged = world.capture.find(lambda d: d.type == wire.CHALLENGE
                                    and d.target[1] == one.socket.getsockname()[1])
    check(challenged, "an address without a challenge")
    equal("two", world.hms.row("two")["address"], f"{node.v4}:{port}")


@scenario("h-reported", "(h) who only reports another row's address does not take it", takes=8)
def h_reported(t):
    world = World(t, ["ann", "bob"], hosts_config())
    world.equal(within=4)
    watch = world.hms.watch()
    before = world.hms.row("bob")
    address = ends(before["address"])
    mini = t.closing(MiniHost(world.net.node("liar", world.lan), world.hms.token("liar"),
                              world.address()))
    equal("answer", mini.register(reported=[address]).type, wire.REGISTERED)
    liar = t.host(world.net.node("liar2", world.lan))
    liar.join(world.hms.token("liar2"), "--address", address[0])
    for host, source in (("liar", mini.local[0]), ("liar2", liar.node.v4)):
        row = world.hms.row(host)
        equal(f"observed of {host}", ends(row["observed"])[0], source)
        check(ends(row["address"])[0] == source, f"{host} published at {row['address']}")
        check(address[0] in str(row["reported"]), f"what {host} reported is not shown: {row}")
    after = world.hms.row("bob")
    equal("bob", (after["address"], after["status"], after["since"]),
          (before["address"], "up", before["since"]))
    equal("events about bob", [one for _, one in watch.events()
                               if one["event"] in ("late", "replace", "leave", "expire")], [])


@scenario("h-neighbours", "(h) three neighbours behind one relay address stay, each with its port",
          takes=14)
def h_neighbours(t):
    world = World(t, config=hosts_config())
    nat = Behind(world)
    nat.add("ann", "bob", "cyd")
    watch = world.hms.watch()
    rows = world.hms.rows()
    equal("IPs", {ends(row["address"])[0] for row in rows.values()}, {nat.outer})
    equal("ports", len({ends(row["address"])[1] for row in rows.values()}), 3)
    time.sleep(3 * 2.2)  # three heartbeats of each: nobody pushes anybody out
    equal("statuses", {user: row["status"] for user, row in world.hms.rows().items()},
          {"ann": "up", "bob": "up", "cyd": "up"})
    equal("events", [one["event"] for _, one in watch.events()
                     if one["event"] in ("late", "replace", "leave", "expire", "join")], [])
    for host in nat.hosts.values():
        equal(f"list of {host.name}", set(host.listed()), {"ann", "bob", "cyd"})
    check(nat.process.running, "the relay ended")
