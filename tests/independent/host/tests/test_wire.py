"""What chapter 2 says about bytes that are not golden."""
import unittest

from .. import address as addresses
from .. import codes as c
from .. import ed25519, keys, tlv, wire
from ..errors import Dropped, Malformed
from ..host import Host, Settings
from .fake_hms import REALM, token_for
from .test_follow import row

KEY = bytes(32)
NAMES = tlv.write(1, b"x") + tlv.write(2, b"h")


def ack(tlvs=b"", flags=0, kind=c.ACK):
    head = wire.struct.pack(">BBBBI8s8sQ", 1, kind, flags, 1, REALM, b"u" * 8, b"s" * 8, 1)
    data = head + wire.struct.pack(">IQII", 1, 2, 3, 4) + tlvs
    return data + keys.tag(KEY, data)


def read(data):
    return wire.read_body(wire.read_header(data), data)


class Frame(unittest.TestCase):
    def test_lengths(self):
        for size in (0, 47, 1201):
            with self.assertRaisesRegex(Dropped, "length"):
                wire.read_header(bytes([1, c.ACK]) + bytes(size - 2 if size else 0))

    def test_version_type_and_flags(self):
        for at, value, reason in ((0, 2, "version"), (1, 0x08, "type"), (2, 0x40, "flags"), (2, 0x08, "flags")):
            data = bytearray(ack())
            data[at] = value
            with self.assertRaisesRegex(Dropped, reason):
                wire.read_header(bytes(data))

    def test_unknown_tlvs(self):
        self.assertEqual(read(ack(tlv.write(0x6F, b"abc")))["revision"], 3)
        with self.assertRaises(Malformed) as caught:
            read(ack(tlv.write(0xEF, b"abc")))
        self.assertEqual(caught.exception.reason, "critical-tlv")

    def test_order_repeats_and_ends(self):
        mode, check = tlv.write(c.MODE, b"\1"), tlv.write(c.CHECK_TIME, bytes(4))
        read(ack(check + mode))
        for wrong in (mode + check, mode + mode, mode[:-1], b"\x26\0", tlv.write(c.MODE, b"")):
            with self.assertRaises(Malformed, msg=wrong.hex()):
                read(ack(wrong))

    def test_unknown_codes_are_kept(self):
        self.assertEqual(read(ack(tlv.write(c.MODE, b"\x09")))["mode"], 9)
        data = ack(kind=c.REJECT)[:-20] + bytes([0x12, 0x34, 0, 0, 0, 0, 0, 0]) + bytes(12)
        head = wire.struct.pack(">BBBBI8s8sQ", 1, c.REJECT, 0, 1, REALM, b"u" * 8, b"s" * 8, 1)
        data = head + wire.struct.pack(">IQHHI", 1, 2, 0x1234, 0, 7)
        self.assertEqual(read(data + keys.tag(KEY, data))["code"], 0x1234)


class Values(unittest.TestCase):
    def test_content(self):
        content = tlv.read_content(tlv.read(NAMES + tlv.write(6, b"\x63") + tlv.write(9, b"new")))
        self.assertEqual((content["state"], content["other"]), (0x63, [(9, b"new")]))
        content.pop("raw")
        self.assertEqual(tlv.read_content(tlv.read(tlv.write_content(content)))["other"], [(9, b"new")])
        for wrong in (tlv.write(2, b"h"), tlv.write(1, b"x"), NAMES + tlv.write(3, b""), NAMES + tlv.write(4, bytes(5)),
                      NAMES + tlv.write(8, b"z"), tlv.write(1, b"\xff") + tlv.write(2, b"h"),
                      NAMES + tlv.write(7, b" a"),
                      tlv.write(1, b"x" * 65) + tlv.write(2, b"h"), tlv.write(1, b"x") + tlv.write(2, b"a\x7fb")):
            with self.assertRaises(Malformed, msg=wrong.hex()):
                tlv.read_content(tlv.read(wrong))

    def test_addresses(self):
        for text in ("192.0.2.7:40000", "[2001:db8::1]:6710"):
            address = addresses.parse(text)
            self.assertEqual(addresses.decode(addresses.encode(address), 0)[0], address)
        self.assertEqual(addresses.encode(("::ffff:10.0.0.1", 5)), addresses.encode(("10.0.0.1", 5)))
        with self.assertRaises(Malformed):
            addresses.decode(b"\x06" + bytes(10) + b"\xff\xff\x0a\0\0\1\0\5", 0)

    def test_too_long_a_datagram_is_an_error_here(self):
        content = {"user_name": "x" * 64, "host_name": "h" * 64, "conference": "c" * 64,
                   "reported": [("2001:db8::1", 5)] * 8,
                   "services": [("k" * 16, 5, "udp")] * 16}
        view = {"kind": c.NAMED_VIEW, "push": True, "users": [bytes(8)] * 64}
        body = {"cookie": bytes(8), "instance_id": bytes(8), "last_stamp": 0, "content_version": 1, "incarnation": 0,
                "revision": 0, "digest": 0, "takeover": False, "content": content, "view": view}
        with self.assertRaises(ValueError):
            wire.write(wire.Header(c.REGISTER, REALM, bytes(8)), body, KEY)


class Signed(unittest.TestCase):
    def test_only_what_holds_under_the_cluster_key_is_kept(self):
        seed = bytes(31) + b"\1"
        host = Host(token_for("anna", []), Settings())
        host.cluster_key = ed25519.public_key(seed)
        host.session = type("Session", (), {"follower": None})
        from ..follow import Follower
        follower = Follower(type("S", (), {"host": host})())
        good, wrong = row(1, fixed=True)[1], row(2, fixed=True)[1]
        for entry, issued in ((good, 5), (wrong, 6)):
            signed = keys.fixed_bytes(REALM, entry["user_id"], 5, entry["address"], entry["content"]["raw"])
            entry["signature"] = {"issued": issued, "bytes": ed25519.sign(seed, signed)}
        follower.keep_signed({"items": [good, wrong]})
        self.assertEqual(list(host.memory["fixed"]), [good["user_id"].hex()])
        host.learn_cluster_key(bytes(32))
        self.assertEqual(host.memory["fixed"], {})


if __name__ == "__main__":
    unittest.main()
