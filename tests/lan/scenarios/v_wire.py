"""(v) What tcpdump sees at two HMSs: dissected whole, and judged as they judged it themselves."""

import os
import shutil
import signal
import struct
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from harness import wire
from harness.forge import MiniHost, heartbeat, spoof
from harness.pcap import read_pcap, read_pcapng
from harness.runner import scenario
from harness.waiting import Skip, check, equal, until
from harness.world import hosts_config

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "wireshark"))
import samples  # noqa: E402  pylint: disable=wrong-import-position

FOUR, SIX, FOUND, MADE = 7, 6, 3, 4
# A datagram may be under way between kernel and HMS when its capture begins or ends.
UNDER_WAY = 0.5
# Reasons of which the bytes alone are the cause (chapter 2).
OF_FORM = ("length", "version", "type", "flags", "malformed")
REFUSED = {"wrong key": "wrong tag", "unknown epoch": "unknown key", "revoked": "revoked",
           "unknown realm": "unknown key"}
# Reasons that lie in the HMS: whoever sees the datagram alone finds nothing wrong with it.
OF_HMS = ("phase", "budget")
DROPPED = {"tag": {"wrong tag"}, "realm": {"unknown key"}, "replay": {"replayed", "out of window"}}
HANDSHAKE = {0x20: "HELLO", 0x21: "COOKIE", 0x22: "WELCOME", 0x23: "DATA", 0x24: "RESET"}


class Seen:
    """An HMS with tcpdump beside it from before it starts, and `hms capture` at it."""

    def __init__(self, t, node, public):
        self.t, self.node, self.name = t, node, node.name
        self.tape, self.own = (os.path.join(public, f"{node.name}.{end}") for end in ("pcap", "pcapng"))
        self.tcpdump = t.process(node, ["tcpdump", "-i", "eth0", "-n", "-U", "--immediate-mode", "-B", "16384",
                                        "-Z", "root", "-w", self.tape, "udp"], None, f"{node.name} tcpdump")
        self.tcpdump.wait_line("listening on", 10)
        self.hms = t.hms(node, node.name, hosts_config("3s"))
        self.keylog = os.path.join(self.hms.state, "link.keys")

    def serve(self, *arguments, within=10):
        self.hms.serve("--keylog", self.keylog, *arguments, within=within)
        self.before = self.hms.json("status")
        self.capture = self.t.process(self.node, self.hms.command(
            "capture", "-w", self.own, "--state", self.hms.state), None, f"{self.name} capture")
        self.begin = self.capture.wait_line("capturing what", 5).at

    def end(self):
        self.after = self.hms.json("status")
        self.finish = self.capture.signal(signal.SIGINT)
        self.capture.wait_exit(0)
        check("missing" not in self.capture.text(), self.capture.text())
        time.sleep(2 * UNDER_WAY)
        self.tcpdump.signal(signal.SIGINT)
        self.tcpdump.wait_exit(0)
        check("\n0 packets dropped by kernel" in self.tcpdump.text("err"), self.tcpdump.text("err"))
        for path in (self.tape, self.own):
            os.chmod(path, 0o644)

    def counted(self, name):
        """How often while it captured."""
        if name == "hints_sent":
            return self.after[name] - self.before[name]
        return {reason: count - self.before["drops"].get(reason, 0) for reason, count in self.after["drops"].items()
                if count != self.before["drops"].get(reason, 0)}


@scenario("v-wire", "(v) all that two HMSs and 20 hosts say: both dissectors know each field, pair what belongs"
          " together, and judge as the HMSs did", takes=40)
def v_wire(t):
    for program in ("tcpdump", "tshark"):
        if not shutil.which(program):
            raise Skip(f"no {program} (Debian: apt-get install {program})")
    dissect = os.path.join(os.path.dirname(t.binary), "hms-dissect")
    if not os.path.exists(dissect):
        raise Skip("no hms-dissect beside the binary: cargo build --workspace")
    public = os.path.join(t.directory, "public")
    os.mkdir(public, 0o755)
    started = time.time()
    scene = Scene(t, public)
    scene.play()
    t.note(f"played in {time.time() - started:.1f} s")
    started = time.time()
    keys = scene.keys(public)
    with ThreadPoolExecutor(2) as pool:
        for notes in pool.map(lambda seen: judge(seen, dissect, keys, scene), scene.both):
            for note in notes:
                t.note(note)
    t.note(f"looked at in {time.time() - started:.1f} s")


