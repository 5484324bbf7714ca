"""Datagrams (chapter 2): header, bodies of all messages both ways.

A message is a Header and a dict of its body.  Ids and cookies are bytes, numbers int, addresses (ip, port).
"""
import struct
from dataclasses import dataclass

from . import address as addresses
from . import codes as c
from . import keys, tlv
from .errors import Dropped, Malformed

VERSION, SHORTEST, LONGEST, HEADER, TAG, DISCOVER_SIZE = 1, 48, 1200, 32, 16, 512


@dataclass
class Header:
    type: int
    realm_id: int
    user_id: bytes
    session_id: bytes = c.ZEROS
    sequence: int = 0
    epoch: int = 0
    flags: int = 0
    version: int = VERSION

    @property
    def name(self):
        return c.name_of(c.TYPE_NAMES, self.type)


def read_header(datagram):
    """The header, or Dropped with the reason's counter; nothing behind it is looked at (R-AUT-01)."""
    if not SHORTEST <= len(datagram) <= LONGEST:
        raise Dropped("length")
    version, kind, flags, epoch, realm, user, session, sequence = struct.unpack(">BBBBI8s8sQ", datagram[:HEADER])
    if version != VERSION:
        raise Dropped("version")
    if kind not in c.TYPE_NAMES:
        raise Dropped("type")
    known = c.KNOWN_FLAGS.get(kind, 0)
    if flags & ~known or (known == c.UNAUTHENTICATED and not flags):
        raise Dropped("flags")
    return Header(kind, realm, user, session, sequence, epoch, flags, version)


def read_body(header, datagram):
    """The body of a datagram whose tag holds, or Malformed."""
    body = datagram[HEADER:-TAG]
    if header.type in (c.INIT, c.REGISTER, c.DISCOVER) and header.session_id != c.ZEROS:
        raise Malformed("session id in a request without a session")        # R-FMT-04
    if header.type == c.DISCOVER and len(datagram) < DISCOVER_SIZE:
        raise Malformed("DISCOVER of %d bytes" % len(datagram), "length")   # R-FMT-13
    if header.type in SHORT_ANSWERS:
        return _read_short(header, body)
    return READERS[header.type](header, body)


def checksum_holds(datagram):
    return keys.checksum(datagram[:-TAG]) == datagram[-TAG:]


def write(header, body, key=None):
    """The bytes of a message; sets the flags that its body asks for."""
    content = SHORT_ANSWERS[header.type][1](body) if header.type in SHORT_ANSWERS else None
    if content is not None:
        flags, content = 0, struct.pack(">IQ", body["incarnation"], body["number"]) + content
    else:
        flags, content = WRITERS[header.type](body)
    head = struct.pack(">BBBBI8s8sQ", header.version, header.type, flags, header.epoch, header.realm_id,
                       header.user_id, header.session_id, header.sequence)
    data = head + content
    if header.type in (c.HINT, c.ANNOUNCE):
        return data + keys.checksum(data)
    data += keys.tag(key, data)
    if len(data) > LONGEST:
        raise ValueError("datagram of %d bytes" % len(data))
    return data


def _fixed(layout, body, kind):
    size = struct.calcsize(layout)
    if len(body) < size:
        raise Malformed("body of %d bytes" % len(body))
    return struct.unpack(layout, body[:size]), tlv.read(body[size:], c.LISTED[kind])


def _all(layout, body):
    """Messages that have no TLVs (R-FMT-14)."""
    return struct.unpack(layout, tlv.size_is(body, struct.calcsize(layout)))


def _value(tlvs, code, size=None):
    """The value of a TLV that stands at most once, or None."""
    for found, value, _ in tlvs:
        if found == code:
            return value if size is None else tlv.size_is(value, size)
    return None


# ---- 2.5 host requests

def _read_versions(header, body):
    (low, high, _), _ = _fixed(">BB18s", body, header.type)
    return {"min_version": low, "max_version": high}


def _write_versions(body):
    return 0, bytes([body["min_version"], body["max_version"]]) + bytes(18)


