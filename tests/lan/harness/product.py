"""HMS as a user sees it: commands, daemons, JSON. Nothing here knows more than the documentation."""

import json
import os
import shutil
import signal
import time
import threading

from .process import run
from .waiting import Failure, check, shorten, until


class Program:
    """A state directory in a node and the commands that look at it."""

    def __init__(self, test, node, name):
        self.test, self.node, self.name = test, node, name
        self.state = os.path.join(test.directory, name)
        self.process = None

    def command(self, *arguments):
        return [self.test.binary, *arguments]

    def start(self, *arguments, environment=None):
        """A daemon or stream, logged under its first word."""
        self.process = self.test.process(self.node, self.command(*arguments), environment,
                                         f"{self.name} {arguments[0]}")
        return self.process

    def cli(self, *arguments, code=0, within=10.0, text=None):
        """Runs a command on this state directory; demands the exit code (None: any)."""
        result = run(self.node, self.command(*arguments, "--state", self.state), within, text=text)
        self.test.remember(self.name, result)
        if code is not None and result.code != code:
            raise Failure(f"{self.name}: exit code {code} expected from {result!r}")
        return result

    def json(self, *arguments, code=0):
        result = self.cli(*arguments, "--json", code=code)
        try:
            return json.loads(result.out)
        except ValueError:
            raise Failure(f"{self.name}: no JSON from {result!r}") from None

    def stop(self, within=8.0):
        """An orderly end: SIGTERM, exit code 0."""
        at = self.process.signal(signal.SIGTERM)
        self.process.wait_exit(0, within)
        return at

    def kill(self):
        """SIGKILL; returns its time."""
        return self.process.kill()


class Watch:
    """`hms watch --jsonl`: the events with the time they were seen."""

    def __init__(self, hms):
        self.process = hms.test.process(
            hms.node, hms.command("watch", "--jsonl", "--state", hms.state), None,
            f"{hms.name} watch")
        self.read, self.got, self.lock = 0, [], threading.Lock()

    def events(self):
        """[(time, event)] until now."""
        with self.lock:
            lines = [line for line in list(self.process.lines) if line.stream == "out"]
            for line in lines[self.read:]:
                self.got.append((line.at, json.loads(line.text)))
            self.read = len(lines)
            return list(self.got)

    def wait(self, event, user=None, within=10.0, since=0.0):
        """(time, event) of the first such event seen from `since` on."""
        def wanted():
            return [(at, one) for at, one in self.events()
                    if at >= since and one["event"] == event
                    and (user is None or (one.get("row") or {}).get("user") == user)]
        return until(f"event {event} {user or ''}", wanted, within, every=0.01)[0][0]

    def count(self, *kinds, since=0.0):
        return sum(at >= since and one["event"] in kinds for at, one in self.events())


class Hms(Program):
    """An HMS."""

    def __init__(self, test, node, name="atlas", config=""):
        super().__init__(test, node, name)
        os.makedirs(self.state, mode=0o700)
        self.config = os.path.join(self.state, "hms.toml")
        self.configure(config)

    def configure(self, text):
        """Writes hms.toml; the name is set unless the text has an [hms] section."""
        if "[hms]" not in text:
            text = f'[hms]\nname = "{self.name}"\n{text}'
        with open(self.config, "w") as file:
            file.write(text)

    def serve(self, *arguments, within=10.0, prefix=()):
        """Starts it and waits for its ready line."""
        command = [*prefix, self.test.binary, "serve", "--state", self.state, *arguments]
        self.process = self.test.process(self.node, command, None, f"{self.name} serve")
        self.process.wait_line("HMS ready", within)
        return self

    def token(self, user, *arguments):
        """The bare token of a user."""
        return self.cli("token", user, "--bare", *arguments).out.strip()

    def hosts(self, *arguments):
        return self.json("hosts", *arguments)

    def rows(self, *arguments):
        """{user: row}."""
        return {row["user"]: row for row in self.hosts(*arguments)}

    def row(self, user):
        found = self.rows().get(user)
        check(found, f"{self.name}: no row of {user}")
        return found

    def watch(self):
        watch = Watch(self)
        # The stream begins with what is there (or with nothing): a status answered after it started
        # shows that the daemon serves the socket, and the process must not have ended.
        self.json("status")
        time.sleep(0.2)
        check(watch.process.running, f"watch ended: {watch.process.text()}")
        return watch

    def wait_up(self, *users, within=10.0, since=None):
        """All of these users have a row that is up, and nobody else has one; returns the time."""
        def wanted():
            rows = self.rows()
            return set(rows) == set(users) and all(row["status"] == "up" for row in rows.values())
        return until(f"{self.name}: {len(users)} rows up", wanted, within, since)[1]

    def why(self, name=None, **wanted):
        """The refusals with these values; with a name `hms why NAME`, where nothing is exit 1."""
        result = self.cli("why", *([name] if name else []), "--json", code=None)
        if result.code not in (0, 1 if name else 0):
            raise Failure(f"{self.name}: {result!r}")
        return [row for row in json.loads(result.out or "[]")
                if all(row.get(key) == value for key, value in wanted.items())]


