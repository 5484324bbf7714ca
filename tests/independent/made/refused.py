"""Datagrams that chapter 2 forbids, each with the rule and the name under which it is counted; an HMS answers those
with "reject" by REJECT (content) with that value (R-FMT-09)."""
import struct

from host import codes as c
from host import tlv

from . import answers, requests
from .contents import EIGHT, NO_NAMES, SENDER, content, named, server, view
from .form import ANNA, INCARNATION, LONG, SERVER, raw, seal

T = tlv.write
NAMES = content("anna")["raw"]
VERSIONS = bytes([1, 1]) + bytes(18)
BY_HMS = {"by": "hms"}                                    # a fault that shows only to whom it is addressed
ORIGIN = struct.pack(">IQ", INCARNATION, 1000)


def refused(name, rule, reason, key, data, who=ANNA, **more):
    return {"name": name, "rule": rule, "reason": reason, "of": who.of, "key": key, **more, "bytes": data.hex()}


def malformed(name, rule, kind, key, body, flags=0, reason="malformed", reject=None, more=None, **header):
    data = raw(ANNA, kind, key, 9, body, flags, **header)
    return refused(name, rule, reason, key, data, **({} if reject is None else {"reject": reject}), **(more or {}))


def made(vectors, name):
    """The bytes of a good one, to be spoilt."""
    return bytearray.fromhex(next(v["bytes"] for v in vectors if v["name"] == name))


def sealed_again(data, key):
    return seal(bytes(data[:-16]), ANNA.key(key))


def headers():
    init = made(requests.inits(), "init")
    for size in (0, 1, 47):
        yield refused("%d bytes" % size, "R-FMT-01", "length", "user", bytes(init[:size]))
    yield refused("1201 bytes", "R-FMT-01", "length", "user",
                  raw(ANNA, c.INIT, "user", 1, VERSIONS + T(c.PAD, bytes(1130))))
    for at, rule, reason, values in ((0, "R-FMT-02", "version", (0, 2, 255)),
                                     (1, "R-FMT-02", "type", (0, 8, 0x20, 0x3F, 0x70)),
                                     (2, "R-FMT-05", "flags", (1, 2, 0x80)), (2, "R-FMT-06", "flags", (0x40,))):
        for value in values:
            wrong = init[:at] + bytes([value]) + init[at + 1:]
            yield refused("init, %s 0x%02x" % (reason, value), rule, reason, "user", sealed_again(wrong, "user"))
    for kind in (0x80, 0x81, 0x88, 0x8D, 0x96, 0xF0, 0xFF):
        wrong = init[:1] + bytes([kind]) + init[2:]
        yield refused("type 0x%02x" % kind, "R-FMT-02", "type", "user", sealed_again(wrong, "user"))
    good = {v["header"]["type_code"]: v for v in [*requests.all_of_them(), *answers.all_of_them()]}
    for kind, vector in sorted(good.items()):
        data, known = bytes.fromhex(vector["bytes"]), c.KNOWN_FLAGS.get(kind, 0)
        lowest = next(1 << bit for bit in range(8) if not known >> bit & 1)
        for flag in sorted({lowest, 0x40}):
            wrong = data[:2] + bytes([data[2] | flag]) + data[3:]
            yield refused("%s, flag 0x%02x" % (vector["header"]["type"].lower(), flag), "R-FMT-05", "flags",
                          vector["key"],
                          sealed_again(wrong, vector["key"]))
        if known == c.UNAUTHENTICATED:
            wrong = data[:2] + b"\0" + data[3:]
            yield refused("%s without its flag" % vector["header"]["type"].lower(), "R-FMT-02", "flags", "none",
                          sealed_again(wrong, "none"))


def tags():
    init, beat = made(requests.inits(), "init"), made(requests.heartbeats(), "heartbeat, steady")
    hint = made(answers.bare(), "hint 1")
    for what, data, key in (("init", init, "user"), ("heartbeat", beat, "session"), ("hint", hint, "none")):
        for at in (24, 32, len(data) - 16, len(data) - 1):
            wrong = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]
            yield refused("%s, byte %d changed" % (what, at), "R-AUT-01", "tag", key, bytes(wrong))
        yield refused(what + ", tag of zeros", "R-AUT-01", "tag", key, bytes(data[:-16]) + bytes(16))
    yield refused("init under the session's key", "R-AUT-01", "tag", "user", seal(bytes(init[:-16]), ANNA.session_key))
    yield refused("heartbeat under the user's key", "R-AUT-01", "tag", "session",
                  seal(bytes(beat[:-16]), ANNA.user_key))
    yield refused("init under another user's key", "R-AUT-01", "tag", "user", seal(bytes(init[:-16]), LONG.user_key))
    yield refused("heartbeat with a checksum for a tag", "R-AUT-01", "tag", "session", seal(bytes(beat[:-16]), None))


