"""The checks, in the order in which they run. Each says in its first line what it shows."""

import glob
import hashlib
import hmac
import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter

import capture
import expect
import samples
import shark
from capture import Packet
from seal import Keys

ALL = []
ROOT = shark.ROOT
REPORTED_FIELDS = ("hms.response_in",)  # in the Lua file only


class Skipped(Exception):
    """What it needs is not here."""


class Place:
    """A directory that everybody may read, and what the command line said."""

    def __init__(self, directory, options):
        self.directory, self.options = directory, options

    def path(self, name, text=None):
        path = os.path.join(self.directory, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o644)
        return path

    def capture(self, packets, name="test.pcap"):
        path = self.path(name)
        capture.write(path, packets)
        return path


def check(function):
    ALL.append(function)
    return function


def same(what, got, wanted):
    assert got == wanted, f"{what}:\n  got    {str(got)[:900]}\n  wanted {str(wanted)[:900]}"


def clean(run):
    same("faults of the Lua file", run.faults(), [])
    same("exit code", run.code, 0)


@check
def loads(place):
    """it loads without a word, and all fields of the table are there"""
    run = shark.tshark("-G", "fields")
    same("what it says, and the exit code", (run.err, run.code), ("", 0))
    rows = [line.split("\t") for line in run.out.splitlines()]
    ours = {row[2] for row in rows if row[0] == "F" and row[2].startswith("hms.")}
    assert len(ours) > 170, f"{len(ours)} fields"
    for name in ("hms.type", "hms.user", "hms.seq", "hms.tlv.type", "hms.data.number", "hms.time"):
        assert name in ours, name
    protocols = shark.tshark("-r", place.capture([Keys().heartbeat(1)]), "-T", "fields", "-e", "frame.protocols")
    assert "hms" in protocols.out, protocols.out


@check
def table_of_fields(place):
    """names, types, bases, masks, titles and values are those of hms-dissect"""
    run = subprocess.run([dissect(place), "--fields", "--json"], capture_output=True, text=True, check=True)
    theirs = json.loads(run.stdout)["fields"]
    rows = [line.split("\t") for line in shark.tshark("-G", "fields").out.splitlines()]
    ours = {row[2]: row for row in rows if row[0] == "F" and row[2].startswith("hms.")}
    names = {"none": "FT_NONE", "uint8": "FT_UINT8", "uint16": "FT_UINT16", "uint32": "FT_UINT32",
             "uint64": "FT_UINT64", "bool": "FT_BOOLEAN", "ipv4": "FT_IPv4", "ipv6": "FT_IPv6",
             "string": "FT_STRING", "bytes": "FT_BYTES", "framenum": "FT_FRAMENUM",
             "relative_time": "FT_RELATIVE_TIME"}
    wrong = []
    for field in theirs:
        row = ours.get(field["name"])
        if not row:
            wrong.append(f"{field['name']} is missing")
            continue
        mask = int(str(field.get("mask") or 0), 0)
        base = {"dec": "BASE_DEC", "hex": "BASE_HEX"}.get(field.get("base"))
        if row[3] != names[field["type"]] or row[1] != field["title"] or int(row[6] or "0", 0) != mask \
                or (base and row[5] != base):
            wrong.append(f"{field} is {row}")
    remarks = {name for name in ours if name.startswith("hms.expert.")}
    extra = set(ours) - {field["name"] for field in theirs} - remarks - set(REPORTED_FIELDS)
    same("fields that differ", wrong, [])
    values = [line.split("\t") for line in shark.tshark("-G", "values").out.splitlines()]
    named = Counter((row[1], int(row[2], 0), row[3]) for row in values if row[0] == "V" and row[1].startswith("hms."))
    same("values", sorted(named), sorted((field["name"], int(code), text) for field in theirs
                                         for code, text in (field["values"] or {}).items()))
    same("fields that only the Lua file has", extra, set())


@check
def hashes(place):
    """SHA-256, HMAC (RFC 4231), HKDF, names and numbers, in Lua"""
    cases = list(pure_cases())
    lines = ["\t".join([name, what, ",".join(one.hex() for one in given), wanted.hex()])
             for name, what, given, wanted in cases]
    env = {"HMS_LUA": shark.LUA, "HMS_CASES": place.path("cases", "\n".join(lines) + "\n")}
    run = subprocess.run(
        ["tshark", "-X", f"lua_script:{os.path.join(shark.HERE, 'pure.lua')}", "-r", place.capture([])],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}, capture_output=True, text=True,
        check=False, timeout=120, **shark.lesser())
    said = run.stdout.splitlines()
    same("lines", (len([line for line in said if line.startswith("ok ")]), run.stderr), (len(cases), ""))


