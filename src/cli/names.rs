//! Who NAME is in `hms ip`, `uri`, `env`: a user, else the host that alone has the name.

use serde_json::{Value, json};

use super::args::Global;
use super::ask;
use super::fail::Failure;
use super::human;
use super::out;
use super::rows::{self, Row};
use crate::config::nearest;
use crate::shell::paths::Socket;

/// Asks the agent for the host that `name` means, and notes on stderr what must be known of the answer's worth.
pub(super) fn find(name: &str, global: &Global) -> Result<Row, Failure> {
    if name.is_empty() {
        return Err(Failure::usage("the name is empty; `hms who` lists those who are there"));
    }
    let who = ask::who(global, Socket::Observe, "who")?;
    let rows = rows::read(who.get("hosts").unwrap_or(&Value::Null))?;
    let row = match resolve(name, &rows) {
        Ok(row) => row.clone(),
        Err(failure) => ask_hms(name, &who, global).ok_or(failure)?,
    };
    if who.get("source").and_then(Value::as_str) == Some("cache") {
        let age = who.get("age_ms").and_then(Value::as_u64).map(human::span);
        let age = age.map_or_else(String::new, |age| format!(", {age} old"));
        out::note(format_args!("no HMS answers: this is from storage{age}"));
    } else if row.status == "late" {
        out::note(format_args!("{} is late: the HMS has not heard it for longer than it should", row.user));
    }
    Ok(row)
}

/// A host outside of the agent's list, where the realm is too large for one: asked of the HMS by its user's name.
fn ask_hms(name: &str, who: &Value, global: &Global) -> Option<Row> {
    if who.get("source").and_then(Value::as_str) != Some("hms") {
        return None;
    }
    // Whoever may not tell the agent to search gets the answer of the list: the first failure is the one to show.
    let answer = ask::command_agent(global, &json!({"cmd": "find", "pattern": name, "exact": true})).ok()?;
    let found = rows::read(answer.get("hosts").or_else(|| answer.get("rows")).unwrap_or(&answer)).ok()?;
    found.into_iter().find(|row| row.user == name)
}

/// The row that `name` means: a user's name byte for byte, else the name of exactly one host.
pub(super) fn resolve<'a>(name: &str, rows: &'a [Row]) -> Result<&'a Row, Failure> {
    if let Some(row) = rows.iter().find(|row| row.user == name) {
        return Ok(row);
    }
    let hosts: Vec<&Row> = rows.iter().filter(|row| row.host == name).collect();
    match hosts.as_slice() {
        [row] => Ok(row),
        [] => Err(Failure::no(unknown(name, rows))),
        several => {
            let lines: Vec<String> = several.iter().map(|row| format!("\n  {}", candidate(row))).collect();
            let message =
                format!("{} hosts are called {name}; name the user:{}", several.len(), lines.concat());
            Err(Failure::no(message))
        }
    }
}

fn candidate(row: &Row) -> String {
    let address = row.address.as_deref().unwrap_or("no address");
    format!("{} ({}, {address})", row.user, row.host)
}

fn unknown(name: &str, rows: &[Row]) -> String {
    let names = rows.iter().flat_map(|row| [row.user.as_str(), row.host.as_str()]);
    match nearest(name, names) {
        Some(near) => format!("there is no user or host {name}; did you mean {near}?"),
        None => format!("there is no user or host {name}; `hms who` lists those who are there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(user: &str, host: &str) -> Row {
        Row { user: user.to_owned(), host: host.to_owned(), ..Row::default() }
    }

    #[test]
    fn users_win_over_hosts_and_ambiguity_is_shown() {
        let rows = [row("alice", "pc1"), row("bob", "pc1"), row("carol", "alice"), row("dave", "pc4")];
        assert_eq!(resolve("alice", &rows).map(|r| r.host.as_str()), Ok("pc1"));
        assert_eq!(resolve("pc4", &rows).map(|r| r.user.as_str()), Ok("dave"));
        let failure = resolve("pc1", &rows).expect_err("two");
        assert_eq!(failure.exit, 1);
        assert_eq!(
            failure.message,
            "2 hosts are called pc1; name the user:\n  alice (pc1, no address)\n  bob (pc1, no address)"
        );
        assert!(resolve("alcie", &rows).expect_err("none").message.ends_with("did you mean alice?"));
        assert!(resolve("zebra", &rows).expect_err("none").message.contains("`hms who`"));
    }
}
