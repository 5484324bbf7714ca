"""Attackers without a key: one that says again what it captured, one that says anything."""

import time

from attack.flood import Flooded, constant, reasons
from attack.hour import kinds, say_again, totals
from attack.life import ACTS, Life
from attack.passes import Passes, forget
from attack.replay import Replayer
from attack.truth import drops
from harness import wire
from harness.forge import Spoofer
from harness.runner import scenario
from harness.waiting import check, equal
from harness.world import World, hosts_config

T, PACE, SLOW = 2.0, 2000, 500


@scenario("attack-replay", "a life's traffic replayed in every way, to the living, the restarted, the empty: nothing",
          takes=60)
def attack_replay(t):
    """A minute of `.ci/long attack`."""
    users = [f"user{number}" for number in range(len(set(ACTS)))]
    world = World(t, users, hosts_config("2s"))
    world.equal(within=5)
    life = Life(world, T)
    for kind, user in zip(dict.fromkeys(ACTS), users):
        life.act(kind, user)
    life.settle()
    world.hms.kill()
    forget(world.hms)
    world.hms.serve()
    life.settle()
    passes = Passes(world, Replayer(t, world), T, PACE, lambda what, figures=None: t.step(f"{what} {figures or ''}"))
    passes.record()
    captured = kinds(passes.tape)
    missing = {wire.NAMES[kind] for kind in (*wire.REQUESTS, *wire.ANSWERS)} - set(captured)
    check(missing <= {"RETRY", "REDIRECT", "DIGESTS", "HINT"}, f"not captured: {missing}")
    check([one for one in passes.tape if one.type == wire.HEARTBEAT and one.message.flags & wire.COOKIE],
          "no echoed cookie captured")
    undisturbed = say_again(world, passes, SLOW)
    check(not passes.failures, "\n".join(passes.failures))
    figures = totals(passes)
    check(figures["ratio"] <= 1.0, f"{figures}")
    t.note(f"{len(passes.tape)} captured in all; {figures}; silent hosts gone after {undisturbed} T without a replay,"
           f" {[one['gone_after_check_times'] for one in passes.figures if 'gone_after_check_times' in one]} with one")


@scenario("attack-flood", "10^5 hostile datagrams: each counted, none answered but by hints, no growth",
          takes=10, alone=True)
def attack_flood(t):
    flooded = Flooded(t)
    first = flooded.send(100_000, 1)  # what is made once is made now
    small = flooded.size()
    report = flooded.send(100_000, 2)
    large = flooded.size()
    t.note(f"{report['sent']} datagrams in {report['seconds']:.1f} s; counted: "
           + ", ".join(f"{name} {number}" for name, number in sorted(report["drops"].items())))
    t.note(f"{report['hints_sent']} hints; before {small}, after {large}")
    reasons(report)
    equal("sum of the counters", sum(flooded.world.hms.json("status")["drops"].values())
          - sum(flooded.drops.values()), first["sent"] + report["sent"])
    constant(small, large)
    flooded.unharmed()
    t.note(f"heartbeats of the hosts: {flooded.heartbeats()}")


@scenario("attack-nobody", "answers to addresses of the LAN that nobody has take nothing from hosts",
          takes=9)
def attack_nobody(t):
    world = World(t, ["ann", "bob"], hosts_config("1s"))
    world.equal(within=4)
    init, hms = world.capture.of(wire.INIT)[0].data, world.address()
    nobody = [(str(world.lan.v4[number]), 5000) for number in range(30, 230)]
    spoofer = t.closing(Spoofer(world.net.node("rogue", world.lan)))
    since = time.time()
    sent = full = 0
    # Each CHALLENGE waits some seconds for an address that does not resolve, until half of the HMS's
    # send buffer is full of them.
    while time.time() < since + 25 and (not full or time.time() < full + 4):
        for _ in range(500):
            spoofer.send(nobody[sent % len(nobody)], hms, init)
            sent += 1
        time.sleep(0.04)
        if not full and sent % 10_000 == 0 and drops(world.hms).get("send-no-room"):
            full = time.time()
    check(full, f"{sent} datagrams did not fill anything")
    ended = time.time()
    time.sleep(0.5)
    answered = {(d.message.session, d.message.sequence) for d in world.capture.of(wire.ACK, since=full)}
    beats = world.capture.of(wire.HEARTBEAT, since=full, before=ended)
    lost = [d for d in beats if (d.message.session, d.message.sequence) not in answered]
    check(len(beats) >= 4 and not lost, f"{len(lost)} of {len(beats)} heartbeats not answered")
    t.note(f"{sent} challenges to nobody in {ended - since:.0f} s; {len(beats)} heartbeats while the"
           " send buffer was full, all answered")