def _write_discover(body):
    plain = _write_versions(body)[1]
    return 0, plain + tlv.write(c.PAD, bytes(DISCOVER_SIZE - HEADER - len(plain) - 3 - TAG))


def _read_register(header, body):
    values, tlvs = _fixed(">8s8sQIII8s", body, header.type)
    names = ("cookie", "instance_id", "last_stamp", "content_version", "incarnation", "revision")
    read = dict(zip(names, values), digest=int.from_bytes(values[6], "big"), takeover=bool(header.flags & c.TAKEOVER))
    return {**read, **_read_content_and_view(tlvs, True)}


def _write_register(body):
    fixed = struct.pack(">8s8sQIIIQ", body["cookie"], body["instance_id"], body["last_stamp"],
                        body["content_version"], body["incarnation"], body["revision"], body["digest"])
    return c.TAKEOVER if body["takeover"] else 0, fixed + _write_content_and_view(body)


def _read_content_and_view(tlvs, wanted):
    view = _value(tlvs, c.VIEW)
    content = tlv.read_content(tlvs)
    if wanted and content is None:
        raise Malformed("no content", content=c.USER_NAME)
    return {"content": content, "view": None if view is None else tlv.read_view(view)}


def _write_content_and_view(body):
    view = tlv.write_view(body["view"]) if body.get("view") else b""
    return tlv.write_content(body["content"]) + view


def _read_heartbeat(header, body):
    if len(body) < 20:
        raise Malformed("body of %d bytes" % len(body))
    version, incarnation, revision, digest = struct.unpack(">IIIQ", body[:20])
    at, cookie = 20, None
    if header.flags & c.COOKIE:
        if len(body) < 28:
            raise Malformed("no cookie")
        at, cookie = 28, body[20:28]
    with_content = bool(header.flags & c.CONTENT)
    tlvs = tlv.read(body[at:], c.LISTED[c.HEARTBEAT] if with_content else {c.PAD})
    return {"content_version": version, "incarnation": incarnation, "revision": revision, "digest": digest,
            "cookie": cookie, "want": bool(header.flags & c.WANT),
            **_read_content_and_view(tlvs, with_content)}


def _write_heartbeat(body):
    flags, data = 0, struct.pack(">IIIQ", body["content_version"], body["incarnation"], body["revision"], body["digest"])
    if body.get("cookie") is not None:
        flags, data = flags | c.COOKIE, data + body["cookie"]
    if body.get("want"):
        flags |= c.WANT
    if body.get("content") is not None:
        flags, data = flags | c.CONTENT, data + _write_content_and_view(body)
    return flags, data


def _read_leave(header, body):
    _fixed(">20s", body, header.type)
    return {}


def _read_pull(header, body):
    (incarnation, revision, cursor, kind, _), tlvs = _fixed(">II8sB3s", body, header.type)
    if kind not in c.PULL_KINDS:
        raise Malformed("PULL of kind %d" % kind)
    return {"incarnation": incarnation, "revision": revision, "cursor": cursor, "kind": c.PULL_KINDS[kind],
            "buckets": _value(tlvs, c.BUCKETS, 16)}


def _write_pull(body):
    data = struct.pack(">II8sB3x", body["incarnation"], body["revision"], body["cursor"],
                       c.number_of(c.PULL_KINDS, body["kind"]))
    return 0, data + (tlv.write(c.BUCKETS, body["buckets"]) if body.get("buckets") else b"")


def _read_find(header, body):
    (incarnation, cursor, _), tlvs = _fixed(">I8s8s", body, header.type)
    pattern = _value(tlvs, c.PATTERN)
    if pattern is None:
        raise Malformed("FIND without PATTERN")
    return {"incarnation": incarnation, "cursor": cursor, "pattern": tlv.read_pattern(pattern)}


def _write_find(body):
    return 0, struct.pack(">I8s8x", body["incarnation"], body["cursor"]) + tlv.write_pattern(body["pattern"])


# ---- 2.6 HMS answers

