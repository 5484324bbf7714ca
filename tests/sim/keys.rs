//! The tester knows every secret, so it can read every datagram, by code of its own path: user, generation, session.

use std::collections::BTreeMap;

use hms::auth::{RealmSecret, SessionKey, UserKey, checksum_holds, open};
use hms::ident::{Epoch, Generation, RealmId, SessionId, UserId};
use hms::wire::{Header, Kind, Problem, Unverified, Verified};

pub const EPOCH: Epoch = Epoch(1);

/// Which of a user's generations signed a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Current,
    Previous,
}

/// What a datagram turned out to be.
pub enum Opened<'a> {
    Signed(Verified<'a>, Age),
    /// HINT or ANNOUNCE with a fitting checksum.
    Bare(Unverified<'a>),
    BadTag(Header),
    UnknownRealm,
    /// Another version, which a hint may answer.
    Version(Header),
    Unreadable,
}

pub struct Keys {
    secrets: BTreeMap<RealmId, RealmSecret>,
    added: Vec<RealmId>,
    /// All generations that a user had after 0, oldest first.
    generations: BTreeMap<(RealmId, UserId), Vec<Generation>>,
    users: BTreeMap<(RealmId, UserId, Generation), UserKey>,
    sessions: BTreeMap<(RealmId, UserId, Generation, SessionId), SessionKey>,
}

/// Whether the key of this type is the user's, not the session's (spec 2.2).
fn under_user_key(header: &Header) -> bool {
    match header.kind {
        Kind::Init | Kind::Register | Kind::Discover | Kind::Offer => true,
        Kind::Challenge | Kind::Retry | Kind::Redirect | Kind::Reject => header.session == SessionId(0),
        _ => false,
    }
}

impl Keys {
    pub fn new() -> Self {
        Self {
            secrets: BTreeMap::new(),
            added: Vec::new(),
            generations: BTreeMap::new(),
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    pub fn add_realm(&mut self, realm: RealmId, secret: RealmSecret) {
        self.added.push(realm);
        self.secrets.insert(realm, secret);
    }

    /// The realm that was added last.
    pub fn is_second(&self, realm: RealmId) -> bool {
        self.added.last() == Some(&realm)
    }

    pub fn generation(&self, realm: RealmId, user: UserId) -> Generation {
        self.generations.get(&(realm, user)).and_then(|all| all.last()).copied().unwrap_or_default()
    }

    fn previous(&self, realm: RealmId, user: UserId) -> Option<Generation> {
        let all = self.generations.get(&(realm, user))?;
        Some(if all.len() > 1 { all[all.len() - 2] } else { Generation(0) })
    }

    /// Whether this is the generation before the current one.
    pub fn is_previous(&self, (realm, user): (RealmId, UserId), generation: Generation) -> bool {
        self.previous(realm, user) == Some(generation)
    }

    /// All revocations, to be taken back to.
    pub fn generations(&self) -> BTreeMap<(RealmId, UserId), Vec<Generation>> {
        self.generations.clone()
    }

    /// Revocations that came after are forgotten.
    pub fn go_back(&mut self, generations: BTreeMap<(RealmId, UserId), Vec<Generation>>) {
        self.generations = generations;
    }

    pub fn revoke(&mut self, realm: RealmId, user: UserId, generation: Generation) {
        self.generations.entry((realm, user)).or_default().push(generation);
    }

    pub fn user_key(&mut self, realm: RealmId, user: UserId, generation: Generation) -> UserKey {
        let secret = &self.secrets[&realm];
        let key = self.users.entry((realm, user, generation));
        key.or_insert_with(|| secret.user_key(user, generation)).clone()
    }

    fn verify<'a>(
        &mut self,
        datagram: Unverified<'a>,
        header: &Header,
        generation: Generation,
    ) -> Option<Verified<'a>> {
        let user = self.user_key(header.realm, header.user, generation);
        if under_user_key(header) {
            return open(&user, datagram);
        }
        let id = (header.realm, header.user, generation, header.session);
        let known = self.sessions.contains_key(&id);
        let key = self.sessions.entry(id).or_insert_with(|| user.session_key(header.session));
        let verified = open(key, datagram);
        if verified.is_none() && !known {
            // A session that somebody made up is not worth remembering.
            self.sessions.remove(&id);
        }
        verified
    }

    /// Opens a datagram with every key that could fit.
    pub fn open<'a>(&mut self, bytes: &'a [u8]) -> Opened<'a> {
        let datagram = match Unverified::parse(bytes) {
            Ok(datagram) => datagram,
            Err(error) => {
                let other = matches!(error.problem, Problem::Version(_));
                return match Unverified::parse_any_version(bytes) {
                    Ok((_, datagram)) if other => Opened::Version(*datagram.header()),
                    _ => Opened::Unreadable,
                };
            }
        };
        let header = *datagram.header();
        if matches!(header.kind, Kind::Hint | Kind::Announce) {
            return if checksum_holds(&datagram) { Opened::Bare(datagram) } else { Opened::Unreadable };
        }
        if !self.secrets.contains_key(&header.realm) {
            return Opened::UnknownRealm;
        }
        if header.epoch != EPOCH {
            return Opened::BadTag(header);
        }
        let current = self.generation(header.realm, header.user);
        if let Some(verified) = self.verify(datagram, &header, current) {
            return Opened::Signed(verified, Age::Current);
        }
        let previous = self.previous(header.realm, header.user);
        match previous.and_then(|generation| self.verify(datagram, &header, generation)) {
            Some(verified) => Opened::Signed(verified, Age::Previous),
            None => Opened::BadTag(header),
        }
    }
}
