//! Every key of `hms.toml`, once.

use crate::limits::{CHECK_TIME_MAX, CHECK_TIME_MIN};
use crate::time::Duration;

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A name of at most so many bytes.
    Name(usize),
    /// A list of `"IP:PORT"`.
    Listen,
    /// A list of `"IP"` or `"IP:PORT"`, each of one machine; may be empty.
    Addresses,
    /// A list of interface names.
    Interfaces,
    /// One `"IP"`.
    Ip,
    /// `"10.4.0.0/16"`.
    Prefix,
    /// `true` or `false`.
    Bool,
    /// `"30s"`, between the bounds.
    Duration(Duration, Duration),
    /// A number between the bounds.
    Number(f64, f64),
    /// A whole number between the bounds.
    Integer(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its section.
    pub(super) section: &'static str,
    /// Its name in the section.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// What `hms config get` shows when the file does not set it.
    pub(super) default: &'static str,
    /// Must stand in each block of its section.
    pub(super) required: bool,
}

/// One section.
#[derive(Debug)]
pub(super) struct Section {
    /// Its name.
    pub(super) name: &'static str,
    /// `[[name]]`, any number of them.
    pub(super) repeated: bool,
}

/// All sections.
pub(super) const SECTIONS: [Section; 5] = [
    Section { name: "hms", repeated: false },
    Section { name: "hosts", repeated: false },
    Section { name: "peers", repeated: false },
    Section { name: "realm", repeated: true },
    Section { name: "prefer", repeated: true },
];

const fn key(section: &'static str, name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key { section, name, kind, default, required: false }
}

const fn required(key: Key) -> Key {
    Key { required: true, ..key }
}

const REALM_NAME_MAX: usize = crate::limits::REALM_NAME_MAX;
const NAME_MAX: usize = crate::ident::Name::MAX;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// All keys, in the order in which they are shown.
pub(super) const KEYS: [Key; 22] = [
    key("hms", "name", Kind::Name(NAME_MAX), "(the machine's host name)"),
    key("hms", "listen", Kind::Listen, "[\"[::]:6710\"]"),
    key("hms", "interfaces", Kind::Interfaces, "(every usable one)"),
    key("hms", "standalone", Kind::Bool, "false"),
    key("hosts", "check_time", Kind::Duration(CHECK_TIME_MIN, CHECK_TIME_MAX), "30s"),
    key("hosts", "expiry_factor", Kind::Number(1.5, 10.0), "2.5"),
    key("hosts", "update", Kind::Choice(&["on-change", "always", "on-request"]), "on-change"),
    key("hosts", "push", Kind::Bool, "true"),
    key("hosts", "all_rows", Kind::Integer(0, 100_000), "10000"),
    key("hosts", "hints", Kind::Bool, "true"),
    key("peers", "address", Kind::Addresses, "[]"),
    key("peers", "bind", Kind::Ip, "(none)"),
    key("peers", "exchange_time", Kind::Duration(SECOND, HOUR), "5s"),
    key("peers", "immediate", Kind::Bool, "true"),
    key("peers", "ack", Kind::Choice(&["local", "replicated"]), "local"),
    key("peers", "start_tries", Kind::Integer(1, 100), "3"),
    key("peers", "start_wait", Kind::Duration(Duration::from_millis(100), HOUR), "1s"),
    required(key("realm", "name", Kind::Name(REALM_NAME_MAX), "")),
    key("realm", "max_hosts", Kind::Integer(1, 10_000_000), "(no limit)"),
    key("realm", "max_rate", Kind::Integer(1, 1_000_000), "(no limit)"),
    required(key("prefer", "prefix", Kind::Prefix, "")),
    required(key("prefer", "hms", Kind::Name(NAME_MAX), "")),
];

/// The key of this section and name.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The section of this name.
pub(super) fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

/// The sections that have a key of this name.
pub(super) fn sections_with(name: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    KEYS.iter().filter(move |key| key.name == name).map(|key| key.section)
}

/// The names of a section's keys.
pub(super) fn names(section: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    KEYS.iter().filter(move |key| key.section == section).map(|key| key.name)
}
