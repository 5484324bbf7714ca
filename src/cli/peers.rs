//! `hms peers`: the other HMSs of the cluster.

use serde::Deserialize;
use serde_json::{Value, json};

use super::args::{Global, PeersAction, PeersArgs};
use super::fail::{Failure, NO, OK, Outcome, REFUSED};
use super::out::Look;
use super::table::{Cell, table};
use super::{ask, human, out, stored};
use crate::config::parse_peer;

pub(super) fn run(args: &PeersArgs, global: &Global) -> Outcome {
    match &args.action {
        None => list(args.json, global),
        Some(PeersAction::Add { address, json }) => add(address, *json, global),
        Some(PeersAction::Remove { name, json }) => remove(name, *json, global),
    }
}

/// One of the other HMSs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Peer {
    name: String,
    address: Option<String>,
    role: Option<String>,
    status: String,
    rtt_ms: Option<f64>,
    last_exchange_s: Option<u64>,
    hosts: Option<u64>,
    equal: Option<bool>,
    message: Option<String>,
}

fn list(as_json: bool, global: &Global) -> Outcome {
    // In one answer with the role, so that they fit together.
    let status = ask::server(global, &json!({"cmd": "status"}))?;
    let rows = status.get("peers").cloned().unwrap_or_else(|| json!([]));
    let role = status.get("role").and_then(Value::as_str).unwrap_or_default();
    if as_json {
        out::json(&rows);
    } else {
        let peers = Vec::<Peer>::deserialize(&rows).map_err(|e| {
            Failure::new(NO, format!("the HMS's answer is not understood ({e}): is it of another version?"))
        })?;
        if peers.is_empty() {
            out::note(
                "no other HMS is registered; `hms token --hms` prints the line that adds one, `hms peers add ADDRESS` \
                 one that was in the cluster before",
            );
        } else {
            out::text(&show(&peers, out::colours()));
        }
    }
    if role != "refused" {
        return Ok(OK);
    }
    if let Some(message) = status.get("message").and_then(Value::as_str) {
        out::note(message);
    }
    Ok(REFUSED)
}

fn show(peers: &[Peer], colours: bool) -> String {
    let lines: Vec<Vec<Cell>> = peers
        .iter()
        .map(|peer| {
            vec![
                peer.name.clone().into(),
                peer.address.clone().unwrap_or_default().into(),
                peer.role.clone().unwrap_or_default().into(),
                Cell::new(peer.status.clone(), look(&peer.status)),
                peer.rtt_ms.map(round_trip).unwrap_or_default().into(),
                peer.hosts.map(|n| n.to_string()).unwrap_or_default().into(),
                peer.last_exchange_s
                    .map(|s| format!("{} ago", human::span(s.saturating_mul(1000))))
                    .unwrap_or_default()
                    .into(),
                peer.equal.map(|equal| if equal { "equal" } else { "different" }).unwrap_or_default().into(),
                peer.message.clone().unwrap_or_default().into(),
            ]
        })
        .collect();
    let heading = ["HMS", "ADDRESS", "ROLE", "STATUS", "ROUND TRIP", "HOSTS", "EXCHANGE", "TABLE", "REMARK"];
    table(&heading, &lines, colours)
}

fn look(status: &str) -> Look {
    match status {
        "up" => Look::Green,
        "suspect" => Look::Yellow,
        _ => Look::Red,
    }
}

fn round_trip(ms: f64) -> String {
    format!("{ms:.1} ms")
}

/// One of them in a sentence: `borealis secondary (up, 10.1.0.6:6710, 0.4 ms)`.
pub(super) fn sentence(peer: &Peer) -> String {
    let role = peer.role.as_ref().map(|role| format!(" {role}")).unwrap_or_default();
    let rtt = peer.rtt_ms.map(round_trip);
    let about = [Some(peer.status.clone()), peer.address.clone(), rtt, peer.message.clone()];
    let about: Vec<String> = about.into_iter().flatten().collect();
    format!("{}{role} ({})", peer.name, about.join(", "))
}

fn add(address: &str, as_json: bool, global: &Global) -> Outcome {
    let address =
        parse_peer(address).map_err(|remedy| Failure::usage(format!("peers add {address}: {remedy}")))?;
    let request = json!({"cmd": "peers_add", "address": address.to_string()});
    let answer = ask::command_server(global, &request)?;
    if as_json {
        out::json(&answer);
    }
    out::note(format_args!(
        "{address} is registered: an HMS of this cluster may come from there; `hms peers` shows when it is up"
    ));
    Ok(stored::everywhere(&answer))
}

fn remove(name: &str, as_json: bool, global: &Global) -> Outcome {
    let answer = ask::command_server(global, &json!({"cmd": "peers_remove", "name": name}))?;
    if as_json {
        out::json(&answer);
    }
    let at = answer.get("address").and_then(Value::as_str).map(|address| format!(" at {address}"));
    out::note(format_args!(
        "{name} is removed and refused from now on. It still knows the secrets of the cluster: stop it where it runs{}",
        at.unwrap_or_default()
    ));
    Ok(stored::everywhere(&answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers() -> Vec<Peer> {
        let up = json!({"name": "borealis", "address": "10.1.0.6:6710", "role": "secondary", "status": "up",
            "rtt_ms": 0.42, "last_exchange_s": 3, "hosts": 12, "equal": true, "digest": null, "message": null});
        let down = json!({"name": "osaka", "address": null, "role": null, "status": "down", "rtt_ms": null,
            "last_exchange_s": null, "hosts": null, "equal": null, "digest": null, "message": "never heard"});
        Vec::<Peer>::deserialize(json!([up, down])).expect("peers")
    }

    #[test]
    fn the_table_leaves_out_what_is_not_known() {
        assert_eq!(
            show(&peers(), false),
            "\
HMS       ADDRESS        ROLE       STATUS  ROUND TRIP  HOSTS  EXCHANGE  TABLE  REMARK
borealis  10.1.0.6:6710  secondary  up      0.4 ms      12     3 s ago   equal
osaka                               down                                        never heard
"
        );
        assert_eq!(show(&peers()[1..], false), "HMS    STATUS  REMARK\nosaka  down    never heard\n");
    }

    #[test]
    fn each_is_a_sentence() {
        let all: Vec<String> = peers().iter().map(sentence).collect();
        assert_eq!(all, ["borealis secondary (up, 10.1.0.6:6710, 0.4 ms)", "osaka (down, never heard)"]);
    }
}
