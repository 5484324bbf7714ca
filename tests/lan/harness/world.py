"""The usual LAN: one HMS, some hosts, each with its own address."""

import os

from .product import same_everywhere
from .waiting import Skip


class World:
    """net, lan, hms (started) and hosts by name (joined unless told otherwise)."""

    def __init__(self, t, names=(), config="", families="4", join=True, token=("--multicast",),
                 dad=False):
        self.t = t
        self.net = t.net(dad=dad)
        self.lan = self.net.lan(families=families)
        self.server = self.net.node("hms", self.lan)
        self.hms = t.hms(self.server, config=config)
        self.capture = t.capture(self.server)
        self.hosts, self.tokens = {}, {}
        self.token_options = token
        if join is not None:
            self.hms.serve()
            self.add(*names, join=join)

    def add(self, *names, join=True, arguments=()):
        """More hosts, joined all at once."""
        for name in names:
            self.hosts[name] = self.t.host(self.net.node(name, self.lan))
            self.tokens[name] = self.hms.token(name, *self.token_options)
        if join:
            for name in names:
                self.hosts[name].join(self.tokens[name], *arguments, wait=False)
            for name in names:
                self.hosts[name].process.wait_line("registered at", 15, "out")
        return [self.hosts[name] for name in names]

    def __getitem__(self, name):
        return self.hosts[name]

    def address(self):
        """(IPv4, port) of the HMS."""
        return self.server.v4, 6710

    def equal(self, what="all lists equal", within=5.0, since=None, users=None):
        """All hosts and the HMS show the same rows, all up; returns when."""
        import time
        since = time.time() if since is None else since
        users = set(self.hosts) if users is None else set(users)
        hosts = [host for name, host in self.hosts.items() if name in users]
        return same_everywhere(what, self.hms, hosts, users, within, since)


class Behind:
    """A segment from which the HMS is reached through `hms-relay` only: one address, many hosts."""

    def __init__(self, world, *options):
        t = self.t = world.t
        relay = os.path.join(os.path.dirname(t.binary), "hms-relay")
        if not os.path.exists(relay):
            raise Skip("no hms-relay beside the binary: cargo build --workspace")
        self.world, self.inside = world, world.net.lan("inside")
        self.node = world.net.node("nat", world.lan)
        self.outer = self.node.v4
        self.node.attach(self.inside, device="eth1")
        self.inner = next(ip for ip in self.node.addresses(4) if ip != self.outer)
        self.process = t.process(
            self.node, [relay, "--listen", f"{self.inner}:6710", "--to", f"{world.server.v4}:6710",
                        *options], None, "relay")
        self.hosts = {}

    def add(self, *names):
        """Hosts in the segment, joined."""
        for name in names:
            self.hosts[name] = self.t.host(self.world.net.node(name, self.inside))
            token = self.world.hms.token(name, "--address", f"{self.inner}:6710")
            self.hosts[name].join(token, wait=False)
        for name in names:
            self.hosts[name].process.wait_line("registered at", 20, "out")
            self.world.hosts[name] = self.hosts[name]


def hosts_config(check_time="2s", **values):
    """A [hosts] section."""
    lines = ["[hosts]", f'check_time = "{check_time}"']
    for key, value in values.items():
        text = str(value).lower() if isinstance(value, bool) else \
            f'"{value}"' if isinstance(value, str) else str(value)
        lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"