def request_bodies():
    yield malformed("init of 67 bytes", "R-FMT-13", c.INIT, "user", VERSIONS[:-1])
    yield malformed("init of 48 bytes", "R-FMT-13", c.INIT, "user", b"")
    yield malformed("discover of 511 bytes", "R-FMT-13", c.DISCOVER, "user", VERSIONS + T(c.PAD, bytes(440)),
                    reason="length")
    yield malformed("discover without padding", "R-FMT-13", c.DISCOVER, "user", VERSIONS, reason="length")
    for kind, body in ((c.INIT, VERSIONS), (c.DISCOVER, VERSIONS + T(c.PAD, bytes(441))),
                       (c.REGISTER, requests.fixed_of(requests.register()) + NAMES)):
        name = c.TYPE_NAMES[kind].lower()
        yield malformed(name + " with a session id", "R-FMT-04", kind, "user", body, more=BY_HMS,
                        session_id=b"\0" * 7 + b"\1")
    fixed = {c.INIT: VERSIONS, c.LEAVE: bytes(20), c.PULL: struct.pack(">II8sB3x", 1, 2, c.ZEROS, 1),
             c.DISCOVER: VERSIONS + T(0x12, bytes(500)),
             c.HEARTBEAT: bytes(20)}
    for kind, body in fixed.items():
        name, key = c.TYPE_NAMES[kind].lower(), "user" if kind in (c.INIT, c.DISCOVER) else "session"
        yield malformed(name + ", unknown critical TLV", "R-FMT-07", kind, key, body + T(0x93, b"x"),
                        reason="critical-tlv")
        yield malformed(name + ", known critical TLV that it does not list", "R-FMT-07", kind, key,
                        body + T(0xA6, b"\1"), reason="critical-tlv")
        yield malformed(name + ", TLVs out of order", "R-FMT-08", kind, key, body + T(0x14, b"") + T(0x13, b""))
        yield malformed(name + ", a known TLV twice", "R-FMT-08", kind, key, body + T(c.MODE, b"\1") * 2)
        for cut in (b"\x13", b"\x13\0", b"\x13\0\1"):
            yield malformed(name + ", TLV of %d bytes cut off" % len(cut), "R-FMT-08", kind, key, body + cut)
    yield malformed("leave of 67 bytes", "R-FMT-08", c.LEAVE, "session", bytes(19))
    yield malformed("heartbeat of 67 bytes", "R-FMT-08", c.HEARTBEAT, "session", bytes(19))
    yield malformed("heartbeat without its cookie", "R-FMT-08", c.HEARTBEAT, "session", bytes(27), c.COOKIE)
    yield malformed("padding twice", "R-FMT-08", c.INIT, "user", VERSIONS + T(c.PAD, b"\0") * 2)


def pulls_and_finds():
    copy = struct.pack(">II8sB3x", 1, 2, c.ZEROS, 3)
    for kind in (0, 4, 9):
        yield malformed("pull of kind %d" % kind, "R-FMT-19", c.PULL, "session", copy[:16] + bytes([kind, 0, 0, 0]),
                        more=BY_HMS)
    yield malformed("pull of 67 bytes", "R-FMT-08", c.PULL, "session", copy[:-1])
    for size in (0, 15, 17):
        yield malformed("pull, %d bytes of buckets" % size, "R-FMT-08", c.PULL, "session",
                        copy + T(c.BUCKETS, bytes(size)))
    yield malformed("pull, buckets twice", "R-FMT-08", c.PULL, "session", copy + T(c.BUCKETS, bytes(16)) * 2)
    find = struct.pack(">I8s8x", 1, c.ZEROS)
    yield malformed("find of 67 bytes", "R-FMT-08", c.FIND, "session", find[:-1])
    yield malformed("find without PATTERN", "R-FMT-08", c.FIND, "session", find)
    for name, value in (("empty", b""), ("of kind 0", b"\0bob"), ("of kind 3", b"\3bob"),
                        ("of 65 bytes", b"\1" + b"p" * 65),
                        ("not UTF-8", b"\2a\xff"), ("surrogate", b"\2\xed\xa0\x80")):
        yield malformed("find, PATTERN " + name, "R-FMT-08", c.FIND, "session", find + T(c.PATTERN, value))


