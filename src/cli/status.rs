//! `hms status`: what an admin wants to know first.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::args::{Global, Status};
use super::fail::{Failure, NO, OK, Outcome, REFUSED};
use super::out::Look;
use super::peers::{self, Peer};
use super::{ask, human, out};

pub(super) fn run(args: &Status, global: &Global) -> Outcome {
    let answer = ask::server(global, &json!({"cmd": "status"}))?;
    if args.json {
        out::json(&answer);
    } else {
        let view = View::deserialize(&answer).map_err(|e| {
            Failure::new(NO, format!("the HMS's answer is not understood ({e}): is it of another version?"))
        })?;
        out::text(&show(&view, out::colours()));
    }
    let refused = answer.get("role").and_then(Value::as_str) == Some("refused");
    Ok(if refused { REFUSED } else { OK })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct View {
    name: String,
    version: String,
    role: String,
    since: String,
    elapsed_s: u64,
    cluster_start: String,
    cluster_elapsed_s: u64,
    check_time_s: u32,
    exchange_time_s: u32,
    realms: Vec<Value>,
    hosts: Counts,
    heartbeats_per_s: f64,
    drops: BTreeMap<String, u64>,
    rows_not_taken: BTreeMap<String, u64>,
    peers: Vec<Peer>,
    overridden: BTreeMap<String, String>,
    listen: Vec<String>,
    interfaces: Vec<Interface>,
    memory: Memory,
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Interface {
    name: String,
    addresses: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    resident_bytes: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    known: usize,
    up: usize,
    late: usize,
    unconfirmed: usize,
}

fn show(view: &View, colours: bool) -> String {
    let role = if view.role == "refused" { Look::Red } else { Look::Bold };
    let mut lines = vec![format!(
        "{}, {}, up for {} (since {})",
        view.name,
        role.paint(&view.role, colours),
        human::uptime(view.elapsed_s),
        human::date_time(&view.since),
    )];
    let mut field = |name: &str, text: String| lines.push(format!("  {name:<11} {text}"));
    if !view.peers.is_empty() {
        field("peers", view.peers.iter().map(peers::sentence).collect::<Vec<_>>().join("; "));
        let View { cluster_start, cluster_elapsed_s, check_time_s, exchange_time_s, .. } = view;
        field("cluster", human::cluster(cluster_start, *cluster_elapsed_s, *check_time_s, *exchange_time_s));
    }
    field("hosts", counts(&view.hosts));
    field("realms", view.realms.iter().map(realm).collect::<Vec<_>>().join(", "));
    field("heartbeats", format!("{:.1} per second", view.heartbeats_per_s));
    if !view.overridden.is_empty() {
        field("settings", human::overridden(&view.overridden));
    }
    field("listening", view.listen.join(", "));
    field("multicast", interfaces(&view.interfaces));
    field("dropped", drops(&view.drops));
    if !view.rows_not_taken.is_empty() {
        field("not taken", not_taken(&view.rows_not_taken));
    }
    if let Some(bytes) = view.memory.resident_bytes {
        field("memory", human::bytes(bytes));
    }
    field("version", view.version.clone());
    if let Some(message) = &view.message {
        lines.push(Look::Yellow.paint(message, colours));
    }
    lines.join("\n")
}

fn counts(hosts: &Counts) -> String {
    let Counts { known, up, late, unconfirmed } = hosts;
    let known = human::count(*known, "host");
    let mut text = format!("{known}: {up} up, {late} late");
    if *unconfirmed > 0 {
        text.push_str(&format!(", {unconfirmed} unconfirmed (known from before the start, not heard yet)"));
    }
    text
}

fn interfaces(all: &[Interface]) -> String {
    let one = |interface: &Interface| format!("{} {}", interface.name, interface.addresses.join(" "));
    if all.is_empty() {
        "on no interface".to_owned()
    } else {
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

fn realm(realm: &Value) -> String {
    let name = realm.as_str().or_else(|| realm.get("name").and_then(Value::as_str));
    name.map_or_else(|| realm.to_string(), str::to_owned)
}

fn drops(drops: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> =
        drops.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| format!("{n} {}", words(reason))).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// Rows that other HMSs told and that are not in the table.
fn not_taken(rows: &BTreeMap<String, u64>) -> String {
    let one = |(reason, n): (&String, &u64)| {
        let why = match reason.as_str() {
            "realm" => "of realms or keys that are not served",
            "malformed" => "with content that is none",
            "user" => "with the name of another user",
            "stamp" => "with an absurd stamp",
            "generation" => "of revoked users",
            "room" => "for which there was no room",
            other => other,
        };
        format!("{n} {why}")
    };
    format!("rows of other HMSs: {}", rows.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The specification's names of reasons, for people.
fn words(reason: &str) -> &str {
    match reason {
        "realm" => "of unknown realms",
        "tag" => "with a wrong key",
        "epoch" => "with a key of another epoch",
        "replay" => "repeated or late",
        "offer" => "searches already being answered",
        "source" => "from impossible addresses",
        "type" => "of an unexpected type",
        "budget" => "over the budget for strangers",
        "directory-budget" => "over the budget for lists",
        "receive-buffer" => "lost because this machine was too slow",
        "send-waited" => "answers that had to wait",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pair_is_on_one_line_and_so_is_what_holds_of_the_primary() {
        let view: View = serde_json::from_value(json!({
            "name": "borealis", "role": "secondary", "overridden": {"hosts.check_time": "10s"},
            "cluster_start": "2026-01-01T10:13:05Z", "cluster_elapsed_s": 185, "check_time_s": 10, "exchange_time_s": 5,
            "peers": [{"name": "atlas", "address": "10.1.0.5:6710", "role": "primary", "status": "up", "rtt_ms": 0.4}]
        }))
        .expect("a view");
        let shown = show(&view, false);
        assert!(shown.contains("\n  peers       atlas primary (up, 10.1.0.5:6710, 0.4 ms)\n"), "{shown}");
        let cluster = "since 2026-01-01 10:13:05 UTC (3 min 5 s), check time 10 s, exchange time 5 s";
        assert!(shown.contains(&format!("\n  cluster     {cluster}\n")), "{shown}");
        assert!(!shown.contains("not taken"), "{shown}");
        let told = BTreeMap::from([("room".to_owned(), 1), ("stamp".to_owned(), 2)]);
        let shown_too = show(&View { rows_not_taken: told, ..View::default() }, false);
        let rows = "rows of other HMSs: 1 for which there was no room, 2 with an absurd stamp";
        assert!(shown_too.contains(&format!("\n  not taken   {rows}\n")), "{shown_too}");
        assert!(shown.contains("\n  settings    of the primary hold: hosts.check_time = 10s\n"), "{shown}");
    }

    #[test]
    fn the_text_says_everything_in_words() {
        let view: View = serde_json::from_value(json!({
            "name": "atlas", "version": "0.1.0", "role": "standalone", "since": "2026-01-01T10:13:05Z", "elapsed_s": 185,
            "realms": ["7q2m"], "hosts": {"known": 3, "up": 2, "late": 0, "unconfirmed": 1}, "heartbeats_per_s": 0.1,
            "drops": {"tag": 3, "replay": 0}, "peers": [], "listen": ["[::]:6710"], "overridden": {}, "message": null,
            "memory": {"live_bytes": 300_000, "resident_bytes": 9_961_472},
            "interfaces": [{"name": "eno1", "addresses": ["10.1.0.5", "fe80::5"]}, {"name": "eno2", "addresses": ["10.2.0.5"]}]
        }))
        .expect("a view");
        assert_eq!(
            show(&view, false),
            "\
atlas, standalone, up for 3 min 5 s (since 2026-01-01 10:13:05 UTC)
  hosts       3 hosts: 2 up, 0 late, 1 unconfirmed (known from before the start, not heard yet)
  realms      7q2m
  heartbeats  0.1 per second
  listening   [::]:6710
  multicast   eno1 10.1.0.5 fe80::5, eno2 10.2.0.5
  dropped     3 with a wrong key
  memory      9.5 MiB
  version     0.1.0"
        );
    }
}
