"""A host without any logic: one socket, requests as the scenario wants them, answers as they come."""
import socket

from host import codes as c
from host import keys, wire
from host.tests.fake_hms import content

QUIET = 0.3


class Client:
    def __init__(self, token, target):
        self.token, self.target = keys.read_token(token), target
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.nonce, self.session, self.key, self.sequence, self.incarnation = 1, c.ZEROS, None, 0, 0
        self.version = 100

    def header(self, kind, sequence=None):
        bare = kind in (c.INIT, c.REGISTER, c.DISCOVER)
        if sequence is None:
            self.sequence += 0 if bare else 1
            sequence = self.nonce if bare else self.sequence
        return wire.Header(kind, self.token.realm_id, self.token.user_id, c.ZEROS if bare else self.session, sequence,
                           self.token.epoch)

    def key_for(self, kind):
        return self.token.user_key if kind in (c.INIT, c.REGISTER, c.DISCOVER) else self.key

    def send(self, data):
        self.socket.sendto(data, self.target)

    def ask(self, kind, body, sequence=None):
        """The answer as (type, body), or None."""
        self.send(wire.write(self.header(kind, sequence), body, self.key_for(kind)))
        return self.answer()

    def ask_raw(self, kind, body, flags=0, sequence=None):
        """Any bytes for a body, well signed."""
        h = self.header(kind, sequence)
        data = bytes([1, kind, flags, h.epoch]) + keys.u32(h.realm_id) + h.user_id + h.session_id + keys.u64(h.sequence) + body
        self.send(data + keys.tag(self.key_for(kind), data))
        return self.answer()

    def answer(self, seconds=QUIET):
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(2048)
        except TimeoutError:
            return None
        header = wire.read_header(data)
        if header.type == c.HINT:
            return header.name, wire.read_body(header, data)
        key = self.token.user_key if header.session_id == c.ZEROS else self.key_of(header.session_id)
        assert keys.tag_holds(key, data), "a tag that does not hold"
        return header.name, wire.read_body(header, data)

    def key_of(self, session):
        return self.key if session == self.session else keys.session_key(self.token.user_key, session)

    # ---- the usual

    def register_body(self, cookie=c.ZEROS, **more):
        return {"cookie": cookie, "instance_id": b"\x11\x22\x33\x44\x55\x66\x77\x88", "last_stamp": 0,
                "content_version": 1, "incarnation": 0, "revision": 0,
                "digest": 0, "takeover": True, "content": content(self.token.user_name),
                "view": {"kind": 1, "push": False}, **more}

    def cookie(self):
        kind, body = self.ask(c.INIT, {"min_version": 1, "max_version": 1})
        assert kind == "CHALLENGE", kind
        return body["cookie"]

    def register(self, **more):
        self.nonce += 1
        cookie = self.cookie()
        kind, body = self.ask(c.REGISTER, self.register_body(cookie, **more))
        assert kind == "REGISTERED", (kind, body)
        return self.adopt(cookie, body)

    def adopt(self, cookie, body):
        """The session that a REGISTER with this cookie made."""
        self.session = keys.session_id(self.token.user_key, self.nonce, cookie)
        self.key, self.sequence, self.incarnation = keys.session_key(self.token.user_key,
                                                                     self.session), 0, body["incarnation"]
        return body

    def beat_body(self, **more):
        return {"content_version": 1, "incarnation": self.incarnation, "revision": 0, "digest": 0, "cookie": None,
                "want": False,
                "content": None, "view": None, **more}

    def beat(self, sequence=None, **more):
        return self.ask(c.HEARTBEAT, self.beat_body(**more), sequence)

    def close(self):
        self.socket.close()
