//! `hms why`: what was refused, and what to do about it.

use serde_json::{Value, json};

use super::args::{Global, Why};
use super::fail::{Failure, OK, Outcome};
use super::{ask, human, out};

pub(super) fn run(args: &Why, global: &Global) -> Outcome {
    let answer = ask::server(global, &json!({"cmd": "why", "name": args.name, "realm": args.realm}))?;
    let refusals = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    if args.json {
        out::json(&answer);
    } else {
        // The newest stands where the reader looks: at the end.
        refusals.iter().rev().for_each(|refusal| out::line(show(refusal)));
        if refusals.iter().any(|refusal| user(refusal).is_some_and(is_id)) {
            out::note(
                "an HMS keeps no list of users: where an id stands, `hms why NAME` tells whether it is NAME's",
            );
        }
    }
    match (&args.name, refusals.is_empty()) {
        (Some(name), true) => Err(Failure::no(format!(
            "nothing of {name} was refused lately; if it cannot join, its datagrams do not arrive here, \
             or its token is of a realm that this HMS does not serve (`hms realm list`)"
        ))),
        (None, true) => {
            out::note("nothing was refused lately");
            Ok(OK)
        }
        _ => Ok(OK),
    }
}

fn user(refusal: &Value) -> Option<&str> {
    refusal.get("user").and_then(Value::as_str)
}

/// A user's id, shown in the place of a name that the HMS cannot know.
fn is_id(user: &str) -> bool {
    user.len() == 16 && user.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn show(refusal: &Value) -> String {
    let text = |name: &str| refusal.get(name).and_then(Value::as_str);
    let count = refusal.get("count").and_then(Value::as_u64).unwrap_or(1);
    let user = match user(refusal) {
        Some(id) if is_id(id) => format!("user id {id}"),
        Some(name) => format!("user {name}"),
        None => "an unknown user".to_owned(),
    };
    let realm = text("realm").map(|realm| format!(" of realm {realm}")).unwrap_or_default();
    let times = if count > 1 { format!(", {count} times") } else { String::new() };
    format!(
        "{}  {user}{realm} at {}: {} refused, {}{times}\n          {}",
        human::date_time(text("time").unwrap_or("some time ago")),
        text("address").unwrap_or("an unknown address"),
        text("type").unwrap_or("datagram"),
        text("verdict").unwrap_or("for an unknown reason"),
        text("remedy").unwrap_or("look at the log"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_what_why_and_what_to_do() {
        let refusal = json!({"time": "2026-01-01T10:13:05Z", "address": "10.1.0.9:4000", "user": "bob", "realm": "7q2m",
            "type": "INIT", "verdict": "wrong key", "count": 3, "remedy": "print a new token with `hms token bob`"});
        assert_eq!(
            show(&refusal),
            "2026-01-01 10:13:05 UTC  user bob of realm 7q2m at 10.1.0.9:4000: INIT refused, wrong key, 3 times\n          \
             print a new token with `hms token bob`"
        );
    }
}
