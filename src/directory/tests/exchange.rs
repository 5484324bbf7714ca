//! The server's directory and hosts' copies over an exchange that loses, doubles, delays and reorders.

use std::collections::VecDeque;

use super::*;
use crate::directory::Applied;
use crate::registry::{Reason, ViewSpec};
use crate::wire::{Buckets, PageKind};

/// Small random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What a follower asked last.
#[derive(Clone, Copy)]
enum Pulling {
    Delta,
    Digests,
    Copy { cursor: UserId, buckets: Buckets, revision: Option<Revision> },
}

/// A host that follows a view.
struct Follower {
    row: RowId,
    copy: HostDirectory,
    pulling: Option<Pulling>,
    /// Pushes on their way.
    pushes: VecDeque<Vec<u8>>,
    resyncs: usize,
}

struct Exchange {
    office: Office,
    followers: Vec<Follower>,
    dice: Dice,
    /// Of a hundred datagrams.
    loss: u64,
}

const NAMED: [u64; 6] = [30, 31, 32, 33, 34, 35];
const GROUPS: [Option<&str>; 3] = [None, Some("board"), Some("sales")];

impl Exchange {
    fn new(seed: u64) -> Self {
        let mut office = Office::new();
        let named: Vec<_> = NAMED.iter().map(|n| user(*n)).collect();
        let views = [
            ViewSpec::Realm,
            ViewSpec::Group("board"),
            ViewSpec::Group("sales"),
            ViewSpec::Named(&named),
            ViewSpec::Realm,
        ];
        let follower = |(number, view): (usize, &ViewSpec<'_>)| {
            let row = office.register(1000 + number as u64, None);
            office.registry.subscribe(row, *view, number != 4);
            Follower { row, copy: HostDirectory::new(), pulling: None, pushes: VecDeque::new(), resyncs: 0 }
        };
        let followers = views.iter().enumerate().map(follower).collect();
        Self { office, followers, dice: Dice(seed), loss: 30 }
    }

    fn arrives(&mut self) -> bool {
        self.dice.below(100) >= self.loss
    }

    fn change(&mut self) {
        let number = self.dice.below(60);
        let group = GROUPS[self.dice.below(3) as usize];
        let id = self.office.registry.by_user(REALM, user(number));
        match (self.dice.below(6), id) {
            (0, Some(id)) => {
                self.office.registry.remove(self.office.now, id, Reason::Leave);
            }
            (1, Some(id)) => {
                let other = address(self.dice.below(80));
                self.office.registry.confirm(self.office.now, id, other);
            }
            (2 | 3, Some(_)) => {
                let state = HostState::from_code(1 + self.dice.below(3) as u8);
                self.office.say(number, group, state);
            }
            _ => {
                self.office.register(number, group);
            }
        }
    }

    fn send_pushes(&mut self) {
        while let Some(target) = self.office.registry.next_push() {
            let mut page = Vec::new();
            let Office { registry, directory, .. } = &mut self.office;
            if directory.write_push(registry, &target, SPACE, &mut page).is_none() {
                continue;
            }
            let arrives = self.arrives();
            let (swap, twice) = (self.dice.below(4) == 0, self.dice.below(5) == 0);
            let Some(follower) = self.followers.iter_mut().find(|f| f.row == target.row) else { continue };
            if arrives {
                if twice {
                    follower.pushes.push_back(page.clone());
                }
                if swap { follower.pushes.push_front(page) } else { follower.pushes.push_back(page) }
            }
        }
    }

    fn take_pushes(&mut self, all: bool) {
        for follower in &mut self.followers {
            while !follower.pushes.is_empty() && (all || self.dice.below(3) > 0) {
                let page = follower.pushes.pop_front().expect("one");
                // While a copy is under way no delta fits.
                read(&page, |changes| follower.copy.apply(changes, &Buckets::ALL));
            }
        }
    }

