#!/usr/bin/env python3
"""A second implementation of the host, written by somebody who had only the folder spec/: its unit tests, among them
every golden datagram both ways, and then its hosts beside real ones at a real HMS on loopback.

    tests/independent/run.py [--binary target/debug/hms] [--only NAME]

Ends in `N passed, N failed, N skipped`; exits 1 if anything failed.
"""
import argparse
import pathlib
import sys
import tempfile
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from interop import scenarios, world  # noqa: E402


def units():
    suite = unittest.defaultTestLoader.discover(str(HERE / "host" / "tests"), top_level_dir=str(HERE))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    return result.testsRun - failed - len(result.skipped), failed, len(result.skipped)


def interop(binary, only):
    passed = failed = 0
    for scenario in scenarios.ALL:
        if only and scenario.__name__ not in only:
            continue
        with tempfile.TemporaryDirectory(prefix="hms-independent-") as folder:
            stage = world.World(binary, pathlib.Path(folder) / scenario.__name__)
            try:
                scenario(stage)
                passed += 1
                print("ok    %s" % scenario.__name__, flush=True)
            except Exception:
                failed += 1
                print("FAIL  %s" % scenario.__name__)
                traceback.print_exc(file=sys.stdout)
            finally:
                stage.close()
    return passed, failed, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(HERE.parents[1] / "target" / "debug" / "hms"))
    parser.add_argument("--only", action="append", help="one scenario; may be given several times")
    options = parser.parse_args()
    options.binary = str(pathlib.Path(options.binary).resolve())
    if not pathlib.Path(options.binary).exists():
        sys.exit("%s is not there: cargo build" % options.binary)
    rows = [(0, 0, 0) if options.only else units(), interop(options.binary, options.only)]
    passed, failed, skipped = (sum(column) for column in zip(*rows))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
