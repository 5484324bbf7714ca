"""Prints one of the README's two commands: `run` the first, `test` the second fenced block of its first section."""

import re
import sys

blocks = re.findall(r"^```sh\n(.*?)^```", open("README.md", encoding="utf-8").read(), re.M | re.S)
if len(blocks) < 2:
    sys.exit("README.md does not begin with two ```sh blocks")
command = blocks[{"run": 0, "test": 1}[sys.argv[1]]].strip()
if "\n" in command or not command.startswith("cargo "):
    sys.exit(f"README.md: not one cargo command: {command!r}")
print(command)