    /// R-DIR-06, both sides.
    fn heartbeat(&mut self, at: usize) {
        if !self.arrives() {
            return;
        }
        let (row, own, root) =
            (self.followers[at].row, self.followers[at].copy.revision(), self.followers[at].copy.root());
        let registry = &mut self.office.registry;
        let view = registry.row(row).and_then(|row| row.view()).expect("a view");
        let (current, equal) = (registry.revision(view), registry.root(view) == root);
        let known = Directory::reaches(registry, view, own);
        let mut page = Vec::new();
        if known && own < current {
            let info = self.office.directory.write_delta(registry, view, own, SPACE - 100, &mut page);
            registry.set_told(row, info.map_or(own, |info| info.to));
        } else if known || equal {
            registry.set_told(row, current);
        }
        let answered = self.arrives();
        let follower = &mut self.followers[at];
        if !answered {
            return;
        }
        if !page.is_empty() {
            let more = read(&page, |changes| {
                assert!(follower.copy.apply(changes, &Buckets::ALL).taken);
                changes.info.more
            });
            follower.pulling = more.then_some(Pulling::Delta);
        } else if equal {
            follower.copy.adopt(current);
        } else {
            follower.resyncs += 1;
            follower.pulling = Some(if follower.copy.is_empty() {
                Pulling::copy(Buckets::ALL, None)
            } else {
                Pulling::Digests
            });
            if follower.copy.is_empty() {
                follower.copy.adopt(Revision(0));
            }
        }
    }

    fn pull(&mut self, at: usize) {
        let Some(pulling) = self.followers[at].pulling else { return };
        if !self.arrives() {
            return;
        }
        let registry = &mut self.office.registry;
        let view = registry.row(self.followers[at].row).and_then(|row| row.view()).expect("a view");
        let own = self.followers[at].copy.revision();
        let mut page = Vec::new();
        match pulling {
            Pulling::Delta => {
                self.office.directory.write_delta(registry, view, own, SPACE, &mut page);
            }
            Pulling::Copy { cursor, buckets, .. } => {
                self.office.directory.write_copy(registry, view, cursor, &buckets, SPACE, &mut page);
            }
            Pulling::Digests => {}
        }
        let digests = (registry.revision(view), registry.root(view), registry.buckets(view));
        if !self.arrives() {
            return;
        }
        let follower = &mut self.followers[at];
        match pulling {
            Pulling::Delta if page.is_empty() => follower.pulling = Some(Pulling::Digests),
            Pulling::Delta => {
                let more = read(&page, |changes| {
                    follower.copy.apply(changes, &Buckets::ALL).taken && changes.info.more
                });
                follower.pulling = more.then_some(Pulling::Delta);
            }
            Pulling::Digests if digests.1 == follower.copy.root() => {
                follower.copy.adopt(digests.0);
                follower.pulling = None;
            }
            Pulling::Digests => {
                let buckets = follower.copy.differing(&digests.2);
                // The other buckets are equal at the revision of the digests.
                follower.pulling = Some(Pulling::copy(buckets, Some(digests.0)));
                follower.copy.adopt(Revision(0));
            }
            Pulling::Copy { .. } => follower.take_copy(&page, pulling),
        }
    }

    fn step(&mut self, changes: u64) {
        for _ in 0..self.dice.below(changes + 1) {
            self.change();
        }
        self.send_pushes();
        self.take_pushes(false);
        for at in 0..self.followers.len() {
            if self.dice.below(3) == 0 {
                self.heartbeat(at);
            }
            self.pull(at);
        }
        if changes > 0 && self.dice.below(20) == 0 {
            self.damage();
        }
    }

    /// A copy goes wrong in a way that no page explains.
    fn damage(&mut self) {
        let at = self.dice.below(self.followers.len() as u64) as usize;
        let from = Office::new().damage_page(self.dice.below(60), self.followers[at].copy.revision());
        read(&from, |changes| self.followers[at].copy.apply(changes, &Buckets::ALL));
    }

