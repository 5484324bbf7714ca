#!/usr/bin/env python3
"""The corpora of the fuzz targets, packed and unpacked. `corpus.py [TARGET…]` takes into tests/fuzz/corpus what fuzzing
found: the inputs of tools/fuzz/corpus/TARGET are minimised (the fewest that reach all that they reach together) and
packed, one on each line in base64. `corpus.py --unpack [TARGET…]` goes the other way, with all that was ever found."""

import base64
import subprocess
import sys
import tempfile
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
TESTS = FUZZ.parent.parent / "tests" / "fuzz"
# An input, and all inputs of a target, in bytes: the smallest are taken first.
ENTRY_MAX, TARGET_MAX = 4095, 180_000


def minimised(name):
    binary = next(FUZZ.glob(f"target/*/release/{name}"))
    with tempfile.TemporaryDirectory() as folder:
        merge = [binary, "-set_cover_merge=1", f"-max_len={ENTRY_MAX}", "-rss_limit_mb=2048", folder, FUZZ / "corpus" / name]
        subprocess.run(["nice", "-n", "10", *merge], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [path.read_bytes() for path in Path(folder).iterdir()]


def pack(name):
    inputs = sorted(set(minimised(name)), key=lambda one: (len(one), one))
    taken, total = [], 0
    for one in inputs:
        total += len(one)
        if len(one) <= ENTRY_MAX and total <= TARGET_MAX:
            taken.append(base64.b64encode(one).decode())
    (TESTS / "corpus" / f"{name}.txt").write_text("".join(line + "\n" for line in taken))
    print(f"{name}: {len(taken)} of {len(inputs)} inputs")


def unpack(name):
    folder = FUZZ / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    lines = (TESTS / "corpus" / f"{name}.txt").read_text().split()
    inputs = [base64.b64decode(line) for line in lines]
    inputs += [path.read_bytes() for path in (TESTS / "found" / name).glob("*")]
    for at, one in enumerate(inputs):
        (folder / f"known-{at:04}").write_bytes(one)


words = sys.argv[1:]
work = unpack if "--unpack" in words else pack
for target in [word for word in words if word != "--unpack"] or sorted(p.stem for p in (FUZZ / "fuzz_targets").glob("*.rs")):
    work(target)
