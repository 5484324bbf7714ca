//! `hms drain`: the HMS hands over to another one, and stops.

use serde::Deserialize;
use serde_json::json;

use super::args::{Drain, Global};
use super::fail::{Failure, NO, OK, Outcome};
use super::{ask, human, out};
use crate::shell::paths::{Role, Socket};

/// What became of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Drained {
    name: String,
    successor: Option<String>,
    complete: bool,
    hosts: usize,
    sent: usize,
    elapsed_ms: u64,
}

pub(super) fn run(args: &Drain, global: &Global) -> Outcome {
    let mut hms = ask::open(Role::Server, Socket::Control, global)?;
    let request = json!({"cmd": "drain", "alone": args.alone});
    let answer = hms.request(&request).and_then(|answer| {
        // Its state directory is free for the next start then.
        hms.until_closed()?;
        Ok(answer)
    });
    let answer = answer.map_err(|error| ask::explained(Role::Server, global, error))?;
    if args.json {
        out::json(&answer);
    }
    let drained = Drained::deserialize(&answer).map_err(|e| {
        Failure::new(NO, format!("the HMS's answer is not understood ({e}): is it of another version?"))
    })?;
    out::note(show(&drained));
    let wanted = drained.complete || (args.alone && drained.successor.is_none());
    Ok(if wanted { OK } else { NO })
}

fn show(drained: &Drained) -> String {
    let Drained { name, hosts, sent, elapsed_ms, .. } = drained;
    let (hosts, took) = (human::count(*hosts, "host"), format!("{:.1} s", *elapsed_ms as f64 / 1000.0));
    match &drained.successor {
        Some(successor) if drained.complete && drained.hosts == 0 => {
            format!("{name} has stopped after {took}: {successor} has taken over, and there was no host")
        }
        Some(successor) if drained.complete => format!(
            "{name} has stopped after {took}: {successor} has taken over {hosts}. {sent} of them {were} sent there, the \
             others turn there with their next heartbeats; nobody registers anew",
            were = if *sent == 1 { "was" } else { "were" }
        ),
        Some(successor) => format!(
            "{name} has stopped after {took}, but {successor} has not confirmed that it has all {hosts}: those that it \
             does not have register there by themselves; `hms peers` there shows what it knows"
        ),
        None => format!(
            "{name} has stopped after {took}, and nobody has taken over: {hosts} keep their lists, and come back when an \
             HMS runs again"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_who_took_over_and_what_is_missing() {
        let mut drained = Drained {
            name: "atlas".into(),
            successor: Some("borealis".into()),
            complete: true,
            hosts: 20,
            sent: 1,
            elapsed_ms: 1060,
        };
        let said = show(&drained);
        assert!(said.starts_with(
            "atlas has stopped after 1.1 s: borealis has taken over 20 hosts. 1 of them was sent"
        ));
        drained.complete = false;
        assert!(show(&drained).contains("borealis has not confirmed that it has all 20 hosts"));
        drained.successor = None;
        assert!(show(&drained).contains("nobody has taken over: 20 hosts keep their lists"));
    }
}