class Scene:
    """What happens."""

    def __init__(self, t, public):
        self.t, self.net = t, t.net()
        self.lan = self.net.lan(families="46")
        self.atlas, self.borealis = self.both = [
            Seen(t, self.net.node(name, self.lan), public) for name in ("atlas", "borealis")]
        self.agents, self.minis = {}, []

    def play(self):
        self.meet()
        self.come()
        self.change()
        self.attack()
        self.go()
        for seen in self.both:
            seen.end()

    def meet(self):
        """borealis with an invitation; what goes over that link no key of a capture opens."""
        self.atlas.serve()
        self.invitation = self.atlas.hms.cli("token", "--hms", "--bare", "--address", self.atlas.node.v4).out.strip()
        self.borealis.serve("--join", self.invitation, within=15)
        until("a pair", lambda: all(rows and rows[0]["status"] == "up" for rows in
                                    (seen.hms.json("peers") for seen in self.both)), 20)

    def come(self):
        """20 hosts: over IPv4 and IPv6 at either HMS, by multicast, and some whose every datagram is made here."""
        for kind, count in (("four", FOUR), ("six", SIX), ("found", FOUND)):
            node = self.net.node(kind, self.lan)
            for number in range(count):
                name, seen = f"{kind}-{number}", self.both[number % 2]
                self.agents[name] = self.t.host(node, name)
                token = seen.hms.token(name, *self.place(seen, kind))
                self.agents[name].join(token, "--name", name, "--audio", 5004 + number, wait=False)
        for agent in self.agents.values():
            agent.process.wait_line("registered at", 15, "out")
        node = self.net.node("made", self.lan)
        for number in range(MADE):
            seen = self.both[number % 2]
            token = seen.hms.token(f"made-{number}", "--address", seen.node.v4)
            mini = self.t.closing(MiniHost(node, token, (seen.node.v4, 6710)))
            equal("REGISTER", wire.NAMES[mini.register().type], "REGISTERED")
            self.minis.append(mini)

    @staticmethod
    def place(seen, kind):
        if kind == "found":
            return ["--multicast"]
        if kind == "four":
            return ["--address", seen.node.v4]
        address = next(ip for ip in seen.node.addresses(6) if not ip.startswith("fe80"))
        return ["--address", f"[{address}]:6710"]

    def change(self):
        """Directory changes that all are told of, and requests that agents do not need here."""
        agents = list(self.agents.values())
        for number, agent in enumerate(agents[:6]):
            agent.set("state=participating", f"conference=board-{number % 2}")
        for agent in (agents[-1], agents[FOUR]):
            until("changes are known", lambda agent=agent: sum(
                row["state"] == "participating" for row in agent.listed().values()) == 6, 10)
        for mini in self.minis:
            self.beat(mini)
            for kind, body in ((wire.PULL, bytes(16) + bytes([2, 0, 0, 0])), (wire.PULL, bytes(16) + bytes([3, 0, 0, 0])),
                               (wire.FIND, bytes(20) + wire.tlv(0x35, bytes([2]) + b"four-1"))):
                mini.sequence += 1
                head = mini.header(kind, 0, mini.session, mini.sequence)
                answer = mini.exchange(wire.seal(mini.key, head + body), wire.ANSWERS)
                check(answer, f"no answer to {wire.NAMES[kind]}")

    def attack(self):
        """What must be refused, dropped, or answered without being believed, at either HMS."""
        eve = self.net.node("eve", self.lan)
        forged = wire.Token(self.atlas.hms.token("mallory", "--address", self.atlas.node.v4))
        forged.key = os.urandom(32)
        self.mallory = self.t.host(eve, "mallory").join(str(forged), "--timeout", "3s", wait=False)
        for number, mini in enumerate(self.minis):
            seen, port = self.both[number % 2], 7000 + 20 * number
            beat = mini.heartbeat_datagram()
            for again in range(3):
                spoof(eve, (eve.v4, port + again) if again else mini.local, mini.hms, beat)
            ahead = mini.heartbeat_datagram(sequence=mini.sequence + 100)
            spoof(eve, mini.local, mini.hms, ahead)
            late = mini.heartbeat_datagram(sequence=mini.sequence + 2)
            mini.sequence += 100
            bent = bytearray(mini.heartbeat_datagram())
            bent[40] ^= 1
            other = bytearray(mini.init(77))
            other[4] ^= 0xff
            stranger = heartbeat(mini.token, os.urandom(8), 9, mini.incarnation)
            wrong = wire.Token(str(mini.token))
            wrong.key = os.urandom(32)
            refused = wire.seal(wrong.key, mini.init(78)[:-16])
            for offset, data in enumerate((late, bytes(bent), bytes(other), stranger, refused)):
                spoof(eve, (eve.v4, port + 5 + offset), (seen.node.v4, 6710), data)
            # Of no form that there is.
            kind = bytearray(mini.init(79))
            kind[1] = 0x6e
            flags = bytearray(mini.heartbeat_datagram())
            flags[2] |= 0x80
            short = mini.init(80)[:40]
            for offset, data in enumerate((bytes(kind), bytes(flags), short)):
                spoof(eve, (eve.v4, port + 12 + offset), (seen.node.v4, 6710), data)
        for data in (struct.pack(">4sB", b"stun", 0) + bytes(60), b"\x03" + bytes(59)):
            spoof(eve, (eve.v4, 9000), (self.atlas.node.v4, 6710), data)
        rumour = wire.announce(self.minis[0].token.realm, bytes(8), 1, 7999)
        spoof(eve, (eve.v4, 7999), (self.atlas.node.v4, 6710), rumour)

    @staticmethod
    def beat(mini):
        answer = mini.heartbeat()
        check(answer and answer.type == wire.ACK, f"{mini.name}: {answer and answer.name}")

    def go(self):
        """Heartbeats for some check times; then one is taken over, and some leave."""
        deadline = time.time() + 7
        while time.time() < deadline:
            for mini in self.minis:
                self.beat(mini)
            time.sleep(1.5)
        self.mallory.process.wait_exit(4, 12)
        names = list(self.agents)
        moved = self.t.host(self.net.node("elsewhere", self.lan), "moved")
        moved.join(self.atlas.hms.token(names[0], "--address", self.atlas.node.v4))
        self.agents[names[0]].process.wait_exit(4, 10)
        gone = [names[1], names[FOUR], names[-1]]
        for name in gone:
            self.agents[name].cli("leave")
        until("they left", lambda: not set(gone) & set(self.borealis.hms.rows()), 5)
        time.sleep(1)

    def keys(self, public):
        """The keys of both, readable for everybody: of a run that is over, they open nothing else."""
        paths = {"secrets": os.path.join(public, "secrets.json"), "invitation": os.path.join(public, "invitation")}
        shutil.copyfile(os.path.join(self.atlas.hms.state, "secrets.json"), paths["secrets"])
        with open(paths["invitation"], "w", encoding="utf-8") as file:
            file.write(self.invitation + "\n")
        for seen in self.both:
            paths[seen.name] = shutil.copyfile(seen.keylog, os.path.join(public, f"{seen.name}.keys"))
        for path in paths.values():
            os.chmod(path, 0o644)
        return paths


