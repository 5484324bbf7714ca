"""Real hosts at an HMS that was written from the specification: registering, heartbeats, the directory."""
import itertools

from host import address as addresses
from host import codes as c
from host import directory, keys, wire
from host.tests.fake_hms import REALM

from .rules import check, shows

EARLY, LATE = 0.15, 0.5                      # a busy machine hears the first late, or a later one


def join(w, hms, user="anna", *words):
    return w.theirs(user, "--name", "m-" + user, *words, token=hms.token(user))


def near(times, wanted):
    return len(times) == len(wanted) and all(w - EARLY <= t <= w + LATE for t, w in zip(times, wanted))


def shown(host):
    return {row["user"]: row for row in host.who()["hosts"]}


@shows("R-AUT-20", "R-AUT-50", "R-FMT-11", "R-FMT-12", "R-FMT-13", "R-FMT-16", "R-REG-18", "R-REG-34", "R-REG-35",
       "R-REG-50",
       "R-DIR-02", "R-DIR-04", "R-DIR-14")
def real_joins(w):
    """A token, INITs and answers lost, challenge, registration, the list, heartbeats."""
    hms = w.python_hms()
    for n, state in enumerate(("standby", "participating", "organizing", 77, "standby", "standby", "standby")):
        hms.put("user %d" % n, state=state, conference="board \u4f1a" if n % 2 else None,
                address=("2001:db8::%d" % (n + 1), 40000 + n),
                services=[("sip", 5060 + n, "udp"), ("x", 1, "tcp")], ports={"data": 0, "video": 5004, "audio": n},
                late=n == 4,
                reported=[("10.1.0.%d" % n, 1)], fixed=n == 5)
    hms.instead("INIT", hms.nothing, hms.nothing)
    hms.instead("REGISTER", hms.answered_but_lost)
    host = join(w, hms, "anna", "--service", "sip:5062/tcp", "--video", "5004")
    check("registers", w.until(lambda: len(hms.got("HEARTBEAT")) >= 6, 20), host.text())
    inits, registers = hms.got("INIT"), hms.got("REGISTER")
    check("INIT byte for byte at 0, 500 ms, 1.5 s", near([i.at - inits[0].at for i in inits], [0, 0.5, 1.5])
          and len({i.data for i in inits}) == 1 and len(inits[0].data) == 68, [i.at - inits[0].at for i in inits])
    check("REGISTER byte for byte again", len(registers) == 2 and len({r.data for r in registers}) == 1, registers)
    said = registers[0].body
    check("a person made it join: takeover, no stamp, no list", said["takeover"] and said["last_stamp"] == 0
          and (said["incarnation"], said["revision"], said["digest"]) == (0, 0, 0), said)
    content = said["content"]
    check("canonical content", wire.tlv.write_content({**content, "raw": None}) == content["raw"]
          and content["host_name"] == "m-anna"
          and content["services"] == [("sip", 5062, "tcp")] and content["ports"] == {"data": 0, "video": 5004,
                                                                                     "audio": 0}, content)
    check("an empty list is copied, page after page", [p.body["kind"] for p in hms.got("PULL")] == ["copy"] * 3
          and hms.got("PULL")[0].body["cursor"] == c.ZEROS, [p.body for p in hms.got("PULL")])
    the_heartbeats(hms)
    same_list(hms, host)


def the_heartbeats(hms):
    beats, sequences = hms.got("HEARTBEAT"), [s.header.sequence for s in hms.seen if s.name in ("HEARTBEAT", "PULL")]
    check("sequences from 1, each once", sequences == list(range(1, len(sequences) + 1)), sequences)
    check("steady ones of 68 bytes", all(len(b.data) == 68 for b in beats))
    check("they name whom they address and what they have", all(
        (b.body["incarnation"], b.body["revision"], b.body["digest"]) == (7, hms.core.revision, hms.core.list.root)
                                                                for b in beats),
        [b.body for b in beats])
    gaps = [b.at - a.at for a, b in itertools.pairwise(beats)]
    check("T more or less 10 %", all(0.88 <= gap <= 1.1 + LATE for gap in gaps), gaps)


