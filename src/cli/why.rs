//! `hms why`: what was refused, and what to do about it.

use serde::Deserialize;
use serde_json::json;

use super::args::{Global, Why};
use super::fail::{Failure, NO, OK, Outcome};
use super::{ask, human, out};

/// Addresses of one host that are named; a host has few, a forger many.
const ADDRESSES_SHOWN: usize = 3;

pub(super) fn run(args: &Why, global: &Global) -> Outcome {
    let answer = ask::server(global, &json!({"cmd": "why", "name": args.name, "realm": args.realm}))?;
    let refusals = Vec::<Refusal>::deserialize(&answer).map_err(|error| {
        Failure::new(NO, format!("the HMS's answer is not understood ({error}): is it of another version?"))
    })?;
    if args.json {
        out::json(&answer);
    } else {
        by_host(&refusals).iter().for_each(|host| out::text(&show(host)));
        if refusals.iter().any(Refusal::has_id) {
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

/// One row of the answer.
#[derive(Debug, Deserialize)]
struct Refusal {
    time: String,
    address: String,
    user: Option<String>,
    realm: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    verdict: String,
    count: u64,
    remedy: String,
}

impl Refusal {
    /// A user's id stands in the place of a name that the HMS cannot know.
    fn has_id(&self) -> bool {
        self.user
            .as_ref()
            .is_some_and(|user| user.len() == 16 && user.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    fn host(&self) -> (&Option<String>, &Option<String>) {
        (&self.realm, &self.user)
    }

    fn ip(&self) -> String {
        let address: Result<std::net::SocketAddr, _> = self.address.parse();
        address.map_or_else(|_| self.address.clone(), |address| address.ip().to_string())
    }
}

/// The refusals of each host. They come newest first, and so do the hosts.
fn by_host(refusals: &[Refusal]) -> Vec<Vec<&Refusal>> {
    let mut hosts: Vec<Vec<&Refusal>> = Vec::new();
    for refusal in refusals {
        match hosts.iter_mut().find(|host| host.first().is_some_and(|first| first.host() == refusal.host())) {
            Some(host) => host.push(refusal),
            None => hosts.push(vec![refusal]),
        }
    }
    hosts
}

/// Who it is and the last cause on top, then what to do, then what came; earlier causes below.
fn show(host: &[&Refusal]) -> String {
    let mut causes: Vec<Vec<&Refusal>> = Vec::new();
    for refusal in host {
        match causes
            .iter_mut()
            .find(|cause| cause.first().is_some_and(|first| first.verdict == refusal.verdict))
        {
            Some(cause) => cause.push(refusal),
            None => causes.push(vec![refusal]),
        }
    }
    let mut lines = Vec::new();
    for (at, cause) in causes.iter().enumerate() {
        let Some(last) = cause.first() else { continue };
        let who = if at == 0 { who(last) } else { "  earlier".to_owned() };
        lines.push(format!("{who}: {}", last.verdict));
        lines.push(format!("  {}", last.remedy));
        lines.push(format!("  {}; last {}", what_came(cause), human::date_time(&last.time)));
    }
    lines.join("\n")
}

fn who(refusal: &Refusal) -> String {
    let user = match &refusal.user {
        Some(id) if refusal.has_id() => format!("user id {id}"),
        Some(name) => format!("user {name}"),
        None => "an unknown user".to_owned(),
    };
    let realm = refusal.realm.as_ref().map(|realm| format!(" of realm {realm}")).unwrap_or_default();
    format!("{user}{realm}")
}

/// "INIT 3 times, DISCOVER once, from 10.1.0.9".
fn what_came(cause: &[&Refusal]) -> String {
    let (mut kinds, mut ips): (Vec<(&str, u64)>, Vec<String>) = (Vec::new(), Vec::new());
    for refusal in cause {
        match kinds.iter_mut().find(|(kind, _)| *kind == refusal.kind) {
            Some((_, count)) => *count = count.saturating_add(refusal.count),
            None => kinds.push((&refusal.kind, refusal.count)),
        }
        let ip = refusal.ip();
        if !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {}", times(*count))).collect();
    let more = ips.len().saturating_sub(ADDRESSES_SHOWN);
    ips.truncate(ADDRESSES_SHOWN);
    ips.extend((more > 0).then(|| format!("{more} more")));
    format!("{} refused, from {}", kinds.join(", "), human::list(&ips))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn refusal(time: u32, address: &str, user: &str, kind: &str, verdict: &str, count: u64) -> Value {
        json!({"time": format!("2026-01-01T10:13:{time:02}Z"), "address": address, "user": user, "realm": "7q2m",
            "type": kind, "verdict": verdict, "count": count, "remedy": format!("mend the {verdict}")})
    }

    #[test]
    fn the_refusals_of_a_host_stand_together_with_the_last_cause_on_top() {
        let answer = json!([
            refusal(9, "10.1.0.9:4000", "bob", "INIT", "wrong key", 3),
            refusal(8, "10.1.0.7:4000", "0123456789abcdef", "INIT", "wrong key", 1),
            refusal(7, "[fd00::9]:4000", "bob", "DISCOVER", "wrong key", 1),
            refusal(6, "10.1.0.9:4001", "bob", "INIT", "wrong key", 2),
            refusal(5, "10.1.0.9:4000", "bob", "HEARTBEAT", "revoked", 1),
        ]);
        let refusals = Vec::<Refusal>::deserialize(&answer).expect("refusals");
        let shown: Vec<String> = by_host(&refusals).iter().map(|host| show(host)).collect();
        assert_eq!(
            shown,
            [
                "user bob of realm 7q2m: wrong key\n  mend the wrong key\n  \
                 INIT 5 times, DISCOVER once refused, from 10.1.0.9 and fd00::9; last 2026-01-01 10:13:09 UTC\n  \
                 earlier: revoked\n  mend the revoked\n  \
                 HEARTBEAT once refused, from 10.1.0.9; last 2026-01-01 10:13:05 UTC",
                "user id 0123456789abcdef of realm 7q2m: wrong key\n  mend the wrong key\n  \
                 INIT once refused, from 10.1.0.7; last 2026-01-01 10:13:08 UTC",
            ]
        );
    }
}
