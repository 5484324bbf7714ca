"""The host's states (4.7): seeking, contacting, registering, registered, searching, leaving, and the ends.

No sockets and no clock: time is passed in, datagrams to send stand in `out`, what happened in `events`.
"""
import random
from dataclasses import dataclass, field

from . import address as addresses
from . import codes as c
from . import keys, wire
from .directory import Directory
from .discovery import Discovery
from .errors import Dropped, Malformed
from .memory import Memory
from .session import Session
from .timers import Timers, back_off, bounded

CONTACT_RESEND, CONTACT_GIVE_UP = (0.5, 1.5), 3.0
DEFAULT_CHECK_TIME, MOST_REDIRECTS = 30, 4       # R-REG-52
SEEK_BACK_OFF, HINT_WAIT, MOST_COOKIES = 30, 1.0, 5
ENDS_BY_REJECT, WAITS_BY_REJECT = 4, ("full", "rate")


@dataclass
class Settings:
    host_name: str = "host"
    state: str = "standby"
    conference: str = None
    ports: dict = None
    services: list = field(default_factory=list)
    reported: list = field(default_factory=list)
    fixed: bool = False
    view: dict = field(default_factory=lambda: {"kind": c.REALM_VIEW, "push": True})
    takeover: bool = False
    near: str = None                 # the name of the HMS that is preferred
    multicast: bool = True


