#!/usr/bin/env python3
"""Makes the captures beside it anew, from real runs of the built programs in network namespaces. Needs root, iproute2,
tcpdump and tshark.

    tests/captures/make.py --binary target/debug/hms                 all of them
    tests/captures/make.py --binary target/debug/hms --only replay   one, or all whose name contains the text

Each gets NAME.pcap or NAME.pcapng, its keys and NAME.json: what is in it, as hms-dissect and tshark say. Read that
before you commit it: it says what the capture shows from then on.
"""

import argparse
import os
import shutil
import signal
import struct
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TESTS, "lan"), os.path.join(TESTS, "wireshark")]
sys.dont_write_bytecode = True

from harness import sandbox, wire  # noqa: E402
from harness.forge import MiniHost, spoof  # noqa: E402
from harness.runner import Test  # noqa: E402
from harness.waiting import until  # noqa: E402
from harness.world import Behind, World, hosts_config  # noqa: E402
import samples  # noqa: E402

MAKERS = []


def maker(function):
    MAKERS.append(function)
    return function


class Tape:
    """tcpdump at a device in a namespace, from when it listens until `end`."""

    def __init__(self, t, namespace, name, device="eth0", options=(), what="udp"):
        self.path = os.path.join(HERE, f"{name}.pcap")
        self.process = t.process(namespace, ["tcpdump", "-i", device, "-U", "--immediate-mode", "-Z", "root", "-n",
                                             *options, "-w", self.path, what], None, "tcpdump")
        self.process.wait_line("listening on", 10)

    def end(self):
        time.sleep(0.3)  # what is on its way
        self.process.signal(signal.SIGINT)
        self.process.wait_exit(0)
        os.chmod(self.path, 0o644)


class Told(Tape):
    """`hms capture`: with what the HMS made of each datagram."""

    def __init__(self, t, hms, name):
        self.path = os.path.join(HERE, f"{name}.pcapng")
        self.process = t.process(hms.node, hms.command("capture", "--force", "-w", self.path, "--state", hms.state), None, "capture")
        until("the capture began", lambda: os.path.exists(self.path) and os.path.getsize(self.path) > 0, 10)


def keep(hms, name):
    """The secrets of an HMS that nobody runs any more."""
    shutil.copyfile(os.path.join(hms.state, "secrets.json"), os.path.join(HERE, f"{name}.secrets.json"))


def join(world, *names, family=None):
    """Hosts by tokens that carry an address of the HMS."""
    address = next(ip for ip in world.server.addresses(family or 4) if not ip.startswith("fe80"))
    place = f"[{address}]:6710" if ":" in address else f"{address}:6710"
    for name in names:
        world.hosts[name] = world.t.host(world.net.node(name, world.lan))
        world[name].join(world.hms.token(name, "--address", place))


def life(world, *names, family=None):
    """They come, change, are heard once more, and the last one leaves."""
    join(world, *names, family=family)
    world[names[0]].set("state=participating", "conference=board")
    until("seen", lambda: world[names[-1]].listed()[names[0]]["conference"] == "board", 6)
    world[names[-1]].cli("leave")
    until("left", lambda: names[-1] not in world.hms.rows(), 5)


@maker
def v4(t):
    world = World(t, config=hosts_config())
    tape = Tape(t, world.server, "v4")
    life(world, "anna", "bob")
    tape.end()
    keep(world.hms, "v4")


@maker
def v6(t):
    world = World(t, config=hosts_config(), families="6")
    tape = Tape(t, world.server, "v6")
    life(world, "anna", "bob", family=6)
    tape.end()
    # Tokens open the datagrams of their users: no HMS is needed.
    with open(os.path.join(HERE, "v6.tokens"), "w", encoding="utf-8") as file:
        for name in ("anna", "bob"):
            file.write(world.hms.token(name) + "\n")