def pure_cases():
    for key, data in (
            (b"\x0b" * 20, b"Hi There"), (b"Jefe", b"what do ya want for nothing?"), (b"\xaa" * 20, b"\xdd" * 50),
            (bytes(range(1, 26)), b"\xcd" * 50),
            (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First"),
            (b"\xaa" * 131, b"This is a test using a larger than block-size key and a larger than block-size data. "
                            b"The key needs to be hashed before being used by the HMAC algorithm.")):
        yield "RFC 4231", "hmac", (key, data), hmac.new(key, data, hashlib.sha256).digest()
    # As RFC 4231 prints it: so Python's is checked as well.
    yield "RFC 4231 case 1", "hmac", (b"\x0b" * 20, b"Hi There"), bytes.fromhex(
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    for length in [*range(0, 130), 1184]:
        data = bytes((7 * i + length) % 256 for i in range(length))
        yield f"SHA-256 of {length}", "sha256", (data,), hashlib.sha256(data).digest()
    said = expect.load("keys.json")
    user_id, session = bytes.fromhex(said["user_id"]), bytes.fromhex(said["session_id"])
    user_key = bytes.fromhex(said["user_key"])
    prk = hmac.new(b"hms1", bytes.fromhex(said["realm_secret"]), hashlib.sha256).digest()
    yield "PRK", "hmac", (b"hms1", bytes.fromhex(said["realm_secret"])), prk
    yield "user key", "expand", (prk, b"hms1 user" + user_id + bytes(8)), user_key
    yield "session key", "expand", (user_key, b"hms1 session" + session), bytes.fromhex(said["session_key"])
    for value in (0, 1, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 2**63, 2**64 - 1):
        yield f"{value} in decimal", "decimal", (value.to_bytes(8, "big"),), str(value).encode()
    for ms, text in ((0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (1500, "1.5 s"), (60000, "60 s"), (12345, "12.345 s")):
        yield f"{ms} ms", "span", (str(ms).encode(),), text.encode()
    for text, fault in (("anna", ""), ("room 4", ""), ("Jürgen", ""), ("a\u0301", ""), ("", "an empty name"),
                        (" a", "a name that begins with white space"), ("a\u3000", "a name that ends with white space"),
                        ("a\tb", "a name with U+0009, which is not seen or not shown"),
                        ("a\u202eb", "a name with U+202E, which is not seen or not shown"),
                        ("a\u200db", "a name with U+200D behind nothing that it could join"), ("\u0915\u200d\u0937", ""),
                        ("x" * 64, ""), ("x" * 65, "a name of 65 bytes, 64 at most")):
        yield f"name {text!r}", "name_fault", (text.encode(),), fault.encode()
    for wrong in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"):
        yield f"name {wrong!r}", "name_fault", (wrong,), b"text that is not UTF-8"
    yield "what acts in a terminal", "shown", (b"a\x1b[2Jb\xff",), b"a\\u{1b}[2Jb\\xff"
    for text in ("2001:db8::1", "::", "::1", "1::", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "fe80::1:0:0:1"):
        import ipaddress
        ip = ipaddress.ip_address(text)
        yield f"address {text}", "ipv6", (ip.packed,), f"[{ip}]:6710".encode()


@check
def vectors(place):
    """every datagram of spec/vectors is dissected to exactly its fields, and its tag holds"""
    hosts, links = expect.load("datagrams.json")["datagrams"], expect.load("transport.json")
    wanted = [(one["name"], one["bytes"], expect.datagram(one), one["tag"]) for one in hosts]
    wanted += [(one["name"], one["bytes"], expect.link(one, links), one["bytes"][-32:]) for one in links["handshake"]]
    wanted += [(f"DATA {one['number']}", one["bytes"], expect.data(one, links), one["bytes"][-32:])
               for one in links["data_of_the_initiator"]]
    path = place.capture([bytes.fromhex(data) for _, data, _, _ in wanted])
    keys = place.path("secrets.json", Keys().secrets())
    found, run = shark.dissected(path, keys=keys)
    clean(run)
    remarks, _ = shark.experts(path, keys=keys)
    same("datagrams", len(found), len(wanted))
    for number, (fields, (name, _, those, tag)) in enumerate(zip(found, wanted), 1):
        same(name, expect.told(fields), those)
        tags = [value for field, value in fields if field in ("hms.tag", "hms.checksum")]
        same(f"{name}: tag", tags, [expect.colons(tag)])
        assert not [text for text in remarks[number] if " at byte " in text], f"{name}: {remarks[number]}"
        verdict = dict(fields)["hms.verdict"]
        kind = dict(fields)["hms.type"]
        may = {"0x8e": ["unauthenticated"], "0x8f": ["unauthenticated"], "0x23": ["unchecked"]}
        same(f"{name}: verdict", verdict in may.get(kind, ["valid"]), True)
    for fields, one in zip(found, hosts):
        bits = sorted(pair for pair in fields if pair[0].startswith("hms.flags."))
        same(f"{one['name']}: flags", bits, expect.flags(one))
    return f"{len(wanted)} datagrams"


@check
def unlocked(place):
    """without keys nothing is said of tags, and HINT and ANNOUNCE are looked at all the same"""
    hosts = expect.load("datagrams.json")["datagrams"]
    rows, run = shark.columns(place.capture([bytes.fromhex(one["bytes"]) for one in hosts]), "hms.verdict")
    clean(run)
    for row, one in zip(rows, hosts):
        same(one["name"], row[0], "unauthenticated" if one["key"] == "none" else "")


@check
def verdicts(place):
    """valid, wrong tag, unknown key, revoked, replayed, out of window; from secrets, a directory and a token"""
    keys = Keys()
    wrong = bytearray(keys.heartbeat(101))
    wrong[-1] ^= 1
    sent = [
        ("valid", keys.heartbeat(100)), ("valid", keys.heartbeat(70)), ("replayed", keys.heartbeat(100)),
        ("valid", keys.heartbeat(200)), ("out of window", keys.heartbeat(136)), ("valid", keys.heartbeat(137)),
        ("replayed", keys.heartbeat(137)), ("wrong tag", bytes(wrong)), ("valid", keys.heartbeat(101 + 50)),
        ("valid", keys.heartbeat(2**64 - 1)), ("out of window", keys.heartbeat(2**63)),
        ("unknown key", keys.heartbeat(1, epoch=9)), ("valid", keys.ack(100)),
        # The same at another HMS is no replay.
        ("valid", Packet(keys.heartbeat(100), hosts=("192.0.2.7", "10.1.0.2"))),
        ("valid", keys.datagram(0x01, 5, b"\x01\x01" + bytes(18), session=False)),
    ]
    path = place.capture([data for _, data in sent])
    text = keys.secrets()
    place.path("secrets.json", text)
    sources = {"secrets": place.path("a.json", text), "state directory": place.directory,
               "on one line": place.path("b.json", keys.secrets(indent=None)),
               "token": place.path("token", keys.token + "\n")}
    for source, file in sources.items():
        rows, run = shark.columns(path, "hms.verdict", keys=file)
        clean(run)
        same(source, [row[0] for row in rows], [verdict for verdict, _ in sent])
    rows, _ = shark.columns(path, "hms.verdict", options=("-o", f"hms.key_file:{sources['token']}"))
    same("by preference", [row[0] for row in rows], [verdict for verdict, _ in sent])
    remarks, _ = shark.experts(path, keys=sources["secrets"])
    for number, part in ((3, "seen before"), (5, "64 or more behind"), (8, "the tag does not hold"),
                         (12, "key epoch 9 unknown; the HMS knows 1 of realm")):
        assert any(part in text for text in remarks[number]), f"frame {number}: {remarks[number]}"
    # -2 reads each frame twice: the second time must not find it replayed.
    rows, _ = shark.columns(path, "hms.verdict", options=("-2",), keys=sources["secrets"])
    same("in two passes", [row[0] for row in rows], [verdict for verdict, _ in sent])
    revoked = place.path("revoked.json", keys.secrets(revoked=(7, 0)))
    now = keys.of_user(7)
    path = place.capture([keys.heartbeat(1), keys.datagram(0x01, 5, b"\x01\x01" + bytes(18), session=False, key=now)])
    rows, _ = shark.columns(path, "hms.verdict", keys=revoked)
    same("a revoked key", [row[0] for row in rows], ["revoked", "valid"])


@check
def key_files(place):
    """a key file that is missing, damaged or none is named, and all else is shown"""
    keys = Keys()
    path = place.capture([keys.heartbeat(1)])
    mistyped = keys.token[:-1] + ("a" if keys.token[-1] != "a" else "b")
    cases = (
        (place.path("missing") + "-not", "No such file"),
        (place.path("damaged", keys.secrets(damage=True)), "do not fit the checksum"),
        (place.path("torn", keys.secrets()[:300]), "is not JSON"),
        (place.path("mistyped", mistyped), "mistyped"),
        (place.path("other", "PRIVATE KEY"), "neither the secrets of an HMS nor join tokens"),
        (place.path("empty", ""), "empty"),
        (place.path("deep", "{\"a\":" + "[" * 5000), "is not JSON"),
        (place.path("later", '{"hms_secrets": 3}'), "format 1 or 2"),
    )
    for file, why in cases:
        rows, run = shark.columns(path, "hms.seq", "hms.verdict", keys=file)
        clean(run)
        same(file, rows, [["1", ""]])
        assert "tags are not verified" in run.err and why in run.err, f"{file}: {run.err}"
        remarks, _ = shark.experts(path, keys=file)
        assert any(why in text for text in remarks[1]), f"{file}: {remarks}"


@check
def related(place):
    """answers name their request and the time, requests sent again the first one, in one pass and in two"""
    keys = Keys()
    init = keys.datagram(0x01, 5, b"\x01\x01" + bytes(18), session=False)
    challenge = keys.datagram(0x90, 5, bytes(20), session=False)
    links = {one["name"]: bytes.fromhex(one["bytes"]) for one in expect.load("transport.json")["handshake"]}
    packets = [
        Packet(init), Packet(init, after=0.5), Packet(challenge, after=0.001234567, answer=True),
        Packet(keys.heartbeat(1)), Packet(keys.ack(1), after=0.25, answer=True),
        Packet(keys.heartbeat(2)), Packet(keys.heartbeat(3), after=0), Packet(keys.ack(3), answer=True),
        Packet(keys.ack(2), answer=True), Packet(keys.ack(9), answer=True),
        Packet(links["HELLO without a cookie"]), Packet(links["COOKIE"], after=0.01, answer=True),
        Packet(links["HELLO with the cookie"]), Packet(links["WELCOME"], after=0.02, answer=True),
        Packet(keys.heartbeat(4)), Packet(keys.ack(4), after=60.5, answer=True),
    ]
    path = place.capture(packets)
    wanted = [["", "", "", ""], ["", "", "1", ""], ["2", "0.001234567", "", ""],
              ["", "", "", ""], ["4", "0.250000000", "", ""],
              ["", "", "", ""], ["", "", "", ""], ["7", "1.000000000", "", ""], ["6", "2.000000000", "", ""],
              ["", "", "", ""],
              ["", "", "", ""], ["11", "0.010000000", "", ""], ["", "", "", ""], ["13", "0.020000000", "", ""],
              ["", "", "", ""], ["", "", "", ""]]
    names = ("hms.response_to", "hms.time", "hms.retransmission_of", "hms.response_in")
    rows, run = shark.columns(path, *names)
    clean(run)
    same("in one pass", rows, wanted)
    for request, answer in ((2, 3), (4, 5), (7, 8), (6, 9), (11, 12), (13, 14)):
        wanted[request - 1][3] = str(answer)
    rows, _ = shark.columns(path, *names, options=("-2",))
    same("in two passes", rows, wanted)
    remarks, _ = shark.experts(path)
    assert any("the same bytes as in frame 1" in text for text in remarks[2]), remarks[2]


@check
def remarks(place):
    """heartbeat gaps, refusals, two primaries, malformed, cut and foreign datagrams are remarked on; ICMP counts for none"""
    keys = Keys()
    check_time = b"\x24\x00\x04" + (30_000).to_bytes(4, "big")
    reject = keys.datagram(0x95, 3, bytes(12) + b"\x00\x03" + bytes(6))
    torn = keys.datagram(0x02, 8, bytes(44) + b"\x01\x00\x63anna", session=False)
    atlas, osaka = (0x5E5E000000000001, "atlas"), (0x5E5E000000000002, "osaka")
    beat = Packet(keys.heartbeat(3), after=75)
    packets = [
        Packet(keys.heartbeat(1)), Packet(keys.ack(1, check_time), after=0.01, answer=True),
        Packet(keys.heartbeat(2), after=59), beat, Packet(reject, after=0.01, answer=True),
        Packet(keys.offer(11, *atlas), answer=True), Packet(keys.offer(12, *osaka), answer=True),
        Packet(keys.offer(13, *atlas), answer=True), Packet(keys.offer(14, *osaka), after=20, answer=True),
        Packet(torn), Packet(keys.heartbeat(4), cut=20), Packet(b"\x80GET / HTTP/1.1"),
        (capture.quoted(beat), 0.1), Packet(keys.datagram(0x03, 5, bytes(20), flags=0x10)),
        Packet(keys.datagram(0x02, 8, bytes(44) + b"\x89\x00\x00", session=False)),
    ]
    path = place.capture(packets)
    found, run = shark.experts(path)
    clean(run)
    wanted = {4: "no heartbeat for 2 check times (75.000000000 s)", 5: "refused: another machine is registered",
              8: "atlas and osaka both claim to be primary, within 2.000000000 s", 10: "ends inside a TLV at byte 76",
              11: "of 68 bytes captured", 12: "another protocol on a port of ours", 14: "unknown flags 0x10 at byte 2",
              15: "unknown critical TLV 0x09 at byte 79"}
    for number in range(1, len(packets) + 1):
        texts = [text for text in found[number] if text]
        if number in wanted:
            assert any(wanted[number] in text for text in texts), f"frame {number}: {texts}"
        else:
            same(f"frame {number}", texts, [])
    groups = shark.tshark("-r", path, "-q", "-z", "expert").out
    for group in ("Sequence", "Response", "Protocol", "Malformed", "Undecoded"):
        assert group in groups, f"{group} is not in:\n{groups}"
    rows, _ = shark.columns(path, "_ws.col.Info")
    same("the line of a heartbeat", rows[0][0].replace(" ", ""), f"HEARTBEATuser{keys.user.hex()}seq1·revision41")
    assert "malformed: ends inside a TLV" in rows[9][0], rows[9]
    assert rows[11][0].startswith("not HMS: 15 bytes"), rows[11]


@check
def recognised(place):
    """on any port by its first bytes, STUN is not taken for it; other ports by preference"""
    keys = Keys()
    beat = keys.heartbeat(1)
    stun = bytes.fromhex("0101003c2112a442") + bytes(range(12)) + bytes(60)
    ports = (50001, 50002)
    packets = [Packet(beat, ports=ports), Packet(beat[:40], ports=ports), Packet(b"\x02" + beat[1:], ports=ports),
               Packet(beat[:2] + b"\x40" + beat[3:], ports=ports), Packet(stun, ports=ports),
               Packet(beat, hosts=("2001:db8::7", "2001:db8::1"))]
    path = place.capture(packets)
    rows, run = shark.columns(path, "hms.type")
    clean(run)
    same("by its bytes", [row[0] for row in rows], ["0x03", "", "", "", "", "0x03"])
    rows, _ = shark.columns(path, "hms.type", options=("-o", "hms.ports:50001-50002,6710"))
    same("by preference", [row[0] for row in rows], ["0x03", "0x03", "0x03", "0x03", "0x01", "0x03"])
    rows, _ = shark.columns(path, "hms.type", options=("-d", "udp.port==50001,hms"))
    same("by Decode As", [row[0] for row in rows], ["0x03", "0x03", "0x03", "0x03", "0x01", "0x03"])


@check
def text_of_others(place):
    """names in other alphabets are shown, and nothing in a name acts on a terminal"""
    keys = Keys()

    def named(name):
        content = b"\x01" + len(name).to_bytes(2, "big") + name + b"\x02\x00\x04room"
        return keys.datagram(0x02, 8, bytes(44) + content, session=False)

    path = place.capture([named("Jürgen 山田".encode()), named(b"a\x1b[2Jb"), named(b"a\xffb")])
    rows, run = shark.columns(path, "hms.content.user_name", "_ws.col.Info")
    clean(run)
    same("a name", rows[0][0], "Jürgen 山田")
    assert "Jürgen 山田" in rows[0][1], rows[0]
    for row in rows:
        assert not any(ord(c) < 32 for c in row[1]), row


def changed(chance, data):
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        how, at = chance.randrange(6), chance.randrange(len(data) + 1)
        some = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9)))
        if how == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif how == 1 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            del data[at:]
        elif how == 3:
            del data[at:at + len(some)]
        elif how == 4:
            data[at:at] = some
        elif 32 <= at < len(data):
            data[at] = chance.choice([*range(9), 0x10, 0x20, 0x21, 0x25, 0x31, 0x32, 0x7F, 0x81, 0xFF])
    return bytes(data)


