//! `hms who`: the hosts that can be reached, as the agent on this machine knows them.

use serde_json::{Value, json};

use super::args::{Global, Who};
use super::fail::{Failure, OK, Outcome};
use super::rows::{self, List, Row};
use super::{ask, human, out};
use crate::shell::paths::Socket;

/// How long `--refresh` waits for the HMS.
const WAITED_MS: u64 = 2_000;

pub(super) fn run(args: &Who, global: &Global) -> Outcome {
    let mut answer = if args.refresh {
        ask::who(global, Socket::Control, "refresh")?
    } else {
        ask::who(global, Socket::Observe, "who")?
    };
    let unanswered =
        args.refresh && answer.get("age_ms").and_then(Value::as_u64).is_none_or(|age| age >= WAITED_MS);
    if let Some(prefix) = &args.prefix {
        look_up(&mut answer, prefix, global);
        restrict(&mut answer, prefix);
    }
    let empty = answer.get("hosts").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if args.json {
        out::json(&answer);
    } else {
        let rows = rows::read(answer.get("hosts").unwrap_or(&Value::Null))?;
        if !rows.is_empty() {
            out::text(&rows::show(&rows, List::Who, out::colours()));
        }
        out::note(origin(&answer, &rows));
    }
    if unanswered {
        out::note("no HMS has answered within 2 s: this is what was known before");
    }
    match (&args.prefix, empty) {
        (Some(prefix), true) => Err(Failure::no(format!("no user or host begins with {prefix}"))),
        _ => Ok(OK),
    }
}

/// Where the HMS gives no list, because the realm is too large for one, it is asked for those that begin so.
fn look_up(answer: &mut Value, prefix: &str, global: &Global) {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    if text("source") != Some("hms") || text("message").is_none() {
        return;
    }
    // Whoever may not tell the agent to search gets what is there, and the message that says why that is little.
    let Ok(mut found) =
        ask::command_agent(global, &json!({"cmd": "find", "pattern": prefix, "exact": false}))
    else {
        return;
    };
    if let Some(hosts) =
        found.get_mut("hosts").filter(|hosts| hosts.as_array().is_some_and(|list| !list.is_empty()))
    {
        answer["hosts"] = hosts.take();
        let complete = found.get("complete").and_then(Value::as_bool) == Some(true);
        answer["message"] = if complete {
            Value::Null
        } else {
            "there are more whose names begin so than the HMS lists".into()
        };
    }
}

fn restrict(answer: &mut Value, prefix: &str) {
    let prefix = prefix.to_ascii_lowercase();
    let begins = |row: &Value, key: &str| {
        row.get(key)
            .and_then(Value::as_str)
            .is_some_and(|name| name.to_ascii_lowercase().starts_with(&prefix))
    };
    if let Some(hosts) = answer.get_mut("hosts").and_then(Value::as_array_mut) {
        hosts.retain(|row| begins(row, "user") || begins(row, "host"));
    }
}

/// How many, from where, how old.
fn origin(answer: &Value, rows: &[Row]) -> String {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let age = answer.get("age_ms").and_then(Value::as_u64).map(human::span);
    let hms = text("hms").map(|hms| format!(" {hms}")).unwrap_or_default();
    let mut lines = match (text("source"), age) {
        (Some("hms"), Some(age)) => format!("{}; HMS{hms} answered {age} ago", rows::summary(rows)),
        (Some("hms"), None) => format!("{}; HMS{hms}", rows::summary(rows)),
        (_, Some(age)) => format!("{}; from storage: HMS{hms} answered {age} ago", rows::summary(rows)),
        (_, None) => format!("{}; no HMS has answered yet (`hms self` says more)", rows::summary(rows)),
    };
    if answer.get("stale").and_then(Value::as_bool) == Some(true) {
        lines.push_str("\nthe HMS says that there are changes; it sends them on request only");
    }
    if let Some(message) = text("message") {
        lines.push_str(&format!("\n{message}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_tells_what_the_list_is_worth() {
        let said = |answer: Value| origin(&answer, &[]);
        assert_eq!(
            said(json!({"source": "hms", "hms": "atlas", "age_ms": 2000})),
            "0 hosts; HMS atlas answered 2 s ago"
        );
        assert_eq!(
            said(json!({"source": "cache", "hms": "atlas", "age_ms": 90_000})),
            "0 hosts; from storage: HMS atlas answered 1 min 30 s ago"
        );
        assert!(
            said(json!({"source": "cache", "hms": null, "age_ms": null})).contains("no HMS has answered yet")
        );
    }

    #[test]
    fn a_prefix_is_of_the_user_or_the_host() {
        let mut answer = json!({"hosts": [{"user": "alice", "host": "x"}, {"user": "bob", "host": "Alpha"}, {"user": "c", "host": "d"}]});
        restrict(&mut answer, "AL");
        assert_eq!(answer["hosts"].as_array().map(Vec::len), Some(2));
    }
}