@maker
def vlan(_t):
    """What is in v4.pcap, each frame with the tag of VLAN 7: not every kernel has such interfaces."""
    with open(os.path.join(HERE, "v4.pcap"), "rb") as file:
        head, rest = file.read(24), file.read()
    with open(os.path.join(HERE, "vlan.pcap"), "wb") as file:
        file.write(head)
        while rest:
            seconds, part, kept, length = struct.unpack("<IIII", rest[:16])
            frame, rest = rest[16:16 + kept], rest[16 + kept:]
            file.write(struct.pack("<IIII", seconds, part, kept + 4, length + 4))
            file.write(frame[:12] + bytes.fromhex("81000007") + frame[12:])
    shutil.copyfile(os.path.join(HERE, "v4.secrets.json"), os.path.join(HERE, "vlan.secrets.json"))


@maker
def fragment(t):
    """An HMS sends nothing that would have to be cut; a relay may: the hosts are behind one, on a narrow segment."""
    world = World(t, config=hosts_config("30s"))
    minis(t, world.net.node("many", world.lan), world.hms, 12)
    behind = Behind(world)
    behind.node.ip("link set eth1 mtu 576")
    tape = Tape(t, behind.node, "fragment", device="eth1", what="ip proto 17")
    behind.add("anna")
    until("the copy", lambda: len(world["anna"].listed()) == 13, 6)
    tape.end()
    keep(world.hms, "fragment")


@maker
def truncated(t):
    world = World(t, config=hosts_config())
    tape = Tape(t, world.server, "truncated", options=("-s", "110"))
    life(world, "anna", "bob")
    tape.end()
    keep(world.hms, "truncated")


@maker
def multicast(t):
    world = World(t, config=hosts_config(), join=None)
    tape = Tape(t, world.server, "multicast", device="any")
    world.hms.serve()
    world.add("anna")
    world["anna"].cli("leave")
    until("left", lambda: not world.hms.rows(), 5)
    world.hms.stop()
    tape.end()
    keep(world.hms, "multicast")


def overheard(world):
    """Two heartbeats of anna, as a machine on the LAN overhears them."""
    join(world, "anna")
    until("heartbeats", lambda: len(world.capture.of(wire.HEARTBEAT)) >= 2, 10)
    return world.capture.of(wire.HEARTBEAT)[:2]


@maker
def wrong_tag(t):
    world = World(t, config=hosts_config("2s"))
    told = Told(t, world.hms, "wrong-tag")
    beats = overheard(world)
    eve = world.net.node("eve", world.lan)
    for later, beat in enumerate(beats, 100):
        number = (beat.message.sequence + later).to_bytes(8, "big")
        spoof(eve, (eve.v4, 7000), beat.target, beat.data[:24] + number + beat.data[32:])
    told.end()
    keep(world.hms, "wrong-tag")


@maker
def replay(t):
    world = World(t, config=hosts_config("2s"))
    told = Told(t, world.hms, "replay")
    eve = world.net.node("eve", world.lan)
    for beat in overheard(world):
        spoof(eve, (eve.v4, 7000), beat.target, beat.data)
    told.end()
    keep(world.hms, "replay")


@maker
def revoked(t):
    world = World(t, config=hosts_config("2s"))
    bob = t.host(world.net.node("bob", world.lan))
    token = world.hms.token("bob", "--address", world.server.v4)
    world.hms.cli("revoke", "bob")
    told = Told(t, world.hms, "revoked")
    bob.join(token, wait=False).process.wait_exit(4, 10)
    told.end()
    keep(world.hms, "revoked")


def minis(t, node, hms, count):
    """Hosts in Python, from one machine: they register, and that is all."""
    made = []
    for number in range(1, count + 1):
        name = f"room-{number}"
        token = hms.token(name, "--address", hms.node.v4)
        made.append(t.closing(MiniHost(node, token, (hms.node.v4, 6710), name=name)))
        made[-1].register()
    until("registered", lambda: len(hms.rows()) == count, 10)
    return made


