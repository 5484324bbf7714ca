"""(u) What happens to two HMSs: they are parted, the path between them is bad, their clocks jump, one stops."""

import time

from attack.replay import Replayer
from harness import wire
from harness.forge import Spoofer
from harness.forgery import answers, requests
from harness.product import same_everywhere
from harness.runner import scenario
from harness.waiting import between, check, equal, until
from harness.world import Behind, hosts_config
from scenarios.o_clock import STEPS, Clock
from scenarios.r_pair import Pair
from scenarios.t_sites import Sites, wait_via


def table(hms):
    """What two HMSs must have alike."""
    return {user: {key: row[key] for key in ("host", "since", "address", "conference", "state", "via", "status")}
            for user, row in hms.rows().items()}


def wait_equal(pair, users, within, since):
    """Both have these users, and the same of each; returns when."""
    def alike():
        one, other = table(pair.atlas), table(pair.borealis)
        return set(one) == set(users) and one == other
    return until(f"equal tables of {sorted(users)}", alike, within, since)[1]


def roles(*hmss):
    return [hms.json("status")["role"] for hms in hmss]


@scenario("u-parted", "(u) two sites are parted, hosts come, change, leave at both; then healed: one primary within"
          " 12 s, one table, nobody who left is back", takes=16)
def u_parted(t):
    sites = Sites(t)
    router = next(part for part in sites.net.parts if part.name == "router")
    ann, bob = (sites.host(name, near, "--multicast") for name, near in (("ann", "atlas"), ("bob", "borealis")))
    # Who is to leave, one at each site.
    lee, moe = (sites.host(name, near, "--multicast") for name, near in (("lee", "atlas"), ("moe", "borealis")))
    pair, users = sites, {"ann", "bob", "lee", "moe"}
    wait_equal(pair, users, 8, time.time())

    t.step("the router's cable is out")
    router.unplug("eth1")
    cut = time.time()
    until("both lead", lambda: roles(pair.atlas, pair.borealis) == ["primary", "primary"], 15, cut)
    t.note(f"both lead {time.time() - cut:.1f} s after the cut")
    for host in (lee, moe):
        host.cli("leave")
        host.process.wait_exit(0, 5)
    new = []
    for name, hms, near in (("cyd", pair.atlas, "atlas"), ("dot", pair.borealis, "borealis")):
        # A token of this side, since the other one is not there.
        host = t.host(sites.node(name, near)).join(hms.token(name, "--multicast"))
        new.append(host)
    ann.set("state=participating", "conference=board")
    bob.set("state=participating", "conference=lunch")
    for hms, gone in ((pair.atlas, "lee"), (pair.borealis, "moe")):
        until(f"{gone} is gone at {hms.name}", lambda hms=hms, gone=gone: gone not in hms.rows(), 3)
    # Copies of the other side's rows age, and are dropped after one expiry.
    until("each has its own side", lambda: set(pair.atlas.rows()) == {"ann", "cyd"}
          and set(pair.borealis.rows()) == {"bob", "dot"}, 30)

    t.step("healed")
    watches = [hms.watch() for hms in (pair.atlas, pair.borealis)]
    router.plug("eth1")
    healed = time.time()
    until("one primary", lambda: sorted(roles(pair.atlas, pair.borealis)) == ["primary", "secondary"], 25, healed)
    at = time.time()
    users = {"ann", "bob", "cyd", "dot"}
    done = wait_equal(pair, users, 20, healed)
    t.note(f"one primary {between('time', at - healed, 0, 12):.1f} s, equal tables {done - healed:.1f} s after it healed")
    for hms in (pair.atlas, pair.borealis):
        same_everywhere(f"lists as at {hms.name}", hms, [ann, bob, *new], users, 8, done)
        equal("ann", hms.row("ann")["conference"], "board")
        equal("bob", hms.row("bob")["conference"], "lunch")
    seen = [event["row"]["user"] for watch in watches for _, event in watch.events() if event["event"] == "join"]
    check(not {"lee", "moe"} & set(seen), f"who left came back: {seen}")


@scenario("u-bad-path", "(u) 20 % loss, duplicates, reordering, corruption between two HMSs: equal tables, and neither"
          " takes the other for gone", takes=6)
