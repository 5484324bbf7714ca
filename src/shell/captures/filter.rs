//! Whose datagrams somebody wants to see.

use std::net::{IpAddr, SocketAddr};

use crate::ident::{RealmId, UserId};
use crate::transport::is_between_hmss;

/// Which datagrams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Filter {
    /// All.
    All,
    /// To and from this machine.
    Ip(IpAddr),
    /// To and from this very address.
    Address(SocketAddr),
    /// Those that name one of these users in their header, proven or not.
    Users(Vec<(RealmId, UserId)>),
}

impl Filter {
    /// `IP`, `IP:PORT`, or the name of a user, whom `users` looks up.
    pub(in super::super) fn parse(text: &str, users: impl FnOnce(&str) -> Vec<(RealmId, UserId)>) -> Self {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Self::Ip(ip.to_canonical());
        }
        match text.parse::<SocketAddr>() {
            Ok(address) => Self::Address(SocketAddr::new(address.ip().to_canonical(), address.port())),
            Err(_) => Self::Users(users(text)),
        }
    }

    /// Whether a datagram fits that came from `other`, or goes there.
    pub(super) fn fits(&self, other: SocketAddr, bytes: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Ip(ip) => other.ip().to_canonical() == *ip,
            Self::Address(address) => {
                (other.ip().to_canonical(), other.port()) == (address.ip(), address.port())
            }
            Self::Users(users) => {
                named(bytes).filter(|_| !is_between_hmss(bytes)).is_some_and(|named| users.contains(&named))
            }
        }
    }
}

/// Realm and user in a header, which stand there in every version (R-FMT-20).
fn named(bytes: &[u8]) -> Option<(RealmId, UserId)> {
    let realm = bytes.get(4..)?.first_chunk().copied().map(u32::from_be_bytes)?;
    let user = bytes.get(8..)?.first_chunk().copied()?;
    Some((RealmId(realm), UserId(user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_knows_users_and_addresses() {
        let users =
            |name: &str| if name == "alice" { vec![(RealmId(7), UserId([1; 8]))] } else { Vec::new() };
        let parse = |text: &str| Filter::parse(text, users);
        assert_eq!(parse("::ffff:10.1.0.7"), Filter::Ip("10.1.0.7".parse().expect("an IP")));
        assert_eq!(parse("nobody"), Filter::Users(Vec::new()));
        let mut bytes = vec![1, 3, 0, 1];
        bytes.extend_from_slice(&7u32.to_be_bytes());
        bytes.extend_from_slice(&[1; 8]);
        let fits =
            |filter: &str, from: &str, bytes: &[u8]| parse(filter).fits(from.parse().expect("one"), bytes);
        assert!(fits("alice", "10.1.0.7:4000", &bytes) && !fits("bob", "10.1.0.7:4000", &bytes));
        assert!(!fits("alice", "10.1.0.7:4000", &bytes[..15]), "no whole header");
        assert!(fits("10.1.0.7", "10.1.0.7:4000", &[]) && !fits("10.1.0.8", "10.1.0.7:4000", &[]));
        assert!(fits("10.1.0.7:4000", "10.1.0.7:4000", &[]) && !fits("10.1.0.7:4001", "10.1.0.7:4000", &[]));
        assert!(fits("[fe80::1]:5", "[fe80::1%2]:5", &[]), "whatever the interface");
        // What stands there between HMSs is no user.
        bytes[1] = 0x23;
        assert!(!fits("alice", "10.1.0.7:4000", &bytes));
    }
}
