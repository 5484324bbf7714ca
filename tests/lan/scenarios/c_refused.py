"""(c) Refused: with a reason where the keys allow one, in silence where they do not."""

import os
import signal
import time

from harness import wire
from harness.forge import Responder, spoof
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, check, contains, equal, until
from harness.world import World, hosts_config


def refused_join(t, world, node, token, code, within=12, timeout="3s"):
    """`hms join` with a fresh state directory must end with the code; what it said."""
    host = t.host(node, f"{node.name}-{time.time():.3f}")
    started = time.time()
    host.join(token, "--timeout", timeout, wait=False)
    host.process.wait_exit(code, within)
    said = host.process.text()
    check("registered at" not in said, f"it registered: {said}")
    check("panic" not in said, said)
    return said, host.process.ended - started


def one_refusal(world, user, *words):
    """`hms why USER` tells when, where, how often, with a remedy and the words, on both forms."""
    rows = until(f"hms why about {user}", lambda: world.hms.why(user), 2)[0]
    equal("user of the rows", {row["user"] for row in rows}, {user})
    for word in words:
        contains("hms why", str(rows), word)
    for row in rows:
        check(row["remedy"] and row["count"] >= 1 and row["address"] and row["time"], f"{row}")
    contains("hms why for people", world.hms.cli("why", user).out, user)
    return rows


@scenario("c-wrong-key", "(c) a wrong key: exit 4 at the time limit, reason on both screens", takes=9)
def c_wrong_key(t):
    world = World(t, ["ann"], hosts_config())
    for label, options in (("multicast", ("--multicast",)), ("address", ())):
        user = f"eve-{label}"
        token = wire.Token(world.hms.token(user, *options))
        token.key = os.urandom(32)
        node = world.net.node(user, world.lan)
        said, took = refused_join(t, world, node, str(token), 4)
        contains("hms join", said, "key")
        between("a hint ends it only at its time limit", took, 2.9, 6)
        one_refusal(world, user, ("key", "tag"))
    check(world["ann"].process.running, "ann's agent ended")
    equal("rows", set(world.hms.rows()), {"ann"})


@scenario("c-revoked", "(c) a revoked user: out within a check time, refused at once afterwards",
          takes=10)
def c_revoked(t):
    world = World(t, ["ann", "bob"], hosts_config())
    world.equal()
    at = time.time()
    world.hms.cli("revoke", "bob")
    until("bob's row is gone", lambda: "bob" not in world.hms.rows(), 1, at)
    until("bob is gone from ann's list", lambda: "bob" not in world["ann"].listed(), 2, at)
    world["bob"].process.wait_exit(4, 2.2 + 2.0)
    t.note(f"bob's agent ended {world['bob'].process.ended - at:.2f} s after the revocation, T = 2 s")
    contains("bob's agent", world["bob"].process.text("err"), "revoked")
    said, took = refused_join(t, world, world["bob"].node, world.tokens["bob"], 4)
    contains("hms join", said, "revoked")
    between("an authenticated refusal ends it at once", took, 0, 2.5)
    one_refusal(world, "bob", "revoked")
    # A new token for the same name works.
    again = t.host(world["bob"].node, "bob-again")
    again.join(world.hms.token("bob", "--multicast"))
    world.hms.wait_up("ann", "bob", within=2)


@scenario("c-other-realm", "(c) a key of another realm: refused with a reason", takes=7)
def c_other_realm(t):
    world = World(t, config=hosts_config(), join=None)
    for realm in ("alpha", "beta"):
        world.hms.cli("realm", "new", realm)
    world.hms.serve()
    alpha = wire.Token(world.hms.token("ann", "--realm", "alpha"))
    beta = wire.Token(world.hms.token("ann", "--realm", "beta"))
    check(alpha.key != beta.key and alpha.realm != beta.realm, "two realms, one key")
    alpha.key = beta.key
    node = world.net.node("ann", world.lan)
    said, _ = refused_join(t, world, node, str(alpha), 4)
    contains("hms join", said, "key")
    rows = one_refusal(world, "ann", ("key", "tag"))
    equal("realm in hms why", {row["realm"] for row in rows}, {"alpha"})
    equal("rows", world.hms.rows(), {})


@scenario("c-unserved-realm", "(c) a realm not served: silence, exit 3 that names it", takes=9)
def c_unserved_realm(t):
    world = World(t, config=hosts_config())
    other = t.hms(world.server, "other")
    other.cli("realm", "new", "elsewhere")
    for options in (("--multicast",), ("--address", world.server.v4)):
        token = other.token("ann", *options)
        node = world.net.node(f"ann{len(options)}", world.lan)
        said, took = refused_join(t, world, node, token, 3)
        contains("hms join", said, "realm")
        between("time limit", took, 2.9, 6)
    sent = world.capture.find(lambda d: d.outgoing and d.type != wire.ANNOUNCE)
    check(not sent, f"not silent: {sent[:3]}")
    heard = world.capture.find(lambda d: not d.outgoing)
    check(len(heard) >= 4, f"the requests did not arrive: {heard}")
    check(world.hms.json("status")["drops"].get("realm", 0) >= len(heard) / 2, "not counted")


