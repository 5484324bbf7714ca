"""Packet capture: what really went over a wire, with the kernel's times."""

import socket
import struct
import threading
import time

from . import wire
from .process import stamp
from .waiting import Failure

ETH_P_ALL, SO_TIMESTAMPNS, PACKET_OUTGOING = 3, 35, 4
SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33


class Datagram:
    """One UDP datagram seen at an interface."""

    def __init__(self, at, source, target, data, outgoing):
        self.at, self.source, self.target, self.data = at, source, target, data
        self.outgoing = outgoing
        self.message = wire.Message(data) if len(data) >= 48 else None

    @property
    def type(self):
        return self.message.type if self.message else None

    def __repr__(self):
        what = self.message.name if self.message else "?"
        extra = ""
        if self.message:
            extra = f" flags {self.message.flags:#04x} sequence {self.message.sequence}"
            page = self.message.page()
            if page:
                extra += f" page kind {page[0]}, {page[1]} rows, {page[2]} gone"
        return (f"{stamp(self.at)} {show(self.source)} → {show(self.target)} {what}"
                f" {len(self.data)} bytes{extra}")


def show(end):
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"


class Capture:
    """Reads UDP from or to one port (None: any) at a node's interface, both directions, until closed."""

    def __init__(self, node, device="eth0", port=6710):
        self.node, self.device, self.port = node, device, port
        self.datagrams, self.change, self.open = [], threading.Condition(), True
        self.reflex = None  # called with each datagram at once, as by a listener on the LAN
        with node.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((device, ETH_P_ALL))
        self.socket.settimeout(0.2)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.open:
            try:
                frame, notes, _, origin = self.socket.recvmsg(65536, 256)
            except TimeoutError:
                continue
            except OSError:
                if not self.open:
                    return
                time.sleep(0.02)  # the interface is down; the socket stays bound to it
                continue
            at = time.time()
            for level, kind, value in notes:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    at = seconds + nanoseconds / 1e9
            seen = parse(frame)
            if seen and self.port in (None, seen[0][1], seen[1][1]):
                datagram = Datagram(at, *seen, origin[2] == PACKET_OUTGOING)
                with self.change:
                    self.datagrams.append(datagram)
                    self.change.notify_all()
                reflex = self.reflex
                if reflex:
                    reflex(datagram)

    def take(self):
        """All until now; they are not kept any longer."""
        with self.change:
            taken, self.datagrams = self.datagrams, []
        return taken

    def lost(self):
        """How many packets the kernel had no room for since the last call."""
        return struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]

    def find(self, wanted=lambda datagram: True, since=0.0, before=float("inf")):
        with self.change:
            return [one for one in self.datagrams if since <= one.at < before and wanted(one)]

    def of(self, *types, since=0.0, before=float("inf")):
        return self.find(lambda one: one.type in types, since, before)

    def wait(self, what, wanted, within=10.0, since=None):
        """The first datagram from `since` (default: from now on) that is wanted."""
        since = time.time() if since is None else since
        deadline = time.time() + within
        with self.change:
            while True:
                for one in self.datagrams:
                    if one.at >= since and wanted(one):
                        return one
                left = deadline - time.time()
                if left <= 0:
                    raise Failure(f"no {what} on the wire within {within:g} s")
                self.change.wait(left)

    def counts(self, since=0.0, before=float("inf")):
        """{name of the type: number of datagrams}."""
        found = {}
        for one in self.find(since=since, before=before):
            name = one.message.name if one.message else "?"
            found[name] = found.get(name, 0) + 1
        return found

    def close(self):
        self.open = False
        self.thread.join(1.0)
        self.socket.close()

    def log(self):
        with self.change:
            return "".join(f"{one!r}\n" for one in self.datagrams)


def parse(frame):
    """((source ip, port), (target ip, port), payload) of an Ethernet frame with UDP, else None."""
    kind = struct.unpack(">H", frame[12:14])[0]
    if kind == 0x0800 and frame[23] == 17:
        at = 14 + (frame[14] & 15) * 4
        source, target = socket.inet_ntop(socket.AF_INET, frame[26:30]), \
            socket.inet_ntop(socket.AF_INET, frame[30:34])
    elif kind == 0x86dd and frame[20] == 17:
        at = 54
        source, target = socket.inet_ntop(socket.AF_INET6, frame[22:38]), \
            socket.inet_ntop(socket.AF_INET6, frame[38:54])
    else:
        return None
    if len(frame) < at + 8:
        return None
    from_port, to_port, length = struct.unpack(">HHH", frame[at:at + 6])
    return (source, from_port), (target, to_port), frame[at + 8:at + length]
