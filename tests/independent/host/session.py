"""One registered session: requests and their answers, heartbeats, challenges, leaving (4.4, 4.5)."""
from . import address as addresses
from . import codes as c
from . import keys, wire
from .errors import Dropped
from .follow import Follower
from .timers import back_off, bounded

LEAVE_RESEND, LEAVE_GIVE_UP = (0.25, 1.0), 2.0
AFTER_OLD_STAMP = 1.0                            # R-REG-52
MOST_ECHOES = 3                    # in a check time (R-REG-33)
LONGEST_BACK_OFF = 120
OUTSTANDING = 60                   # R-AUT-22
ANY = {c.SUPERSEDED, c.REREGISTER, c.REJECT, c.RETRY, c.CHALLENGE}
ANSWERS = {c.HEARTBEAT: ANY | {c.ACK, c.REDIRECT}, c.LEAVE: {c.LEFT, c.REJECT}, c.PULL: ANY | {c.PAGE, c.DIGESTS},
           c.FIND: ANY | {c.PAGE}}


class Session:
    def __init__(self, host, now, session_id, key, body, target):
        self.host, self.id, self.key, self.stamp = host, session_id, key, body["stamp"]
        self.target, self.round = target, []          # where heartbeats go; whom to try next in this round
        self.incarnations = {target: body["incarnation"]}
        self.answer = (body["incarnation"], body["number"])
        self.sequence, self.outstanding = 0, {}       # sequence → (request type, address, what for, when)
        self.check_time = body["check_time_ms"] / 1000
        self.mode, self.granted = body["mode"] or "on-change", body["granted"]
        self.acked_version, self.observed = body["content_version"], body["observed"]
        self.echoes, self.cookie, self.rounds, self.want, self.content_sent = [], None, 0, False, False
        self.views = 0                                # how many there were before this one
        self.view_version = 0                         # of the content that brought this one
        self.cycle_start = now
        self.follower = Follower(self)

    @property
    def timers(self):
        return self.host.timers

    @property
    def incarnation(self):
        return self.incarnations.get(self.target, 0)

    def begin(self, now, body):
        self.timers.set("beat", now + body["first_delay_ms"] / 1000, self.beat)
        self.follower.registered(now, body)

    # ---- sending

    def request(self, now, kind, body, purpose=None):
        """Each datagram of a session has its own sequence (R-AUT-20)."""
        self.sequence += 1
        self.outstanding[self.sequence] = (kind, self.target, purpose, now)
        for old in [s for s in self.outstanding if s <= self.sequence - 64]:
            del self.outstanding[old]
        self.host.send(wire.write(self.host.header(kind, self.id, self.sequence), body, self.key), self.target)

    def forget(self, kind):
        """Requests of this type are outstanding no longer."""
        self.outstanding = {s: r for s, r in self.outstanding.items() if r[0] != kind}

    # ---- heartbeats (R-REG-34)

    def beat(self, now, cookie=None):
        """A new cycle: the HMS last used first, then the others."""
        self.round = [a for a in self.host.addresses(self.target) if a != self.target]
        self.cycle_start, self.cookie = now, cookie
        self.forget(c.HEARTBEAT)
        self._try(now)

    def _try(self, now):
        t = self.check_time
        self.timers.series("beat", now, (min(1, t / 5), min(2, 2 * t / 5)), self._send_heartbeat,
                           min(4, 4 * t / 5), self._unanswered)

    def _send_heartbeat(self, now):
        host, d = self.host, self.host.directory
        with_content = self.acked_version != host.content_version
        self.content_sent = with_content
        self.request(now, c.HEARTBEAT, {
            "content_version": host.content_version, "incarnation": self.incarnation,
            "revision": d.revision_for(self.incarnation), "digest": d.root, "cookie": self.cookie,
            "want": self.want, "content": host.content() if with_content else None,
            "view": host.settings.view if with_content else None}, self.views)

    def _unanswered(self, now):
        if self.round:
            self.target, self.cookie = self.round.pop(0), None
            return self._try(now)
        self.rounds += 1
        if self.host.state != "searching":
            self.host.state = "searching"
            self.host.emit("searching", rows=len(self.host.directory.rows))
            if not self.host.token.addresses and self.host.settings.multicast:
                self.host.discovery.start(now)
        t = self.check_time
        longest = min(t, 1.3 * t - min(4, 0.8 * t), LONGEST_BACK_OFF)
        delay = back_off(self.host.rng, self.rounds, longest, min(1, t / 10))
        self.timers.set("beat", now + delay, self.beat)

    def more_targets(self, found):
        """Discovery found addresses while searching."""
        self.host.token.addresses += [a for a in found if a not in self.host.addresses()]

    def _next_beat(self, now):
        at = self.cycle_start + self.check_time * self.host.rng.uniform(0.9, 1.1)
        self.timers.set("beat", max(at, now), self.beat)

    def content_changed(self, now, view_changed):
        self.content_sent = False
        if view_changed:
            self.views += 1
            self.view_version = self.host.content_version
            self.host.directory.clear()
            self.follower.stop()
        if self.host.state == "registered":
            self.beat(now)

    def ask_for_changes(self, now):
        """Mode on-request (R-DIR-08): the next heartbeat, sent now, wants them."""
        self.want = True
        self.beat(now)

    # ---- answers

    def receive(self, now, header, data, source):
        if header.session_id != self.id:
            raise Dropped("unasked")
        if not keys.tag_holds(self.key, data):
            raise Dropped("tag")
        if header.type == c.PAGE and header.flags & c.PUSH:
            return self._pushed(now, header, data)
        request = self.outstanding.get(header.sequence)
        if request is None or now > request[3] + OUTSTANDING or header.type not in ANSWERS[request[0]]:
            raise Dropped("unasked")
        body = wire.read_body(header, data)
        del self.outstanding[header.sequence]
        self.host.answered(now)
        self.target = request[1]
        self.answer = (body["incarnation"], body["number"])
        self.incarnations[self.target] = body["incarnation"]
        HANDLERS[header.type](self, now, body, request)

    def _pushed(self, now, header, data):
        """R-AUT-22: only from the incarnation of the last accepted answer, with a higher number."""
        if header.sequence != 0:
            raise Dropped("unasked")
        body = wire.read_body(header, data)
        if body["incarnation"] != self.answer[0] or body["number"] <= self.answer[1]:
            raise Dropped("unasked")
        self.answer = (body["incarnation"], body["number"])
        self.follower.pushed(now, body)

    def _ack(self, now, body, request):
        self.want = False
        self._heard()
        self.acked_version = body["content_version"]
        self._take_news(body)
        self.host.emit("ack", revision=body["revision"], incarnation=body["incarnation"], equal=body["equal"],
                       resync=body["resync"], want_content=body["want_content"])
        wanted = body["want_content"] or self.acked_version != self.host.content_version
        if body["want_content"] and self.acked_version == self.host.content_version:
            self.acked_version = None
        if wanted and not self.content_sent:
            self.beat(now)
        else:
            self._next_beat(now)
        # Else it shows the view before (R-REG-32), or nothing (R-DIR-06).
        if body["revision"] and request[2] == self.views and body["content_version"] >= self.view_version:
            self.follower.acked(now, body)

    def _heard(self):
        """This HMS took the heartbeat."""
        self.forget(c.HEARTBEAT)
        self.rounds, self.cookie = 0, None
        if self.host.state == "searching":
            self.host.state = "registered"
            self.host.discovery.stop()
            self.host.emit("found again", hms=addresses.text(self.target))

    def _take_news(self, body):
        """What an ACK says only if it changed."""
        self.host.learn_servers(body["hms"])
        self.host.learn_cluster_key(body["cluster_key"])
        told = (body["new_check_time_ms"] or 0) / 1000
        if told and told != self.check_time:          # an HMS may tell it in every ACK
            self.check_time = told
            self.host.emit("check time", seconds=told)
        if body["mode"]:
            self.mode = body["mode"]
        if body["granted"] and body["granted"] != self.granted:
            self.granted = body["granted"]
            self.host.emit("granted", **self.granted)
        if body["observed"] and body["observed"] != self.observed:
            self.observed = body["observed"]
            self.host.emit("observed", address=addresses.text(self.observed))

    def _challenge(self, now, body, request):
        """R-REG-33: echoed at once, at most 3 times in a check time."""
        self.host.emit("challenged", incarnation=body["incarnation"], by=c.TYPE_NAMES[request[0]])
        if request[0] == c.PULL:
            self.follower.stop()           # the ACK to the echo says how to go on
        self.echoes = [t for t in self.echoes if t > now - 0.9 * self.check_time]      # R-REG-51
        if len(self.echoes) >= MOST_ECHOES:
            self.cycle_start = now
            return self._next_beat(now)
        self.echoes.append(now)
        self.beat(now, body["cookie"])

    def _superseded(self, now, body, request):
        if body["stamp"] > self.stamp:
            self.host.superseded(body["stamp"])
        else:
            self.host.register_anew(now, AFTER_OLD_STAMP, self.target)

    def _reregister(self, now, body, request):
        delay = bounded(body["delay_ms"]) * self.host.rng.uniform(0.9, 1.1)
        self.host.emit("told to register anew", after=round(delay, 3))
        self.host.register_anew(now, delay, self.target)

    def _retry(self, now, body, request):
        delay = bounded(body["delay_ms"])
        if request[0] == c.HEARTBEAT:
            self.forget(c.HEARTBEAT)
            self.timers.set("beat", now + delay, lambda t: self.beat(t, self.cookie))
        else:
            self.follower.again_after(now, delay)

    def _redirect(self, now, body, request):
        address = self.host.address_of(body["server_id"])
        if not address or address == self.target:
            return
        if self.host.follows_redirect(now, body["server_id"], self.check_time):
            self.target = address
            self.beat(now)
        elif request[0] == c.HEARTBEAT:
            self.target = request[1]
            self._heard()
            self._next_beat(now)

    def _reject(self, now, body, request):
        self.host.rejected(now, body)

    def _page(self, now, body, request):
        self.follower.page(now, body, request)

    def _digests(self, now, body, request):
        self.follower.digests(now, body)

    # ---- FIND and LEAVE

    def find(self, now, kind, text, cursor=c.ZEROS):
        """kind: user or prefix.  The matches come as an event "found"."""
        self.request(now, c.FIND, {"incarnation": self.incarnation, "cursor": cursor,
                                   "pattern": {"kind": kind, "text": text}}, (kind, text))

    def leave(self, now):
        self.timers.cancel("beat", "pull")
        self.timers.series("leave", now, LEAVE_RESEND, lambda t: self.request(t, c.LEAVE, {}), LEAVE_GIVE_UP,
                           lambda t: self.host.end("left", 0, answered=False))

    def _left(self, now, body, request):
        self.host.end("left", 0, answered=True)


HANDLERS = {
    c.ACK: Session._ack, c.CHALLENGE: Session._challenge, c.SUPERSEDED: Session._superseded,
    c.REREGISTER: Session._reregister, c.RETRY: Session._retry, c.REDIRECT: Session._redirect,
    c.REJECT: Session._reject, c.PAGE: Session._page, c.DIGESTS: Session._digests, c.LEFT: Session._left,
}
