//! What holds of an HMS whatever comes in, held against it after every datagram (QUALITY sections 3 and 4).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hms::auth::Keyring;
use hms::ident::UserId;
use hms::server::HostRow;
use hms::wire::{Answer, Kind, Request, Unverified, Verified, flag, normal_address};

use super::super::keys::{REALM, open};

/// What the tester knows: which source was sent which cookie, who sent one back, how many bytes went where.
#[derive(Default)]
pub(super) struct Judge {
    /// Cookies by the address that they were sent to.
    told: BTreeSet<(SocketAddr, u64)>,
    /// Who came back from where, to this process.
    proven: BTreeSet<(UserId, SocketAddr)>,
    /// Bytes in, and out while it had proven nothing, by the address of the other side.
    traffic: BTreeMap<SocketAddr, (usize, usize)>,
    /// Datagrams that had an effect once.
    accepted: BTreeSet<Vec<u8>>,
}

/// The machine before or after a datagram.
pub(super) struct Seen {
    pub(super) hosts: Vec<HostRow>,
    pub(super) drops: u64,
}

/// One datagram out.
pub(super) struct Sent {
    pub(super) to: Option<SocketAddr>,
    pub(super) bytes: Vec<u8>,
}

impl Sent {
    fn kind(&self) -> Kind {
        Kind::from_code(self.bytes[1])
    }

    /// Sent by itself: not the answer to what just came in.
    fn unasked(&self) -> bool {
        let push = self.kind() == Kind::Page && self.bytes[2] & flag::PUSH != 0;
        push || matches!(self.kind(), Kind::Offer | Kind::Announce)
    }
}

/// Opens what a user said under the key that holds now.
fn read<'a>(keyring: &Keyring, bytes: &'a [u8]) -> Option<Verified<'a>> {
    let header = *Unverified::parse(bytes).ok()?.header();
    let key = keyring.user_key(header.realm, header.epoch, header.user).ok()?;
    open(&key, bytes)
}

impl Judge {
    /// Another process: no cookie of the one before counts any more.
    pub(super) fn restarted(&mut self) {
        self.told.clear();
        self.proven.clear();
    }

    /// The user's keys are worthless, and with them what was proven by them.
    pub(super) fn revoked(&mut self, user: UserId) {
        self.proven.retain(|(known, _)| *known != user);
    }

    /// A datagram is about to come in.
    pub(super) fn comes(&mut self, keyring: &Keyring, from: SocketAddr, bytes: &[u8]) {
        self.traffic.entry(from).or_default().0 += bytes.len();
        let Some(verified) = read(keyring, bytes) else { return };
        let cookie = match verified.request() {
            Ok(Request::Register(register)) => Some(register.cookie),
            Ok(Request::Heartbeat(heartbeat)) => heartbeat.cookie,
            // Its content is refused, its cookie counts (R-FMT-09).
            _ => match verified.heartbeat_head() {
                Ok(Request::Heartbeat(heartbeat)) => heartbeat.cookie,
                _ => None,
            },
        };
        if cookie.is_some_and(|cookie| self.told.contains(&(from, cookie))) {
            self.proven.insert((verified.header().user, from));
        }
    }

    /// All that holds after a datagram.
    pub(super) fn came(
        &mut self,
        keyring: &Keyring,
        (from, bytes): (SocketAddr, &[u8]),
        (before, after): (&Seen, &Seen),
        sent: &[Sent],
    ) {
        let answers: Vec<&Sent> = sent.iter().filter(|sent| !sent.unasked()).collect();
        assert!(
            answers.iter().all(|sent| sent.to == Some(from)),
            "an answer goes where the question came from"
        );
        assert!(answers.len() <= 1, "{} answers", answers.len());
        let gains = answers.iter().any(|sent| sent.bytes.len() > bytes.len());
        assert!(!gains || self.is_proven_at(from), "more bytes to {from}, which proved nothing");
        self.counted(bytes, after.drops - before.drops, answers.first().copied());
        let quiet = [Kind::Challenge, Kind::Hint, Kind::Superseded, Kind::Reregister, Kind::Retry];
        let nothing = after.drops > before.drops || answers.iter().any(|sent| quiet.contains(&sent.kind()));
        let put_off = answers.iter().any(|sent| sent.kind() == Kind::Retry);
        if put_off {
            put_off_only(from, &before.hosts, &after.hosts);
        } else if nothing {
            assert_eq!(after.hosts, before.hosts, "nothing was accepted, and something changed");
        }
        if self.accepted.contains(bytes) {
            replayed(bytes, before, after);
        }
        if answers.iter().any(|sent| !quiet.contains(&sent.kind()) && sent.kind() != Kind::Reject) {
            self.accepted.insert(bytes.to_vec());
        }
        others(keyring, bytes, before, after);
        self.went(keyring, sent);
        self.holds(&after.hosts);
    }

