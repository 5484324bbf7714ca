"""What fields a datagram of spec/vectors must have: from the decoded values that stand there, not from its bytes.

Fields that only tell how something is written (heads of TLVs, families, lengths, bits, what is reserved) are left out:
`told` takes them out of what tshark says too."""

import ipaddress
import json
import os

VECTORS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "spec", "vectors")
WRITING = {"hms.tlv", "hms.tlv.critical", "hms.tlv.type", "hms.tlv.length", "hms.reserved", "hms.pad", "hms.zeros",
           "hms.server.name_length", "hms.tag", "hms.checksum", "hms.tlv.unknown", "hms.verdict", "hms.response_to",
           "hms.time", "hms.retransmission_of", "hms.response_in"}
VIEWS = {0: "none", 1: "realm", 2: "group", 3: "named"}
CODES = {
    "state": {"standby": 1, "participating": 2, "organizing": 3},
    "mode": {"on-change": 1, "always": 2, "on-request": 3},
    "page": {"delta": 1, "copy": 2, "find": 3, "whole": 4},
    "pull": {"delta": 1, "digests": 2, "copy": 3},
    "gone": {"leave": 1, "expiry": 2, "replaced": 3, "revoked": 4, "left the view": 5},
    "reject": {"revoked": 1, "name": 2, "taken": 3, "full": 4, "rate": 5, "content": 6, "epoch-retired": 7},
    "event": {"up": 1, "primary": 2, "stopping": 3},
    "pattern": {"user": 1, "prefix": 2},
    "transport": {"udp": 1, "tcp": 2},
}


def load(name):
    with open(os.path.join(VECTORS, name), encoding="utf-8") as file:
        return json.load(file)


def told(pairs):
    """What a datagram says, without how it is written."""
    kept = [(name, value) for name, value in pairs
            if name not in WRITING and not name.endswith(".family") and not name.startswith("hms.flags.")]
    return sorted(kept)


def colons(digits):
    return ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))


def x64(value):
    """An id stands as hexadecimal digits, a number that is shown so as decimal text."""
    return f"0x{value}" if len(value) == 16 else f"0x{int(value):016x}"


def number64(value):
    return f"0x{int(value):016x}"


class Fields:
    def __init__(self):
        self.all = []

    def add(self, name, value):
        self.all.append(("hms." + name, str(value)))

    def address(self, prefix, text):
        host, port = text.rsplit(":", 1)
        ip = ipaddress.ip_address(host.strip("[]"))
        self.add(f"{prefix}.ipv{ip.version}", ip)
        self.add(f"{prefix}.port", port)


def header(fields, head):
    fields.add("version", head["version"])
    fields.add("type", f"0x{head['type_code']:02x}")
    fields.add("flags", f"0x{head['flags']:02x}")
    fields.add("epoch", head["epoch"])
    fields.add("realm", f"0x{head['realm_id']:08x}")
    fields.add("user", x64(head["user_id"]))
    fields.add("session", x64(head["session_id"]))
    fields.add("seq", head["sequence"])


def content(fields, it):
    fields.add("content.user_name", it["user_name"])
    fields.add("content.host_name", it["host_name"])
    for address in it["reported"]:
        fields.address("content.reported", address)
    if any(it["ports"].values()):
        for name, port in it["ports"].items():
            fields.add(f"content.ports.{name}", port)
    for service in it["services"]:
        kind, rest = service.rsplit(":", 1)
        port, transport = rest.split("/")
        fields.add("content.service.kind", kind)
        fields.add("content.service.port", port)
        fields.add("content.service.transport", CODES["transport"][transport])
    if it["state"] != "standby":
        fields.add("content.state", CODES["state"][it["state"]])
    if it["conference"]:
        fields.add("content.conference", it["conference"])


def view(fields, it):
    fields.add("view.kind", it["kind"])
    fields.add("view.flags", f"0x{int(it['push']):02x}")
    fields.add("view.push", int(it["push"]))
    if "group" in it:
        fields.add("view.group", it["group"])
    for user in it.get("users", []):
        fields.add("view.user", x64(user))


def servers(fields, all_of_them):
    for it in all_of_them:
        fields.add("server.id", x64(it["server_id"]))
        fields.add("server.flags", f"0x{int(it['primary']) + 2 * int(it['sender']):02x}")
        fields.add("server.primary", int(it["primary"]))
        fields.add("server.sender", int(it["sender"]))
        fields.add("server.name", it["name"])
        for address in it["addresses"]:
            fields.address("server", address)


