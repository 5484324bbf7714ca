"""Real hosts at an HMS written from the specification: what they must not read, modes, check times, searches."""
import json
import struct

from host import codes as c
from host import keys
from host.tests.fake_hms import REALM

from .forbidden import FILE
from .real_follows import EARLY, LATE, join, shown
from .rules import check, shows


def spoilt_answers():
    """(type, bytes, reason) of every forbidden answer within a session."""
    rows = [(bytes.fromhex(row["bytes"]), row) for row in json.loads(FILE.read_text())["refused"]]
    return [(data[1], data, row) for data, row in rows if len(data) >= 48 and data[1] & c.RESPONSE
            and row["key"] == "session"]


def as_answer(hms, seen, data, reason):
    """The same bytes as an answer to this request: its names, its sequence, a number of their own; an ACK that would
    be taken would say that all is well."""
    h, body = seen.header, data[32:-16]
    hms.core.number += 1
    if len(body) >= 12:
        body = struct.pack(">IQ", hms.core.incarnation, hms.core.number) + body[12:]
    if data[1] == c.ACK and len(body) >= 20 and seen.name == "HEARTBEAT":
        body = body[:12] + struct.pack(">II", hms.core.revision, seen.body["content_version"]) + body[20:]
    head = data[:3] + struct.pack(">BI", h.epoch, h.realm_id) + h.user_id + h.session_id + keys.u64(h.sequence)
    tag = keys.tag(hms.key(h), head + body)
    hms.core.out.append((head + body + (bytes(b ^ 1 for b in tag) if reason == "tag" else tag), seen.source))


@shows("R-FMT-01", "R-FMT-02", "R-FMT-05", "R-FMT-07", "R-FMT-08", "R-FMT-09", "R-FMT-14", "R-AUT-01", "R-AUT-22")
def real_reads(w):
    """Every forbidden answer of vectors.json to one heartbeat and to one PULL: none of them is an answer."""
    hms = w.python_hms(check_time=5.0)
    hms.put("bob")
    host = join(w, hms)
    check("registered", w.until(lambda: shown(host) and hms.got("HEARTBEAT")), host.text())
    spoilt = spoilt_answers()
    check("there are many", len(spoilt) > 80, len(spoilt))

    def all_of_them(seen):
        for _, data, row in spoilt:
            as_answer(hms, seen, data, row["reason"])

    for name, again in (("HEARTBEAT", 1.0), ("PULL", 0.25)):
        with hms.lock:
            before = len(hms.seen)
            if name == "PULL":
                hms.core.list.put({**hms.row("carl")[1], "revision": hms.core.revision})
        hms.instead(name, all_of_them)
        check("%s: nothing of it is an answer" % name, w.until(lambda: len(hms.got(name, before)) >= 2, 9), host.text())
        first, second = hms.got(name, before)[:2]
        check("%s: the same is said again, in its time" % name, first.body == second.body
              and again - EARLY <= second.at - first.at <= again + LATE, (first.body, second.body, second.at - first.at))
        check("in the same session", not hms.got("INIT", before) and host.popen.poll() is None, host.text())
    check("then all goes on", w.until(lambda: set(shown(host)) == {"anna", "bob", "carl"}, 6), shown(host))


@shows("R-DIR-08", "R-DIR-10", "R-DIR-13", "R-REG-46", "R-FMT-19")
def real_modes(w):
    """The whole list with every ACK; changes only when they are asked for; another check time; codes that nobody knows."""
    hms = w.python_hms()
    for n in range(7):
        hms.put("u%d" % n)
    hms.core.mode = "always"
    host = join(w, hms)
    check("has the list", w.until(lambda: len(shown(host)) == 8), shown(host))
    with hms.lock:
        before = len(hms.seen)
        hms.core.list.put({**hms.row("v")[1], "revision": hms.core.revision})
    check("always: sees what changed without a revision", w.until(lambda: "v" in shown(host), 4), shown(host))
    check("a first page with the ACK, the rest pulled", any(p.body["kind"] == "copy" and p.body["cursor"] != c.ZEROS
          for p in hms.got("PULL", before)), [p.body for p in hms.got("PULL", before)])
    hms.instead("HEARTBEAT", told(hms, mode="on-request"))
    hms.core.mode = "on-request"
    check("told", w.until(lambda: not hms.script, 4))
    hms.put("asked for")
    beats = len(hms.got("HEARTBEAT"))
    check("heartbeats go on", w.until(lambda: len(hms.got("HEARTBEAT")) > beats + 2, 6))
    check("on-request: not unless it asks", "asked for" not in shown(host), shown(host))
    rows = json.loads(w.cli("who", "--refresh", "--json", state=host.state))["hosts"]
    check("who --refresh asks", "asked for" in {r["user"] for r in rows}
          and any(b.body["want"] for b in hms.got("HEARTBEAT")), rows)
    other_times(w, hms, host)


def told(hms, **more):
    """A reaction: an ACK with these TLVs and nothing else new."""
    def reaction(seen):
        ack = {"revision": hms.core.revision, "content_version": seen.body["content_version"], "want_content": False,
               "resync": False,
               "equal": False, "page": None, **more}
        hms.reply(seen, c.ACK, ack)
    return reaction


def other_times(w, hms, host):
    hms.instead("HEARTBEAT", told(hms, mode=9, granted={"kind": 1, "reason": 0}), told(hms, new_check_time_ms=2500))
    check("told", w.until(lambda: not hms.script, 5))
    with hms.lock:
        before, last = len(hms.seen), hms.last("HEARTBEAT")
    check("the next", w.until(lambda: hms.got("HEARTBEAT", before), 5), host.text())
    gap = hms.got("HEARTBEAT", before)[0].at - last.at
    check("after the new check time", 2.2 <= gap <= 2.75 + LATE, gap)
    check("still registered", host.popen.poll() is None and "anna" in shown(host), host.text())


@shows("R-DIR-05", "R-DIR-07", "R-DIR-15")
def real_searches(w):
    """A view that is refused: the list is empty, and a name is asked for."""
    hms = w.python_hms()
    uid, entry = hms.row("bob", host_name="room b", services=[("sip", 5060, "udp")])
    with hms.lock:
        hms.core.change(uid, entry)
    hms.core.granted = {"kind": 0, "reason": 1}
    host = join(w, hms)
    check("registered", w.until(lambda: hms.got("HEARTBEAT")), host.text())
    check("no list but the host itself", set(shown(host)) == {"anna"} and not hms.got("PULL"),
          (shown(host), hms.got("PULL")))
    check("the address of a name", w.cli("ip", "bob", state=host.state).strip() == "10.9.0.1",
          w.cli("ip", "bob", state=host.state, check=True))
    check("by FIND", any(f.body["pattern"]["text"] == "bob" for f in hms.got("FIND")), hms.got("FIND"))
    check("what is found is not in the list", set(shown(host)) == {"anna"}, shown(host))
    check("its URI", w.cli("uri", "bob", state=host.state).startswith("sip:bob@10.9.0.1"),
          w.cli("uri", "bob", state=host.state))
    before = len(hms.got("FIND"))
    code, *_ = w.cli("ip", "nobody", state=host.state, check=True)
    check("nobody is not found", code == 1 and len(hms.got("FIND")) > before, code)


ALL = (real_reads, real_modes, real_searches)
