"""The papers a newcomer needs are there, and their links lead somewhere."""

import pathlib
import re
import subprocess
import sys

PAPERS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]
problems = [f"{name} is missing" for name in PAPERS if not pathlib.Path(name).is_file()]
files = subprocess.check_output(["git", "ls-files", "*.md"], text=True).split()
for name in files:
    text = pathlib.Path(name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        if not (pathlib.Path(name).parent / target).exists():
            problems.append(f"{name}: link to {target} leads nowhere")
print(f"{len(files)} papers")
sys.exit("\n".join(problems) if problems else 0)
