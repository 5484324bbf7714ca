#!/usr/bin/env python3
"""Tests tools/wireshark/hms.lua in tshark, as a user without rights. Needs tshark; hms-dissect for the comparison.

    tests/wireshark/run.py                 everything
    tests/wireshark/run.py --only vectors  one check, or all whose name contains the text
    tests/wireshark/run.py --list          names, and what each shows
    tests/wireshark/run.py --strict        what was skipped counts as failed

The last line says how many passed, failed and were skipped: `N passed, N failed, N skipped`.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import checks  # noqa: E402
import shark  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="may be given several times")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--strict", action="store_true", default=bool(os.environ.get("CI")))
    parser.add_argument("--dissect", help="the built hms-dissect [default: the newest under target]")
    parser.add_argument("--seed", type=int, default=1, help="of the random datagrams")
    return parser.parse_args()


def run(check, options):
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="hms-wireshark-") as directory:
        os.chmod(directory, 0o755)
        try:
            verdict, text = "passed", check(checks.Place(directory, options))
        except checks.Skipped as reason:
            verdict, text = "skipped", str(reason)
        except AssertionError as wrong:
            verdict, text = "failed", str(wrong) or traceback.format_exc()
        except Exception:  # pylint: disable=broad-exception-caught
            verdict, text = "failed", traceback.format_exc()
    mark = {"passed": "ok     ", "failed": "FAILED ", "skipped": "skipped"}[verdict]
    print(f"{mark} {check.__name__:<22} {time.time() - started:5.1f} s   {check.__doc__}")
    if text:
        print("    " + text.strip().replace("\n", "\n    "))
    sys.stdout.flush()
    return verdict


def main():
    options = arguments()
    chosen = [one for one in checks.ALL if not options.only or any(text in one.__name__ for text in options.only)]
    if options.list:
        for one in chosen:
            print(f"{one.__name__:<22} {one.__doc__}")
        return 0
    if not chosen:
        print("no such check; --list names them", file=sys.stderr)
        return 2
    reason = shark.obstacle()
    if reason:
        print(reason)
        verdicts = ["skipped"] * len(chosen)
    else:
        verdicts = [run(one, options) for one in chosen]
    count = {name: verdicts.count(name) for name in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or (options.strict and count["skipped"]) else 0


if __name__ == "__main__":
    sys.exit(main())
