"""Contents, views and lists of HMSs that the vectors carry."""
from host import codes as c
from host import tlv

from .form import SERVER

EIGHT = [("10.1.2.%d" % n, 1000 + n) for n in range(1, 5)] + [("2001:db8::%x" % n, n) for n in range(1, 5)]
LONGEST_CONTENT = 974                                      # R-FMT-15


def content(user_name, host_name="h", **more):
    """A content with the bytes in which it is written (R-FMT-11)."""
    fields = {"user_name": user_name, "host_name": host_name, "reported": [], "ports": None, "services": [],
              "state": "standby", "conference": None, "fixed": False, "other": [], **more}
    return {**fields, "raw": tlv.write_content(fields)}


def loose_content(user_name, data, host_name="h", **more):
    """The same fields in other bytes."""
    return {**content(user_name, host_name, **more), "raw": data}


def everything(user_name, **more):
    fields = {"reported": [("10.1.0.5", 40000), ("2001:db8::5", 40000)], "conference": "board", "fixed": True,
              "ports": {"data": 1503, "video": 5004, "audio": 65535}, "state": "organizing",
              "services": [("sip", 5060, "udp"), ("sips", 5061, "tcp"), ("h323", 1720, 9)], **more}
    return content(user_name, "room 4", **fields)


def largest(user_name, size=LONGEST_CONTENT, services=16):
    """Every TLV of the content at its longest, filled up to a size by one of a later version."""
    fields = {"reported": [("2001:db8:%x::1" % n, 65535) for n in range(1, 9)], "conference": "c" * 64, "fixed": True,
              "ports": {"data": 65535, "video": 65535, "audio": 65535}, "state": 255,
              "services": [("k" * 14 + "%02d" % n, 65535, "tcp") for n in range(services)]}
    bare = len(content(user_name, "h" * 64, **fields)["raw"])
    return content(user_name, "h" * 64, other=[(0x0F, bytes(size - bare - 3))], **fields)


NAMES = [
    ("one byte", "x"), ("64 bytes", "u" * 64), ("64 bytes of 16 letters", "\U0001F600" * 16),
         ("white space within", "a \u3000 b"),
    ("joined behind a letter", "\u0645\u06cc\u200c\u062e"), ("not normalised", "e\u0301 \u00e9"), ("case", "ANNA"),
    ("beside the control characters", "\u007e\u00a1 \ue000\U0010ffff"), ("right to left", "\u05d0\u05d1 abc"),
]
NO_NAMES = [
    ("zero width", "\u200ba".encode()), ("byte order mark behind", "a\ufeff".encode()),
    ("turned round", "\u05d0\u05d1 \u202eabc".encode()), ("joiner behind ASCII", "a\u200d".encode()),
    ("empty", b""), ("65 bytes", b"u" * 65), ("line feed", b"a\nb"), ("NUL", b"\0"), ("DEL", b"a\x7f"),
    ("C1 control", "a\u0085b".encode()), ("last C1 control", "\u009f".encode()), ("space before", b" a"),
            ("space behind", b"a "),
    ("no-break space behind", "a\u00a0".encode()), ("ideographic space before", "\u3000a".encode()),
    ("line separator behind", "a\u2028".encode()), ("ogham space", "\u1680a".encode()), ("en quad", "\u2000a".encode()),
    ("narrow no-break space", "a\u202f".encode()), ("mathematical space", "a\u205f".encode()),
    ("stray byte", b"a\xff"), ("cut letter", b"a\xc3"), ("overlong", b"\xc0\xaf"), ("surrogate", b"\xed\xa0\x80"),
    ("beyond Unicode", b"\xf4\x90\x80\x80"),
]


def view(kind, push=False, **more):
    return {"kind": kind, "push": push, **more}


def named(count):
    return view(c.NAMED_VIEW, True, users=[bytes([255 - n]) * 8 for n in range(count)])


def server(number, name="hms", addresses=(), primary=False, sender=False):
    return {"server_id": SERVER[:7] + bytes([number]), "primary": primary, "sender": sender, "name": name,
            "addresses": list(addresses)}


SENDER = server(1, "atlas", [("10.1.0.1", 6710)], True, True)
TWO = [SENDER, server(2, "Ōsaka", [("2001:db8::2", 6710), ("192.0.2.2", 0)])]
