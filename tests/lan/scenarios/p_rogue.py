"""A machine on the LAN that has no key, or the key of another user: as an HMS, as a host, as everybody."""

import os
import time

from attack.truth import CHANGES, drops, is_group, kept, more, proven, unproven
from harness import wire
from harness.forge import Responder, Spoofer
from harness.forgery import answers, requests
from harness.product import ends
from harness.runner import scenario
from harness.waiting import check, equal, until
from harness.world import World, hosts_config

NOBODY_S = bytes(32)
PROBES_A_MINUTE = 4


def probes(capture, node, since):
    """Unicast DISCOVERs of a host."""
    ip = node.v4
    return capture.find(lambda d: d.type == wire.DISCOVER and d.source[0] == ip
                        and not is_group(d.target[0]), since)


@scenario("attack-rogue-hms", "a rogue HMS answers everything first, with no key and with another user's:"
          " nobody registers there", takes=22)
def attack_rogue_hms(t):
    world = World(t, ["ann", "bob"], hosts_config("1s"))
    world.equal(within=4)
    mallory = wire.Token(world.hms.token("mallory"))
    rogue = world.net.node("rogue", world.lan)
    place, said = (rogue.v4, 6710), []

    def answer(request, _source):
        if request.type not in wire.REQUESTS:
            return []
        datagrams = [data for key in (NOBODY_S, mallory.key) for data in answers(request, key, place)]
        datagrams.append(wire.announce(0, bytes(8), 2, 6710))
        said.extend(datagrams)
        return datagrams

    responder = t.closing(Responder(rogue, answer))
    capture = t.capture(rogue)
    t.step("registered hosts: every heartbeat answered, from the address of the HMS, before it can")
    kept_rows, watch, since = kept(world.hms), world.hms.watch(), time.time()
    spoofer = t.closing(Spoofer(rogue))

    def at_once(datagram):
        if not datagram.outgoing and datagram.type == wire.HEARTBEAT:
            for data in answer(datagram.message, None):
                spoofer.send(world.address(), datagram.source, data)

    world.capture.reflex = at_once
    until("answers to eight heartbeats", lambda: len(said) > 8 * 2 * len(wire.ANSWERS), 10)
    world.capture.reflex = None
    steady = len(said)
    equal("rows", kept(world.hms), kept_rows)
    equal("events", watch.count(*CHANGES, since=since), 0)
    check(not world.capture.of(wire.INIT, wire.REGISTER, since=since), "somebody registered anew")
    world.equal(within=3)
    t.step("a host that looks for an HMS hears the rogue only")
    world.hms.stop()
    since = time.time()
    late = t.host(world.net.node("cyd", world.lan))
    late.join(world.hms.token("cyd", "--multicast"), "--timeout", "30s", wait=False)
    asked = until("the rogue heard cyd ask three times", lambda: len(
        [one for one in responder.seen if one.type == wire.DISCOVER and one.user == wire.user_id(
            mallory.realm, "cyd")]) >= 3 and time.time() > since + 6, 20)[1]
    at_rogue = capture.find(lambda d: not d.outgoing and d.target == place
                            and d.type in (wire.INIT, wire.REGISTER, wire.HEARTBEAT), since)
    check(not at_rogue, f"a host turned to the rogue: {at_rogue[:3]}")
    sent = probes(capture, late.node, since)
    check(1 <= len(sent) <= PROBES_A_MINUTE, f"{len(sent)} probes in {asked - since:.0f} s")
    check(late.process.running, f"cyd was stopped: {late.process.text()}")
    world.hms.serve()
    late.process.wait_line("registered at", 20, "out")
    for name in ("ann", "bob"):
        check(world[name].process.running, f"{name} was stopped: {world[name].process.text()}")
    t.note(f"{steady} forged answers to heartbeats, {len(said) - steady} to a host that looked around;"
           f" {len(sent)} probes in {asked - since:.0f} s")


@scenario("attack-announce", "forged announcements at 1 kHz: hosts stay, at most 4 probes a minute", takes=16)
def attack_announce(t):
    world = World(t, ["ann", "bob"], hosts_config("1s"))
    world.equal(within=4)
    rogue = world.net.node("rogue", world.lan)
    # Machines that answer for their address, or a probe of them would not be seen.
    places = [str(world.lan.v4[number]) for number in range(50, 250)]
    rogue.ip(*(f"addr add {ip}/24 dev eth0" for ip in places))
    spoofer = t.closing(Spoofer(rogue))
    spoofer.multicast(rogue.v4)
    # Looks for an HMS all the time: nobody serves its realm here.
    elsewhere, seeking = t.hms(world.server, "elsewhere"), t.host(world.net.node("cyd", world.lan))
    elsewhere.cli("realm", "new", "elsewhere")
    capture = t.capture(seeking.node)
    seeking.join(elsewhere.token("cyd", "--multicast"), "--timeout", "60s", wait=False)
    capture.wait("DISCOVER of cyd", lambda d: d.type == wire.DISCOVER and d.outgoing, 5, 0)
    rows, watch, registered = kept(world.hms), world.hms.watch(), {world[name].node.v4 for name in ("ann", "bob")}
    pids = {"HMS": world.hms.process.pid, "registered host": world["ann"].process.pid,
            "seeking host": seeking.process.pid}
    busy, since = {name: processor_time(pid) for name, pid in pids.items()}, time.time()
    sent = announce(spoofer, [*places, world.server.v4], since)
    took = time.time() - since
    used = {name: (processor_time(pid) - busy[name]) / took for name, pid in pids.items()}
    arrived = len(capture.find(lambda d: d.type == wire.ANNOUNCE and not d.outgoing, since))
    check(sent >= 10_000 and arrived >= 0.99 * sent, f"{arrived} of {sent} announcements arrived")
    time.sleep(2.2)  # the longest that a probe waits
    asked = capture.find(lambda d: d.type == wire.DISCOVER and d.outgoing and not is_group(d.target[0]), since)
    check(1 <= len(asked) <= PROBES_A_MINUTE, f"{len(asked)} probes")
    t.note(f"{sent} announcements in {took:.1f} s, {len(asked)} probes of the seeking host; processor: "
           + ", ".join(f"{name} {share * 100:.1f} %" for name, share in used.items()))
    equal("rows", kept(world.hms), rows)
    equal("events", watch.count(*CHANGES, since=since), 0)
    world.equal(within=3)
    check(seeking.process.running, f"cyd was stopped: {seeking.process.text()}")
    others = world.capture.find(lambda d: d.type in (wire.DISCOVER, wire.INIT, wire.REGISTER)
                                and d.source[0] in registered, since)
    check(not others, f"a registered host asked around: {others[:3]}")