def _read_shared(tlvs):
    """The TLVs of REGISTERED and ACK; None for those that are absent."""
    observed, granted = _value(tlvs, c.OBSERVED), _value(tlvs, c.GRANTED, 2)
    check, mode, replicated = _value(tlvs, c.CHECK_TIME, 4), _value(tlvs, c.MODE, 1), _value(tlvs, c.REPLICATED, 1)
    realm = _value(tlvs, c.REALM_NAME)
    return {"observed": None if observed is None else tlv.read_address(observed),
            "hms": [tlv.read_hms(v) for code, v, _ in tlvs if code == c.HMS],
            "cluster_key": _value(tlvs, c.CLUSTER_KEY, 32),
            "realm_name": None if realm is None else tlv.read_name(realm, 32),
            "new_check_time_ms": None if check is None else int.from_bytes(check, "big"),
            "granted": None if granted is None else {"kind": granted[0], "reason": granted[1]},
            "mode": None if mode is None else c.name_of(c.MODES, mode[0]),
            "replicated": None if replicated is None else tlv.read_bool(replicated)}


def _write_shared(body):
    out = []
    if body.get("observed"):
        out.append(tlv.write(c.OBSERVED, addresses.encode(body["observed"])))
    out += [tlv.write_hms(server) for server in body.get("hms", [])]
    if body.get("cluster_key"):
        out.append(tlv.write(c.CLUSTER_KEY, body["cluster_key"]))
    if body.get("realm_name"):
        out.append(tlv.write(c.REALM_NAME, body["realm_name"].encode()))
    if body.get("new_check_time_ms") is not None:
        out.append(tlv.write(c.CHECK_TIME, body["new_check_time_ms"].to_bytes(4, "big")))
    if body.get("granted"):
        out.append(tlv.write(c.GRANTED, bytes([body["granted"]["kind"], body["granted"]["reason"]])))
    if body.get("mode") is not None:
        out.append(tlv.write(c.MODE, bytes([c.number_of(c.MODES, body["mode"])])))
    if body.get("replicated") is not None:
        out.append(tlv.write(c.REPLICATED, bytes([body["replicated"]])))
    return b"".join(out)


REGISTERED_FIELDS = ("incarnation", "number", "stamp", "server_id", "revision", "content_version",
                     "check_time_ms", "first_delay_ms")


def _read_registered(header, body):
    values, tlvs = _fixed(">IQQ8sIIII", body, header.type)
    return {**dict(zip(REGISTERED_FIELDS, values)), **_read_shared(tlvs)}


def _write_registered(body):
    return 0, struct.pack(">IQQ8sIIII", *(body[name] for name in REGISTERED_FIELDS)) + _write_shared(body)


def _read_ack(header, body):
    (incarnation, number, revision, version), tlvs = _fixed(">IQII", body, header.type)
    return {"incarnation": incarnation, "number": number, "revision": revision, "content_version": version,
            "want_content": bool(header.flags & c.WANT_CONTENT), "resync": bool(header.flags & c.RESYNC),
            "equal": bool(header.flags & c.EQUAL), **_read_shared(tlvs), "page": tlv.read_page(tlvs)}


def _write_ack(body):
    flags = ((c.WANT_CONTENT if body["want_content"] else 0) | (c.RESYNC if body["resync"] else 0)
             | (c.EQUAL if body["equal"] else 0))
    data = struct.pack(">IQII", body["incarnation"], body["number"], body["revision"], body["content_version"])
    return flags, data + _write_shared(body) + (tlv.write_page(body["page"]) if body.get("page") else b"")


def _read_page(header, body):
    (incarnation, number), tlvs = _fixed(">IQ", body, header.type)
    page = tlv.read_page(tlvs)
    if page is None:
        raise Malformed("PAGE without PAGE-INFO")
    return {"incarnation": incarnation, "number": number, "push": bool(header.flags & c.PUSH), "page": page}


def _write_page(body):
    data = struct.pack(">IQ", body["incarnation"], body["number"])
    return c.PUSH if body["push"] else 0, data + tlv.write_page(body["page"])


