"""Everything of vectors.json that a host could send, at the real HMS: what is good is answered, what is forbidden is
dropped under the name that the specification gives, or rejected."""
import json
import pathlib
import struct
import time

from host import codes as c
from host import keys, tlv
from host.tests.fake_hms import content

from .client import Client
from .rules import check, shows

FILE = pathlib.Path(__file__).resolve().parents[1] / "vectors.json"
CHANGES = 12                                    # of one user at once (R-SEC-05)
PAUSE = 0.004                                   # unverified datagrams have a budget (R-SEC-03)
# Of chapter 9, which this host does not speak.
HELLO = 0x20
INCARNATION_AT = {c.HEARTBEAT: 4, c.PULL: 0, c.FIND: 0}
GOOD_ANSWERS = {c.INIT: {"CHALLENGE"}, c.REGISTER: {"REGISTERED"}, c.HEARTBEAT: {"ACK"}, c.FIND: {"PAGE"},
                c.PULL: {"PAGE", "DIGESTS"}, c.DISCOVER: {"OFFER"}}


def requests_in(section):
    rows = json.loads(FILE.read_text())[section]
    return [(row, bytes.fromhex(row["bytes"])) for row in rows if row["key"] != "none"]


def mine(client, data, cookie=None):
    """The same datagram from this client: its names, its sequence, its incarnation; not sealed."""
    kind, body, old = data[1], data[32:-16], data[16:24]
    h = client.header(kind)
    session = old if old in (c.ZEROS, b"\0" * 7 + b"\1") else h.session_id
    at = INCARNATION_AT.get(kind)
    if at is not None and len(body) >= at + 4:
        body = body[:at] + keys.u32(client.incarnation) + body[at + 4:]
    if cookie and len(body) >= 8:
        body = cookie + body[8:]
    head = data[:3] + struct.pack(">BI", h.epoch, h.realm_id) + h.user_id + session + keys.u64(h.sequence)
    return head + body, client.key_for(kind if kind in INCARNATION_AT or kind == c.LEAVE else c.INIT)


def drops(w):
    return json.loads(w.cli("status", "--json"))["drops"]


@shows("R-FMT-01", "R-FMT-02", "R-FMT-04", "R-FMT-05", "R-FMT-07", "R-FMT-08", "R-FMT-09", "R-FMT-10", "R-FMT-13",
       "R-AUT-01")
def forbidden(w):
    w.serve()
    client = Client(w.token("anna"), w.target)
    client.register()
    before, expected, rejects, answers = drops(w), {}, [], []
    for row, data in requests_in("refused"):
        if len(data) >= 48 and data[1] & c.RESPONSE:
            continue
        reason = row["reason"]
        if reason == "type" and data[1] == HELLO:
            # Chapter 9 judges it: a HELLO has 1200 bytes (R-TRN-01).
            reason = "length"
        if reason == "length" and len(data) < 48:
            client.send(data)
        else:
            plain, key = mine(client, data)
            tag = keys.tag(key, plain)
            client.send(plain + (bytes(b ^ 0x55 for b in tag) if reason == "tag" else tag))
        if "reject" in row:
            rejects.append(row["reject"])
        else:
            expected[reason] = expected.get(reason, 0) + 1
        time.sleep(PAUSE)
        answers += drain(client)
    check("every one is counted under its name", w.until(lambda: counted(before, drops(w)) == expected, 5),
          (counted(before, drops(w)), expected))
    got = sorted(body["value"] for kind, body in answers if kind == "REJECT" and body["code"] == "content")
    check("faults in the content are rejected with their code", got == sorted(rejects), (got, sorted(rejects)))
    check("nothing else was said, but hints", all(kind in ("REJECT", "HINT") for kind, _ in answers), answers)
    check("the session goes on", client.beat()[0] == "ACK")


def drain(client):
    found = []
    while True:
        answer = client.answer(0.001)
        if answer is None:
            return found
        found.append(answer)


def counted(before, after):
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


