"""Says a whole capture again, from wherever one likes, in any order, at a pace."""

import random
import time

from harness.forge import Spoofer

ORDERS = {
    "as captured": list,
    "reversed": lambda datagrams: list(reversed(datagrams)),
    "shuffled": lambda datagrams: random.Random(5).sample(datagrams, len(datagrams)),
}


class Replayer:
    """A machine on the LAN that holds a capture and no key."""

    def __init__(self, t, world):
        self.node = world.net.node("captor", world.lan)
        self.spoofer = t.closing(Spoofer(self.node))
        self.spoofer.multicast(self.node.v4)
        # What goes to an address that its host has left waits in the sender for somebody to answer for it: not long.
        self.node.sysctl("ipv4/neigh/eth0/retrans_time_ms", 10)
        self.node.sysctl("ipv4/neigh/eth0/mcast_solicit", 1)
        self.sent = 0

    def own_source(self, datagram):
        return [datagram.source]

    def strangers(self, world):
        """Its own address, one that nobody has, and a neighbour's."""
        neighbour = next(iter(world.hosts.values())).node.v4
        ends = [(self.node.v4, 7000), (str(world.lan.v4[250]), 7001), (neighbour, 7002)]
        return lambda _datagram: ends

    def say(self, datagrams, sources, pace, at_least, meanwhile):
        """All of them, from all their sources, `pace` a second; once more while `at_least` seconds are not over.
        Returns how many were sent."""
        started, sent, slice_of = time.time(), 0, max(1, int(pace / 100))
        while not sent or time.time() < started + at_least:
            for one in datagrams:
                for source in sources(one):
                    self.spoofer.send(source, one.target, one.data)
                    sent += 1
                    if sent % slice_of == 0:
                        meanwhile()
                        time.sleep(max(0.0, started + sent / pace - time.time()))
        self.sent += sent
        return sent