def judge(seen, dissect, keys, scene):
    """Everything that is demanded of what was captured at one HMS."""
    wired, own = read_pcap(seen.tape), read_pcapng(seen.own)
    ours = mine(seen, wired)
    matched = match(seen, ours, own)
    agreed = samples.agreed(dissect, seen.tape, keys["secrets"])
    told = samples.told([dissect, "--json", "--keys", keys["secrets"], "--keys", keys["invitation"], seen.tape], lesser=True)
    by_log = samples.told([dissect, "--json", "--keylog", keys[seen.name], seen.tape], lesser=True)
    return [f"{seen.name}: {len(wired)} datagrams by tcpdump, {len(own)} by hms capture; {agreed['types']}",
            verdicts(seen, matched, told),
            pairs(seen, matched, told),
            counters(seen, matched, told),
            links(seen, told, by_log)]


def mine(seen, wired):
    """Those that it sent, or that came to it or to a group: a switch floods others now and then."""
    addresses = set(seen.node.addresses())
    return [one for one in wired if one.source[0] in addresses or one.target[0] in addresses
            or ip_address(one.target[0]).is_multicast]


def match(seen, wired, own):
    """[(of tcpdump, of hms capture)]: the same ends and bytes, the first with the first."""
    waiting = {}
    for one in wired:
        waiting.setdefault(one.key, []).append(one)
    matched = []
    for one in own:
        same = waiting.get(one.key)
        check(same, f"{seen.name}: tcpdump has not {one}")
        matched.append((same.pop(0), one))
    missing = [one for left in waiting.values() for one in left
               if seen.begin + UNDER_WAY < one.at < seen.finish - UNDER_WAY]
    check(not missing, f"{seen.name}: hms capture has not {missing[:5]}")
    return matched


def wanted(said):
    """What a dissector must say where the HMS says this."""
    what, _, reason = said.partition(": ")
    done, _, kind = what.partition(" ")
    if done == "dropped":
        return DROPPED.get(reason, {reason})
    if done == "refused":
        return {REFUSED.get(reason, "valid")}
    return {"unauthenticated"} if kind in ("hint", "announce") else {"valid"}


