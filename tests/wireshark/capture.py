"""Writes datagrams as a capture file: raw IP, UDP, one packet each."""

import ipaddress
import struct

HMS_PORT = 6710
LINK_RAW = 101
NANOSECONDS = 0xA1B23C4D
BEGIN = 1_700_000_000_000_000_000


class Packet:
    """One datagram; by default from a host to an HMS, a second after the one before."""

    def __init__(self, payload, after=1.0, answer=False, ports=(40000, HMS_PORT), cut=None,
                 hosts=("192.0.2.7", "10.1.0.1")):
        self.payload, self.after, self.cut = payload, after, cut
        self.ports, self.hosts = (ports[::-1], hosts[::-1]) if answer else (ports, hosts)

    def bytes(self):
        udp = struct.pack("!HHHH", *self.ports, 8 + len(self.payload), 0) + self.payload
        source, destination = (ipaddress.ip_address(host).packed for host in self.hosts)
        if len(source) == 16:
            # UDP over IPv6 needs a checksum; tshark does not look at it unless it is told to.
            udp = udp[:6] + b"\xff\xff" + udp[8:]
            return struct.pack("!IHBB16s16s", 6 << 28, len(udp), 17, 64, source, destination) + udp
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, destination)
        return head + udp


def quoted(packet):
    """The ICMP message "port unreachable" about a packet."""
    inner = packet.bytes()
    padded = inner + bytes(len(inner) % 2)
    words = struct.unpack(f"!{len(padded) // 2}H", padded)
    total = 0x0303 + sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    icmp = struct.pack("!BBHI", 3, 3, total ^ 0xFFFF, 0) + inner
    source, destination = (ipaddress.ip_address(host).packed for host in packet.hosts)
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, destination, source) + icmp


def write(path, packets):
    """`packets`: of the class above, payloads, or (bytes of an IP packet, seconds after the one before)."""
    now = BEGIN
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", NANOSECONDS, 2, 4, 0, 0, 65535, LINK_RAW))
        for packet in packets:
            if isinstance(packet, bytes):
                packet = Packet(packet)
            if isinstance(packet, tuple):
                data, after, cut = packet[0], packet[1], None
            else:
                data, after, cut = packet.bytes(), packet.after, packet.cut
            now += round(after * 1_000_000_000)
            kept = data if cut is None else data[:len(data) - cut]
            out.write(struct.pack("<IIII", now // 10**9, now % 10**9, len(kept), len(data)) + kept)