class Pair:
    """atlas and borealis, members of one cluster, stopped: what comes is in the capture from the first handshake on."""

    def __init__(self, t, name, check_time):
        self.t, self.name, self.net = t, name, t.net()
        self.lan = self.net.lan()
        self.atlas = t.hms(self.net.node("atlas", self.lan), "atlas", hosts_config(check_time)).serve()
        self.borealis = t.hms(self.net.node("borealis", self.lan), "borealis", hosts_config(check_time))
        self.borealis.serve("--join", self.atlas.cli("token", "--hms", "--bare").out.strip())
        self.together()
        self.borealis.stop()
        self.atlas.stop()

    def serve(self, hms):
        return hms.serve("--keylog", os.path.join(hms.state, "link.keys"))

    def together(self):
        until("a pair", lambda: all(rows and rows[0]["status"] == "up" for rows in
                                    (self.atlas.json("peers"), self.borealis.json("peers"))), 20)

    def keep(self):
        keep(self.atlas, self.name)
        lines = set()
        for hms in (self.atlas, self.borealis):
            with open(os.path.join(hms.state, "link.keys"), encoding="utf-8") as file:
                lines |= {line for line in file if line.startswith("LINK ")}
        with open(os.path.join(HERE, f"{self.name}.keylog"), "w", encoding="utf-8") as file:
            file.writelines(sorted(lines))


@maker
def failover(t):
    pair = Pair(t, "failover", "2s")
    # A bridge hands what it forwards to whoever listens at it.
    tape = Tape(t, pair.lan, "failover", device="br0")
    pair.serve(pair.atlas)
    pair.serve(pair.borealis)
    pair.together()
    anna = t.host(pair.net.node("anna", pair.lan)).join(pair.atlas.token("anna", "--address", pair.atlas.node.v4))
    until("both know anna", lambda: "anna" in pair.borealis.rows(), 5)
    pair.atlas.kill()
    until("anna is at borealis", lambda: anna.who()["hms"] == "borealis", 15)
    tape.end()
    pair.keep()


@maker
def full_copy(t):
    pair = Pair(t, "full-copy", "30s")
    pair.serve(pair.atlas)
    minis(t, pair.net.node("many", pair.lan), pair.atlas, 20)
    both = f"udp and host {pair.atlas.node.v4} and host {pair.borealis.node.v4}"
    tape = Tape(t, pair.borealis.node, "full-copy", what=both)
    pair.serve(pair.borealis)
    until("the copy", lambda: len(pair.borealis.rows()) == 20, 10)
    tape.end()
    pair.keep()


def make(chosen, options):
    binary = os.path.abspath(options.binary)
    for one in chosen:
        name = one.__name__.replace("_", "-")
        if not options.expectations:
            t = Test(name, binary)
            try:
                one(t)
            finally:
                t.finish(None)
        expect(name, os.path.join(os.path.dirname(binary), "hms-dissect"))
    return 0


def expect(name, program):
    """Writes down what is in it."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        sample = samples.Sample(name, directory)
        size = os.path.getsize(sample.capture)
        sample.write(sample.contents(program))
    print(f"{name}: {size} bytes" + (f", above {samples.LARGEST}" if size > samples.LARGEST else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="hms; hms-dissect stands beside it")
    parser.add_argument("--only", action="append", metavar="NAME", help="may be given several times")
    parser.add_argument("--expectations", action="store_true", help="only write down anew what is in them")
    options = parser.parse_args()
    chosen = [one for one in MAKERS
              if not options.only or any(text in one.__name__.replace("_", "-") for text in options.only)]
    if options.expectations:
        return make(chosen, options)
    if os.geteuid() != 0 or not shutil.which("tcpdump"):
        sys.exit("needs root and tcpdump (Debian: apt-get install tcpdump)")
    return sandbox.enter(lambda: make(chosen, options))


if __name__ == "__main__":
    sys.exit(main())