def same_list(hms, host):
    """What `hms who` shows is what the HMS has, row by row."""
    rows = shown(host)
    check("every row", sorted(rows) == sorted(e["content"]["user_name"] for e in hms.core.list.rows.values()),
          sorted(rows))
    for entry in hms.core.list.rows.values():
        said = entry["content"]
        row = rows[said["user_name"]]
        state = said["state"] if isinstance(said["state"], str) else None
        ok = (row["host"] == said["host_name"] and row["conference"] == said["conference"]
              and row["fixed"] == said["fixed"]
              and row["observed"] == addresses.text(entry["address"])
              and row["status"] == ("late" if entry["late"] else "up")
              and row["services"] == ["%s:%d/%s" % s for s in said["services"]]
              and (state is None or row["state"] == state)
              and row["reported"] == [addresses.text(a) for a in said["reported"]]
              and [row["ports"][p] or 0 for p in ("data", "video", "audio")] == [(said["ports"] or {}).get(p, 0)
                                                                                 for p in ("data", "video", "audio")])
        check("the row of " + said["user_name"], ok, (row, entry))


@shows("R-DIR-02", "R-DIR-03", "R-DIR-04", "R-DIR-06", "R-DIR-07", "R-AUT-22", "R-AUT-23")
def real_follows(w):
    """Changes with an ACK and pushed; a push that is not to be believed; a difference in the digests."""
    hms = w.python_hms()
    for n in range(6):
        hms.put("u%d" % n)
    host = join(w, hms)
    check("has the list", w.until(lambda: len(shown(host)) == 7), host.text())
    hms.put("late comer", state="participating")
    hms.remove("u0")
    check("changes come with the next ACK", w.until(lambda: "late comer" in shown(host) and "u0" not in shown(host),
                                                    5), shown(host))
    same_list(hms, host)
    hms.core.push = True
    beats = len(hms.got("HEARTBEAT"))
    hms.put("pushed one")
    check("a pushed change is shown before the next heartbeat", w.until(lambda: "pushed one" in shown(host), 2, 0.02),
          shown(host))
    check("without having been asked for", len(hms.got("HEARTBEAT")) <= beats + 1)
    not_to_be_believed(w, hms, host)
    another_list(w, hms, host)


def not_to_be_believed(w, hms, host):
    """Pushes with something wrong, each alone; the host's next heartbeat still names what it had."""
    hms.core.push = False
    with hms.lock:
        beat, core = hms.last("HEARTBEAT"), hms.core
        uid, entry = hms.row("nobody")
        page = core.page("delta", [{**entry, "revision": core.revision + 1}], core.revision, core.revision + 1)
        body, key = {"push": True, "page": page}, hms.key(beat.header)
        wrong = [dict(sequence=99), dict(user_id=b"somebody"), dict(realm_id=REALM + 1), dict(epoch=9),
                 dict(session_id=b"another1")]
        for changes in wrong:
            hms.raw(beat, c.PAGE, body, key, **{"sequence": 0, **changes})
        hms.raw(beat, c.PAGE, {**body, "push": False}, key, sequence=0)
        hms.raw(beat, c.PAGE, body, bytes(32), sequence=0)
        hms.raw(beat, c.PAGE, {**body, "incarnation": 8}, key, sequence=0)
        hms.raw(beat, c.PAGE, {**body, "number": 1}, key, sequence=0)
        hms.flush()
        before = len(hms.seen)
    check("goes on", w.until(lambda: len(hms.got("HEARTBEAT", before)) >= 2, 5))
    check("none of it is taken", "nobody" not in shown(host)
          and hms.last("HEARTBEAT").body["digest"] == hms.core.list.root, shown(host))


def another_list(w, hms, host):
    """The HMS's list differs although the revision does not: digests, then only the buckets that differ."""
    with hms.lock:
        before, core = len(hms.seen), hms.core
        changed, new, lost = (hms.row(name, conference="elsewhere") for name in ("u1", "u1000", "u2"))
        for uid, entry in (changed, new):
            core.list.put({**entry, "revision": core.revision})
        core.list.remove(lost[0])
        wanted = {directory.bucket_of(uid) for uid, _ in (changed, new, lost)}
    check("the lists are equal again", w.until(lambda: hms.last("HEARTBEAT").body["digest"] == hms.core.list.root, 6),
          hms.last("HEARTBEAT"))
    pulls = [p.body for p in hms.got("PULL", before)]
    check("digests first, then a copy", [p["kind"] for p in pulls][:2] == ["digests", "copy"], pulls)
    check("of the differing buckets", directory.buckets_in(pulls[1]["buckets"]) == wanted, (pulls[1], wanted))
    same_list(hms, host)