class Host:
    def __init__(self, token, settings, memory=None, rng=None):
        self.token, self.settings = token, settings
        self.memory, self.rng = memory or Memory(), rng or random.Random()
        self.user_id = token.user_id
        self.out, self.events, self.counts = [], [], {}
        self.timers, self.directory, self.discovery = Timers(), Directory(), Discovery(self)
        self.state, self.exit_code, self.session = "seeking", None, None
        self.servers = []                    # as the HMSs told: id, name, addresses, primary
        self.candidates, self.target, self.nonce, self.cookies, self.challenges = [], None, None, [], []
        self.content_version, self.takeover, self.seeks, self.hint = 1, settings.takeover, 0, None
        self.unheard = False             # a REGISTER that no answer came to
        self.redirects = {}                  # to whom, when
        self.cluster_key = token.cluster_key

    # ---- what the world sees

    def start(self, now):
        """`join`: forgets that it was superseded and seeks an HMS."""
        self.memory["superseded"] = None
        self.seek(now)

    def tick(self, now):
        self.timers.run(now)

    def next_time(self):
        return self.timers.next()

    def set(self, now, **changes):
        """New content (state, conference, host_name, ports, …) or a new view; told at once if registered."""
        for name, value in changes.items():
            if not hasattr(self.settings, name):
                raise ValueError("no setting %s" % name)
            setattr(self.settings, name, value)
        self.content_version += 1
        if self.session:
            self.session.content_changed(now, "view" in changes)

    def leave(self, now):
        if self.session and self.state in ("registered", "searching"):
            self.state = "leaving"
            self.session.leave(now)
        elif self.state not in ("refused", "superseded", "left", "leaving"):
            self.end("left", 0)

    def end(self, state, exit_code, **why):
        self.state, self.exit_code, self.session = state, exit_code, None
        self.timers.set_at.clear()
        self.discovery.nonce = None
        self.emit(state, **why)

    # ---- helpers for the parts

    def emit(self, event, **fields):
        self.events.append({"event": event, **fields})

    def send(self, datagram, destination):
        self.out.append((datagram, destination))

    def drop(self, reason):
        self.counts[reason] = self.counts.get(reason, 0) + 1

    def new_nonce(self):
        return self.rng.getrandbits(64)

    def header(self, kind, session_id=c.ZEROS, sequence=0):
        return wire.Header(kind, self.token.realm_id, self.user_id, session_id, sequence, self.token.epoch)

    def content(self):
        s = self.settings
        return {"user_name": self.token.user_name, "host_name": s.host_name, "reported": s.reported,
                "ports": s.ports, "services": s.services, "state": s.state, "conference": s.conference,
                "fixed": s.fixed}

    def learn_server(self, server):
        self.servers = [s for s in self.servers if s["server_id"] != server["server_id"]] + [server]

    def learn_servers(self, servers):
        """The list of a REGISTERED or ACK is the whole list."""
        if servers:
            self.servers = list(servers)

    def learn_cluster_key(self, key):
        """R-AUT-40: another key in an authenticated answer replaces the token's."""
        if key is not None and key != self.cluster_key:
            self.cluster_key = key
            self.memory["fixed"] = {}
        self.memory["cluster_key"] = self.cluster_key.hex()

    def addresses(self, first=None):
        """Where an HMS may be: the one last used, the HMSs' own list, the token."""
        found = [first] if first else []
        for server in self.servers:
            if not (server["sender"] and first):
                found += server["addresses"]
        return list(dict.fromkeys(found + self.token.addresses))

    def address_of(self, server_id):
        for server in self.servers:
            if server["server_id"] == server_id and server["addresses"]:
                return server["addresses"][0]
        return None

    def follows_redirect(self, now, server_id, check_time):
        """At most 4 in a check time (R-REG-52), to no HMS twice (R-REG-36)."""
        self.redirects = {to: at for to, at in self.redirects.items() if at > now - check_time}
        follows = server_id not in self.redirects and len(self.redirects) < MOST_REDIRECTS
        if follows:
            self.redirects[server_id] = now
        return follows

    # ---- seeking and contacting

    def seek(self, now, first=None):
        self.state, self.session = "seeking", None
        self.candidates = self.addresses(first)
        if not self.token.addresses and self.settings.multicast:
            self.discovery.start(now)
            if not self.candidates:
                return
        self.next_candidate(now)

    def found(self, now, candidates):
        """Discovery has addresses."""
        if self.state == "searching" and self.session:
            self.session.more_targets(candidates)
        elif self.state in ("seeking", "contacting"):
            self.candidates = candidates
            self.next_candidate(now)

    def next_candidate(self, now):
        if self.candidates:
            return self.contact(now, self.candidates.pop(0))
        self.state, self.seeks = "seeking", self.seeks + 1
        delay = back_off(self.rng, self.seeks, SEEK_BACK_OFF)
        self.emit("no answer", again_in=round(delay, 3))
        self.timers.set("contact", now + delay, self.seek)

    def contact(self, now, target):
        self.gives_up_register()
        self.state, self.target, self.nonce = "contacting", target, self.new_nonce()
        self.cookies, self.challenges = [], []
        data = wire.write(self.header(c.INIT, sequence=self.nonce), {"min_version": 1, "max_version": 1},
                          self.token.user_key)
        self._send_until(now, data)

    def _send_until(self, now, data):
        self.timers.series("contact", now, CONTACT_RESEND, lambda t: self.send(data, self.target),
                           CONTACT_GIVE_UP, self.next_candidate)

    def challenge_is_news(self, body):
        """R-REG-50: above all that this contact took from the same process."""
        if any(process == body["incarnation"] and body["number"] <= number for process, number in self.challenges):
            raise Dropped("unasked")
        self.challenges.append((body["incarnation"], body["number"]))

    def register(self, now, incarnation, cookie):
        if cookie in self.cookies:
            return
        self.cookies.append(cookie)
        if len(self.cookies) > MOST_COOKIES:
            return self.next_candidate(now)
        self.gives_up_register()
        self.state, self.unheard = "registering", True
        body = {"cookie": cookie, "instance_id": self.memory.instance_id, "last_stamp": self.memory["last_stamp"],
                "content_version": self.content_version, "incarnation": incarnation,
                "revision": self.directory.revision_for(incarnation), "digest": self.directory.root,
                "takeover": self.takeover, "content": self.content(), "view": self.settings.view}
        self._send_until(now, wire.write(self.header(c.REGISTER, sequence=self.nonce), body, self.token.user_key))

    def gives_up_register(self):
        """R-REG-54: an HMS may have taken it, and nobody heard."""
        if self.unheard and self.memory["last_stamp"]:
            self.memory["last_stamp"] += 1
        self.unheard = False

    # ---- receiving

    def receive(self, now, data, source):
        try:
            self._receive(now, wire.read_header(data), data, source)
        except Dropped as reason:
            self.drop(str(reason))
        except Malformed as reason:
            self.drop(reason.reason)
            self.emit("malformed", reason=str(reason), datagram=data.hex())

    def _receive(self, now, header, data, source):
        if not header.type & c.RESPONSE:
            raise Dropped("type")
        if self.exit_code is not None:
            raise Dropped("unasked")
        if header.type == c.ANNOUNCE:
            return self._announce(now, header, data, source)
        if header.realm_id != self.token.realm_id or header.user_id != self.user_id:
            raise Dropped("realm")
        if header.type == c.HINT:
            return self._hint(now, header, data)
        if header.type == c.REGISTERED:
            return self._registered(now, header, data, source)
        if header.session_id != c.ZEROS:
            if not self.session:
                raise Dropped("unasked")
            return self.session.receive(now, header, data, source)
        if not self.discovery.receive(now, header, data, source):
            self._contact_answer(now, header, data)

    def _contact_answer(self, now, header, data):
        if self.state not in ("contacting", "registering") or header.sequence != self.nonce:
            raise Dropped("unasked")
        if not keys.tag_holds(self.token.user_key, data):
            raise Dropped("tag")
        body = wire.read_body(header, data)
        if header.type == c.CHALLENGE:
            self.challenge_is_news(body)
        self.answered(now)
        if header.type == c.CHALLENGE:
            self.register(now, body["incarnation"], body["cookie"])
            return
        self.unheard = False
        if header.type == c.REJECT:
            self.rejected(now, body)
        elif header.type == c.RETRY:
            again = now + bounded(body["delay_ms"])             # with a new nonce (R-AUT-20)
            self.timers.set("contact", again, lambda t: self.contact(t, self.target))
        elif header.type == c.REDIRECT:
            address = self.address_of(body["server_id"])
            if address and self.follows_redirect(now, body["server_id"], DEFAULT_CHECK_TIME):
                self.contact(now, address)
            else:
                self.next_candidate(now)
        else:
            raise Dropped("unasked")

    def _registered(self, now, header, data, source):
        if self.state != "registering" or header.sequence != self.nonce:
            raise Dropped("unasked")
        # only the newest cookie's: an older session may be replaced by our own newer REGISTER under way
        if header.session_id != keys.session_id(self.token.user_key, self.nonce, self.cookies[-1]):
            raise Dropped("unasked")
        key = keys.session_key(self.token.user_key, header.session_id)
        if not keys.tag_holds(key, data):
            raise Dropped("tag")
        body = wire.read_body(header, data)
        self.answered(now)
        self.discovery.stop()
        self.timers.cancel("contact")
        self.state, self.seeks, self.takeover, self.unheard = "registered", 0, False, False
        self.memory["last_stamp"] = body["stamp"]
        self.learn_servers(body["hms"])
        self.learn_cluster_key(body["cluster_key"])
        self.session = Session(self, now, header.session_id, key, body, self.target)
        self.emit("registered", user=self.token.user_name, realm=body["realm_name"], stamp=body["stamp"],
                  hms=addresses.text(self.target), server_id=body["server_id"].hex(),
                  incarnation=body["incarnation"], check_time=body["check_time_ms"] / 1000,
                  first_delay=body["first_delay_ms"] / 1000, observed=addresses.text(body["observed"]),
                  mode=body["mode"], granted=body["granted"], revision=body["revision"])
        self.session.begin(now, body)

    # ---- refusals, hints

    def rejected(self, now, body):
        """2.6: what the host does with each code."""
        code, value = body["code"], body["value"]
        if code in WAITS_BY_REJECT:
            self.emit("refused for now", code=code, again_in=value / 1000)
            self.state, self.session = "seeking", None
            self.timers.set_at.clear()
            self.timers.set("contact", now + max(value / 1000, 1.0), lambda t: self.seek(t, self.target))
            return
        if code == "taken":
            self.memory["superseded"] = "taken"
        self.end("refused", ENDS_BY_REJECT, code=code, value=value)

    def superseded(self, stamp):
        self.memory["superseded"] = stamp
        self.end("superseded", ENDS_BY_REJECT, stamp=stamp)

    def register_anew(self, now, delay, first):
        """REREGISTER, or SUPERSEDED by nothing newer: to the same HMS first."""
        self.state, self.session = "contacting", None
        self.timers.set_at.clear()
        self.timers.set("contact", now + delay, lambda t: self.seek(t, first))

    def answered(self, now):
        """An authenticated answer: a remembered HINT is not shown."""
        self.timers.cancel("hint")

    def _hint(self, now, header, data):
        """R-AUT-31: shown, never acted upon, and only if nothing authenticated comes within 1 s."""
        if not wire.checksum_holds(data):
            raise Dropped("tag")
        if header.sequence not in (self.nonce, self.discovery.nonce) or self.state not in ("seeking", "contacting"):
            raise Dropped("unasked")
        body = wire.read_body(header, data)
        meaning = c.name_of(c.HINTS, body["code"])
        if body["code"] == 3:
            meaning = "this HMS serves versions %d to %d, this host speaks 1" % (body["min_version"],
                                                                               body["max_version"])
        self.hint = {"code": body["code"], "meaning": meaning}
        if "hint" not in self.timers.set_at:
            self.timers.set("hint", now + HINT_WAIT, lambda t: self.emit("hint", **self.hint))

    def _announce(self, now, header, data, source):
        if not wire.checksum_holds(data):
            raise Dropped("tag")
        self.discovery.announced(now, wire.read_body(header, data), source)
