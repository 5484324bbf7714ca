//! `hms check`: every problem of a settings file with its line and remedy.

use std::path::Path;

use serde_json::json;

use super::args::{Check, Global};
use super::fail::{CONFIG, OK, Outcome};
use super::{human, out, settings_file};
use crate::config::{Checked, check};

pub(super) fn run(args: &Check, global: &Global) -> Outcome {
    let named: Option<&Path> = args.file.as_deref().or(args.config.as_deref());
    let Some(file) = settings_file::find(named, global)? else {
        if args.json {
            out::json(&json!([]));
        }
        out::note("there is no settings file: the defaults hold (`hms config default` prints them)");
        return Ok(OK);
    };
    let shown = file.path.display().to_string();
    let checked = check(&file.text, &shown);
    if args.json {
        out::json(&json!(checked.problems));
    } else {
        checked.problems.iter().for_each(out::line);
    }
    out::note(verdict(&shown, &checked));
    Ok(if checked.usable() { OK } else { CONFIG })
}

fn verdict(file: &str, checked: &Checked) -> String {
    match checked.problems.len() {
        0 => format!("{file}: no problems"),
        errors => format!("{file}: cannot be used, {}", human::count(errors, "error")),
    }
}
