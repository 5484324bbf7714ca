#!/usr/bin/env python3
"""A second implementation of the host, written by somebody who had only the folder spec/: its unit tests, among them
every golden datagram both ways, then its hosts beside real ones at a real HMS on loopback, and real hosts at its HMS.

    tests/independent/run.py [--binary target/debug/hms] [--only NAME] [--jobs N]

Ends in `N passed, N failed, N skipped`; exits 1 if anything failed.
"""
import argparse
import concurrent.futures
import pathlib
import sys
import tempfile
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from interop import rules, scenarios, world  # noqa: E402


def units():
    suite = unittest.defaultTestLoader.discover(str(HERE / "host" / "tests"), top_level_dir=str(HERE))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    return result.testsRun - failed - len(result.skipped), failed, len(result.skipped)


def play(binary, scenario):
    """(passed, failed, skipped) of one scenario, and what there is to say about it."""
    with tempfile.TemporaryDirectory(prefix="hms-independent-") as folder:
        stage = world.World(binary, pathlib.Path(folder) / scenario.__name__)
        try:
            scenario(stage)
            return (1, 0, 0), "ok    %s" % scenario.__name__
        except rules.Skipped as why:
            return (0, 0, 1), "skip  %s: %s" % (scenario.__name__, why)
        except Exception:
            return (0, 1, 0), "FAIL  %s\n%s" % (scenario.__name__, traceback.format_exc())
        finally:
            stage.close()


def interop(binary, only, jobs):
    """Scenarios wait more than they work: some at a time."""
    counts = [(0, 0, 0)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        chosen = [s for s in scenarios.ALL if not only or s.__name__ in only]
        for played in concurrent.futures.as_completed([pool.submit(play, binary, s) for s in chosen]):
            count, shown = played.result()
            counts.append(count)
            print(shown, flush=True)
    return tuple(sum(column) for column in zip(*counts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(HERE.parents[1] / "target" / "debug" / "hms"))
    parser.add_argument("--only", action="append", help="one scenario; may be given several times")
    parser.add_argument("--jobs", type=int, default=4, help="scenarios at a time")
    options = parser.parse_args()
    options.binary = str(pathlib.Path(options.binary).resolve())
    if not pathlib.Path(options.binary).exists():
        sys.exit("%s is not there: cargo build" % options.binary)
    rows = [(0, 0, 0) if options.only else units(), interop(options.binary, options.only, options.jobs)]
    passed, failed, skipped = (sum(column) for column in zip(*rows))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
