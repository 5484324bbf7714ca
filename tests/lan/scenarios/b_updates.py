"""(b) A change reaches the others; what the three update modes cost."""

import time

from harness import wire
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, check, equal, until
from harness.world import World, hosts_config

NAMES = ["ann", "bob", "cyd", "dan"]


@scenario("b-push", "(b) `hms set` is seen at the others within 100 ms with push", takes=8,
          alone=True)
def b_push(t):
    world = World(t, NAMES, hosts_config("30s"))
    world.equal(within=3)
    values = [("participating", "board"), ("organizing", "crew"), ("participating", "board")]
    for state, conference in values:
        before = time.time()
        world["ann"].set(f"state={state}", f"conference={conference}")
        # From the start of the command, its process start included, to each other host's list.
        seen = [until(f"{name} sees {state}", lambda name=name: shows(world[name], state, conference),
                      0.5, before, every=0.001)[1] for name in NAMES[1:]]
        pushes = world.capture.find(
            lambda d: d.type == wire.PAGE and d.message.flags & wire.PUSH and d.at >= before)
        content = world.capture.find(lambda d: d.type == wire.HEARTBEAT and d.at >= before
                                     and d.message.flags & wire.CONTENT)
        check(content and pushes, "no content, or no push on the wire")
        t.note(f"seen {max(seen) - before:.3f} s after `hms set` was started; "
               f"on the wire {pushes[-1].at - content[0].at:.4f} s for {len(pushes)} pushes")
        between("seen at the others after `hms set`", max(seen) - before, 0, 0.100)
    rows = world.hms.rows()
    equal("at the HMS", (rows["ann"]["state"], rows["ann"]["conference"]), values[-1])


def shows(host, state, conference):
    row = host.listed()["ann"]
    return (row["state"], row["conference"]) == (state, conference)


@scenario("b-heartbeat", "(b) with push = false it is seen at the next heartbeat", takes=12)
def b_heartbeat(t):
    world = World(t, NAMES, hosts_config("3s", push=False))
    world.equal(within=5)
    before = time.time()
    world["ann"].set("state=participating", "conference=board")
    for name in NAMES[1:]:
        at = until(f"{name} sees it", lambda name=name: shows(world[name], "participating", "board"),
                   3.3 + 0.5, before)[1]
        beat = world.capture.find(lambda d, name=name: d.type == wire.HEARTBEAT and d.at >= before
                                  and d.source[0] == world[name].node.v4)
        check(beat, f"{name} saw it without a heartbeat")
        t.note(f"{name}: {at - before:.2f} s, its heartbeat {beat[0].at - before:.2f} s")
    pushed = world.capture.find(lambda d: d.type == wire.PAGE and d.at >= before)
    check(not pushed, f"pages with push = false: {pushed}")


CHECK_TIME = 2.0


def quiet(t, **settings):
    """A settled LAN: all lists equal, and every host has had two heartbeats since."""
    world = World(t, NAMES, hosts_config("2s", **settings))
    if settings.get("update") != "on-request":
        world.equal(within=6)
    start = time.time()

    def all_beat():
        return all(len(beats(world, name, start)) >= 2 for name in NAMES)
    until("two heartbeats of each host", all_beat, 3.5 * CHECK_TIME)
    return world


def beats(world, name, since, before=float("inf")):
    node = world[name].node.v4
    return world.capture.find(lambda d: d.type == wire.HEARTBEAT and d.source[0] == node,
                              since, before)


def window(world):
    """Ten check times on the wire: (since, before)."""
    since = time.time()
    before = since + 10 * CHECK_TIME
    time.sleep(before - since)  # the window is the measurement
    time.sleep(0.3)             # answers to the last heartbeats
    return since, before


def count(t, world, label, since, before, extra=0):
    """Only heartbeats, each answered once: T ± 10 % gives 10 T / 1.1 to 10 T / 0.9 of each host."""
    counts = world.capture.counts(since, before)
    t.note(f"{label}: {counts}")
    for name in NAMES:
        sent = beats(world, name, since, before)
        regular = [d for d in sent if not d.message.flags & wire.CONTENT]
        between(f"{label}: heartbeats of {name} in 10 T", len(regular), 9, 12, "")
        for one in regular:
            equal(f"{label}: bytes of a steady heartbeat", len(one.data), 68)
    content = world.capture.find(lambda d: d.type == wire.HEARTBEAT
                                 and d.message.flags & wire.CONTENT, since, before)
    equal(f"{label}: heartbeats with content", len(content), extra)
    beat = world.capture.of(wire.HEARTBEAT, since=since, before=before)
    asked = {(d.source, d.message.sequence) for d in beat}
    answered = [(d.target, d.message.sequence) for d in world.capture.of(wire.ACK, since=since)]
    for one in asked:
        equal(f"{label}: ACKs to {one}", answered.count(one), 1)
    return counts


