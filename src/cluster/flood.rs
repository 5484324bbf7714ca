//! Facts on their way: each new one to all, all of them to whom they are missing (R-PEE-26, R-PEE-27).

use super::action::Action;
use super::complaints::Complaint;
use super::facts::{FactKey, Merged};
use super::machine::Cluster;
use crate::ident::{ServerId, Stamp};
use crate::limits::{FACTS_DIFFER, UNSTORED_MAX};
use crate::time::Instant;
use crate::transport::LinkId;
use crate::wire::peer::{self, Fact, PeerMessage, Stored};

/// When it was decided; a GENERATION does not say.
const fn stamp_of(fact: &Fact<'_>) -> Stamp {
    match fact {
        Fact::Member(fact) => fact.mark.stamp,
        Fact::Address(fact) => fact.mark.stamp,
        Fact::Realm(fact) => fact.mark.stamp,
        Fact::Generation(_) => Stamp(0),
    }
}

impl Cluster {
    /// New facts: they are stored, and told to every neighbour but the one that told them. What is decided here is stored
    /// at once, what others tell not more often than R-PEE-98 says.
    pub(super) fn flood(&mut self, now: Instant, new: &[FactKey], from: Option<ServerId>) {
        if new.is_empty() {
            return;
        }
        self.unstored = true;
        self.actions.push_back(Action::Learned(new.to_vec()));
        match from {
            None => self.persist(now),
            Some(_) => self.persist_told(now),
        }
        for (_, neighbour) in self.links.iter_mut().filter(|(server, _)| Some(**server) != from) {
            neighbour.facts.news.extend(new);
        }
    }

    /// A neighbour said the digest of its facts (R-PEE-27).
    pub(super) fn compare_facts(&mut self, now: Instant, server: ServerId, in_intro: bool) {
        let digest = self.facts.digest();
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        let differ = neighbour.digest != digest;
        let since = neighbour.facts.differs.filter(|_| differ);
        let long = since.is_some_and(|since| now >= since + FACTS_DIFFER);
        neighbour.facts.differs = differ.then(|| since.filter(|_| !long).unwrap_or(now));
        if differ && (long || (in_intro && neighbour.facts.told_at != Some((digest, neighbour.digest)))) {
            self.tell_all_facts(server);
        }
    }

    /// Begins to tell a neighbour all facts, unless it has them.
    pub(super) fn tell_all_facts(&mut self, server: ServerId) -> bool {
        let digest = self.facts.digest();
        let Some(neighbour) = self.links.get_mut(&server) else { return false };
        let differ = neighbour.digest != digest;
        if differ {
            neighbour.facts.told_at = Some((digest, neighbour.digest));
            neighbour.facts.all = Some(None);
        }
        differ
    }

    /// Tells a neighbour that has them all that these are all: by now it may have more, so its digest does not show that.
    pub(super) fn tell_end_of_facts(&mut self, server: ServerId) {
        let end = self.facts.last_key();
        if let Some(neighbour) = self.links.get_mut(&server) {
            neighbour.facts.all.get_or_insert(end);
        }
    }

    /// Sends the next FACTS to whoever has stored the one before.
    pub(super) fn send_facts(&mut self) {
        let mut messages: Vec<(LinkId, Vec<u8>)> = Vec::new();
        let ready = |one: &&mut super::neighbour::Neighbour| one.is_met() && one.facts.waiting.is_none();
        for neighbour in self.links.values_mut().filter(ready) {
            let server = neighbour.process.server;
            let (out, mut message) = (&mut neighbour.facts, Vec::new());
            if let Some(after) = out.all {
                self.number += 1;
                out.all = self.facts.write_all(after, self.number, &mut message).map(Some);
            } else if !out.news.is_empty() {
                self.number += 1;
                self.facts.write_some(&mut out.news, self.number, &mut message);
                self.decisions.sent(server, self.number, |key| out.news.contains(key));
            }
            if !message.is_empty() {
                out.waiting = Some(self.number);
                messages.push((neighbour.link, message));
            }
        }
        for (link, message) in messages {
            self.send(link, message);
        }
    }

    /// Takes over what is new, passes it on, and answers when it is on disk.
    pub(super) fn take_facts(&mut self, now: Instant, server: ServerId, told: &peer::Facts<'_>) {
        let mut new = Vec::new();
        let mut full = 0;
        let mut absurd = 0;
        for fact in told.facts() {
            if self.own.clock.is_absurd(now, stamp_of(&fact)) {
                absurd += 1;
                continue;
            }
            match self.facts.merge(&fact) {
                Merged::New => new.push(FactKey::of(&fact)),
                Merged::Known => {}
                Merged::NoRoom => full += 1,
            }
        }
        if full > 0 {
            let text = format!("HMS {server}: no room for {full} facts");
            self.complain(now, server, Complaint::NoRoom, text);
        }
        if absurd > 0 {
            let text = format!("HMS {server}: the stamps of {absurd} facts are absurd");
            self.complain(now, server, Complaint::AbsurdFacts, text);
        }
        if told.last {
            self.awaits_facts = false;
        }
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        let link = neighbour.link;
        if new.is_empty() && !self.unstored && neighbour.facts.unstored.is_empty() {
            return self.say_stored(link, told.number, true);
        }
        if neighbour.facts.unstored.len() < UNSTORED_MAX {
            neighbour.facts.unstored.push(told.number);
        }
        self.flood(now, &new, Some(server));
    }

    pub(super) fn take_stored(&mut self, server: ServerId, stored: Stored) {
        self.decisions.stored(server, stored);
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        if neighbour.facts.waiting == Some(stored.number) {
            neighbour.facts.waiting = None;
        }
    }

    /// Answers all FACTS that wait for the disk; those that are not on it will be answered again.
    pub(super) fn answer_stored(&mut self, on_disk: bool) {
        let mut answers = Vec::new();
        for neighbour in self.links.values_mut() {
            answers.extend(neighbour.facts.unstored.iter().map(|number| (neighbour.link, *number)));
            if on_disk {
                neighbour.facts.unstored.clear();
            }
        }
        for (link, number) in answers {
            self.say_stored(link, number, on_disk);
        }
    }

    fn say_stored(&mut self, link: LinkId, number: u64, on_disk: bool) {
        let mut message = Vec::new();
        PeerMessage::Stored(Stored { on_disk, number }).emit(&mut message);
        self.send(link, message);
    }
}
