"""An HMS between two captures: tcpdump at its interface, and its own."""

import os
import signal
import time

from .pcap import read_pcap, read_pcapng
from .forge import udp_socket
from .waiting import check, until
from .world import hosts_config

DISCARD = 9  # a port of nobody here


class Taped:
    """An HMS with tcpdump beside it from before it starts, and `hms capture` at it."""

    def __init__(self, t, node, public):
        self.t, self.node, self.name = t, node, node.name
        self.tape, self.own = (os.path.join(public, f"{node.name}.{end}") for end in ("pcap", "pcapng"))
        self.tcpdump = t.process(node, ["tcpdump", "-i", "eth0", "-n", "-U", "--immediate-mode", "-B", "16384",
                                        "-Z", "root", "-w", self.tape, "udp"], None, f"{node.name} tcpdump")
        self.tcpdump.wait_line("listening on", 10)
        self.hms = t.hms(node, node.name, hosts_config("3s"))
        self.keylog = os.path.join(self.hms.state, "link.keys")

    def serve(self, *arguments, within=10):
        self.hms.serve("--keylog", self.keylog, *arguments, within=within)
        # What is counted while the capture begins may be in it or not: status is read on both sides.
        self.before = [self.hms.json("status")]
        self.capture = self.t.process(self.node, self.hms.command(
            "capture", "-w", self.own, "--state", self.hms.state), None, f"{self.name} capture")
        self.begin = self.capture.wait_line("capturing what", 10).at
        self.before.append(self.hms.json("status"))

    def end(self, other):
        """`other`: an address to which a last datagram can go."""
        self.finish = time.time()
        self.after = [self.hms.json("status")]
        self.capture.signal(signal.SIGINT)
        self.capture.wait_exit(0)
        self.after.append(self.hms.json("status"))
        check("missing" not in self.capture.text(), self.capture.text())
        self.drained(other)
        self.tcpdump.signal(signal.SIGINT)
        self.tcpdump.wait_exit(0)
        check("\n0 packets dropped by kernel" in self.tcpdump.text("err"), self.tcpdump.text("err"))
        for path in (self.tape, self.own):
            os.chmod(path, 0o644)
        self.wired, self.captured = read_pcap(self.tape), read_pcapng(self.own)

    def drained(self, other):
        """tcpdump has written all that went before, once it has written this."""
        mark = os.urandom(32)
        with udp_socket(self.node) as socket:
            socket.sendto(mark, (other, DISCARD))

        def written():
            with open(self.tape, "rb") as file:
                return mark in file.read()
        until("tcpdump has written the last datagram", written, 20)

    def counted(self, of):
        """(at least, at most) what a counter of `hms status` gained while it captured."""
        before, after = ([of(status) for status in side] for side in (self.before, self.after))
        return after[0] - before[1], after[1] - before[0]
