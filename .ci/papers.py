"""The papers a newcomer needs are there, their links lead somewhere, and the figures in them are the measured ones."""

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
made = subprocess.run([sys.executable, "benches/readme.py", "--check"], capture_output=True, text=True)
if made.returncode:
    problems.append(made.stderr.strip())
print(f"{len(files)} papers")
sys.exit("\n".join(problems) if problems else 0)
