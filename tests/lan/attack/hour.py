"""The proof: an hour of a LAN's life, all of its traffic said again."""

import json
import os
import shutil
import time

from harness.runner import Test
from harness.world import World, hosts_config

from .life import Life, all_gone
from .passes import Passes, forget
from .replay import Replayer

HOSTS, CHECK_TIME, PAUSE = 20, 5.0, 2.0
PACE, SLOW = 2000, 250


class Progress:
    """A line now and then."""

    def __init__(self):
        self.started, self.last = time.time(), 0.0

    def __call__(self, what, figures=None):
        if figures or time.time() > self.last + 30:
            self.last = time.time()
            print(f"{self.last - self.started:6.0f} s  {what}  {json.dumps(figures) if figures else ''}", flush=True)


def live(world, seconds, progress):
    """The world's life, with two restarts of the HMS; what happened how often."""
    life, started = Life(world, CHECK_TIME), time.time()
    for number, part in enumerate((1 / 3, 2 / 3, 1)):
        life.live(started + part * seconds, PAUSE,
                  lambda: progress(f"captured {len(world.capture.datagrams)} datagrams, {life.done}"))
        life.settle()
        if number < 2:
            world.hms.stop()
            world.hms.serve()
            life.settle()
    return life


def say_again(world, passes, slow):
    """Every pass; the order matters, for at the end nobody is left. Returns when the silent go without a replay."""
    attempt, users = passes.attempt, sorted(world.hosts)
    strangers, dead = passes.replayer.strangers(world), max(1, len(users) // 6)
    groups = [users[first:first + dead] for first in range(0, 4 * dead, dead)]
    undisturbed = attempt(passes.nobody_says_it, groups[0])
    attempt(passes.live, "live")
    attempt(passes.live, "live, other sources", sources=strangers)
    attempt(passes.live, "live", "reversed")
    attempt(passes.live, "live", "shuffled")
    attempt(passes.live, "live, slowly", pace=slow)
    attempt(passes.moved, "moved twice a moment ago", users[-1], [str(world.lan.v4[number]) for number in (251, 252)])
    attempt(passes.silent, "some hosts dead", groups[0])
    attempt(passes.silent, "some hosts dead, slowly", groups[1], pace=slow)
    attempt(passes.restarted, "restarted with its snapshot, some hosts dead", groups[2], snapshot=True)
    attempt(passes.restarted, "restarted without snapshot, some hosts dead", groups[3], snapshot=False)
    all_gone(world, 5)
    attempt(passes.empty, "all have left")
    attempt(passes.empty, "all have left, other sources", sources=strangers)
    attempt(passes.empty, "all have left", "reversed")
    attempt(passes.empty, "all have left", "shuffled")
    world.hms.stop()
    world.hms.serve()
    attempt(passes.empty, "all have left, restarted with its snapshot")
    world.hms.kill()
    forget(world.hms)
    world.hms.serve()
    attempt(passes.empty, "all have left, restarted without snapshot")
    another(world, passes)
    return undisturbed


def another(world, passes):
    """Another machine serves the same realm with the same secrets."""
    node = world.net.node("other", world.lan)
    capture = world.t.capture(node)
    other = world.t.hms(node, "other")
    shutil.rmtree(other.state)
    shutil.copytree(world.hms.state, other.state, ignore=lambda _, names: [
        name for name in names if "sock" in name or "snapshot" in name])
    other.serve()
    passes.attempt(passes.elsewhere, "another HMS with the same secrets", other, capture)


def prove(binary, seconds, figures_file, logs):
    """Returns the exit code."""
    test, progress, figures = Test(f"attack-{seconds:.0f}", binary), Progress(), {"capture_seconds": 0}
    code = 1
    try:
        world = World(test, [f"user{number:02}" for number in range(HOSTS)], hosts_config("5s"))
        world.equal(within=4 * CHECK_TIME)
        passes = Passes(world, Replayer(test, world), CHECK_TIME, PACE, progress)
        started = time.time()
        life = live(world, seconds, progress)
        figures |= {"acts": life.done, "acts_that_failed": life.failures}
        figures["capture_seconds"] = round(time.time() - started)
        passes.record()
        figures |= {"hosts": HOSTS, "check_time_s": CHECK_TIME, "captured": len(passes.tape),
                    "captured_bytes": sum(len(one.data) for one in passes.tape),
                    "captured_by_type": kinds(passes.tape)}
        progress("captured", figures)
        figures["passes"] = passes.figures
        figures["gone_after_check_times_without_replay"] = say_again(world, passes, SLOW)
        figures |= {"passes_that_failed": passes.failures, **totals(passes)}
        code = 1 if life.failures or passes.failures else 0
    finally:
        with open(figures_file, "w") as file:
            json.dump(figures, file)
        test.finish(None if code == 0 else logs)
    return code


def kinds(datagrams):
    found = {}
    for one in datagrams:
        name = one.message.name if one.message else "?"
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def totals(passes):
    total = {key: sum(one[key] for one in passes.figures)
             for key in ("datagrams", "bytes_in", "bytes_out", "beats", "unanswered")}
    return {"replayed": total["datagrams"], "beats": total["beats"], "unanswered": total["unanswered"],
            "unproven_bytes_in": total["bytes_in"], "unproven_bytes_out": total["bytes_out"],
            "ratio": round(total["bytes_out"] / total["bytes_in"], 4)}
