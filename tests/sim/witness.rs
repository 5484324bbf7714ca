//! Remembers what the HMS did, as whoever knows the keys sees it from outside, and finds what must never be. It knows
//! nothing of the reference.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use hms::ident::{SessionId, Stamp};
use hms::time::{Duration, Instant};
use hms::wire::{Answer, Kind, RejectCode};

use crate::reference::{Reply, Who};
use crate::rule::{Checked, Rule};

/// How a session came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Left,
    Replaced,
    Revoked,
}

#[derive(Clone, Copy, Debug)]
pub struct Ended {
    how: How,
    /// Which process of the HMS knew of it.
    process: u32,
}

/// The session of a user that this process of the HMS verified.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    pub session: SessionId,
    pub stamp: Stamp,
    /// The last accepted heartbeat or registration.
    pub last: Instant,
    /// The highest content version that was acknowledged.
    version: u32,
    /// The highest sequence, and where the last one came from.
    sequence: u64,
    at: SocketAddr,
}

/// A datagram that reached the HMS.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    bytes: u64,
    /// It had its effect before.
    pub again: bool,
    pub kind: Option<Kind>,
    /// Whose key signed it, and whether that key counts no more.
    pub signer: Option<(Who, bool)>,
}

#[derive(Default)]
pub struct Witness {
    /// Datagrams that were answered with something that only counts once.
    answered: HashMap<u64, (Kind, Stamp)>,
    ended: BTreeMap<(Who, SessionId), Ended>,
    /// Whose key is in wrong hands.
    pub rogue: Option<Who>,
    /// When users left, and with which stamp if this process knew it.
    left: BTreeMap<Who, (Instant, Option<Stamp>)>,
    pub live: BTreeMap<Who, Live>,
    process: u32,
    started: Instant,
    number: u64,
    /// When the process did not do its work, and for how long.
    stalls: Vec<(Instant, Duration)>,
    pub counted: Counted,
}

/// What went through this process, to be held against `hms status`.
#[derive(Default)]
pub struct Counted {
    pub received: u64,
    pub answers: u64,
    pub offers: u64,
    pub announces: u64,
    /// DISCOVERs that may wait for their OFFER.
    pub discovers: Vec<Instant>,
}

/// Longer than the stamp of a row that left is known, at any check time here.
const LEFT_KNOWN: Duration = Duration::from_secs(45);

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

impl Witness {
    /// A new process of the HMS.
    pub fn start(&mut self, now: Instant) {
        self.live.clear();
        self.left.clear();
        self.stalls.clear();
        self.counted = Counted::default();
        self.process += 1;
        self.number = 0;
        self.started = now;
    }

    /// A datagram reaches the HMS.
    pub fn comes(&mut self, bytes: &[u8], kind: Option<Kind>, signer: Option<(Who, bool)>) -> Came {
        let digest = digest(bytes);
        let again = self.answered.contains_key(&digest);
        self.counted.received += 1;
        self.counted.announces += u64::from(kind == Some(Kind::Announce));
        Came { bytes: digest, again, kind, signer }
    }

    /// The process stood still, or lost what came, for so long until `end`.
    pub fn stalled(&mut self, end: Instant, length: Duration) {
        self.stalls.push((end, length));
    }

    pub fn stalled_since(&self, from: Instant) -> Duration {
        self.stalls.iter().filter(|(end, _)| *end >= from).map(|(_, length)| *length).sum()
    }

    /// By how much an expiry must be put off: what the process can notice of its stalls (R-REG-44).
    fn deferred_since(&self, from: Instant) -> Duration {
        let whole = self.stalls.iter().filter(|(end, length)| {
            end.since(Instant::ZERO) >= *length
                && *end - *length >= from
                && *length > Duration::from_millis(1250)
        });
        whole.map(|(_, length)| length.saturating_sub(Duration::from_millis(1001))).sum()
    }

