"""(e) A host's address changes; somebody else says that it did."""

import signal
import time

from harness import wire
from harness.forge import MiniHost, heartbeat, spoof
from harness.product import ends, ip_of
from harness.runner import scenario
from harness.waiting import check, equal, until
from harness.world import Behind, World, hosts_config

T = 3.0


@scenario("e-address-change", "(e) a new address is listed within two heartbeats, `since` stays",
          takes=16)
def e_address_change(t):
    world = World(t, ["ann", "bob"], hosts_config("3s"))
    world.equal(within=5)
    watch = world.hms.watch()
    before = world.hms.row("bob")
    old, new = world["bob"].node.v4, str(world.lan.v4[77])
    since = time.time()
    world["bob"].node.readdress(f"{old}/24", f"{new}/24")
    at = until("bob listed at the new address",
               lambda: ip_of(world.hms.row("bob")["address"]) == new, 2 * 1.1 * T, since)[1]
    # Two heartbeats: those sent from the new address until the HMS had it, without the echoes.
    def plain(d):
        return d.type == wire.HEARTBEAT and d.source[0] == new and not d.message.flags & wire.COOKIE
    world.capture.wait("a heartbeat from the new address", plain, 2, since)
    beats = world.capture.find(plain, since)
    t.note(f"listed {at - since:.2f} s after the change, {len(beats)} heartbeats, T = 3 s")
    check(1 <= len(beats) <= 2, f"{len(beats)} heartbeats: {beats}")
    until("bob at ann", lambda: ip_of(world["ann"].listed()["bob"]["address"]) == new, 1, at)
    after = world.hms.row("bob")
    equal("since", after["since"], before["since"])
    equal("observed", ip_of(after["observed"]), new)
    equal("events of a removal", watch.count("join", "leave", "expire", "replace", "late"), 0)
    again = world.capture.of(wire.INIT, wire.REGISTER, since=since)
    check(not again, f"registered anew: {again}")
    challenged = world.capture.find(lambda d: d.type == wire.CHALLENGE and d.target[0] == new, since)
    check(challenged, "adopted without a challenge")


@scenario("e-nat-rebind", "(e) a NAT gives new ports: listed within two heartbeats, `since` stays",
          takes=12)
def e_nat_rebind(t):
    world = World(t, config=hosts_config("3s"))
    nat = Behind(world)
    nat.add("ann", "bob")
    world.equal(within=5)
    watch = world.hms.watch()
    before = world.hms.rows()
    since = nat.process.signal(signal.SIGUSR1)
    for name in ("ann", "bob"):
        at = until(f"{name} listed at its new port", lambda name=name:
                   world.hms.row(name)["address"] != before[name]["address"], 2 * 1.1 * T, since)[1]
        t.note(f"{name} at its new port {at - since:.2f} s after the NAT forgot, T = 3 s")
    after = world.hms.rows()
    for name, row in after.items():
        equal("since", row["since"], before[name]["since"])
        equal("IP", ip_of(row["address"]), nat.outer)
        equal("observed", row["observed"], row["address"])
        # What the host itself reports stands beside what somebody on the path made of it.
        check(nat.outer not in str(row["reported"]) and nat.hosts[name].node.v4 in str(row["reported"]), f"{row}")
    equal("events of a removal", watch.count("join", "leave", "expire", "replace", "late"), 0)
    check(not world.capture.of(wire.INIT, wire.REGISTER, since=since), "registered anew")