def random_datagrams(seed, count):
    """Those of spec/vectors, changed; and some that are nothing."""
    chance = random.Random(seed)
    links = expect.load("transport.json")
    real = [bytes.fromhex(one["bytes"]) for one in
            expect.load("datagrams.json")["datagrams"] + links["handshake"] + links["data_of_the_initiator"]]
    for _ in range(count):
        if chance.random() < 0.9:
            yield changed(chance, chance.choice(real))
        else:
            yield bytes(chance.randrange(256) for _ in range(chance.randrange(300)))


def both_ways(packets):
    """Answers go the other way, to a host that is here and there."""
    for number, data in enumerate(packets):
        hosts = ("192.0.2.7" if number % 3 else "192.0.2.8", "10.1.0.1")
        yield Packet(data, answer=len(data) > 1 and (data[1] >= 0x80 or data[1] in (0x21, 0x22)), hosts=hosts)


@check
def fuzz(place):
    """2000 random and changed datagrams, with keys and without: no error, in bounded time"""
    packets = list(random_datagrams(place.options.seed, 2000))
    # As many TLVs as a datagram can hold, and more.
    head = Keys().heartbeat(1)[:32]
    packets += [head + bytes(20) + b"\x09\0\0" * 350 + bytes(16), head + bytes(20) + b"\x31\0\0" * 20_000,
                head[:1] + b"\x83" + head[2:] + bytes(20) + (b"\x31" + (1100).to_bytes(2, "big") + bytes(33)
                                                            + b"\x31\0\0" * 355) + bytes(16)]
    path = place.capture(packets)
    times = []
    for keys in (None, place.path("secrets.json", Keys().secrets())):
        for how in (("-V",), ("-2", "-T", "json"), ()):
            started = time.time()
            run = shark.tshark("-r", path, *how, keys=keys, timeout=120)
            times.append(time.time() - started)
            clean(run)
    assert max(times) < 60, f"{max(times):.1f} s"
    return f"{len(packets)} datagrams, seed {place.options.seed}, at most {max(times):.1f} s"


