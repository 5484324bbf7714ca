"""What captures and forgery need of the wire format (spec 2 and 3), written from the spec alone."""

import base64
import hashlib
import hmac
import ipaddress
import struct

INIT, REGISTER, HEARTBEAT, LEAVE, PULL, FIND, DISCOVER = range(1, 8)
REGISTERED, ACK, LEFT, PAGE, DIGESTS, OFFER = range(0x82, 0x88)
HINT, ANNOUNCE, CHALLENGE, SUPERSEDED, REREGISTER, RETRY, REDIRECT, REJECT = range(0x8e, 0x96)
NAMES = {value: name for name, value in list(globals().items()) if name.isupper()}
REQUESTS = (INIT, REGISTER, HEARTBEAT, LEAVE, PULL, FIND, DISCOVER)
ANSWERS = (REGISTERED, ACK, LEFT, PAGE, DIGESTS, OFFER, CHALLENGE, SUPERSEDED, REREGISTER, RETRY, REDIRECT,
           REJECT)
SHORT = (CHALLENGE, SUPERSEDED, REREGISTER, RETRY, REDIRECT, REJECT, LEFT)
FIXED = {INIT: 20, REGISTER: 44, LEAVE: 20, PULL: 20, FIND: 20, DISCOVER: 20, REGISTERED: 44,
         ACK: 20, PAGE: 12, DIGESTS: 24, OFFER: 20}

# flags
COOKIE, WANT, CONTENT = 0x01, 0x02, 0x04
TAKEOVER = 0x02
ACK_WANT_CONTENT, ACK_RESYNC, ACK_EQUAL = 0x01, 0x02, 0x04
PUSH = 0x01
UNAUTHENTICATED = 0x80

# TLVs
USER_NAME, HOST_NAME, REPORTED, PORTS, SERVICE, STATE, CONFERENCE, FIXED_ADDRESS = range(1, 9)
VIEW, OBSERVED, HMS = 0x10, 0x20, 0x21
PAGE_INFO, ENTRY, GONE, TLV_ADDRESS, PAD = 0x30, 0x31, 0x32, 0x36, 0x7f

REVOKED, NAME, TAKEN, FULL, RATE = 1, 2, 3, 4, 5
WRONG_KEY = 1


def mac(key, data, length=32):
    return hmac.new(key, data, hashlib.sha256).digest()[:length]


def expand(key, info):
    """HKDF-Expand to 32 bytes (one block)."""
    return mac(key, info + b"\x01")


def user_id(realm, name):
    return hashlib.sha256(b"hms1 uid" + struct.pack(">I", realm) + name.encode()).digest()[:8]


def session_id(user_key, nonce, cookie):
    return mac(user_key, b"hms1 sid" + struct.pack(">Q", nonce) + cookie, 8)


def session_key(user_key, session):
    return expand(user_key, b"hms1 session" + session)


def seal(key, datagram):
    return datagram + mac(key, datagram, 16)


def header(kind, flags, epoch, realm, user, session=bytes(8), sequence=0):
    return struct.pack(">BBBBI8s8sQ", 1, kind, flags, epoch, realm, user, session, sequence)


def tlv(code, value):
    return struct.pack(">BH", code, len(value)) + value


def address(ip, port):
    packed = ipaddress.ip_address(ip)
    return bytes([packed.version]) + packed.packed + struct.pack(">H", port)


def read_addresses(data):
    """[(ip, port)] of addresses written one behind the other."""
    found = []
    while data:
        length = {4: 4, 6: 16}[data[0]]
        ip = str(ipaddress.ip_address(data[1:1 + length]))
        found.append((ip, struct.unpack(">H", data[1 + length:3 + length])[0]))
        data = data[3 + length:]
    return found


class Message:
    """A datagram, read without its key."""

    def __init__(self, data):
        self.data = data
        (self.version, self.type, self.flags, self.epoch, self.realm, self.user, self.session,
         self.sequence) = struct.unpack(">BBBBI8s8sQ", data[:32])
        self.body = data[32:-16]

    @property
    def name(self):
        return NAMES.get(self.type, f"type {self.type:#x}")

    @property
    def argument(self):
        return self.body[12:20]

    @property
    def incarnation(self):
        """Of a heartbeat (that of the HMS addressed) or of an answer."""
        return self.body[4:8] if self.type == HEARTBEAT else self.body[:4]

    def fixed(self):
        if self.type == HEARTBEAT:
            return 28 if self.flags & COOKIE else 20
        return FIXED.get(self.type)

    def tlvs(self):
        """[(code, value)] behind the fixed body."""
        length = self.fixed()
        return split_tlvs(self.body[length:]) if length is not None else []

    def page(self):
        """(kind, number of ENTRY, number of GONE) of a page in it, or None."""
        found = self.tlvs()
        info = [value for code, value in found if code == PAGE_INFO]
        if not info:
            return None
        return (info[0][0], sum(code == ENTRY for code, _ in found),
                sum(code == GONE for code, _ in found))

    def signed_by(self, key):
        return mac(key, self.data[:-16], 16) == self.data[-16:]


def split_tlvs(data):
    found = []
    while len(data) >= 3:
        length = struct.unpack(">H", data[1:3])[0]
        found.append((data[0] & 0x7f, data[3:3 + length]))
        data = data[3 + length:]
    return found


class Token:
    """A join token (spec 3.6) that can be taken apart, changed and written again."""

    def __init__(self, text):
        text = text.strip().lower().removeprefix("hms1_").upper()
        data = base64.b32decode(text + "=" * (-len(text) % 8))
        self.format, self.realm, self.epoch, self.generation, self.key, self.cluster = \
            struct.unpack(">BIBQ32s32s", data[:78])
        at = 78
        self.user, at = self._name(data, at)
        self.realm_name, at = self._name(data, at)
        self.addresses = read_addresses(data[at + 1:-4])

    @staticmethod
    def _name(data, at):
        end = at + 1 + data[at]
        return data[at + 1:end].decode(), end

    @property
    def id(self):
        return user_id(self.realm, self.user)

    def __str__(self):
        data = struct.pack(">BIBQ32s32s", self.format, self.realm, self.epoch, self.generation,
                           self.key, self.cluster)
        for name in (self.user, self.realm_name):
            data += bytes([len(name.encode())]) + name.encode()
        data += bytes([len(self.addresses)]) + b"".join(address(*one) for one in self.addresses)
        data += hashlib.sha256(data).digest()[:4]
        return "hms1_" + base64.b32encode(data).decode().rstrip("=").lower()


def hint(request, code):
    """A HINT that answers an INIT or DISCOVER: anybody can write one."""
    data = header(HINT, UNAUTHENTICATED, request.epoch, request.realm, request.user,
                  bytes(8), request.sequence) + struct.pack(">HBB", code, 1, 1)
    return data + hashlib.sha256(data).digest()[:16]


def announce(realm, user, event, port, incarnation=7, server=b"impostor"):
    """An ANNOUNCE: anybody can write one. `user` and `realm` are what the header carries."""
    data = header(ANNOUNCE, UNAUTHENTICATED, 0, realm, user, bytes(8), incarnation)
    data += server + struct.pack(">BBH", event, 0, port)
    return data + hashlib.sha256(data).digest()[:16]