def settings(fields, body):
    if body["observed"]:
        fields.address("observed", body["observed"])
    servers(fields, body["hms"])
    if body["cluster_key"]:
        fields.add("cluster_key", colons(body["cluster_key"]))
    if body["realm_name"]:
        fields.add("realm_name", body["realm_name"])
    if body["new_check_time_ms"] is not None:
        fields.add("check_time", body["new_check_time_ms"])
    if body["granted"]:
        fields.add("granted.kind", body["granted"]["kind"])
        fields.add("granted.reason", body["granted"]["reason"])
    if body["mode"]:
        fields.add("mode", CODES["mode"][body["mode"]])
    if body["replicated"] is not None:
        fields.add("replicated", int(body["replicated"]))


def page(fields, it):
    fields.add("page.kind", CODES["page"][it["kind"]])
    fields.add("page.flags", f"0x{int(it['more']):02x}")
    fields.add("page.more", int(it["more"]))
    fields.add("page.from", it["from"])
    fields.add("page.to", it["to"])
    fields.add("page.after", x64(it["after"]))
    fields.add("page.up_to", x64(it["up_to"]))
    fields.add("page.rows", it["total"])
    for item in it["items"]:
        (gone if "gone" in item else entry)(fields, item)


def gone(fields, it):
    fields.add("gone.user", x64(it["gone"]))
    fields.add("gone.revision", it["revision"])
    fields.add("gone.reason", CODES["gone"][it["reason"]])


def entry(fields, it):
    fields.add("entry.user", x64(it["user_id"]))
    fields.add("entry.revision", it["revision"])
    fields.add("entry.status", f"0x{int(it['late']) + 2 * int(it['unconfirmed']):02x}")
    fields.add("entry.late", int(it["late"]))
    fields.add("entry.unconfirmed", int(it["unconfirmed"]))
    fields.add("entry.since", it["since"])
    fields.add("entry.check_time", it["check_time_s"])
    fields.add("entry.home", x64(it["home"]))
    content(fields, it["content"])
    if it["address"]:
        fields.address("entry", it["address"])
    if it["signature"]:
        fields.add("signature.issued", it["signature"]["issued"])
        fields.add("signature", colons(it["signature"]["bytes"]))


def first(prefix):
    def body(fields, it):
        fields.add(f"{prefix}.min_version", it["min_version"])
        fields.add(f"{prefix}.max_version", it["max_version"])
    return body


def register(fields, it):
    fields.add("register.cookie", number64(it["cookie"]))
    fields.add("register.instance", x64(it["instance_id"]))
    fields.add("register.last_stamp", it["last_stamp"])
    fields.add("register.content_version", it["content_version"])
    fields.add("register.incarnation", f"0x{it['incarnation']:08x}")
    fields.add("register.revision", it["revision"])
    fields.add("register.digest", number64(it["digest"]))
    content(fields, it["content"])
    view(fields, it["view"])


def heartbeat(fields, it):
    fields.add("heartbeat.content_version", it["content_version"])
    fields.add("heartbeat.incarnation", f"0x{it['incarnation']:08x}")
    fields.add("heartbeat.revision", it["revision"])
    fields.add("heartbeat.digest", number64(it["digest"]))
    if it["cookie"]:
        fields.add("heartbeat.cookie", number64(it["cookie"]))
    if it["content"]:
        content(fields, it["content"])
        view(fields, it["view"])


def pull(fields, it):
    fields.add("pull.incarnation", f"0x{it['incarnation']:08x}")
    fields.add("pull.revision", it["revision"])
    fields.add("pull.cursor", x64(it["cursor"]))
    fields.add("pull.kind", CODES["pull"][it["kind"]])
    if it["buckets"]:
        fields.add("buckets", colons(it["buckets"]))


def find(fields, it):
    fields.add("find.incarnation", f"0x{it['incarnation']:08x}")
    fields.add("find.cursor", x64(it["cursor"]))
    fields.add("pattern.kind", CODES["pattern"][it["pattern"]["kind"]])
    fields.add("pattern.text", it["pattern"]["text"])


def answer(fields, it):
    fields.add("answer.incarnation", f"0x{it['incarnation']:08x}")
    fields.add("answer.number", it["number"])


def registered(fields, it):
    answer(fields, it)
    fields.add("registered.stamp", it["stamp"])
    fields.add("registered.server", x64(it["server_id"]))
    fields.add("registered.revision", it["revision"])
    fields.add("registered.content_version", it["content_version"])
    fields.add("registered.check_time", it["check_time_ms"])
    fields.add("registered.first_delay", it["first_delay_ms"])
    settings(fields, it)


def ack(fields, it):
    answer(fields, it)
    fields.add("ack.revision", it["revision"])
    fields.add("ack.content_version", it["content_version"])
    settings(fields, it)
    if it["page"]:
        page(fields, it["page"])


def page_message(fields, it):
    answer(fields, it)
    page(fields, it["page"])


def digests(fields, it):
    answer(fields, it)
    fields.add("digests.revision", it["revision"])
    fields.add("digests.root", number64(it["root"]))
    for digest in it["buckets"]:
        fields.add("bucket.digest", number64(digest))


