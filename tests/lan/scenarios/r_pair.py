"""(r) Two HMSs that act as one."""

import time

from harness.product import same_everywhere
from harness.runner import scenario
from harness.waiting import between, contains, equal, until
from harness.world import hosts_config

# Settings of the second one that differ from those of the first.
OTHER = '[hosts]\ncheck_time = "3s"\n'


class Pair:
    """atlas and borealis on one LAN, borealis by an invitation; hosts with tokens of either."""

    def __init__(self, t, other=""):
        self.t, self.net = t, t.net()
        self.lan = self.net.lan()
        self.atlas = t.hms(self.net.node("atlas", self.lan), "atlas", hosts_config()).serve()
        self.borealis = t.hms(self.net.node("borealis", self.lan), "borealis",
                              other or hosts_config())
        self.borealis.serve("--join", self.atlas.cli("token", "--hms", "--bare").out.strip())
        self.together()

    def together(self, within=10.0):
        """Each shows the other as up, and they agree on who leads."""
        def up(hms, role):
            rows = hms.json("peers")
            return rows and rows[0]["status"] == "up" and rows[0]["role"] == role
        until("atlas shows borealis", lambda: up(self.atlas, "secondary"), within)
        until("borealis shows atlas", lambda: up(self.borealis, "primary"), within)

    def host(self, name, at):
        """A host that knows the address of one of them."""
        host = self.t.host(self.net.node(name, self.lan))
        return host.join(at.token(name, "--address", at.node.v4))


@scenario("r-invited", "(r) a second HMS by invitation: hosts of both are in all lists", takes=12)
def r_invited(t):
    pair = Pair(t)
    hosts = [pair.host("ann", pair.atlas), pair.host("bob", pair.borealis)]
    since = time.time()
    for hms in (pair.atlas, pair.borealis):
        at = same_everywhere(f"lists as at {hms.name}", hms, hosts, {"ann", "bob"}, 6, since)
        t.note(f"lists as at {hms.name} {at - since:.1f} s after both joined")
    contains("the pair in status", pair.atlas.cli("status").out, "borealis secondary (up")
    hosts[1].set("state=participating", "conference=board")
    until("ann sees bob's change", lambda: hosts[0].listed()["bob"]["conference"] == "board", 4)


@scenario("r-settings", "(r) the settings of the primary hold, and the other one says so", takes=6)
def r_settings(t):
    pair = Pair(t, OTHER)
    line = pair.borealis.process.wait_line("settings of the primary hold", 5)
    contains("the line", line.text, "hosts.check_time = 2s")
    status, primary = (hms.json("status") for hms in (pair.borealis, pair.atlas))
    equal("overridden", status["overridden"].get("hosts.check_time"), "2s")
    told = [line.text for line in pair.borealis.process.lines if line.text.startswith("  cluster since")]
    contains("what it shows when it serves", told[0], primary["cluster_start"][11:19], "check time 2 s, exchange time 5 s")
    for key in ("cluster_start", "check_time_s", "exchange_time_s"):
        equal(key, status[key], primary[key])
    equal("its age", abs(status["cluster_elapsed_s"] - primary["cluster_elapsed_s"]) <= 1, True)
    contains("and when it is asked", pair.borealis.cli("status").out, "check time 2 s, exchange time 5 s")
    equal("at the primary", pair.atlas.json("status")["overridden"], {})


@scenario("r-refused", "(r) an HMS that is not registered says so, and joins when it is", takes=25)
def r_refused(t):
    pair = Pair(t)
    removed = pair.atlas.cli("peers", "remove", "borealis")
    contains("what is said", removed.err, "still knows the secrets", "stop it")
    pair.borealis.stop()
    pair.borealis.start("serve", "--state", pair.borealis.state)
    pair.borealis.process.wait_line("refused", 15)
    status = pair.borealis.json("status", code=4)
    equal("role", status["role"], "refused")
    contains("the remedy", status["message"], f"hms peers add {pair.borealis.node.v4}")
    added = pair.atlas.cli("peers", "add", pair.borealis.node.v4)
    at = time.time()
    pair.borealis.process.wait_line("HMS ready", 15)
    t.note(f"in {time.time() - at:.1f} s after `hms peers add`")
    contains("what is said", added.err, "is registered")
    pair.together()


@scenario("r-primary-killed", "(r) the primary is killed: the other one leads, and says so", takes=25)
def r_primary_killed(t):
    pair = Pair(t)
    ann = pair.host("ann", pair.borealis)
    at = pair.atlas.kill()
    _, seen = until("borealis leads", lambda: pair.borealis.json("status")["role"] == "primary", 20)
    t.note(f"primary {between('time', seen - at, 0, 15):.1f} s later")
    pair.borealis.process.wait_line("this HMS is the primary now: atlas is down", 5)
    equal("the host stays", ann.me()["registered"], True)
    contains("peers", pair.borealis.cli("peers").out, "atlas", "down")
    pair.atlas.serve()
    until("atlas is in again", lambda: pair.atlas.json("status")["role"] == "secondary", 10)


@scenario("r-revoked", "(r) what is revoked at one is in force at the other", takes=10)
def r_revoked(t):
    pair = Pair(t)
    eve = pair.host("eve", pair.borealis)
    revoked = pair.atlas.json("revoke", "eve")
    equal("missing", revoked["missing"], [])
    eve.process.wait_exit(4, 5)
    until("no row at borealis", lambda: not pair.borealis.rows(), 3)
    pair.borealis.kill()
    late = pair.atlas.cli("realm", "new", "acme", code=1)
    contains("who lacks it", late.err, "HMS borealis has not stored it yet")
    pair.borealis.serve()
    until("borealis has the realm", lambda: "acme" in pair.borealis.json("status")["realms"], 5)
