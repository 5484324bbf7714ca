#!/usr/bin/env python3
"""Takes into tests/fuzz/corpus what fuzzing found: the inputs of tools/fuzz/corpus/TARGET are minimised (the fewest that
reach all that they reach together) and packed, an input on each line in base64. `corpus.py [TARGET…]`; all by default.
The way back is HMS_FUZZ_UNPACK=tools/fuzz/corpus cargo test --test fuzz the_corpus_is_small."""

import base64
import subprocess
import sys
import tempfile
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
PACKED = FUZZ.parent.parent / "tests" / "fuzz" / "corpus"
# An input, and all inputs of a target, in bytes: the smallest are taken first.
ENTRY_MAX, TARGET_MAX = 4095, 180_000


def minimised(name):
    binary = next(path for path in FUZZ.glob(f"target/*/release/{name}") if path.parent.parent.name != "release")
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
    (PACKED / f"{name}.txt").write_text("".join(line + "\n" for line in taken))
    print(f"{name}: {len(taken)} of {len(inputs)} inputs")


for target in sys.argv[1:] or sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs")):
    pack(target)
