"""Real hosts that find an HMS written from the specification by multicast, in a network namespace of their own."""
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys

from host import codes as c
from host import wire

from . import world
from .real_follows import near, shown
from .rules import Skipped, check, shows

ROOT = pathlib.Path(__file__).resolve().parents[1]
HERE, GROUP, PORT = "10.99.0.1", "239.255.67.10", 6710
NETWORK = ("ip link set lo up && ip link add d0 type veth peer name d1 && ip link set d1 up && ip link set d0 up && ip addr add %s/24 dev d0 && "
           "ip route add 224.0.0.0/4 dev d0 && exec \"$@\"" % HERE)


@shows("R-DSC-01", "R-DSC-02", "R-DSC-03", "R-DSC-04", "R-DSC-05", "R-DSC-09")
def real_finds(w):
    """DISCOVER, OFFER and ANNOUNCE; runs itself in the namespace."""
    words = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", NETWORK, "sh"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True).returncode:
        raise Skipped("no network namespaces here")
    me = [sys.executable, "-B", "-m", "interop.real_finds", w.binary, str(w.folder / "inside")]
    done = subprocess.run([*words, *me], cwd=ROOT, capture_output=True, text=True, timeout=120)
    check("in the namespace", done.returncode == 0, done.stdout + done.stderr)


def group_socket():
    heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    heard.bind((GROUP, PORT))
    heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(HERE))
    return heard


def inside(w):
    found_by_ours(w)
    offering = w.python_hms(address=(HERE, 7710))
    named = w.python_hms(incarnation=9, address=(HERE, 7720), server_id=b"\x5f" * 8)
    offering.hear(group_socket())
    sought(w, offering)
    named_only(w, offering, named)
    primary_first(w, offering, named)
    announced(w, offering)


def found_by_ours(w):
    """This host finds the real HMS by multicast alone, as a real one does, and they list each other."""
    w.listen, w.interface = ["0.0.0.0:%d" % PORT], "d0"
    w.serve()
    ours = w.ours("olga", token=w.token("olga", "--multicast"), where=("--interface", "d0"))
    theirs = w.theirs("tina", token=w.token("tina", "--multicast"), bind=None)
    check("both are registered", w.until(lambda: sorted(h["user"] for h in w.hosts()) == ["olga", "tina"]), w.hosts())
    check("ours lists both", w.until(lambda: ours.users() == ["olga", "tina"]), ours.text())
    check("theirs lists both", w.until(lambda: sorted(shown(theirs)) == ["olga", "tina"]), shown(theirs))
    for host in (ours, theirs):
        host.stop()
    w.kill_hms(signal.SIGTERM)


def join(w, hms, user):
    return w.theirs(user, token=hms.token(user, addressed=False), bind=None)


def sought(w, hms):
    """Rounds of three DISCOVERs, the same bytes within one; OFFERs under other keys."""
    hms.instead("DISCOVER", *[hms.nothing] * 6)

    def forged(seen):
        trap = {"server_id": b"trap trap"[:8], "primary": True,
                "hms": [{**hms.core.described("trap"), "addresses": [(HERE, 9)]}]}
        hms.raw(seen, c.OFFER, trap, bytes(32))
        hms.raw(seen, c.OFFER, trap, hms.key(seen.header), sequence=seen.header.sequence ^ 1)
        hms.core.receive(seen.at, seen.data, seen.source)

    hms.instead("DISCOVER", forged)
    host = join(w, hms, "anna")
    check("finds it in the third round", w.until(lambda: hms.got("HEARTBEAT"), 20), host.text())
    asked = hms.got("DISCOVER")
    rounds = [[d for d in asked if d.header.sequence == nonce]
              for nonce in dict.fromkeys(d.header.sequence for d in asked)]
    check("byte for byte within a round, 512 bytes", all(len({d.data for d in r}) == 1 and len(r[0].data) == 512
                                                         for r in rounds))
    first, second = rounds[:2]
    for one in (first, second):
        check("at 0, 250 ms, 1 s", near([d.at - one[0].at for d in one], [0, 0.25, 1.0]),
              [d.at - asked[0].at for d in asked])
    check("a back-off between rounds", second[0].at - first[-1].at >= 0.9, second[0].at - first[-1].at)
    check("is listed", w.until(lambda: "anna" in shown(host)), shown(host))
    host.stop()


def named_only(w, hms, other):
    """The addresses of the OFFER are used, not where it came from."""
    hms.core.hms, before = [{**other.core.described("other"), "primary": True}], len(hms.seen)
    host = join(w, hms, "bob")
    check("goes where the OFFER says", w.until(lambda: other.got("HEARTBEAT"), 10), host.text())
    check("never where it came from", not hms.got("INIT", before))
    host.stop()


def primary_first(w, hms, other):
    hms.core.hms = [{**hms.core.described("first"), "primary": False},
                    {**other.core.described("second", False), "primary": True}]
    hms.instead("DISCOVER", lambda seen: hms.reply(seen, c.OFFER, {"server_id": hms.core.server_id, "primary": False,
                                                                   "hms": hms.core.hms}))
    before, there = len(hms.seen), len(other.seen)
    host = join(w, hms, "cleo")
    check("the primary first, though another answered", w.until(lambda: other.got("INIT", there), 10), host.text())
    check("and no INIT to the other", not hms.got("INIT", before))
    host.stop()


def announce(hms, spoilt=False):
    header = wire.Header(c.ANNOUNCE, 0, bytes(8), c.ZEROS, hms.core.incarnation, 0)
    data = wire.write(header, {"server_id": hms.core.server_id, "event": "up", "port": hms.address[1]})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                       struct.pack("4s4si", socket.inet_aton(GROUP), socket.inet_aton(HERE), 0))
        out.sendto(data[:-1] + bytes([data[-1] ^ spoilt]), (GROUP, PORT))


def announced(w, hms):
    """ANNOUNCE is a hint: one DISCOVER by unicast, at most four a minute, none once it is registered."""
    hms.core.hms, before = None, len(hms.seen)
    hms.instead("DISCOVER", *[hms.nothing] * 1000)
    host = join(w, hms, "dora")
    check("asks the groups in vain", w.until(lambda: len(hms.got("DISCOVER", before)) >= 3, 6), host.text())

    def probes():
        return [d for d in hms.got("DISCOVER", before) if not d.grouped]

    for _ in range(3):
        announce(hms, spoilt=True)
    check("not for one that is spoilt", not w.until(probes, 2.5), probes())
    for wanted in (1, 2, 3, 4):
        announce(hms)
        check("a DISCOVER by unicast", w.until(lambda: len(probes()) == wanted, 3.5), (wanted, len(probes())))
    for _ in range(5):
        announce(hms)
    check("at most four a minute", not w.until(lambda: len(probes()) > 4, 2.5), len(probes()))
    asked = hms.got("DISCOVER", before)
    check("the datagram of the round", all(p.data == [d for d in asked if d.grouped and d.at < p.at][-1].data
                                           for p in probes()))
    with hms.lock:
        hms.script.clear()
    check("registers in the next round", w.until(lambda: hms.got("HEARTBEAT", before), 35), host.text())
    count = len(hms.got("DISCOVER", before))
    announce(hms)
    check("a registered host does nothing", not w.until(lambda: len(hms.got("DISCOVER", before)) > count, 2.5))


def main(binary, folder):
    stage = world.World(binary, pathlib.Path(folder))
    try:
        inside(stage)
    finally:
        stage.close()


ALL = (real_finds,)

if __name__ == "__main__":
    main(*sys.argv[1:])
