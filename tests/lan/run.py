#!/usr/bin/env python3
"""Tests the built `hms` on LANs made of network namespaces. Needs root and iproute2; strace and
baresip for the scenarios that name them.

    tests/lan/run.py                 everything (builds nothing: cargo build first)
    tests/lan/run.py --only b-push   one scenario, or all whose name contains the text
    tests/lan/run.py --list          names, and what each shows

All of it happens in namespaces of its own (see harness/sandbox.py); when it ends, however it ends,
nothing is left but the logs of scenarios that failed. The last line says how many passed, failed and
were skipped: `N passed, N failed, N skipped`.
The exit code is 0 if nothing failed and, with --strict or in CI, nothing was skipped.
"""

import argparse
import importlib
import os
import pkgutil
import signal
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from harness import sandbox  # noqa: E402
from harness.runner import SCENARIOS, run_all  # noqa: E402
import scenarios  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", help="default: the newest of target/{debug,release}/hms")
    parser.add_argument("--only", action="append", metavar="NAME", help="may be given several times")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1),
                        help="scenarios at a time (they mostly wait); default: twice the processors")
    parser.add_argument("--logs", default=os.path.join(ROOT, "target", "lan-logs"),
                        help="where the logs of failed scenarios go")
    parser.add_argument("--keep", action="store_true", help="keep the logs of all scenarios")
    parser.add_argument("--strict", action="store_true", default="CI" in os.environ,
                        help="a skip is a failure")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what was measured")
    return parser.parse_args()


def load():
    for module in sorted(pkgutil.iter_modules(scenarios.__path__), key=lambda one: one.name):
        importlib.import_module(f"scenarios.{module.name}")


def newest_binary():
    built = [os.path.join(ROOT, "target", profile, "hms") for profile in ("debug", "release")]
    built = [path for path in built if os.path.exists(path)]
    return max(built, key=os.path.getmtime) if built else None


def obstacle(binary):
    """Why nothing can run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("ip"):
        return "needs ip (iproute2)"
    if not binary:
        return "no binary: cargo build"
    return None


def report(outcome, verbose):
    mark = {"passed": "ok     ", "failed": "FAILED ", "skipped": "skipped"}[outcome.verdict]
    print(f"{mark} {outcome.scenario.name:<22} {outcome.took:5.1f} s   {outcome.scenario.shows}")
    if outcome.text:
        print("    " + outcome.text.strip().replace("\n", "\n    "))
    if verbose:
        for note in outcome.notes:
            print(f"            {note}")
    sys.stdout.flush()


def interrupted(_number, _frame):
    print("interrupted", flush=True)
    os._exit(130)  # the sandbox ends with this process, and with it everything in it


def in_sandbox(options, chosen, binary):
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the outermost process sends SIGTERM for it
    started = time.time()
    outcomes = run_all(chosen, binary, options.logs, options.jobs, options.keep,
                       lambda outcome: report(outcome, options.verbose))
    count = {verdict: sum(one.verdict == verdict for one in outcomes)
             for verdict in ("passed", "failed", "skipped")}
    print(f"{time.time() - started:.0f} s, {binary}")
    return summary(count, options)


def summary(count, options):
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or (options.strict and count["skipped"]) else 0


def main():
    options = arguments()
    load()
    chosen = [one for one in SCENARIOS
              if not options.only or any(text in one.name for text in options.only)]
    if options.list:
        for one in chosen:
            print(f"{one.name:<22} {one.shows}")
        return 0
    if not chosen:
        print("no such scenario; --list names them", file=sys.stderr)
        return 2
    binary = os.path.abspath(options.binary) if options.binary else newest_binary()
    reason = obstacle(binary)
    if reason:
        print(f"{reason}")
        return summary({"passed": 0, "failed": 0, "skipped": len(chosen)}, options)
    # Logs of an earlier run would be taken for this one's.
    shutil.rmtree(options.logs, ignore_errors=True)
    return sandbox.enter(lambda: in_sandbox(options, chosen, binary))


if __name__ == "__main__":
    sys.exit(main())
