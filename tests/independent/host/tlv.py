"""TLVs (2.3): the frame, and the value of every one of them."""
import struct
import unicodedata

from . import address as addresses
from . import codes as c
from .errors import Malformed

CONTENT_RANGE = range(1, 16)


# ---- the frame

def write(code, value):
    return bytes([code]) + len(value).to_bytes(2, "big") + value


def read(data, listed=c.KNOWN_TLVS):
    """[(code without the critical bit, value, the bytes of the whole TLV)], order and repeats checked; those that the
    message does not list are left out (R-FMT-07), but for codes of the content when it lists content."""
    found, at, last, counts = [], 0, 0, {}
    while at < len(data):
        code, plain = data[at], data[at] & 0x7F
        mine = plain if c.USER_NAME in listed and plain in CONTENT_RANGE else None
        end = at + 3 + int.from_bytes(data[at + 1:at + 3], "big")
        if at + 3 > len(data) or end > len(data):
            raise Malformed("TLV 0x%02x beyond the end" % code, content=mine)
        if plain not in listed and code & c.CRITICAL:
            raise Malformed("TLV 0x%02x is critical" % code, "critical-tlv", mine)
        rank = c.ENTRY if plain == c.GONE else plain
        if rank < last:
            raise Malformed("TLV 0x%02x out of order" % plain, content=mine)
        counts[plain] = counts.get(plain, 0) + 1
        limit = c.REPEATS.get(plain, 1) if plain in listed or plain in c.KNOWN_TLVS - set(c.REPEATS) else None
        if limit is not None and counts[plain] > limit:
            raise Malformed("TLV 0x%02x repeated" % plain, content=mine)
        if plain in listed or mine is not None:
            found.append((plain, data[at + 3:end], data[at:end]))
        at, last = end, rank
    return found


def size_is(value, size):
    if len(value) != size:
        raise Malformed("%d bytes instead of %d" % (len(value), size))
    return value


def read_bool(value):
    if value not in (b"\0", b"\1"):
        raise Malformed("neither yes nor no")
    return value == b"\1"


def read_text(value, low, high):
    if not low <= len(value) <= high:
        raise Malformed("text of %d bytes" % len(value))
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None


def read_name(value, high=64):
    """R-FMT-10."""
    text = read_text(value, 1, high)
    if any(unicodedata.category(ch) == "Cc" for ch in text) or text != text.strip():
        raise Malformed("name with control characters or white space around it")
    for before, ch in zip("\0" + text, text):
        if within(ch, HIDDEN) or before < "\x80" and within(ch, BEHIND):
            raise Malformed("name with U+%04X in it" % ord(ch))
    return text


def within(ch, ranges):
    return any(low <= ord(ch) <= high for low, high in ranges)


# Characters that are not seen, and those that only stand behind others that are not ASCII.
HIDDEN = ((0xad, 0xad), (0x34f, 0x34f), (0x61c, 0x61c), (0x115f, 0x1160), (0x17b4, 0x17b5),
          (0x180e, 0x180e), (0x200b, 0x200b), (0x200e, 0x200f), (0x2028, 0x202e), (0x2060, 0x206f),
          (0x3164, 0x3164), (0xfeff, 0xfeff), (0xffa0, 0xffa0), (0xfff0, 0xfffb),
          (0x1bca0, 0x1bca3), (0x1d173, 0x1d17a), (0xe0000, 0xe00ff), (0xe01f0, 0xe0fff))
BEHIND = ((0x180b, 0x180d), (0x180f, 0x180f), (0x200c, 0x200d), (0xfe00, 0xfe0f),
          (0xe0100, 0xe01ef))


# ---- content (R-FMT-11)

def read_content(tlvs):
    """The content among the TLVs as a dict, or None if there is none; bytes kept under "raw"."""
    mine = [t for t in tlvs if t[0] in CONTENT_RANGE]
    if not mine:
        return None
    content = {"user_name": None, "host_name": None, "reported": [], "ports": None, "services": [],
               "state": "standby", "conference": None, "fixed": False, "other": [],
               "raw": b"".join(t[2] for t in mine)}
    for code, value, _ in mine:
        try:
            _read_content_tlv(content, code, value)
        except Malformed as fault:
            raise Malformed(str(fault), content=code) from None
    for code, name in ((c.USER_NAME, "user_name"), (c.HOST_NAME, "host_name")):
        if content[name] is None:
            raise Malformed("content without %s" % name, content=code)
    return content


