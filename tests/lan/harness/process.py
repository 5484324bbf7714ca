"""Processes in nodes: their lines with times, their ends, their logs."""

import os
import signal
import subprocess
import threading
import time

from .waiting import Failure, shorten


class Line:
    def __init__(self, stream, text):
        self.at, self.stream, self.text = time.time(), stream, text


class Process:
    """A program running in a node. Its output is read by two threads and kept, with times."""

    def __init__(self, node, arguments, environment=None, name=None):
        self.arguments, self.name = [str(word) for word in arguments], name or arguments[0]
        self.lines, self.change, self.started = [], threading.Condition(), time.time()
        self.code, self.ended = None, None
        self.child = subprocess.Popen(
            ["ip", "netns", "exec", node.id, *self.arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={**os.environ, **(environment or {})})
        self.readers = [threading.Thread(target=self._read, args=(name, pipe), daemon=True)
                        for name, pipe in (("out", self.child.stdout), ("err", self.child.stderr))]
        for reader in self.readers:
            reader.start()
        threading.Thread(target=self._reap, daemon=True).start()

    @property
    def pid(self):
        return self.child.pid

    def _read(self, stream, pipe):
        for raw in pipe:
            line = Line(stream, raw.decode("utf-8", "replace").rstrip("\n"))
            with self.change:
                self.lines.append(line)
                self.change.notify_all()

    def _reap(self):
        code = self.child.wait()
        ended = time.time()
        # A child of the program may hold the pipes open: its lines are not waited for forever.
        for reader in self.readers:
            reader.join(1.0)
        with self.change:
            self.code, self.ended = code, ended
            self.change.notify_all()

    def text(self, stream=None):
        with self.change:
            return "\n".join(line.text for line in self.lines if stream in (None, line.stream))

    def wait_line(self, part, within=10.0, stream=None):
        """The first line that contains the text; Failure when the process ends or time is up first."""
        deadline, seen = time.time() + within, 0
        with self.change:
            while True:
                for line in self.lines[seen:]:
                    if part in line.text and stream in (None, line.stream):
                        return line
                seen = len(self.lines)
                left = deadline - time.time()
                if self.code is not None or left <= 0:
                    why = f"ended with {self.code}" if self.code is not None else f"{within:g} s"
                    said = shorten(self._said())
                    raise Failure(f"{self.name}: no line with {part!r} ({why}); it said: {said}")
                self.change.wait(left)

    def wait_exit(self, code=None, within=10.0):
        """Waits for the end and demands the exit code."""
        deadline = time.time() + within
        with self.change:
            while self.code is None:
                left = deadline - time.time()
                if left <= 0:
                    said = shorten(self._said())
                    raise Failure(f"{self.name}: still runs after {within:g} s; it said: {said}")
                self.change.wait(left)
            if code is not None and self.code != code:
                raise Failure(f"{self.name}: exit code {self.code} instead of {code}; "
                              f"it said: {shorten(self._said())}")
            return self.code

    def _said(self):
        return "\n".join(line.text for line in self.lines) or "nothing"

    @property
    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running:
            self.child.send_signal(number)
        return time.time()

    def kill(self):
        """SIGKILL; returns when it was sent, once the process is gone."""
        at = self.signal(signal.SIGKILL)
        self.wait_exit()
        return at

    def log(self):
        head = f"$ {' '.join(self.arguments)}\n"
        end = "still running" if self.ended is None else f"exit {self.code} at {stamp(self.ended)}"
        with self.change:
            body = "".join(f"{stamp(line.at)} {line.stream} {line.text}\n" for line in self.lines)
        return f"{head}started {stamp(self.started)}\n{body}{end}\n"


def stamp(at):
    return time.strftime("%H:%M:%S", time.localtime(at)) + f"{at % 1:.6f}"[1:]


class Result:
    """What a command that ended said."""

    def __init__(self, arguments, done, took):
        self.arguments, self.code, self.out, self.err = arguments, done[0], done[1], done[2]
        self.took = took

    @property
    def said(self):
        return f"{self.out}\n{self.err}"

    def __repr__(self):
        return f"`{' '.join(self.arguments)}` → {self.code}: {shorten(self.said)}"


def run(node, arguments, within=10.0, environment=None, text=None):
    """Runs a command in a node to its end."""
    arguments = [str(word) for word in arguments]
    started = time.time()
    child = subprocess.Popen(
        ["ip", "netns", "exec", node.id, *arguments],
        stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, **(environment or {})}, text=True, errors="replace")
    try:
        out, err = child.communicate(text, timeout=within)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise Failure(f"`{' '.join(arguments)}` still runs after {within:g} s; "
                      f"it said: {shorten(out + err)}") from None
    return Result(arguments, (child.returncode, out, err), time.time() - started)