    /// What the HMS says at once to a datagram that came.
    pub fn answers(&mut self, now: Instant, came: &Came, reply: &Reply<'_>) -> Checked {
        let kind = reply.header.kind;
        if came.kind.is_some_and(|kind| kind.code() & 0x80 != 0) {
            return Err(Rule::Response.broken(format!("{:?} was answered by {kind}", came.kind)));
        }
        self.counted.answers += u64::from(kind != Kind::Hint);
        let who = reply.who();
        let old_key = came.signer.is_some_and(|(_, old)| old);
        if old_key && kind != Kind::Hint && kind != Kind::Reject {
            return Err(
                Rule::Revoked.broken(format!("{kind} to user {} for what a revoked key signed", who.1))
            );
        }
        let Some(answer) = &reply.answer else { return Ok(()) };
        if came.signer.is_none_or(|(signer, _)| signer != who) {
            return Err(Rule::Signed.broken(format!("{kind} to user {} for what another key signed", who.1)));
        }
        match answer {
            Answer::Registered(registered) => {
                self.once(came, kind, registered.stamp)?;
                self.registered(now, reply, registered.stamp)
            }
            Answer::Ack(ack) => {
                self.once(came, kind, Stamp(0))?;
                self.acknowledged(now, reply, ack.content_version)
            }
            Answer::Page(_) | Answer::Digests(_) => {
                self.once(came, kind, Stamp(0))?;
                self.goes_on(who, reply.header.session, kind)
            }
            Answer::Left(_) => {
                let session = reply.header.session;
                let live = self.live.get(&who).filter(|live| live.session == session);
                self.left.insert(who, (now, live.map(|live| live.stamp)));
                self.end(who, reply.header.session, How::Left);
                Ok(())
            }
            Answer::Superseded(short) => self.superseded(now, who, reply.header.session, short.stamp()),
            Answer::Reject(reject) if old_key => {
                let (code, _) = reject.reject();
                Rule::Revoked.demand(code == RejectCode::Revoked, || format!("a revoked key meets {code:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Every datagram of a process has a higher number than the one before.
    pub fn numbered(&mut self, reply: &Reply<'_>) -> Checked {
        let Some((_, number)) = reply.answer.as_ref().map(Answer::origin) else { return Ok(()) };
        let before = std::mem::replace(&mut self.number, number);
        Rule::Number
            .demand(number > before, || format!("{} has number {number} after {before}", reply.header.kind))
    }

    /// One datagram has one effect, whoever says it again, from wherever, whenever.
    fn once(&mut self, came: &Came, kind: Kind, stamp: Stamp) -> Checked {
        match self.answered.insert(came.bytes, (kind, stamp)) {
            None => Ok(()),
            // R-REG-12.
            Some(before) if kind == Kind::Registered && before == (kind, stamp) => Ok(()),
            Some((before, _)) => {
                Err(Rule::Replay.broken(format!("what {before} was said to is said again and gets {kind}")))
            }
        }
    }

    fn registered(&mut self, now: Instant, reply: &Reply<'_>, stamp: Stamp) -> Checked {
        let (who, session) = (reply.who(), reply.header.session);
        self.may_live(who, session, Kind::Registered)?;
        if let Some(live) = self.live.get(&who).filter(|live| live.session == session) {
            return Rule::Replay
                .demand(live.stamp == stamp, || format!("session {session} is registered twice"));
        }
        self.end_if_other(who, session);
        self.live.insert(who, Live { session, stamp, last: now, version: 0, sequence: 0, at: reply.to });
        Ok(())
    }

    fn acknowledged(&mut self, now: Instant, reply: &Reply<'_>, version: u32) -> Checked {
        let (who, session, sequence, at) =
            (reply.who(), reply.header.session, reply.header.sequence, reply.to);
        self.goes_on(who, session, Kind::Ack)?;
        let first = Live { session, stamp: Stamp(0), last: now, version, sequence, at };
        let live = self.live.entry(who).or_insert(first);
        let moved = std::mem::replace(&mut live.at, at) != at;
        Rule::Replay.demand(!moved || sequence >= live.sequence, || {
            format!("user {} moves to {at} by {sequence}, after {}", who.1, live.sequence)
        })?;
        live.last = now;
        live.sequence = live.sequence.max(sequence);
        let before = std::mem::replace(&mut live.version, version);
        Rule::Content
            .demand(version >= before, || format!("user {} has content {version} after {before}", who.1))
    }

    /// RETRY: the heartbeat counted, and what it would have changed did not (R-SEC-05).
    pub fn retried(&mut self, now: Instant, came: &Came, reply: &Reply<'_>) -> Checked {
        self.once(came, Kind::Retry, Stamp(0))?;
        let version = self.live.get(&reply.who()).map_or(0, |live| live.version);
        self.acknowledged(now, reply, version)
    }

    /// A session is answered as one that is registered.
    fn goes_on(&self, who: Who, session: SessionId, kind: Kind) -> Checked {
        self.may_live(who, session, kind)?;
        let other = self.live.get(&who).filter(|live| live.session != session);
        Rule::OneRow.demand(other.is_none(), || {
            format!("{kind} in session {session} of user {}, who has {other:?}", who.1)
        })
    }

    /// Of an end that an earlier process saw the snapshot may not know. Who left does not say anything any more, unless
    /// it means to: a key that fell into wrong hands may go on with its own session.
    fn may_go_on(&self, who: Who, ended: Ended) -> bool {
        let means_to = ended.how == How::Left && self.rogue == Some(who);
        ended.process < self.process && (ended.how == How::Replaced || means_to)
    }

    /// Ended sessions end for good. Only a process that did not see the replacement may find the old session.
    fn may_live(&self, who: Who, session: SessionId, kind: Kind) -> Checked {
        let Some(ended) = self.ended.get(&(who, session)) else { return Ok(()) };
        if self.may_go_on(who, *ended) {
            return Ok(());
        }
        Err(ended
            .rule()
            .broken(format!("{kind} in session {session} of user {}, which ended: {ended:?}", who.1)))
    }

    /// R-REG-22: only a live row supersedes, or one that left, while it is known.
    fn superseded(&self, now: Instant, who: Who, session: SessionId, stamp: Stamp) -> Checked {
        let live = self.live.get(&who);
        let left = self.left.get(&who).filter(|(at, _)| now.since(*at) <= LEFT_KNOWN && live.is_none());
        if left.is_some_and(|(_, of)| of.is_none_or(|of| [Stamp(0), stamp].contains(&of))) {
            return Ok(());
        }
        // The stamp of a session that came from a snapshot was never seen.
        let right =
            live.is_some_and(|live| live.session != session && [Stamp(0), stamp].contains(&live.stamp));
        Rule::Superseded
            .demand(right, || format!("user {} is superseded by {stamp}, with {live:?} live", who.1))
    }

    fn end_if_other(&mut self, who: Who, session: SessionId) {
        if let Some(live) = self.live.get(&who).filter(|live| live.session != session) {
            let ended = Ended { how: How::Replaced, process: self.process };
            self.ended.insert((who, live.session), ended);
        }
    }

    fn end(&mut self, who: Who, session: SessionId, how: How) {
        if self.live.get(&who).is_some_and(|live| live.session == session) {
            self.live.remove(&who);
        }
        self.ended.insert((who, session), Ended { how, process: self.process });
    }

    /// The admin revokes a user who is in this session, as far as the HMS lists one.
    pub fn revoked(&mut self, who: Who, session: Option<SessionId>) {
        self.live.remove(&who);
        if let Some(session) = session {
            self.end(who, session, How::Revoked);
        }
    }

    /// What was revoked and not stored is forgotten with the process.
    pub fn unrevoked(&mut self) {
        self.ended.retain(|_, ended| ended.how != How::Revoked);
    }

    /// Whether a user's session ended by leaving since then.
    pub fn left_since(&self, who: Who, since: Instant) -> bool {
        self.left.get(&who).is_some_and(|(at, _)| *at >= since)
    }

    /// Whether the HMS may list this session.
    pub fn check_listed(&self, who: Who, session: SessionId, status: &str) -> Checked {
        let live = self.live.get(&who);
        self.check_ended(who, session, status)?;
        let shown = status != "unconfirmed";
        if shown != live.is_some() {
            return Err(Rule::Unconfirmed.broken(format!("is {status}, and this process verified {live:?}")));
        }
        if live.is_some_and(|live| live.session != session) {
            return Err(Rule::OneRow.broken(format!("is in session {session}, and {live:?} was verified")));
        }
        Ok(())
    }

    fn check_ended(&self, who: Who, session: SessionId, status: &str) -> Checked {
        let Some(ended) = self.ended.get(&(who, session)) else { return Ok(()) };
        // A snapshot may be older than the end.
        let earlier = ended.process < self.process;
        let from_disk = status == "unconfirmed" && earlier && ended.how != How::Revoked;
        if from_disk || self.may_go_on(who, *ended) {
            return Ok(());
        }
        Err(ended.rule().broken(format!("is {status} in session {session}, which ended: {ended:?}")))
    }

    /// A row that is there must not be older than its expiry and a tenth of a check time (R-REG-41).
    pub fn check_age(&self, now: Instant, who: Who, check: Duration, factor: f64, late: bool) -> Checked {
        let heard = self.live.get(&who).map_or(self.started, |live| live.last);
        let expiry = check.mul_f64(factor);
        let latest = if late { expiry * hms::limits::BRAKE_LIMIT } else { expiry + check / 10 };
        let latest = latest + self.stalled_since(heard);
        let age = now.since(heard);
        Rule::Removal.demand(age <= latest + Duration::from_millis(5), || {
            format!("is there {age:?} after its last heartbeat, past {latest:?}")
        })
    }

    /// A row expires: was it time?
    pub fn expires(&mut self, now: Instant, who: Who, check: Duration, factor: f64) -> Checked {
        let heard = self.live.remove(&who).map_or(self.started, |live| live.last);
        let earliest = check.mul_f64(factor) + self.deferred_since(heard);
        let age = now.since(heard);
        // The HMS keeps times in whole milliseconds.
        Rule::Removal.demand(age + Duration::from_millis(1) >= earliest, || {
            format!("a row expired {age:?} after its last heartbeat, before {earliest:?}")
        })
    }

    /// Every datagram was answered, or dropped and counted; DISCOVERs wait a little.
    pub fn check_counters(&mut self, now: Instant, dropped: u64) -> Checked {
        let counted = &mut self.counted;
        counted.discovers.retain(|at| now.since(*at) <= Duration::from_millis(125));
        let said = counted.answers + counted.announces + counted.offers + dropped;
        let waiting = counted.received.checked_sub(said);
        Rule::Counters.demand(waiting.is_some_and(|n| n <= counted.discovers.len() as u64), || {
            format!(
                "{} datagrams came; {} answers, {dropped} drops, {} OFFERs, {} ANNOUNCEs, {} DISCOVERs wait",
                counted.received,
                counted.answers,
                counted.offers,
                counted.announces,
                counted.discovers.len()
            )
        })
    }
}

impl Ended {
    const fn rule(self) -> Rule {
        match self.how {
            How::Left => Rule::Leaver,
            How::Replaced => Rule::Superseded,
            How::Revoked => Rule::Revoked,
        }
    }
}
