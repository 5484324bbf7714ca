"""How a vector is made and written down: the shape of spec/vectors/datagrams.json (see README.md)."""
import hashlib

from host import codes as c
from host import keys, wire
from host.keys import u64
from host.tests import vector_form

INCARNATION, SERVER = 0xC0FFEE01, bytes.fromhex("a11ce00000000001")
NO_PORTS = {"data": 0, "video": 0, "audio": 0}


def seed(text):
    """32 bytes that look random and are always the same."""
    return hashlib.sha256(b"independent vectors: " + text.encode()).digest()


class Who:
    """A user with a session, and everything that is derived from the realm's secret (3.1)."""

    def __init__(self, of, user_name, realm_id, epoch=1, generation=0):
        self.of, self.user_name, self.realm_id = of, user_name, realm_id
        self.epoch, self.generation, self.secret = epoch, generation, seed("realm %08x" % realm_id)
        self.user_id = keys.user_id(realm_id, user_name)
        self.user_key = keys.user_key(self.secret, self.user_id, generation)
        self.nonce = int.from_bytes(seed("nonce of " + of)[:8], "big")
        self.cookie = seed("cookie of " + of)[:8]
        self.session_id = keys.session_id(self.user_key, self.nonce, self.cookie)
        self.session_key = keys.session_key(self.user_key, self.session_id)

    def key(self, kind):
        return {"user": self.user_key, "session": self.session_key, "none": None}[kind]

    def header(self, kind, key, sequence):
        session = self.session_id if key == "session" else c.ZEROS
        return wire.Header(kind, self.realm_id, self.user_id, session, sequence, self.epoch)

    def shown(self):
        return {"of": self.of, "user_name": self.user_name, "realm_id": self.realm_id, "epoch": self.epoch,
                "generation": str(self.generation), "realm_secret": self.secret.hex(), "user_id": self.user_id.hex(),
                "user_key": self.user_key.hex(), "nonce": str(self.nonce),
                "cookie": str(int.from_bytes(self.cookie, "big")), "session_id": self.session_id.hex(),
                "session_key": self.session_key.hex()}


ANNA = Who("anna", "anna", 0x5EED0001)
LONG = Who("long", "Zoë at the Überlingen café, 7 ½th floor, 会議室, Ωmega", 0xFFFFFFFF, 255, 2**64 - 1)
TINY = Who("tiny", "x", 0x00000001, 2, 7)
EVERYONE = {who.of: who for who in (ANNA, LONG, TINY)}


def seal(data, key):
    return data + (keys.checksum(data) if key is None else keys.tag(key, data))


def raw(who, kind, key, sequence, body, flags=0, **header):
    """A datagram with any bytes for a body."""
    h = who.header(kind, key, sequence)
    for name, value in header.items():
        setattr(h, name, value)
    data = bytes([h.version, h.type, flags, h.epoch]) + keys.u32(h.realm_id) + h.user_id + h.session_id
    return seal(data + u64(h.sequence) + body, who.key(key))


def stated(who, name, key, data, fields, exact):
    """A vector from the bytes and the fields that they stand for."""
    header = wire.read_header(data)
    shown = {"epoch": header.epoch, "flags": header.flags, "realm_id": header.realm_id,
             "sequence": str(header.sequence), "session_id": header.session_id.hex(), "type": header.name,
             "type_code": header.type, "user_id": header.user_id.hex(), "version": header.version}
    return {"name": name, "of": who.of, "key": key, "header": shown, "body": body_to_json(fields), "exact": exact,
            "tag": data[-16:].hex(), "bytes": data.hex()}


def exact(who, name, kind, key, sequence, body, **header):
    """A datagram in the only form in which these fields are written."""
    h = who.header(kind, key, sequence)
    for field, value in header.items():
        setattr(h, field, value)
    return stated(who, name, key, wire.write(h, body, who.key(key)), body, True)


def loose(who, name, kind, key, sequence, data, fields, flags=0, **header):
    """A datagram that says the fields in other bytes than a writer of this version would choose."""
    return stated(who, name, key, raw(who, kind, key, sequence, data, flags, **header), fields, False)


def body_to_json(fields):
    """The decoded fields; what is not there stands as spec/vectors/README.md says."""
    shown = vector_form.to_json(None, fields)
    complete(shown)
    return shown


def complete(shown):
    """Fills in absent values, in place and at every depth."""
    if isinstance(shown, list):
        for part in shown:
            complete(part)
    if not isinstance(shown, dict):
        return
    for part in shown.values():
        complete(part)
    if "host_name" in shown:
        shown["ports"] = shown["ports"] or NO_PORTS
        shown["state"] = "standby" if shown["state"] is None else shown["state"]
    if shown.get("content") and "view" in shown and shown["view"] is None:
        shown["view"] = {"kind": c.NO_VIEW, "push": False}
