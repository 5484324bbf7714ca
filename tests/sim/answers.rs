//! What the HMS sends: read with the keys, told in a line, and held against the rules that each datagram must keep.

use std::net::{IpAddr, SocketAddr};

use hms::net::Destination;
use hms::time::Duration;
use hms::wire::{Answer, Changes, Kind, flag};

use crate::device::Sent;
use crate::keys::{Age, Keys, Opened};
use crate::reference::{Judgement, Reply};
use crate::rule::{Broken, Checked, Rule};
use crate::world::World;

/// Sent by itself, not as the answer to what just came in.
pub fn unasked(reply: &Reply<'_>) -> bool {
    let push = reply.header.kind == Kind::Page && reply.header.flags & flag::PUSH != 0;
    push || matches!(reply.header.kind, Kind::Offer | Kind::Announce)
}

/// Opens what the HMS sent: all of it must be readable and, but for hints, signed.
pub fn open<'a>(keys: &mut Keys, sent: &'a Sent) -> Result<Reply<'a>, Broken> {
    let to = match sent.transmit.to {
        Destination::Unicast(to) => to,
        Destination::Groups => SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 0),
    };
    let len = sent.bytes.len();
    let wrong = |how: String| Err(Rule::Signed.broken(how));
    if len > hms::limits::DATAGRAM_MAX {
        return wrong(format!("the HMS sends {len} bytes"));
    }
    match keys.open(&sent.bytes) {
        Opened::Bare(datagram) => Ok(Reply { to, header: *datagram.header(), len, answer: None }),
        Opened::Signed(verified, age) => {
            let header = *verified.header();
            if age == Age::Previous && header.kind != Kind::Reject {
                return Err(Rule::Revoked.broken(format!("{} under a revoked key", header.kind)));
            }
            match verified.answer() {
                Ok(answer) => Ok(Reply { to, header, len, answer: Some(answer) }),
                Err(error) => wrong(format!("the HMS sends a malformed {}: {error}", header.kind)),
            }
        }
        _ => wrong(format!("the HMS sends {len} bytes that nobody can read")),
    }
}

/// An answer in a line.
pub fn tell(reply: &Reply<'_>) -> String {
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
    format!(
        "hms {} {} user {} in {} to {} {what}",
        head.kind, head.sequence, head.user, head.session, reply.to
    )
}

impl World {
    /// Where a session is confirmed, its user got a challenge.
    pub fn check_proof(&self, reply: &Reply<'_>) -> Checked {
        let who = reply.who();
        let publishes = matches!(reply.answer, Some(Answer::Registered(_) | Answer::Ack(_)));
        Rule::Proof.demand(!publishes || self.proofs.contains(&(who, reply.to)), || {
            format!("{} is published, and user {} never got a challenge there", reply.to, who.1)
        })
    }

    /// What follows from an answer, besides that it was right.
    pub fn check_reply(&self, reply: &Reply<'_>, judged: Option<&Judgement>) -> Checked {
        let who = reply.who();
        let (Some(answer), Some(reference)) = (&reply.answer, &self.reference) else { return Ok(()) };
        Ok(reference.check_directory(who, judged, answer)?)
    }

    pub fn check_unasked(&self, reply: &Reply<'_>) -> Checked {
        let who = reply.who();
        match (&reply.answer, &self.reference) {
            (Some(answer @ Answer::Page(_)), Some(reference)) => {
                let row = reference.rows.get(&who).ok_or("a push without a row")?;
                if row.address != Some(reply.to) || !row.confirmed || row.session != reply.header.session {
                    return Err(format!("a push to {}, where the row is not", reply.to).into());
                }
                Ok(reference.check_directory(who, None, answer)?)
            }
            (Some(Answer::Offer(_)), _) => self.check_offer(reply),
            _ => Ok(()),
        }
    }

    /// R-DSC-02: an OFFER goes to where a DISCOVER came from, 20 to 120 ms later.
    fn check_offer(&self, reply: &Reply<'_>) -> Checked {
        let who = reply.who();
        let (low, high) = hms::limits::OFFER_JITTER;
        let high = high + Duration::from_millis(1);
        let stalled = self.now.since(self.hms.paused) < high;
        let fits = self.discovers.iter().any(|(at, asker, from)| {
            let age = self.now.since(*at);
            *asker == who && *from == reply.to && age >= low && (age <= high || stalled)
        });
        Rule::Amplification.demand(fits && reply.len <= hms::limits::DISCOVER_LEN, || {
            format!("an OFFER of {} bytes to {} that nobody asked for", reply.len, reply.to)
        })
    }

    /// Bytes to an unproven address never exceed bytes from it.
    pub fn check_amplification(&mut self, reply: &Reply<'_>) -> Checked {
        if reply.to.port() == 0 || self.proofs.iter().any(|(_, at)| *at == reply.to) {
            return Ok(());
        }
        let (came, went) = self.traffic.entry(reply.to).or_default();
        *went += reply.len;
        let (came, went) = (*came, *went);
        self.tally.gain(came, went);
        Rule::Amplification.demand(went <= came, || {
            format!("{went} bytes to {}, from where {came} came, with a {}", reply.to, reply.header.kind)
        })
    }

    pub fn check_quiet(&self, reply: &Reply<'_>) -> Checked {
        let always = self.hms.settings.update == hms::wire::UpdateMode::Always;
        // Check time and mode again, now and then (R-REG-46).
        let again = reply.header.sequence.is_multiple_of(hms::limits::TOLD_AGAIN);
        let length = if again { 79 } else { 68 };
        let wrong = self.quiet && !always && (reply.header.kind != Kind::Ack || reply.len != length);
        Rule::Quiet.demand(!wrong, || {
            format!("the HMS sends {} of {} bytes in quiet times", reply.header.kind, reply.len)
        })
    }
}
