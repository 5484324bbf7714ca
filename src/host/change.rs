//! `hms set KEY=VALUE`: changes of what the host says of itself.

use std::fmt;

use crate::ident::Name;
use crate::limits::{SERVICE_KIND_MAX, SERVICES_MAX};
use crate::wire::{Content, HostState, Service, Transport};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `state=`: standby, participating or organizing.
    State(HostState),
    /// `conference=`: empty means none.
    Conference(Option<Name>),
    /// `name=`: what the host is called.
    HostName(Name),
    /// `fixed=`: whether the address is fixed.
    Fixed(bool),
    /// `data=`: port of the data conference, 0 for none.
    Data(u16),
    /// `video=`: port.
    Video(u16),
    /// `audio=`: port.
    Audio(u16),
    /// `service+=kind:port[/udp|tcp]`.
    AddService(Service),
    /// `service-=kind[:port[/udp|tcp]]`: all that match.
    RemoveService {
        /// Of this kind.
        kind: Name,
        /// On this port, if it is given.
        port: Option<u16>,
        /// Over this, if it is given.
        transport: Option<Transport>,
    },
}

/// Why a change cannot be made: a text that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeError(pub String);

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ChangeError {}

fn error<T>(text: String) -> Result<T, ChangeError> {
    Err(ChangeError(text))
}

const KEYS: &str = "state, conference, name, fixed, data, video, audio, service+=, service-=";

impl Change {
    /// Reads a change: `key` as before the `=`, with `+` or `-` at its end for services.
    pub fn parse(key: &str, value: &str) -> Result<Self, ChangeError> {
        let key = key.trim().trim_end_matches('=');
        match key {
            "state" => state(value),
            "conference" if value.is_empty() || value == "none" => Ok(Self::Conference(None)),
            "conference" => name(key, value, Name::MAX).map(|n| Self::Conference(Some(n))),
            "name" => name(key, value, Name::MAX).map(Self::HostName),
            "fixed" => flag(value),
            "data" => port(key, value).map(Self::Data),
            "video" => port(key, value).map(Self::Video),
            "audio" => port(key, value).map(Self::Audio),
            "service+" => service(value).map(Self::AddService),
            "service-" => removal(value),
            "service" => error("use service+=KIND:PORT to add a service, service-=KIND to remove one".into()),
            other => error(format!("unknown key `{other}`; known are {KEYS}")),
        }
    }

    /// Applies the change; the same value again is no error.
    pub fn apply(self, content: &mut Content) -> Result<(), ChangeError> {
        match self {
            Self::State(state) => content.state = state,
            Self::Conference(conference) => content.conference = conference,
            Self::HostName(name) => content.host_name = name,
            Self::Fixed(fixed) => content.fixed = fixed,
            Self::Data(port) => content.ports.data = port,
            Self::Video(port) => content.ports.video = port,
            Self::Audio(port) => content.ports.audio = port,
            Self::AddService(service) if content.services.contains(&service) => {}
            Self::AddService(_) if content.services.len() >= SERVICES_MAX => {
                return error(format!(
                    "a host has at most {SERVICES_MAX} services; remove one with service-=KIND"
                ));
            }
            Self::AddService(service) => content.services.push(service),
            Self::RemoveService { kind, port, transport } => {
                let before = content.services.len();
                content.services.retain(|s| {
                    s.kind != kind
                        || port.is_some_and(|p| p != s.port)
                        || transport.is_some_and(|t| t != s.transport)
                });
                if content.services.len() == before {
                    return error(format!("no such service `{kind}`; `hms self --json` lists them"));
                }
            }
        }
        Ok(())
    }
}

fn state(value: &str) -> Result<Change, ChangeError> {
    let known = HostState::ALL.iter().find(|s| s.name() == value);
    known.map_or_else(
        || error(format!("state is standby, participating or organizing, not `{value}`")),
        |s| Ok(Change::State(*s)),
    )
}

fn name(key: &str, value: &str, limit: usize) -> Result<Name, ChangeError> {
    Name::with_limit(value, limit).or_else(|e| error(format!("{key}: {e}")))
}

fn flag(value: &str) -> Result<Change, ChangeError> {
    match value {
        "true" | "yes" | "1" | "on" => Ok(Change::Fixed(true)),
        "false" | "no" | "0" | "off" => Ok(Change::Fixed(false)),
        other => error(format!("fixed is true or false, not `{other}`")),
    }
}