def with_content(name, rule, data, reject=None, reason="malformed"):
    """The same fault in REGISTER and in HEARTBEAT with content."""
    body = requests.fixed_of(requests.register())
    yield malformed("register, " + name, rule, c.REGISTER, "user", body + data, reason=reason, reject=reject)
    yield malformed("heartbeat, " + name, rule, c.HEARTBEAT, "session", bytes(20) + data, c.CONTENT, reason, reject)


def contents():
    user, host = T(c.USER_NAME, b"anna"), T(c.HOST_NAME, b"h")
    yield malformed("register of 91 bytes", "R-FMT-08", c.REGISTER, "user", requests.fixed_of(requests.register())[:-1])
    yield from with_content("no content at all", "R-FMT-09", b"", 1)
    yield from with_content("no USER-NAME", "R-FMT-09", host, 1)
    yield from with_content("no HOST-NAME", "R-FMT-09", user, 2)
    yield from with_content("unknown critical content TLV", "R-FMT-09", NAMES + T(0x8A, b""), 0x0A, "critical-tlv")
    yield from with_content("unknown critical TLV behind the content", "R-FMT-09", NAMES + T(0x93, b""), None,
                            "critical-tlv")
    yield from with_content("names in the wrong order", "R-FMT-09", host + user, 1)
    yield from with_content("two USER-NAMEs", "R-FMT-08", user + user + host, 1)
    yield from with_content("two STATEs", "R-FMT-08", NAMES + T(c.STATE, b"\2") * 2, 6)
    yield from with_content("17 services", "R-FMT-08", NAMES + T(c.SERVICE, b"\1\0\1s") * 17, 5)
    yield from with_content("TLV cut off", "R-FMT-09", NAMES + b"\x07\0\5boar", 7)
    yield from with_content("STATE behind VIEW", "R-FMT-09", NAMES + tlv.write_view(named(1)) + T(c.STATE, b"\2"), 6)
    for cut in (b"\x07", b"\x87\0"):
        yield from with_content("%d bytes of a TLV" % len(cut), "R-FMT-09", NAMES + cut, 7)
    yield from with_content("a byte of a TLV behind the content", "R-FMT-09", NAMES + b"\x11")
    yield from with_content("a view and no content", "R-FMT-09", tlv.write_view(named(1)), 1)
    for what, code, value in (
            ("empty REPORTED", c.REPORTED, b""), ("REPORTED of family 5", c.REPORTED, b"\5\1\2\3\4\0\1"),
                              ("REPORTED cut off", c.REPORTED, b"\4\1\2\3\4\0"),
            ("REPORTED of 9", c.REPORTED, b"\4\1\2\3\4\0\1" * 9),
                              ("mapped IPv6 in REPORTED", c.REPORTED, b"\6" + bytes(10) + b"\xff\xff\1\2\3\4\0\1"),
            ("PORTS of 5 bytes", c.PORTS, bytes(5)), ("PORTS of 7 bytes", c.PORTS, bytes(7)),
                              ("SERVICE without a kind", c.SERVICE, b"\1\0\1"),
            ("SERVICE of 2 bytes", c.SERVICE, b"\1\0"), ("SERVICE with 17 bytes of kind", c.SERVICE,
                                                         b"\1\0\1" + b"k" * 17),
            ("SERVICE with a tab", c.SERVICE, b"\1\0\1a\tb"), ("empty STATE", c.STATE, b""),
                              ("STATE of 2 bytes", c.STATE, b"\1\1"),
            ("empty CONFERENCE", c.CONFERENCE, b""), ("FIXED with a value", c.FIXED, b"\1")):
        yield from with_content(what, "R-FMT-08", NAMES + T(code, value), code)
    for what, name in NO_NAMES:
        yield from with_content("host name: " + what, "R-FMT-10", user + T(c.HOST_NAME, name), 2)
        yield from with_content("user name: " + what, "R-FMT-10", T(c.USER_NAME, name) + host, 1)
    too_many = tlv.write_view(view(c.NAMED_VIEW, users=[bytes(8)] * 65))[3:]
    for what, value in (("empty", b""), ("of one byte", b"\1"), ("realm with more", b"\1\0x"),
                        ("none with more", b"\0\0x"),
                        ("group without a name", b"\2\0"), ("group of 65 bytes", b"\2\0" + b"g" * 65),
                        ("group with a space", b"\2\0g "),
                        ("nobody named", b"\3\0"), ("half a user", b"\3\0" + bytes(12)), ("65 users", too_many)):
        if len(value) < 500:
            yield from with_content("VIEW " + what, "R-FMT-08", NAMES + T(c.VIEW, value))
    yield from with_content("VIEW of 65 users", "R-FMT-08", NAMES + T(c.VIEW, too_many))
    yield from with_content("VIEW twice", "R-FMT-08", NAMES + tlv.write_view(named(1)) * 2)