def u_bad_path(t):
    net = t.net()
    world = type("World", (), {"t": t, "net": net, "lan": net.lan("east")})
    atlas = world.atlas = t.hms(net.node("atlas", world.lan), "atlas", hosts_config()).serve()
    world.server = atlas.node
    path = Behind(world, "--loss", "20%", "--dup", "10%", "--reorder", "10%", "--corrupt", "2%",
                  "--delay", "20ms", "--jitter", "10ms", "--seed", "11")
    borealis = world.borealis = t.hms(net.node("borealis", path.inside), "borealis", hosts_config())
    borealis.serve("--join", atlas.cli("token", "--hms", "--bare", "--address", f"{path.inner}:6710").out.strip(),
                   within=30)
    until("each has the other", lambda: all(hms.json("peers") and hms.json("peers")[0]["status"] == "up"
                                            for hms in (atlas, borealis)), 15)
    hosts = [t.host(net.node(name, lan)).join(hms.token(name, "--address", hms.node.v4))
             for name, lan, hms in (("ann", world.lan, atlas), ("bob", path.inside, borealis))]
    # Their own HMS is near, the other one is behind the path.
    wait_equal(world, {"ann", "bob"}, 15, time.time())
    since, slowest = time.time(), 0
    for number in range(12):
        hosts[number % 2].set("state=participating", f"conference=board {number}")
        set_at, sees = time.time(), (borealis, atlas)[number % 2]
        _, at = until(f"change {number} at {sees.name}", lambda sees=sees, number=number:
                      sees.row(("ann", "bob")[number % 2])["conference"] == f"board {number}", 10, set_at)
        slowest = max(slowest, at - set_at)
    wait_equal(world, {"ann", "bob"}, 10, time.time())
    t.note(f"twelve changes, the slowest at the other one after {slowest:.1f} s")
    for hms in (atlas, borealis):
        lost = [line.text for line in hms.process.lines if line.at > since and " is down" in line.text]
        check(not lost, f"{hms.name} took the other for gone: {lost}")


@scenario("u-clocks", "(u) the wall clock of one of two HMSs jumps by an hour and ten years: nothing", takes=4)
def u_clocks(t):
    pair = Pair(t)
    ann, bob = pair.host("ann", pair.atlas), pair.host("bob", pair.borealis)
    clock = Clock(t, "borealis")
    pair.borealis.stop()
    pair.borealis.serve(prefix=clock.prefix())
    pair.together()
    wait_equal(pair, {"ann", "bob"}, 10, time.time())
    before, drops = roles(pair.atlas, pair.borealis), pair.atlas.json("status")["drops"]
    watches, since = [hms.watch() for hms in (pair.atlas, pair.borealis)], time.time()
    for number, offset in enumerate(STEPS):
        clock.set(offset)
        # A PING of each comes meanwhile.
        until(f"they talk after {offset}", lambda: pair.borealis.process.running, 1)
        bob.set(f"conference=board {number}")
        until("at the other one", lambda number=number: pair.atlas.row("bob")["conference"] == f"board {number}", 3)
        ann.set(f"conference=lunch {number}")
        until("at the other one", lambda number=number: pair.borealis.row("ann")["conference"] == f"lunch {number}", 3)
        cyd = t.host(pair.net.node(f"cyd{number}", pair.lan))
        cyd.join(pair.borealis.token(f"cyd{number}", "--address", pair.borealis.node.v4))
        until("a newcomer at the other one", lambda number=number: f"cyd{number}" in pair.atlas.rows(), 3)
        equal("roles", roles(pair.atlas, pair.borealis), before)
    wait_equal(pair, {"ann", "bob", *(f"cyd{number}" for number in range(len(STEPS)))}, 5, time.time())
    equal("drops", pair.atlas.json("status")["drops"], drops)
    for watch in watches:
        equal("hosts lost", watch.count("leave", "expire", "late", "replace", since=since), 0)


@scenario("u-stopped", "(u) either of two HMSs is stopped: the other leads within 1 s, it ends within 5 s, no host"
          " registers anew", takes=5)
def u_stopped(t):
    pair = Pair(t)
    hosts = [pair.host("ann", pair.atlas), pair.host("bob", pair.borealis)]
    users = {"ann", "bob"}
    wait_equal(pair, users, 8, time.time())
    since = {user: row["since"] for user, row in pair.atlas.rows().items()}
    for stops, stays in ((pair.atlas, pair.borealis), (pair.atlas, pair.borealis)):
        role, = roles(stops)
        # Asked for while it ends: `stop` waits for the exit.
        at = stops.process.signal(15)
        until(f"{stays.name} leads", lambda stays=stays: roles(stays) == ["primary"], 1, at)
        led = time.time()
        stops.process.wait_exit(0, 5)
        ended = time.time()
        wait_via(stays, dict.fromkeys(users, stays.name), 6, at)
        t.note(f"{stops.name} ({role}): the other leads after {led - at:.2f} s, it ended after {ended - at:.2f} s, its"
               f" hosts are there after {time.time() - at:.1f} s")
        stops.serve()
        pair.atlas, pair.borealis = stays, stops
        pair.together()
        wait_equal(pair, users, 8, time.time())
        pair.atlas, pair.borealis = sorted((stays, stops), key=lambda hms: hms.name)
    equal("since", {user: row["since"] for user, row in pair.atlas.rows().items()}, since)
    for host in hosts:
        same_everywhere("lists", pair.atlas, [host], users, 6, time.time())


@scenario("attack-replay-pair", "what hosts and HMSs of a pair said is said again to either, while they live, after"
          " they left, at fail-back: nothing", takes=24)
