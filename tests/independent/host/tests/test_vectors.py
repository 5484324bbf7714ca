"""Every golden datagram and key of the specification (spec/vectors)."""
import unittest

from .. import address as addresses
from .. import codes as c
from .. import directory, ed25519, keys, wire
from ..errors import Dropped, Malformed
from .vector_form import from_json, load, to_json


def joined(ip):
    return "[%s]:1" % ip if ":" in ip else "%s:1" % ip


class Keys(unittest.TestCase):
    def setUp(self):
        self.v = load("keys.json")
        self.uid = bytes.fromhex(self.v["user_id"])

    def test_key_tree(self):
        v = self.v
        self.assertEqual(keys.user_id(v["realm_id"], v["user_name"]), self.uid)
        user_key = keys.user_key(bytes.fromhex(v["realm_secret"]), self.uid, v["generation"])
        self.assertEqual(user_key.hex(), v["user_key"])
        session = keys.session_id(user_key, int(v["nonce"]), keys.u64(int(v["cookie"])))
        self.assertEqual(session.hex(), v["session_id"])
        self.assertEqual(keys.session_key(user_key, session).hex(), v["session_key"])

    def test_cookies(self):
        v, k = self.v["cookies"], bytes.fromhex(self.v["cookies"]["cookie_key"])
        source = addresses.parse(v["source"])
        made = keys.registration_cookie(k, v["now_us"], source, self.v["realm_id"], self.uid,
                                        int(self.v["nonce"]), v["known_stamp"])
        self.assertEqual(made, keys.u64(int(v["registration_cookie"])))
        made = keys.session_cookie(k, v["now_us"], source, bytes.fromhex(self.v["session_id"]), v["incarnation"])
        self.assertEqual(made, keys.u64(int(v["session_cookie"])))

    def test_fixed_signature(self):
        f = self.v["fixed"]
        seed, public, content, signature = (bytes.fromhex(f[n]) for n in
                                            ("cluster_seed", "cluster_key", "content", "signature"))
        self.assertEqual(ed25519.public_key(seed), public)
        known = (self.v["realm_id"], self.uid, f["issued"], addresses.parse(f["address"]), content)
        self.assertEqual(ed25519.sign(seed, keys.fixed_bytes(*known)), signature)
        self.assertTrue(keys.fixed_holds(public, *known, signature))
        self.assertFalse(keys.fixed_holds(public, *known[:-1], content + b"\0", signature))
        self.assertFalse(keys.fixed_holds(bytes(32), *known, signature))

    def test_entry_digests(self):
        v = self.v["digests"]
        self.assertEqual(v["bucket"], self.uid[0] >> 1)
        for case in v["entries"]:
            address = addresses.parse(joined(case["address"])) if case["address"] else None
            entry = {"user_id": self.uid, "late": case["late"], "address": address,
                     "content": {"raw": bytes.fromhex(v["content"])}}
            self.assertEqual(directory.entry_digest(entry), int(case["digest"]))

    def test_token(self):
        token = keys.read_token(self.v["token"])
        self.assertEqual(token.user_key.hex(), self.v["user_key"])
        self.assertEqual(token.user_id, self.uid)
        self.assertEqual(token.realm_name, self.v["realm_name"])
        self.assertEqual([addresses.text(a) for a in token.addresses], self.v["token_addresses"])
        self.assertEqual(keys.write_token(token), self.v["token"])
        self.assertEqual(keys.read_token(" \n" + self.v["token"].upper() + "\t"), token)
        for at in range(5, len(self.v["token"]) - 1):
            wrong = list(self.v["token"])
            wrong[at] = "b" if wrong[at] != "b" else "c"
            with self.assertRaisesRegex(Malformed, "mistyped"):
                keys.read_token("".join(wrong))


class Datagrams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        v = load("keys.json")
        cls.keys = {"user": bytes.fromhex(v["user_key"]), "session": bytes.fromhex(v["session_key"]), "none": None}
        cls.vectors = load("datagrams.json")["datagrams"]

    def each(self):
        for vector in self.vectors:
            with self.subTest(vector["name"]):
                yield vector, bytes.fromhex(vector["bytes"]), self.keys[vector["key"]]

    def holds(self, datagram, key):
        """What a receiver finds out before it looks behind the header."""
        try:
            wire.read_header(datagram)
        except Dropped:
            return False
        return wire.checksum_holds(datagram) if key is None else keys.tag_holds(key, datagram)

    def test_from_fields_to_bytes(self):
        for vector, data, key in self.each():
            h = vector["header"]
            header = wire.Header(h["type_code"], h["realm_id"], bytes.fromhex(h["user_id"]),
                                 bytes.fromhex(h["session_id"]), int(h["sequence"]), h["epoch"])
            body = {name: from_json(name, value) for name, value in vector["body"].items()}
            self.assertEqual(wire.write(header, body, key).hex(), data.hex())

    def test_from_bytes_to_fields(self):
        for vector, data, key in self.each():
            header = wire.read_header(data)
            self.assertTrue(self.holds(data, key))
            self.assertEqual(data[-16:].hex(), vector["tag"])
            shown = {"epoch": header.epoch, "flags": header.flags, "realm_id": header.realm_id,
                     "sequence": str(header.sequence), "session_id": header.session_id.hex(), "type": header.name,
                     "type_code": header.type, "user_id": header.user_id.hex(), "version": header.version}
            self.assertEqual(shown, vector["header"])
            self.assertEqual(to_json(None, wire.read_body(header, data)), vector["body"])

    def test_every_flipped_bit_fails(self):
        for vector, data, key in self.each():
            for bit in range(len(data) * 8):
                wrong = bytearray(data)
                wrong[bit // 8] ^= 1 << bit % 8
                self.assertFalse(self.holds(bytes(wrong), key), bit)

    def test_every_cut_is_malformed_or_dropped_but_never_crashes(self):
        for vector, data, key in self.each():
            for size in range(len(data)):
                cut = data[:size] + bytes(16)
                try:
                    wire.read_body(wire.read_header(cut), cut)
                except (Dropped, Malformed):
                    pass


if __name__ == "__main__":
    unittest.main()