def _read_digests(header, body):
    (incarnation, number, revision, root), tlvs = _fixed(">IQIQ", body, header.type)
    digests = _value(tlvs, c.DIGEST_LIST, 1024)
    if digests is None:
        raise Malformed("DIGESTS without DIGESTS")
    return {"incarnation": incarnation, "number": number, "revision": revision, "root": root,
            "buckets": list(struct.unpack(">128Q", digests))}


def _write_digests(body):
    data = struct.pack(">IQIQ", body["incarnation"], body["number"], body["revision"], body["root"])
    return 0, data + tlv.write(c.DIGEST_LIST, struct.pack(">128Q", *body["buckets"]))


def _read_offer(header, body):
    (incarnation, number, server), tlvs = _fixed(">IQ8s", body, header.type)
    return {"incarnation": incarnation, "number": number, "server_id": server,
            "primary": bool(header.flags & c.PRIMARY),
            "hms": [tlv.read_hms(v) for code, v, _ in tlvs if code == c.HMS]}


def _write_offer(body):
    data = struct.pack(">IQ8s", body["incarnation"], body["number"], body["server_id"])
    return c.PRIMARY if body["primary"] else 0, data + b"".join(map(tlv.write_hms, body["hms"]))


def _delay(argument):
    return {"delay_ms": int.from_bytes(argument, "big")}


def _reject(argument):
    code, value = struct.unpack(">H2xI", argument)
    return {"code": c.name_of(c.REJECTS, code), "value": value}


# type: (argument → fields, body → argument)
SHORT_ANSWERS = {
    c.LEFT: (lambda a: {}, lambda b: c.ZEROS),
    c.CHALLENGE: (lambda a: {"cookie": a}, lambda b: b["cookie"]),
    c.SUPERSEDED: (lambda a: {"stamp": int.from_bytes(a, "big")}, lambda b: keys.u64(b["stamp"])),
    c.REREGISTER: (_delay, lambda b: keys.u64(b["delay_ms"])),
    c.RETRY: (_delay, lambda b: keys.u64(b["delay_ms"])),
    c.REDIRECT: (lambda a: {"server_id": a}, lambda b: b["server_id"]),
    c.REJECT: (_reject, lambda b: struct.pack(">H2xI", c.number_of(c.REJECTS, b["code"]), b["value"])),
}


def _read_short(header, body):
    incarnation, number, argument = _all(">IQ8s", body)
    return {"incarnation": incarnation, "number": number, **SHORT_ANSWERS[header.type][0](argument)}


# ---- 2.7 unauthenticated

def _read_hint(header, body):
    code, low, high = _all(">HBB", body)
    return {"code": code, "min_version": low, "max_version": high}


def _write_hint(body):
    return c.UNAUTHENTICATED, struct.pack(">HBB", body["code"], body["min_version"], body["max_version"])


def _read_announce(header, body):
    server, event, _, port = _all(">8sBBH", body)
    return {"server_id": server, "event": c.name_of(c.EVENTS, event), "port": port}


def _write_announce(body):
    return c.UNAUTHENTICATED, struct.pack(">8sBxH", body["server_id"], c.number_of(c.EVENTS, body["event"]), body["port"])


READERS = {
    c.INIT: _read_versions, c.REGISTER: _read_register, c.HEARTBEAT: _read_heartbeat, c.LEAVE: _read_leave,
    c.PULL: _read_pull, c.FIND: _read_find, c.DISCOVER: _read_versions, c.REGISTERED: _read_registered,
    c.ACK: _read_ack, c.PAGE: _read_page, c.DIGESTS: _read_digests, c.OFFER: _read_offer,
    c.HINT: _read_hint, c.ANNOUNCE: _read_announce,
}
WRITERS = {
    c.INIT: _write_versions, c.REGISTER: _write_register, c.HEARTBEAT: _write_heartbeat,
    c.LEAVE: lambda body: (0, bytes(20)), c.PULL: _write_pull, c.FIND: _write_find, c.DISCOVER: _write_discover,
    c.REGISTERED: _write_registered, c.ACK: _write_ack, c.PAGE: _write_page, c.DIGESTS: _write_digests,
    c.OFFER: _write_offer, c.HINT: _write_hint, c.ANNOUNCE: _write_announce,
}
