//! A turn of the HMS: what came in is judged first, then what came out is held against it.

use std::net::{IpAddr, SocketAddr};

use hms::net::{Arrival, Destination};
use hms::server::{Event, WatchEvent};
use hms::time::Duration;
use hms::wire::{Answer, Changes, Kind, flag};

use crate::device::Sent;
use crate::hms::Turn;
use crate::keys::{Age, Keys, Opened};
use crate::net::{HMS_PORT, HMS_V4, HMS_V6, To};
use crate::reference::{Judgement, Reply};
use crate::world::{Checked, World};

/// Sent by itself, not as the answer to what just came in.
fn unasked(reply: &Reply<'_>) -> bool {
    let push = reply.header.kind == Kind::Page && reply.header.flags & flag::PUSH != 0;
    push || matches!(reply.header.kind, Kind::Offer | Kind::Announce)
}

/// Opens what the HMS sent: all of it must be readable and, but for hints, signed.
fn open<'a>(keys: &mut Keys, sent: &'a Sent) -> Result<Reply<'a>, String> {
    let to = match sent.transmit.to {
        Destination::Unicast(to) => to,
        Destination::Groups => SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 0),
    };
    let len = sent.bytes.len();
    if len > hms::limits::DATAGRAM_MAX {
        return Err(format!("the HMS sends {len} bytes"));
    }
    match keys.open(&sent.bytes) {
        Opened::Bare(datagram) => Ok(Reply { to, header: *datagram.header(), len, answer: None }),
        Opened::Signed(verified, age) => {
            let header = *verified.header();
            if age == Age::Previous && header.kind != Kind::Reject {
                return Err(format!("{} under a revoked key", header.kind));
            }
            let answer =
                verified.answer().map_err(|e| format!("the HMS sends a malformed {}: {e}", header.kind))?;
            Ok(Reply { to, header, len, answer: Some(answer) })
        }
        _ => Err(format!("the HMS sends {len} bytes that nobody can read")),
    }
}

/// An answer in a line.
fn tell(reply: &Reply<'_>) -> String {
    let head = &reply.header;
    let page = |changes: &Changes<'_>| {
        let info = &changes.info;
        let more = if info.more { " more" } else { "" };
        format!("{} {}..{} with {}{more}", info.kind, info.from, info.to, changes.items.len())
    };
    let what = match &reply.answer {
        Some(Answer::Ack(ack)) => {
            let flags = [(ack.want_content, "want "), (ack.resync, "resync "), (ack.equal, "equal ")];
            let flags: String = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
            format!(
                "revision {} {flags}{}",
                ack.revision,
                ack.changes.as_ref().map_or_else(String::new, page)
            )
        }
        Some(Answer::Page(message)) => page(&message.changes),
        _ => String::new(),
    };
    format!("hms {} {} user {} to {} {what}", head.kind, head.sequence, head.user, reply.to)
}

impl World {
    /// A datagram reaches the HMS's process.
    pub fn hms_takes(&mut self, from: SocketAddr, arrival: Arrival, bytes: &[u8]) -> Checked {
        let Some(reference) = &self.reference else { return Ok(()) };
        let judged = reference.judge(&mut self.keys, self.now, from, bytes);
        self.traffic.entry(from).or_default().0 += bytes.len();
        if let Opened::Signed(verified, Age::Current) = self.keys.open(bytes) {
            let header = verified.header();
            if header.kind == Kind::Discover {
                self.discovers.push_back((self.now, (header.realm, header.user), from));
            }
        }
        let turn =
            self.hms.with(self.now, |server, local| server.handle_datagram(local, from, arrival, bytes));
        let Some((_, turn)) = turn else { return Ok(()) };
        for sent in &turn.sent {
            // Answers come from the address that was asked.
            let answers = sent.transmit.to == Destination::Unicast(from);
            if answers && sent.transmit.source.is_some_and(|source| Some(source) != arrival.local) {
                return Err(format!(
                    "an answer from {:?} to a question to {:?}",
                    sent.transmit, arrival.local
                ));
            }
        }
        self.hms_turn(turn, Some(&judged))
    }

