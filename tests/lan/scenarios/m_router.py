"""A second segment behind a router: no multicast there, tokens carry the address."""

import time

from harness import wire
from harness.product import ip_of
from harness.runner import scenario
from harness.waiting import check, contains, equal, until
from harness.world import World, hosts_config


@scenario("router", "second segment behind a router: join with a token that carries the address",
          takes=12)
def router(t):
    world = World(t, ["ann"], hosts_config())
    far = world.net.lan("far")
    world.net.router(world.lan, far)
    routed = [world.server, world["ann"].node]
    for node in routed:
        node.ip(f"route add default via {world.lan.v4[1]}")

    def beyond(name):
        node = world.net.node(name, far)
        node.ip(f"route add default via {far.v4[1]}")
        return t.host(node)

    bob, cyd = beyond("bob"), beyond("cyd")
    token = world.hms.token("bob")
    check((world.server.v4, 6710) in wire.Token(token).addresses, "the token has no address")
    bob.join(token)
    world.hosts["bob"] = bob
    equal("address", ip_of(world.hms.row("bob")["address"]), bob.node.v4)
    world.equal("both segments", 3)
    at = time.time()
    bob.set("state=participating", "conference=board")
    until("seen across the router",
          lambda: world["ann"].listed()["bob"]["conference"] == "board", 1, at)
    # Multicast does not get there: an address-less token finds nothing, and says what to do.
    cyd.join(world.hms.token("cyd", "--multicast"), "--timeout", "3s", wait=False)
    cyd.process.wait_exit(3, 8)
    contains("hms join", cyd.process.text(), ("multicast", "address"))
    cyd.join(world.hms.token("cyd"))
    world.hosts["cyd"] = cyd
    world.equal("both segments", 3)
    world.hms.stop()
    world.hms.serve()
    world.hms.wait_up("ann", "bob", "cyd", within=8)
