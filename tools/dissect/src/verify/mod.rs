//! Whether a datagram can be believed, as an HMS with the same keys would find.

mod files;
mod sessions;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hms::auth::{Keyring, ReadyKey, UserKey, checksum_holds};
use hms::ident::{Epoch, RealmId, UserId};
use hms::transport::{LinkSecret, inspect};
use hms::wire::{Header, Kind, Unverified};

use crate::datagram::Captured;
use crate::expert::{self, Expert, Remark};
use crate::links::{Links, Opened};
use crate::opened;
use sessions::Sessions;

/// What was found of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The tag holds, and the sequence is a new one.
    Valid,
    /// HINT, ANNOUNCE: the checksum fits. Anybody can make one.
    Unauthenticated,
    WrongTag,
    WrongChecksum,
    UnknownKey,
    /// The tag holds under the key before the last revocation.
    Revoked,
    Replayed,
    OutOfWindow,
    /// It could not be looked at.
    Unchecked,
}

impl Verdict {
    pub(crate) const ALL: [Self; 9] = [
        Self::Valid,
        Self::Unauthenticated,
        Self::WrongTag,
        Self::WrongChecksum,
        Self::UnknownKey,
        Self::Revoked,
        Self::Replayed,
        Self::OutOfWindow,
        Self::Unchecked,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Unauthenticated => "unauthenticated",
            Self::WrongTag => "wrong tag",
            Self::WrongChecksum => "wrong checksum",
            Self::UnknownKey => "unknown key",
            Self::Revoked => "revoked",
            Self::Replayed => "replayed",
            Self::OutOfWindow => "out of window",
            Self::Unchecked => "unchecked",
        }
    }

    const fn remark(self) -> Option<&'static Remark> {
        match self {
            Self::Valid | Self::Unauthenticated | Self::Unchecked => None,
            Self::WrongTag => Some(expert::WRONG_TAG),
            Self::WrongChecksum => Some(expert::WRONG_CHECKSUM),
            Self::UnknownKey => Some(expert::UNKNOWN_KEY),
            Self::Revoked => Some(expert::REVOKED),
            Self::Replayed => Some(expert::REPLAYED),
            Self::OutOfWindow => Some(expert::OUT_OF_WINDOW),
        }
    }
}

/// A verdict and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// Why it is refused, in words.
    pub(crate) why: Option<String>,
}

impl Finding {
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self { verdict, why: None }
    }

    pub(crate) fn because(verdict: Verdict, why: impl Into<String>) -> Self {
        Self { verdict, why: Some(why.into()) }
    }

    pub(crate) fn expert(&self) -> Option<Expert> {
        let remark = self.verdict.remark()?;
        Some(Expert::new(remark, self.why.clone().unwrap_or_else(|| remark.about.to_owned())))
    }
}

/// The keys that were given.
#[derive(Default)]
pub struct Keys {
    ring: Keyring,
    /// Of each realm its name and the epochs of which there are secrets.
    realms: BTreeMap<RealmId, (String, Vec<Epoch>)>,
    /// Keys of single users, from join tokens.
    users: BTreeMap<(RealmId, Epoch, UserId), UserKey>,
    secrets: Vec<LinkSecret>,
    /// What opens links between HMSs.
    pub(crate) links: Links,
    sessions: Sessions,
}

impl Keys {
    /// Whether any were given.
    pub(crate) fn any(&self) -> bool {
        !self.realms.is_empty() || !self.users.is_empty() || !self.secrets.is_empty() || self.links.any()
    }

    /// Looks at a whole datagram between host and HMS. The window of its session moves.
    pub(crate) fn datagram(&mut self, bytes: &[u8], destination: SocketAddr) -> Option<Finding> {
        let Ok((_, datagram)) = Unverified::parse_any_version(bytes) else {
            return self
                .any()
                .then(|| Finding::because(Verdict::Unchecked, "too short or too long to have a tag"));
        };
        let header = *datagram.header();
        if matches!(header.kind, Kind::Hint | Kind::Announce) {
            let holds = checksum_holds(&datagram);
            return Some(Finding::new(if holds { Verdict::Unauthenticated } else { Verdict::WrongChecksum }));
        }
        self.any().then(|| self.tagged(&header, datagram, destination))
    }

    fn tagged(&mut self, header: &Header, datagram: Unverified<'_>, destination: SocketAddr) -> Finding {
        match self.tag(header, datagram) {
            Some(finding) => finding,
            None if header.kind.is_response() || header.session.0 == 0 => Finding::new(Verdict::Valid),
            None => self.sessions.sequence(header, destination),
        }
    }

