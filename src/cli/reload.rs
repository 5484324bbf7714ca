//! `hms reload`: the edited settings file comes into force.

use serde_json::{Value, json};

use super::args::{Global, Reload};
use super::fail::{OK, Outcome};
use super::{ask, human, out};

pub(super) fn run(args: &Reload, global: &Global) -> Outcome {
    let answer = ask::command_server(global, &json!({"cmd": "reload"}))?;
    if args.json {
        out::json(&answer);
    } else {
        tell(&answer);
    }
    Ok(OK)
}

/// Says what is in force now and what waits for a restart.
pub(super) fn tell(answer: &Value) {
    let words = |name: &str| -> Vec<String> {
        let list = answer.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (changed, restart) = (words("changed"), words("restart"));
    if changed.is_empty() && restart.is_empty() {
        out::note("the settings are in force; nothing differs from before");
    }
    if !changed.is_empty() {
        out::note(format_args!("in force now: {}", human::list(&changed)));
    }
    if !restart.is_empty() {
        out::note(format_args!("after the next start of `hms serve`: {}", human::list(&restart)));
    }
    words("warnings").iter().for_each(out::note);
}