fn port(key: &str, value: &str) -> Result<u16, ChangeError> {
    match value {
        "" | "none" => Ok(0),
        text => {
            text.parse().or_else(|_| error(format!("{key} is a number from 0 (none) to 65535, not `{text}`")))
        }
    }
}

fn transport(value: &str) -> Result<Transport, ChangeError> {
    let known = Transport::ALL.iter().find(|t| t.name().eq_ignore_ascii_case(value));
    known.copied().map_or_else(|| error(format!("a service runs over udp or tcp, not `{value}`")), Ok)
}

/// Reads `kind:port[/udp|tcp]`; without a transport it is UDP.
pub fn service(value: &str) -> Result<Service, ChangeError> {
    let parts = split_service(value)?;
    match parts {
        (kind, Some(port @ 1..), over) => {
            Ok(Service { kind, port, transport: over.unwrap_or(Transport::Udp) })
        }
        _ => error(format!("a service is KIND:PORT[/udp|tcp], such as sip:5060/udp, not `{value}`")),
    }
}

fn removal(value: &str) -> Result<Change, ChangeError> {
    let (kind, port, transport) = split_service(value)?;
    Ok(Change::RemoveService { kind, port, transport })
}

fn split_service(value: &str) -> Result<(Name, Option<u16>, Option<Transport>), ChangeError> {
    let (rest, over) = match value.split_once('/') {
        Some((rest, over)) => (rest, Some(transport(over)?)),
        None => (value, None),
    };
    let (kind, port_text) = match rest.rsplit_once(':') {
        Some((kind, text)) => (kind, Some(text)),
        None => (rest, None),
    };
    let number = port_text.map(|text| port("the service's port", text)).transpose()?;
    Ok((name("the service's kind", kind, SERVICE_KIND_MAX)?, number, over))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content::new(Name::new("ann").expect("a name"), Name::new("desk").expect("a name"))
    }

    fn apply(content: &mut Content, key: &str, value: &str) -> Result<(), ChangeError> {
        Change::parse(key, value).and_then(|change| change.apply(content))
    }

    #[test]
    fn every_key_is_set() {
        let mut c = content();
        for (key, value) in [
            ("state", "organizing"),
            ("conference", "board"),
            ("name", "Room 4"),
            ("fixed", "true"),
            ("data", "1503"),
            ("video", "5004"),
            ("audio", "5006"),
            ("service+", "sip:5060"),
            ("service+=", "sip:5060/udp"),
            ("service+", "web:8080/tcp"),
        ] {
            assert_eq!(apply(&mut c, key, value), Ok(()), "{key}={value}");
        }
        assert_eq!(
            (c.state, c.fixed, c.ports.data, c.services.len()),
            (HostState::Organizing, true, 1503, 2)
        );
        assert_eq!(c.conference.as_ref().map(Name::as_str), Some("board"));
        assert_eq!(apply(&mut c, "service-", "web:8080"), Ok(()));
        assert_eq!(apply(&mut c, "conference", ""), Ok(()));
        assert_eq!((c.services.len(), c.conference), (1, None));
    }

    #[test]
    fn wrong_values_say_what_is_right() {
        let mut c = content();
        for (key, value, says) in [
            ("stat", "x", "known are state"),
            ("state", "busy", "standby, participating or organizing"),
            ("name", " x", "white space"),
            ("fixed", "maybe", "true or false"),
            ("video", "70000", "0 (none) to 65535"),
            ("service", "sip:1", "service+="),
            ("service+", "sip", "KIND:PORT"),
            ("service+", "sip:5060/sctp", "udp or tcp"),
            ("service-", "fax", "no such service"),
        ] {
            let error = apply(&mut c, key, value).expect_err(key).to_string();
            assert!(error.contains(says), "{key}={value}: {error}");
        }
        for n in 1..=16 {
            assert_eq!(apply(&mut c, "service+", &format!("s{n}:{n}")), Ok(()));
        }
        assert!(apply(&mut c, "service+", "s17:17").expect_err("full").to_string().contains("at most 16"));
        assert_eq!(c, {
            let mut same = content();
            same.services.clone_from(&c.services);
            same
        });
    }
}
