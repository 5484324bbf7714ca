"""(t) Two HMSs at two sites, and what becomes of hosts when one of two stands still or is gone."""

import os
import signal
import time

from harness.product import same_everywhere
from harness.runner import scenario
from harness.waiting import between, check, equal, until
from harness.world import hosts_config
from scenarios.r_pair import Pair


class Sites:
    """atlas and borealis, each in a LAN of its own with a router between; `[[prefer]]` names the near one."""

    def __init__(self, t):
        self.t, self.net = t, t.net()
        self.lans = {"atlas": self.net.lan("east"), "borealis": self.net.lan("west")}
        self.net.router(*self.lans.values())
        blocks = "".join(f'[[prefer]]\nprefix = "{lan.v4}"\nhms = "{name}"\n' for name, lan in self.lans.items())
        self.atlas, self.borealis = (t.hms(self.node(name, name), name, hosts_config() + blocks)
                                     for name in self.lans)
        self.atlas.serve()
        self.borealis.serve("--join", self.atlas.cli("token", "--hms", "--bare").out.strip())

    def node(self, name, near):
        node = self.net.node(name, self.lans[near])
        node.ip(f"route add default via {self.lans[near].v4[1]}")
        return node

    def host(self, name, near, *token):
        """A host in the LAN of that HMS, with a token that was printed at the other one."""
        hms = self.atlas if near == "borealis" else self.borealis
        return self.t.host(self.node(name, near)).join(hms.token(name, *token))


def wait_via(hms, wanted, within, since=None):
    """The rows say where each host is; returns when."""
    def right():
        return {user: row["via"] for user, row in hms.rows().items()} == wanted
    return until(f"{hms.name}: {wanted}", right, within, since)[1]


@scenario("t-sites", "(t) two LANs, an HMS in each, a router: each host at its near one, every list has all,"
          " and each row says where", takes=30)
def t_sites(t):
    sites = Sites(t)
    borealis = sites.borealis.node.v4
    hosts = [sites.host("ann", "atlas", "--multicast"), sites.host("bob", "borealis", "--multicast"),
             sites.host("cyd", "atlas", "--address", sites.atlas.node.v4),
             sites.host("dot", "borealis", "--address", borealis)]
    users = {host.name for host in hosts}
    via = {"ann": "atlas", "cyd": "atlas", "bob": "borealis", "dot": "borealis"}
    since = time.time()
    for hms in (sites.atlas, sites.borealis):
        at = same_everywhere(f"lists as at {hms.name}", hms, hosts, users, 6, since)
        t.note(f"lists as at {hms.name} {at - since:.1f} s after all joined")
        wait_via(hms, via, 1)
    for host in hosts:
        # The name of an HMS comes with the answer to a heartbeat.
        until(f"via in the list of {host.name}",
              lambda host=host: {user: row["via"] for user, row in host.listed().items()} == via, 5)

    t.step("the HMS of one site is gone: its hosts are at the other, across the router")
    gone = sites.borealis.kill()
    at = wait_via(sites.atlas, dict.fromkeys(users, "atlas"), 20, gone)
    t.note(f"hosts of borealis at atlas {at - gone:.1f} s after its end")
    same_everywhere("lists", sites.atlas, hosts, users, 6, time.time())


@scenario("t-first-time", "(t) who never registered joins while the primary is down: by its token, and by multicast",
          takes=20)
def t_first_time(t):
    pair = Pair(t)
    ann = pair.host("ann", pair.borealis)
    # From before, and with the addresses of both, as `hms token` prints them.
    bob_s, cyd_s = pair.atlas.token("bob"), pair.atlas.token("cyd", "--multicast")
    pair.atlas.kill()
    at = time.time()
    bob, cyd = (t.host(pair.net.node(name, pair.lan)) for name in ("bob", "cyd"))
    bob.join(bob_s, wait=False)
    cyd.join(cyd_s, wait=False)
    for host in (bob, cyd):
        line = host.process.wait_line("registered at", 10, "out")
        t.note(f"{host.name} registered {line.at - at:.1f} s after the primary was killed")
    hosts, users = [ann, bob, cyd], {"ann", "bob", "cyd"}
    same_everywhere("lists", pair.borealis, hosts, users, 6, time.time())
    equal("who leads", pair.borealis.json("status")["role"] in ("primary", "secondary"), True)
    # One that the other HMS made while it was alone.
    dot = pair.host("dot", pair.borealis)
    pair.atlas.serve()
    until("atlas is in again", lambda: pair.atlas.json("status")["role"] in ("primary", "secondary"), 10)
    same_everywhere("lists", pair.atlas, [*hosts, dot], users | {"dot"}, 8, time.time())


@scenario("t-stands-still", "(t) the primary stands still until the other leads, and goes on: one primary again within"
          " 12 s, one table", takes=40)
def t_stands_still(t):
    pair = Pair(t)
    ann, bob = pair.host("ann", pair.atlas), pair.host("bob", pair.borealis)
    pid = pair.atlas.process.pid
    os.kill(pid, signal.SIGSTOP)
    stopped = time.time()
    try:
        until("borealis leads", lambda: pair.borealis.json("status")["role"] == "primary", 20, stopped)
        # Meanwhile its host has gone to the other one, a new one came, and something changed.
        wait_via(pair.borealis, {"ann": "borealis", "bob": "borealis"}, 20, stopped)
        cyd = pair.host("cyd", pair.borealis)
        bob.set("state=participating", "conference=board")
        time.sleep(max(0.0, stopped + 14 - time.time()))
    finally:
        os.kill(pid, signal.SIGCONT)
    went_on, users = time.time(), {"ann", "bob", "cyd"}

    def one_leads():
        roles = [hms.json("status")["role"] for hms in (pair.atlas, pair.borealis)]
        seen = [hms.json("peers")[0] for hms in (pair.borealis, pair.atlas)]
        # It keeps its seat, which is the senior one.
        return roles == ["primary", "secondary"] and [row["role"] for row in seen] == roles and \
            all(row["status"] == "up" for row in seen)
    until("one primary", one_leads, 12, went_on)
    at = time.time()
    t.note(f"stood still for {went_on - stopped:.1f} s; one primary {between('time', at - went_on, 0, 12):.1f} s later")
    for hms in (pair.atlas, pair.borealis):
        same_everywhere(f"lists as at {hms.name}", hms, [ann, bob, cyd], users, 8, went_on + 4)
    tables = [{user: (row["via"], row["conference"], row["state"]) for user, row in hms.rows().items()}
              for hms in (pair.atlas, pair.borealis)]
    equal("the table at atlas", tables[0], tables[1])
    check(tables[0]["bob"][1] == "board", f"what changed meanwhile: {tables[0]}")
