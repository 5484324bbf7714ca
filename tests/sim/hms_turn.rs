//! A turn of the HMS: what came in is judged first, then what came out is held against it.

use std::net::SocketAddr;

use hms::net::{Arrival, Destination};
use hms::server::{Event, HostRow, WatchEvent};
use hms::time::Duration;
use hms::wire::{Answer, Kind, Unverified};

use crate::answers::{open, tell, unasked};
use crate::device::Sent;
use crate::hms::Turn;
use crate::keys::{Age, Opened};
use crate::net::{HMS_PORT, HMS_V4, HMS_V6, Mail, To};
use crate::reference::{Judgement, Reply, Retried};
use crate::rule::{Checked, Rule};
use crate::witness::Came;
use crate::world::World;

/// What is known of a datagram that the HMS takes.
pub struct Taken {
    came: Came,
    judged: Option<Judgement>,
}

impl World {
    /// A datagram reaches the HMS's process.
    pub fn hms_takes(&mut self, mail: &Mail, arrival: Arrival) -> Checked {
        if self.hms.server.is_none() {
            return Ok(());
        }
        let (from, bytes) = (mail.from, mail.bytes.as_slice());
        let taken = self.examine(mail);
        // What an attacker says, and what was said before, changes nothing.
        let before = (taken.came.again || mail.attack).then(|| self.table()).transpose()?;
        let turn =
            self.hms.with(self.now, |server, local| server.handle_datagram(local, from, arrival, bytes));
        let Some((_, turn)) = turn else { return Ok(()) };
        for sent in &turn.sent {
            // Answers come from the address that was asked.
            let answers = sent.transmit.to == Destination::Unicast(from);
            if answers && sent.transmit.source.is_some_and(|source| Some(source) != arrival.local) {
                return Err(Rule::Reference.broken(format!(
                    "an answer from {:?} to a question to {:?}",
                    sent.transmit, arrival.local
                )));
            }
        }
        self.hms_turn(turn, Some(&taken))?;
        // A LEAVE that was kept from arriving ends what its host wanted to end (spec 7.1).
        let before = before.filter(|_| taken.came.kind != Some(Kind::Leave));
        before.map_or(Ok(()), |before| self.check_unchanged(&before, mail, taken.came.again))
    }

    fn examine(&mut self, mail: &Mail) -> Taken {
        let (from, bytes) = (mail.from, mail.bytes.as_slice());
        let clock = self.hms.look(self.now, |server, local| server.stamp_clock(local));
        let (now, keys) = (self.now, &mut self.keys);
        if let Some(reference) = &mut self.reference {
            reference.clock = clock.unwrap_or_default();
        }
        let judged = self.reference.as_ref().map(|reference| reference.judge(keys, now, from, bytes));
        let signer = match self.keys.open(bytes) {
            Opened::Signed(verified, age) => {
                let who = (verified.header().realm, verified.header().user);
                if age == Age::Current && verified.header().kind == Kind::Discover {
                    self.discovers.push_back((self.now, who, from));
                    self.witness.counted.discovers.push(self.now);
                }
                Some((who, age == Age::Previous))
            }
            _ => None,
        };
        self.traffic.entry(from).or_default().0 += bytes.len();
        let kind = Unverified::parse(bytes).ok().map(|datagram| datagram.header().kind);
        Taken { came: self.witness.comes(bytes, kind, signer), judged }
    }

    pub fn table(&self) -> Result<Vec<HostRow>, String> {
        let rows = self.hms.look(self.now, |server, local| server.hosts(local, None)).ok_or("no process")?;
        rows.map_err(|e| format!("hosts: {e}"))
    }

    fn check_unchanged(&self, before: &[HostRow], mail: &Mail, again: bool) -> Checked {
        let after = self.table()?;
        if before == after {
            return Ok(());
        }
        let changed: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
        // What never arrived, said from where its host is now: that is only late, as whoever is on the path may do.
        let from = Some(mail.from.to_string());
        if !again && changed.len() == 1 && changed.iter().all(|row| row.address == from) {
            return Ok(());
        }
        let to: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
        let what = if mail.attack { "an attacker's datagram" } else { "what was said before" };
        Err(Rule::Replay.broken(format!("{what} from {} changes {changed:?} to {to:?}", mail.from)))
    }

    pub fn wake_hms(&mut self) -> Checked {
        if self.hms.paused_until.take().is_none() {
            let turn = self.hms.with(self.now, |server, local| server.handle_timeout(local));
            return turn.map_or(Ok(()), |(_, turn)| self.hms_turn(turn, None));
        }
        self.stood_still(self.now.since(self.hms.paused));
        self.hms.paused = self.now;
        self.note(|| "hms goes on".into());
        let inbox = std::mem::take(&mut self.hms.inbox);
        let turn = self.hms.with(self.now, |server, local| server.handle_timeout(local));
        turn.map_or(Ok(()), |(_, turn)| self.hms_turn(turn, None))?;
        for (mail, arrival) in inbox {
            self.hms_takes(&mail, arrival)?;
        }
        Ok(())
    }

