"""Real hosts at an HMS that was written from the specification: what they are told, and what they do not believe."""
import time

from host import codes as c
from host import ed25519, keys
from host.tests.fake_hms import REALM

from .hms import CLUSTER_SEED
from .real_follows import EARLY, LATE, join, near, shown
from .rules import check, shows


def after(seen, first, delay):
    """Did it come that long after the first?"""
    return delay - EARLY <= seen.at - first.at <= delay + LATE


@shows("R-REG-18", "R-REG-36", "R-REG-52", "R-AUT-20", "R-FMT-16")
def real_told(w):
    """REREGISTER, RETRY to each request, SUPERSEDED by nothing newer."""
    hms = w.python_hms()
    hms.instead("INIT", *hms.say(c.RETRY, delay_ms=700))
    hms.instead("REGISTER", *hms.say(c.RETRY, delay_ms=400))
    host = join(w, hms)
    check("registered", w.until(lambda: hms.got("HEARTBEAT"), 10), host.text())
    inits, registers = hms.got("INIT"), hms.got("REGISTER")
    check("RETRY: an INIT with another nonce, after the delay",
          len({i.header.sequence for i in inits}) == len(inits) >= 2
          and after(inits[1], inits[0], 0.7), [(i.at, i.header.sequence) for i in inits])
    check("another attempt, another nonce", len({r.header.sequence for r in registers}) == len(registers) == 2,
          registers)
    told_to_register(w, hms)
    retried(w, hms)
    check("still there", host.popen.poll() is None, host.text())


def told_to_register(w, hms):
    uid = keys.user_id(REALM, "anna")
    for kind, body, delay in ((c.REREGISTER, {"delay_ms": 600}, 0.6), (c.REREGISTER, {"delay_ms": 0}, 0.1),
                              (c.SUPERSEDED, {"stamp": hms.core.rows[uid].stamp}, 1.0),
                              (c.SUPERSEDED, {"stamp": 1}, 1.0)):
        with hms.lock:
            before, stamp = len(hms.seen), hms.core.rows[uid].stamp
            if kind == c.SUPERSEDED and body["stamp"] != 1:
                body = {"stamp": stamp}
        hms.instead("HEARTBEAT", *hms.say(kind, **body))
        what = "%s %s" % (c.TYPE_NAMES[kind], body)
        check(what + ": registers anew", w.until(lambda: hms.got("REGISTER", before)
                                                 and hms.core.rows[uid].stamp != stamp, 6))
        beat, init, register = hms.got("HEARTBEAT", before)[-1], hms.got("INIT", before)[0], hms.got("REGISTER", before)[0]
        beat = [b for b in hms.got("HEARTBEAT", before) if b.at < init.at][-1]
        check(what + ": after the delay", delay * 0.9 - EARLY <= init.at - beat.at <= delay * 1.1 + LATE,
              init.at - beat.at)
        check(what + ": by itself, with its stamp and its list", not register.body["takeover"]
              and register.body["last_stamp"] == stamp
              and register.body["revision"] and register.body["digest"], register.body)
        check("heartbeats again", w.until(lambda: hms.last("HEARTBEAT").at > register.at, 4))


def retried(w, hms):
    with hms.lock:
        before = len(hms.seen)
    hms.instead("HEARTBEAT", *hms.say(c.RETRY, delay_ms=500))
    check("RETRY to a heartbeat", w.until(lambda: len(hms.got("HEARTBEAT", before)) >= 2, 4))
    first, second = hms.got("HEARTBEAT", before)[:2]
    check("the same after the delay, a new sequence", after(second, first, 0.5)
          and second.header.sequence > first.header.sequence,
          second.at - first.at)


