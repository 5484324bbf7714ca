"""Chapter 3: key tree, tags, cookies, tokens, signatures of fixed entries."""
import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from . import address as addresses
from . import ed25519, tlv
from .errors import Malformed


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def sha256(data):
    return hashlib.sha256(data).digest()


def u32(value):
    return value.to_bytes(4, "big")


def u64(value):
    return value.to_bytes(8, "big")


def hkdf_extract(salt, secret):
    return hmac256(salt, secret)


def hkdf_expand(prk, info, size):
    out, block, counter = b"", b"", 1
    while len(out) < size:
        block = hmac256(prk, block + info + bytes([counter]))
        out, counter = out + block, counter + 1
    return out[:size]


# ---- 3.1 key tree

def user_id(realm_id, user_name):
    return sha256(b"hms1 uid" + u32(realm_id) + user_name.encode())[:8]


def user_key(realm_secret, uid, generation):
    prk = hkdf_extract(b"hms1", realm_secret)
    return hkdf_expand(prk, b"hms1 user" + uid + u64(generation), 32)


def session_id(ukey, nonce, cookie):
    return hmac256(ukey, b"hms1 sid" + u64(nonce) + cookie)[:8]


def session_key(ukey, sid):
    return hkdf_expand(ukey, b"hms1 session" + sid, 32)


def tag(key, data):
    return hmac256(key, data)[:16]


def tag_holds(key, datagram):
    return hmac.compare_digest(tag(key, datagram[:-16]), datagram[-16:])


def checksum(data):
    """HINT and ANNOUNCE end in this: no proof."""
    return sha256(data)[:16]


# ---- 3.2 cookies (made by an HMS; here for vectors and the scripted HMS of the tests)

def registration_cookie(key, now_us, source, realm_id, uid, nonce, known_stamp):
    slot = u64(now_us // 7_500_000)
    data = slot + addresses.encode(source) + u32(realm_id) + uid + u64(nonce) + u64(known_stamp)
    return hmac256(key, b"hms1 rc" + data)[:8]


def session_cookie(key, now_us, source, sid, incarnation):
    slot = u64(now_us // 15_000_000)
    return hmac256(key, b"hms1 sc" + slot + addresses.encode(source) + sid + u32(incarnation))[:8]


# ---- 3.5 signed fixed entries

def fixed_bytes(realm_id, uid, issued, address, content):
    return b"hms1 fixed" + u32(realm_id) + uid + u64(issued) + addresses.encode(address) + content


def fixed_holds(cluster_key, realm_id, uid, issued, address, content, signature):
    return ed25519.verify(cluster_key, fixed_bytes(realm_id, uid, issued, address, content), signature)


# ---- 3.6 join token

@dataclass
class Token:
    realm_id: int
    epoch: int
    generation: int
    user_key: bytes
    cluster_key: bytes
    user_name: str
    realm_name: str
    addresses: list = field(default_factory=list)

    @property
    def user_id(self):
        return user_id(self.realm_id, self.user_name)


def write_token(token):
    names = b"".join(bytes([len(n)]) + n for n in (token.user_name.encode(), token.realm_name.encode()))
    data = (b"\x01" + u32(token.realm_id) + bytes([token.epoch]) + u64(token.generation)
            + token.user_key + token.cluster_key + names + bytes([len(token.addresses)])
            + b"".join(addresses.encode(a) for a in token.addresses))
    packed = base64.b32encode(data + sha256(data)[:4])
    return "hms1_" + packed.decode().rstrip("=").lower()


def read_token(written):
    """The token, or Malformed; the checksum comes before anything else (R-AUT-50)."""
    plain = written.strip().lower()
    if not plain.startswith("hms1_"):
        raise Malformed("not a join token")
    body = plain[5:].upper()
    try:
        data = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raise Malformed("mistyped token") from None
    if len(data) < 4 or sha256(data[:-4])[:4] != data[-4:]:
        raise Malformed("mistyped token")
    if base64.b32encode(data).decode().rstrip("=") != body:
        raise Malformed("token with padding bits")
    data = data[:-4]
    if data[:1] != b"\x01":
        raise Malformed("token of an unknown format")
    try:
        return _token_fields(data)
    except IndexError:
        raise Malformed("token cut off") from None


def _token_fields(data):
    at, names = 78, []
    for _ in range(2):
        size = data[at]
        names.append(tlv.read_name(data[at + 1:at + 1 + size], (64, 32)[len(names)]))
        at += 1 + size
    count, at, found = data[at], at + 1, []
    for _ in range(count):
        address, at = addresses.decode(data, at)
        found.append(address)
    if at != len(data):
        raise Malformed("token has bytes left over")
    return Token(int.from_bytes(data[1:5], "big"), data[5], int.from_bytes(data[6:14], "big"),
                 data[14:46], data[46:78], names[0], names[1], found)