def offer(fields, it):
    answer(fields, it)
    fields.add("offer.server", x64(it["server_id"]))
    servers(fields, it["hms"])


def short(name, show):
    def body(fields, it):
        answer(fields, it)
        fields.add(name, show(it))
    return body


def reject(fields, it):
    answer(fields, it)
    fields.add("reject.code", CODES["reject"][it["code"]])
    fields.add("reject.value", it["value"])


def hint(fields, it):
    fields.add("hint.code", it["code"])
    fields.add("hint.min_version", it["min_version"])
    fields.add("hint.max_version", it["max_version"])


def announce(fields, it):
    fields.add("announce.server", x64(it["server_id"]))
    fields.add("announce.event", CODES["event"][it["event"]])
    fields.add("announce.port", it["port"])


BODIES = {
    "INIT": first("init"), "DISCOVER": first("discover"), "REGISTER": register, "HEARTBEAT": heartbeat,
    "LEAVE": lambda fields, it: None, "PULL": pull, "FIND": find, "REGISTERED": registered, "ACK": ack,
    "PAGE": page_message, "DIGESTS": digests, "OFFER": offer, "HINT": hint, "ANNOUNCE": announce, "REJECT": reject,
    "CHALLENGE": short("challenge.cookie", lambda it: number64(it["cookie"])),
    "SUPERSEDED": short("superseded.stamp", lambda it: it["stamp"]),
    "REREGISTER": short("reregister.delay", lambda it: it["delay_ms"]),
    "RETRY": short("retry.delay", lambda it: it["delay_ms"]),
    "REDIRECT": short("redirect.server", lambda it: x64(it["server_id"])),
    "LEFT": short("left.argument", lambda it: 0),
}


def datagram(vector):
    """The fields of one of datagrams.json."""
    fields = Fields()
    header(fields, vector["header"])
    BODIES[vector["header"]["type"]](fields, vector["body"])
    return sorted(fields.all)


def flags(vector):
    """The bits of its header that are set, as fields: from the body, which says them in words."""
    body, kind = vector["body"], vector["header"]["type"]
    named = {
        "HEARTBEAT": {"cookie": body.get("cookie") is not None, "want": body.get("want"),
                      "content": body.get("content") is not None},
        "REGISTER": {"takeover": body.get("takeover")},
        "ACK": {name: body.get(name) for name in ("want_content", "resync", "equal")},
        "PAGE": {"push": body.get("push")},
        "OFFER": {"primary": body.get("primary")},
        "HINT": {"unauthenticated": True},
        "ANNOUNCE": {"unauthenticated": True},
    }
    return sorted((f"hms.flags.{name}", str(int(bool(value)))) for name, value in named.get(kind, {}).items())


def link(vector, said):
    """The fields of a handshake of transport.json."""
    fields = Fields()
    name = vector["name"].split()[0]
    one, two = said["initiator"], said["responder"]
    code = {"HELLO": 0x20, "COOKIE": 0x21, "WELCOME": 0x22, "RESET": 0x24}[name]
    fields.add("version", 1)
    fields.add("type", f"0x{code:02x}")
    if name == "RESET":
        fields.add("reset.incarnation", f"0x{two['incarnation']:08x}")
        fields.add("session", x64(vector["fields"]["session_id"]))
        fields.add("reset.server", x64(two["server_id"]))
        fields.add("reset.number", vector["fields"]["number"])
        return sorted(fields.all)
    fields.add("flags", "0x00")
    fields.add("epoch", 0)
    fields.add("realm", "0x00000000")
    fields.add("key_id", "0x" + "0" * 16)
    fields.add("session", "0x" + "0" * 16 if name == "HELLO" else x64(one["session_id"]))
    fields.add("attempt", x64(said["attempt"]))
    party = one if name == "HELLO" else two
    word = name.lower()
    fields.add(f"{word}.incarnation", f"0x{party['incarnation']:08x}")
    fields.add(f"{word}.server", x64(party["server_id"]))
    if name != "COOKIE":
        fields.add(f"{word}.session", x64(party["session_id"]))
        fields.add(f"{word}.nonce", colons(party["nonce"]))
    if name == "HELLO":
        fields.add("hello.min_version", 1)
        fields.add("hello.max_version", 1)
        fields.add("hello.target", x64(vector["fields"]["target"]))
    if name == "WELCOME":
        fields.add("welcome.version", 1)
    else:
        fields.add(f"{word}.cookie", colons(vector["fields"]["cookie"]))
    return sorted(fields.all)


def data(vector, said):
    """The outer fields of a packet of transport.json."""
    fields = Fields()
    fields.add("version", 1)
    fields.add("type", "0x23")
    fields.add("data.number", vector["number"])
    fields.add("session", x64(said["responder"]["session_id"]))
    fields.add("data.frames", colons(vector["bytes"][32:-32]))
    return sorted(fields.all)
