"""HMSs of one cluster as processes on loopback, for the proofs beside this file."""

import json
import os
import socket
import subprocess
import time

PORT = 6710
LOOK_EVERY = 0.05
# Longest time for anything that has no bound of its own.
PATIENCE = 60.0


class Hms:
    """`hms serve` on a state directory and an address of its own."""

    def __init__(self, directory, binary, name, address, inside=()):
        """`inside`: what goes before each command, for a network namespace."""
        self.name, self.command, self.state = name, [*inside, binary], directory / name
        self.address = f"{address}:{PORT}"
        self.state.mkdir()
        (self.state / "hms.toml").write_text(f'[hms]\nname = "{name}"\n')
        self.environment = {**os.environ, "RUNTIME_DIRECTORY": str(directory / f"{name}.run"), "HMS_LOG": "info"}
        self.log = open(directory / f"{name}.log", "ab")
        self.process = self.connection = None

    def start(self, *more):
        arguments = [*self.command, "serve", "--state", self.state, "--listen", self.address, *more]
        self.process = subprocess.Popen(arguments, env=self.environment, stdout=self.log, stderr=self.log)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = self.connection = None

    def cli(self, *arguments):
        done = subprocess.run([*self.command, *arguments, "--state", self.state], env=self.environment,
                              capture_output=True, text=True, check=True)
        return done.stdout

    def status(self):
        """The answer of the control socket; none while nobody is there."""
        try:
            if self.connection is None:
                path = (self.state / "sockets").read_text().strip()
                self.connection = socket.socket(socket.AF_UNIX)
                self.connection.settimeout(10)
                self.connection.connect(path + "/observe.sock")
            self.connection.sendall(b'{"cmd":"status"}\n')
            answer = b""
            while not answer.endswith(b"\n"):
                part = self.connection.recv(65536)
                if not part:
                    raise ConnectionError("closed")
                answer += part
            return json.loads(answer)["ok"]
        except (OSError, ValueError):
            self.connection = None
            return None


def verdict(group):
    """Who leads, if all say the same; else what they say."""
    told = {}
    for hms in group:
        status = hms.status()
        if status is None:
            return None, f"{hms.name} does not answer"
        told[hms.name] = (status["role"], {row["name"]: (row["role"], row["status"]) for row in status["peers"]})
    primaries = [name for name, (role, _) in told.items() if role == "primary"]
    roles = {name: role for name, (role, _) in told.items()}
    for name, (role, peers) in told.items():
        others = {other: (role, "up") for other, role in roles.items() if other != name}
        if role not in ("primary", "secondary") or peers != others:
            return None, told
    return (primaries[0], told) if len(primaries) == 1 else (None, told)


def until_agreed(group, within):
    begin = time.monotonic()
    while True:
        primary, told = verdict(group)
        took = time.monotonic() - begin
        if primary is not None or took > within:
            return primary, took, told
        time.sleep(LOOK_EVERY)


def found(directory, binary, number, size, running=False):
    """A cluster of so many: the first invites the others. They run on if wanted."""
    group = [Hms(directory, binary, f"hms{number}{letter}", f"127.0.{10 + number}.{1 + index}")
             for index, letter in enumerate("abc"[:size])]
    first = group[0]
    first.start()
    wait(first.status, f"{first.name} starts")
    for other in group[1:]:
        other.start("--join", first.cli("token", "--hms", "--bare").strip())
        wait(other.status, f"{other.name} joins")
    primary, _, told = until_agreed(group, PATIENCE)
    if primary is None:
        raise AssertionError(f"the cluster of {first.name} does not come about: {told}")
    for hms in group if not running else ():
        hms.kill()
    return group


def wait(holds, what):
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(LOOK_EVERY)