class Host(Program):
    """A host with its agent."""

    def join(self, token, *arguments, wait=True, within=10.0):
        """`hms join` in the foreground; with wait it must say that it registered."""
        self.start("join", token, "--state", self.state, *arguments)
        if wait:
            self.process.wait_line("registered at", within, "out")
        return self

    def agent(self, wait=True, within=10.0):
        """`hms agent`: starts again from the stored token."""
        self.start("agent", "--state", self.state)
        if wait:
            self.wait_registered(within)
        return self

    def wait_registered(self, within=10.0, since=None):
        def wanted():
            result = self.cli("self", "--json", code=None)
            return result.code == 0 and json.loads(result.out)["registered"]
        return until(f"{self.name}: registered", wanted, within, since)[1]

    def who(self):
        return self.json("who")

    def listed(self):
        """{user: row} of its list."""
        return {row["user"]: row for row in self.who()["hosts"]}

    def me(self):
        return self.json("self")

    def set(self, *changes, code=0):
        return self.cli("set", *changes, code=code)

    def forget_state(self):
        shutil.rmtree(self.state)


def visible(row):
    """What the HMS and every host must agree on."""
    return {key: row[key] for key in ("user", "host", "state", "conference", "fixed", "ports",
                                      "services", "status")} | {"ip": ip_of(row["address"])}


def ip_of(address):
    """IP of "IP:PORT" or "[IP]:PORT"; None of None."""
    return address and address.rpartition(":")[0].strip("[]").partition("%")[0]


def port_of(address):
    return int(address.rpartition(":")[2])


def ends(address):
    """(ip, port) of "IP:PORT"."""
    return ip_of(address), port_of(address)


def differences(truth, seen):
    """What is different in two {user: row}; empty when they show the same."""
    problems = []
    for user in sorted(truth.keys() | seen.keys()):
        one, other = truth.get(user), seen.get(user)
        if one is None or other is None:
            problems.append(f"{user} {'missing' if other is None else 'too many'}")
        elif visible(one) != visible(other):
            problems.append(f"{user}: {visible(other)} instead of {visible(one)}")
    return shorten("; ".join(problems)) if problems else ""


def same_everywhere(what, hms, hosts, users, within, since):
    """Waits until the HMS and all hosts list exactly these users, with equal content; the time."""
    latest = since
    truth = {}

    def at_hms():
        nonlocal truth
        truth = hms.rows()
        return set(truth) == set(users) and all(r["status"] == "up" for r in truth.values())
    latest = max(latest, until(f"{what}: {len(users)} rows at the HMS", at_hms, within, since)[1])
    for host in hosts:
        def at_host(host=host):
            problem = differences(truth, host.listed())
            if problem:
                raise Failure(problem)
            return True
        latest = max(latest, until(f"{what}: {host.name}", at_host, within, since)[1])
    return latest
