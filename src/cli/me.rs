//! `hms self`: this host as the HMS knows it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::args::{Global, Me};
use super::fail::{NO, OK, Outcome};
use super::rows::{Row, RowPorts};
use super::{ask, human, out};

pub(super) fn run(args: &Me, global: &Global) -> Outcome {
    let answer = ask::agent(global, &json!({"cmd": "self"}))?;
    let registered = answer.get("registered").and_then(Value::as_bool) == Some(true);
    if args.json {
        out::json(&answer);
    } else {
        out::text(&show(&answer));
    }
    Ok(if registered { OK } else { NO })
}

fn show(answer: &Value) -> String {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let age = answer.get("age_ms").and_then(Value::as_u64).map(human::span);
    let hms = text("hms").unwrap_or("none yet");
    let registered = match (answer.get("registered").and_then(Value::as_bool), age) {
        (Some(true), Some(age)) => format!("registered at HMS {hms}, which answered {age} ago"),
        (Some(true), None) => format!("registered at HMS {hms}"),
        (_, Some(age)) => {
            format!("not registered ({}); HMS {hms} answered {age} ago", text("phase").unwrap_or("no HMS"))
        }
        (_, None) => {
            format!("not registered ({}); no HMS has answered yet", text("phase").unwrap_or("no HMS"))
        }
    };
    let mut lines = vec![registered];
    let mut field = |name: &str, value: Option<String>| {
        lines.extend(value.filter(|v| !v.is_empty()).map(|value| format!("  {name:<11} {value}")));
    };
    field("user", text("user").map(|user| format!("{user} (realm {})", text("realm").unwrap_or("unknown"))));
    field("host", text("host").map(str::to_owned));
    field("address", Some(text("address").unwrap_or("no address").to_owned()));
    let differs = text("observed").filter(|observed| Some(*observed) != text("address"));
    field("observed", differs.map(str::to_owned));
    field("state", text("state").map(str::to_owned));
    field("conference", text("conference").map(str::to_owned));
    field("reachable", Some(reachable(answer)));
    field(
        "fixed",
        answer.get("fixed").and_then(Value::as_bool).filter(|fixed| *fixed).map(|_| "yes".to_owned()),
    );
    field("changes", answer.get("push").and_then(Value::as_bool).map(changes));
    lines.extend(text("message").map(str::to_owned));
    lines.join("\n")
}

fn reachable(answer: &Value) -> String {
    let ports = answer.get("ports").and_then(|ports| RowPorts::deserialize(ports).ok()).unwrap_or_default();
    let services =
        answer.get("services").and_then(|services| Vec::deserialize(services).ok()).unwrap_or_default();
    Row { ports, services, ..Row::default() }.reachable()
}

fn changes(push: bool) -> String {
    if push { "pushed at once" } else { "with the next heartbeat" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_said_in_words() {
        let answer = json!({"registered": true, "user": "alice", "host": "pc1", "realm": "7q2m", "hms": "atlas",
            "role": "primary", "age_ms": 2000, "address": "10.1.0.7:4000", "observed": "10.1.0.7:4000",
            "state": "standby", "push": true, "services": ["sip:5060/udp"], "ports": {"video": 5004}});
        assert_eq!(
            show(&answer),
            "\
registered at HMS atlas, which answered 2 s ago
  user        alice (realm 7q2m)
  host        pc1
  address     10.1.0.7:4000
  state       standby
  reachable   video:5004 sip:5060/udp
  changes     pushed at once"
        );
        let lost = show(&json!({"registered": false, "phase": "seeking", "user": "alice"}));
        assert!(lost.starts_with("not registered (seeking); no HMS has answered yet"));
    }
}
