"""Hosts and fake HMSs on a network without sockets; the clock jumps from timer to timer."""
import random

from ..host import Host, Settings
from ..memory import Memory
from .fake_hms import token_for


class World:
    def __init__(self, seed=1):
        self.now, self.rng = 100.0, random.Random(seed)
        self.hms, self.hosts, self.events, self.lose, self.sent = {}, {}, {}, lambda data, to: False, []

    def add_hms(self, hms):
        self.hms[hms.address] = hms
        return hms

    def add_host(self, name, port, targets, memory=None, **settings):
        host = Host(token_for(name, targets), Settings(**settings), memory or Memory(), random.Random(port))
        self.hosts[("127.0.0.1", port)] = host
        self.events[host] = []
        host.start(self.now)
        return host

    def move(self, host, port):
        """The host's datagrams come from another address from now on."""
        self.hosts = {a: h for a, h in self.hosts.items() if h is not host}
        self.hosts[("127.0.0.1", port)] = host

    def _deliver(self):
        for _ in range(10000):
            moved = False
            for address, host in list(self.hosts.items()):
                while host.out:
                    data, to = host.out.pop(0)
                    self.sent.append((self.now, address, to, data))
                    moved = True
                    targets = list(self.hms.values()) if to == "groups" else [self.hms.get(to)]
                    for hms in targets:
                        if hms and not self.lose(data, to):
                            hms.receive(self.now, data, address)
            for hms in list(self.hms.values()):
                while hms.out:
                    data, to = hms.out.pop(0)
                    moved = True
                    if to in self.hosts and not self.lose(data, to):
                        self.hosts[to].receive(self.now, data, hms.address)
            for host in self.hosts.values():
                self.events[host] += [{"t": self.now, **event} for event in host.events]
                host.events.clear()
            if not moved:
                return
        raise AssertionError("they talk without end")

    def run(self, seconds):
        until = self.now + seconds
        self._deliver()
        while True:
            at = min((h.next_time() for h in self.hosts.values()), default=until)
            if at > until:
                break
            self.now = max(self.now, at)
            for host in self.hosts.values():
                host.tick(self.now)
            self._deliver()
        self.now = until

    def names(self, host):
        return [e["event"] for e in self.events[host]]
