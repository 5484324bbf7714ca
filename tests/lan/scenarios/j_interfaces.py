"""(j) Interfaces come and go: multicast works again without anybody's doing."""

import time

from harness.runner import scenario
from harness.waiting import check, equal, until
from harness.world import World, hosts_config


def join_again(t, world, name, since):
    """A newcomer joins by multicast within 5 s of `since`."""
    host = t.host(world.net.node(name, world.lan))
    token = world.hms.token(name, "--multicast")
    host.join(token, "--timeout", "10s", wait=False)
    line = host.process.wait_line("registered at", max(0.1, since + 5 - time.time()), "out")
    t.note(f"{name} registered {line.at - since:.2f} s after the interface was back")
    return host


def shown(world):
    """The interfaces that `hms status` shows."""
    return {one["name"] for one in world.hms.json("status")["interfaces"]}


def interfaces(t, families, dad):
    world = World(t, ["ann", "bob"], hosts_config(), families=families, dad=dad)
    world.equal(within=5)

    t.step("link of the HMS down and up")
    world.server.link("down")
    time.sleep(2.5)  # long enough to be noticed
    before = world.server.addresses()
    world.server.link("up")
    since = time.time()
    if families == "6" and not [ip for ip in before if not ip.startswith("fe80")]:
        world.server.ip(f"addr add {world.lan.v6[200]}/64 dev eth0")  # the kernel dropped it
    join_again(t, world, "after-link", since)

    t.step("cable out and in")
    world.server.unplug()
    time.sleep(2.5)
    world.server.plug()
    join_again(t, world, "after-cable", time.time())

    t.step("interface of the HMS replaced, another address")
    world.server.detach()
    until("hms status shows that it is gone", lambda: "eth0" not in shown(world), 5)
    until("the HMS says so", lambda: "interface eth0 is gone" in world.hms.process.text("err"), 2)
    address = f"{world.lan.v4[77]}/24" if families == "4" else f"{world.lan.v6[77]}/64"
    world.server.attach(world.lan, addresses=[address], device="lan7")
    host = join_again(t, world, "after-replace", time.time())
    check(host.me()["registered"], "it says that it is not registered")
    check("lan7" in shown(world), f"hms status shows {shown(world)}")

    t.step("interface of a host replaced")
    world["ann"].node.detach()
    time.sleep(1)
    spare = f"{world.lan.v4[88]}/24" if families == "4" else f"{world.lan.v6[88]}/64"
    world["ann"].node.attach(world.lan, addresses=[spare])
    status = world.hms.json("status")
    equal("role", status["role"], "standalone")
    return world


@scenario("j-interfaces", "(j) link down and up, cable, interface replaced: joins in 5 s",
          takes=40)
def j_interfaces(t):
    world = interfaces(t, "4", False)
    # The HMS has another address now, which only multicast tells: the old hosts find it by themselves.
    world.hms.wait_up("ann", "bob", "after-link", "after-cable", "after-replace", within=45)


@scenario("j-interfaces-6", "(j) the same on IPv6 only, with duplicate address detection", takes=30)
def j_interfaces_6(t):
    interfaces(t, "6", True)


@scenario("j-late-interface", "(j) an HMS started before its interface exists", takes=8)
def j_late_interface(t):
    net = t.net()
    lan = net.lan()
    server = net.node("hms")
    hms = t.hms(server, config=hosts_config()).serve()
    server.attach(lan)
    since = time.time()
    host = t.host(net.node("ann", lan))
    host.join(hms.token("ann", "--multicast"), "--timeout", "10s", wait=False)
    line = host.process.wait_line("registered at", 5, "out")
    t.note(f"registered {line.at - since:.2f} s after the interface was there")
