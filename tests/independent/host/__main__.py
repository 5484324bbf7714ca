"""python3 -m host join TOKEN [options]: one host, events as lines (JSON with --jsonl)."""
import argparse
import json
import signal
import sys
import time

from . import address as addresses
from . import codes as c
from . import keys
from .directory import entry_to_json
from .errors import Malformed
from .host import Host, Settings
from .memory import Memory
from .net import Net

OVER = ("refused", "superseded", "left")


def parse_service(text):
    kind, _, rest = text.rpartition(":")
    port, _, transport = rest.partition("/")
    return (kind, int(port), transport or "udp")


def parse_setting(text):
    """state=…, conference=…, host_name=…, ports=data,video,audio, service=kind:port/udp, view=…"""
    name, _, value = text.partition("=")
    if name == "ports":
        return {"ports": dict(zip(("data", "video", "audio"), map(int, value.split(","))))}
    if name in ("service", "services"):
        return {"services": [parse_service(s) for s in value.split(",") if s]}
    if name == "fixed":
        return {"fixed": value in ("1", "true", "yes")}
    if name == "view":
        return {"view": parse_view(value)}
    if name == "state" and value.isdigit():
        return {"state": int(value)}
    return {name: value or None}


def parse_view(text, push=True):
    """realm, none, group:NAME, named:ID,ID (hex); a trailing ! turns push off."""
    push = push and not text.endswith("!")
    kind, _, rest = text.rstrip("!").partition(":")
    if kind == "group":
        return {"kind": c.GROUP_VIEW, "push": push, "group": rest}
    if kind == "named":
        return {"kind": c.NAMED_VIEW, "push": push, "users": [bytes.fromhex(u) for u in rest.split(",")]}
    return {"kind": c.REALM_VIEW if kind == "realm" else c.NO_VIEW, "push": push}


def arguments(words):
    parser = argparse.ArgumentParser(prog="host")
    parser.add_argument("command", choices=["join"])
    parser.add_argument("token")
    parser.add_argument("--name", default="indep")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--at", action="append", default=[], metavar="SECONDS:WHAT",
                        help="later: SECONDS:NAME=VALUE, SECONDS:find=TEXT, SECONDS:user=NAME, SECONDS:dump=, SECONDS:want=")
    parser.add_argument("--for", dest="seconds", type=float, default=60.0)
    parser.add_argument("--state", help="folder for what is kept between runs")
    parser.add_argument("--takeover", action="store_true")
    parser.add_argument("--vanish", action="store_true", help="stop without LEAVE")
    parser.add_argument("--bind", default="0.0.0.0")
    parser.add_argument("--interface", action="append")
    parser.add_argument("--no-multicast", action="store_true")
    parser.add_argument("--ask", help="seek by a DISCOVER by unicast to this address")
    parser.add_argument("--trace", action="store_true", help="every datagram in hex, as an event")
    parser.add_argument("--jsonl", action="store_true")
    return parser.parse_args(words)


class Runner:
    def __init__(self, options):
        self.options, self.start = options, time.monotonic()
        token = keys.read_token(options.token)
        settings = Settings(host_name=options.name, takeover=options.takeover, multicast=not options.no_multicast)
        for text in options.set:
            for name, value in parse_setting(text).items():
                setattr(settings, name, value)
        self.net = Net(options.bind, interfaces=options.interface)
        if token.addresses:
            own = self.net.local_address(token.addresses[0])
            settings.reported = [own] if own else []
        self.host = Host(token, settings, Memory(options.state))
        self.later = sorted(((float(text.partition(":")[0]), text.partition(":")[2]) for text in options.at),
                            key=lambda pair: pair[0])
        self.stopping = False
        if options.trace:
            self.net.trace = lambda way, peer, data: self.line(
                {"event": way, "peer": "%s:%d" % tuple(peer[:2]), "type": c.TYPE_NAMES.get(data[1], data[1]),
                 "datagram": data.hex()})

    def run(self):
        now, host = self.start, self.host
        until = self.start + self.options.seconds
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        if self.options.ask:
            host.discovery.ask(now, addresses.parse(self.options.ask))
        else:
            host.start(now)
            if not host.token.addresses and not self.options.no_multicast:
                self.net.listen_for_announces()
        while host.exit_code is None:
            now = time.monotonic()
            if (now >= until or self.stopping) and host.state != "leaving":
                if self.options.vanish:
                    break
                host.leave(now)
            next_step = self._do_later(now)
            self.net.turn(host, now, min(until, next_step) if host.state != "leaving" else now + 1)
            self.show()
        self.net.flush(host)
        self.show()
        self.dump("end")
        self.net.close()
        return host.exit_code or 0

    def stop(self, *_):
        self.stopping = True

    def _do_later(self, now):
        while self.later and self.start + self.later[0][0] <= now:
            self._do(now, self.later.pop(0)[1])
        return self.start + self.later[0][0] if self.later else now + 3600

    def _do(self, now, what):
        name, _, value = what.partition("=")
        session = self.host.session
        if name == "dump":
            self.dump(value or "dump")
        elif name in ("find", "user"):
            if session:
                session.find(now, "prefix" if name == "find" else "user", value)
        elif name == "want":
            if session:
                session.ask_for_changes(now)
        else:
            self.host.set(now, **parse_setting(what))

    def dump(self, why):
        d = self.host.directory
        self.line({"event": "list", "why": why, "state": self.host.state, "revision": d.revision,
                   "root": "%016x" % d.root, "rows": [entry_to_json(e) for e in d.sorted_rows()],
                   "dropped": self.host.counts})

    def show(self):
        for event in self.host.events:
            if event["event"] == "directory":
                event["users"] = [e["content"]["user_name"] for e in self.host.directory.sorted_rows()][:50]
            self.line(event)
        self.host.events.clear()
        memory = self.host.memory
        if self.host.directory.rows and memory.path:
            memory["list"] = [entry_to_json(e) for e in self.host.directory.sorted_rows()]
        if memory.dirty:
            memory["list_time"] = int(time.time())
        memory.save()

    def line(self, event):
        event = {"t": round(time.monotonic() - self.start, 3), **event}
        if self.options.jsonl:
            print(json.dumps(event), flush=True)
        else:
            rest = " ".join("%s=%s" % pair for pair in event.items() if pair[0] not in ("t", "event"))
            print("%8.3f %s %s" % (event["t"], event["event"], rest), flush=True)


def main():
    try:
        runner = Runner(arguments(sys.argv[1:]))
    except Malformed as problem:
        print("token: %s" % problem, file=sys.stderr)
        return 2
    return runner.run()


if __name__ == "__main__":
    sys.exit(main())
