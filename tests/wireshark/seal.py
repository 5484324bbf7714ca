"""The keys of spec/03 in Python, to make datagrams and key files for the tests."""

import hashlib
import hmac
import json

import expect

TAG = 16


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(key, info):
    return mac(key, info + b"\x01")


class Keys:
    def __init__(self):
        said, links = expect.load("keys.json"), expect.load("transport.json")
        self.realm = said["realm_id"].to_bytes(4, "big")
        self.realm_name, self.token = said["realm_name"], said["token"]
        self.secret = bytes.fromhex(said["realm_secret"])
        self.user = bytes.fromhex(said["user_id"])
        self.session = bytes.fromhex(said["session_id"])
        self.user_key = self.of_user(0)
        self.session_key = expand(self.user_key, b"hms1 session" + self.session)
        self.cluster_secret = bytes.fromhex(links["cluster_secret"])
        self.invitation = (links["invitation_id"], links["invitation_secret"])

    def of_user(self, generation):
        prk = mac(b"hms1", self.secret)
        return expand(prk, b"hms1 user" + self.user + generation.to_bytes(8, "big"))

    def datagram(self, kind, sequence, body, flags=0, session=True, epoch=1, key=None):
        session_id = self.session if session else bytes(8)
        head = bytes([1, kind, flags, epoch]) + self.realm + self.user + session_id + sequence.to_bytes(8, "big")
        key = key or (self.session_key if session else self.user_key)
        return head + body + mac(key, head + body)[:TAG]

    def heartbeat(self, sequence, **more):
        body = (1).to_bytes(4, "big") + bytes.fromhex("0a0b0c0d") + (41).to_bytes(4, "big") + bytes(8)
        return self.datagram(0x03, sequence, body, **more)

    def ack(self, sequence, tlvs=b"", number=1000):
        body = bytes.fromhex("0a0b0c0d") + number.to_bytes(8, "big") + (41).to_bytes(4, "big") + bytes([0, 0, 0, 1])
        return self.datagram(0x83, sequence, body + tlvs)

    def offer(self, nonce, server, name):
        own = server.to_bytes(8, "big")
        listed = own + b"\x03" + bytes([len(name)]) + name.encode() + bytes([4, 10, 1, 0, 1, 0x1a, 0x36])
        body = bytes.fromhex("0a0b0c0d") + bytes(8) + own + b"\x21" + len(listed).to_bytes(2, "big") + listed
        return self.datagram(0x87, nonce, body, flags=1, session=False)

    def secrets(self, revoked=(0, 0), indent=2, damage=False):
        """The text of a secrets.json with these keys."""
        mark = {"stamp": "0" * 15 + "1", "by": "5e5e000000000001", "removed": False}
        revocations = [] if revoked == (0, 0) else [
            {"realm": self.realm.hex(), "user": self.user.hex(), "user_name": "anna",
             "generation": f"{revoked[0]:016x}", "previous": f"{revoked[1]:016x}"}]
        file = {
            "hms_secrets": 2, "server": "5e5e000000000001", "last_incarnation": "0a0b0c0d", "clock": 6553600000,
            "cluster_seed": "66" * 32, "cluster_secret": self.cluster_secret.hex(),
            "realms": [{"name": self.realm_name, "id": self.realm.hex(), "epoch": 1, "secret": self.secret.hex(),
                        "default": True, "mark": mark}],
            "removed_realms": [], "revocations": revocations,
            "members": [{"server": "5e5e000000000001", "name": "atlas of the first floor", "mark": mark}],
            "addresses": [{"address": "10.1.0.1:6710", "server": None, "mark": mark}],
            "invitations": [{"id": self.invitation[0], "secret": self.invitation[1],
                             "expires": "00000000ffffffff", "redeemed": None}],
            "checksum": "0" * 16,
        }
        compact = json.dumps(file, separators=(",", ":"), ensure_ascii=False).encode()
        file["checksum"] = hashlib.sha256(compact).hexdigest()[:16]
        if damage:
            file["cluster_secret"] = "77" * 32
        return json.dumps(file, indent=indent, ensure_ascii=False) + "\n"
