"""(s) Two HMSs with a line of their own between them, beside the LAN of the hosts."""

import json
import time

from harness.net import ip
from harness.runner import scenario
from harness.waiting import between, check, contains, equal, until
from harness.world import hosts_config


class Line:
    """atlas and borealis on the hosts' LAN (eth0) and on a line of their own (eth1), `[peers] bind` there."""

    def __init__(self, t, lan_only=False):
        self.t, self.net, self.lan_only = t, t.net(), lan_only
        self.lan, self.line = self.net.lan(), self.net.lan("line")
        self.atlas, self.borealis = self.hms("atlas"), self.hms("borealis")
        self.pair = (self.atlas, self.borealis)

    def hms(self, name):
        node = self.net.node(name, self.lan)
        node.attach(self.line, device="eth1")
        at_lan, at_line = node.addresses(4)
        listen = f'listen = ["{at_lan}:6710"]\n' if self.lan_only else ""
        hms = self.t.hms(node, name, f'[hms]\nname = "{name}"\n{listen}'
                         f'[peers]\nbind = "{at_line}"\n{hosts_config()}')
        hms.at_lan, hms.at_line = at_lan, at_line
        hms.captures = {device: self.t.capture(node, device) for device in ("eth0", "eth1")}
        return hms

    def serve(self):
        self.atlas.serve()
        self.borealis.serve("--join", self.atlas.cli("token", "--hms", "--bare").out.strip())

    def host(self, name, at):
        return self.t.host(self.net.node(name, self.lan)).join(at.token(name, "--address", at.at_lan))

    def wait_way(self, way, within, since=None):
        """Both say that the other is up, and where its packets come from; returns when."""
        def takes(hms, other):
            rows = hms.json("peers")
            return rows and (rows[0]["status"], rows[0]["address"]) == ("up", f"{getattr(other, way)}:6710")
        latest = 0
        for hms, other in (self.pair, self.pair[::-1]):
            _, at = until(f"{hms.name} has {other.name} over {way}", lambda: takes(hms, other), within, since)
            latest = max(latest, at)
        return latest

    def between_them(self, since, before=float("inf")):
        """Bytes of datagrams between the two in that time, at each interface of atlas."""
        own, other = ({hms.at_lan, hms.at_line} for hms in self.pair)
        def of_them(datagram):
            source, target = datagram.source[0], datagram.target[0]
            return source in own and target in other or source in other and target in own
        return {device: sum(len(one.data) for one in capture.find(of_them, since, before))
                for device, capture in self.atlas.captures.items()}


def passed(node, device):
    """Bytes that an interface has sent and received."""
    link, = json.loads(ip("-n", node.id, "-j", "-s", "link", "show", "dev", device))
    return link["stats64"]["tx"]["bytes"] + link["stats64"]["rx"]["bytes"]


def change(line, host, sees, word):
    """A change at one HMS is seen by a host of the other."""
    host.set("state=participating", f"conference={word}")
    until(f"{word} at the other one", lambda: sees.listed()[host.name]["conference"] == word, 4)


@scenario("s-line", "(s) two HMSs with a line of their own: what they say goes there, over the LAN while it is"
          " cut, and back", takes=50)
def s_line(t):
    line = Line(t)
    line.serve()
    line.wait_way("at_line", 12)
    ann, bob = line.host("ann", line.atlas), line.host("bob", line.borealis)
    until("ann sees bob", lambda: set(ann.listed()) == {"ann", "bob"}, 6)

    t.step("the exchange runs on the line")
    since, before = time.time(), passed(line.atlas.node, "eth1")
    for number in range(5):
        change(line, bob, ann, f"line{number}")
    counted, bytes_there = passed(line.atlas.node, "eth1") - before, line.between_them(since)
    equal("bytes between them on the LAN", bytes_there["eth0"], 0)
    check(counted >= bytes_there["eth1"] >= 1000, f"on the line: {counted}, of them {bytes_there}")
    t.note(f"{counted} bytes on the line, none of theirs on the LAN")

    t.step("the line is cut")
    cut = time.time()
    line.borealis.node.unplug("eth1")
    at = line.wait_way("at_lan", 10, cut)
    t.note(f"over the LAN {between('time', at - cut, 0, 10):.1f} s after the cut")
    since = time.time()
    change(line, bob, ann, "lan")
    check(line.between_them(since)["eth0"] > 0, "nothing between them on the LAN")
    equal("rows at atlas", set(line.atlas.rows()), {"ann", "bob"})

    t.step("the line is back")
    back = time.time()
    line.borealis.node.plug("eth1")
    at = line.wait_way("at_line", 12, back)
    t.note(f"on the line {at - back:.1f} s after it came back")
    since = time.time()
    change(line, bob, ann, "again")
    time.sleep(2.5)  # a PING of each at least
    bytes_there = line.between_them(since)
    equal("bytes between them on the LAN", bytes_there["eth0"], 0)
    check(bytes_there["eth1"] > 0, "nothing on the line")
    for hms in line.pair:
        equal(f"hosts registered anew at {hms.name}", len(hms.rows()), 2)


@scenario("s-line-missing", "(s) hosts are served in the LAN only; the address of `bind` is missing at the start: said,"
          " done without, and taken when it is there", takes=10)
def s_line_missing(t):
    line = Line(t, lan_only=True)
    line.serve()
    line.wait_way("at_line", 12)
    line.borealis.stop()
    address = line.borealis.at_line
    line.borealis.node.ip(f"addr del {address}/24 dev eth1")
    line.borealis.serve()
    said = line.borealis.process.wait_line("[peers] bind", 3)
    contains("what is said", said.text, f"does not have the address {address}")
    line.wait_way("at_lan", 8)
    since = time.time()
    line.borealis.node.ip(f"addr add {address}/24 dev eth1")
    at = line.wait_way("at_line", 15)
    t.note(f"on the line {at - since:.1f} s after it was there")
    ann, since = line.host("ann", line.borealis), time.time()
    until("atlas lists ann", lambda: "ann" in line.atlas.rows(), 4)
    bytes_there = line.between_them(since)
    check(bytes_there["eth1"] > 0 and not bytes_there["eth0"], f"between them: {bytes_there}")
    # Who asks at the address that is for HMSs is no host of theirs.
    bob = t.host(line.net.node("bob", line.line))
    bob.join(line.borealis.token("bob", "--address", address), "--timeout", "2s", wait=False)
    bob.process.wait_exit(3, 8)
    equal("rows", set(line.borealis.rows()), {ann.name})