    pub fn wake_hms(&mut self) -> Checked {
        if self.hms.paused_until.take().is_none() {
            let turn = self.hms.with(self.now, |server, local| server.handle_timeout(local));
            return turn.map_or(Ok(()), |(_, turn)| self.hms_turn(turn, None));
        }
        self.hms.troubled = self.now;
        self.note(|| "hms goes on".into());
        let inbox = std::mem::take(&mut self.hms.inbox);
        let turn = self.hms.with(self.now, |server, local| server.handle_timeout(local));
        turn.map_or(Ok(()), |(_, turn)| self.hms_turn(turn, None))?;
        for (from, arrival, bytes) in inbox {
            self.hms_takes(from, arrival, &bytes)?;
        }
        Ok(())
    }

    /// Checks and carries out what the HMS did.
    pub fn hms_turn(&mut self, turn: Turn, judged: Option<&Judgement>) -> Checked {
        let mut replies = Vec::new();
        for sent in &turn.sent {
            replies.push(open(&mut self.keys, sent)?);
        }
        let reference = self.reference.as_mut().ok_or("a process without reference")?;
        replies.iter().try_for_each(|reply| reference.check_number(reply))?;
        let (unasked, direct): (Vec<_>, Vec<_>) = replies.into_iter().partition(unasked);
        match judged {
            Some(judged) => reference.settle(&self.keys, self.now, judged, &direct)?,
            None if direct.is_empty() => {}
            None => return Err(format!("{} without a question", direct[0].header.kind)),
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
            self.check_amplification(reply)?;
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
                let from = SocketAddr::new(source, HMS_PORT);
                self.capture.see(&mut self.dice, from, To::Outside(to), &sent.bytes);
            }
        }
    }

    /// What follows from an answer, besides that it was right.
    fn check_reply(&mut self, reply: &Reply<'_>, judged: Option<&Judgement>) -> Checked {
        let who = (reply.header.realm, reply.header.user);
        let Some(answer) = &reply.answer else { return Ok(()) };
        if matches!(answer, Answer::Registered(_) | Answer::Ack(_)) && !self.proofs.contains(&(who, reply.to))
        {
            return Err(format!("{} is published, and user {} never got a challenge there", reply.to, who.1));
        }
        let reference = self.reference.as_ref().ok_or("a process without reference")?;
        reference.check_directory(who, judged, answer)
    }

    fn check_unasked(&mut self, reply: &Reply<'_>) -> Checked {
        let who = (reply.header.realm, reply.header.user);
        let reference = self.reference.as_ref().ok_or("a process without reference")?;
        match &reply.answer {
            Some(answer @ Answer::Page(_)) => {
                let row = reference.rows.get(&who).ok_or("a push without a row")?;
                if row.address != Some(reply.to) || !row.confirmed || row.session != reply.header.session {
                    return Err(format!("a push to {}, where the row is not", reply.to));
                }
                reference.check_directory(who, None, answer)
            }
            Some(Answer::Offer(_)) => self.check_offer(reply),
            _ => Ok(()),
        }
    }

    /// R-DSC-02: an OFFER goes to where a DISCOVER came from, 20 to 120 ms later.
    fn check_offer(&self, reply: &Reply<'_>) -> Checked {
        let who = (reply.header.realm, reply.header.user);
        let (low, high) = hms::limits::OFFER_JITTER;
        let high = high + Duration::from_millis(1);
        let stalled = self.now.since(self.hms.troubled) < high;
        let fits = self.discovers.iter().any(|(at, asker, from)| {
            let age = self.now.since(*at);
            *asker == who && *from == reply.to && age >= low && (age <= high || stalled)
        });
        if !fits || reply.len > hms::limits::DISCOVER_LEN {
            return Err(format!("an OFFER of {} bytes to {} that nobody asked for", reply.len, reply.to));
        }
        Ok(())
    }

    /// Bytes to an unproven address never exceed bytes from it.
    fn check_amplification(&mut self, reply: &Reply<'_>) -> Checked {
        if reply.to.port() == 0 || self.proofs.iter().any(|(_, at)| *at == reply.to) {
            return Ok(());
        }
        let (came, went) = self.traffic.entry(reply.to).or_default();
        *went += reply.len;
        if *went > *came {
            return Err(format!(
                "{went} bytes to {}, from where {came} came, with a {}",
                reply.to, reply.header.kind
            ));
        }
        Ok(())
    }

    fn check_quiet(&self, reply: &Reply<'_>) -> Checked {
        let always = self.hms.settings.update == hms::wire::UpdateMode::Always;
        if self.quiet && !always && (reply.header.kind != Kind::Ack || reply.len != 68) {
            return Err(format!("the HMS sends {} of {} bytes in quiet times", reply.header.kind, reply.len));
        }
        Ok(())
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
        let reference = self.reference.as_mut().ok_or("a process without reference")?;
        if watch.event == "late" {
            if reference.late(self.now, who)? {
                self.tally.count("kept by the brake");
            }
            return Ok(());
        }
        self.tally.count("row expired");
        reference.expire(self.now, who)?;
        if self.harmless {
            return Err("a row expired in a harmless world".into());
        }
        self.check_false_expiry(user)
    }

    /// A host that runs and can be reached stays, whatever else happens.
    fn check_false_expiry(&self, user: usize) -> Checked {
        let calm = self.longest.mul_f64(3.6) + Duration::from_secs(10);
        let user = &self.users[user];
        let healthy = |device: &&usize| {
            let device = &self.devices[**device];
            device.registered() && device.paused_until.is_none() && self.now.since(device.troubled) > calm
        };
        let connected =
            self.few_losses && self.now.since(self.hms.troubled) > calm && !self.net.any_hms_cut();
        match user.devices.iter().find(healthy) {
            Some(device) if connected && !self.net.is_cut(*device) => {
                Err(format!("{} expired, and device {device} runs and can be reached", user.name))
            }
            _ => Ok(()),
        }
    }

    /// Once a second: the HMS's table against the reference, and everybody's pace.
    pub fn check_second(&mut self) -> Checked {
        while self.discovers.front().is_some_and(|(at, ..)| self.now.since(*at) > Duration::from_secs(1)) {
            self.discovers.pop_front();
        }
        for (number, device) in self.devices.iter().enumerate() {
            device.check_cadence(self.now).map_err(|wrong| format!("device {number}: {wrong}"))?;
        }
        if self.hms.paused_until.is_some() {
            return Ok(());
        }
        let now = self.now;
        let Some(reference) = self.reference.as_mut() else { return Ok(()) };
        reference.tidy(now);
        reference.check_ages(now)?;
        let rows = self.hms.look(now, |server, local| server.hosts(local, None)).ok_or("no process")?;
        let rows = rows.map_err(|e| format!("hosts: {e}"))?;
        let status = self.hms.look(now, |server, local| server.status(local)).ok_or("no process")?;
        let reference = self.reference.as_ref().ok_or("no reference")?;
        if status.hosts.known != rows.len() || rows.len() != reference.rows.len() {
            let there: Vec<_> = rows.iter().map(|row| &row.user).collect();
            return Err(format!(
                "{} rows known, {} listed ({there:?}), {} expected",
                status.hosts.known,
                rows.len(),
                reference.rows.len()
            ));
        }
        rows.iter().try_for_each(|row| self.check_row(row).map_err(|wrong| format!("{}: {wrong}", row.user)))
    }

    fn check_row(&self, row: &hms::server::HostRow) -> Checked {
        let user = self.users.iter().find(|user| user.name.as_str() == row.user && user.realm == row.realm);
        let who = user.ok_or("a row of nobody")?.who;
        let reference = self.reference.as_ref().ok_or("no reference")?;
        let expected = reference.rows.get(&who).ok_or("a row that should not be there")?;
        let status = match (expected.confirmed, expected.late) {
            (false, _) => "unconfirmed",
            (true, true) => "late",
            (true, false) => "up",
        };
        if row.status != status {
            return Err(format!("is {}, should be {status}", row.status));
        }
        if row.address != expected.address.map(|at| at.to_string()) {
            return Err(format!("is at {:?}, should be at {:?}", row.address, expected.address));
        }
        let proven = expected.address.is_none_or(|at| self.proofs.contains(&(who, at)));
        if !proven {
            return Err(format!("is published at {:?} without proof", row.address));
        }
        let age = self.now.since(expected.last).as_millis() as u64;
        if expected.confirmed && row.age_ms.abs_diff(age) > 1 {
            return Err(format!("has the age {} ms, should have {age} ms", row.age_ms));
        }
        Ok(())
    }
}