def dissect(place):
    """The built hms-dissect."""
    if place.options.dissect:
        return place.options.dissect
    built = glob.glob(os.path.join(ROOT, "target", "*", "hms-dissect"))
    if not built:
        raise Skipped("hms-dissect is not built: cargo build -p hms-dissect")
    return max(built, key=os.path.getmtime)


def disputed(data):
    """Why a datagram is left out of the comparison: what the two understand differently."""
    if not data:
        return "an empty datagram (Wireshark asks nobody about it)"
    if len(data) > 1 and data[0] != 1 and 0x20 <= data[1] <= 0x24:
        return "between HMSs in another version: whose key it has (R-FMT-20: of DATA and RESET nobody knows)"
    return None


def to_nul(pairs):
    """Wireshark ends a text at its first NUL."""
    return sorted((name, value.split("\0")[0]) for name, value in pairs)


@check
def equal_to_dissect(place):
    """each field of each datagram, and each remark on it, is as hms-dissect says; vectors and 2000 random ones"""
    program = dissect(place)
    said = subprocess.run([program, "--fields", "--json"], capture_output=True, text=True, check=True)
    remarks_of_both = [one["name"] for one in json.loads(said.stdout)["experts"]]
    links = expect.load("transport.json")
    packets = [bytes.fromhex(one["bytes"]) for one in
               expect.load("datagrams.json")["datagrams"] + links["handshake"] + links["data_of_the_initiator"]]
    packets += random_datagrams(place.options.seed + 1, 2000)
    path = place.capture(both_ways(packets))
    differ, left_out, nothing = Counter(), Counter(), {"type": None, "fields": []}
    for keys in (None, place.path("secrets.json", Keys().secrets())):
        ours, run = shark.dissected(path, keys=keys)
        clean(run)
        with_keys = ["--keys", keys] if keys else []
        said = subprocess.run([program, "--json", *with_keys, path], capture_output=True, text=True, check=False)
        theirs = {one["frame"]: one for one in map(json.loads, said.stdout.splitlines())}
        assert len(theirs) > len(packets) / 2, said.stderr
        for number, own in enumerate(ours, 1):
            said_own, said_theirs = samples.fields_of(own or [], theirs.get(number, nothing))
            reason = disputed(packets[number - 1])
            if reason:
                left_out[reason] += 1
            elif to_nul(said_own) != to_nul(said_theirs):
                differ[f"frame {number}: {packets[number - 1].hex()[:160]}"] += 1
        rows, _ = shark.columns(path, *remarks_of_both, keys=keys)
        for number, one in theirs.items():
            own = {name for name, there in zip(remarks_of_both, rows[number - 1]) if there}
            said = {expert["name"] for expert in one["expert"]}
            if own != said and not samples.opened(one) and not disputed(packets[number - 1]):
                differ[f"remarks {sorted(own)}, frame {number}: {packets[number - 1].hex()[:160]}"] += 1
    assert not differ, f"{len(differ)} differ, such as\n" + "\n".join(list(differ)[:8])
    lines = [f"left out: {count} of {reason}" for reason, count in left_out.items()]
    return "\n".join([f"{len(packets)} datagrams, with keys and without", *lines])


