//! `hms set`: what this host says of itself.

use serde_json::{Map, Value, json};

use super::args::{Global, Set};
use super::fail::{Failure, OK, Outcome};
use super::{ask, out};

pub(super) fn run(args: &Set, global: &Global) -> Outcome {
    let mut changes = Map::new();
    for change in &args.changes {
        let (key, value) = read(change)?;
        let known = changes.entry(key).or_insert_with(|| json!([]));
        if let Some(values) = known.as_array_mut() {
            values.push(Value::String(value));
        }
    }
    for (key, value) in &mut changes {
        flatten(key, value)?;
    }
    let answer = ask::command_agent(global, &json!({"cmd": "set", "changes": changes}))?;
    if args.json {
        out::json(&answer);
    }
    out::note("set; the others see it with the HMS's next answer to them, or at once if it pushes");
    Ok(OK)
}

/// One value stands alone; only services may come several times.
fn flatten(key: &str, value: &mut Value) -> Result<(), Failure> {
    let Some(values) = value.as_array() else { return Ok(()) };
    match values.as_slice() {
        [only] => *value = only.clone(),
        _ if key.starts_with("service") => {}
        _ => return Err(Failure::usage(format!("{key} is given twice; give it once"))),
    }
    Ok(())
}

fn read(change: &str) -> Result<(String, String), Failure> {
    let Some((key, value)) = change.split_once('=') else {
        return Err(Failure::usage(format!(
            "{change:?} is not KEY=VALUE; write for example state=participating"
        )));
    };
    Ok((key.trim().to_owned(), value.to_owned()))
}