    /// What is wrong with the tag; nothing if it holds.
    fn tag(&mut self, header: &Header, datagram: Unverified<'_>) -> Option<Finding> {
        if let Some(key) = self.sessions.key(header)
            && holds(key, datagram)
        {
            return None;
        }
        let user = match self.user_key(header) {
            Ok(key) => key,
            Err(why) => return Some(Finding::because(Verdict::UnknownKey, why)),
        };
        let key = ready(&user, header);
        if holds(&key, datagram) {
            self.sessions.keep(header, key);
            return None;
        }
        let previous = self.ring.previous_user_key(header.realm, header.epoch, header.user);
        if previous.is_some_and(|user| holds(&ready(&user, header), datagram)) {
            let why = "refused: the key was revoked; the user needs a new join token";
            return Some(Finding::because(Verdict::Revoked, why));
        }
        let who = if header.session.0 == 0 { "user" } else { "session" };
        let why = format!(
            "refused: the tag does not hold under the {who}'s key: the datagram was changed on its way, or its sender \
             has another key (a token of another realm secret, or of another user)"
        );
        Some(Finding::because(Verdict::WrongTag, why))
    }

    fn user_key(&self, header: &Header) -> Result<UserKey, String> {
        if let Some(key) = self.users.get(&(header.realm, header.epoch, header.user)) {
            return Ok(key.clone());
        }
        self.ring.user_key(header.realm, header.epoch, header.user).map_err(|_| self.unknown(header))
    }

    fn unknown(&self, header: &Header) -> String {
        let epoch = header.epoch.0;
        match self.realms.get(&header.realm) {
            Some((name, epochs)) => {
                let epochs: Vec<_> = epochs.iter().map(|epoch| epoch.0.to_string()).collect();
                let known = epochs.join(" and ");
                format!("refused: key epoch {epoch} unknown; the HMS knows {known} of realm {name}")
            }
            None if self.realms.is_empty() => {
                format!("no key of user {} in realm {} (epoch {epoch}) was given", header.user, header.realm)
            }
            None => {
                let realms: Vec<_> =
                    self.realms.iter().map(|(id, (name, _))| format!("{name} ({id})")).collect();
                format!(
                    "dropped in silence: realm {} is not served; the HMS serves {}",
                    header.realm,
                    realms.join(", ")
                )
            }
        }
    }

    /// Looks at a whole datagram between HMSs that is well formed.
    pub(crate) fn between_hmss(
        &mut self,
        captured: &Captured,
    ) -> (Option<Finding>, Option<(Opened, Vec<Expert>)>) {
        let bytes = &captured.bytes;
        if opened::is(bytes) {
            let why = "of a copy that hms-dissect opened: nothing in it proves who sent it";
            return (Some(Finding::because(Verdict::Unchecked, why)), None);
        }
        if !self.any() {
            return (None, None);
        }
        if bytes.get(1) == Some(&0x23) {
            let cluster = self.secrets.iter().any(|secret| secret.id().0 == 0);
            let (finding, opened) = self.links.data(captured, cluster);
            return (Some(finding), opened);
        }
        let (finding, secret) = self.handshake(bytes);
        if finding.verdict == Verdict::Valid
            && let Some(secret) = secret
        {
            self.links.handshake(&secret, bytes);
        }
        (Some(finding), None)
    }

    fn secret(&self, bytes: &[u8]) -> Result<&LinkSecret, Finding> {
        // RESET names no key: it is always the cluster's (R-TRN-25).
        let id = match bytes.get(1) {
            Some(0x24) => Some(0),
            _ => bytes.get(8..16).and_then(|id| id.first_chunk()).map(|id| u64::from_be_bytes(*id)),
        };
        self.secrets.iter().find(|secret| Some(secret.id().0) == id).ok_or_else(|| {
            let id = id.unwrap_or_default();
            let which =
                if id == 0 { "the cluster secret".to_owned() } else { format!("invitation {id:016x}") };
            Finding::because(Verdict::UnknownKey, format!("{which} was not given"))
        })
    }

    fn handshake(&self, bytes: &[u8]) -> (Finding, Option<LinkSecret>) {
        match self.secret(bytes) {
            Err(finding) => (finding, None),
            Ok(secret) if inspect::tag_holds(secret, bytes) => {
                (Finding::new(Verdict::Valid), Some(secret.clone()))
            }
            Ok(_) => {
                let why = "refused: the tag does not hold: the sender belongs to another cluster, or it was changed on its way";
                (Finding::because(Verdict::WrongTag, why), None)
            }
        }
    }
}

fn ready(user: &UserKey, header: &Header) -> ReadyKey {
    match header.session.0 {
        0 => ReadyKey::new(user.as_bytes()),
        _ => ReadyKey::new(user.session_key(header.session).as_bytes()),
    }
}

fn holds(key: &ReadyKey, datagram: Unverified<'_>) -> bool {
    // Captures are no oracle for anybody, but a comparison in constant time costs nothing here.
    hms::auth::open(key, datagram).is_some()
}