@check
def byte_ranges(place):
    """each field stands in the bytes that hms-dissect names"""
    program = dissect(place)
    links = expect.load("transport.json")
    packets = [bytes.fromhex(one["bytes"]) for one in
               expect.load("datagrams.json")["datagrams"] + links["handshake"] + links["data_of_the_initiator"]]
    packets += [one for one in random_datagrams(place.options.seed + 3, 200) if one and not disputed(one)]
    path = place.capture(packets)
    ours, run = shark.ranges(path)
    clean(run)
    said = subprocess.run([program, "--json", path], capture_output=True, text=True, check=True)
    theirs = {one["frame"]: one for one in map(json.loads, said.stdout.splitlines())}
    for number, own in enumerate(ours, 1):
        fields = theirs.get(number, {"fields": []})["fields"]
        same(f"frame {number}: {packets[number - 1].hex()[:120]}", sorted(own),
             sorted((one["name"], one["offset"], one["length"]) for one in fields if one["offset"] is not None))
    return f"{len(packets)} datagrams"


def key_log(links):
    """The line of the key log of the link in the vectors (R-TRN-15)."""
    def party(end):
        one = links[end]
        return bytes.fromhex(one["server_id"]) + one["incarnation"].to_bytes(4, "big") + bytes.fromhex(one["session_id"])

    def both(end):
        return party(end) + bytes.fromhex(links[end]["nonce"])

    attempt = bytes.fromhex(links["attempt"])
    prk = hmac.digest(b"hms1 cluster", bytes.fromhex(links["cluster_secret"]), "sha256")
    secret = hmac.digest(prk, b"hms1 link" + bytes(8) + attempt + both("initiator") + both("responder") + b"\1", "sha256")
    words = ["LINK", attempt.hex()]
    for end in ("initiator", "responder"):
        said = party(end)
        words += [said[:8].hex(), said[8:12].hex(), said[12:].hex()]
    return " ".join([*words, secret.hex()]) + "\n"


