"""Dependency rules: licences that may be shipped with MIT OR Apache-2.0, no second version of a crate without a reason."""

import json
import re
import subprocess
import sys

LICENCES = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib",
            "Unicode-3.0", "0BSD", "Unlicense", "CC0-1.0", "BSL-1.0"}
# Crates of which two versions are there, and why.
TWICE = {
    "windows-sys": "never built here; crates for Windows lag behind each other",
    "windows-targets": "the same",
    "windows_x86_64_msvc": "the same",
    "wasi": "never built here",
    "wit-bindgen": "never built here",
    "getrandom": "ring stays on 0.2; tempfile and proptest use newer ones",
    "r-efi": "never built here; comes with getrandom",
    "rand_core": "proptest's generator lags behind; only in tests",
    "hashbrown": "indexmap (toml_edit) and ours",
    "foldhash": "comes with hashbrown",
    "cpufeatures": "comes with getrandom and chacha20",
    "wasip2": "never built here",
}
NEEDED = {"socket2", "mio", "bytes", "nom", "ring", "slab", "log", "env_logger"}


def allowed(expression):
    """True if some branch of the SPDX expression needs only allowed licences."""
    branches = re.split(r"\s+OR\s+|/", expression.replace("(", " ").replace(")", " ").strip())
    return any(all(part.strip() in LICENCES for part in re.split(r"\s+AND\s+", branch)) for branch in branches)


data = json.loads(subprocess.check_output(
    ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"]))
ours = set(data["workspace_members"])
problems, versions = [], {}
for package in data["packages"]:
    versions.setdefault(package["name"], set()).add(package["version"])
    if package["id"] in ours:
        continue
    if not allowed(package["license"] or ""):
        problems.append(f"{package['name']} {package['version']}: licence {package['license']!r}")
for name, found in sorted(versions.items()):
    if len(found) > 1 and name not in TWICE:
        problems.append(f"{name}: versions {', '.join(sorted(found))} without a reason in .ci/dependencies.py")
root = next(p for p in data["packages"] if p["name"] == "hms")
for name in sorted(NEEDED - {d["name"] for d in root["dependencies"]}):
    problems.append(f"{name}: fixed dependency is missing")
print(f"{len(data['packages'])} packages")
sys.exit("\n".join(problems) if problems else 0)