def attack_replay_pair(t):
    pair = Pair(t)
    captures = [t.capture(hms.node) for hms in (pair.atlas, pair.borealis)]
    ann, bob = pair.host("ann", pair.atlas), pair.host("bob", pair.borealis)
    cyd, dan = pair.host("cyd", pair.atlas), pair.host("dan", pair.borealis)
    ann.set("state=participating", "conference=board")
    wait_equal(pair, {"ann", "bob", "cyd", "dan"}, 8, time.time())
    cyd.cli("leave")
    cyd.process.wait_exit(0, 5)
    killed = dan.kill()
    wait_equal(pair, {"ann", "bob"}, 12, killed)
    world = type("World", (), {"net": pair.net, "lan": pair.lan, "hosts": {"ann": ann, "bob": bob}})
    replayer = Replayer(t, world)
    hmss = [(hms.node.v4, 6710) for hms in (pair.atlas, pair.borealis)]

    def tape():
        return [one for capture in captures for one in capture.find(lambda d: not d.outgoing and d.target in hmss)]

    def everywhere(one):
        return [one.source, (replayer.node.v4, 7000)]

    def say_again(what):
        before, watches, since = table(pair.atlas), [hms.watch() for hms in running], time.time()
        said = tape()
        for target in hmss:
            for one in said:
                for source in everywhere(one):
                    if source != target:
                        replayer.spoofer.send(source, target, one.data)
                time.sleep(0.001)
        # As long as a row of a dead host that was believed would be seen in.
        time.sleep(3)
        for hms in running:
            until(f"{what}: {hms.name}", lambda hms=hms: table(hms) == before, 6)
        for watch in watches:
            came = [event for at, event in watch.events() if at >= since and event["event"] in ("join", "leave", "expire")]
            check(not came, f"{what}: {came[:3]}")
        t.note(f"{what}: {len(said)} datagrams, said to both from two addresses each")

    running = [pair.atlas, pair.borealis]
    say_again("while both live")
    pair.together()
    t.step("fail-back")
    # From now on ann is at borealis; then atlas is back, and hears what ann said to it before.
    pair.atlas.kill()
    wait_via(pair.borealis, {"ann": "borealis", "bob": "borealis"}, 20)
    running = [pair.borealis]

    def with_borealis_only():
        before = table(pair.borealis)
        for one in tape():
            for source in everywhere(one):
                if source != hmss[1]:
                    replayer.spoofer.send(source, hmss[1], one.data)
            time.sleep(0.001)
        time.sleep(2)
        equal("after the kill", table(pair.borealis), before)
    with_borealis_only()
    pair.atlas.serve()
    until("atlas is in again", lambda: roles(pair.atlas) == ["secondary"], 10)
    wait_equal(pair, {"ann", "bob"}, 8, time.time())
    running = [pair.atlas, pair.borealis]
    say_again("at fail-back")
    kinds = sorted({wire.NAMES.get(one.type, "?") for one in tape() if one.type in wire.NAMES})
    check({"INIT", "REGISTER", "HEARTBEAT", "LEAVE"} <= set(kinds), f"captured: {kinds}")


# What HMSs say to each other (spec 9.1), with a tag that does not hold.
LINK = {0x20: 1200, 0x21: 80, 0x22: 1200, 0x23: 300, 0x24: 48}


@scenario("attack-two-servers", "two HMSs that do not know each other, and errors and anything else that one seems to"
          " have said to the other: two datagrams at most", takes=22)
def attack_two_servers(t):
    net = t.net()
    lan = net.lan()
    one, other = (t.hms(net.node(name, lan), name, hosts_config()).serve() for name in ("atlas", "borealis"))
    capture = t.capture(one.node)
    spoofer = t.closing(Spoofer(net.node("rogue", lan)))
    token, session = wire.Token(one.token("mallory")), b"sessions"
    ends = [(hms.node.v4, 6710) for hms in (one, other)]
    keys = (token.key, wire.session_key(token.key, session))
    forged = [data for key in keys for data in requests(token, key, session, "mallory")]
    forged += [answer for key in keys for data in forged[:8] for answer in answers(wire.Message(data), key, ends[0])]
    forged += [wire.header(kind, 0, 0, 0, bytes(8)) + bytes(length - 32) for kind, length in LINK.items()]
    forged += [data[:cut] for data in forged[:4] for cut in (1, 31, 47, len(data) - 1)]
    most, answered = 0, 0
    for data in forged:
        for source, target in (ends, ends[::-1]):
            since = time.time()
            spoofer.send(source, target, data)
            time.sleep(0.03)
            # What the two say to each other because of it: without the forged one itself.
            said = capture.find(lambda d, data=data: {d.source, d.target} == set(ends) and d.data != data, since)
            most, answered = max(most, len(said)), answered + bool(said)
            check(len(said) <= 2, f"type {data[1:2].hex()}: {said[:4]}")
    check(answered > 0, "no request was answered: they were not understood")
    t.note(f"{len(forged)} datagrams each way, {answered} of them answered, at most {most} datagrams for one")
