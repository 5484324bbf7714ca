"""What the machine has too little of: receive buffer, descriptors."""

import os
import resource
import signal
import time

from harness import wire
from harness.forge import Spoofer
from harness.product import ends
from harness.runner import scenario
from harness.waiting import between, check, contains, equal, until
from harness.world import World, hosts_config

GONE = ("leave", "expire", "late", "replace", "join")
# More than a receive buffer holds, even one of 16 MiB: a datagram takes at least 768 bytes of it.
BURST = 30_000


@scenario("o-buffer", "more comes than the receive buffer holds: counted, shown, nobody lost", takes=12)
def o_buffer(t):
    world = World(t, config=hosts_config("1s"), join=None)
    # Without this right it cannot have a larger buffer than the system's limit.
    world.hms.serve(prefix=("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"))
    world.add("ann", "bob", "cyd")
    world.equal(within=4)
    watch, since = world.hms.watch(), {user: row["since"] for user, row in world.hms.rows().items()}
    world.capture.close()  # it would only read the burst
    spoofer, hms = t.closing(Spoofer(world.net.node("rogue", world.lan))), world.address()
    for _ in range(3):
        os.kill(world.hms.process.pid, signal.SIGSTOP)
        for number in range(BURST):
            spoofer.send((str(world.lan.v4[50 + number % 200]), 5000), hms, b"\1" * 20)
        os.kill(world.hms.process.pid, signal.SIGCONT)
        time.sleep(1)
    drops = world.hms.json("status")["drops"]
    lost, counted = drops.get("receive-buffer", 0), drops.get("length", 0)
    check(lost > 0, f"nothing was lost: {drops}")
    # Beside them some heartbeats, which came when there was no room.
    between("lost and counted", lost + counted, 3 * BURST, 3 * BURST + 200, "")
    contains("hms status", world.hms.cli("status").out, "too slow")
    time.sleep(2.7)  # past an expiry
    equal("since", {user: row["since"] for user, row in world.hms.rows().items()}, since)
    equal("hosts lost", watch.count(*GONE), 0)
    world.equal(within=4)
    t.note(f"{3 * BURST} datagrams: {lost} found no room, {counted} were read and dropped")


@scenario("o-descriptors", "no descriptor is left: hosts are served on, counted, shown afterwards", takes=12)
def o_descriptors(t):
    world = World(t, ["ann", "bob"], hosts_config("1s"))
    world.equal(within=4)
    pid, rows = world.hms.process.pid, world.hms.rows()
    source = {user: ends(row["address"]) for user, row in rows.items()}
    limit = len(os.listdir(f"/proc/{pid}/fd")) + 2
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    watchers = [t.process(world.server, world.hms.command("watch", "--jsonl", "--state", world.hms.state), None,
                          f"watch {number}") for number in range(5)]
    until("no descriptor is left", lambda: len(os.listdir(f"/proc/{pid}/fd")) >= limit, 5)
    since = time.time()
    waiting = t.process(world.server, world.hms.command("status", "--json", "--state", world.hms.state), None, "status")
    # Hosts go on meanwhile, longer than an expiry; a new one can join.
    host = t.host(world.net.node("cyd", world.lan))
    token_file = world.hms.cli("token", "cyd", "--bare", "--multicast", code=None)
    equal("hms token needs no HMS", token_file.code, 0)
    host.join(token_file.out.strip())
    time.sleep(3)
    for user, end in source.items():
        beats = world.capture.find(lambda d, end=end: d.type == wire.ACK and d.target == end, since)
        check(len(beats) >= 2, f"{user} was answered {len(beats)} times in {time.time() - since:.1f} s")
    for watcher in watchers:
        watcher.kill()
    waiting.wait_exit(0, 10)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    counted = until("shown", lambda: world.hms.json("status")["drops"].get("accept-emfile"), 5)[0]
    contains("hms status", world.hms.cli("status").out, "accept-emfile")
    now = world.hms.rows()
    equal("since", {user: now[user]["since"] for user in rows}, {user: row["since"] for user, row in rows.items()})
    check(set(now) == {"ann", "bob", "cyd"} and all(row["status"] == "up" for row in now.values()), f"{now}")
    t.note(f"{counted} attempts to take a command's connection failed")
