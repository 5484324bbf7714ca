"""Keys, cookies, replay windows, digests, signatures and tokens (chapter 3, R-DIR-02)."""
import base64

from host import address as addresses
from host import directory, ed25519, keys
from host.keys import u64

from .answers import CLUSTER_KEY, CLUSTER_SEED, entry
from .contents import EIGHT, content, everything, largest, loose_content
from .form import ANNA, EVERYONE, INCARNATION, LONG, TINY, seed

COOKIE_KEY = seed("cookies")
REGISTRATION_SLOT, SESSION_SLOT = 7_500_000, 15_000_000          # µs (R-AUT-10)


def cookies():
    """When a cookie is made, and until when it is accepted: the slot in which it was made and the next."""
    made = []
    for who, source, known, now in ((ANNA, "192.0.2.7:40000", 0, 0), (ANNA, "192.0.2.7:40001", 7 << 16, 7_499_999),
                                    (LONG, "[2001:db8::7]:65535", 2**64 - 1, 7_500_000),
                                    (TINY, "[fe80::1]:1", 1, 10**15 + 1)):
        at = addresses.parse(source)
        first = keys.registration_cookie(COOKIE_KEY, now, at, who.realm_id, who.user_id, who.nonce, known)
        second = keys.session_cookie(COOKIE_KEY, now, at, who.session_id, INCARNATION)
        made.append({"of": who.of, "source": source, "known_stamp": str(known), "now_us": str(now),
                     "incarnation": INCARNATION,
                     "registration_cookie": number(first),
                     "registration_until_us": str((now // REGISTRATION_SLOT + 2) * REGISTRATION_SLOT),
                     "session_cookie": number(second),
                     "session_until_us": str((now // SESSION_SLOT + 2) * SESSION_SLOT)})
    return {"cookie_key": COOKIE_KEY.hex(), "made": made}


def number(data):
    return str(int.from_bytes(data, "big"))


def windows():
    """What a row's window says to sequences, in this order (R-AUT-21)."""
    most = 2**64 - 1
    runs = [[1, 2, 2, 1, 4, 3, 3], [64, 1, 1, 65, 1, 2], [100, 36, 37, 37, 99, 100],
            [5, 1000, 5, 936, 937, 1000, 1001, 937, 938],
            [most - 1, most, most, most - 63, most - 64, 1], [1, 65, 1, 2, 129, 65, 66]]
    return [[[str(s), ok] for s, ok in window(run)] for run in runs]


def window(sequences):
    highest, seen = 0, set()
    for s in sequences:
        ok = s > highest or (s > highest - 64 and s not in seen)
        if ok:
            highest = max(highest, s)
            seen.add(s)
        yield s, ok


def digests():
    names = content("anna")["raw"]
    standby = names + b"\x06\0\1\1"
    shown = [entry(0x00, content("anna")), entry(0x01, content("anna"), ("10.1.0.5", 1)),
             entry(0x01, content("anna"), None),
             entry(0x01, content("anna"), None, late=True), entry(0xFE, everything("bob"), ("2001:db8::5", 40000),
                                                                  late=True),
             entry(0xFF, largest("cleo"), unconfirmed=True, since=0, home=bytes(8), revision=1),
             entry(0x7F, loose_content("anna", standby))]
    rows = [{"user_id": e["user_id"].hex(), "late": e["late"], "address": e["address"][0] if e["address"] else None,
             "content": e["content"]["raw"].hex(), "bucket": directory.bucket_of(e["user_id"]),
             "digest": str(directory.entry_digest(e))}
            for e in shown]
    return {"entries": rows, "sum": str(sum(directory.entry_digest(e) for e in shown) % 2**64)}


def signatures():
    """Of fixed-address entries, good ones and not (3.5)."""
    at, said = ("192.0.2.7", 40000), everything("anna")["raw"]
    made = []

    def one(what, holds, public=CLUSTER_KEY, who=ANNA, issued=1700000000, address=at, data=said, signature=None):
        good = ed25519.sign(CLUSTER_SEED, keys.fixed_bytes(ANNA.realm_id, ANNA.user_id, 1700000000, at, said))
        made.append({"name": what, "holds": holds, "cluster_key": public.hex(), "of": who.of, "issued": str(issued),
                     "address": addresses.text(address), "content": data.hex(), "signature": (signature or good).hex()})
        return good

    good = one("as it was signed", True)
    for who, address, data in ((LONG, ("2001:db8::7", 0), largest("x")["raw"]),
                               (TINY, ("255.255.255.255", 65535), content("x")["raw"])):
        signed = keys.fixed_bytes(who.realm_id, who.user_id, 2**64 - 1, address, data)
        one("of " + who.of, True, who=who, issued=2**64 - 1, address=address, data=data,
            signature=ed25519.sign(CLUSTER_SEED, signed))
    one("another user", False, who=LONG)
    one("another time", False, issued=1700000001)
    one("another port", False, address=("192.0.2.7", 40001))
    one("another address", False, address=("192.0.2.8", 40000))
    one("other content", False, data=said + b"\x09\0\0")
    one("another key", False, public=ed25519.public_key(seed("another cluster")))
    for bit in (0, 255, 256, 511):
        one("bit %d changed" % bit, False, signature=bytes(b ^ (1 << bit % 8 if n == bit // 8 else 0) for n,
                                                           b in enumerate(good)))
    higher = int.from_bytes(good[32:], "little") + ed25519.L
    one("S not below the group's order", False, signature=good[:32] + higher.to_bytes(32, "little"))
    one("zeros", False, signature=bytes(64))
    one("a key that is no point", False, public=b"\2" + bytes(31))
    return made


def token(who, names=("", ""), at=(), generation=None):
    return keys.Token(who.realm_id, who.epoch, who.generation if generation is None else generation, who.user_key,
                      CLUSTER_KEY,
                      names[0] or who.user_name, names[1] or "7q2m", list(at))


def tokens():
    made = []
    for name, t in (("no address", token(ANNA)), ("as usual", token(ANNA, at=[("192.0.2.7", 40000),
                                                                              ("2001:db8::1", 6710)])),
                    ("highest numbers", token(LONG, ("", "r" * 32), [("ff02::1", 65535), ("0.0.0.0", 0)])),
                    ("longest user name", token(ANNA, ("\u4f1a" * 21 + "x", ""))),
                    ("8 addresses", token(TINY, at=EIGHT)),
                    ("255 addresses", token(TINY, at=[("10.0.0.%d" % n, n) for n in range(255)]))):
        written = keys.write_token(t)
        made.append({"name": name, "of": next(w.of for w in EVERYONE.values() if w.user_key == t.user_key),
                     "user_name": t.user_name,
                     "realm_name": t.realm_name, "cluster_key": CLUSTER_KEY.hex(),
                     "addresses": [addresses.text(a) for a in t.addresses],
                     "token": written, "also": [written.upper(), " \t\n%s\r\n" % written,
                                                written[:9].upper() + written[9:]]})
    return made


def wrong_tokens():
    good = keys.write_token(token(ANNA, at=[("192.0.2.7", 40000)]))
    data = base64.b32decode(good[5:].upper() + "=" * (-len(good[5:]) % 8))[:-4]
    made = []

    def typed(name, written):
        made.append({"name": name, "mistyped": True, "token": written})

    def packed(name, wrong):
        whole = base64.b32encode(wrong + keys.sha256(wrong)[:4]).decode().rstrip("=").lower()
        made.append({"name": name, "mistyped": False, "token": "hms1_" + whole})

    for at in (5, 6, 40, len(good) - 9):
        typed("letter %d changed" % at, good[:at] + ("b" if good[at] != "b" else "c") + good[at + 1:])
    at = next(n for n in range(20, 60) if good[n] != good[n + 1])
    typed("two letters swapped", good[:at] + good[at + 1] + good[at] + good[at + 2:])
    typed("last letters missing", good[:-3])
    typed("a letter too many", good[:30] + "a" + good[30:])
    typed("a letter that base32 does not have", good[:30] + "1" + good[31:])
    typed("wrong, and of another format", good[:5] + ("b" if good[5] != "b" else "c") + good[6:])
    assert data[78] == 4
    names = data[:78]
    packed("format 2", b"\2" + data[1:])
    packed("format 0", b"\0" + data[1:])
    packed("no user name", names + b"\0" + data[83:])
    packed("user name with a space", names + b"\4ann " + data[83:])
    packed("user name that is not UTF-8", names + b"\4ann\xff" + data[83:])
    packed("user name of 65 bytes", names + bytes([65]) + b"u" * 65 + data[83:])
    packed("realm name of 33 bytes", data[:83] + bytes([33]) + b"r" * 33 + data[88:])
    packed("no realm name", data[:83] + b"\0" + data[88:])
    packed("address cut off", data[:-1])
    packed("address of family 5", data[:89] + b"\5" + data[90:])
    packed("mapped IPv6 address", data[:89] + b"\6" + bytes(10) + b"\xff\xff\xc0\0\2\7\x9c\x40")
    packed("more addresses said than there are", data[:88] + b"\2" + data[89:])
    packed("bytes behind", data + b"\0")
    packed("nothing but the format", b"\1")
    return made


def white_space_inside():
    good = keys.write_token(token(ANNA))
    return [good[:20] + " " + good[20:], good[:5] + "\n" + good[5:], good[:20] + "\t" + good[20:]]


def section():
    return {"users": [who.shown() for who in EVERYONE.values()], "cookies": cookies(), "windows": windows(),
            "digests": digests(),
            "cluster_seed": CLUSTER_SEED.hex(), "signatures": signatures(), "tokens": tokens(),
            "wrong_tokens": wrong_tokens(),
            "white_space_inside": white_space_inside()}
