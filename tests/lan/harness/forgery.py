"""One datagram of every type, as somebody writes it who does not hold the right key."""

import struct

from . import wire

IMPOSTOR = b"impostor"
# Above all that an HMS has sent yet.
NUMBER = struct.pack(">Q", 1 << 40)


def hms_tlv(place):
    """HMS: an impostor at `place`, the sender, primary."""
    return wire.tlv(wire.HMS, IMPOSTOR + bytes([3, 5]) + b"rogue" + wire.address(*place))


def answer_body(kind, incarnation, place, code=1):
    """What a host would obey if the tag held: another HMS, other rows, an end."""
    head = incarnation + NUMBER
    if kind == wire.REGISTERED:
        return head + struct.pack(">Q8sIIII", 1 << 50, IMPOSTOR, 1, 1, 1000, 0) + hms_tlv(place)
    if kind == wire.ACK:
        return head + struct.pack(">II", 1 << 20, 1) + hms_tlv(place)
    if kind == wire.PAGE:
        info = struct.pack(">BBIIQQI", 2, 0, 0, 1 << 20, 0, (1 << 64) - 1, 0)  # a copy without a row
        return head + wire.tlv(wire.PAGE_INFO, info)
    if kind == wire.DIGESTS:
        return head + struct.pack(">IQ", 1 << 20, 7) + wire.tlv(0x33, bytes(128 * 8))
    if kind == wire.OFFER:
        return head + IMPOSTOR + hms_tlv(place)
    argument = {wire.SUPERSEDED: struct.pack(">Q", 1 << 50), wire.REDIRECT: IMPOSTOR,
                wire.REJECT: struct.pack(">HHI", code, 0, 0), wire.LEFT: bytes(8)}
    return head + argument.get(kind, struct.pack(">Q", 3_600_000))


def answers(request, key, place):
    """Every answer to this request, sealed with this key; unasked-for PAGEs and hints among them."""
    echo = [request.epoch, request.realm, request.user, request.session, request.sequence]
    incarnation = request.incarnation if request.type == wire.HEARTBEAT else bytes(4)
    for kind in wire.ANSWERS:
        for code in range(1, 8) if kind == wire.REJECT else (1,):
            yield wire.seal(key, wire.header(kind, 0, *echo) + answer_body(kind, incarnation, place, code))
    push = wire.header(wire.PAGE, wire.PUSH, *echo[:4], 0) + answer_body(wire.PAGE, incarnation, place)
    yield wire.seal(key, push)
    if request.session == bytes(8):
        yield wire.hint(request, wire.WRONG_KEY)
        yield wire.hint(request, 3)


def requests(token, key, session, name):
    """Every request as the token's user, sealed with this key."""
    def sealed(kind, flags, body, of=bytes(8), sequence=1 << 30):
        return wire.seal(key, wire.header(kind, flags, token.epoch, token.realm, token.id, of, sequence) + body)
    names = wire.tlv(wire.USER_NAME, name.encode()) + wire.tlv(wire.HOST_NAME, name.encode())
    register = struct.pack(">8s8sQI4sI8s", b"biscuits", IMPOSTOR, (1 << 63), 9, bytes(4), 0, bytes(8)) + names
    beat = struct.pack(">I4sI8s", 9, bytes(4), 0, bytes(8))
    return [
        sealed(wire.INIT, 0, bytes([1, 1]) + bytes(18)),
        sealed(wire.REGISTER, wire.TAKEOVER, register),
        sealed(wire.HEARTBEAT, 0, beat, session),
        sealed(wire.HEARTBEAT, wire.COOKIE | wire.CONTENT, beat + b"biscuits" + names, session),
        sealed(wire.LEAVE, 0, bytes(20), session),
        sealed(wire.PULL, 0, bytes(16) + bytes([3, 0, 0, 0]), session),
        sealed(wire.FIND, 0, bytes(20) + wire.tlv(0x35, bytes([2])), session),
        sealed(wire.DISCOVER, 0, (bytes([1, 1]) + bytes(18) + wire.tlv(wire.PAD, bytes(441))), bytes(8)),
    ]
