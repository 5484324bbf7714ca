"""Capture files: what tcpdump wrote at an Ethernet, and what `hms capture` wrote of its own datagrams."""

import struct

from .capture import Datagram, parse
from .waiting import check

SECTION, INTERFACE, PACKET = 0x0a0d0d0a, 1, 6
COMMENT = 1
ETHERNET, RAW = 1, 101


class Packet(Datagram):
    """A datagram in a file. Its number is that of the packet: the first is 1, as in every tool."""

    def __init__(self, number, at, ends, comment=None):
        super().__init__(at, *ends, outgoing=None)
        self.number = number
        self.said = dict(line.split(": ", 1) for line in comment.splitlines()) if comment else {}

    @property
    def key(self):
        """What two captures of one datagram have in common."""
        return self.source, self.target, self.data


def read_pcap(path):
    """All UDP datagrams of a pcap file with microseconds, at an Ethernet."""
    with open(path, "rb") as file:
        data = file.read()
    magic, _, _, _, _, _, link = struct.unpack("<IHHiIII", data[:24])
    check((magic, link) == (0xa1b2c3d4, ETHERNET), f"{path}: magic {magic:#x}, link type {link}")
    at, number, found = 24, 0, []
    while at < len(data):
        seconds, micros, kept, length = struct.unpack("<IIII", data[at:at + 16])
        check(kept == length, f"{path}: packet {number + 1} is cut")
        number, at = number + 1, at + 16 + kept
        ends = parse(data[at - kept:at])
        if ends:
            found.append(Packet(number, seconds + micros / 1e6, ends))
    return found


def read_pcapng(path):
    """All datagrams of a file in the form of R-CAP-01, with their comments."""
    with open(path, "rb") as file:
        data = file.read()
    at, number, found = 0, 0, []
    while at < len(data):
        kind, length = struct.unpack("<II", data[at:at + 8])
        body, at = data[at + 8:at + length - 4], at + length
        if kind == INTERFACE:
            check(struct.unpack("<H", body[:2])[0] == RAW, f"{path}: not raw IP")
        if kind != PACKET:
            continue
        number += 1
        _, high, low, kept, _ = struct.unpack("<IIIII", body[:20])
        packet = body[20:20 + kept]
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        options = dict(read_options(body[20 + kept + -kept % 4:]))
        found.append(Packet(number, (high << 32 | low) / 1e9, parse(bytes(12) + kind + packet),
                            options[COMMENT].decode()))
    return found


def read_options(data):
    while len(data) >= 4:
        code, length = struct.unpack("<HH", data[:4])
        yield code, data[4:4 + length]
        data = data[4 + length + -length % 4:]