@shows("R-FMT-11", "R-REG-31", "R-REG-32", "R-REG-52", "R-DIR-06")
def real_changes(w):
    """`hms set`: content at once with a higher version, again when its answer is lost, wanted or refused."""
    hms = w.python_hms(check_time=2.0)
    host = join(w, hms)
    check("registered", w.until(lambda: hms.got("HEARTBEAT")), host.text())
    uid, first = keys.user_id(REALM, "anna"), hms.last("REGISTER").body

    def held():
        return hms.core.rows[uid]

    hms.instead("HEARTBEAT", hms.answered_but_lost)
    w.cli("set", "state=participating", "conference=board", "video=5004", state=host.state)
    check("taken", w.until(lambda: held().content["conference"] == "board", 1.5), held().content)
    check("the same content until it is acknowledged", w.until(lambda: len(contents(hms)) == 2, 3), contents(hms))
    sent = contents(hms)
    check("one higher version, whole content", sent[0] == sent[1] and sent[0][0] > first["content_version"]
          and held().content["ports"]["video"] == 5004 and held().content["host_name"] == "m-anna", sent)
    check("seen in its own list", w.until(lambda: shown(host)["anna"]["conference"] == "board", 4), shown(host))
    hms.core.want_content = True
    check("sent when it is wanted", w.until(lambda: len(contents(hms)) == 3, 4), contents(hms))
    hms.instead("HEARTBEAT", *hms.say(c.REJECT, code="content", value=c.CONFERENCE))
    w.cli("set", "conference=forbidden", state=host.state)
    check("what was refused is taken back", w.until(lambda: len(contents(hms)) >= 5
                                                    and contents(hms)[-1][1]["conference"] == "board", 5),
          contents(hms))
    check("and the session goes on", w.until(lambda: held().content["conference"] == "board"
                                             and host.popen.poll() is None, 3), held().content)


def contents(hms):
    return [(b.body["content_version"], b.body["content"]) for b in hms.got("HEARTBEAT") if b.body["content"]]


@shows("R-REG-33", "R-REG-35", "R-REG-51", "R-DIR-06", "R-DIR-14")
def real_challenged(w):
    """A HMS that was started again: challenge, echo, another list; and one that challenges for ever."""
    hms = w.python_hms(check_time=2.0)
    hms.put("bob")
    host = join(w, hms)
    check("registered", w.until(lambda: hms.got("HEARTBEAT")), host.text())
    with hms.lock:
        hms.core.incarnation, before = 8, len(hms.seen)
        hms.core.begin_again()
        hms.put("carl")
    check("proves where it is", w.until(lambda: any(b.body["cookie"] for b in hms.got("HEARTBEAT", before)), 5),
          host.text())
    beats = hms.got("HEARTBEAT", before)
    echo = next(b for b in beats if b.body["cookie"])
    check("at once, to the new incarnation", echo.body["incarnation"] == 8 and echo.at - beats[0].at < LATE
          and echo.body["revision"] == 0, [b.body for b in beats])
    check("follows the new list", w.until(lambda: "carl" in shown(host), 5), shown(host))
    for_ever(w, hms)


def for_ever(w, hms):
    hms.instead("HEARTBEAT", *hms.say(c.CHALLENGE, times=30, cookie=b"useless!"))
    with hms.lock:
        before = len(hms.seen)
    check("some are left", w.until(lambda: len(hms.got("HEARTBEAT", before)) >= 8, 15),
          len(hms.got("HEARTBEAT", before)))
    beats = hms.got("HEARTBEAT", before)
    echoes = [b.at for b in beats if b.body["cookie"]]
    check("at most three echoes in 0.9 T", all(later - first > 0.9 * 2.0 for first, later in zip(echoes, echoes[3:])),
          echoes)
    check("each with a sequence of its own", len({b.header.sequence for b in beats}) == len(beats))
    with hms.lock:
        hms.script.clear()
    check("goes on when it is over", w.until(lambda: not hms.last("HEARTBEAT").body["cookie"], 6))


ALL = (real_joins, real_follows, real_changes, real_challenged)