    /// Each datagram is counted as dropped once, or answered, or needs no answer.
    fn counted(&self, bytes: &[u8], dropped: u64, answer: Option<&Sent>) {
        match (dropped, answer) {
            (1, None) | (0, Some(_)) => {}
            (1, Some(sent)) => assert_eq!(sent.kind(), Kind::Hint, "dropped, and answered"),
            (0, None) => {
                let silent = [Kind::Announce, Kind::Discover];
                assert!(
                    silent.contains(&Kind::from_code(bytes[1])),
                    "neither counted nor answered: {bytes:02x?}"
                );
            }
            _ => panic!("counted {dropped} times"),
        }
    }

    /// Datagrams out: readable, short enough, and not more bytes than came from an address that proved nothing.
    pub(super) fn went(&mut self, keyring: &Keyring, sent: &[Sent]) {
        for Sent { to, bytes } in sent {
            assert!(bytes.len() <= hms::limits::DATAGRAM_MAX, "{} bytes", bytes.len());
            let datagram = Unverified::parse(bytes).expect("what an HMS sends has a header");
            assert!(datagram.header().kind.is_response());
            let Some(to) = *to else { continue };
            if let Some(Ok(Answer::Challenge(short))) = read(keyring, bytes).map(|verified| verified.answer())
            {
                self.told.insert((to, short.argument));
            }
            if self.is_proven_at(to) {
                continue;
            }
            let traffic = self.traffic.entry(to).or_default();
            traffic.1 += bytes.len();
            assert!(traffic.1 <= traffic.0, "{traffic:?} bytes in and out of {to}");
        }
    }

    /// No confirmed row without a round trip to its address.
    pub(super) fn holds(&self, hosts: &[HostRow]) {
        for row in hosts.iter().filter(|row| row.status != "unconfirmed") {
            let Some(address) = &row.address else {
                assert_eq!(row.status, "late", "up without an address");
                continue;
            };
            let address = normal_address(address.parse().expect("an address"));
            let user = hms::auth::user_id(REALM, &row.user);
            assert!(self.proven.contains(&(user, address)), "{row:?} without a round trip");
        }
    }

    fn is_proven_at(&self, address: SocketAddr) -> bool {
        self.proven.iter().any(|(_, known)| *known == address)
    }

    /// The users who proved something to this process.
    pub(super) fn is_proven(&self, user: UserId) -> bool {
        self.proven.iter().any(|(known, _)| *known == user)
    }
}

/// A RETRY leaves what the row says as it was; but the row at this source was heard, also if it has just been proven to
/// be there, which takes the address from whoever had it (R-SEC-05, R-REG-25).
fn put_off_only(from: SocketAddr, before: &[HostRow], after: &[HostRow]) {
    assert_eq!(before.len(), after.len(), "put off, and there are other rows");
    let here = Some(from.to_string());
    for (old, new) in before.iter().zip(after) {
        let mut expected = old.clone();
        if old.address == here && new.address.is_none() {
            assert!(after.iter().any(|row| row.address == here), "an address is lost to nobody");
            continue;
        }
        if new.address == here && new.age_ms == 0 {
            assert!(new.status == "up", "heard, and {}", new.status);
            (expected.age_ms, expected.status, expected.revision) = (0, new.status, new.revision);
            (expected.address, expected.observed) = (here.clone(), new.observed.clone());
        }
        assert_eq!(*new, expected, "put off, and something changed");
    }
}

/// What was accepted once creates, extends, moves and resurrects nothing when it comes again; only an unconfirmed row
/// may go by a LEAVE of an earlier process's time (spec 4.4, row 7).
fn replayed(bytes: &[u8], before: &Seen, after: &Seen) {
    let mut expected = before.hosts.clone();
    if Kind::from_code(bytes[1]) == Kind::Leave {
        expected.retain(|row| row.status != "unconfirmed" || after.hosts.contains(row));
    }
    assert_eq!(after.hosts, expected, "a replay of {bytes:02x?}");
}

/// What one user says does nothing to another, but that a proven address is taken from whoever had it (R-REG-25).
fn others(keyring: &Keyring, bytes: &[u8], before: &Seen, after: &Seen) {
    let speaker = read(keyring, bytes).map(|verified| verified.header().user);
    for old in &before.hosts {
        if speaker == Some(hms::auth::user_id(REALM, &old.user)) {
            continue;
        }
        let new = after.hosts.iter().find(|row| (&row.realm, &row.user) == (&old.realm, &old.user));
        let new = new.unwrap_or_else(|| panic!("{} is gone by another's datagram", old.user));
        if new != old {
            assert!(new.status == "late" && new.address.is_none(), "{old:?} became {new:?}");
        }
    }
}
