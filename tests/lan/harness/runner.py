"""Scenarios: their register, what one has at hand, how they run and what is left when one fails."""

import concurrent.futures
import os
import shutil
import threading
import time
import traceback

from .capture import Capture
from .net import Net
from .process import Process, stamp
from .product import Host, Hms
from .waiting import Failure, Skip

SCENARIOS = []
WORK = "/run/lan"  # in memory, inside the sandbox


class Scenario:
    def __init__(self, name, shows, function, takes, alone):
        self.name, self.shows, self.function = name, shows, function
        self.takes, self.alone = takes, alone


def scenario(name, shows, takes=10, alone=False):
    """Registers a scenario. takes: about how many seconds; alone: it measures milliseconds, so
    nothing runs beside it."""
    def register(function):
        SCENARIOS.append(Scenario(name, shows, function, takes, alone))
        return function
    return register


class Test:
    """What one scenario has at hand; everything that it made ends with it."""

    def __init__(self, name, binary):
        self.name, self.binary = name, binary
        self.directory = os.path.join(WORK, name)
        os.makedirs(self.directory)
        self.nets, self.processes, self.captures, self.others = [], [], [], []
        self.notes, self.commands, self.lock = [], [], threading.Lock()

    # what a scenario uses

    def net(self, **options):
        self.nets.append(Net(**options))
        return self.nets[-1]

    def hms(self, node, name="atlas", config=""):
        return Hms(self, node, name, config)

    def host(self, node, name=None):
        return Host(self, node, name or node.name)

    def capture(self, node, device="eth0"):
        self.captures.append(Capture(node, device))
        return self.captures[-1]

    def process(self, node, arguments, environment=None, name=None):
        process = Process(node, arguments, environment, name)
        self.processes.append(process)
        return process

    def closing(self, thing):
        """Has a close() that is called at the end."""
        self.others.append(thing)
        return thing

    def note(self, text):
        """A measured value, shown with the result."""
        self.notes.append(text)

    def step(self, text):
        """A mark in the log."""
        with self.lock:
            self.commands.append(f"{stamp(time.time())} --- {text}\n")

    def remember(self, who, result):
        with self.lock:
            self.commands.append(f"{stamp(time.time())} {who} ({result.took:.3f} s) {result!r}\n")

    # the end

    def finish(self, keep):
        for process in self.processes:
            if process.running:
                process.child.kill()
        for process in self.processes:
            process.child.wait()
        for thing in self.captures + self.others:
            thing.close()
        if keep:
            self.save(keep)
        for net in self.nets:
            net.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def save(self, target):
        """Every process's lines, every captured datagram, every command, the state directories."""
        os.makedirs(target, exist_ok=True)
        for number, process in enumerate(self.processes):
            write(target, f"{number:02}-{process.name.replace(' ', '-')}.log", process.log())
        for number, capture in enumerate(self.captures):
            write(target, f"capture-{number}-{capture.node.name}.log", capture.log())
        write(target, "commands.log", "".join(self.commands))
        shutil.copytree(self.directory, os.path.join(target, "state"), dirs_exist_ok=True,
                        ignore=lambda folder, names: [name for name in names if "sock" in name])


def write(folder, name, text):
    with open(os.path.join(folder, name.replace("/", "-")), "w") as file:
        file.write(text)


class Outcome:
    def __init__(self, scenario, verdict, text, took, notes):
        self.scenario, self.verdict, self.text = scenario, verdict, text
        self.took, self.notes = took, notes


def run_one(one, binary, logs, keep_all):
    """Runs a scenario; its logs are saved if it fails."""
    started, test = time.time(), None
    verdict, text = "passed", ""
    try:
        test = Test(one.name, binary)
        one.function(test)
    except Skip as reason:
        verdict, text = "skipped", str(reason)
    except Failure as failure:
        verdict, text = "failed", f"{failure}\n{where()}"
    except Exception:
        verdict, text = "failed", traceback.format_exc()
    took = time.time() - started
    if test:
        if text:
            test.step(f"{verdict}: {text}")
        keep = os.path.join(logs, one.name) if verdict == "failed" or keep_all else None
        try:
            test.finish(keep)
        except Exception:
            verdict, text = "failed", text + traceback.format_exc()
        if keep:
            text = f"{text.rstrip()}\nlogs: {keep}"
    return Outcome(one, verdict, text, took, test.notes if test else [])


def where():
    """The lines of the scenario itself in the current traceback."""
    import sys
    frames = traceback.extract_tb(sys.exc_info()[2])
    lines = [f"  {os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}"
             for frame in frames if "scenarios" in frame.filename]
    return "\n".join(lines)


def run_all(chosen, binary, logs, jobs, keep_all, report):
    """Runs the scenarios, `jobs` at a time and the longest first; then those that run alone."""
    together = sorted((one for one in chosen if not one.alone), key=lambda one: -one.takes)
    alone = [one for one in chosen if one.alone]
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(run_one, one, binary, logs, keep_all) for one in together]
        for done in concurrent.futures.as_completed(running):
            outcomes.append(done.result())
            report(outcomes[-1])
    for one in alone:
        outcomes.append(run_one(one, binary, logs, keep_all))
        report(outcomes[-1])
    return outcomes