@shows("R-REG-16", "R-REG-34", "R-REG-35", "R-REG-36", "R-DIR-12")
def real_turns(w):
    """REDIRECT, an HMS that falls silent, both silent, one that comes back."""
    first, second = w.python_hms(), w.python_hms(incarnation=9, server_id=b"\x5f" * 8)
    first.core.hms = [first.core.described("one"), second.core.described("two", False)]
    second.core.hms = [second.core.described("two"), first.core.described("one", False)]
    host = join(w, first)
    check("registered", w.until(lambda: first.got("HEARTBEAT")), host.text())
    first.instead("HEARTBEAT", *first.say(c.REDIRECT, server_id=b"\x5f" * 8))
    check("follows REDIRECT with its session", w.until(lambda: second.got("HEARTBEAT"), 5), host.text())
    beat = second.got("HEARTBEAT")[0]
    check("claims no revision of its list", (beat.body["incarnation"],
                                             beat.body["revision"]) in ((0, 0), (7, first.core.revision)), beat)
    host.stop()
    first.instead("INIT", lambda seen: first.core.receive(time.monotonic(), seen.data, seen.source),
                  *first.say(c.REDIRECT, server_id=b"\x5f" * 8))
    host = join(w, first, "bob")
    check("registered", w.until(lambda: first.last("HEARTBEAT").header.user_id == keys.user_id(REALM, "bob")),
          host.text())
    first.instead("HEARTBEAT", *first.say(c.REREGISTER, delay_ms=100))
    check("follows REDIRECT to another HMS of the list", w.until(lambda: second.got("REGISTER"), 6), host.text())
    check("heartbeats there", w.until(lambda: len(second.got("HEARTBEAT")) > 3, 5), host.text())
    second.silent, before = True, len(first.seen)
    check("the next of the list when it is silent", w.until(lambda: first.got("HEARTBEAT", before), 6), host.text())
    went = first.got("HEARTBEAT", before)[0]
    tries = [s.at for s in second.got("HEARTBEAT") if went.at - 1.2 < s.at < went.at][-3:]
    check("after heartbeats at 0, T/5, 2T/5", near([t - tries[0] for t in tries], [0, 0.2, 0.4])
          and went.at - tries[0] >= 0.8 - EARLY, tries)
    first.silent = True
    check("shows the last list, and its age", w.until(lambda: host.who()["age_ms"] > 2500, 8) and "bob" in shown(host),
          host.who())
    first.silent, before = False, len(first.seen)
    # It may just have turned to the other one, with an INIT that is given up after 3 s, and then backs off.
    check("back again", w.until(lambda: first.got("HEARTBEAT", before) and host.who()["age_ms"] < 1500, 15), host.text())


@shows("R-REG-21", "R-REG-14")
def real_superseded(w):
    """SUPERSEDED by something newer, and REJECT (taken): remembered until a person makes it join."""
    for user in ("anna", "bob"):
        hms = w.python_hms()
        if user == "bob":
            hms.instead("REGISTER", *hms.say(c.REJECT, code="taken", value=0))
        host = join(w, hms, user)
        if user == "anna":
            check("registered", w.until(lambda: hms.got("HEARTBEAT")), host.text())
            hms.instead("HEARTBEAT", *hms.say(c.SUPERSEDED, stamp=2**60))
        check("ends with 4", w.until(lambda: host.popen.poll() is not None, 6) and host.popen.poll() == 4, host.text())
        came = len(hms.seen)
        done = w.cli("agent", "--bind", "127.0.0.1", state=host.state, check=True)
        check("does not come back by itself", done[0] == 4 and len(hms.seen) == came, done)
        again = w.theirs(user, state=host.state, token=hms.token(user))
        check("comes when a person makes it", w.until(lambda: len(hms.got("HEARTBEAT")) > 1, 6), again.text())
        registers = [r.body for r in hms.got("REGISTER")]
        check("with takeover, by the same installation", registers[-1]["takeover"]
              and registers[-1]["instance_id"] == registers[0]["instance_id"], registers)


