"""(q) A real conference: two baresip softphones find each other through the HMS and talk."""

import math
import os
import shutil
import signal
import struct

from harness.capture import Capture, show
from harness.product import ip_of
from harness.runner import scenario
from harness.waiting import Skip, check, equal, until
from harness.world import World, hosts_config

SIP, TONE, PACKETS = 5060, 440, 100
PCMU, RATE = 0, 8000  # RTP's payload type of G.711 µ-law, and its samples a second

CONFIG = f"""\
sip_listen 0.0.0.0:{SIP}
audio_player aubridge,phone
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module ausine.so
module_tmp account.so
module_app menu.so
"""
# The caller says a tone; the called phone says what it hears.
SAYS = {"caller": f"audio_source ausine,{TONE}\nausrc_srate 48000\nausrc_channels 2\n",
        "called": "audio_source aubridge,phone\n"}


class Phone:
    """baresip at a host, without a sound device and without a SIP server."""

    def __init__(self, t, host, part):
        self.t, self.host = t, host
        self.folder = os.path.join(t.directory, f"phone-{host.name}")
        os.makedirs(self.folder, exist_ok=True)
        self.write("config", CONFIG + SAYS[part])
        self.write("accounts", f"<sip:{host.name}@{host.name}.invalid>;regint=0;answermode=auto\n")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def start(self, *arguments):
        self.process = self.t.process(self.host.node, ["baresip", "-f", self.folder, *arguments],
                                      None, f"{self.host.name} baresip")
        self.process.wait_line("baresip is ready")
        return self

    def call(self, uri):
        self.start("-e", f"/dial {uri}")
        self.process.wait_line(f"Call established: {uri}")

    def hang_up(self):
        self.process.signal(signal.SIGTERM)
        self.process.wait_exit(0)


class Stream:
    """The RTP packets of one direction (RFC 3550)."""

    def __init__(self, datagrams):
        self.packets = [one for one in datagrams if len(one.data) > 12 and one.data[0] >> 6 == 2
                        and one.data[1] & 0x7f == PCMU]
        heads = [struct.unpack(">HII", one.data[2:12]) for one in self.packets]
        self.numbers = [number for number, _, _ in heads]
        self.sources = {ssrc for _, _, ssrc in heads}
        self.sound = [loudness(byte) for one in self.packets for byte in one.data[12:]]


def loudness(byte):
    """The sample that a byte of G.711 µ-law stands for."""
    byte = ~byte & 0xff
    size = (((byte & 0x0f) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -size if byte & 0x80 else size


def share_of_tone(sound):
    """How much of the sound's power is at the tone, 0 to 1."""
    turns = [2 * math.pi * TONE * at / RATE for at in range(len(sound))]
    real = sum(sample * math.cos(turn) for sample, turn in zip(sound, turns))
    imaginary = sum(sample * math.sin(turn) for sample, turn in zip(sound, turns))
    power = sum(sample * sample for sample in sound)
    return 2 * (real * real + imaginary * imaginary) / len(sound) / power if power else 0.0


class Room:
    """ann and bob registered, bob's phone at its SIP port; everything at ann's interface is seen."""

    def __init__(self, t, families="4"):
        if not shutil.which("baresip"):
            raise Skip("baresip is not installed (baresip-core)")
        self.t, self.world = t, World(t, config=hosts_config(), families=families)
        self.world.add("ann")
        self.world.add("bob", arguments=("--service", f"sip:{SIP}"))
        self.world.equal()
        self.ann, self.bob = self.world["ann"], self.world["bob"]
        self.capture = t.closing(Capture(self.ann.node, port=None))
        self.called = Phone(t, self.bob, "called").start()

    def uri(self):
        return self.ann.cli("uri", "bob").out.strip()

    def talk(self):
        """ann calls what `hms uri bob` prints; returns it, after a talk that was heard both ways."""
        uri = self.uri()
        calls = Phone(self.t, self.ann, "caller")
        calls.call(uri)
        head = f"INVITE {uri} SIP/2.0".encode()
        invite = until(f"INVITE of {uri} at ann's interface",
                       lambda: self.capture.find(lambda d: d.data.startswith(head)), 5)[0]
        bob, ann = invite[-1].target, invite[-1].source
        equal("the port that bob's agent registered", bob[1], SIP)
        since = invite[-1].at
        said = self.hear("from ann to bob", ann[0], bob[0], since)
        echoed = self.hear("from bob to ann", bob[0], ann[0], since)
        check(said.sources != echoed.sources, f"one SSRC for both: {said.sources}")
        calls.hang_up()
        self.called.process.wait_line(f"Call with sip:{self.ann.name}@{self.ann.name}.invalid term")
        return uri

    def hear(self, what, source, target, since):
        """The stream from source to target, once the tone is in it."""
        def enough():
            seen = self.capture.find(lambda d: d.source[0] == source and d.target[0] == target, since)
            stream = Stream(seen)
            return stream if len(stream.packets) >= PACKETS else None
        stream = until(f"{PACKETS} packets {what}", enough, 8)[0]
        equal(f"SSRCs {what}", len(stream.sources), 1)
        first = stream.numbers[0]
        rising = [(first + step) & 0xffff for step in range(len(stream.numbers))]
        equal(f"sequence numbers {what}", stream.numbers, rising)
        equal(f"ports {what}", len({(d.source, d.target) for d in stream.packets}), 1)
        # Its second half: an echo begins with silence.
        tail = stream.sound[len(stream.sound) // 2:]
        share = share_of_tone(tail)
        check(share > 0.5, f"{what}: {share:.0%} of the sound is the tone of {TONE} Hz")
        one = stream.packets[0]
        self.t.note(f"{show(one.source)} → {show(one.target)}: {len(stream.packets)} packets, "
                    f"{len(set(stream.sound))} loudnesses, {share:.1%} tone of {TONE} Hz")
        return stream


@scenario("q-call", "(q) a softphone calls what `hms uri` printed; both hear it: RTP both ways", takes=10)
def q_call(t):
    room = Room(t)
    equal("hms uri bob", room.talk(), f"sip:bob@{room.bob.node.v4}:{SIP}")


@scenario("q-call-6", "(q) the same over IPv6", takes=10)
def q_call_6(t):
    room = Room(t, families="6")
    equal("hms uri bob", room.talk(), f"sip:bob@[{room.bob.node.addresses(6)[0]}]:{SIP}")


@scenario("q-call-moved", "(q) the called host moves; `hms uri` prints its new address; a call works",
          takes=16)
def q_call_moved(t):
    room = Room(t)
    first = room.talk()
    since = room.world.hms.row("bob")["since"]
    # baresip looks for new addresses once a minute only: who moves it starts it again.
    room.called.hang_up()
    old, new = room.bob.node.v4, str(room.world.lan.v4[77])
    room.bob.node.readdress(f"{old}/24", f"{new}/24")
    second = f"sip:bob@{new}:{SIP}"
    until("hms uri bob prints the new address", lambda: room.uri() == second, 6)
    room.called.start()
    equal("the second call", room.talk(), second)
    check(first != second, f"{first} twice")
    row = room.world.hms.row("bob")
    equal("address", ip_of(row["address"]), new)
    equal("since: the registration stayed", row["since"], since)
