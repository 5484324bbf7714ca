#!/usr/bin/env python3
"""Writes vectors.json: keys, tokens and datagrams of every type that the implementation in host/ made from the
specification, for tests/independent_vectors to read with the real code.

    tests/independent/vectors.py [--check]      --check writes nothing and fails if the file is not what this makes
"""
import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from made import answers, keyring, refused, requests  # noqa: E402

FILE = HERE / "vectors.json"


def lines(rows):
    """One to a line."""
    return "[\n" + ",\n".join(json.dumps(row, sort_keys=True) for row in rows) + "\n]"


def text():
    keys = keyring.section()
    parts = {name: lines(value) if isinstance(value, list) else json.dumps(value, sort_keys=True) for name,
             value in keys.items()}
    parts["datagrams"] = lines([*requests.all_of_them(), *answers.all_of_them()])
    parts["refused"] = lines(refused.all_of_them())
    return "{\n" + ",\n".join('"%s": %s' % part for part in parts.items()) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    made = text()
    if parser.parse_args().check:
        if not FILE.exists() or FILE.read_text() != made:
            sys.exit("%s is not what this makes: run %s" % (FILE.name, pathlib.Path(__file__).name))
        return
    FILE.write_text(made)


if __name__ == "__main__":
    main()
