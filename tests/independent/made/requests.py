"""What a host sends (2.5), every type."""
import struct

from host import codes as c
from host import tlv
from host.keys import u64

from .contents import NAMES, content, everything, largest, loose_content, named, view
from .form import ANNA, INCARNATION, LONG, TINY, exact, loose

VERSIONS = {"min_version": 1, "max_version": 1}
MOST64, MOST32 = 2**64 - 1, 2**32 - 1
UNKNOWN = tlv.write(0x11, b"a") + tlv.write(0x11, b"") + tlv.write(0x6F, bytes(40)) + tlv.write(0x70, b"private")


def inits():
    plain = bytes([1, 1]) + bytes(18)
    yield exact(ANNA, "init", c.INIT, "user", ANNA.nonce, VERSIONS)
    yield exact(LONG, "init, other realm, epoch and generation", c.INIT, "user", LONG.nonce, VERSIONS)
    yield exact(TINY, "init, widest range of versions, highest nonce", c.INIT, "user", MOST64,
                {"min_version": 0, "max_version": 255})
    yield loose(ANNA, "init, reserved bytes set", c.INIT, "user", 1, bytes([1, 1]) + b"\xaa" * 18, VERSIONS)
    yield loose(ANNA, "init, unknown TLVs behind", c.INIT, "user", 2, plain + UNKNOWN, VERSIONS)
    yield loose(ANNA, "init, padded to 1200", c.INIT, "user", 3, plain + tlv.write(c.PAD, bytes(1129)), VERSIONS)
    yield loose(ANNA, "init, known TLVs that it does not list", c.INIT, "user", 4, plain + tlv.write(c.STATE, b"")
                + tlv.write(c.SERVICE + 5, b"\xff") + tlv.write(c.MODE, b"long"), VERSIONS)
    yield loose(ANNA, "init, 17 services, which it does not list", c.INIT, "user", 8,
                plain + tlv.write(c.SERVICE, b"") * 17, VERSIONS)
    yield loose(ANNA, "init, padding that is not zero and critical", c.INIT, "user", 9,
                plain + tlv.write(c.PAD | c.CRITICAL, b"\x01"), VERSIONS)
    yield exact(ANNA, "discover", c.DISCOVER, "user", ANNA.nonce, VERSIONS)
    yield loose(TINY, "discover of 1200", c.DISCOVER, "user", 5, plain + tlv.write(c.PAD, bytes(1129)), VERSIONS)
    yield loose(TINY, "discover filled with something else", c.DISCOVER, "user", 6,
                plain + tlv.write(0x12, bytes(441)), VERSIONS)
    yield loose(LONG, "discover, unknown TLVs before the padding", c.DISCOVER, "user", 7,
                plain + UNKNOWN + tlv.write(c.PAD, bytes(512 - 48 - 20 - len(UNKNOWN) - 3)), VERSIONS)


def register(**more):
    return {"cookie": ANNA.cookie, "instance_id": b"\x11\x22\x33\x44\x55\x66\x77\x88", "last_stamp": 0,
            "content_version": 1,
            "incarnation": 0, "revision": 0, "digest": 0, "takeover": False, "content": content("anna"),
            "view": view(c.REALM_VIEW, True), **more}


def fixed_of(body):
    return (body["cookie"] + body["instance_id"] + u64(body["last_stamp"]) + struct.pack(
        ">III", body["content_version"], body["incarnation"], body["revision"]) + u64(body["digest"]))


