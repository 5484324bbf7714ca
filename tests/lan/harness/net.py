"""Networks made of namespaces: a Lan is a switch (a bridge), a Node a machine, both with names
that no other scenario uses."""

import contextlib
import ipaddress
import json
import os
import signal
import subprocess
import threading

from .sandbox import CLONE_NEWNET, call


def ip(*arguments, batch=None):
    """Runs ip from iproute2; a failure of it is a failure of the harness."""
    command = ["ip", *arguments] + (["-batch", "-"] if batch else [])
    done = subprocess.run(command, input=batch, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()} {batch or ''}")
    return done.stdout


class Namespace:
    """One network namespace."""

    def __init__(self, net, name):
        self.net, self.name, self.id = net, name, f"{net.prefix}-{name}"
        ip("netns", "add", self.id)
        self.handle = os.open(f"/run/netns/{self.id}", os.O_RDONLY)
        self.ip("link set lo up")

    def ip(self, *lines):
        """ip commands inside the namespace."""
        ip("-n", self.id, batch="\n".join(lines) + "\n")

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in the namespace; sockets that it opens stay there for good."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call("setns", self.handle, CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", before, CLONE_NEWNET)
            os.close(before)

    def sysctl(self, key, value):
        with self.inside(), open(f"/proc/sys/net/{key}", "w") as file:
            file.write(str(value))

    def remove(self):
        """Ends whatever still runs inside (detached agents), then the namespace."""
        for pid in ip("netns", "pids", self.id).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        os.close(self.handle)
        ip("netns", "del", self.id)


class Lan(Namespace):
    """A switch. Addresses are handed out from 11 upwards in each of its prefixes."""

    def __init__(self, net, name, v4, v6):
        super().__init__(net, name)
        self.v4 = v4 and ipaddress.ip_network(v4)
        self.v6 = v6 and ipaddress.ip_network(v6)
        self.next, self.ports = 11, 0
        # A plain switch: without a querier a snooping bridge would age out memberships.
        self.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")

    def host_number(self):
        self.next += 1
        return self.next - 1

    def addresses(self, number):
        """The addresses with that host number, as "IP/LENGTH"."""
        return [f"{prefix[number]}/{prefix.prefixlen}" for prefix in (self.v4, self.v6) if prefix]


class Node(Namespace):
    """A machine. Its first interface is eth0."""

    def __init__(self, net, name):
        super().__init__(net, name)
        self.lans = {}  # interface → its Lan

    def attach(self, lan, number=None, device="eth0", addresses=None):
        """Plugs an interface into a switch and gives it addresses."""
        lan.ports += 1
        port = f"p{lan.ports}"
        if not lan.v6:
            self.sysctl("ipv6/conf/default/disable_ipv6", 1)
        elif not lan.net.dad:
            # The larger value of the two counts.
            self.sysctl("ipv6/conf/default/accept_dad", 0)
            self.sysctl("ipv6/conf/all/accept_dad", 0)
        ip("link", "add", device, "netns", self.id, "type", "veth",
           "peer", "name", port, "netns", lan.id)
        lan.ip(f"link set {port} master br0 up")
        if addresses is None:
            addresses = lan.addresses(lan.host_number() if number is None else number)
        # nodad here only spares the address the wait that Net(dad=True) asks for.
        nodad = "" if lan.net.dad else " nodad"
        self.ip(*(f"addr add {address} dev {device}{nodad if ':' in address else ''}"
                  for address in addresses),
                f"link set {device} up")
        self.lans[device] = lan
        return self

    def detach(self, device="eth0"):
        """The interface is gone, as if the card was pulled out."""
        self.ip(f"link del {device}")

    def link(self, state, device="eth0"):
        self.ip(f"link set {device} {state}")

    def unplug(self, device="eth0"):
        """The cable is out: the interface stays up, without a carrier."""
        self._port(device, "down")

    def plug(self, device="eth0"):
        self._port(device, "up")

    def _port(self, device, state):
        peer = json.loads(ip("-n", self.id, "-j", "-d", "link", "show", "dev", device))[0]
        index = peer["link_index"]
        lan = self.lans[device]
        for port in json.loads(ip("-n", lan.id, "-j", "link", "show")):
            if port["ifindex"] == index:
                lan.ip(f"link set {port['ifname']} {state}")

    def readdress(self, old, new, device="eth0"):
        # First away with the old one: the kernel would drop the new one with it, as its secondary.
        self.ip(f"addr del {old} dev {device}", f"addr add {new} dev {device}")

    def addresses(self, family=None):
        """Its addresses (without loopback) as text, without length or scope."""
        found = []
        for link in json.loads(ip("-n", self.id, "-j", "addr", "show")):
            for address in link.get("addr_info", []):
                wanted = family is None or address["family"] == {4: "inet", 6: "inet6"}[family]
                if link["ifname"] != "lo" and wanted:
                    found.append(address["local"])
        return found

    @property
    def v4(self):
        return self.addresses(4)[0]

    def settled(self):
        """True once no IPv6 address is tentative any more."""
        return "tentative" not in ip("-n", self.id, "-6", "addr", "show")


class Net:
    """All networks of one scenario."""

    counter, lock = 0, threading.Lock()

    def __init__(self, dad=False):
        with Net.lock:
            Net.counter += 1
            self.prefix = f"h{Net.counter}"
        self.dad, self.parts, self.subnets = dad, [], 0

    def lan(self, name="lan", families="4", v4=None):
        """A switch with prefixes of its own. families: "4", "6", "46", "l" (IPv6, link-local only)."""
        self.subnets += 1
        v6 = f"fd67:10:{self.subnets}::/64"
        lan = Lan(self, name, v4 or f"10.67.{self.subnets}.0/24" if "4" in families else None,
                  v6 if set(families) & set("6l") else None)
        if "l" in families:
            lan.addresses = lambda number: []
        self.parts.append(lan)
        return lan

    def node(self, name, lan=None, **options):
        node = Node(self, name)
        self.parts.append(node)
        if lan:
            node.attach(lan, **options)
        return node

    def router(self, *lans, name="router"):
        """A router with address 1 in each switch; multicast is not forwarded."""
        router = self.node(name)
        router.sysctl("ipv4/ip_forward", 1)
        for index, lan in enumerate(lans):
            router.attach(lan, number=1, device=f"eth{index}")
        return router

    def remove(self):
        for part in reversed(self.parts):
            part.remove()