def acks(world, since, before):
    return world.capture.of(wire.ACK, since=since, before=before)


def only(label, counts, *kinds):
    extra = set(counts) - {wire.NAMES[kind] for kind in kinds}
    check(not extra, f"{label}: {extra} on the wire: {counts}")


def change(world):
    world["ann"].set("state=participating", "conference=board")


@scenario("b-on-change", "(b) on-change: 10 T without and with one change, no push", takes=60)
def b_on_change(t):
    world = quiet(t, push=False)
    since, before = window(world)
    counts = count(t, world, "no change", since, before)
    only("no change", counts, wire.HEARTBEAT, wire.ACK)
    for one in acks(world, since, before):
        # Every fourth says check time and mode again (R-REG-46).
        equal("bytes of an ACK without news", len(one.data), 68 if one.message.sequence % 4 else 79)
    start = time.time()
    change(world)
    since, before = window(world)
    counts = count(t, world, "one change", start, before, extra=1)
    only("one change", counts, wire.HEARTBEAT, wire.ACK)
    news = [d for d in acks(world, start, before) if d.message.page()]
    equal("one change: ACKs with a page", sorted(d.target[0] for d in news),
          sorted(world[name].node.v4 for name in NAMES))
    for one in news:
        equal("page (kind, rows, gone)", one.message.page(), (1, 1, 0))
    for name in NAMES:
        check(shows(world[name], "participating", "board"), f"{name} does not show the change")


@scenario("b-on-change-push", "(b) on-change with push: one page each, nothing in the heartbeats",
          takes=60)
def b_on_change_push(t):
    world = quiet(t)
    since, before = window(world)
    counts = count(t, world, "no change", since, before)
    only("no change", counts, wire.HEARTBEAT, wire.ACK)
    start = time.time()
    change(world)
    since, before = window(world)
    counts = count(t, world, "one change", start, before, extra=1)
    only("one change", counts, wire.HEARTBEAT, wire.ACK, wire.PAGE)
    pages = world.capture.of(wire.PAGE, since=start, before=before)
    check(all(d.message.flags & wire.PUSH for d in pages), f"unpushed pages: {pages}")
    news = [d for d in acks(world, start, before) if d.message.page()]
    # The one that made the change may learn of it in the ACK; everybody learns of it once.
    equal("one change: who was told", sorted(d.target[0] for d in pages + news),
          sorted(world[name].node.v4 for name in NAMES))


@scenario("b-always", "(b) always: every ACK carries the whole list, nothing else is sent", takes=60)
def b_always(t):
    world = quiet(t, update="always", push=False)
    since, before = window(world)
    counts = count(t, world, "no change", since, before)
    only("no change", counts, wire.HEARTBEAT, wire.ACK)
    whole(world, since, before)
    start = time.time()
    change(world)
    since, before = window(world)
    counts = count(t, world, "one change", start, before, extra=1)
    only("one change", counts, wire.HEARTBEAT, wire.ACK)
    whole(world, start, before)
    for name in NAMES:
        check(shows(world[name], "participating", "board"), f"{name} does not show the change")


def whole(world, since, before):
    for one in acks(world, since, before):
        equal("page in an ACK (kind copy, rows, gone)", one.message.page(), (2, len(NAMES), 0))


@scenario("b-on-request", "(b) on-request: ACKs carry no rows until the host asks", takes=60)
def b_on_request(t):
    world = quiet(t, update="on-request", push=False)
    world["bob"].cli("who", "--refresh")
    since, before = window(world)
    counts = count(t, world, "no change", since, before)
    only("no change", counts, wire.HEARTBEAT, wire.ACK)
    start = time.time()
    change(world)
    since, before = window(world)
    counts = count(t, world, "one change", start, before, extra=1)
    only("one change", counts, wire.HEARTBEAT, wire.ACK)
    news = [d for d in acks(world, start, before) if d.message.page()]
    check(not news, f"rows in ACKs nobody asked for: {news[:3]}")
    check(not shows(world["bob"], "participating", "board"), "bob knows what nobody told him")
    asked = time.time()
    world["bob"].cli("who", "--refresh")
    until("bob sees it", lambda: shows(world["bob"], "participating", "board"), 2, asked)
    want = world.capture.find(lambda d: d.type == wire.HEARTBEAT and d.message.flags & wire.WANT,
                              since=asked)
    check(want and ends(world.hms.row("bob")["address"]) == want[0].source,
          f"no heartbeat with want from bob: {want}")


