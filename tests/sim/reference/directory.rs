//! What the directory must show: computed from the rows anew each time (spec 4.6).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use hms::auth::user_id;
use hms::ident::{RealmId, UserId};
use hms::limits::BUCKETS;
use hms::wire::{Ack, Answer, Changes, ContentRef, Digests, Entry, Item, PageKind, Pull, UpdateMode, View};
use hms::wire::{Buckets, PullKind};
use ring::digest as sha;

use super::{Asked, Judgement, Reference, Row, Who};

/// The visible part of a row (R-DIR-01).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub late: bool,
    pub ip: Option<IpAddr>,
    pub content: Vec<u8>,
}

/// R-DIR-02, written out once more.
pub fn digest(user: UserId, listed: &Listed) -> u64 {
    let mut bytes = b"hms1 entry".to_vec();
    bytes.extend_from_slice(&user.0);
    bytes.push(u8::from(listed.late));
    match listed.ip {
        None => {}
        Some(IpAddr::V4(ip)) => {
            bytes.push(4);
            bytes.extend_from_slice(&ip.octets());
            bytes.extend_from_slice(&[0, 0]);
        }
        Some(IpAddr::V6(ip)) => {
            bytes.push(6);
            bytes.extend_from_slice(&ip.octets());
            bytes.extend_from_slice(&[0, 0]);
        }
    }
    bytes.extend_from_slice(&listed.content);
    let hash = sha::digest(&sha::SHA256, &bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    u64::from_be_bytes(first)
}

fn root(listed: &BTreeMap<UserId, Listed>) -> u64 {
    listed.iter().fold(0, |sum: u64, (user, one)| sum.wrapping_add(digest(*user, one)))
}

impl Reference {
    /// What a view shows now.
    pub fn view(&self, realm: RealmId, view: &View) -> BTreeMap<UserId, Listed> {
        let shows = |user: &UserId, row: &Row| match view {
            View::Realm => true,
            View::Group(name) => ContentRef::trusted(&row.content).conference() == Some(name.as_str()),
            View::Named(users) => users.contains(user),
            View::None | View::Unknown(_) => false,
        };
        let rows = self.rows.iter().filter(|((of, user), row)| *of == realm && shows(user, row));
        let listed = |row: &Row| Listed {
            late: row.late,
            ip: row.address.map(|a| a.ip()),
            content: row.content.clone(),
        };
        rows.map(|((_, user), row)| (*user, listed(row))).collect()
    }

    /// Checks what an answer says of the directory, after everything else of it was settled.
    pub fn check_directory(
        &self,
        who: Who,
        judged: Option<&Judgement>,
        answer: &Answer<'_>,
    ) -> Result<(), String> {
        let pull = match judged.map(|judged| &judged.asked) {
            Some(Asked::Lookup { pull }) => pull.as_ref(),
            _ => None,
        };
        match answer {
            Answer::Ack(ack) => {
                let row = self.rows.get(&who).ok_or("ACK without a row")?;
                if let Some(judged) = judged {
                    self.check_ack(who, row, judged, ack)?;
                }
                ack.changes.as_ref().map_or(Ok(()), |changes| self.check_page(who, row, None, changes))
            }
            Answer::Page(page) => {
                let row = self.rows.get(&who).ok_or("PAGE without a row")?;
                let on_request = self.rules.mode == UpdateMode::OnRequest;
                if page.push && (!self.rules.push || !row.push || on_request) {
                    return Err("a push that nobody wants".into());
                }
                self.check_page(who, row, pull, &page.changes)
            }
            Answer::Digests(digests) => {
                let row = self.rows.get(&who).ok_or("DIGESTS without a row")?;
                self.check_digests(who, row, digests)
            }
            _ => Ok(()),
        }
    }

    /// R-DIR-06: equal is said only of what is equal, and a difference never goes without a remedy.
    fn check_ack(&self, who: Who, row: &Row, judged: &Judgement, ack: &Ack<'_>) -> Result<(), String> {
        let Asked::Heartbeat { incarnation, revision, digest, want, .. } = &judged.asked else {
            return Ok(());
        };
        if !matches!(row.view, View::Realm | View::Group(_)) {
            return Ok(());
        }
        let same = *digest == root(&self.view(who.0, &row.view));
        if ack.equal && !same {
            return Err("ACK says equal, and the digests differ".into());
        }
        if ack.resync && same {
            return Err("ACK asks for a resync, and the digests are equal".into());
        }
        let remedy = ack.resync || ack.changes.is_some();
        let asked_for = self.rules.mode != UpdateMode::OnRequest || *want;
        if !same && asked_for && !remedy {
            return Err("ACK passes over a difference".into());
        }
        let steady = same && *incarnation == self.incarnation && *revision == ack.revision;
        if steady && self.rules.mode == UpdateMode::OnChange && remedy {
            return Err("ACK brings changes although nothing differs".into());
        }
        Ok(())
    }

    fn check_digests(&self, who: Who, row: &Row, digests: &Digests) -> Result<(), String> {
        let listed = self.view(who.0, &row.view);
        let mut buckets = [0u64; BUCKETS];
        for (user, one) in &listed {
            let bucket = &mut buckets[user.bucket()];
            *bucket = bucket.wrapping_add(digest(*user, one));
        }
        if digests.root != root(&listed) || digests.buckets != buckets {
            let differs = |user: &&UserId| digests.buckets[user.bucket()] != buckets[user.bucket()];
            let users: Vec<_> =
                listed.keys().filter(differs).map(|user| (user, &self.rows[&(who.0, *user)])).collect();
            return Err(format!("DIGESTS are not those of the view: {users:?}"));
        }
        Ok(())
    }

    fn check_page(
        &self,
        who: Who,
        row: &Row,
        pull: Option<&Pull>,
        changes: &Changes<'_>,
    ) -> Result<(), String> {
        let realm = View::Realm;
        let view = if changes.info.kind == PageKind::Find { &realm } else { &row.view };
        let listed = self.view(who.0, view);
        let mut last = BTreeMap::new();
        for item in &changes.items {
            match item {
                Item::Entry(entry) => {
                    self.check_entry(who.0, &listed, entry)?;
                    last.insert(entry.head.user, true);
                }
                Item::Gone(gone) => {
                    last.insert(gone.user, false);
                }
            }
        }
        let wrong = last.iter().find(|(user, there)| !**there && listed.contains_key(user));
        if let Some((user, _)) = wrong.filter(|_| !changes.info.more) {
            return Err(format!("GONE for user {user}, who is in the view"));
        }
        match changes.info.kind {
            PageKind::Copy | PageKind::Whole => check_copy(&listed, pull, changes),
            _ => Ok(()),
        }
    }

    fn check_entry(
        &self,
        realm: RealmId,
        listed: &BTreeMap<UserId, Listed>,
        entry: &Entry<'_>,
    ) -> Result<(), String> {
        let user = entry.head.user;
        let Some(expected) = listed.get(&user) else {
            return Err(format!("ENTRY for user {user}, who is not in the view"));
        };
        let row = &self.rows[&(realm, user)];
        let said = Listed {
            late: entry.head.late,
            ip: entry.address.map(|a| a.ip()),
            content: entry.content.as_bytes().to_vec(),
        };
        if said != *expected {
            return Err(format!("ENTRY for user {user} says {said:?}, the row is {expected:?}"));
        }
        if entry.head.unconfirmed == row.confirmed || entry.head.home != self.server {
            return Err(format!("ENTRY for user {user} has a wrong head: {:?}", entry.head));
        }
        if user_id(realm, entry.content.user_name()) != user {
            return Err(format!("ENTRY for user {user} holds another user's name"));
        }
        let port = |a: Option<SocketAddr>| a.map(|a| a.port());
        if port(entry.address) != port(row.address) {
            return Err(format!("ENTRY for user {user} has a stale port"));
        }
        Ok(())
    }
}

/// A copy page holds every row of its range and buckets, and no other (R-DIR-04); one of a whole view those of all
/// buckets (R-DIR-05).
fn check_copy(
    listed: &BTreeMap<UserId, Listed>,
    pull: Option<&Pull>,
    changes: &Changes<'_>,
) -> Result<(), String> {
    let info = &changes.info;
    let (mut buckets, mut after) = (Buckets::ALL, UserId::default());
    if let Some(pull) = pull.filter(|pull| pull.kind == PullKind::Copy) {
        buckets = pull.buckets.filter(|_| info.kind == PageKind::Copy).unwrap_or(Buckets::ALL);
        after = pull.cursor;
    }
    if info.after != after {
        return Err(format!("a copy from {} was asked for, {} came", after, info.after));
    }
    let first = after == UserId::default();
    let inside =
        |user: &UserId| (first || *user > after) && *user <= info.up_to && buckets.contains(user.bucket());
    let expected: Vec<_> = listed.keys().filter(|user| inside(user)).copied().collect();
    let came: Vec<_> = changes
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Entry(entry) => Some(entry.head.user),
            Item::Gone(_) => None,
        })
        .collect();
    if came != expected {
        return Err(format!("a copy page holds {came:?} instead of {expected:?}"));
    }
    if info.more == (info.up_to == UserId::MAX) {
        return Err(format!("a copy page up to {} says more: {}", info.up_to, info.more));
    }
    Ok(())
}
