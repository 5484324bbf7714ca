"""Sockets: one UDP socket for each family, the multicast groups, and the loop on select."""
import fcntl
import pathlib
import select
import socket
import struct
import time

from .discovery import GROUPS

GROUP4, GROUPS6, PORT = "239.255.67.10", (("ff12::6710", 1), ("ff15::6710", 8)), 6710
IFF_UP, IFF_LOOPBACK, IFF_MULTICAST = 0x1, 0x8, 0x1000
LONGEST_WAIT = 0.5


def usable_interfaces(override=None):
    """(used, {name: why not}) by R-DSC-07."""
    used, loopbacks, why = [], [], {}
    for index, name in socket.if_nameindex():
        folder = pathlib.Path("/sys/class/net") / name
        flags = int((folder / "flags").read_text(), 16) if folder.exists() else 0
        if override:
            if name in override:
                used.append((index, name))
            continue
        if not flags & IFF_UP:
            why[name] = "down"
        elif not flags & IFF_MULTICAST and not flags & IFF_LOOPBACK:
            why[name] = "no multicast"
        elif flags & IFF_LOOPBACK:
            why[name] = "loopback"
            loopbacks.append((index, name))
        elif (folder / "brport").exists():
            why[name] = "enslaved to a bridge"
        elif name.startswith(("docker", "virbr", "br-", "veth")):
            why[name] = "container bridge"
        else:
            used.append((index, name))
    return used or loopbacks, why


def ipv4_of(name):
    """The IPv4 address of an interface, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            raw = fcntl.ioctl(probe, 0x8915, struct.pack("256s", name.encode()))
        except OSError:
            return None
    return socket.inet_ntoa(raw[20:24])


class Net:
    def __init__(self, bind4="0.0.0.0", bind6="::", interfaces=None):
        self.interfaces, self.excluded = usable_interfaces(interfaces)
        self.sockets = {}
        for family, bind in ((socket.AF_INET, bind4), (socket.AF_INET6, bind6)):
            try:
                sock = socket.socket(family, socket.SOCK_DGRAM)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((bind, 0))
                sock.setblocking(False)
                self.sockets[family] = sock
            except OSError:
                continue
        self.listener = None
        self.trace = None               # called with ("in" or "out", address, datagram)

    def close(self):
        for sock in [*self.sockets.values(), self.listener]:
            if sock:
                sock.close()

    def listen_for_announces(self):
        """R-DSC-05, IPv4 only: the port is shared with an HMS on this machine."""
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((GROUP4, PORT))
        self.listener.setblocking(False)
        for index, name in self.interfaces:
            request = struct.pack("4s4si", socket.inet_aton(GROUP4), bytes(4), index)
            try:
                self.listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            except OSError as problem:
                self.excluded[name] = str(problem)

    # ---- sending

    def send(self, datagram, destination):
        if destination == GROUPS:
            return self._send_to_groups(datagram)
        ip, port = destination
        if ":" in ip:
            plain, _, scope = ip.partition("%")
            index = socket.if_nametoindex(scope) if scope and not scope.isdigit() else int(scope or 0)
            return self._send(socket.AF_INET6, datagram, (plain, port, 0, index))
        return self._send(socket.AF_INET, datagram, (ip, port))

    def _send(self, family, datagram, to):
        sock = self.sockets.get(family)
        if sock is None:
            return
        if self.trace:
            self.trace("out", to, datagram)
        try:
            sock.sendto(datagram, to)
        except OSError:
            pass            # unreachable is the same as unanswered

    def _send_to_groups(self, datagram):
        for index, name in self.interfaces:
            four, six = self.sockets.get(socket.AF_INET), self.sockets.get(socket.AF_INET6)
            if four and ipv4_of(name):
                request = struct.pack("4s4si", bytes(4), bytes(4), index)
                four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
                four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
                self._send(socket.AF_INET, datagram, (GROUP4, PORT))
            if six:
                for group, hops in GROUPS6:
                    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
                    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
                    self._send(socket.AF_INET6, datagram, (group, PORT, 0, index))

    def local_address(self, target):
        """The own address that a datagram to the target leaves from (nothing is sent)."""
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        sock = self.sockets.get(family)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target[0].partition("%")[0], target[1]))
                return (probe.getsockname()[0], sock.getsockname()[1])
            except (OSError, AttributeError):
                return None

    # ---- the loop

    def turn(self, host, now, until):
        """Sends what stands in out, waits for datagrams or the next timer, and hands on what came."""
        self.flush(host)
        wait = max(0.0, min(host.next_time(), until, now + LONGEST_WAIT) - now)
        sockets = [s for s in [*self.sockets.values(), self.listener] if s]
        for sock in select.select(sockets, [], [], wait)[0]:
            self._receive(sock, host)
        host.tick(time.monotonic())
        self.flush(host)

    def flush(self, host):
        while host.out:
            self.send(*host.out.pop(0))

    def _receive(self, sock, host):
        for _ in range(64):
            try:
                data, source = sock.recvfrom(2048)
            except OSError:
                return
            if self.trace:
                self.trace("in", source, data)
            ip = source[0].partition("%")[0]
            if len(source) == 4 and source[3]:
                ip += "%%%d" % source[3]
            host.receive(time.monotonic(), data, (ip, source[1]))
