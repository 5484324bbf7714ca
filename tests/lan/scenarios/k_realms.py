"""(k) Two realms on one HMS."""

import time

from harness import wire
from harness.forge import MiniHost
from harness.runner import scenario
from harness.waiting import check, contains, equal, until
from harness.world import World, hosts_config


def two_realms(t, limits):
    world = World(t, config=hosts_config() + limits, join=None)
    for realm in ("alpha", "beta"):
        world.hms.cli("realm", "new", realm)
    world.hms.serve()
    return world


def join(t, world, user, realm, name=None, **options):
    host = t.host(world.net.node(name or f"{user}-{realm}", world.lan))
    return host.join(world.hms.token(user, "--realm", realm), **options)


@scenario("k-isolated", "(k) two realms see nothing of each other, same user names included", takes=8)
def k_isolated(t):
    world = two_realms(t, "")
    hosts = {(user, realm): join(t, world, user, realm)
             for realm, users in (("alpha", ("ann", "bob")), ("beta", ("ann", "cyd")))
             for user in users}
    for (user, realm), host in hosts.items():
        wanted = {"alpha": {"ann", "bob"}, "beta": {"ann", "cyd"}}[realm]
        until(f"{user} of {realm} sees its realm", lambda host=host, wanted=wanted:
              set(host.listed()) == wanted, 3)
        equal("realm", host.me()["realm"], realm)
    own = {realm: hosts["ann", realm].listed()["ann"]["address"] for realm in ("alpha", "beta")}
    check(own["alpha"] != own["beta"], "one ann for two realms")
    equal("all rows", sorted((row["realm"], row["user"]) for row in world.hms.hosts()),
          sorted((realm, user) for user, realm in hosts))
    equal("rows of alpha", {row["user"] for row in world.hms.hosts("--realm", "alpha")},
          {"ann", "bob"})
    hosts["ann", "alpha"].set("state=participating", "conference=board")
    until("bob of alpha", lambda: hosts["bob", "alpha"].listed()["ann"]["conference"] == "board", 2)
    equal("ann of beta", hosts["cyd", "beta"].listed()["ann"]["conference"], None)
    equal("find across realms", hosts["cyd", "beta"].cli("ip", "bob", code=1).out, "")
    without = world.hms.cli("token", "dan", code=2)
    contains("token without --realm", without.err, "alpha", "beta")
    world.hms.cli("revoke", "ann", "--realm", "beta")
    hosts["ann", "beta"].process.wait_exit(4, 5)
    equal("rows", sorted((row["realm"], row["user"]) for row in world.hms.hosts()),
          [("alpha", "ann"), ("alpha", "bob"), ("beta", "cyd")])
    check(hosts["ann", "alpha"].process.running, "the revocation crossed the realms")


@scenario("k-two-companies", "(k) two HMSs, a realm each, on one LAN: each host finds its own",
          takes=6)
def k_two_companies(t):
    world = World(t, config=hosts_config())
    node = world.net.node("other", world.lan)
    other = t.hms(node, "borealis", hosts_config()).serve()
    hosts = {}
    for hms, names in ((world.hms, ("ann", "bob")), (other, ("ann", "cyd"))):
        for name in names:
            host = t.host(world.net.node(f"{name}-{hms.name}", world.lan))
            hosts[hms.name, name] = host.join(hms.token(name, "--multicast"), wait=False)
    for (name, _), host in hosts.items():
        host.process.wait_line(f"registered at {name}", 10, "out")
    for hms, names in ((world.hms, {"ann", "bob"}), (other, {"ann", "cyd"})):
        hms.wait_up(*names, within=2)
        for name in names:
            until(f"list of {name}", lambda name=name, hms=hms, names=names:
                  set(hosts[hms.name, name].listed()) == names, 3)


@scenario("k-max-hosts", "(k) a realm at max_hosts takes nothing from the other", takes=10)
def k_max_hosts(t):
    world = two_realms(t, '[[realm]]\nname = "alpha"\nmax_hosts = 2\n[[realm]]\nname = "beta"\n')
    first, _ = (join(t, world, user, "alpha") for user in ("a1", "a2"))
    third = join(t, world, "a3", "alpha", wait=False)
    rows = until("a3 in hms why", lambda: world.hms.why(user="a3", realm="alpha"), 4)[0]
    contains("hms why", str(rows), ("full", "max_hosts"))
    for user in ("b1", "b2", "b3"):
        join(t, world, user, "beta", within=3)
    equal("rows", sorted(world.hms.rows()), ["a1", "a2", "b1", "b2", "b3"])
    # A host that is in is not a newcomer: it may restart. And there is room when one leaves.
    again = t.host(world.net.node("a1-again", world.lan))
    again.join(world.hms.token("a1", "--realm", "alpha"), within=3)
    until("a3 is told", lambda: "full" in third.process.text() or "max_hosts" in
          third.process.text() or not third.process.running, 5)
    first.process.wait_exit(4, 5)  # else it would come back for its place
    again.cli("leave")
    join(t, world, "a4", "alpha", wait=False)
    until("one of the waiting is in", lambda: {"a3", "a4"} & set(world.hms.rows()), 12)


@scenario("k-max-rate", "(k) a realm over max_rate takes nothing from the other", takes=8)
def k_max_rate(t):
    world = two_realms(t, '[[realm]]\nname = "alpha"\nmax_rate = 2\n[[realm]]\nname = "beta"\n')
    storm = world.net.node("storm", world.lan)
    answers = []
    for number in range(12):
        mini = t.closing(MiniHost(storm, world.hms.token(f"a{number}", "--realm", "alpha"),
                                  world.address()))
        answers.append(mini)
    started = time.time()
    kinds = [mini.register() for mini in answers]
    took = time.time() - started
    taken = [one for one in kinds if one.type == wire.REGISTERED]
    rejected = [one for one in kinds if one.type == wire.REJECT]
    t.note(f"12 registrations in {took:.2f} s: {len(taken)} taken, {len(rejected)} rejected")
    check(len(taken) <= 2 * (took + 1) + 1, f"{len(taken)} taken in {took:.2f} s at 2/s")
    check(rejected, "nothing was rejected")
    for one in rejected:
        equal("code", int.from_bytes(one.argument[:2], "big"), wire.RATE)
    # While alpha is over its rate, beta registers at once, and so do ten of them.
    for number in range(10):
        mini = t.closing(MiniHost(storm, world.hms.token(f"b{number}", "--realm", "beta"),
                                  world.address()))
        equal("answer in beta", mini.register().type, wire.REGISTERED)
    rows = world.hms.why(realm="alpha")
    contains("hms why", str(rows), "rate")
    equal("refusals in beta", world.hms.why(realm="beta"), [])
