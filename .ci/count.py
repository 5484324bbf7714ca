"""Adds up the closing lines of cargo test and of our own harnesses in a log: prints passed, failed, skipped."""

import re
import sys

CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.M)
OURS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)

text = open(sys.argv[1], encoding="utf-8", errors="replace").read()
rows = [tuple(map(int, row)) for row in CARGO.findall(text) + OURS.findall(text)]
print(*(sum(column) for column in zip(*rows)) if rows else (0, 0, 0))
