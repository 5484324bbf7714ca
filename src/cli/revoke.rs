//! `hms revoke`: a user's key becomes invalid.

use serde_json::{Value, json};

use super::args::{Global, Revoke};
use super::fail::Outcome;
use super::{human, out, secrets, stored};
use crate::shell::paths::Socket;

pub(super) fn run(args: &Revoke, global: &Global) -> Outcome {
    let request = json!({"cmd": "revoke", "user": args.user, "realm": args.realm});
    let answer = match secrets::tell(global, Socket::Control, &request)? {
        Some(answer) => answer,
        None => secrets::change(global, |secrets| {
            let realm = secrets.realm(args.realm.as_deref())?.name.to_string();
            secrets.revoke(&args.user, Some(&realm))?;
            Ok(json!({"user": args.user, "realm": realm, "removed": null, "missing": []}))
        })?,
    };
    if args.json {
        out::json(&answer);
    }
    out::note(told(&args.user, args.realm.as_deref(), &answer));
    Ok(stored::everywhere(&answer))
}

fn told(user: &str, named: Option<&str>, answer: &Value) -> String {
    let realm = answer.get("realm").and_then(Value::as_str);
    let option = named.map(|realm| format!(" --realm {}", human::word(realm))).unwrap_or_default();
    let realm = realm.map(|realm| format!(" of realm {realm}")).unwrap_or_default();
    let host = match answer.get("removed").and_then(Value::as_bool) {
        Some(true) => "; the user's host was removed",
        Some(false) => "; no host of the user was registered",
        None => "; in force when the HMS starts",
    };
    let word = human::word(user);
    format!("the keys of {user}{realm} are invalid now{host}. `hms token {word}{option}` prints a new one")
}