@shows("R-REG-14", "R-REG-19", "R-REG-30", "R-REG-31", "R-AUT-03", "R-AUT-21")
def order(w):
    """What comes first when several things are wrong."""
    w.serve()
    client = Client(w.token("anna"), w.target)
    client.register()
    names, wrong = content("anna")["raw"], tlv.write(c.FIXED, b"x")
    filler = tlv.write(9, bytes(975 - len(names) - 3))
    bob = content("bob")["raw"]

    def register(data, cookie=b"wrong!!!"):
        client.nonce += 1
        cookie = client.cookie() if cookie is None else cookie
        fixed = cookie + b"another1" + bytes(8) + keys.u32(1) + bytes(16)
        kind, body = client.ask_raw(c.REGISTER, fixed + data) or (None, {})
        return kind, body.get("code")

    for data, answer in ((bob + wrong, ("REJECT", "content")), (bob + filler, ("REJECT", "name")),
                         (names + filler, ("REJECT", "content")), (names, ("CHALLENGE", None))):
        got = register(data)
        check("without a cookie: %s" % (answer,), got == answer, got)
    got = register(names, None)
    check("taken, to a proven source only", got == ("REJECT", "taken"), got)

    def beat(version, data, sequence=None):
        head = struct.pack(">IIIQ", version, client.incarnation, 0, 0)
        return client.ask_raw(c.HEARTBEAT, head + data, c.CONTENT, sequence) or (None, {})

    check("another name with an old version", beat(1, bob)[0] == "ACK")
    check("another name with a new one", beat(2, bob)[1].get("code") == "name")
    check("too long", beat(2, names + filler)[1].get("code") == "content")
    used = client.sequence
    check("a rejected one has used its sequence", beat(2, names, used)[0] is None)
    check("dropped, malformed", beat(2, names + b"\x13")[0] is None)
    check("a malformed one has not", beat(2, names, client.sequence)[0] == "ACK")


@shows("R-FMT-05", "R-FMT-07", "R-FMT-11", "R-FMT-14", "R-FMT-15", "R-REV-01", "R-DIR-02")
def permitted(w):
    """The good ones of anna are taken; a content comes out of the directory as the same bytes."""
    w.serve()
    good = [(row, data) for row, data in requests_in("datagrams")
            if row["of"] == "anna" and not data[1] & c.RESPONSE and data[1] != c.LEAVE]
    for at in range(0, len(good), CHANGES):
        realm = "r%d" % at
        w.cli("realm", "new", realm)
        client, other = (Client(w.token(user, "--realm", realm), w.target) for user in ("anna", "bob"))
        client.register(), other.register()
        for row, data in good[at:at + CHANGES]:
            taken(client, other, row, data)
    check("nothing was dropped", not drops(w), drops(w))


def taken(client, other, row, data):
    kind, said = data[1], row["body"].get("content")
    client.nonce, client.version = client.nonce + 1, client.version + 1
    plain, key = mine(client, data, client.cookie() if kind == c.REGISTER else None)
    if kind == c.HEARTBEAT and said:                    # content is taken with a higher version only (R-REG-31)
        plain = plain[:32] + keys.u32(client.version) + plain[36:]
    client.send(plain + keys.tag(key, plain))
    answer = client.answer(1)
    check(row["name"], answer and answer[0] in GOOD_ANSWERS[kind], answer)
    if kind == c.REGISTER:
        client.adopt(plain[32:40], answer[1])
    if said:
        seen = listed(other, client.token.user_id)
        check(row["name"] + ": listed as the same bytes", seen == said["bytes"], (seen, said["bytes"]))


def listed(other, user_id):
    """The content bytes of one user, by FIND at the HMS."""
    body = {"incarnation": other.incarnation, "cursor": c.ZEROS, "pattern": {"kind": "user", "text": "anna"}}
    kind, body = other.ask(c.FIND, body)
    rows = [item for item in body["page"]["items"] if item["user_id"] == user_id]
    return rows[0]["content"]["raw"].hex() if rows else None
