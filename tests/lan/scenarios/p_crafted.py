"""Tags that hold on datagrams of every length, and an OFFER that is carried elsewhere."""

import time

from attack.truth import CHANGES, drops, is_group, kept, more, unproven
from harness import wire
from harness.forge import Spoofer, udp_socket
from harness.forgery import requests
from harness.runner import scenario
from harness.waiting import check, equal, until
from harness.world import World, hosts_config

LENGTHS = (*range(48, 160), *range(160, 1201, 8), *range(1196, 1205))


@scenario("attack-lengths", "tags that hold on every length, each from an address of its own: bytes out <= in",
          takes=5)
def attack_lengths(t):
    world = World(t, ["ann"], hosts_config("2s"))
    world.equal(within=4)
    mallory, node = wire.Token(world.hms.token("mallory")), world.net.node("rogue", world.lan)
    session, spoofer, ip, hms = b"sessions", t.closing(Spoofer(node)), node.v4, world.address()
    rows, watch, before = kept(world.hms), world.hms.watch(), drops(world.hms)
    since, sent = time.time(), 0
    world.capture.take()
    for key in (mallory.key, wire.session_key(mallory.key, session)):
        for whole in requests(mallory, key, session, "mallory"):
            body = whole[:-16]
            for length in LENGTHS:
                # Cut off, or with a TLV behind it that fills it up; one that does not fit is cut off too.
                rest = max(0, length - 16 - len(body) - 3)
                data = wire.seal(key, (body + wire.tlv(wire.PAD, bytes(rest)))[:length - 16])
                spoofer.send((ip, 2000 + sent), hms, data)
                sent += 1
                if sent % 50 == 0:
                    time.sleep(0.01)
    time.sleep(0.5)
    captured = world.capture.take()
    # An answer that is longer than its request would show at that request's own address.
    proven = {one.source for one in captured if not one.outgoing and one.source[0] != ip}
    figures = unproven(captured, proven)
    check(figures["unproven_addresses"] == sent and 0 < figures["ratio"] <= 1.0, f"{sent} sent: {figures}")
    answered = {one.message.name for one in captured if one.outgoing and one.target[0] == ip}
    check(answered >= {"CHALLENGE", "REREGISTER", "LEFT", "OFFER"}, f"answered with {answered} only")
    t.note(f"{sent} datagrams; answers {sorted(answered)}; {figures}; {more(before, drops(world.hms))}")
    equal("rows", kept(world.hms), rows)
    equal("events", watch.count(*CHANGES, since=since), 0)


@scenario("attack-relayed-offer", "OFFERs carried to another segment, host, time: nobody follows them", takes=8)
def attack_relayed_offer(t):
    world = World(t, ["ann"], hosts_config("1s"))
    world.equal(within=4)
    inside = world.net.lan("inside")
    rogue = world.net.node("rogue", world.lan)
    rogue.attach(inside, device="eth1")
    far, near = rogue.addresses(4)
    bob, cyd = (world.net.node(name, inside) for name in ("bob", "cyd"))
    relay = Relay(t, world, rogue, near, far)
    hosts = {name: t.host(node) for name, node in (("bob", bob), ("cyd", cyd))}
    for name, host in hosts.items():
        host.join(world.hms.token(name, "--multicast"), "--timeout", "40s", wait=False)
    until("OFFERs for both were carried", lambda: min(relay.carried.values(), default=0) >= 3
          and len(relay.carried) == 2, 25)
    time.sleep(1)
    # What they sent at all: DISCOVER to the groups, and INIT to where the HMS says that it is, which is not there.
    followed = relay.capture.find(lambda d: d.source[0] in (bob.v4, cyd.v4) and not is_group(d.target[0]))
    check(not [d for d in followed if d.target[0] == near], f"somebody turned to the relay: {followed[:3]}")
    check({row for row in world.hms.rows()} == {"ann"}, f"{set(world.hms.rows())}")
    for name, host in hosts.items():
        check(host.process.running, f"{name} was stopped: {host.process.text()}")
    t.note(f"OFFERs carried: {relay.carried}")


class Relay:
    """Carries each DISCOVER of its inner segment to the HMS, and each OFFER back: to the one that asked, and to the
    others as well; old ones with each new one."""

    def __init__(self, t, world, node, near, far):
        self.node, self.near, self.hms = node, near, world.address()
        self.outer = t.closing(udp_socket(node, far))
        self.outer.settimeout(0.3)
        self.spoofer = t.closing(Spoofer(node))
        self.carried, self.offers, self.askers = {}, [], {}
        self.capture = t.capture(node, "eth1")
        self.capture.reflex = self.asked

    def asked(self, datagram):
        if datagram.type != wire.DISCOVER or datagram.outgoing or not is_group(datagram.target[0]):
            return
        self.askers[datagram.message.user] = datagram.source
        self.outer.sendto(datagram.data, self.hms)
        try:
            offer = self.outer.recv(2048)
        except TimeoutError:
            return
        self.offers = [offer, *self.offers[:20]]
        for one in self.offers:
            for target in self.askers.values():
                # As itself, and as if it was the HMS.
                self.spoofer.send((self.near, 6710), target, one)
                self.spoofer.send(self.hms, target, one)
        user = wire.Message(offer).user.hex()
        self.carried[user] = self.carried.get(user, 0) + 1
