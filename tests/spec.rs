//! The specification and the tests name the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The list of rules without a test; must be true, so that it cannot rot.
const UNTESTED: &str = "spec/untested.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(dir: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    let mut entries: Vec<_> =
        fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, visit);
        } else if let Ok(text) = fs::read_to_string(&path) {
            visit(&path, &text);
        }
    }
}

/// Rule ids in `text`: `R-ABC-01`.
fn ids(text: &str) -> impl Iterator<Item = String> + '_ {
    text.match_indices("R-").filter_map(|(at, _)| {
        let id = text.get(at..at + 8)?;
        let (area, dash, number) = (id.get(2..5)?, id.get(5..6)?, id.get(6..8)?);
        let good = dash == "-"
            && area.bytes().all(|b| b.is_ascii_uppercase())
            && number.bytes().all(|b| b.is_ascii_digit());
        good.then(|| id.to_string())
    })
}

/// Every rule with the chapter that defines it: `- **R-ABC-01**`.
fn defined() -> BTreeMap<String, String> {
    let mut rules = BTreeMap::new();
    walk(&root().join("spec"), &mut |path, text| {
        if path.extension().is_none_or(|e| e != "md") || path.ends_with(UNTESTED) {
            return;
        }
        let chapter = path.file_name().expect("a name").to_string_lossy().to_string();
        for line in text.lines().filter(|l| l.starts_with("- **R-")) {
            let id = ids(line).next().expect("an id after the dash");
            let before = rules.insert(id.clone(), chapter.clone());
            assert_eq!(before, None, "{id} is defined twice");
        }
    });
    rules
}

/// Rules named by tests: `shows!("R-…")` in Rust, `@shows("R-…")` in Python.
fn shown() -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for dir in ["src", "tests", "tools"] {
        walk(&root().join(dir), &mut |path, text| {
            if path.ends_with("shows.rs") || path.ends_with("tests/spec.rs") {
                return;
            }
            for call in text.split("shows!(").skip(1).chain(text.split("@shows(").skip(1)) {
                rules.extend(ids(call.split(')').next().unwrap_or_default()));
            }
        });
    }
    rules
}

#[test]
fn every_rule_that_is_named_exists() {
    let defined = defined();
    assert!(defined.len() > 50, "only {} rules found", defined.len());
    for dir in ["spec", "src", "tests", "tools"] {
        walk(&root().join(dir), &mut |path, text| {
            if path.ends_with("tests/spec.rs") || path.ends_with("shows.rs") {
                return;
            }
            for id in ids(text) {
                assert!(defined.contains_key(&id), "{}: {id} is not in the specification", path.display());
            }
        });
    }
}

#[test]
fn the_list_of_untested_rules_is_true() {
    let (defined, shown) = (defined(), shown());
    let missing: Vec<_> = defined.iter().filter(|(id, _)| !shown.contains(*id)).collect();
    let mut text = format!(
        "# Rules without a test\n\nMade by `HMS_WRITE=1 cargo test --test spec`: {} of {} rules are shown by a test.\n",
        defined.len() - missing.len(),
        defined.len()
    );
    for (n, (id, chapter)) in missing.iter().enumerate() {
        let _ = writeln!(text, "{}- {id} ({chapter})", if n == 0 { "\n" } else { "" });
    }
    let path = root().join(UNTESTED);
    if std::env::var_os("HMS_WRITE").is_some() {
        fs::write(&path, &text).expect("the list can be written");
    }
    let listed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(listed, text, "{UNTESTED} is not true: run HMS_WRITE=1 cargo test --test spec");
}