    fn assert_equal(&mut self) {
        for (at, follower) in self.followers.iter().enumerate() {
            let registry = &mut self.office.registry;
            let view = registry.row(follower.row).and_then(|row| row.view()).expect("a view");
            let revisions = (follower.copy.revision(), registry.revision(view));
            assert_eq!(follower.copy.root(), registry.root(view), "follower {at} at {revisions:?}");
            let mut cursor = None;
            for entry in follower.copy.rows() {
                let id = registry.row_above(view, cursor, |_| true).expect("a row");
                let row = registry.row(id).expect("row");
                assert_eq!((entry.head.user, entry.head.late), (row.user(), row.is_late()));
                assert_eq!(entry.content.as_bytes(), row.content());
                assert_eq!(entry.address.map(|a| a.ip()), row.address().map(|a| a.ip()));
                cursor = Some(entry.head.user);
            }
            assert_eq!(registry.row_above(view, cursor, |_| true), None);
        }
    }
}

impl Pulling {
    const fn copy(buckets: Buckets, revision: Option<Revision>) -> Self {
        Self::Copy { cursor: UserId([0; 8]), buckets, revision }
    }
}

impl Follower {
    fn take_copy(&mut self, page: &[u8], pulling: Pulling) {
        let Pulling::Copy { buckets, revision, .. } = pulling else { return };
        let (info, applied): (PageInfo, Applied) =
            read(page, |changes| (changes.info, self.copy.apply(changes, &buckets)));
        assert!(applied.taken && matches!(info.kind, PageKind::Copy | PageKind::Whole));
        let first = revision.unwrap_or(info.to);
        if info.more {
            self.copy.adopt(Revision(0));
            self.pulling = Some(Pulling::Copy { cursor: info.up_to, buckets, revision: Some(first) });
        } else {
            self.copy.adopt(first);
            self.pulling = (first != info.to).then_some(Pulling::Delta);
        }
    }
}

impl Office {
    /// A page of a stranger's directory that fits a copy of this revision.
    fn damage_page(&mut self, number: u64, revision: Revision) -> Vec<u8> {
        self.register(number, Some("elsewhere"));
        let mut page = self.delta(self.view(), Revision(1), SPACE).expect("a page");
        // From and to of PAGE-INFO.
        page[5..9].copy_from_slice(&revision.0.to_be_bytes());
        page[9..13].copy_from_slice(&revision.0.to_be_bytes());
        page
    }
}

#[test]
fn copies_converge_over_a_lossy_exchange() {
    crate::shows!("R-DIR-03", "R-DIR-04", "R-DIR-06", "R-DIR-07", "R-DIR-09");
    let mut resyncs = 0;
    for seed in 0..20 {
        let mut exchange = Exchange::new(seed);
        (0..200).for_each(|_| exchange.step(6));
        exchange.loss = 0;
        exchange.take_pushes(true);
        // Few heartbeats mend what losses and damage have left.
        for _ in 0..3 {
            for at in 0..exchange.followers.len() {
                exchange.heartbeat(at);
                (0..40).for_each(|_| exchange.pull(at));
            }
        }
        exchange.assert_equal();
        resyncs += exchange.followers.iter().map(|f| f.resyncs).sum::<usize>();
    }
    assert!(resyncs > 20, "{resyncs} resyncs");
}

#[test]
fn pushes_alone_keep_copies_equal_when_nothing_is_lost() {
    crate::shows!("R-DIR-09");
    let mut exchange = Exchange::new(77);
    exchange.loss = 0;
    let settle = |exchange: &mut Exchange| {
        for at in 0..exchange.followers.len() {
            exchange.heartbeat(at);
            (0..40).for_each(|_| exchange.pull(at));
        }
    };
    settle(&mut exchange);
    settle(&mut exchange);
    exchange.followers.truncate(4);
    for _ in 0..300 {
        exchange.change();
        while let Some(target) = exchange.office.registry.next_push() {
            let Office { registry, directory, .. } = &mut exchange.office;
            let mut page = Vec::new();
            directory.write_push(registry, &target, SPACE, &mut page).expect("a page");
            if let Some(follower) = exchange.followers.iter_mut().find(|f| f.row == target.row) {
                assert!(read(&page, |changes| follower.copy.apply(changes, &Buckets::ALL)).taken);
            }
        }
        exchange.assert_equal();
    }
}
