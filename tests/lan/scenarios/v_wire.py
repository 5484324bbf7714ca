"""(v) What tcpdump sees at two HMSs: dissected whole, and judged as they judged it themselves."""

import os
import shutil
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness import judging, wire
from harness.forge import MiniHost, heartbeat, spoof
from harness.runner import scenario
from harness.tape import Taped
from harness.waiting import Skip, check, equal, until

FOUR, SIX, FOUND, MADE = 7, 6, 3, 4
# Of each host that stays; with check times of 3 s that are some seconds.
HEARTBEATS = 3


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
        for notes in pool.map(lambda taped: judging.judge(taped, dissect, keys, scene.made), scene.both):
            for note in notes:
                t.note(note)
    t.note(f"looked at in {time.time() - started:.1f} s")


class Scene:
    """What happens."""

    def __init__(self, t, public):
        self.t, self.net = t, t.net()
        self.lan = self.net.lan(families="46")
        self.atlas, self.borealis = self.both = [
            Taped(t, self.net.node(name, self.lan), public) for name in ("atlas", "borealis")]
        self.agents, self.minis = {}, []
        # Of each datagram that was forged here what its HMS must say of it.
        self.made = {}

    def play(self):
        self.meet()
        self.come()
        self.change()
        self.attack()
        self.go()
        for taped, other in (self.both, self.both[::-1]):
            taped.end(other.node.v4)

    def meet(self):
        """borealis with an invitation; what goes over that link no key of a capture opens."""
        self.atlas.serve()
        self.invitation = self.atlas.hms.cli("token", "--hms", "--bare", "--address", self.atlas.node.v4).out.strip()
        self.borealis.serve("--join", self.invitation, within=15)
        until("a pair", lambda: all(rows and rows[0]["status"] == "up" for rows in
                                    (taped.hms.json("peers") for taped in self.both)), 20)
        until("both operate", lambda: {taped.hms.json("status")["role"] for taped in self.both}
              == {"primary", "secondary"}, 10)

    def come(self):
        """20 hosts: over IPv4 and IPv6 at either HMS, by multicast, and some whose every datagram is made here."""
        for kind, count in (("four", FOUR), ("six", SIX), ("found", FOUND)):
            node = self.net.node(kind, self.lan)
            for number in range(count):
                name, taped = f"{kind}-{number}", self.both[number % 2]
                self.agents[name] = self.t.host(node, name)
                token = taped.hms.token(name, *self.place(taped, kind))
                self.agents[name].join(token, "--name", name, "--audio", 5004 + number, wait=False)
        for agent in self.agents.values():
            agent.process.wait_line("registered at", 15, "out")
        node = self.net.node("made", self.lan)
        for number in range(MADE):
            taped = self.both[number % 2]
            token = taped.hms.token(f"made-{number}", "--address", taped.node.v4)
            mini = self.t.closing(MiniHost(node, token, (taped.node.v4, 6710)))
            equal("REGISTER", wire.NAMES[mini.register().type], "REGISTERED")
            self.minis.append(mini)

    @staticmethod
    def place(taped, kind):
        if kind == "found":
            return ["--multicast"]
        if kind == "four":
            return ["--address", taped.node.v4]
        address = next(ip for ip in taped.node.addresses(6) if not ip.startswith("fe80"))
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
            for offset, (said, source, data) in enumerate(self.forged(mini)):
                self.send(eve, source or (eve.v4, 7000 + 20 * number + offset), mini.hms, data, said)
        stun = struct.pack(">4sB", b"stun", 0) + bytes(60)
        rumour = wire.announce(self.minis[0].token.realm, bytes(8), 1, 7999)
        for offset, (said, data) in enumerate((("dropped: version", stun), ("dropped: version", b"\x03" + bytes(59)),
                                               ("ignored announce: unasked", rumour))):
            self.send(eve, (eve.v4, 9000 + offset), (self.atlas.node.v4, 6710), data, said)

    @staticmethod
    def forged(mini):
        """(what its HMS must say of it, from where if not from anywhere, the datagram): in the name of a host."""
        beat = mini.heartbeat_datagram()
        yield "accepted heartbeat", mini.local, beat
        yield "dropped: replay", None, beat
        yield "dropped: replay", None, beat
        yield "accepted heartbeat", mini.local, mini.heartbeat_datagram(sequence=mini.sequence + 100)
        yield "dropped: replay", None, mini.heartbeat_datagram(sequence=mini.sequence + 2)
        mini.sequence += 100
        bent = bytearray(mini.heartbeat_datagram())
        bent[40] ^= 1
        yield "dropped: tag", None, bent
        realm = bytearray(mini.init(77))
        realm[4] ^= 0xff
        yield "dropped: realm", None, realm
        yield "answered heartbeat: superseded", None, heartbeat(mini.token, os.urandom(8), 9, mini.incarnation)
        yield "dropped: tag", None, wire.seal(os.urandom(32), mini.init(78)[:-16])
        # Of no form that there is.
        kind = bytearray(mini.init(79))
        kind[1] = 0x6e
        yield "dropped: type", None, kind
        flags = bytearray(mini.heartbeat_datagram())
        flags[2] |= 0x80
        yield "dropped: flags", None, flags
        yield "dropped: length", None, mini.init(80)[:40]

    def send(self, node, source, target, data, said):
        self.made[source, target, bytes(data)] = said
        spoof(node, source, target, bytes(data))

    @staticmethod
    def beat(mini):
        answer = mini.heartbeat()
        check(answer and answer.type == wire.ACK, f"{mini.name}: {answer and answer.name}")

    def go(self):
        """Heartbeats for some check times; then one is taken over, and some leave."""
        watches = [self.t.capture(taped.node) for taped in self.both]

        def beaten():
            for mini in self.minis:
                self.beat(mini)
            beats = Counter(one.message.user for watch in watches for one in watch.of(wire.HEARTBEAT))
            return len(beats) >= FOUR + SIX + FOUND + MADE and min(beats.values()) >= HEARTBEATS
        until("heartbeats of all", beaten, 30, every=1)
        self.mallory.process.wait_exit(4, 12)
        names = list(self.agents)
        moved = self.t.host(self.net.node("elsewhere", self.lan), "moved")
        moved.join(self.atlas.hms.token(names[0], "--address", self.atlas.node.v4))
        self.agents[names[0]].process.wait_exit(4, 10)
        gone = [names[1], names[FOUR], names[-1]]
        for name in gone:
            self.agents[name].cli("leave")
        until("they left", lambda: not any(set(gone) & set(taped.hms.rows()) for taped in self.both), 5)

    def keys(self, public):
        """The keys of both, readable for everybody: of a run that is over, they open nothing else."""
        paths = {"secrets": os.path.join(public, "secrets.json"), "invitation": os.path.join(public, "invitation")}
        shutil.copyfile(os.path.join(self.atlas.hms.state, "secrets.json"), paths["secrets"])
        with open(paths["invitation"], "w", encoding="utf-8") as file:
            file.write(self.invitation + "\n")
        for taped in self.both:
            paths[taped.name] = shutil.copyfile(taped.keylog, os.path.join(public, f"{taped.name}.keys"))
        for path in paths.values():
            os.chmod(path, 0o644)
        return paths