    /// Whether a heartbeat that was answered with RETRY counted as one, the HMS's list tells.
    fn retried(&mut self, taken: &Taken, reply: &Reply<'_>) -> Checked {
        self.tally.count("change too many");
        let who = reply.who();
        let user = &self.users[self.user_of(who)];
        let rows = self.table()?;
        let row = rows.iter().find(|row| row.user == user.name.as_str() && row.realm == user.realm);
        let row = row.ok_or("RETRY without a row")?;
        let retried = Retried {
            heard: row.age_ms == 0 && row.status != "unconfirmed",
            there: row.address == Some(reply.to.to_string()),
        };
        if retried.heard {
            self.witness.retried(self.now, &taken.came, reply)?;
        }
        if let (Some(reference), Some(judged)) = (&mut self.reference, &taken.judged) {
            reference.retried(self.now, judged, retried);
        }
        Ok(())
    }

    /// The HMS did nothing, or could not take what came, for so long until now.
    pub fn stood_still(&mut self, length: Duration) {
        self.witness.stalled(self.now, length);
        if let Some(reference) = &mut self.reference {
            reference.stood_still(self.now, length);
        }
    }

    /// Checks and carries out what the HMS did.
    pub fn hms_turn(&mut self, turn: Turn, taken: Option<&Taken>) -> Checked {
        let mut replies = Vec::new();
        for sent in &turn.sent {
            replies.push(open(&mut self.keys, sent)?);
        }
        for reply in &replies {
            self.witness.numbered(reply)?;
            self.check_proof(reply)?;
            self.check_amplification(reply)?;
            self.reference.as_mut().map_or(Ok(()), |reference| reference.check_number(reply))?;
        }
        let (unasked, direct): (Vec<_>, Vec<_>) = replies.into_iter().partition(unasked);
        self.witness.counted.offers += unasked.iter().filter(|r| r.header.kind == Kind::Offer).count() as u64;
        for reply in &direct {
            let taken = taken.ok_or_else(|| format!("{} without a question", reply.header.kind))?;
            self.witness.answers(self.now, &taken.came, reply)?;
        }
        let judged = taken.and_then(|taken| taken.judged.as_ref());
        if let (Some(reference), Some(judged)) = (&mut self.reference, judged) {
            reference.settle(&self.keys, self.now, judged, &direct)?;
        }
        if let (Some(taken), Some(Answer::Retry(_))) = (taken, direct.first().and_then(|r| r.answer.as_ref()))
        {
            self.retried(taken, &direct[0])?;
        }
        for event in &turn.events {
            self.hms_event(event)?;
        }
        for reply in &direct {
            self.check_reply(reply, judged)?;
        }
        for reply in &unasked {
            self.check_unasked(reply)?;
        }
        for reply in direct.iter().chain(&unasked) {
            self.check_quiet(reply)?;
            self.tally.kind(reply.header.kind);
            self.trace.note(self.now, || tell(reply));
        }
        for sent in &turn.sent {
            self.hms_sends(sent);
        }
        Ok(())
    }

    fn hms_sends(&mut self, sent: &Sent) {
        match sent.transmit.to {
            Destination::Groups => self.net.send_down_groups(self.now, &sent.bytes),
            Destination::Unicast(to) => {
                let own = if to.is_ipv4() { HMS_V4 } else { HMS_V6 };
                let source = sent.transmit.source.unwrap_or(own);
                self.net.send_down(self.now, source, to, &sent.bytes);
                self.seen(SocketAddr::new(source, HMS_PORT), To::Outside(to), &sent.bytes);
            }
        }
    }

    fn hms_event(&mut self, event: &Event) -> Checked {
        match event {
            Event::Watch(watch) => self.watch_event(watch),
            Event::Log { text, .. } => {
                self.trace.note(self.now, || format!("hms log: {text}"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn watch_event(&mut self, watch: &WatchEvent) -> Checked {
        let Some(row) = &watch.row else { return Ok(()) };
        self.trace.note(self.now, || format!("hms {} {}", watch.event, row.user));
        if !matches!(watch.event, "expire" | "late") {
            return Ok(());
        }
        let user =
            self.users.iter().position(|user| user.name.as_str() == row.user && user.realm == row.realm);
        let user = user.ok_or("a row of nobody")?;
        let who = self.users[user].who;
        if watch.event == "late" {
            let Some(reference) = &mut self.reference else { return Ok(()) };
            if reference.late(self.now, who)? {
                self.tally.count("kept by the brake");
            }
            return Ok(());
        }
        self.tally.count("row expired");
        let check = Duration::from_secs(row.check_time_s.into());
        self.witness.expires(self.now, who, check, self.hms.settings.expiry_factor)?;
        self.check_false_expiry(user)?;
        if let Some(reference) = &mut self.reference {
            reference.expire(self.now, who)?;
        }
        Rule::FalseExpiry.demand(!self.harmless, || "a row expired in a harmless world".into())
    }
}
