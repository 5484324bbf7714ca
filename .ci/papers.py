"""The papers a newcomer needs are there, their links lead somewhere, the tests that they name exist, and the figures
in them are the measured ones."""

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


def named_tests():
    """What tests/README.md names and nobody can find."""
    def tracked(*patterns):
        return [pathlib.Path(name) for name in subprocess.check_output(["git", "ls-files", *patterns], text=True).split()]

    def found(pattern, *files):
        return {name for file in tracked(*files) for name in re.findall(pattern, file.read_text(encoding="utf-8"), re.M)}

    tests = found(r"#\[test\]\s+(?:#\[[^\n]*\]\s+)*fn (\w+)", "*.rs")
    lan = found(r'@scenario\("([\w-]+)"', "tests/lan/scenarios/*.py")
    interop = found(r"^def (\w+)\(w\)", "tests/independent/interop/*.py")
    rules = found(r"^    ([A-Z]\w+),$", "tests/sim/rule.rs")
    cargo = {path.stem for path in tracked("tests/*.rs", "benches/*.rs")} | {path.parts[1] for path in tracked("*/main.rs")}
    text = pathlib.Path("tests/README.md").read_text(encoding="utf-8")
    for bracket in re.findall(r"`sim` \(([^)]*)\)", text):
        yield from (f"the rule {name} of the simulator" for name in bracket.split(", ") if name not in rules)
    for words in re.findall(r"`([^`]+)`", text):
        name = words.split()[0]
        if re.fullmatch(r"[a-z\d]+(_[a-z\d]+)+", words) and words not in tests:
            yield f"the test {words}"
        elif re.fullmatch(r"[a-z]+(-[a-z\d]+)+", words) and words not in lan:
            yield f"the scenario {words}"
        elif "/" in name and not pathlib.Path(name).exists():
            yield name
        yield from (f"the proof {one}" for one in re.findall(r"\.ci/long (\w+)", words)
                    if not pathlib.Path(".ci/proofs", one).is_file())
        yield from (f"cargo's {one}" for one in re.findall(r"--(?:test|bench) (\w+)", words) if one not in cargo)
        yield from (f"the scenario {one}" for one in re.findall(r"--only ([a-z][\w-]+)", words)
                    if one not in interop and not any(one in other for other in lan))


problems += [f"tests/README.md: {what} is not there" for what in named_tests()]
made = subprocess.run([sys.executable, "benches/readme.py", "--check"], capture_output=True, text=True)
if made.returncode:
    problems.append(made.stderr.strip())
print(f"{len(files)} papers")
sys.exit("\n".join(problems) if problems else 0)