def answer_bodies():
    fixed = {c.REGISTERED: answers.wire._write_registered(answers.registered())[1],
             c.ACK: answers.wire._write_ack(answers.ack())[1],
             c.PAGE: ORIGIN + tlv.write_page(answers.page("delta", [])),
             c.DIGESTS: struct.pack(">IQIQ", 1, 2, 3, 4) + T(c.DIGEST_LIST, bytes(1024)),
             c.OFFER: ORIGIN + SERVER + tlv.write_hms(SENDER)}
    for kind, body in fixed.items():
        name, key = c.TYPE_NAMES[kind].lower(), "user" if kind == c.OFFER else "session"
        yield malformed(name + ", unknown critical TLV", "R-FMT-07", kind, key, body + T(0xB9, b""),
                        reason="critical-tlv")
        yield malformed(name + ", TLVs out of order", "R-FMT-08", kind, key, body + T(0x39, b"") + T(0x38, b""))
        yield malformed(name + ", TLV cut off", "R-FMT-08", kind, key, body + b"\x39\0\1")
        yield malformed(name + ", head only", "R-FMT-08", kind, key, body[:11])
    for kind in (c.LEFT, c.CHALLENGE, c.SUPERSEDED, c.REREGISTER, c.RETRY, c.REDIRECT, c.REJECT):
        name = c.TYPE_NAMES[kind].lower()
        yield malformed(name + " of 67 bytes", "R-FMT-14", kind, "session", ORIGIN + bytes(7))
        yield malformed(name + " with padding", "R-FMT-14", kind, "session", ORIGIN + bytes(8) + T(c.PAD, b""))
    for size in (3, 5):
        yield malformed("hint with %d bytes" % size, "R-FMT-08", c.HINT, "none", bytes([0, 1, 1, 1, 1])[:size],
                        c.UNAUTHENTICATED)
    yield malformed("announce with 11 bytes", "R-FMT-08", c.ANNOUNCE, "none", SERVER + b"\1\0\1", c.UNAUTHENTICATED)


def settings():
    heads = ((c.REGISTERED, answers.wire._write_registered(answers.registered())[1]),
             (c.ACK, answers.wire._write_ack(answers.ack())[1]))
    good = tlv.write_hms(server(1, "a"))
    cases = [("OBSERVED with more behind", T(c.OBSERVED, b"\4\1\2\3\4\0\1x")), ("empty OBSERVED", T(c.OBSERVED, b"")),
             ("17 HMSs", good * 17), ("HMS of 9 bytes", T(c.HMS, SERVER + b"\1")),
             ("HMS without a name", T(c.HMS, SERVER + b"\1\0")),
             ("HMS whose name is beyond the end", T(c.HMS, SERVER + b"\1\3ab")),
             ("HMS with 65 bytes of name", T(c.HMS, SERVER + b"\1\x41" + b"n" * 65)),
             ("HMS with a control character", T(c.HMS, SERVER + b"\1\1\x1f")),
             ("HMS with half an address", T(c.HMS, SERVER + b"\1\1a\4\1\2\3")),
             ("HMS with 9 addresses", tlv.write_hms(server(1, "a", [*EIGHT, ("10.0.0.9", 9)]))),
             ("CLUSTER-KEY of 31 bytes", T(c.CLUSTER_KEY, bytes(31))), ("GRANTED of 1 byte", T(c.GRANTED, b"\1")),
             ("GRANTED of 3 bytes", T(c.GRANTED, bytes(3))), ("empty MODE", T(c.MODE, b"")),
             ("MODE of 2 bytes", T(c.MODE, b"\1\1")),
             ("MODE twice", T(c.MODE, b"\1") * 2), ("REPLICATED of 2 bytes", T(c.REPLICATED, b"\1\1")),
             ("REPLICATED 2", T(c.REPLICATED, b"\2")), ("CHECK-TIME of 3 bytes", T(c.CHECK_TIME, bytes(3))),
             ("REALM-NAME of 33 bytes", T(c.REALM_NAME, b"r" * 33))]
    for kind, head in heads:
        for name, data in cases:
            yield malformed("%s, %s" % (c.TYPE_NAMES[kind].lower(), name), "R-FMT-08", kind, "session", head + data)
    for name, value in (("empty", b""), ("space before", b" r")):
        yield malformed("registered, REALM-NAME: " + name, "R-FMT-10", c.REGISTERED, "session",
                        heads[0][1] + T(c.REALM_NAME, value))
    yield malformed("ack, a row and no PAGE-INFO", "R-FMT-08", c.ACK, "session",
                    heads[1][1] + tlv.write_item(answers.entry(1, content("bob"))))
    for size in (0, 5):
        yield malformed("ack, CHECK-TIME of %d bytes" % size, "R-FMT-08", c.ACK, "session",
                        heads[1][1] + T(c.CHECK_TIME, bytes(size)))


