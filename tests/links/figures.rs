//! How much is played, and what is left of it.

use std::path::PathBuf;

use serde_json::Value;

fn folder() -> Option<PathBuf> {
    std::env::var_os("HMS_LINKS_FIGURES").map(PathBuf::from)
}

/// Whether there is time for many paths and seeds.
pub fn long() -> bool {
    folder().is_some()
}

/// Shows what one part found, leaves it for the record, and fails if something did not hold.
pub fn judge(part: &str, rows: Vec<Value>, broken: &[String]) {
    rows.iter().for_each(|row| println!("{row}"));
    if let Some(folder) = folder() {
        let text = format!("{:#}\n", Value::from(rows));
        std::fs::write(folder.join(format!("{part}.json")), text).expect("the figures can be written");
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
