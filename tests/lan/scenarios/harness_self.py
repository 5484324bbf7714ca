"""The harness itself: a broken switch or capture must not look like a broken product."""

import json
import os
import socket
import struct

from harness import wire
from harness.forge import spoof, udp_socket
from harness.runner import scenario
from harness.waiting import check, equal

PORT = 6710
VECTORS = os.path.join(os.path.dirname(__file__), "..", "..", "..", "spec", "vectors")


@scenario("harness", "the harness: multicast over a bridge, capture, spoofing", takes=3)
def harness(t):
    net = t.net()
    lan = net.lan(families="46")
    one, two = net.node("one", lan), net.node("two", lan)
    capture = t.capture(two)
    multicast(t, one, two)
    payload = b"x" * 60
    spoof(one, ("10.67.1.99", 4711), (two.v4, PORT), payload)
    seen = capture.wait("spoofed datagram", lambda d: d.source == ("10.67.1.99", 4711), 2, since=0)
    equal("payload", seen.data, payload)
    two.unplug()
    spoof(one, ("10.67.1.98", 4711), (two.v4, PORT), payload)
    two.plug()
    spoof(one, ("10.67.1.97", 4711), (two.v4, PORT), payload)
    capture.wait("datagram after plug", lambda d: d.source[0] == "10.67.1.97", 2, since=0)
    check(not capture.find(lambda d: d.source[0] == "10.67.1.98"), "an unplugged cable leaked")


@scenario("harness-wire", "the harness: its wire format agrees with spec/vectors", takes=1)
def harness_wire(t):
    with open(os.path.join(VECTORS, "keys.json")) as file:
        keys = json.load(file)
    token = wire.Token(keys["token"])
    equal("token", str(token), keys["token"])
    equal("realm", token.realm, keys["realm_id"])
    equal("user key", token.key.hex(), keys["user_key"])
    equal("user id", token.id.hex(), keys["user_id"])
    cookie = int(keys["cookie"]).to_bytes(8, "big")
    session = wire.session_id(token.key, int(keys["nonce"]), cookie)
    equal("session id", session.hex(), keys["session_id"])
    key = wire.session_key(token.key, session)
    equal("session key", key.hex(), keys["session_key"])
    with open(os.path.join(VECTORS, "datagrams.json")) as file:
        datagrams = json.load(file)["datagrams"]
    for one in datagrams:
        data, head = bytes.fromhex(one["bytes"]), one["header"]
        message = wire.Message(data)
        equal("type", (message.name, message.sequence, message.user.hex()),
              (head["type"], int(head["sequence"]), head["user_id"]))
        if one["key"] in ("user", "session"):
            check(message.signed_by({"user": token.key, "session": key}[one["key"]]), one["name"])
        if one["body"].get("page"):
            check(message.page(), f"no page in {one['name']}")
    named = {one["name"]: bytes.fromhex(one["bytes"]) for one in datagrams}
    init = wire.Message(named["init"])
    equal("hint", wire.hint(init, wire.WRONG_KEY)[:32], named["hint, wrong key"][:32])
    head = wire.header(wire.INIT, 0, init.epoch, init.realm, token.id, bytes(8), init.sequence)
    equal("init", wire.seal(token.key, head + bytes([1, 1]) + bytes(18)), named["init"])
    t.note(f"{len(datagrams)} datagrams")


def multicast(t, one, two):
    group = socket.inet_aton("239.255.67.10")
    with two.inside():
        receiver = udp_socket(two, port=PORT)
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                            group + socket.inet_aton(two.v4))
        six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        six.bind(("::", PORT))
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                       socket.inet_pton(socket.AF_INET6, "ff12::6710")
                       + struct.pack("@I", socket.if_nametoindex("eth0")))
    with one.inside():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(one.v4))
        sender6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        index = socket.if_nametoindex("eth0")
    with receiver, six, sender, sender6:
        sender.sendto(b"four", ("239.255.67.10", PORT))
        sender6.sendto(b"six", ("ff12::6710", PORT, 0, index))
        receiver.settimeout(2)
        six.settimeout(2)
        equal("IPv4 multicast", receiver.recvfrom(100)[0], b"four")
        equal("IPv6 multicast", six.recvfrom(100)[0], b"six")
