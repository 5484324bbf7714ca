//! Facts in messages (PEE-26, PEE-27): each FACTS is written when there is room for it, as the facts are then.

use std::collections::BTreeSet;

use super::{FactKey, Facts};
use crate::ident::ServerId;
use crate::wire::peer::FactsWriter;

impl Facts {
    /// Appends one FACTS of the facts behind `after`, or of the first if that is none. Gives where the next one goes
    /// on; none if this was the last, which says so.
    pub fn write_all(&self, after: Option<FactKey>, number: u64, buf: &mut Vec<u8>) -> Option<FactKey> {
        let mut writer = FactsWriter::begin(buf);
        let mut last = after;
        for fact in self.behind(after) {
            if !writer.fact(&fact) {
                writer.end(false, number);
                return last;
            }
            last = Some(FactKey::of(&fact));
        }
        writer.end(true, number);
        None
    }

    /// Appends one FACTS of those of `wanted` that fit, and takes them out of it; nothing if none of them is known.
    pub fn write_some(&self, wanted: &mut BTreeSet<FactKey>, number: u64, buf: &mut Vec<u8>) {
        let start = buf.len();
        let mut writer = FactsWriter::begin(buf);
        while let Some(key) = wanted.pop_first() {
            if self.get(key).is_some_and(|fact| !writer.fact(&fact)) {
                wanted.insert(key);
                break;
            }
        }
        let is_empty = writer.is_empty();
        writer.end(false, number);
        if is_empty {
            buf.truncate(start);
        }
    }

    /// What is known about a server id: what somebody who is refused is told (R-PEE-20).
    pub fn about(&self, server: ServerId) -> BTreeSet<FactKey> {
        let member = self.members.contains_key(&server).then_some(FactKey::Member(server));
        let addresses = self.addresses.iter().map(|(address, known)| known.fact(*address));
        let own = addresses.filter(|one| one.server == Some(server)).map(|one| FactKey::Address(one.address));
        member.into_iter().chain(own).collect()
    }
}
