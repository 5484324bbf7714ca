#!/usr/bin/env python3
"""Writes README.md's tables from benches/figures/*.json. With --check it writes nothing and fails if they differ."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def number(value):
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def core_row(figure):
    name = figure["what"]
    rows = f"{figure['rows']:,}".replace(",", " ") if figure["rows"] else ""
    if "ratio" in figure:
        yardstick = f"{figure['yardstick']}, {number(figure['yardstick_ns'])} ns"
        is_, ratio = f"{number(figure['ns'])} ns", f"{figure['ratio']:.2f}"
    else:
        yardstick, is_, ratio = "", f"{number(figure['value'])} {figure['unit']}", ""
    judged = f"{figure['goal']:g} / {figure['floor']:g}" if figure["goal"] is not None else ""
    cells = [f"{figure['group']}: {name}", rows, is_, yardstick, ratio, judged]
    return "| " + " | ".join(cells) + " |"


def core(record):
    """What has a goal, and what a reader may want to know besides."""
    figures = record["figures"]["figures"]
    largest = max(figure["rows"] for figure in figures)

    def wanted(figure):
        if figure["goal"] is not None:
            return True
        return figure["rows"] == largest and figure["group"] in ("registration", "expiry")

    head = ["| | rows | is | yardstick | ratio | goal / floor |", "|---|---|---|---|---|---|"]
    origin = f"Commit {record['commit']}, {record['date']}, {record['machine']}; made by `.ci/long core`."
    return [origin, "", *head, *(core_row(figure) for figure in figures if wanted(figure))]


TABLES = {"core": core}


def filled(text):
    for name, table in TABLES.items():
        path = ROOT / "benches" / "figures" / f"{name}.json"
        begin, end = f"<!-- figures: {name} -->", "<!-- end -->"
        pattern = re.compile(re.escape(begin) + r"\n.*?" + re.escape(end), re.S)
        if len(pattern.findall(text)) != 1:
            sys.exit(f"README.md: not one place for the figures of {name}")
        lines = ["Not measured yet."]
        if path.exists():
            lines = table(json.loads(path.read_text(encoding="utf-8")))
        text = pattern.sub(lambda _: "\n".join([begin, *lines, end]), text)
    return text


def main():
    old = README.read_text(encoding="utf-8")
    new = filled(old)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if new == old else "README.md: its figures are not those of benches/figures: python3 benches/readme.py")
    README.write_text(new, encoding="utf-8")


main()
