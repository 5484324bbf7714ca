"""This host and real ones at a real HMS on loopback."""
import signal

from . import real_finds, real_follows, real_reads, real_told
from .forbidden import forbidden, order, permitted
from .rules import check


def crowd(w):
    """Ours and theirs; directories equal at all; heartbeats; state change; leave."""
    w.serve()
    ours = [w.ours(n, "--name", "m-" + n) for n in ("anna", "bob", "cleo")]
    theirs = [w.theirs(n, "--name", "m-" + n, "--service", "sip:5060", "--video", "5004") for n in ("dora", "emil")]
    names = ["anna", "bob", "cleo", "dora", "emil"]
    check("all registered", w.until(lambda: sorted(h["user"] for h in w.hosts()) == names), w.hosts())
    check("ours list all", w.until(lambda: all(o.users() == names for o in ours)), [o.users() for o in ours])
    check("theirs list all", w.until(lambda: all(sorted(h["user"] for h in t.who()["hosts"]) == names for t in theirs)),
          [t.who() for t in theirs])
    for o in ours:
        check("heartbeats acknowledged", w.until(lambda: len(o.events("ack")) >= 3), o.events("ack"))
        acks = o.events("ack")
        check("no resync after the first list", not any(a["resync"] for a in acks), acks)
        check("nothing malformed", not o.events("malformed"), o.events("malformed"))
    w.cli("set", "state=participating", "conference=board", state=theirs[0].state)
    check("their change seen at ours", w.until(lambda: all(len({e["root"] for e in o.events("directory")}) > 1 and
          ours[0].last("directory")["root"] == o.last("directory")["root"] for o in ours), 6))
    code = theirs[1].stop()
    check("their leave seen at ours", w.until(lambda: all("emil" not in o.users() for o in ours), 6), code)
    ours[2].stop()
    check("our leave seen at theirs",
          w.until(lambda: "cleo" not in [h["user"] for h in theirs[0].who()["hosts"]], 6), theirs[0].who())
    check("our leave answered", (ours[2].last("left") or {}).get("answered"), ours[2].text()[-300:])
    ours[0].stop(signal.SIGKILL)
    check("a dead host expires", w.until(lambda: "anna" not in ours[1].users(), 12), ours[1].users())


def change(w):
    """Our own changes are seen by all."""
    w.serve()
    t = w.theirs("tina")
    o = w.ours("olga", "--at", "3:state=organizing", "--at", "3.2:conference=board", "--at", "5:ports=1503,5004,5006",
               "--at", "5.1:service=sip:5060/udp,x:1/tcp", "--at", "7:state=77", seconds=30)

    def seen():
        return next((h for h in t.who()["hosts"] if h["user"] == "olga"), {})
    check("state", w.until(lambda: seen().get("state") == "organizing" and seen().get("conference") == "board", 8),
          seen())
    check("ports, services", w.until(lambda: seen().get("services"), 8), seen())
    check("an unknown state is kept", w.until(lambda: seen().get("state") not in ("organizing", None), 8), seen())
    check("content acknowledged", o.last("ack") and not o.last("ack")["want_content"])
    check("lists agree", w.until(lambda: o.users() == ["olga", "tina"]), o.users())


def restart(w):
    """The HMS is killed and started again: with its snapshot, and without."""
    w.serve()
    ours = [w.ours(n) for n in ("anna", "bob")]
    t = w.theirs("dora")
    w.until(lambda: all(o.users() == ["anna", "bob", "dora"] for o in ours))
    w.kill_hms(signal.SIGTERM)
    w.serve()
    check("challenged or registered anew, and listed again",
          w.until(lambda: len([h for h in w.hosts() if h["status"] == "up"]) == 3, 12), w.hosts())
    for o in ours:
        check("list is equal", w.until(lambda: o.users() == ["anna", "bob", "dora"]), o.users())
    w.kill_hms(signal.SIGKILL)
    check("searching", w.until(lambda: ours[0].events("searching")), ours[0].events()[-3:])
    w.serve()
    check("all again after a kill", w.until(lambda: len([h for h in w.hosts() if h["status"] == "up"]) == 3, 15),
          w.hosts())
    check("lists", w.until(lambda: all(o.users() == ["anna", "bob", "dora"] for o in ours)), [o.users() for o in ours])
    check("equal digests", w.until(lambda: len({o.last("directory")["root"] for o in ours}) == 1))
    check("their list", sorted(h["user"] for h in t.who()["hosts"]) == ["anna", "bob", "dora"], t.who())


def superseded(w):
    """A second join of the same user, ours and theirs each way; taken without takeover."""
    w.serve()
    token = w.token("anna")
    first = w.ours("anna", token=token)
    w.until(lambda: first.events("registered"))
    refused = w.ours("anna", token=token)
    check("taken without takeover", w.until(lambda: refused.events("refused"), 5) and
          refused.last("refused").get("code") == "taken" and refused.popen.wait(5) == 4, refused.text())
    check("the first one stays", not first.events("superseded"))
    second = w.theirs("anna", token=token)
    check("ours is superseded by theirs", w.until(lambda: first.events("superseded"), 8), first.text()[-400:])
    check("exit 4", first.popen.wait(5) == 4)
    third = w.ours("anna", "--takeover", token=token)
    check("theirs is superseded by ours", w.until(lambda: second.popen.poll() is not None, 8), second.text())
    check("their exit is 4", second.popen.poll() == 4, second.popen.poll())
    fourth = w.ours("anna", "--takeover", token=token)
    check("ours by ours", w.until(lambda: third.events("superseded") and fourth.events("registered"), 8))
    check("one row", len(w.hosts()) == 1, w.hosts())


def revoked(w):
    w.serve()
    token = w.token("anna")
    host, other = w.ours("anna", token=token), w.ours("bob")
    w.until(lambda: host.events("registered") and other.users() == ["anna", "bob"])
    w.cli("revoke", "anna")
    check("told at the next heartbeat", w.until(lambda: host.events("refused"), 6), host.text()[-300:])
    check("exit 4, revoked", host.popen.wait(5) == 4 and host.last("refused")["code"] == "revoked",
          host.last("refused"))
    check("gone for the others", w.until(lambda: other.users() == ["bob"], 5), other.users())
    again = w.ours("anna", token=token)
    check("the old token is refused", w.until(lambda: again.events("refused"), 5), again.text())
    new = w.ours("anna")
    check("the new token works", w.until(lambda: new.events("registered"), 5), new.text())
    w.kill_hms()
    w.serve()
    again = w.ours("anna", token=token)
    check("still refused after a kill and start", w.until(lambda: again.events("refused"), 5), again.text())


def wrong_key(w):
    import base64
    import hashlib
    w.serve()
    body = w.token("anna")[5:].upper()
    raw = bytearray(base64.b32decode(body + "=" * (-len(body) % 8)))[:-4]
    raw[20] ^= 1
    raw += hashlib.sha256(raw).digest()[:4]
    wrong = "hms1_" + base64.b32encode(bytes(raw)).decode().rstrip("=").lower()
    host = w.ours("anna", token=wrong, seconds=8)
    check("a hint is shown", w.until(lambda: host.events("hint"), 6), host.text())
    check("never registered", not host.events("registered") and not w.hosts())


ALL = (crowd, change, restart, superseded, revoked, wrong_key, forbidden, permitted, order, *real_follows.ALL,
       *real_told.ALL, *real_reads.ALL, *real_finds.ALL)
