"""What an HMS sends (2.6, 2.7), every type."""
import struct

from host import codes as c
from host import directory, ed25519, keys, tlv, wire

from .contents import EIGHT, SENDER, TWO, content, everything, largest, server
from .form import ANNA, INCARNATION, LONG, SERVER, TINY, exact, loose, raw, seed, stated
from .requests import MOST32, MOST64

CLUSTER_SEED = seed("cluster")
CLUSTER_KEY = ed25519.public_key(CLUSTER_SEED)
ORIGIN = {"incarnation": INCARNATION, "number": 1000}
NOTHING = {"observed": None, "hms": [], "cluster_key": None, "realm_name": None, "new_check_time_ms": None,
           "granted": None,
           "mode": None, "replicated": None}
UNKNOWN = tlv.write(0x28, b"later") + tlv.write(0x28, b"") + tlv.write(0x2F, bytes(9))


def registered(**more):
    return {**ORIGIN, "stamp": 7 << 16, "server_id": SERVER, "revision": 41, "content_version": 1,
            "check_time_ms": 30000,
            "first_delay_ms": 12345, **NOTHING, **more}


def registereds():
    def one(name, who=ANNA, **more):
        return exact(who, name, c.REGISTERED, "session", who.nonce, registered(**more))

    yield one("registered, no TLVs")
    yield one("registered, as usual", observed=("192.0.2.7", 40000), hms=TWO, cluster_key=CLUSTER_KEY,
              realm_name="7q2m",
              granted={"kind": 1, "reason": 0}, mode="on-change")
    yield one("registered, everything", LONG, observed=("2001:db8::7", 65535), hms=TWO, cluster_key=CLUSTER_KEY,
              realm_name="\u4f1a" * 10 + "ab", granted={"kind": 0, "reason": 1}, mode="on-request", replicated=True)
    yield one("registered, highest numbers", TINY, incarnation=MOST32, number=MOST64, stamp=MOST64,
              server_id=b"\xff" * 8,
              revision=MOST32, content_version=MOST32, check_time_ms=MOST32, first_delay_ms=MOST32)
    yield one("registered, 16 HMSs", hms=[server(n, "n%d" % n, [("10.0.0.%d" % n, 6710)], n == 2, n == 1)
                                          for n in range(1, 17)])
    yield one("registered, one HMS with 8 addresses", hms=[server(1, "n" * 64, EIGHT, False, True)])
    yield one("registered, HMSs without an address", hms=[server(1, "a", [], True, True), server(2, "b")])
    for n, mode in c.MODES.items():
        yield one("registered, mode " + mode, mode=mode, granted={"kind": n, "reason": 0}, replicated=False)
    head = wire._write_registered(registered())[1]
    flags = tlv.write(c.HMS, SERVER + b"\xfe\x01a")
    yield loose(ANNA, "registered, unknown TLVs and flags", c.REGISTERED, "session", ANNA.nonce,
                head + tlv.write(0x11, b"x") + flags + UNKNOWN, registered(hms=[server(1, "a", [], False, True)]))
    yield one("registered, CHECK-TIME beside the field", new_check_time_ms=1000)
    yield loose(ANNA, "registered, codes that this version does not have", c.REGISTERED, "session", ANNA.nonce,
                head + tlv.write(c.GRANTED, b"\x09\x08") + tlv.write(c.MODE, b"\x07"),
                registered(granted={"kind": 9, "reason": 8}, mode=7))


def page(kind, items, **more):
    last = kind in ("copy", "find", "whole")
    return {"kind": kind, "more": False, "from": 0, "to": 0 if kind == "find" else 43, "after": c.ZEROS,
            "up_to": c.ALL_ONES if last else c.ZEROS, "total": 0 if kind == "find" else 20, "items": items, **more}


def entry(number, said, address=("10.1.0.5", 40000), signed=False, **more):
    user = bytes([number]) * 8
    row = {"user_id": user, "revision": 43, "late": False, "unconfirmed": False, "since": 1700000000,
           "check_time_s": 30,
           "home": SERVER, "content": said, "address": address, "signature": None, **more}
    if signed:
        data = keys.fixed_bytes(ANNA.realm_id, user, 1700000001, address, said["raw"])
        row["signature"] = {"issued": 1700000001, "bytes": ed25519.sign(CLUSTER_SEED, data)}
    return row


def gone(number, revision, reason):
    return {"gone": bytes([number]) * 8, "revision": revision, "reason": reason}


def full_page():
    """One row that takes all the room of a datagram (R-FMT-15)."""
    return page("copy", [entry(0x80, largest("anna"), ("2001:db8::80", 1), True)])


