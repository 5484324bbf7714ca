//! `hms ip`, `uri` and `env`: what an application needs to call somebody.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::args::{Env, Global, Ip, Uri};
use super::fail::{Failure, OK, Outcome};
use super::rows::Row;
use super::{human, names, out};

/// Services that call a person, best first.
const CALLS: [&str; 3] = ["sip", "sips", "h323"];

pub(super) fn ip(args: &Ip, global: &Global) -> Outcome {
    let row = names::find(&args.name, global)?;
    let ip = address(&row)?;
    if args.json {
        out::json(&json!({"user": row.user, "host": row.host, "ip": ip.to_string(), "address": row.address}));
    } else {
        out::line(ip);
    }
    Ok(OK)
}

pub(super) fn uri(args: &Uri, global: &Global) -> Outcome {
    let row = names::find(&args.name, global)?;
    let ip = address(&row)?;
    let uri = match &args.service {
        Some(kind) => service_uri(&row, ip, kind).ok_or_else(|| no_service(&row, kind))?,
        None => {
            CALLS.iter().find_map(|kind| service_uri(&row, ip, kind)).unwrap_or_else(|| plain_uri(&row, ip))
        }
    };
    if args.json {
        out::json(&json!({"user": row.user, "host": row.host, "uri": uri}));
    } else {
        out::line(uri);
    }
    Ok(OK)
}

pub(super) fn env(args: &Env, global: &Global) -> Outcome {
    let row = names::find(&args.name, global)?;
    let assignments = assignments(&row);
    if args.json {
        let object: serde_json::Map<String, Value> =
            assignments.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        out::json(&Value::Object(object));
    } else {
        assignments
            .iter()
            .for_each(|(name, value)| out::line(format_args!("{name}={}", human::quoted(value))));
    }
    Ok(OK)
}

fn address(row: &Row) -> Result<IpAddr, Failure> {
    row.ip().ok_or_else(|| {
        Failure::no(format!(
            "{} has no proven address at the moment; it gets one with its next heartbeat",
            row.user
        ))
    })
}

fn no_service(row: &Row, kind: &str) -> Failure {
    let message = match row.services.as_slice() {
        [] => format!("{} has no named services; leave --service out for its ports", row.user),
        services => format!("{} has no service {kind}; it has {}", row.user, services.join(", ")),
    };
    Failure::no(message)
}

/// `kind:port/transport` in its parts.
fn split(service: &str) -> Option<(&str, u16, &str)> {
    let (kind, rest) = service.rsplit_once(':')?;
    let (port, transport) = rest.split_once('/')?;
    Some((kind, port.parse().ok()?, transport))
}

/// The URI of the row's first service of this kind.
fn service_uri(row: &Row, ip: IpAddr, kind: &str) -> Option<String> {
    let services = row.services.iter().filter_map(|service| split(service));
    let (kind, port, transport) =
        services.into_iter().find(|(found, ..)| found.eq_ignore_ascii_case(kind))?;
    let (user, at) = (escaped(&row.user), authority(ip));
    let kind = kind.to_ascii_lowercase();
    Some(match kind.as_str() {
        "sip" | "sips" if transport == "tcp" => format!("{kind}:{user}@{at}:{port};transport=tcp"),
        "sip" | "sips" | "h323" => format!("{kind}:{user}@{at}:{port}"),
        _ => format!("{}://{at}:{port}", scheme(&kind)),
    })
}

/// Without a service that can be called: the user, the address and the ports.
fn plain_uri(row: &Row, ip: IpAddr) -> String {
    let ports = [("data", row.ports.data), ("video", row.ports.video), ("audio", row.ports.audio)];
    let ports: Vec<String> =
        ports.into_iter().filter_map(|(name, port)| Some(format!("{name}={}", port?))).collect();
    let query = if ports.is_empty() { String::new() } else { format!("?{}", ports.join("&")) };
    format!("hms://{}@{}{query}", escaped(&row.user), authority(ip))
}

fn authority(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

/// Percent-encodes all but the characters that mean nothing in a URI (RFC 3986, 2.3).
fn escaped(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// A service's kind as a URI's scheme (RFC 3986, 3.1).
fn scheme(kind: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let text: String = kind.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) { text } else { format!("x-{text}") }
}

fn assignments(row: &Row) -> Vec<(String, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let port = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
    let fixed = [
        ("USER", row.user.clone()),
        ("HOST", row.host.clone()),
        ("REALM", text(&row.realm)),
        ("ADDRESS", row.ip().map(|ip| ip.to_string()).unwrap_or_default()),
        ("OBSERVED", text(&row.observed)),
        // HMS_STATE names the state directory.
        ("HOST_STATE", row.state.clone()),
        ("STATUS", row.status.clone()),
        ("CONFERENCE", text(&row.conference)),
        ("FIXED", row.fixed.to_string()),
        ("DATA_PORT", port(row.ports.data)),
        ("VIDEO_PORT", port(row.ports.video)),
        ("AUDIO_PORT", port(row.ports.audio)),
        ("SERVICES", row.services.join(" ")),
    ];
    let mut all: Vec<(String, String)> =
        fixed.into_iter().map(|(name, value)| (format!("HMS_{name}"), value)).collect();
    for (kind, port, _) in row.services.iter().filter_map(|service| split(service)) {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name = format!("HMS_{}_PORT", kind.chars().map(letter).collect::<String>());
        if !all.iter().any(|(known, _)| *known == name) {
            all.push((name, port.to_string()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::rows::RowPorts;

    fn row() -> Row {
        Row {
            user: "Zoë 2".to_owned(),
            host: "o'neil".to_owned(),
            address: Some("[fd00::7]:4000".to_owned()),
            ports: RowPorts { data: None, video: Some(5004), audio: Some(5006) },
            services: vec!["web.x:80/tcp".to_owned(), "sip:5060/tcp".to_owned(), "sip:5061/udp".to_owned()],
            ..Row::default()
        }
    }

    #[test]
    fn uris_can_be_dialled() {
        let (row, ip) = (row(), "fd00::7".parse().expect("an IP"));
        assert_eq!(
            service_uri(&row, ip, "sip").as_deref(),
            Some("sip:Zo%C3%AB%202@[fd00::7]:5060;transport=tcp")
        );
        assert_eq!(service_uri(&row, ip, "web.x").as_deref(), Some("web.x://[fd00::7]:80"));
        assert_eq!(service_uri(&row, ip, "h323"), None);
        assert_eq!(
            plain_uri(&row, [10, 0, 0, 1].into()),
            "hms://Zo%C3%AB%202@10.0.0.1?video=5004&audio=5006"
        );
        assert_eq!(scheme("4x y"), "x-4x-y");
    }

    #[test]
    fn assignments_are_safe_in_a_shell() {
        let all = assignments(&row());
        let value =
            |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, v)| human::quoted(v)).expect("there");
        assert_eq!(value("HMS_HOST"), "'o'\\''neil'");
        assert_eq!(value("HMS_ADDRESS"), "fd00::7");
        assert_eq!((value("HMS_VIDEO_PORT").as_str(), value("HMS_DATA_PORT").as_str()), ("5004", ""));
        assert_eq!((value("HMS_SIP_PORT").as_str(), value("HMS_WEB_X_PORT").as_str()), ("5060", "80"));
        assert!(!all.iter().any(|(name, _)| name == "HMS_STATE"));
    }
}