def registers():
    def one(name, who=ANNA, **more):
        return exact(who, name, c.REGISTER, "user", who.nonce, register(**{"content": content(who.user_name), **more}))

    def other(name, data, view_data=None, flags=0, **more):
        body = register(**more)
        view_data = tlv.write_view(body["view"]) if view_data is None else view_data
        return loose(ANNA, name, c.REGISTER, "user", ANNA.nonce, fixed_of(body) + data + view_data, body, flags)

    yield one("register, names only")
    yield one("register, all content, takeover", takeover=True, content=everything("anna"))
    yield one("register, highest numbers", LONG, cookie=b"\xff" * 8, instance_id=b"\xff" * 8, last_stamp=MOST64,
              content_version=MOST32, incarnation=MOST32, revision=MOST32, digest=MOST64)
    yield one("register, comes back with a list", TINY, last_stamp=1 << 40, incarnation=INCARNATION, revision=41,
              digest=99)
    yield one("register, longest content", content=largest("anna"))
    for count in (1, 64):
        yield one("register, view of %d users" % count, view=named(count))
    yield one("register, fills 1200 bytes", content=largest("anna", 1200 - 92 - 3 - 2 - 512, 10), view=named(64))
    for push in (False, True):
        yield one("register, group view, push %d" % push, view=view(c.GROUP_VIEW, push, group="board"))
    yield one("register, longest group", view=view(c.GROUP_VIEW, True, group="\u4f1a" * 21 + "."))
    yield one("register, realm view without push", view=view(c.REALM_VIEW))
    for what, name in NAMES:
        yield one("register, host name: " + what, content=content("anna", name))
    yield one("register, unknown state and content TLVs",
              content=content("anna", state=200, other=[(9, b""), (9, b"again"), (0x0F, b"\0")]))
    yield one("register, numbers that this version gives no meaning",
              content=content("anna", state=0, services=[("s", 0, 0), ("s", 0, 255)]))
    names = content("anna")["raw"]
    yield other("register without VIEW", names, b"", view=view(c.NO_VIEW))
    yield other("register, VIEW none", names, view=view(c.NO_VIEW))
    yield other("register, unknown kind of view", names, tlv.write(c.VIEW, b"\x63\x01what it takes"),
                view=view(0x63, True))
    yield other("register, unknown flags in VIEW", names, tlv.write(c.VIEW, b"\x01\xfe"), view=view(c.REALM_VIEW))
    said = tlv.write(c.PORTS, bytes(6)) + tlv.write(c.STATE, b"\x01")
    yield other("register, says what absence means", names + said, content=loose_content("anna", names + said))
    critical = bytes([0x81, 0, 4]) + b"anna" + bytes([0x82, 0, 1]) + b"h" + bytes([0x86, 0, 1, 2])
    yield other("register, known TLVs with the critical bit", critical, tlv.write(0x90, b"\x01\x01"),
                content=loose_content("anna", critical, state="participating"))
    yield other("register, TLVs and padding behind", names,
                tlv.write_view(view(c.REALM_VIEW, True)) + UNKNOWN + tlv.write(c.PAD, bytes(9)))
    yield other("register, known TLVs that it does not list", names, tlv.write_view(view(c.REALM_VIEW, True))
                + tlv.write(c.MODE, b"\x01\x02") + tlv.write(c.GONE, b"") + tlv.write(c.PATTERN, b""))


def heartbeat(**more):
    return {"content_version": 1, "incarnation": INCARNATION, "revision": 41, "digest": 0x0102030405060708,
            "cookie": None,
            "want": False, "content": None, "view": None, **more}


def heartbeats():
    def one(name, sequence, who=ANNA, **more):
        return exact(who, name, c.HEARTBEAT, "session", sequence, heartbeat(**more))

    yield one("heartbeat, steady", 1)
    yield one("heartbeat, steady, highest numbers", MOST64, LONG, content_version=MOST32, incarnation=MOST32,
              revision=MOST32,
              digest=MOST64)
    yield one("heartbeat, all zeros", 2, TINY, content_version=0, incarnation=0, revision=0, digest=0)
    yield one("heartbeat, cookie", 3, cookie=ANNA.cookie)
    yield one("heartbeat, cookie 0", 4, cookie=bytes(8))
    yield one("heartbeat, wants", 5, want=True)
    yield one("heartbeat, cookie, wants", 6, cookie=ANNA.cookie, want=True)
    said = {"content": everything("anna"), "view": view(c.REALM_VIEW, True), "content_version": 2}
    yield one("heartbeat, content", 7, **said)
    yield one("heartbeat, content, wants", 8, want=True, **said)
    yield one("heartbeat, content, cookie", 9, cookie=ANNA.cookie, **said)
    yield one("heartbeat, content, cookie, wants", 10, cookie=ANNA.cookie, want=True, **said)
    yield one("heartbeat, longest content", 11, content=largest("anna"), view=view(c.GROUP_VIEW, True, group="g" * 64))
    head = struct.pack(">IIIQ", 1, INCARNATION, 41, 0x0102030405060708)
    names = content("anna")
    yield loose(ANNA, "heartbeat, content without VIEW", c.HEARTBEAT, "session", 12, head + names["raw"],
                heartbeat(content=names), c.CONTENT)
    yield loose(ANNA, "heartbeat, TLVs behind", c.HEARTBEAT, "session", 13, head + UNKNOWN + tlv.write(c.PAD, b""),
                heartbeat())
    yield loose(ANNA, "heartbeat, content TLVs without the flag", c.HEARTBEAT, "session", 14,
                head + tlv.write(c.USER_NAME, b"\xff") + tlv.write(c.VIEW, b""), heartbeat())
    odd = names["raw"] + tlv.write(0x0C, b"odd")
    yield loose(ANNA, "heartbeat, content and all that may follow", c.HEARTBEAT, "session", 15,
                head + ANNA.cookie + odd + tlv.write(c.VIEW, b"\x01\x00") + UNKNOWN + tlv.write(c.PAD, bytes(100)),
                heartbeat(cookie=ANNA.cookie, content=loose_content("anna", odd), view=view(c.REALM_VIEW)),
                c.CONTENT | c.COOKIE)


