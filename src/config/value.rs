//! From a TOML value to what the key takes.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use toml_edit::{Item, Value};

use super::duration::{parse_duration, show_duration};
use super::schema::Kind;
use super::suggest::nearest;
use crate::ident::Name;
use crate::limits::PORT;
use crate::time::Duration;

/// A value that fits its key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Parsed {
    Name(Name),
    Addresses(Vec<SocketAddr>),
    Interfaces(Vec<String>),
    Bool(bool),
    Duration(Duration),
    Number(f64),
    Integer(i64),
    Choice(&'static str),
    Prefix(IpAddr, u8),
    Ip(IpAddr),
}

/// Why a value does not fit, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Option<Range<usize>>,
    pub(super) problem: String,
    pub(super) remedy: String,
}

fn fault(span: Option<Range<usize>>, problem: impl Into<String>, remedy: impl Into<String>) -> Fault {
    Fault { span, problem: problem.into(), remedy: remedy.into() }
}

/// Reads `item` as what `kind` demands; all faults of a list are returned.
pub(super) fn read(kind: Kind, item: &Item) -> Result<Parsed, Vec<Fault>> {
    let Some(value) = item.as_value() else {
        let found = if item.is_table_like() { "a section" } else { "a list of sections" };
        return Err(vec![fault(
            item.span(),
            format!("{found} stands where a value belongs"),
            write_like(kind),
        )]);
    };
    match kind {
        Kind::Listen => listen(kind, value).map(Parsed::Addresses),
        Kind::Addresses => addresses(kind, value, peer).map(Parsed::Addresses),
        Kind::Interfaces => list(kind, value, "eno1", interface).map(Parsed::Interfaces),
        _ => single(kind, value).map_err(|fault| vec![fault]),
    }
}

fn single(kind: Kind, value: &Value) -> Result<Parsed, Fault> {
    let at = || value.span();
    match kind {
        Kind::Bool => value.as_bool().map(Parsed::Bool).ok_or_else(|| wrong_type(kind, value)),
        Kind::Number(low, high) => {
            let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
            let number = number.ok_or_else(|| wrong_type(kind, value))?;
            let inside = (low..=high).contains(&number);
            if inside { Ok(Parsed::Number(number)) } else { Err(outside(at(), number, low, high)) }
        }
        Kind::Integer(low, high) => {
            let number = value.as_integer().ok_or_else(|| wrong_type(kind, value))?;
            let inside = (low..=high).contains(&number);
            if inside { Ok(Parsed::Integer(number)) } else { Err(outside(at(), number, low, high)) }
        }
        _ => {
            let text = value.as_str().ok_or_else(|| wrong_type(kind, value))?;
            text_value(kind, text).map_err(|(problem, remedy)| fault(at(), problem, remedy))
        }
    }
}

fn text_value(kind: Kind, text: &str) -> Result<Parsed, (String, String)> {
    match kind {
        Kind::Name(limit) => Name::with_limit(text, limit)
            .map(Parsed::Name)
            .map_err(|e| (e.to_string(), "choose another name".to_owned())),
        Kind::Duration(low, high) => {
            let parsed =
                parse_duration(text).map_err(|remedy| (format!("{text:?} is not a duration"), remedy))?;
            if (low..=high).contains(&parsed) {
                return Ok(Parsed::Duration(parsed));
            }
            let (low, high) = (show_duration(low), show_duration(high));
            Err((
                format!("{text:?} is out of range"),
                format!("write a duration from \"{low}\" to \"{high}\""),
            ))
        }
        Kind::Choice(words) => {
            words.iter().find(|word| **word == text).map(|w| Parsed::Choice(w)).ok_or_else(|| {
                let hint = nearest(text, words.iter().copied());
                let remedy =
                    hint.map_or_else(|| write_like(kind), |word| format!("did you mean \"{word}\"?"));
                (format!("{text:?} is not one of the words for this key"), remedy)
            })
        }
        Kind::Ip => own_ip(text).map(Parsed::Ip),
        Kind::Prefix => prefix(text)
            .map(|(ip, bits)| Parsed::Prefix(ip, bits))
            .map_err(|problem| (problem, write_like(kind))),
        _ => Err((format!("{text:?} does not belong here"), write_like(kind))),
    }
}