def announce(spoofer, places, since):
    """1000 a second for eleven seconds: always another HMS, from one place after the other."""
    sent = 0
    while time.time() < since + 11:
        for _ in range(10):
            spoofer.send((places[sent % len(places)], 6710), ("239.255.67.10", 6710), wire.announce(
                0, bytes(8), 1 + sent % 3, 6710, incarnation=sent, server=os.urandom(8)))
            sent += 1
        time.sleep(max(0.0, since + sent / 1000 - time.time()))
    return sent


def processor_time(pid):
    """Seconds."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@scenario("attack-spoofed", "every type from every source, to HMS and hosts, whatever key: nothing, bytes out <= in",
          takes=12)
def attack_spoofed(t):
    world = World(t, ["ann", "bob", "cyd"], hosts_config("2s"))
    world.equal(within=5)
    tokens = {name: wire.Token(text) for name, text in world.tokens.items()}
    mallory = wire.Token(world.hms.token("mallory"))
    node = world.net.node("rogue", world.lan)
    spoofer, hms = t.closing(Spoofer(node)), world.address()
    ends_of = {user: ends(row["address"]) for user, row in world.hms.rows().items()}
    beats = {user: world.capture.wait("heartbeat", lambda d, user=user: d.type == wire.HEARTBEAT
                                      and d.source == ends_of[user], 4, 0).message for user in ends_of}
    strangers = [(node.v4, 7000), (str(world.lan.v4[222]), 6710), *((end[0], 7001) for end in ends_of.values())]
    rows, before, watch, since = kept(world.hms), drops(world.hms), world.hms.watch(), time.time()
    world.capture.take()
    sent = {}

    def send(source, target, data):
        spoofer.send(source, target, data)
        sent[data[1]] = sent.get(data[1], 0) + 1

    for user, beat in beats.items():
        # As ann with no key, with mallory's; as mallory with her own. From everywhere, ann's address included.
        datagrams = [data for key in (NOBODY_S, mallory.key, wire.session_key(mallory.key, beat.session))
                     for data in requests(tokens[user], key, beat.session, user)]
        datagrams += requests(mallory, mallory.key, beat.session, user)
        datagrams += requests(mallory, wire.session_key(mallory.key, beat.session), beat.session, user)
        said = [data for key in (NOBODY_S, mallory.key, wire.session_key(mallory.key, beat.session))
                for data in answers(beat, key, (node.v4, 6710))]
        said.append(wire.announce(0, bytes(8), 3, 6710))
        said.append(wire.hint(wire.Message(datagrams[0]), wire.WRONG_KEY))
        for data in datagrams + said:
            for source in (*strangers, *ends_of.values()):
                send(source, hms, data)
            for source in (hms, *strangers):
                send(source, ends_of[user], data)
    time.sleep(0.5)
    check(set(sent) == {*wire.REQUESTS, *wire.ANSWERS, wire.HINT, wire.ANNOUNCE}, f"sent {sent}")
    equal("rows", kept(world.hms), rows)
    equal("events", watch.count(*CHANGES, since=since), 0)
    captured = world.capture.take()
    bytes_of = unproven(captured, proven(world.hms))
    # A captor who asks as mallory, with her key, is answered; with more than he sent never.
    check(0 < bytes_of["ratio"] <= 1.0, f"{bytes_of}")
    check(not [d for d in captured if d.outgoing and d.type in (wire.REGISTERED, wire.ACK, wire.PAGE)
               and d.target in strangers], "a stranger was served")
    t.note(f"{sum(sent.values())} datagrams of {len(sent)} types; {bytes_of}; {more(before, drops(world.hms))}")
    world.equal(within=5)
    for host in world.hosts.values():
        check(host.process.running, f"{host.name} was stopped: {host.process.text()}")
    anew = [d for d in captured if d.type in (wire.INIT, wire.REGISTER)
            and any(d.message.signed_by(token.key) for token in tokens.values())]
    check(not anew, f"registered anew: {anew[:3]}")
    unaware = [user for user, row in world.hms.rows().items() if row["age_ms"] > 1100 * 2 + 1500]
    check(not unaware, f"not heard from: {unaware}")
