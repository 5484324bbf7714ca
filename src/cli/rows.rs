//! A host as the daemons' JSON shows it, read back.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fail::{Failure, NO};
use super::human;
use super::out::Look;
use super::table::{Cell, table};

/// One row of `hms hosts` or `hms who`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    pub(super) realm: Option<String>,
    pub(super) user: String,
    pub(super) host: String,
    pub(super) state: String,
    pub(super) status: String,
    pub(super) address: Option<String>,
    pub(super) reported: Vec<String>,
    pub(super) observed: Option<String>,
    pub(super) ports: RowPorts,
    pub(super) services: Vec<String>,
    pub(super) conference: Option<String>,
    pub(super) fixed: bool,
    pub(super) since: Option<String>,
    pub(super) age_ms: Option<u64>,
    pub(super) via: Option<String>,
    #[serde(rename = "self")]
    pub(super) me: bool,
}

/// Ports of the conference application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct RowPorts {
    pub(super) data: Option<u16>,
    pub(super) video: Option<u16>,
    pub(super) audio: Option<u16>,
}

impl Row {
    /// The IP address alone.
    pub(super) fn ip(&self) -> Option<std::net::IpAddr> {
        let address = self.address.as_deref()?;
        address.parse::<std::net::SocketAddr>().map(|a| a.ip()).or_else(|_| address.parse()).ok()
    }

    /// Ports and services in one cell.
    pub(super) fn reachable(&self) -> String {
        let ports = [("data", self.ports.data), ("video", self.ports.video), ("audio", self.ports.audio)];
        let ports = ports.into_iter().filter_map(|(name, port)| Some(format!("{name}:{}", port?)));
        ports.chain(self.services.iter().cloned()).collect::<Vec<_>>().join(" ")
    }
}

/// Reads the rows of a JSON array.
pub(super) fn read(value: &Value) -> Result<Vec<Row>, Failure> {
    Vec::<Row>::deserialize(value).map_err(|error| not_understood(&error))
}

/// Reads rows as they came.
pub(super) fn parse(rows: &[Box<RawValue>]) -> Result<Vec<Row>, Failure> {
    rows.iter().map(|row| from(row)).collect()
}

/// The same as a JSON array.
pub(super) fn values(rows: &[Box<RawValue>]) -> Result<Value, Failure> {
    rows.iter().map(|row| from(row)).collect::<Result<_, _>>().map(Value::Array)
}

fn from<'a, T: Deserialize<'a>>(row: &'a RawValue) -> Result<T, Failure> {
    serde_json::from_str(row.get()).map_err(|error| not_understood(&error))
}

/// Rows by realm and user name. A daemon lists them in the order of its table, of which it can send parts.
pub(super) fn sorted(rows: Vec<Box<RawValue>>) -> Result<Vec<Box<RawValue>>, Failure> {
    #[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    struct Key {
        realm: Option<String>,
        user: String,
    }
    let keyed = |row: Box<RawValue>| Ok((from::<Key>(&row)?, row));
    let mut keyed: Vec<_> = rows.into_iter().map(keyed).collect::<Result<_, Failure>>()?;
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(keyed.into_iter().map(|(_, row)| row).collect())
}

fn not_understood(error: &serde_json::Error) -> Failure {
    let message = format!("the daemon's answer is not understood ({error}): is it of another version?");
    Failure::new(NO, message)
}

/// Which list a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// `hms hosts`.
    Hosts,
    /// `hms who`.
    Who,
}

/// The hosts as a table.
pub(super) fn show(rows: &[Row], list: List, colours: bool) -> String {
    let one_realm = rows.windows(2).all(|pair| matches!(pair, [a, b] if a.realm == b.realm));
    let heading = [
        "REALM",
        "USER",
        "HOST",
        "STATE",
        "STATUS",
        "ADDRESS",
        "CONFERENCE",
        "REACHABLE AT",
        "FIXED",
        "HEARD",
        "VIA",
    ];
    let lines: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                if one_realm { String::new() } else { row.realm.clone().unwrap_or_default() }.into(),
                row.user.as_str().into(),
                if row.me { format!("{} (this host)", row.host) } else { row.host.clone() }.into(),
                row.state.as_str().into(),
                Cell::new(row.status.as_str(), look(&row.status)),
                row.address.clone().unwrap_or_else(|| "no address".to_owned()).into(),
                row.conference.clone().unwrap_or_default().into(),
                row.reachable().into(),
                if row.fixed { "fixed" } else { "" }.into(),
                heard(row, list).into(),
                if list == List::Who { row.via.clone().unwrap_or_default() } else { String::new() }.into(),
            ]
        })
        .collect();
    table(&heading, &lines, colours)
}

fn heard(row: &Row, list: List) -> String {
    match (list, row.age_ms) {
        (List::Hosts, Some(age)) => format!("{} ago", human::span(age)),
        _ => String::new(),
    }
}

/// How a status looks.
pub(super) fn look(status: &str) -> Look {
    match status {
        "up" => Look::Green,
        "late" => Look::Yellow,
        "unconfirmed" => Look::Dim,
        _ => Look::Plain,
    }
}

/// "3 hosts: 2 up, 1 late".
pub(super) fn summary(rows: &[Row]) -> String {
    let total = human::count(rows.len(), "host");
    let of = |status: &str| rows.iter().filter(|row| row.status == status).count();
    let parts: Vec<String> = ["up", "late", "unconfirmed"]
        .into_iter()
        .map(|status| (of(status), status))
        .filter(|(n, _)| *n > 0)
        .map(|(n, status)| format!("{n} {status}"))
        .collect();
    if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows() -> Vec<Row> {
        read(&json!([
            {"realm": "7q2m", "user": "alice", "host": "pc1", "state": "participating", "status": "up",
             "address": "10.1.0.7:40000", "reported": [], "observed": "10.1.0.7:40000",
             "ports": {"data": null, "video": 5004, "audio": null}, "services": ["sip:5060/udp"],
             "conference": "board", "fixed": false, "since": "2026-01-01T10:13:05Z", "age_ms": 2300,
             "check_time_s": 30, "via": "atlas", "revision": 7, "self": true, "new_field": 1},
            {"realm": "7q2m", "user": "bob", "host": "pc2", "state": "standby", "status": "late", "address": null,
             "ports": {}, "services": [], "conference": null, "age_ms": 80000}
        ]))
        .expect("rows")
    }

    #[test]
    fn the_table_of_hosts() {
        assert_eq!(
            show(&rows(), List::Hosts, false),
            "\
USER   HOST             STATE          STATUS  ADDRESS         CONFERENCE  REACHABLE AT             HEARD
alice  pc1 (this host)  participating  up      10.1.0.7:40000  board       video:5004 sip:5060/udp  2 s ago
bob    pc2              standby        late    no address                                           1 min 20 s ago
"
        );
    }

    #[test]
    fn the_summary_counts_by_status() {
        assert_eq!(summary(&rows()), "2 hosts: 1 up, 1 late");
        assert_eq!(summary(&[]), "0 hosts");
    }

    #[test]
    fn the_ip_comes_without_its_port() {
        let ip = |address: &str| Row { address: Some(address.to_owned()), ..Row::default() }.ip();
        assert_eq!(ip("10.1.0.7:40000"), Some([10, 1, 0, 7].into()));
        assert_eq!(ip("[fd00::7]:1"), "fd00::7".parse().ok());
        assert_eq!(ip("fd00::7"), "fd00::7".parse().ok());
        assert_eq!(Row::default().ip(), None);
    }
}