fn list<T>(
    kind: Kind,
    value: &Value,
    example: &str,
    one: impl Fn(&str) -> Result<T, (String, String)>,
) -> Result<Vec<T>, Vec<Fault>> {
    let Some(array) = value.as_array() else {
        let remedy = match value.as_str() {
            Some(text) => format!("put it in brackets: [{text:?}]"),
            None => write_like(kind),
        };
        return Err(vec![Fault { remedy, ..wrong_type(kind, value) }]);
    };
    let (mut taken, mut faults) = (Vec::new(), Vec::new());
    for element in array {
        let Some(text) = element.as_str() else {
            let problem = format!("{} stands in a list of texts", type_name(element));
            faults.push(fault(element.span(), problem, format!("put it in quotes, such as \"{example}\"")));
            continue;
        };
        match one(text) {
            Ok(item) => taken.push(item),
            Err((problem, remedy)) => faults.push(fault(element.span(), problem, remedy)),
        }
    }
    if faults.is_empty() { Ok(taken) } else { Err(faults) }
}

/// At least one address.
fn listen(kind: Kind, value: &Value) -> Result<Vec<SocketAddr>, Vec<Fault>> {
    let taken = addresses(kind, value, with_port)?;
    if taken.is_empty() {
        return Err(vec![fault(value.span(), "the list is empty", "name an address, or leave the key out")]);
    }
    Ok(taken)
}

/// None of them twice.
fn addresses(
    kind: Kind,
    value: &Value,
    one: fn(&str) -> Result<SocketAddr, (String, String)>,
) -> Result<Vec<SocketAddr>, Vec<Fault>> {
    let taken = list(kind, value, "10.1.0.5:6710", one)?;
    for (at, address) in taken.iter().enumerate() {
        if taken.iter().skip(at + 1).any(|other| other == address) {
            return Err(vec![fault(value.span(), format!("{address} stands twice"), "remove one of them")]);
        }
    }
    Ok(taken)
}

/// With its port: an HMS must not move because a default is forgotten or changed.
fn with_port(text: &str) -> Result<SocketAddr, (String, String)> {
    let address = address(text)?;
    if text.parse::<SocketAddr>().is_err() {
        return Err((format!("{text:?} has no port"), format!("write \"{address}\"")));
    }
    parse_listen(text, PORT).map_err(|remedy| (format!("{text:?} is not an address of this machine"), remedy))
}

/// Of another HMS; most have the usual port.
fn peer(text: &str) -> Result<SocketAddr, (String, String)> {
    parse_peer(text).map_err(|remedy| (format!("{text:?} is not an address of another HMS"), remedy))
}

fn address(text: &str) -> Result<SocketAddr, (String, String)> {
    parse_address(text, PORT).map_err(|remedy| (format!("{text:?} is not an address"), remedy))
}

/// An address of one machine, at which others can send to it: not a group, not "any". The error says what to write.
pub fn parse_destination(text: &str, default_port: u16) -> Result<SocketAddr, String> {
    let address = parse_address(text, default_port)?;
    let kind = match address.ip().to_canonical() {
        ip if ip.is_unspecified() => "stands for every address",
        IpAddr::V4(ip) if ip.is_broadcast() => "is a broadcast address",
        ip if ip.is_multicast() => "is a multicast group",
        _ => return Ok(address),
    };
    Err(format!("{} {kind}: write one that belongs to a single machine, such as 10.1.0.5", address.ip()))
}

/// An address of this machine, without a port, that means the same to whoever is told it.
fn own_ip(text: &str) -> Result<IpAddr, (String, String)> {
    let wrong = |why: &str| (format!("{text:?} {why}"), write_like(Kind::Ip));
    let Ok(ip) = text.parse::<IpAddr>().map(|ip| ip.to_canonical()) else {
        return Err(match text.parse::<SocketAddr>() {
            Ok(address) => (
                format!("{text:?} has a port, and that of listen is taken"),
                format!("write \"{}\"", address.ip()),
            ),
            Err(_) => wrong("is not an IP address"),
        });
    };
    match ip {
        _ if ip.is_unspecified() => {
            Err((format!("{text:?} stands for every address"), "name one, or leave the key out".to_owned()))
        }
        IpAddr::V4(v4) if v4.is_broadcast() => Err(wrong("is a broadcast address")),
        _ if ip.is_multicast() => Err(wrong("is a multicast group")),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Err(wrong("is link-local: it means nothing to who is told it"))
        }
        _ => Ok(ip),
    }
}

/// The address of another HMS, `IP` or `IP:PORT`. The error says what to write.
pub fn parse_peer(text: &str) -> Result<SocketAddr, String> {
    match parse_destination(text, PORT)? {
        address if address.port() == 0 => Err(format!("nobody listens at port 0: write {}", address.ip())),
        address => Ok(address),
    }
}