@shows("R-FMT-09", "R-REG-15", "R-AUT-05")
def real_refused(w):
    """Every REJECT code to a registration."""
    for code in ("revoked", "name", "content", "epoch-retired", 0x1234):
        hms = w.python_hms()
        hms.instead("INIT", *hms.say(c.REJECT, code=code, value=7 if code == "content" else 0))
        host = join(w, hms)
        check("%s: ends with 4" % code, w.until(lambda: host.popen.poll() is not None, 5) and host.popen.poll() == 4,
              host.text())
        check("%s: asked no more" % code, len(hms.seen) == 1, hms.seen)
        check("an unknown code is shown by its number", code != 0x1234 or str(0x1234) in host.text(), host.text())
    for code in ("full", "rate"):
        hms = w.python_hms()
        hms.instead("REGISTER", *hms.say(c.REJECT, code=code, value=1200))
        host = join(w, hms)
        check("%s: registers after the delay" % code, w.until(lambda: hms.got("HEARTBEAT"), 8), host.text())
        first, second = hms.got("REGISTER")[0], hms.got("INIT")[1]
        check("%s: not before" % code, after(second, first, 1.2)
              and second.header.sequence != hms.got("INIT")[0].header.sequence,
              second.at - first.at)
    hms = w.python_hms()
    host = join(w, hms)
    check("registered", w.until(lambda: hms.got("HEARTBEAT")), host.text())
    hms.instead("HEARTBEAT", *hms.say(c.REJECT, code="revoked", value=0))
    check("revoked within a session: ends with 4", w.until(lambda: host.popen.poll() is not None, 5)
          and host.popen.poll() == 4, host.text())


@shows("R-AUT-22", "R-AUT-31", "R-REG-50", "R-FMT-03", "R-FMT-09", "R-FMT-14")
def real_doubts(w):
    """Answers that are not to be believed change nothing; a HINT is shown and not acted upon."""
    hms = w.python_hms()

    def forged(seen):
        own, other = hms.key(seen.header), bytes(32)
        refusal, challenge = {"code": "revoked", "value": 0}, {"cookie": b"forged!!"}
        hms.raw(seen, c.REJECT, refusal, other)
        for changes in (dict(sequence=1), dict(realm_id=REALM + 1), dict(user_id=b"somebody"), dict(epoch=9)):
            hms.raw(seen, c.REJECT, refusal, own, **changes)
        hms.raw(seen, c.LEFT, {}, own)                              # no answer to this
        hms.raw(seen, c.SUPERSEDED, {"stamp": 2**60}, own)
        hms.raw(seen, c.CHALLENGE, challenge, other)
        hms.core.out.append((seen.data, seen.source))               # its own datagram, without the response bit
        hint(hms, seen)
        hms.core.receive(time.monotonic(), seen.data, seen.source)

    hms.instead("INIT", forged)
    host = join(w, hms)
    check("registers all the same", w.until(lambda: len(hms.got("HEARTBEAT")) > 1, 6), host.text())
    check("with the cookie that was meant", all(r.body["cookie"] != b"forged!!" for r in hms.got("REGISTER")))
    in_a_session(w, hms, host)
    only_hints(w)


def hint(hms, seen, code=1):
    hms.raw(seen, c.HINT, {"code": code, "min_version": 2, "max_version": 3}, None, session_id=c.ZEROS)


def in_a_session(w, hms, host):
    def forged(seen):
        own, other = hms.key(seen.header), bytes(32)
        hms.raw(seen, c.SUPERSEDED, {"stamp": 2**60}, other)
        hms.raw(seen, c.SUPERSEDED, {"stamp": 2**60}, own, sequence=seen.header.sequence + 5)
        hms.raw(seen, c.SUPERSEDED, {"stamp": 2**60}, own, session_id=b"another1")
        hms.raw(seen, c.LEFT, {}, own)
        hms.raw(seen, c.OFFER, {"server_id": bytes(8), "primary": True, "hms": []}, own)
        hms.raw(seen, c.REJECT, {"code": "revoked", "value": 0}, other)
        longer = hms.core.out.pop()[0][:-16] + b"\x7f\0\0"
        hms.core.out.append((longer + keys.tag(own, longer), seen.source))          # short answers have no TLVs
        hint(hms, seen)
        hms.core.receive(time.monotonic(), seen.data, seen.source)

    with hms.lock:
        before = len(hms.seen)
    hms.instead("HEARTBEAT", forged, forged)
    check("heartbeats go on", w.until(lambda: len(hms.got("HEARTBEAT", before)) >= 4, 8), host.text())
    check("in the same session", not hms.got("INIT", before) and host.popen.poll() is None, host.text())


