//! `hms watch`: changes as they happen.

use serde_json::{Value, json};

use super::args::{Global, Watch};
use super::fail::{Failure, NOT_RUNNING, OK, Outcome};
use super::out::Look;
use super::rows::{self, Row};
use super::{ask, human, out};
use crate::shell::paths::{Role, Socket};

pub(super) fn run(args: &Watch, global: &Global) -> Outcome {
    let client = ask::open(Role::Server, Socket::Observe, global)?;
    let events = client.stream(&json!({"cmd": "watch", "realm": args.realm}))?;
    log::info!("watching; Ctrl-C ends");
    let mut left = args.count;
    for event in events {
        let event = event?;
        if args.jsonl {
            out::json_line(&event);
        } else {
            out::text(&show(&event, &now(), out::colours()));
        }
        left = left.map(|left| left.saturating_sub(1));
        if left == Some(0) {
            return Ok(OK);
        }
    }
    Err(Failure::new(NOT_RUNNING, "the HMS has stopped"))
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

fn show(event: &Value, now: &str, colours: bool) -> String {
    format!("{} UTC {}", human::time_of_day(now), describe_event(event, colours))
}

/// What happened to whom.
pub(super) fn describe_event(event: &Value, colours: bool) -> String {
    let kind = event.get("event").and_then(Value::as_str).unwrap_or("unknown");
    let row = event
        .get("row")
        .and_then(|row| rows::read(&json!([row])).ok())
        .and_then(|rows| rows.into_iter().next());
    let look = match kind {
        "join" => Look::Green,
        "late" => Look::Yellow,
        "expire" => Look::Red,
        _ => Look::Plain,
    };
    let kind = look.paint(&format!("{kind:<8}"), colours);
    match row {
        Some(row) => format!("{kind} {}", describe(&row)),
        None => format!("{kind} {}: compare with `hms hosts`", missed(event)),
    }
}

/// Why the list has to be looked at anew.
fn missed(event: &Value) -> String {
    match event.get("missed").and_then(Value::as_u64) {
        Some(count) => format!("{count} changes came faster than they were read, and are not shown"),
        None => "changes came faster than they could be told, and are not shown".to_owned(),
    }
}

fn describe(row: &Row) -> String {
    let mut words = vec![format!("{} ({})", row.user, row.host), row.state.clone()];
    words.extend(row.conference.iter().map(|conference| format!("in {conference}")));
    words.push(
        row.address.as_ref().map_or_else(|| "no address".to_owned(), |address| format!("at {address}")),
    );
    words.extend(Some(row.reachable()).filter(|ports| !ports.is_empty()));
    words.extend(row.realm.iter().map(|realm| format!("realm {realm}")));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({"seq": 1, "event": "join", "row": {"realm": "7q2m", "user": "alice", "host": "pc1",
            "state": "standby", "status": "up", "address": "10.1.0.7:4000", "ports": {"video": 5004}, "services": []}});
        assert_eq!(
            show(&event, "2026-01-01T10:13:05Z", false),
            "10:13:05 UTC join     alice (pc1), standby, at 10.1.0.7:4000, video:5004, realm 7q2m"
        );
        let event = json!({"seq": 2, "event": "resync", "row": null});
        assert!(show(&event, "2026-01-01T10:13:05Z", false).contains("resync   changes came faster"));
        let event = json!({"seq": 2, "event": "resync", "row": null, "missed": 12});
        assert!(show(&event, "2026-01-01T10:13:05Z", false).contains("resync   12 changes came faster"));
    }
}
