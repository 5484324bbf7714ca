#!/usr/bin/env python3
"""Tests the tester: plants one bug at a time into a copy of the sources and demands that the simulator finds it.

usage: tests/sim/planted.py [NAME ...]        all bugs, or those whose name contains NAME
       HMS_SIM_SEEDS=200 tests/sim/planted.py  worlds for each bug (default 200)

Each bug is a replacement of one piece of source text; one that no longer fits is an error, so the list cannot rot.
Ends with `N found, N missed`; exit 1 if any was missed.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name, file, what is there, what is planted
BUGS = [
    ("no-cookie-needed", "server/session.rs", "heartbeat.cookie.is_some_and(|cookie| {", "heartbeat.cookie.is_none_or(|cookie| {"),
    ("replay-taken", "server/session.rs", "let seen = row.is_live() && ", "let seen = false && "),
    ("old-sequence-confirms", "server/session.rs", "if sequence <= window.highest() {", "if false {"),
    ("leave-keeps-row", "server/session.rs", "return self.remove_row(ask.now, id, Reason::Leave, \"leave\");", "return;"),
    ("unconfirmed-supersedes", "server/session.rs", ".filter(|row| row.is_live());", ";"),
    ("early-expiry", "registry/timing.rs", "(factor * 1000.0) as u64", "(factor * 950.0) as u64"),
    ("late-expiry", "registry/timing.rs", "(factor * 1000.0) as u64", "(factor * 1080.0) as u64"),
    ("stall-counts", "registry/expiry.rs", "self.deferrals.add(now, by, self.timing.check_time / 10);", ""),
    ("address-shared", "registry/address.rs", ".filter(|id| Some(*id) != keep)?", ".filter(|_| keep == Some(u32::MAX))?"),
    ("stamp-forgotten", "registry/removed.rs", "now.since(at) < REMOVED_STAMP_KEPT;", "now.since(at) > REMOVED_STAMP_KEPT;"),
    ("revoked-row-restored", "server/setup.rs", "if row.generation < self.keyring.generation(row.realm, row.user) {", "if false {"),
    ("revoked-row-stays", "server/commands.rs", "self.remove_row(now, row, Reason::Revoked, \"leave\");", ""),
    ("taken-ignored", "server/register.rs", "if !register.takeover && other", "if false && other"),
    ("check-time-untold", "server/heartbeat.rs", "if fresh || ask.now < self.tell_until {", "if fresh {"),
    ("number-repeats", "server/answer.rs", "self.number = self.number.saturating_add(1);", "self.number += u64::from(self.number % 50 != 7);"),
    ("group-never-left", "registry/change.rs", "if !same {\n            self.leave_group", "if false {\n            self.leave_group"),
    ("gone-unlisted", "registry/change.rs", "view.push_gone(GoneRow { user, revision, reason }, DELETIONS_KEPT);", ""),
    ("late-undigested", "registry/change.rs", "row.user(), row.is_late(), row", "row.user(), false, row"),
    ("superseded-goes-on", "host/end.rs", "if stamp > own {", "if stamp < own {"),
    ("superseded-forgotten", "host/end.rs", "self.store.superseded = Some(self.wall_at(now));", ""),
    ("gone-ignored", "directory/copy.rs", "let Some(row) = self.rows.remove(&user) else { return false };", "let Some(row) = self.rows.get(&user).filter(|_| user.0[7] > 40) else { return false };\n        let row = row.clone();\n        self.rows.remove(&user);"),
    ("sequence-twice", "host/session.rs", "session.next_sequence = sequence.saturating_add(1);", "session.next_sequence = sequence.saturating_add(u64::from(kind != Kind::Find));"),
    ("one-heartbeat-only", "host/heartbeat.rs", "1 => fifths(1, 1),", "1 => fifths(9, 20),"),
    ("lookups-put-off", "host/heartbeat.rs", "} else if matches!(request.asked, Asked::Beat(_)) {", "} else {"),
    ("brake-missing", "registry/realm.rs", "self.suspects > BRAKE_ROWS", "false && self.suspects > BRAKE_ROWS"),
    ("full-ignored", "server/register.rs", "Err(Over::Full) => Err((Verdict::Full, RejectCode::Full, self.settings.check_time_ms())),", "Err(Over::Full) => Ok(()),"),
    ("push-on-request", "server/pages.rs", "self.settings.push && self.settings.update != UpdateMode::OnRequest", "self.settings.push"),
    ("partial-copy-too-new", "host/follow.rs", "let revision = Some(digests.revision);", "let revision = None;"),
]


class Misfit(Exception):
    """The source has changed, and the bug no longer fits in."""


def plant(tree, bug):
    name, file, there, planted = bug
    path = tree / "src" / file
    text = path.read_text()
    if there is None or text.count(there) < 1:
        raise Misfit(f"not found in {file}: {there!r}")
    path.write_text(text.replace(there, planted, 1))


def copy_sources(tree):
    for part in ("src", "tests", "tools", "benches", "spec"):
        if (ROOT / part).exists():
            shutil.copytree(ROOT / part, tree / part)
    for file in ("Cargo.toml", "Cargo.lock"):
        shutil.copy2(ROOT / file, tree / file)


def hunt(tree, target, bug, seeds):
    path = tree / "src" / bug[1]
    clean = path.read_text()
    plant(tree, bug)
    try:
        return play(tree, target, bug, seeds)
    finally:
        path.write_text(clean)


def play(tree, target, bug, seeds):
    env = dict(os.environ, CARGO_TARGET_DIR=str(target), HMS_SIM_SEEDS=seeds, RUSTFLAGS="-Awarnings")
    run = subprocess.run(["cargo", "test", "-q", "--test", "sim"], cwd=tree, env=env, capture_output=True, text=True)
    failures = re.findall(r"^seed (\d+) failed at ([^:]*): (.*)$", run.stdout, re.M)
    held = re.search(r"^(\d+ of \d+ seeds held)", run.stdout, re.M)
    if not held:
        raise Misfit(f"does not compile\n{run.stderr[-3000:]}")
    return failures, held.group(1)


def main():
    wanted = sys.argv[1:]
    bugs = [bug for bug in BUGS if not wanted or any(part in bug[0] for part in wanted)]
    seeds = os.environ.get("HMS_SIM_SEEDS", "200")
    target = pathlib.Path(os.environ.get("PLANTED_TARGET", tempfile.gettempdir() + "/hms-planted-target"))
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / "hms"
        tree.mkdir()
        copy_sources(tree)
        for bug in bugs:
            try:
                failures, held = hunt(tree, target, bug, seeds)
            except Misfit as misfit:
                print(f"{bug[0]:24} {misfit}", flush=True)
                missed.append(bug[0])
                continue
            first = f"seed {failures[0][0]}: {failures[0][2][:150]}" if failures else "NOT FOUND"
            print(f"{bug[0]:24} {held:24} {first}", flush=True)
            if not failures:
                missed.append(bug[0])
    print(f"{len(bugs) - len(missed)} found, {len(missed)} missed {' '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