def pages():
    def one(name, sequence, body, push=False, who=ANNA, **more):
        return exact(who, name, c.PAGE, "session", sequence, {**ORIGIN, "push": push, "page": body, **more})

    rows = [entry(1, everything("bob"), signed=True), entry(2, content("cleo"), ("2001:db8::2", 0)),
            entry(3, content("dora"), None, late=True), entry(4, content("emil"), unconfirmed=True, since=0,
                                                              check_time_s=0)]
    yield one("page, delta", 50, page("delta", [gone(9, 42, "leave"), rows[0]], **{"from": 41}))
    yield one("page, push", 0, page("delta", [rows[1]], **{"from": 42}), True)
    reasons = [gone(n, 42 + n, reason) for n, reason in enumerate([*c.REASONS.values(), 77, 200])]
    yield one("page, every reason and unknown ones, more", 51,
              page("delta", reasons, more=True, **{"from": 41, "to": 48}))
    yield one("page, empty delta", 52, page("delta", [], **{"from": 43}))
    yield one("page, copy", 53, page("copy", rows))
    yield one("page, copy in the middle", 54, page("copy", rows[1:3], more=True, after=b"\1" * 8, up_to=b"\3" * 8))
    yield one("page, empty copy", 55, page("copy", [], total=0))
    yield one("page, full", 56, full_page())
    yield one("page, find", 57, page("find", rows[:2]))
    yield one("page, found nothing", 58, page("find", [], after=b"\x22" * 8))
    yield one("page, whole", 59, page("whole", rows[2:], total=2))
    highest = entry(255, content("x", other=[(9, b"new")]), ("255.255.255.255", 65535), revision=MOST32, late=True,
                    unconfirmed=True,
                    since=MOST64, check_time_s=MOST32, home=b"\xff" * 8)
    yield one("page, unknown kind", 61, page(9, [rows[0]]))
    yield one("page, highest numbers", MOST64, page("copy", [highest], to=MOST32, total=MOST32), False, LONG,
              incarnation=MOST32, number=MOST64)
    yield from odd_pages(rows)


def odd_pages(rows):
    origin = struct.pack(">IQ", INCARNATION, 1000)
    info = bytearray(tlv.write_page(page("delta", [], **{"from": 41})))
    info[4] = 0xFE                                                   # flags: unknown bits only
    bare = tlv.write_item(rows[2])
    inner = bytearray(bare[3:])
    inner[12] |= 0xFC                                                # status: unknown bits beside late
    more = bytes(inner) + tlv.write(0x38, b"later") + tlv.write(0x6F, b"") + tlv.write(c.PAD, b"any")
    data = origin + bytes(info) + tlv.write(c.ENTRY, more) + tlv.write_item(gone(9, 42, "expiry")) + tlv.write(0x38, b"x")
    fields = {**ORIGIN, "push": False, "page": page("delta", [rows[2], gone(9, 42, "expiry")], **{"from": 41})}
    yield loose(ANNA, "page, unknown flags, status bits and TLVs", c.PAGE, "session", 60, data, fields)


def acks():
    def one(name, sequence, who=ANNA, **more):
        return exact(who, name, c.ACK, "session", sequence, ack(**more))

    yield one("ack, steady", 1)
    for flag in ("want_content", "resync", "equal"):
        yield one("ack, " + flag.replace("_", " "), 2, **{flag: True})
    yield one("ack, all flags, highest numbers", MOST64, LONG, want_content=True, resync=True, equal=True,
              incarnation=MOST32,
              number=MOST64, revision=MOST32, content_version=MOST32)
    yield one("ack, address adopted", 3, observed=("198.51.100.9", 1), hms=TWO, cluster_key=CLUSTER_KEY)
    yield one("ack, settings changed", 4, TINY, new_check_time_ms=1000, mode="always", replicated=True)
    yield one("ack, name of the realm", 12, realm_name="7q2m")
    yield one("ack, view refused", 5, granted={"kind": 0, "reason": 1})
    yield one("ack, unknown kind of view", 6, granted={"kind": 0, "reason": 2})
    yield one("ack, first page of changes", 7, page=page("delta", [gone(9, 42, "replaced"),
                                                                   entry(1, everything("bob"))], **{"from": 41}))
    yield one("ack, empty first page", 8, page=page("copy", [], more=True, up_to=c.ZEROS))
    yield one("ack, everything", 9, want_content=True, observed=("192.0.2.7", 40000), hms=[SENDER],
              cluster_key=CLUSTER_KEY,
              new_check_time_ms=MOST32, granted={"kind": 1, "reason": 0}, mode="on-change", replicated=False,
              page=page("copy", [entry(1, everything("bob"), ("2001:db8::1", 1), True)]))
    head = wire._write_ack(ack())[1]
    yield loose(ANNA, "ack, unknown TLVs", c.ACK, "session", 10,
                head + tlv.write(0x11, b"") + UNKNOWN + tlv.write(0x70, b""), ack())
    yield loose(ANNA, "ack, known TLVs that it does not list", c.ACK, "session", 11,
                head + tlv.write(c.USER_NAME, b" ") + tlv.write(c.DIGEST_LIST, b"") + tlv.write(c.PAD, b""), ack())


def ack(**more):
    return {**ORIGIN, "revision": 43, "content_version": 1, "want_content": False, "resync": False, "equal": False,
            **NOTHING,
            "page": None, **more}