/// Where an HMS can listen; the error says what to write.
pub fn parse_listen(text: &str, default_port: u16) -> Result<SocketAddr, String> {
    let address = parse_address(text, default_port)?;
    if address.ip().to_canonical().is_multicast() {
        return Err(format!(
            "{} is a multicast group, which the HMS joins by itself: write an address of this machine, or \"[::]:{}\"",
            address.ip(),
            address.port()
        ));
    }
    Ok(address)
}

/// Reads `IP`, `IP:PORT`, `[IPv6]` or `[IPv6]:PORT`; the error says what to write.
pub fn parse_address(text: &str, default_port: u16) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, default_port));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.parse::<IpAddr>().is_ok() {
        return Err(format!("{port:?} is not a port: write a number from 0 to 65535"));
    }
    Err("write \"IP:PORT\", such as \"10.1.0.5:6710\" or \"[fd00::5]:6710\"; names are not looked up"
        .to_owned())
}

/// What Linux takes as an interface name: 1 to 15 bytes without white space and slash.
fn interface(text: &str) -> Result<String, (String, String)> {
    let fits = (1..=15).contains(&text.len()) && !text.contains(|c: char| c.is_whitespace() || c == '/');
    if fits {
        return Ok(text.to_owned());
    }
    Err((
        format!("{text:?} is not an interface name"),
        "write the name that `ip link` shows, such as \"eno1\"".to_owned(),
    ))
}

fn prefix(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("{text:?} is not an address prefix");
    let (ip, length) = text.split_once('/').ok_or_else(wrong)?;
    let (ip, length): (IpAddr, u8) = (ip.parse().map_err(|_| wrong())?, length.parse().map_err(|_| wrong())?);
    let (bits, width) = match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    if length > width {
        return Err(format!("{text:?} has a prefix longer than {width} bits"));
    }
    if bits.checked_shl(length.into()).unwrap_or(0) != 0 {
        return Err(format!("{text:?} has bits set behind its prefix of {length} bits"));
    }
    Ok((ip, length))
}

fn outside<T: std::fmt::Display>(span: Option<Range<usize>>, found: T, low: T, high: T) -> Fault {
    fault(span, format!("{found} is out of range"), format!("write a number from {low} to {high}"))
}

fn wrong_type(kind: Kind, value: &Value) -> Fault {
    let problem = format!("{} stands where {} belongs", type_name(value), wanted(kind));
    let remedy = match (kind, value) {
        (Kind::Duration(..), Value::Integer(n)) => format!("give the unit, in quotes: \"{}s\"", n.value()),
        (Kind::Bool, Value::String(s)) if matches!(s.value().as_str(), "true" | "false") => {
            format!("leave the quotes out: {}", s.value())
        }
        (Kind::Number(..) | Kind::Integer(..), Value::String(s)) if s.value().parse::<f64>().is_ok() => {
            format!("leave the quotes out: {}", s.value())
        }
        _ => write_like(kind),
    };
    fault(value.span(), problem, remedy)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a section",
    }
}

const fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Name(_) => "a name",
        Kind::Listen | Kind::Addresses => "a list of addresses",
        Kind::Interfaces => "a list of interface names",
        Kind::Ip => "an IP address",
        Kind::Prefix => "an address prefix",
        Kind::Bool => "true or false",
        Kind::Duration(..) => "a duration",
        Kind::Number(..) => "a number",
        Kind::Integer(..) => "a whole number",
        Kind::Choice(_) => "a word in quotes",
    }
}

fn write_like(kind: Kind) -> String {
    match kind {
        Kind::Name(_) => "write a name in quotes, such as \"atlas\"".to_owned(),
        Kind::Listen | Kind::Addresses => "write a list such as [\"10.1.0.5:6710\"]".to_owned(),
        Kind::Interfaces => "write a list such as [\"eno1\"]".to_owned(),
        Kind::Ip => "write an IP address in quotes, such as \"10.9.0.5\"".to_owned(),
        Kind::Prefix => "write an address prefix in quotes, such as \"10.4.0.0/16\"".to_owned(),
        Kind::Bool => "write true or false, without quotes".to_owned(),
        Kind::Duration(..) => "write a duration in quotes, such as \"30s\"".to_owned(),
        Kind::Number(low, high) => format!("write a number from {low} to {high}"),
        Kind::Integer(low, high) => format!("write a whole number from {low} to {high}"),
        Kind::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            format!("write {}", words.join(" or "))
        }
    }
}