def verdicts(seen, matched, told):
    """The HMS's own verdict against that of the dissector."""
    found, wrong, unjudged = Counter(), [], Counter()
    for on_wire, own in matched:
        one, said = told.get(on_wire.number), own.said["verdict"]
        of_form = said.startswith("dropped: ") and said[9:] in OF_FORM
        if one is None:
            wrong.append(f"not taken for ours: {said}: {on_wire}")
            continue
        if of_form:
            # It is named with the counter that it has; bytes that cannot be ours are called foreign.
            found[said] += 1
            if said == "dropped: version" and "hms.expert.foreign" in {expert["name"] for expert in one["expert"]}:
                continue
            if not one["malformed"] or one["malformed"]["counted_as"] != said[9:]:
                wrong.append(f"{said}, but {one['malformed']}, {one['verdict']}: {on_wire}")
            continue
        code = (one["verdict"] or {}).get("code")
        if code == "unchecked" and one["type"] == "DATA":
            unjudged["DATA of the link under an invitation"] += 1
            continue
        if said.removeprefix("dropped: ") in OF_HMS and code == "valid":
            unjudged[said] += 1
            continue
        found[code] += 1
        if one["malformed"] or any(field["name"] == "hms.undecoded" for field in one["fields"]):
            wrong.append(f"undecoded: {one}")
        if code not in wanted(said):
            wrong.append(f"{said}, but {one['verdict']}: frame {on_wire.number}, {on_wire}")
    check(not wrong, f"{seen.name}: {len(wrong)} judged in another way: " + "\n  ".join(wrong[:12]))
    return f"{seen.name}: same verdict on {found.total()}: {dict(found)}; not judged {dict(unjudged)}"


def pairs(seen, matched, told):
    """What the HMS took has an answer, each answer its request, and what it dropped has none, or a HINT."""
    # One that was sent again counts as the first.
    first = {frame: int(value(one, "hms.retransmission_of") or frame) for frame, one in told.items()}
    requests = ((value(one, "hms.response_to"), one["type"]) for one in told.values())
    answered = {first[int(frame)]: kind for frame, kind in requests if frame}
    count, wrong = 0, []
    for on_wire, own in matched:
        one, said = told[on_wire.number], own.said["verdict"]
        frame = first[on_wire.number]
        received = not said.startswith(("sent", "unsent"))
        if received and said.startswith(("accepted", "answered", "refused")) and one["type"] != "DATA":
            if one["type"] not in ("COOKIE", "WELCOME", "RESET") and frame not in answered:
                wrong.append(f"{said}: frame {on_wire.number}, {on_wire} has no answer")
            count += 1
        elif received and answered.get(frame, "HINT") != "HINT":
            wrong.append(f"{said}: {on_wire} has an answer")
        if said.startswith("sent") and ": answers" in said and not value(one, "hms.response_to"):
            wrong.append(f"{said}: {on_wire} has no request")
    check(not wrong, f"{seen.name}: {len(wrong)} without their like: " + "\n  ".join(wrong[:12]))
    return f"{seen.name}: {count} requests that were taken, each with its answer"


def value(one, name):
    """The value of a field that stands once, or None."""
    return next((field["value"] for field in one["fields"] if field["name"] == name), None)


def counters(seen, matched, told):
    """What `hms status` counts is in the capture, and types are as often."""
    dropped = Counter(own.said["verdict"][9:] for _, own in matched if own.said["verdict"].startswith("dropped: "))
    equal(f"{seen.name}: drops of hms status and of the capture", dict(dropped), seen.counted("drops"))
    hints = sum(one.type == wire.HINT for _, one in matched)
    equal(f"{seen.name}: hints", hints, seen.counted("hints_sent"))
    kinds = [Counter(kind_of(one) for one in side) for side in zip(*matched)]
    theirs = Counter(told[on_wire.number]["type"].split(" ")[0] for on_wire, _ in matched
                     if kind_of(on_wire) != "other")
    equal(f"{seen.name}: types", dict(kinds[0]), dict(kinds[1]))
    equal(f"{seen.name}: types of hms-dissect", theirs, Counter({k: n for k, n in kinds[0].items() if k != "other"}))
    return f"{seen.name}: hms status counts {dict(dropped)} and {hints} hints, and so does the capture"


def kind_of(one):
    kind = one.data[1] if len(one.data) >= 48 and one.data[0] == 1 else 0
    return wire.NAMES.get(kind) or HANDSHAKE.get(kind, "other")


def links(seen, told, by_log):
    """Links open by the cluster secret and by the key log, to the same messages."""
    def opened(all_of_it):
        return {frame: [field for field in one["fields"] if field["name"] != "hms.verdict"]
                for frame, one in all_of_it.items() if one["type"] == "DATA"
                and (one["verdict"] or {}).get("code") == "valid"}
    by_secret = opened(told)
    check(by_secret, f"{seen.name}: no link was opened")
    equal(f"{seen.name}: packets opened", by_secret == opened(by_log), True)
    return f"{seen.name}: {len(by_secret)} DATA opened, by the cluster secret as by the key log"