def pull(kind, **more):
    return {"incarnation": INCARNATION, "revision": 41, "cursor": c.ZEROS, "kind": kind, "buckets": None, **more}


def others():
    def one(name, kind, sequence, body, who=ANNA):
        return exact(who, name, kind, "session", sequence, body)

    yield one("leave", c.LEAVE, 20, {})
    yield one("leave, highest sequence", c.LEAVE, MOST64, {}, LONG)
    yield loose(TINY, "leave, reserved bytes set, TLVs behind", c.LEAVE, "session", 21, b"\x5a" * 20 + UNKNOWN, {})
    yield one("pull, delta", c.PULL, 22, pull("delta"))
    yield one("pull, digests", c.PULL, 23, pull("digests", revision=0))
    yield one("pull, copy", c.PULL, 24, pull("copy", revision=0))
    yield one("pull, copy from a cursor", c.PULL, 25, pull("copy", cursor=b"\xff" * 7 + b"\xfe"), LONG)
    for name, bits in (("no", bytes(16)), ("every", b"\xff" * 16), ("the first", b"\x80" + bytes(15)),
                       ("the last", bytes(15) + b"\1")):
        yield one("pull, copy of %s bucket" % name, c.PULL, 26, pull("copy", buckets=bits))
    fixed = struct.pack(">II8sB", INCARNATION, 41, c.ZEROS, 1)
    yield one("pull, delta with buckets", c.PULL, 29, pull("delta", buckets=b"\xff" * 16))
    yield loose(ANNA, "pull, reserved bytes set, TLVs behind", c.PULL, "session", 27, fixed + b"\xff" * 3 + UNKNOWN,
                pull("delta"))
    for text in ("bob", "", "p" * 64, "B\u00d6B \U0001F600"):
        for kind in ("user", "prefix"):
            yield one("find, %s of %d bytes" % (kind, len(text.encode())), c.FIND, 30,
                      {"incarnation": INCARNATION, "cursor": c.ZEROS, "pattern": {"kind": kind, "text": text}})
    for text in (" bob ", "a\x01\x7f\u0085", "\u3000"):
        yield one("find, what no name can be: %r" % text, c.FIND, 31,
                  {"incarnation": 0, "cursor": b"\xfe" * 8, "pattern": {"kind": "prefix", "text": text}}, TINY)
    yield loose(ANNA, "find, reserved bytes set, TLVs on both sides", c.FIND, "session", 32,
                struct.pack(">I", INCARNATION) + c.ZEROS
                + b"\xff" * 8 + tlv.write(0x12, b"") + tlv.write(0xB5, b"\x01bob") + tlv.write(c.PAD, b"\0"),
                {"incarnation": INCARNATION, "cursor": c.ZEROS, "pattern": {"kind": "user", "text": "bob"}})


def all_of_them():
    return [*inits(), *registers(), *heartbeats(), *others()]