@check
def opened_copies(place):
    """each field of an opened copy is as hms-dissect says: vectors of packets and messages, cut and changed too"""
    program = dissect(place)
    links, peers = expect.load("transport.json"), expect.load("peering.json")
    closed = place.capture([bytes.fromhex(one["bytes"]) for one in links["data_of_the_initiator"]], "closed.pcap")
    copy, log = place.path("opened.pcapng"), place.path("links.log", key_log(links))
    arguments = [program, "--keylog", log, "--open", copy, "--json", closed]
    said = subprocess.run(arguments, capture_output=True, text=True, check=True)
    same("verdicts", [json.loads(one)["verdict"]["code"] for one in said.stdout.splitlines()],
         ["valid"] * len(links["data_of_the_initiator"]))
    same("rights", os.stat(copy).st_mode & 0o777, 0o600)
    again = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert again.returncode == 1 and "--force" in again.stderr, again.stderr
    os.chmod(copy, 0o644)
    mark, streams = b"hms opened copy\n", {"control": 0, "deltas": 1, "bulk": 2}
    made, chance = [], random.Random(place.options.seed)
    for one in peers["messages"]:
        whole = bytes.fromhex(one["bytes"])
        head = b"\1\x2f" + (4711).to_bytes(6, "big") + b"session!" + bytes([streams[one["stream"]]])
        cuts = [whole[:chance.randrange(len(whole))] for _ in range(6)] + [whole + b"\0", whole + b"\x99\0\1x"]
        for text in [whole, *cuts, *(changed(chance, whole) for _ in range(6))]:
            made.append(head + text + mark)
    for one in links["data_of_the_initiator"]:
        head, plain = b"\1\x2e" + bytes.fromhex(one["bytes"])[2:16], bytes.fromhex(one["plain"])
        for text in [plain, *(changed(chance, plain) for _ in range(20)), plain[:9]]:
            made.append(head + text + mark)
    messages = place.capture(made, "messages.pcap")
    count, seen = 0, set()
    for path in (copy, messages):
        ours, run = shark.dissected(path)
        clean(run)
        said = subprocess.run([program, "--json", path], capture_output=True, text=True, check=True)
        theirs = [json.loads(line)["fields"] for line in said.stdout.splitlines()]
        same("datagrams", len(ours), len(theirs))
        for number, (own, fields) in enumerate(zip(ours, theirs), 1):
            same(f"{os.path.basename(path)}, frame {number}", to_nul(own or []),
                 to_nul([(field["name"], field["value"]) for field in fields]))
            seen |= {field["name"] for field in fields}
            count += 1
    places, run = shark.ranges(messages)
    clean(run)
    said = subprocess.run([program, "--json", messages], capture_output=True, text=True, check=True)
    for number, (own, line) in enumerate(zip(places, said.stdout.splitlines()), 1):
        same(f"ranges of frame {number}", sorted(own), sorted(
            (one["name"], one["offset"], one["length"]) for one in json.loads(line)["fields"]
            if one["offset"] is not None))
    return f"{count} datagrams, {len([name for name in seen if name.startswith(('hms.peer', 'hms.frame'))])} fields"


