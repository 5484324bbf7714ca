"""Starting the real HMS, real hosts and ours on loopback; everything started here is ended here, by its pid."""
import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

from .hms import Hms

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIG = '[hms]\nname = "testhms"\ninterfaces = ["%s"]\nstandalone = true\n[hosts]\n%s\n'


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class World:
    def __init__(self, binary, folder, settings='check_time = "2s"'):
        self.binary, self.folder, self.settings = binary, pathlib.Path(folder), settings
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.listen, self.interface = ["127.0.0.1:%d" % self.port], "lo"
        self.processes, self.hms, self.count, self.extra, self.pythons = [], None, 0, "", []

    # ---- the HMS

    def serve(self):
        (self.folder / "hms.toml").write_text(CONFIG % (self.interface, self.settings) + self.extra)
        log = open(self.folder / "serve.log", "a")
        words = [self.binary, "serve", "-v", "--state", self.state, "--config", str(self.folder / "hms.toml")]
        for listen in self.listen:
            words += ["--listen", listen]
        self.hms = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(self.hms)
        self.until(lambda: "HMS ready" in (self.folder / "serve.log").read_text()[self.seen:], 10)
        self.seen = len((self.folder / "serve.log").read_text())

    seen = 0

    @property
    def target(self):
        return ("127.0.0.1", self.port)

    @property
    def state(self):
        return str(self.folder / "S")

    def kill_hms(self, how=signal.SIGKILL):
        self.hms.send_signal(how)
        self.hms.wait(20)

    def cli(self, *words, state=None, check=False):
        done = subprocess.run([self.binary, *words, "--state", state or self.state], capture_output=True, text=True,
                              timeout=30)
        return done.stdout if not check else (done.returncode, done.stdout, done.stderr)

    def token(self, user, *more):
        return self.cli("token", user, "--bare", *more).strip()

    def hosts(self):
        return json.loads(self.cli("hosts", "--json") or "[]")

    # ---- hosts

    def ours(self, user, *words, token=None, seconds=60, where=("--no-multicast", "--bind", "127.0.0.1")):
        self.count += 1
        path = self.folder / ("ours-%s-%d.jsonl" % (user, self.count))
        command = [sys.executable, "-m", "host", "join", token or self.token(user), "--jsonl", "--for", str(seconds),
                   *where, *words]
        return self._start(Ours, command, path)

    def theirs(self, user, *words, token=None, state=None, bind="127.0.0.1"):
        self.count += 1
        path = self.folder / ("theirs-%s-%d.log" % (user, self.count))
        state = state or str(self.folder / ("H-%s-%d" % (user, self.count)))
        command = [self.binary, "join", token or self.token(user), "--state", state,
                   *(("--bind", bind) if bind else ()), *words]
        process = self._start(Process, command, path)
        process.state = state
        process.who = lambda: json.loads(self.cli("who", "--json", state=state) or '{"hosts": []}')
        return process

    def _start(self, kind, command, path):
        out = open(path, "w")
        popen = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True)
        process = kind(popen, path)
        self.processes.append(popen)
        return process

    # ---- waiting

    def until(self, condition, seconds=15, step=0.1):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(step)
        return bool(condition())

    def python_hms(self, **more):
        """An HMS written from the specification, for real hosts."""
        self.pythons.append(Hms(**more))
        return self.pythons[-1]

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for python in self.pythons:
            python.close()


class Process:
    def __init__(self, popen, path):
        self.popen, self.path = popen, path

    def text(self):
        return self.path.read_text()

    def stop(self, how=signal.SIGTERM):
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        return self.popen.wait(10)


class Ours(Process):
    def events(self, kind=None):
        lines = [json.loads(line) for line in self.text().splitlines() if line.startswith("{") and line.endswith("}")]
        return [e for e in lines if kind is None or e["event"] == kind]

    def last(self, kind):
        return (self.events(kind) or [None])[-1]

    def users(self):
        last = self.last("directory")
        return sorted(last["users"]) if last else []