def only_hints(w):
    hms = w.python_hms()
    hms.instead("INIT", *[lambda seen: hint(hms, seen)] * 50)
    begin = time.monotonic()
    host = w.theirs("anna", "--timeout", "3s", token=hms.token("anna"))
    check("a HINT alone: refused when the time is over, not before", w.until(lambda: host.popen.poll() is not None, 8)
          and host.popen.poll() == 4 and time.monotonic() - begin > 2.9, host.text())
    hms.instead("INIT", *[lambda seen: hint(hms, seen, 3)] * 2)
    with hms.lock:
        hms.script = [entry for entry in hms.script if entry[0] == "INIT"][-2:]
    host = join(w, hms)
    check("HINTs and then an answer", w.until(lambda: hms.got("HEARTBEAT"), 8), host.text())


@shows("R-REG-42", "R-AUT-20", "R-FMT-12")
def real_leaves(w):
    """LEAVE: answered, and not answered."""
    hms = w.python_hms()
    host = join(w, hms)
    check("registered", w.until(lambda: hms.got("HEARTBEAT")), host.text())
    hms.instead("LEAVE", hms.nothing)
    w.cli("leave", state=host.state)
    check("ends", w.until(lambda: host.popen.poll() is not None, 5) and host.popen.poll() == 0, host.text())
    leaves = hms.got("LEAVE")
    check("once more after 250 ms, then it is answered", near([s.at - leaves[0].at for s in leaves], [0, 0.25])
          and not hms.core.rows, [s.at for s in leaves])
    host = join(w, hms)
    check("comes back", w.until(lambda: len(hms.core.rows) == 1, 6), host.text())
    hms.silent, before = True, len(hms.seen)
    w.cli("leave", state=host.state)
    check("ends without an answer", w.until(lambda: host.popen.poll() is not None, 6), host.text())
    leaves = hms.got("LEAVE", before)
    check("three, each with its sequence", near([s.at - leaves[0].at for s in leaves], [0, 0.25, 1.0])
          and len({s.header.sequence for s in leaves}) == 3, [s.at for s in leaves])


@shows("R-AUT-40", "R-DIR-10", "R-DIR-15")
def real_keeps(w):
    """What the cluster signed outlives the view and the HMS, other rows do not."""
    hms = w.python_hms()
    hms.core.cluster_key = ed25519.public_key(CLUSTER_SEED)
    for name, wrong in (("signed", None), ("badly", "signature"), ("moved", "address"), ("plain", "none"),
                        ("mobile", "fixed")):
        uid, entry = hms.row(name, fixed=wrong != "fixed", address=("10.7.0.1", 5060))
        signed = ("10.7.0.2", 5060) if wrong == "address" else entry["address"]
        data = keys.fixed_bytes(REALM, uid, 1700000000, signed, entry["content"]["raw"])
        signature = ed25519.sign(bytes(32) if wrong == "signature" else CLUSTER_SEED, data)
        entry["signature"] = None if wrong == "none" else {"issued": 1700000000, "bytes": signature}
        with hms.lock:
            hms.core.change(uid, entry)
    host = join(w, hms)
    check("all are listed", w.until(lambda: len(shown(host)) == 6), shown(host))

    def refuse(seen):
        ack = {"revision": 0, "content_version": seen.body["content_version"], "want_content": False, "resync": False,
               "equal": False,
               "page": None, "granted": {"kind": 0, "reason": 1}}
        hms.reply(seen, c.ACK, ack)

    hms.instead("HEARTBEAT", *[refuse] * 30)
    check("no view, no rows but the host's own", w.until(lambda: set(shown(host)) == {"anna"}, 6), shown(host))
    hms.silent = True
    check("without an HMS only what the cluster signed", w.until(lambda: set(shown(host)) == {"signed"}, 10),
          shown(host))
    host.stop()
    again = w.theirs("anna", state=host.state, token=hms.token("anna"))
    check("after a start as well", w.until(lambda: set(shown(again)) == {"signed"}, 6), again.text())


ALL = (real_told, real_turns, real_superseded, real_refused, real_doubts, real_leaves, real_keeps)