@check
def sample_captures(place):
    """each field of the captures in tests/captures, opened copies too, is as hms-dissect says; in each is what is meant to be"""
    program, count, names = dissect(place), 0, samples.names()
    same("captures", names, sorted(samples.SHOWS))
    for name in names:
        sample = samples.Sample(name, place.directory)
        size = os.path.getsize(sample.capture)
        assert size <= samples.LARGEST, f"{name}: {size} bytes"
        found, expected = sample.contents(program), sample.expected()
        way, counted, what = samples.SHOWS[name]
        assert any(what in key for key in found[way][counted]), f"{name}: no {what} in {found[way][counted]}"
        same(f"{name}: ways to look at it", list(found), list(expected))
        for way, contents in expected.items():
            same(f"{name}, {way}", found[way], contents)
            count += contents["datagrams"]
    return f"{len(names)} captures, {count} datagrams"


@check
def other_luas(place):
    """Lua 5.2 and 5.4 without Wireshark say the same lines as tshark, verdicts too"""
    luas = [lua for lua in ("lua5.2", "lua5.4") if shutil.which(lua)]
    if len(luas) < 2:
        raise Skipped("lua5.2 or lua5.4 is missing (Debian: apt-get install lua5.2 lua5.4)")
    links = expect.load("transport.json")
    real = [bytes.fromhex(one["bytes"]) for one in
            expect.load("datagrams.json")["datagrams"] + links["handshake"] + links["data_of_the_initiator"]]
    packets = real + [one for one in random_datagrams(place.options.seed + 2, 100) if one]
    cases = place.path("cases", "".join(one.hex() + "\n" for one in packets))
    keys = place.path("secrets.json", Keys().secrets())
    run = shark.tshark("-r", place.capture(packets), "-T", "json", "-J", "_ws.col", "-e", "_ws.col.Info", keys=keys)
    clean(run)
    wanted = [dict(layers)["_ws.col.Info"][0] for layers in shark.read_json(run.out)]
    for lua in luas:
        done = subprocess.run([lua, os.path.join(shark.HERE, "mock.lua")], capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "HMS_LUA": shark.LUA, "HMS_CASES": cases,
                                   "HMS_KEYS": keys}, timeout=300)
        same(f"{lua}: errors", done.stderr, "")
        said = done.stdout.splitlines()
        same(f"{lua}: lines", len(said), len(wanted))
        for number, (got, want) in enumerate(zip(said, wanted), 1):
            # The number that is above 2^53 is written by Wireshark itself.
            if "above 2^53" not in got:
                same(f"{lua}: {packets[number - 1].hex()[:120]}", got, want)
    return f"{len(packets)} datagrams, {' and '.join(luas)}"


