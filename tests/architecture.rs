//! The plan of the house, enforced: imports point down only, and nothing below the shell touches the world.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the ground up, each with the modules that it may use. `ARCHITECTURE.md` draws the same.
const MAY_USE: &[(&str, &[&str])] = &[
    ("time", &[]),
    // Bugs for the simulator, nothing else.
    ("planted", &[]),
    ("ident", &[]),
    ("limits", &["time"]),
    ("net", &[]),
    ("capture", &[]),
    ("chance", &["time"]),
    ("config", &["ident", "limits", "time"]),
    ("wire", &["ident", "limits"]),
    ("registry", &["ident", "limits", "planted", "time"]),
    ("auth", &["ident", "limits", "planted", "time", "wire"]),
    ("token", &["auth", "ident", "limits", "wire"]),
    ("transport", &["auth", "ident", "planted", "time"]),
    ("storage", &["auth", "ident", "limits", "time", "token", "wire"]),
    (
        "cluster",
        &[
            "auth",
            "chance",
            "ident",
            "limits",
            "planted",
            "registry",
            "storage",
            "time",
            "token",
            "transport",
            "wire",
        ],
    ),
    ("directory", &["auth", "ident", "limits", "registry", "time", "wire"]),
    ("discovery", &["auth", "chance", "ident", "limits", "net", "time", "wire"]),
    (
        "server",
        &[
            "auth",
            "capture",
            "chance",
            "cluster",
            "directory",
            "discovery",
            "ident",
            "limits",
            "net",
            "planted",
            "registry",
            "storage",
            "time",
            "token",
            "transport",
            "wire",
        ],
    ),
    (
        "host",
        &[
            "auth",
            "chance",
            "directory",
            "discovery",
            "ident",
            "limits",
            "net",
            "planted",
            "storage",
            "time",
            "token",
            "wire",
        ],
    ),
    ("relay", &["time"]),
];

/// The floors that may touch the world and use everything below them.
const WORLD: &[&str] = &["shell", "cli", "main", "lib"];

/// What only the world floors (and the relay's runner) may name.
const FORBIDDEN: &[&str] = &[
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::io::std",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::UdpSocket",
    "std::net::Tcp",
    "SystemRandom",
    "mio::",
    "socket2::",
    "quinn_udp::",
    "libc::",
    "println!",
    "print!",
    "dbg!",
];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Every source file with its top-level module, and its code without comments and test modules.
fn files() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&root).expect("inside src").to_path_buf();
        let first = inside.components().next().expect("a name");
        let module = first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_string();
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code: Vec<_> = code.lines().map(|l| l.split("//").next().unwrap_or_default()).collect();
        (inside, module, code.join("\n"))
    };
    paths.into_iter().map(read).filter(|(path, _, _)| !is_test(path)).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "tests.rs" | "testing.rs")))
        || path.file_stem().is_some_and(|s| s.to_string_lossy().ends_with("_tests"))
}

#[test]
fn imports_point_down() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, module, code) in files() {
        if WORLD.contains(&module.as_str()) || module == "shows" {
            continue;
        }
        let Some(may) = allowed.get(module.as_str()) else {
            wrong.push(format!("{}: `{module}` is not in the plan (tests/architecture.rs)", path.display()));
            continue;
        };
        for used in code.split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let known = used.is_empty() || used == module || used == "shows" || may.contains(&used.as_str());
            if !known {
                wrong.push(format!("{}: `{module}` must not use `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn the_plan_has_no_circle() {
    for (at, (module, may)) in MAY_USE.iter().enumerate() {
        for used in *may {
            let used_at = MAY_USE.iter().position(|(m, _)| m == used);
            assert!(used_at.is_some_and(|u| u < at), "`{module}` may use `{used}`, which is not below it");
        }
    }
}

#[test]
fn nothing_below_the_shell_touches_the_world() {
    let mut wrong = Vec::new();
    for (path, module, code) in files() {
        let runner = path.starts_with("relay/run") || path == Path::new("relay/run.rs");
        if WORLD.contains(&module.as_str()) || runner {
            continue;
        }
        for name in FORBIDDEN.iter().filter(|name| code.contains(*name)) {
            wrong.push(format!("{}: {name}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "the core touches the world:\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stays_in_its_room() {
    for (path, _, code) in files() {
        let room = path.starts_with("shell/sys") || path == Path::new("shell/sys.rs");
        let found = code.contains("unsafe ") || code.contains("allow(unsafe_code)");
        assert!(room || !found, "{}: unsafe", path.display());
    }
}