@scenario("c-forged-joining", "(c) forged OFFER, HINT, REJECT while joining stop nobody", takes=9)
def c_forged_joining(t):
    world = World(t, config=hosts_config())
    rogue = world.net.node("rogue", world.lan)
    stolen = wire.Token(world.hms.token("mallory"))

    def answer(request, _source):
        """Everything that a machine without the user's key can say, and with another user's key."""
        if request.type not in (wire.DISCOVER, wire.INIT, wire.REGISTER):
            return []
        head = [request.epoch, request.realm, request.user, bytes(8), request.sequence]
        replies = [wire.hint(request, wire.WRONG_KEY), wire.hint(request, 3)]
        for key in (bytes(32), stolen.key):
            for code in range(1, 8):
                body = bytes(4) + code.to_bytes(8, "big") + code.to_bytes(2, "big") + bytes(6)
                replies.append(wire.seal(key, wire.header(wire.REJECT, 0, *head) + body))
            offer = bytes(4) + (9).to_bytes(8, "big") + b"impostor" + wire.tlv(
                wire.HMS, b"impostor" + bytes([3, 5]) + b"rogue" + wire.address(rogue.v4, 6710))
            replies.append(wire.seal(key, wire.header(wire.OFFER, 1, *head) + offer))
            challenge = bytes(4) + (10).to_bytes(8, "big") + b"biscuits"
            replies.append(wire.seal(key, wire.header(wire.CHALLENGE, 0, *head) + challenge))
        return replies
    responder = t.closing(Responder(rogue, answer))
    probes = t.capture(rogue)
    world.add("ann", "bob")
    check([one for one in responder.seen if one.type == wire.DISCOVER], "the rogue heard nothing")
    sent = probes.find(lambda d: d.outgoing)
    check(len(sent) >= 20, f"the rogue answered nothing: {sent}")
    registers = probes.of(wire.INIT, wire.REGISTER)
    check(not registers, f"a host turned to the rogue: {registers[:3]}")
    world.equal(users={"ann", "bob"})
    # It must also hold when nothing but the rogue answers first.
    world.hms.stop()
    late = t.host(world.net.node("cyd", world.lan))
    late.join(world.hms.token("cyd", "--multicast"), "--timeout", "15s", wait=False)
    until("the rogue answers cyd", lambda: [one for one in responder.seen if one.type ==
                                            wire.DISCOVER and one.user == wire.user_id(
                                                stolen.realm, "cyd")], 5)
    world.hms.serve()
    late.process.wait_line("registered at", 12, "out")


ANSWERS = (wire.REJECT, wire.SUPERSEDED, wire.REREGISTER, wire.RETRY, wire.REDIRECT, wire.LEFT,
           wire.CHALLENGE)


def forged_answers(request, keys):
    """Every short answer that could stop a host, to this request, under keys that are not its own."""
    for kind in ANSWERS:
        for key in keys:
            head = wire.header(kind, 0, request.epoch, request.realm, request.user,
                               request.session, request.sequence)
            body = request.incarnation + b"\xff" * 8 + b"\x00\x01" + bytes(6)
            yield wire.seal(key, head + body)


@scenario("c-forged-steady", "(c) forged and replayed answers stop no registered host", takes=16)
def c_forged_steady(t):
    world = World(t, ["ann", "bob"], hosts_config())
    world.equal()
    watch = world.hms.watch()
    rogue = world.net.node("rogue", world.lan)
    keys = (bytes(32), wire.Token(world.hms.token("bob")).key)
    before = world.hms.rows()
    host, hms = ends(before["ann"]["address"]), world.address()
    since = time.time()
    forged = []

    def answer(datagram):
        """The third machine hears ann's heartbeat, with its sequence, and answers it at once."""
        if datagram.type == wire.HEARTBEAT and datagram.source == host:
            for data in forged_answers(datagram.message, keys):
                spoof(rogue, hms, host, data)
                forged.append(data)

    world.capture.reflex = answer
    t.step("the HMS is silent: nobody else answers what ann asks")
    os.kill(world.hms.process.pid, signal.SIGSTOP)
    time.sleep(4.5)
    os.kill(world.hms.process.pid, signal.SIGCONT)
    t.step("both answer")
    time.sleep(4.5)
    world.capture.reflex = None
    check(len(forged) >= 4 * len(ANSWERS) * len(keys), f"{len(forged)} forged answers")
    t.step("every real answer again, late")
    for old in world.capture.find(lambda d: d.outgoing and d.target == host):
        spoof(rogue, hms, host, old.data)
    spoof(rogue, (rogue.v4, 6710), host,
          wire.announce(wire.Token(world.tokens["ann"]).realm, bytes(8), 3, 6710))
    time.sleep(2.5)
    t.note(f"{len(forged)} forged answers")
    for name in ("ann", "bob"):
        check(world[name].process.running, f"{name} was stopped: {world[name].process.text()}")
    equal("since", {name: row["since"] for name, row in world.hms.rows().items()},
          {name: row["since"] for name, row in before.items()})
    again = world.capture.of(wire.INIT, wire.REGISTER, since=since)
    check(not again, f"registered anew: {again[:3]}")
    equal("events", watch.count("join", "replace", "leave", "expire"), 0)
    world.equal(within=3)
