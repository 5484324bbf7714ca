//! Takes the answer that came: was it one of the right ones, and what follows from it?

use std::net::SocketAddr;

use hms::auth::Keyring;
use hms::ident::SessionId;
use hms::time::{Duration, Instant};
use hms::wire::{Ack, Answer, Header, Kind, Registered};

use super::{Asked, Given, Judgement, Maybe, Reference, Row, Seen, Shown, Who};
use crate::keys::Keys;

/// A datagram of the HMS, opened.
pub struct Reply<'a> {
    pub to: SocketAddr,
    pub header: Header,
    pub len: usize,
    /// None: HINT or ANNOUNCE.
    pub answer: Option<Answer<'a>>,
}

impl Reply<'_> {
    /// For whom it is.
    pub fn who(&self) -> Who {
        (self.header.realm, self.header.user)
    }
}

/// Kinds whose answer echoes no session (R-FMT-04).
fn sessionless(kind: Kind) -> bool {
    matches!(kind, Kind::Init | Kind::Register | Kind::Discover)
}

impl Reference {
    /// Every datagram of the process says which it is and has a higher number than the one before.
    pub fn check_number(&mut self, reply: &Reply<'_>) -> Result<(), String> {
        let Some(answer) = &reply.answer else { return Ok(()) };
        let (incarnation, number) = answer.origin();
        if incarnation != self.incarnation {
            return Err(format!("{} under incarnation {incarnation}", reply.header.kind));
        }
        if number <= self.number {
            return Err(format!("{} has number {number} after {}", reply.header.kind, self.number));
        }
        self.number = number;
        Ok(())
    }

