"""The disk of the HMS is full, or read-only, while it runs: it serves on, says so, and forgets no revocation."""

import os
import time

from harness import wire
from harness.runner import scenario
from harness.sandbox import call, mount
from harness.waiting import check, contains, equal, until
from harness.world import World, hosts_config

# Whoever is not root can be kept from writing.
SOMEBODY = 65534
AS_SOMEBODY = ("setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups")
STORED_WITHIN = 5 + 2.0  # what could not be stored is tried again every 5 s


class Disk:
    """A state directory on a small disk of its own."""

    def __init__(self, t, hms):
        self.path, self.filler = hms.state, os.path.join(hms.state, "filler")
        mount("tmpfs", self.path, "tmpfs", 0, "size=128k,mode=700")
        hms.configure(hosts_config("1s"))
        for name in (".", *os.listdir(self.path)):
            os.chown(os.path.join(self.path, name), SOMEBODY, SOMEBODY)
        t.closing(self)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def empty(self):
        os.remove(self.filler)

    def read_only(self):
        os.chmod(self.path, 0o500)

    def writable(self):
        os.chmod(self.path, 0o700)

    def close(self):
        call("umount2", self.path.encode(), 0)


def serves_on(t, spoil, mend, word):
    """A revocation that cannot be stored is in force, shown until it is stored, and then survives a kill."""
    world = World(t, join=None)
    disk = Disk(t, world.hms)
    world.hms.serve(prefix=AS_SOMEBODY)
    world.add("ann", "bob", "cyd")
    world.equal(within=4)
    token = world.tokens["bob"]
    spoil(disk)
    since = time.time()
    said = world.hms.cli("revoke", "bob", code=1).said
    contains("hms revoke", said, "could not store", word)
    world["bob"].process.wait_exit(4, 4)
    contains("hms status", world.hms.json("status")["message"] or "", "not stored", word)
    contains("hms status as text", world.hms.cli("status").out, "not stored")
    refused = t.host(world.net.node("bob2", world.lan))
    refused.join(token, wait=False)
    refused.process.wait_exit(4, 15)
    # Everything else goes on.
    world["ann"].set("conference=board")
    until("cyd sees it", lambda: world["cyd"].listed()["ann"]["conference"] == "board", 3)
    del world.hosts["bob"]
    world.add("dan")
    world.equal(within=5)
    check(world.hms.json("status")["message"], "no longer shown, though nothing can be stored")
    mend(disk)
    at = until("stored", lambda: not world.hms.json("status")["message"], STORED_WITHIN)[1]
    t.note(f"shown for {at - since:.1f} s, until it was stored")
    world.hms.kill()
    world.hms.serve(prefix=AS_SOMEBODY)
    refused.join(token, wait=False)
    refused.process.wait_exit(4, 15)
    world.hms.wait_up("ann", "cyd", "dan", within=8)
    check("panic" not in world.hms.process.text(), "a panic")
    equal("refused since", len(world.capture.find(
        lambda d: d.type == wire.REGISTERED and d.target[0] == refused.node.v4)), 0)


@scenario("o-disk-full", "the disk is full: service goes on, a revocation is in force and shown until stored", takes=22)
def o_disk_full(t):
    serves_on(t, Disk.fill, Disk.empty, ("no space", "enospc"))


@scenario("o-disk-read-only", "the disk is read-only: service goes on, a revocation is in force and shown until stored",
          takes=22)
def o_disk_read_only(t):
    serves_on(t, Disk.read_only, Disk.writable, ("read-only", "permission denied"))
