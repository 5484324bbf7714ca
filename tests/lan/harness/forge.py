"""Attackers and odd hosts: spoofed sources, and a host in Python that does as it is told."""

import os
import socket
import struct
import threading
import time

from . import wire
from .waiting import Failure


def spoof(node, source, target, data):
    """Sends a UDP datagram over IPv4 from any source address and port that one likes."""
    with Spoofer(node) as spoofer:
        spoofer.send(source, target, data)


class Spoofer:
    """The same, many times."""

    def __init__(self, node):
        with node.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, source, target, data):
        udp = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0) + data
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                           socket.inet_aton(source[0]), socket.inet_aton(target[0]))
        self.socket.sendto(head + udp, target)

    def multicast(self, ip):
        """Groups are reached over the interface with this address, whatever the source."""
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ip))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def udp_socket(node, ip="0.0.0.0", port=0):
    with node.inside():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((ip, port))
    return opened


class Responder:
    """Answers multicast DISCOVERs and unicast datagrams on port 6710, as a rogue machine would."""

    def __init__(self, node, answer):
        self.answer, self.seen, self.open = answer, [], True
        self.socket = udp_socket(node, port=6710)
        member = struct.pack("4s4s", socket.inet_aton("239.255.67.10"), socket.inet_aton(node.v4))
        with node.inside():
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self.socket.settimeout(0.2)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.open:
            try:
                data, source = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            if len(data) < 48:
                continue
            message = wire.Message(data)
            self.seen.append(message)
            for reply in self.answer(message, source):
                self.socket.sendto(reply, source)

    def close(self):
        self.open = False
        self.thread.join(1.0)
        self.socket.close()


class MiniHost:
    """A host of one's own making, from one socket: registers, beats, leaves, lies on request."""

    def __init__(self, node, token, hms, port=0, name=None):
        self.token = wire.Token(token)
        self.hms, self.name = hms, name or self.token.user
        self.socket = udp_socket(node, port=port)
        self.local = (node.v4, self.socket.getsockname()[1])
        self.instance, self.stamp, self.content = os.urandom(8), 0, 1
        self.session = self.key = None
        self.sequence, self.incarnation = 0, bytes(4)

    def close(self):
        self.socket.close()

    def header(self, kind, flags=0, session=bytes(8), sequence=0):
        return wire.header(kind, flags, self.token.epoch, self.token.realm, self.token.id,
                           session, sequence)

    def exchange(self, datagram, kinds, within=2.0):
        """Sends, and waits for its answer of one of the kinds; None stands for silence."""
        self.socket.sendto(datagram, self.hms)
        sequence = wire.Message(datagram).sequence
        deadline = time.time() + within
        while (left := deadline - time.time()) > 0:
            self.socket.settimeout(left)
            try:
                data, _ = self.socket.recvfrom(2048)
            except TimeoutError:
                break
            message = wire.Message(data)
            if message.type in kinds and message.sequence == sequence:
                return message
        return None

    def init(self, nonce):
        return wire.seal(self.token.key, self.header(wire.INIT, sequence=nonce)
                         + bytes([1, 1]) + bytes(18))

    def register_datagram(self, nonce, cookie, reported=(), takeover=False):
        body = struct.pack(">8s8sQI4sI8s", cookie, self.instance, self.stamp, self.content,
                           bytes(4), 0, bytes(8))
        tlvs = wire.tlv(wire.USER_NAME, self.token.user.encode())
        tlvs += wire.tlv(wire.HOST_NAME, self.name.encode())
        if reported:
            tlvs += wire.tlv(wire.REPORTED, b"".join(wire.address(*one) for one in reported))
        head = self.header(wire.REGISTER, wire.TAKEOVER if takeover else 0, sequence=nonce)
        return wire.seal(self.token.key, head + body + tlvs)

    def register(self, reported=(), takeover=False):
        """INIT, CHALLENGE, REGISTER; returns the answer (REGISTERED or REJECT)."""
        nonce = int.from_bytes(os.urandom(8), "big")
        challenge = self.exchange(self.init(nonce), (wire.CHALLENGE, wire.REJECT, wire.HINT))
        if challenge is None:
            raise Failure(f"{self.name}: no answer to INIT")
        if challenge.type != wire.CHALLENGE:
            return challenge
        cookie = challenge.argument
        answer = self.exchange(self.register_datagram(nonce, cookie, reported, takeover),
                               (wire.REGISTERED, wire.REJECT))
        if answer is None:
            raise Failure(f"{self.name}: no answer to REGISTER")
        if answer.type == wire.REGISTERED:
            self.session = wire.session_id(self.token.key, nonce, cookie)
            self.key = wire.session_key(self.token.key, self.session)
            self.incarnation, self.sequence = answer.incarnation, 0
            if not answer.signed_by(self.key):
                raise Failure("the tag of REGISTERED does not hold under the session key")
        return answer

    def heartbeat_datagram(self, cookie=b"", sequence=None):
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        return heartbeat(self.token, self.session, sequence, self.incarnation, self.content, cookie)

    def heartbeat(self, within=2.0):
        """One heartbeat, with the challenge echoed if there is one; returns the last answer."""
        kinds = (wire.ACK, wire.CHALLENGE, wire.SUPERSEDED, wire.REREGISTER, wire.REJECT)
        answer = self.exchange(self.heartbeat_datagram(), kinds, within)
        if answer and answer.type == wire.CHALLENGE:
            answer = self.exchange(self.heartbeat_datagram(answer.argument), kinds, within)
        return answer


def heartbeat(token, session, sequence, incarnation, content=1, cookie=b""):
    """A heartbeat with a tag that holds, of any session of the token's user."""
    head = wire.header(wire.HEARTBEAT, wire.COOKIE if cookie else 0, token.epoch, token.realm,
                       token.id, session, sequence)
    body = struct.pack(">I4sI8s", content, incarnation, 0, bytes(8)) + cookie
    return wire.seal(wire.session_key(token.key, session), head + body)