def _read_content_tlv(content, code, value):
    if code == c.USER_NAME:
        content["user_name"] = read_name(value)
    elif code == c.HOST_NAME:
        content["host_name"] = read_name(value)
    elif code == c.REPORTED:
        content["reported"] = addresses.decode_all(value, 0, 1, 8)
    elif code == c.PORTS:
        content["ports"] = dict(zip(("data", "video", "audio"), struct.unpack(">3H", size_is(value, 6))))
    elif code == c.SERVICE:
        if len(value) < 4:
            raise Malformed("SERVICE too short")
        transport = c.name_of(c.TRANSPORTS, value[0])
        content["services"].append((read_name(value[3:], 16), int.from_bytes(value[1:3], "big"), transport))
    elif code == c.STATE:
        content["state"] = c.name_of(c.STATES, size_is(value, 1)[0])
    elif code == c.CONFERENCE:
        content["conference"] = read_name(value)
    elif code == c.FIXED:
        size_is(value, 0)
        content["fixed"] = True
    else:
        content["other"].append((code, value))


def write_content(content):
    """The bytes of a content, canonical (R-FMT-11); one that was received keeps the bytes it came with."""
    if content.get("raw") is not None:
        return content["raw"]
    out = [write(c.USER_NAME, content["user_name"].encode()), write(c.HOST_NAME, content["host_name"].encode())]
    if content.get("reported"):
        out.append(write(c.REPORTED, b"".join(map(addresses.encode, content["reported"]))))
    if any((content.get("ports") or {}).values()):
        ports = content["ports"]
        out.append(write(c.PORTS, struct.pack(">3H", ports["data"], ports["video"], ports["audio"])))
    for kind, port, transport in content.get("services", []):
        number = c.number_of(c.TRANSPORTS, transport)
        out.append(write(c.SERVICE, struct.pack(">BH", number, port) + kind.encode()))
    if content.get("state") not in (None, "standby"):
        out.append(write(c.STATE, bytes([c.number_of(c.STATES, content["state"])])))
    if content.get("conference"):
        out.append(write(c.CONFERENCE, content["conference"].encode()))
    if content.get("fixed"):
        out.append(write(c.FIXED, b""))
    out += [write(code, value) for code, value in sorted(content.get("other", []))]
    return b"".join(out)


# ---- views, servers and the small ones

def write_view(view):
    value = bytes([view["kind"], 1 if view["push"] else 0])
    if view["kind"] == c.GROUP_VIEW:
        value += view["group"].encode()
    elif view["kind"] == c.NAMED_VIEW:
        value += b"".join(view["users"])
    return write(c.VIEW, value)


def read_view(value):
    if len(value) < 2:
        raise Malformed("VIEW too short")
    view, rest = {"kind": value[0], "push": bool(value[1] & 1)}, value[2:]
    if value[0] == c.GROUP_VIEW:
        view["group"] = read_name(rest)
    elif value[0] == c.NAMED_VIEW:
        if len(rest) % 8 or not 8 <= len(rest) <= 512:
            raise Malformed("named VIEW of %d bytes" % len(rest))
        view["users"] = [rest[i:i + 8] for i in range(0, len(rest), 8)]
    elif value[0] in (c.NO_VIEW, c.REALM_VIEW):
        size_is(rest, 0)
    return view


def write_hms(server):
    flags = (1 if server["primary"] else 0) | (2 if server["sender"] else 0)
    name = server["name"].encode()
    return write(c.HMS, server["server_id"] + bytes([flags, len(name)]) + name
                 + b"".join(map(addresses.encode, server["addresses"])))


