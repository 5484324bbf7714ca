"""(i) The same LAN on IPv6 only."""

import ipaddress
import time

from harness import wire
from harness.product import ip_of
from harness.runner import scenario
from harness.waiting import check, equal, until
from harness.world import World, hosts_config

NAMES = [f"host{number}" for number in range(1, 6)]


def six_only(t, families):
    world = World(t, config=hosts_config("2s"), families=families, join=None, dad=True)
    world.hms.serve()
    world.add(*NAMES, join=False)
    for node in [world.server] + [world[name].node for name in NAMES]:
        until("IPv6 addresses settled", node.settled, 5)
        check(not node.addresses(4), "it has an IPv4 address")
    for name in NAMES:
        world[name].join(world.tokens[name], wait=False)
    for name in NAMES:
        world[name].process.wait_line("registered at", 10, "out")
    world.equal(within=2)
    for name in NAMES:
        row = world.hms.row(name)
        check(row["address"].startswith("["), row["address"])
        check(ip_of(row["address"]) in world[name].node.addresses(6), row["address"])
    return world


@scenario("i-ipv6", "(i) IPv6 only: multicast join, push, leave, death", takes=16)
def i_ipv6(t):
    world = six_only(t, "6")
    offers = world.capture.of(wire.OFFER)
    check(offers and all(":" in d.target[0] for d in offers), "no OFFER over IPv6")
    at = time.time()
    world["host1"].set("state=organizing", "conference=board")
    until("seen", lambda: world["host2"].listed()["host1"]["conference"] == "board", 1, at)
    at = time.time()
    world["host3"].cli("leave")
    until("left", lambda: "host3" not in world.hms.rows(), 1, at)
    world["host4"].kill()
    until("gone", lambda: "host4" not in world.hms.rows(), 2.6 * 2 + 2.5)
    by_address = t.host(world.net.node("late", world.lan))
    until("IPv6 addresses settled", by_address.node.settled, 5)
    server = next(ip for ip in world.server.addresses(6) if not ip.startswith("fe80"))
    by_address.join(world.hms.token("late", "--address", f"[{server}]:6710"))
    world.hms.wait_up("host1", "host2", "host5", "late", within=3)


@scenario("i-link-local", "(i) IPv6 link-local addresses only", takes=10)
def i_link_local(t):
    world = six_only(t, "l")
    for row in world.hms.hosts():
        check(ipaddress.ip_address(ip_of(row["address"])).is_link_local, row["address"])
    equal("rows", set(world.hms.rows()), set(NAMES))
    at = time.time()
    world["host1"].set("state=organizing", "conference=board")
    until("pushed", lambda: world["host2"].listed()["host1"]["conference"] == "board", 1, at)
