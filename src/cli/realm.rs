//! `hms realm`: a company's own world of users, keys and hosts.

use std::io::{self, BufRead, IsTerminal};

use serde_json::{Value, json};

use super::args::{Global, RealmAction, RealmArgs};
use super::fail::{Failure, OK, Outcome};
use super::table::{Cell, table};
use super::{human, out, secrets, stored};
use crate::ident::Name;
use crate::limits::REALM_NAME_MAX;
use crate::shell::entropy;
use crate::shell::paths::Socket;
use crate::storage::RealmRecord;

pub(super) fn run(args: &RealmArgs, global: &Global) -> Outcome {
    match &args.action {
        RealmAction::List { json } => list(*json, global),
        RealmAction::New { name, json } => new(name, *json, global),
        RealmAction::Remove { name, yes, json } => remove(name, *yes, *json, global),
    }
}

fn list(as_json: bool, global: &Global) -> Outcome {
    let answer = realms(global)?;
    let rows = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    if as_json {
        out::json(&answer);
    } else if rows.is_empty() {
        out::note("there is no realm; `hms realm new NAME` makes one");
    } else {
        out::text(&show(rows, out::colours()));
    }
    Ok(OK)
}

/// As the daemon tells them, or the secrets on disk.
fn realms(global: &Global) -> Result<Value, Failure> {
    match secrets::tell(global, Socket::Observe, &json!({"cmd": "realm_list"}))? {
        Some(answer) => Ok(answer),
        None => stored(global),
    }
}

/// Without a daemon the secrets tell the names; nobody knows how many hosts there are.
fn stored(global: &Global) -> Result<Value, Failure> {
    Ok(secrets::load(global)?.realms.iter().map(stored_row).collect())
}

fn stored_row(realm: &RealmRecord) -> Value {
    json!({"name": realm.name.as_str(), "id": realm.id.to_string(), "default": realm.default, "hosts": null,
        "max_hosts": null, "max_rate": null})
}

/// Other HMSs hear of it when this one runs.
fn changed_row(realm: &RealmRecord) -> Value {
    let mut row = stored_row(realm);
    row["missing"] = json!([]);
    row
}

fn show(rows: &[Value], colours: bool) -> String {
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_u64).map(|n| n.to_string());
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let lines: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                text(row, "name").into(),
                text(row, "id").into(),
                number(row, "hosts").unwrap_or_else(|| "HMS not running".to_owned()).into(),
                number(row, "max_hosts").unwrap_or_default().into(),
                number(row, "max_rate").map(|rate| format!("{rate} per second")).unwrap_or_default().into(),
            ]
        })
        .collect();
    table(&["REALM", "ID", "HOSTS", "MAX HOSTS", "MAX RATE"], &lines, colours)
}

fn new(name: &str, as_json: bool, global: &Global) -> Outcome {
    if let Err(error) = Name::with_limit(name, REALM_NAME_MAX) {
        return Err(Failure::usage(format!("{name:?} cannot be a realm's name: {error}")));
    }
    // What is drawn under the lock cannot report a failure, so the source is tried first.
    entropy::number().map_err(|error| Failure::no(error.to_string()))?;
    let answer = match secrets::tell(global, Socket::Control, &json!({"cmd": "realm_new", "name": name}))? {
        Some(answer) => answer,
        None => {
            let secrets = secrets::new_realm(global, name)?;
            secrets
                .realms
                .iter()
                .find(|realm| realm.name.as_str() == name)
                .map(changed_row)
                .unwrap_or_default()
        }
    };
    if as_json {
        out::json(&answer);
    }
    out::note(format_args!(
        "realm {name} is made; `hms token USER --realm {}` prints the line that adds a host",
        human::word(name)
    ));
    Ok(stored::everywhere(&answer))
}

/// Nobody is asked about a realm that is not there.
fn known(name: &str, global: &Global) -> Result<(), Failure> {
    let realms = realms(global)?;
    let names: Vec<&str> =
        realms.as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect();
    if names.contains(&name) {
        return Ok(());
    }
    Err(Failure::usage(format!("no realm {name} here; there is {}", names.join(", "))))
}

fn remove(name: &str, yes: bool, as_json: bool, global: &Global) -> Outcome {
    if !yes {
        known(name, global)?;
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            let word = human::word(name);
            return Err(Failure::usage(format!(
                "this would remove realm {name} with its hosts and keys, for good, and there is no terminal to ask at: \
                 `hms realm remove {word} --yes` does not ask"
            )));
        }
        if !confirmed(name) {
            return Err(Failure::no("nothing was removed"));
        }
    }
    let answer = match secrets::tell(global, Socket::Control, &json!({"cmd": "realm_remove", "name": name}))?
    {
        Some(answer) => answer,
        None => secrets::change(global, |secrets| {
            let row = changed_row(secrets.realm(Some(name))?);
            secrets.remove_realm(name).map(|_| row)
        })?,
    };
    if as_json {
        out::json(&answer);
    }
    let hosts = answer.get("hosts").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let hosts = hosts.map(|n| format!(" with {}", human::count(n, "host"))).unwrap_or_default();
    out::note(format_args!("realm {name} is removed{hosts}; its tokens are worthless"));
    Ok(stored::everywhere(&answer))
}

fn confirmed(name: &str) -> bool {
    out::note(format_args!(
        "this removes realm {name} with its hosts and keys, for good; type its name to go on:"
    ));
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).is_ok() && typed.trim() == name
}