@scenario("e-forged-source", "(e) a forged source is never listed, whatever tag it carries", takes=16)
def e_forged_source(t):
    world = World(t, ["ann", "bob"], hosts_config())
    world.equal(within=4)
    watch = world.hms.watch()
    rogue = world.net.node("rogue", world.lan)
    token = wire.Token(world.tokens["bob"])
    before, hms = world.hms.row("bob"), world.address()
    source = ends(before["address"])
    since = time.time()
    real = world.capture.wait("heartbeat of bob", lambda d: d.type == wire.HEARTBEAT
                              and d.source == source, 3).message
    forged = [("10.67.1.200", 5000 + number) for number in range(3)] + [(rogue.v4, 6000)]
    sent = 0
    for turn in range(8):
        for number, address in enumerate(forged):
            # A real heartbeat again, a fresh one with a tag that holds, one with a guessed cookie,
            # a LEAVE with a tag that fails.
            fresh = real.sequence + 1000 * (turn + 1) + number
            for data in (real.data,
                         heartbeat(token, real.session, fresh, real.incarnation),
                         heartbeat(token, real.session, fresh + 500, real.incarnation,
                                   cookie=b"biscuits"),
                         wire.seal(bytes(32), wire.header(
                             wire.LEAVE, 0, real.epoch, real.realm, real.user, real.session,
                             fresh) + bytes(20))):
                spoof(rogue, address, hms, data)
                sent += 1
        row = world.hms.row("bob")
        check(ip_of(row["address"]) == source[0], f"listed at a forged source: {row}")
        time.sleep(0.5)
    t.note(f"{sent} forged datagrams")
    addresses = {(one.get("row") or {}).get("address") for _, one in watch.events()
                 if (one.get("row") or {}).get("user") == "bob"}
    check(addresses <= {before["address"]}, f"shown in between: {addresses}")
    # The window of the real host was not moved either: it beats on, unharmed, with the same session.
    until("bob still beats", lambda: world.hms.row("bob")["age_ms"] < 1500, 3)
    equal("since", world.hms.row("bob")["since"], before["since"])
    again = world.capture.of(wire.INIT, wire.REGISTER, since=since)
    check(not again, f"bob had to register anew: {again[:3]}")
    # Bytes to an unproven address never exceed the bytes from it.
    for address in forged:
        into = sum(len(d.data) for d in world.capture.find(lambda d: d.source == address))
        out = sum(len(d.data) for d in world.capture.find(lambda d: d.target == address))
        check(out <= into, f"{out} bytes to {address}, {into} from it")


@scenario("e-replay", "(e) a captured registration, replayed from anywhere, changes nothing", takes=10)
def e_replay(t):
    world = World(t, ["ann"], hosts_config())
    rogue = world.net.node("rogue", world.lan)
    mini = t.closing(MiniHost(world.net.node("bob", world.lan), world.hms.token("bob"),
                              world.address()))
    equal("answer", mini.register().type, wire.REGISTERED)
    equal("answer", mini.heartbeat().type, wire.ACK)
    watch = world.hms.watch()
    row = world.hms.row("bob")
    old = world.capture.find(lambda d: not d.outgoing and d.source == mini.local)
    check({d.type for d in old} == {wire.INIT, wire.REGISTER, wire.HEARTBEAT}, f"{old}")
    for source in (mini.local, (rogue.v4, 7000), ("10.67.1.222", 7001)):
        for one in old:
            spoof(rogue, source, world.address(), one.data)
    world.hms.json("status")
    after = world.hms.row("bob")
    equal("address", after["address"], row["address"])
    equal("since", after["since"], row["since"])
    acks = world.capture.find(lambda d: d.type == wire.ACK and d.target == mini.local)
    equal("ACKs: none for a replay from its own source", len(acks), 1)
    check(after["age_ms"] > row["age_ms"], "a replay was taken for a sign of life")
    check(world.hms.json("status")["drops"].get("replay", 0) >= 1, "not counted")
    registered = world.capture.of(wire.REGISTERED)
    equal("REGISTERED to bob", len([d for d in registered if d.target == mini.local]), 1)
    check(not [d for d in registered if d.target[1] in (7000, 7001)], "registered at a replay")
    equal("real heartbeat after it", mini.heartbeat().type, wire.ACK)
    # After a leave the whole capture is said again: nobody comes back.
    leave = wire.seal(mini.key, mini.header(wire.LEAVE, 0, mini.session, 50) + bytes(20))
    equal("answer to LEAVE", mini.exchange(leave, (wire.LEFT,)).type, wire.LEFT)
    for source in (mini.local, (rogue.v4, 7000)):
        for one in old:
            spoof(rogue, source, world.address(), one.data)
    world.hms.json("status")
    equal("rows", set(world.hms.rows()), {"ann"})
    equal("events", watch.count("join", "replace", "late", "expire"), 0)