def list_of(rows):
    found = directory.Directory()
    for row in rows:
        found.put(row)
    return found


def digests():
    def one(name, sequence, root, buckets, who=ANNA, **more):
        return exact(who, name, c.DIGESTS, "session", sequence,
                     {**ORIGIN, "revision": 43, "root": root, "buckets": buckets, **more})

    rows = list_of(entry(n, content("u%d" % n)) for n in (1, 2, 3, 0x80, 0xFF))
    yield one("digests of five rows", 70, rows.root, rows.buckets)
    yield one("digests of an empty view", 71, 0, [0] * 128)
    yield one("digests, highest numbers", 72, MOST64, [MOST64] * 128, TINY, revision=MOST32)
    data = struct.pack(">IQIQ", INCARNATION, 1000, 43,
                       5) + tlv.write(0x28, b"") + tlv.write(c.DIGEST_LIST, bytes(1016) + keys.u64(5))
    fields = {**ORIGIN, "revision": 43, "root": 5, "buckets": [0] * 127 + [5]}
    yield loose(ANNA, "digests, unknown TLVs", c.DIGESTS, "session", 73, data + tlv.write(0x6F, b"x"), fields)


def offers():
    def one(name, who=ANNA, **more):
        return exact(who, name, c.OFFER, "user", who.nonce, {**ORIGIN, "server_id": SERVER, "primary": False,
                                                             "hms": [SENDER], **more})

    yield one("offer")
    yield one("offer of the primary, two HMSs", LONG, primary=True, hms=TWO)
    yield one("offer with 8 addresses", TINY, hms=[server(1, "n" * 64, EIGHT, False, True)])
    link = [("fe80::1", 6710), ("169.254.7.7", 6710), ("10.1.0.1", 6710)]
    yield one("offer without an HMS", hms=[])
    yield one("offer with link-local addresses", hms=[server(1, "atlas", link, True, True)])
    head = struct.pack(">IQ", INCARNATION, 1000) + SERVER
    yield loose(ANNA, "offer, unknown TLVs", c.OFFER, "user", ANNA.nonce, head + tlv.write_hms(SENDER) + UNKNOWN,
                {**ORIGIN, "server_id": SERVER, "primary": True, "hms": [SENDER]}, c.PRIMARY)


def shorts():
    def one(name, kind, key="session", who=ANNA, **body):
        return exact(who, name, kind, key, who.nonce if key == "user" else 80, {**ORIGIN, **body})

    yield one("left", c.LEFT)
    for key in ("user", "session"):
        yield one("challenge, %s key" % key, c.CHALLENGE, key, cookie=ANNA.cookie)
        yield one("retry, %s key" % key, c.RETRY, key, delay_ms=2500)
        yield one("redirect, %s key" % key, c.REDIRECT, key, server_id=SERVER)
        yield one("reject, %s key" % key, c.REJECT, key, code="revoked", value=0)
    yield one("challenge, highest numbers", c.CHALLENGE, "user", LONG, cookie=b"\xff" * 8, incarnation=MOST32,
              number=MOST64)
    for stamp in (0, 7 << 16, MOST64):
        yield one("superseded by %d" % stamp, c.SUPERSEDED, stamp=stamp)
    for delay in (0, 99, 3600000, MOST64):
        yield one("reregister after %d ms" % delay, c.REREGISTER, who=TINY, delay_ms=delay)
        yield one("retry after %d ms" % delay, c.RETRY, "user", TINY, delay_ms=delay)
    for code in [*c.REJECTS.values(), 0, 8, 0x8000, 0xFFFF]:
        yield one("reject, %s" % code, c.REJECT, "user", code=code, value=MOST32)
    head = struct.pack(">IQ", INCARNATION, 1000)
    yield loose(ANNA, "reject, reserved bytes set", c.REJECT, "session", 81, head + struct.pack(">HHI", 6, 0xFFFF, 7),
                {**ORIGIN, "code": "content", "value": 7})


def bare():
    for code in (1, 2, 3, 4, 5, 0x8000):
        body = {"code": code, "min_version": code % 7, "max_version": 255 - code % 7}
        yield exact(ANNA, "hint %d" % code, c.HINT, "none", ANNA.nonce, body)
    nobody = {"realm_id": 0, "user_id": c.ZEROS, "epoch": 0}
    for event, port in (("up", 6710), ("primary", 0), ("stopping", 65535), (9, 1)):
        yield exact(ANNA, "announce, %s" % event, c.ANNOUNCE, "none", INCARNATION,
                    {"server_id": SERVER, "event": event, "port": port}, **nobody)
    data = raw(ANNA, c.ANNOUNCE, "none", 1, SERVER + b"\1\xff\x1a\x36", c.UNAUTHENTICATED, **nobody)
    yield stated(ANNA, "announce, reserved byte set", "none", data, {"server_id": SERVER, "event": "up", "port": 6710},
                 False)


def all_of_them():
    return [*registereds(), *acks(), *pages(), *digests(), *offers(), *shorts(), *bare()]