def read_hms(value):
    if len(value) < 10 or len(value) < 10 + value[9]:
        raise Malformed("HMS too short")
    behind = 10 + value[9]
    return {"server_id": value[:8], "primary": bool(value[8] & 1), "sender": bool(value[8] & 2),
            "name": read_name(value[10:behind]), "addresses": addresses.decode_all(value, behind, 0, 8)}


def read_address(value):
    address, end = addresses.decode(value, 0)
    if end != len(value):
        raise Malformed("bytes behind an address")
    return address


def write_pattern(pattern):
    return write(c.PATTERN, bytes([c.number_of(c.PATTERN_KINDS, pattern["kind"])]) + pattern["text"].encode())


def read_pattern(value):
    if not value:
        raise Malformed("PATTERN empty")
    if value[0] not in c.PATTERN_KINDS:
        raise Malformed("PATTERN of kind %d" % value[0])
    return {"kind": c.PATTERN_KINDS[value[0]], "text": read_text(value[1:], 0, 64)}


# ---- pages (4.6)

def write_page(page):
    info = struct.pack(">BBII", c.number_of(c.PAGE_KINDS, page["kind"]), 1 if page["more"] else 0,
                       page["from"], page["to"]) + page["after"] + page["up_to"] + struct.pack(">I", page["total"])
    return write(c.PAGE_INFO, info) + b"".join(map(write_item, page["items"]))


def write_item(item):
    if "gone" in item:
        reason = c.number_of(c.REASONS, item["reason"])
        return write(c.GONE, item["gone"] + struct.pack(">IB", item["revision"], reason))
    status = (1 if item["late"] else 0) | (2 if item["unconfirmed"] else 0)
    value = item["user_id"] + struct.pack(">IBQI", item["revision"], status, item["since"], item["check_time_s"])
    value += item["home"] + write_content(item["content"])
    if item["address"]:
        value += write(c.ADDRESS, addresses.encode(item["address"]))
    if item["signature"]:
        value += write(c.SIGNATURE, struct.pack(">Q", item["signature"]["issued"]) + item["signature"]["bytes"])
    return write(c.ENTRY, value)


def read_page(tlvs):
    """The page among the TLVs, or None; ENTRY and GONE without PAGE-INFO are malformed."""
    info = [value for code, value, _ in tlvs if code == c.PAGE_INFO]
    items = [(code, value) for code, value, _ in tlvs if code in (c.ENTRY, c.GONE)]
    if not info:
        if items:
            raise Malformed("ENTRY or GONE without PAGE-INFO")
        return None
    kind, flags, start, to = struct.unpack(">BBII", size_is(info[0], 30)[:10])
    return {"kind": c.name_of(c.PAGE_KINDS, kind), "more": bool(flags & 1), "from": start, "to": to,
            "after": info[0][10:18], "up_to": info[0][18:26], "total": int.from_bytes(info[0][26:], "big"),
            "items": [read_entry(v) if code == c.ENTRY else read_gone(v) for code, v in items]}


def read_gone(value):
    revision, reason = struct.unpack(">IB", size_is(value, 13)[8:])
    return {"gone": value[:8], "revision": revision, "reason": c.name_of(c.REASONS, reason)}


def read_entry(value):
    """The content in it is not the sender's own: a fault in it is no reason for REJECT."""
    try:
        return _read_entry(value)
    except Malformed as fault:
        raise Malformed(str(fault), fault.reason) from None


def _read_entry(value):
    if len(value) < 33:
        raise Malformed("ENTRY too short")
    revision, status, since, check_time = struct.unpack(">IBQI", value[8:25])
    tlvs = read(value[33:], c.LISTED_IN_ENTRY)
    entry = {"user_id": value[:8], "revision": revision, "late": bool(status & 1), "unconfirmed": bool(status & 2),
             "since": since, "check_time_s": check_time, "home": value[25:33], "content": read_content(tlvs),
             "address": None, "signature": None}
    if entry["content"] is None:
        raise Malformed("ENTRY without content")
    for code, part, _ in tlvs:
        if code == c.ADDRESS:
            entry["address"] = read_address(part)
        elif code == c.SIGNATURE:
            size_is(part, 72)
            entry["signature"] = {"issued": int.from_bytes(part[:8], "big"), "bytes": part[8:]}
    return entry