@check
def profile(place):
    """the profile's columns, colours and buttons are taken without a word, and say what they should"""
    keys = Keys()
    wrong = keys.heartbeat(2)[:-1] + b"\0"
    path = place.capture([keys.heartbeat(1), Packet(keys.ack(1), answer=True), wrong,
                          keys.datagram(0x03, 3, bytes(10))])
    home = os.path.join(place.directory, ".config", "wireshark", "profiles", "HMS")
    shutil.copytree(os.path.join(ROOT, "tools", "wireshark", "profile"), home)
    for directory, _, files in os.walk(os.path.join(place.directory, ".config")):
        os.chmod(directory, 0o755)
        for file in files:
            os.chmod(os.path.join(directory, file), 0o644)
    secrets = place.path("secrets.json", keys.secrets())
    run = shark.tshark("-C", "HMS", "-r", path, keys=secrets, home=place.directory)
    clean(run)
    same("what tshark says", run.err, "")
    assert f"HEARTBEAT 0x{keys.user.hex()} 1" in run.out and "wrong tag" in run.out, run.out
    rows, run = shark.columns(path, "frame.coloring_rule.name", options=("-C", "HMS", "--color"), keys=secrets,
                              home=place.directory)
    names = [row[0].replace("\x1b[0m", "").split("m")[-1] if "\x1b" in row[0] else row[0] for row in rows]
    for got, want in zip(names, ("HMS", "HMS", "HMS: not believed", "HMS: malformed")):
        assert want in got, names
    with open(os.path.join(home, "dfilter_buttons"), encoding="utf-8") as file:
        buttons = [line.split('","') for line in file if line.startswith('"')]
    same("buttons", len(buttons), 7)
    for _, label, filter_text, _ in buttons:
        run = shark.tshark("-r", path, "-Y", filter_text.replace("\\x22", '"'))
        same(f"the button {label}", (run.err, run.code), ("", 0))


@check
def readme(place):
    """every filter of the README is one that tshark takes"""
    with open(os.path.join(ROOT, "tools", "wireshark", "README.md"), encoding="utf-8") as file:
        filters = [line.split("`")[1] for line in file if line.startswith("| `")]
    assert len(filters) >= 10, filters
    path = place.capture([Keys().heartbeat(1)])
    for one in filters:
        run = shark.tshark("-r", path, "-Y", one.replace("\\|", "|"))
        same(one, (run.err, run.code), ("", 0))
    return f"{len(filters)} filters"