def pages():
    info = tlv.write_page(answers.page("delta", []))
    row = tlv.write_item(answers.entry(1, content("bob")))
    head, said = row[3:36], content("bob")["raw"]

    def entry(data):
        return T(c.ENTRY, data)

    def page(name, data, rule="R-FMT-08", reason="malformed"):
        return malformed("page, " + name, rule, c.PAGE, "session", ORIGIN + data, reason=reason)

    yield page("no PAGE-INFO", b"")
    yield page("a row and no PAGE-INFO", row)
    for size in (29, 31):
        yield page("PAGE-INFO of %d bytes" % size, T(c.PAGE_INFO, (info[3:] + b"\0")[:size]))
    yield page("PAGE-INFO twice", info + info)
    yield page("ENTRY of 32 bytes", info + entry(head[:-1]))
    yield page("ENTRY without content", info + entry(head))
    yield page("ENTRY without HOST-NAME", info + entry(head + T(c.USER_NAME, b"bob")))
    yield page("ENTRY without USER-NAME", info + entry(head + T(c.HOST_NAME, b"bob")))
    yield page("ENTRY with a name that is none", info + entry(head + T(c.USER_NAME, b"bob") + T(c.HOST_NAME, b" ")),
               "R-FMT-10")
    yield page("ENTRY with an unknown critical TLV", info + entry(head + said + T(0xB9, b"")), "R-FMT-07",
               "critical-tlv")
    yield page("ENTRY with an unknown critical content TLV", info + entry(head + said + T(0x8B, b"")), "R-FMT-07",
               "critical-tlv")
    yield page("ENTRY with TLVs out of order", info + entry(head + T(c.ADDRESS, b"\4\1\2\3\4\0\1") + said))
    yield page("ENTRY with two addresses", info + entry(head + said + T(c.ADDRESS, b"\4\1\2\3\4\0\1") * 2))
    yield page("ENTRY with two addresses in one", info + entry(head + said + T(c.ADDRESS, b"\4\1\2\3\4\0\1" * 2)))
    yield page("ENTRY with a mapped address",
               info + entry(head + said + T(c.ADDRESS, b"\6" + bytes(10) + b"\xff\xff\1\2\3\4\0\1")), "R-FMT-18")
    for size in (71, 73):
        yield page("ENTRY with a signature of %d bytes" % size, info + entry(head + said + T(c.SIGNATURE, bytes(size))))
    yield page("ENTRY with a TLV cut off", info + entry(head + said + b"\x36\0\7\4"))
    for size in (12, 14):
        yield page("GONE of %d bytes" % size, info + T(c.GONE, bytes(size)))
    yield page("PAGE-INFO behind a row", row + info)
    start = struct.pack(">IQIQ", 1, 2, 3, 4)
    yield malformed("digests without digests", "R-FMT-08", c.DIGESTS, "session", start)
    for size in (1016, 1023, 1032):
        yield malformed("digests of %d bytes" % size, "R-FMT-08", c.DIGESTS, "session",
                        start + T(c.DIGEST_LIST, bytes(size)))


def all_of_them():
    return [*headers(), *tags(), *request_bodies(), *pulls_and_finds(), *contents(), *answer_bodies(), *settings(),
            *pages()]
