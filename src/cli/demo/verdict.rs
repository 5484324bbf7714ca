//! Is a list what it should be? Computed against the hosts that the demo started, not against another list.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cli::rows::Row;

/// What every list must say of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) state: String,
    pub(super) conference: Option<String>,
    pub(super) video: Option<u16>,
    pub(super) services: Vec<String>,
    pub(super) address: IpAddr,
}

/// All that differs between a list and what it must say; empty if it is right.
pub(super) fn differences(expected: &[Expected], rows: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for want in expected {
        match rows.iter().filter(|row| row.user == want.user).collect::<Vec<_>>().as_slice() {
            [] => found.push(format!("{} is missing", want.user)),
            [row] => found.extend(host_differences(want, row)),
            _ => found.push(format!("{} is there twice", want.user)),
        }
    }
    let strangers = rows.iter().filter(|row| !expected.iter().any(|want| want.user == row.user));
    found.extend(strangers.map(|row| format!("{} should not be there", row.user)));
    found
}

/// The users whose registration is not the one that it was; who has none now is missing in a list already.
pub(super) fn registered_anew(
    before: &BTreeMap<String, Option<String>>,
    after: &BTreeMap<String, Option<String>>,
) -> Vec<String> {
    let anew = |(user, since): &(&String, &Option<String>)| after.get(*user).is_some_and(|now| now != *since);
    before.iter().filter(anew).map(|(user, _)| user.clone()).collect()
}

fn host_differences(want: &Expected, row: &Row) -> Vec<String> {
    let differs = |what: &str, have: &str, want_: &str| {
        (have != want_).then(|| format!("{}: {what} is {have:?}, not {want_:?}", want.user))
    };
    let port = |port: Option<u16>| port.map_or_else(|| "none".to_owned(), |port| port.to_string());
    let conference = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
    let mut found: Vec<String> = [
        differs("the host's name", &row.host, &want.host),
        differs("the state", &row.state, &want.state),
        differs("the status", &row.status, "up"),
        differs("the conference", &conference(&row.conference), &conference(&want.conference)),
        differs("the video port", &port(row.ports.video), &port(want.video)),
        differs("the services", &row.services.join(" "), &want.services.join(" ")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if row.ip() != Some(want.address) {
        let have = row.address.as_deref().unwrap_or("none");
        found.push(format!("{}: the address is {have}, not {}", want.user, want.address));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::rows::RowPorts;

    fn expected(user: &str) -> Expected {
        Expected {
            user: user.to_owned(),
            host: "pc".to_owned(),
            state: "standby".to_owned(),
            conference: None,
            video: Some(5004),
            services: Vec::new(),
            address: [127, 0, 0, 11].into(),
        }
    }

    fn row(user: &str) -> Row {
        Row {
            user: user.to_owned(),
            host: "pc".to_owned(),
            state: "standby".to_owned(),
            status: "up".to_owned(),
            address: Some("127.0.0.11:4000".to_owned()),
            ports: RowPorts { video: Some(5004), ..RowPorts::default() },
            ..Row::default()
        }
    }

    #[test]
    fn a_right_list_has_no_differences() {
        assert_eq!(differences(&[expected("a"), expected("b")], &[row("b"), row("a")]), [""; 0]);
    }

    #[test]
    fn who_registered_anew_is_named() {
        let of = |all: &[(&str, &str)]| {
            let one = |(user, since): &(&str, &str)| ((*user).to_owned(), Some((*since).to_owned()));
            all.iter().map(one).collect::<BTreeMap<_, _>>()
        };
        let before = of(&[("a", "10:00"), ("b", "10:01"), ("c", "10:02")]);
        assert_eq!(registered_anew(&before, &before), [""; 0]);
        assert_eq!(registered_anew(&before, &of(&[("a", "10:00"), ("b", "10:05")])), ["b"]);
    }

    #[test]
    fn every_difference_is_found() {
        let found = |change: fn(&mut Row)| {
            let mut row = row("a");
            change(&mut row);
            differences(&[expected("a")], &[row])
        };
        let changes: [fn(&mut Row); 8] = [
            |r| r.host.push('x'),
            |r| r.state = "organizing".to_owned(),
            |r| r.status = "late".to_owned(),
            |r| r.conference = Some("board".to_owned()),
            |r| r.ports.video = None,
            |r| r.services.push("sip:1/udp".to_owned()),
            |r| r.address = None,
            |r| r.address = Some("127.0.0.12:1".to_owned()),
        ];
        for change in changes {
            assert_eq!(found(change).len(), 1);
        }
        assert_eq!(differences(&[expected("a")], &[]), ["a is missing"]);
        assert_eq!(differences(&[], &[row("a")]), ["a should not be there"]);
        assert_eq!(differences(&[expected("a")], &[row("a"), row("a")]), ["a is there twice"]);
    }
}