    /// Takes the answers that one datagram caused.
    pub fn settle(
        &mut self,
        keys: &Keys,
        now: Instant,
        judged: &Judgement,
        replies: &[Reply<'_>],
    ) -> Result<(), String> {
        let kind = replies.first().map(|reply| reply.header.kind);
        let names = |kinds: &[Option<Kind>]| -> Vec<String> {
            kinds.iter().map(|kind| kind.map_or("silence".into(), |kind| kind.to_string())).collect()
        };
        if replies.len() > 1 {
            return Err(format!("{} answers to one datagram", replies.len()));
        }
        if !judged.allowed.contains(&kind) {
            let asked = judged
                .header
                .map_or_else(|| "a datagram".into(), |h| format!("{} {} of {}", h.kind, h.sequence, h.user));
            return Err(format!(
                "{asked} from {} ({}) was answered by {}, expected {}",
                judged.from,
                judged.why,
                names(&[kind]).join(""),
                names(&judged.allowed).join(" or ")
            ));
        }
        let (Some(reply), Some(header)) = (replies.first(), judged.header) else { return Ok(()) };
        check_echo(judged, &header, reply)?;
        let who = (header.realm, header.user);
        match (&reply.answer, &judged.asked) {
            (Some(Answer::Challenge(short)), _) => {
                self.given_cookie(now, &header, reply, short.argument);
                Ok(())
            }
            (Some(Answer::Registered(registered)), Asked::Register { again: true, .. }) => {
                self.check_again(who, registered)
            }
            (Some(Answer::Registered(registered)), asked) => {
                self.registered(keys, now, who, reply.to, asked, registered)
            }
            (Some(Answer::Ack(ack)), Asked::Heartbeat { .. }) => {
                self.acknowledged(now, who, &header, judged, ack)
            }
            (Some(Answer::Reject(_)), Asked::Register { .. }) => {
                self.changes.took(now, who, false);
                Ok(())
            }
            (Some(Answer::Left(_)), _) => {
                if self.rows.get(&who).is_some_and(|row| row.session == header.session) {
                    self.remove(now, who, true);
                } else {
                    self.left_before(now, header.session);
                }
                Ok(())
            }
            (Some(Answer::Superseded(short)), _) => {
                let stamp = self.rows.get(&who).map(|row| row.stamp);
                let stamp = stamp.or_else(|| self.left(now, who).map(|(stamp, _)| stamp));
                if stamp == Some(short.stamp()) {
                    Ok(())
                } else {
                    Err("SUPERSEDED does not name the row's stamp".into())
                }
            }
            (Some(Answer::Page(_) | Answer::Digests(_)), _) => {
                if let Some(row) = self.rows.get_mut(&who) {
                    row.seen.accept(header.sequence);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn given_cookie(&mut self, now: Instant, header: &Header, reply: &Reply<'_>, cookie: u64) {
        let who = (header.realm, header.user);
        let field = if sessionless(header.kind) { header.sequence } else { header.session.0 };
        let known = self.known(now, who);
        let shown = Shown { from: reply.to, who, field, cookie };
        self.given.push(Given { shown, at: now, known });
    }

    fn check_again(&self, who: Who, registered: &Registered) -> Result<(), String> {
        match self.rows.get(&who) {
            Some(row) if row.stamp == registered.stamp => Ok(()),
            Some(_) => Err("REGISTERED again with another stamp".into()),
            None => Err("REGISTERED again without a row".into()),
        }
    }

    fn registered(
        &mut self,
        keys: &Keys,
        now: Instant,
        who: Who,
        from: SocketAddr,
        asked: &Asked,
        registered: &Registered,
    ) -> Result<(), String> {
        let Asked::Register {
            session,
            instance,
            last_stamp,
            takeover,
            content_version,
            content,
            view,
            push,
            ..
        } = asked
        else {
            return Err("REGISTERED without REGISTER".into());
        };
        let known = self.known(now, who);
        let least = known.stamp.0 + if *takeover { 1 << 16 } else { 1 };
        if registered.stamp <= *last_stamp || (!known.blurred && registered.stamp.0 < least) {
            return Err(format!(
                "stamp {} is not far enough above the known {} and the host's {last_stamp}",
                registered.stamp, known.stamp
            ));
        }
        if registered.server != self.server {
            return Err("REGISTERED names another HMS".into());
        }
        if registered.content_version != *content_version {
            return Err("REGISTERED names another content version".into());
        }
        let told = Duration::from_millis(registered.check_time_ms.into());
        if told != self.rules.check_time {
            return Err(format!("check time {told:?} instead of {:?}", self.rules.check_time));
        }
        if Duration::from_millis(registered.first_delay_ms.into()) > told {
            return Err("the first delay is longer than the check time".into());
        }
        let row = Row {
            session: *session,
            generation: keys.generation(who.0, who.1),
            stamp: registered.stamp,
            instance: *instance,
            address: Some(from),
            confirmed: true,
            late: false,
            braked: false,
            heard: Maybe::No,
            seen: Seen::default(),
            last: now,
            told,
            counts: told,
            least: told,
            content_version: *content_version,
            content: content.clone(),
            view: view.clone(),
            push: *push,
        };
        self.changes.took(now, who, true);
        self.rows.insert(who, row);
        self.removed.remove(&who);
        self.displace(who, from);
        Ok(())
    }

    /// Whoever held the address loses it and turns late (R-REG-25).
    fn displace(&mut self, by: Who, address: SocketAddr) {
        for (who, row) in &mut self.rows {
            // A row of a snapshot was proven by another process.
            if who.0 == by.0 && *who != by && row.confirmed && row.address == Some(address) {
                row.address = None;
                row.late = true;
                self.displaced += 1;
            }
        }
    }

    fn acknowledged(
        &mut self,
        now: Instant,
        who: Who,
        header: &Header,
        judged: &Judgement,
        ack: &Ack<'_>,
    ) -> Result<(), String> {
        let Asked::Heartbeat { content_version, content, by_cookie, .. } = &judged.asked else {
            return Err("ACK without HEARTBEAT".into());
        };
        let check_time = self.rules.check_time;
        let row = self.rows.get_mut(&who).ok_or("ACK without a row")?;
        let moved = row.address != Some(judged.from);
        if moved && !by_cookie {
            return Err(format!("ACK to {} without proof", judged.from));
        }
        if *by_cookie {
            row.seen = Seen::start_at(header.sequence);
        }
        row.seen.accept(header.sequence);
        (row.confirmed, row.late, row.heard, row.last) = (true, false, Maybe::Yes, now);
        row.braked = false;
        row.address = Some(judged.from);
        let newer = *content_version > row.content_version;
        for _ in 0..u32::from(moved) + u32::from(newer && content.is_some()) {
            self.changes.took(now, who, true);
        }
        if let Some((bytes, view, push)) = content.as_ref().filter(|_| newer) {
            (row.content, row.view, row.push) = (bytes.clone(), view.clone(), *push);
            row.content_version = *content_version;
        }
        if ack.want_content != (newer && content.is_none()) {
            return Err(format!(
                "ACK wants content: {}, with version {content_version} here and {} at the HMS",
                ack.want_content, row.content_version
            ));
        }
        if ack.content_version != row.content_version {
            return Err(format!(
                "ACK has content {} instead of {}",
                ack.content_version, row.content_version
            ));
        }
        if let Some(ms) = ack.settings.check_time_ms {
            row.told = Duration::from_millis(ms.into());
        }
        if row.told > row.counts || now >= self.settled_late {
            row.counts = row.told;
        }
        if row.told > row.least || now >= self.settled {
            row.least = row.told;
        }
        if row.told != check_time {
            return Err(format!("the host was told {:?} and not {check_time:?}", row.told));
        }
        if moved {
            self.displace(who, judged.from);
        }
        Ok(())
    }
}

/// What RETRY left of a heartbeat: content or source stay as they were (R-SEC-05). Which of them was refused, only the
/// HMS's own list tells.
#[derive(Clone, Copy, Debug)]
pub struct Retried {
    /// The row is where the heartbeat came from.
    pub there: bool,
    /// The heartbeat counted as one.
    pub heard: bool,
}

impl Reference {
    pub fn retried(&mut self, now: Instant, judged: &Judgement, retried: Retried) {
        let (Some(header), Asked::Heartbeat { by_cookie, .. }) = (judged.header, &judged.asked) else {
            return;
        };
        let who = (header.realm, header.user);
        let Some(row) = self.rows.get_mut(&who).filter(|_| retried.heard) else { return };
        let moved = row.address != Some(judged.from);
        if *by_cookie {
            row.seen = Seen::start_at(header.sequence);
        }
        row.seen.accept(header.sequence);
        (row.confirmed, row.heard, row.last) = (true, Maybe::Yes, now);
        if moved && retried.there {
            row.address = Some(judged.from);
            self.changes.took(now, who, true);
            self.displace(who, judged.from);
        }
        if let Some(row) = self.rows.get_mut(&who).filter(|row| row.address.is_some()) {
            (row.late, row.braked) = (false, false);
        }
    }
}

/// An answer goes where the question came from and says which question it was.
fn check_echo(judged: &Judgement, asked: &Header, reply: &Reply<'_>) -> Result<(), String> {
    let kind = reply.header.kind;
    if reply.to != judged.from {
        return Err(format!("{kind} to {} for a datagram from {}", reply.to, judged.from));
    }
    let of = (reply.header.realm, reply.header.user, reply.header.sequence, reply.header.epoch);
    if of != (asked.realm, asked.user, asked.sequence, asked.epoch) {
        return Err(format!("{kind} echoes another datagram"));
    }
    let session = if sessionless(asked.kind) { SessionId(0) } else { asked.session };
    if kind != Kind::Registered && reply.header.session != session {
        return Err(format!("{kind} names session {}", reply.header.session));
    }
    let short = !matches!(kind, Kind::Registered | Kind::Ack | Kind::Page | Kind::Digests);
    if short && reply.len > judged.len {
        return Err(format!("{kind} of {} bytes for {} bytes", reply.len, judged.len));
    }
    Ok(())
}

/// The generations that the HMS holds, for the tester's own keys.
pub fn learn_generations(keys: &mut Keys, keyring: &Keyring) {
    for revocation in keyring.revocations() {
        if keys.generation(revocation.realm, revocation.user) < revocation.current {
            keys.revoke(revocation.realm, revocation.user, revocation.current);
        }
    }
}
