//! Pages, digests and pushes against the host's copy (R-DIR-03 to R-DIR-09, R-AUT-22).

use super::*;
use crate::directory::entry_digest;
use crate::limits::BUCKETS;
use crate::wire::{
    Buckets, Changes, ContentRef, Digests, Entry, EntryHead, Gone, GoneReason, GrantReason, Granted, Item,
    PageInfo, PageKind, PageMessage, Pull, PullKind, flag,
};

/// Users in ascending order, a bucket apart.
fn user(n: u8) -> UserId {
    UserId([n * 2, 0, 0, 0, 0, 0, 0, n])
}

fn content(text: &str) -> Vec<u8> {
    Content::new(name(text), name(text)).to_bytes()
}

fn entry(n: u8, revision: u32, content: &[u8]) -> Item<'_> {
    Item::Entry(Entry {
        head: EntryHead {
            user: user(n),
            revision: Revision(revision),
            late: false,
            unconfirmed: false,
            since: 1_700_000_000,
            check_time_s: 30,
            home: ServerId(1),
        },
        content: ContentRef::trusted(content),
        address: Some(addr(n)),
        signature: None,
    })
}

fn info(kind: PageKind, from: u32, to: u32) -> PageInfo {
    PageInfo {
        kind,
        more: false,
        from: Revision(from),
        to: Revision(to),
        after: UserId::default(),
        up_to: UserId::MAX,
        total: 0,
    }
}

impl Rig {
    fn pull_of(&self, sent: &Sent) -> Pull {
        match self.open(sent).request() {
            Ok(Request::Pull(pull)) => pull,
            other => panic!("not a PULL: {other:?}"),
        }
    }

    fn page(&mut self, to: &Sent, info: PageInfo, items: Vec<Item<'_>>) {
        let (incarnation, number) = self.next();
        let page = PageMessage { push: false, incarnation, number, changes: Changes { info, items } };
        let key = self.key_of(to);
        let bytes = Self::make(to.header.answer(Kind::Page), &StoredKey(&key), |buf| page.emit(buf));
        self.deliver(&bytes);
    }

    fn push_bytes(&mut self, origin: (Incarnation, u64), info: PageInfo, items: Vec<Item<'_>>) -> Vec<u8> {
        let page = PageMessage {
            push: true,
            incarnation: origin.0,
            number: origin.1,
            changes: Changes { info, items },
        };
        let (session, key) = self.session();
        let header = Header { flags: flag::PUSH, session, ..self.host.header(Kind::Page, 0, 0) };
        Self::make(header, &key, |buf| page.emit(buf))
    }

    fn push(&mut self, info: PageInfo, items: Vec<Item<'_>>) {
        let origin = self.next();
        let bytes = self.push_bytes(origin, info, items);
        self.deliver(&bytes);
    }

    fn digests(&mut self, to: &Sent, revision: u32, buckets: [u64; BUCKETS]) {
        let (incarnation, number) = self.next();
        let root = buckets.iter().fold(0u64, |sum, b| sum.wrapping_add(*b));
        let body = Digests { incarnation, number, revision: Revision(revision), root, buckets };
        let key = self.key_of(to);
        let bytes = Self::make(to.header.answer(Kind::Digests), &StoredKey(&key), |buf| body.emit(buf));
        self.deliver(&bytes);
    }

    fn users(&self) -> Vec<u8> {
        self.host.follow.copy.rows().map(|e| e.head.user.0[7]).collect()
    }

    fn revision(&self) -> u32 {
        self.host.follow.copy.revision().0
    }
}

/// Registered, with the rows 1, 2 and 3 of revision 10.
fn with_rows() -> Rig {
    let mut rig = Rig::plain();
    rig.register();
    let pull = rig.one(Kind::Pull);
    let [a, b, c] = ["one", "two", "three"].map(content);
    rig.page(&pull, info(PageKind::Copy, 0, 10), vec![entry(1, 3, &a), entry(2, 4, &b), entry(3, 9, &c)]);
    assert_eq!((rig.users(), rig.revision()), (vec![1, 2, 3], 10));
    assert!(rig.sent().is_empty());
    rig
}

#[test]
fn a_long_copy_is_pulled_page_by_page_and_then_its_delta() {
    crate::shows!("R-DIR-04", "R-DIR-07");
    let mut rig = Rig::plain();
    rig.register();
    let first = rig.one(Kind::Pull);
    let pull = rig.pull_of(&first);
    assert_eq!((pull.kind, pull.cursor, pull.buckets), (PullKind::Copy, UserId::default(), None));
    assert_eq!(pull.incarnation, Incarnation(77));
    let (a, b) = (content("one"), content("two"));
    let more = PageInfo { more: true, up_to: user(1), ..info(PageKind::Copy, 0, 10) };
    rig.page(&first, more, vec![entry(1, 3, &a)]);
    let second = rig.one(Kind::Pull);
    assert_eq!((rig.pull_of(&second).cursor, rig.revision()), (user(1), 0));
    // A push meanwhile fits nothing that is here; it is not lost.
    rig.push(info(PageKind::Delta, 10, 12), vec![entry(1, 12, &b)]);
    assert!(rig.sent().is_empty());
    let last = PageInfo { after: user(1), ..info(PageKind::Copy, 0, 12) };
    rig.page(&second, last, vec![entry(2, 11, &b)]);
    let delta = rig.one(Kind::Pull);
    assert_eq!((rig.pull_of(&delta).kind, rig.pull_of(&delta).revision), (PullKind::Delta, Revision(10)));
    rig.page(&delta, info(PageKind::Delta, 10, 12), vec![entry(1, 12, &b), entry(2, 11, &b)]);
    assert_eq!((rig.users(), rig.revision()), (vec![1, 2], 12));
    assert!(rig.sent().is_empty() && rig.host.follow.pull.is_none());
}

#[test]
fn a_lost_page_is_pulled_again_at_250_500_and_1000_ms() {
    crate::shows!("R-DIR-07");
    let mut rig = Rig::plain();
    rig.register_with(|r| r.first_delay_ms = 60_000);
    let all = rig.run(Duration::from_secs(29));
    assert_eq!(offsets(&all), [0, 250, 500, 1000]);
    let sequences: Vec<_> = all.iter().map(|s| s.header.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    // Then it waits for its next heartbeat.
    let beat = rig.until(Kind::Heartbeat);
    rig.ack(&beat, |ack| (ack.resync, ack.revision) = (true, Revision(5)));
    let pull = rig.one(Kind::Pull);
    assert_eq!(rig.pull_of(&pull).kind, PullKind::Copy);
}

#[test]
fn a_resync_copies_only_the_buckets_that_differ() {
    crate::shows!("R-DIR-06", "R-DIR-07");
    let mut rig = with_rows();
    let beat = rig.until(Kind::Heartbeat);
    rig.ack(&beat, |ack| (ack.resync, ack.revision) = (true, Revision(30)));
    let pull = rig.one(Kind::Pull);
    assert_eq!(rig.pull_of(&pull).kind, PullKind::Digests);
    let mut theirs = [0; BUCKETS];
    for (n, text) in [(1, "one"), (2, "other"), (9, "nine")] {
        theirs[user(n).bucket()] = entry_digest(user(n), false, Some(addr(n).ip()), &content(text));
    }
    rig.digests(&pull, 30, theirs);
    let copy = rig.one(Kind::Pull);
    let wanted = rig.pull_of(&copy).buckets.expect("buckets");
    let mut expected = Buckets::NONE;
    [2, 3, 9].iter().for_each(|n| expected.insert(user(*n).bucket()));
    assert_eq!(wanted, expected);
    let (two, nine) = (content("other"), content("nine"));
    rig.page(&copy, info(PageKind::Copy, 0, 31), vec![entry(2, 30, &two), entry(9, 31, &nine)]);
    // The buckets that are equal were so at the revision of the digests.
    assert_eq!((rig.users(), rig.revision()), (vec![1, 2, 9], 30));
    let delta = rig.one(Kind::Pull);
    assert_eq!((rig.pull_of(&delta).kind, rig.pull_of(&delta).revision), (PullKind::Delta, Revision(30)));
    let sum = theirs.iter().fold(0u64, |sum, b| sum.wrapping_add(*b));
    assert_eq!(rig.host.follow.copy.root(), sum);
}

#[test]
fn equal_digests_are_adopted() {
    let mut rig = with_rows();
    let beat = rig.until(Kind::Heartbeat);
    rig.incarnation = Incarnation(78);
    rig.ack(&beat, |ack| (ack.equal, ack.revision) = (true, Revision(400)));
    assert_eq!((rig.revision(), rig.users().len()), (400, 3));
    assert!(rig.sent().is_empty());
}

#[test]
fn an_ack_carries_a_first_page_and_the_rest_is_pulled() {
    let mut rig = with_rows();
    let beat = rig.until(Kind::Heartbeat);
    let four = content("four");
    let delta = PageInfo { more: true, ..info(PageKind::Delta, 10, 11) };
    let (session, number) = (beat.header.session, rig.next().1);
    assert_eq!(session, rig.session().0);
    let ack = Ack {
        want_content: false,
        resync: false,
        equal: false,
        incarnation: Incarnation(77),
        number,
        revision: Revision(12),
        content_version: 1,
        settings: Settings::default(),
        changes: Some(Changes { info: delta, items: vec![entry(4, 11, &four)] }),
    };
    let key = rig.key_of(&beat);
    let bytes = Rig::make(beat.header.answer(Kind::Ack), &StoredKey(&key), |buf| ack.emit(buf));
    rig.deliver(&bytes);
    assert_eq!((rig.users(), rig.revision()), (vec![1, 2, 3, 4], 11));
    let pull = rig.one(Kind::Pull);
    assert_eq!((rig.pull_of(&pull).kind, rig.pull_of(&pull).revision), (PullKind::Delta, Revision(11)));
    let gone = Item::Gone(Gone { user: user(1), revision: Revision(12), reason: GoneReason::Leave });
    rig.page(&pull, info(PageKind::Delta, 11, 12), vec![gone]);
    assert_eq!((rig.users(), rig.revision()), (vec![2, 3, 4], 12));
}

#[test]
fn digests_answer_a_delta_that_the_hms_no_longer_has() {
    let mut rig = with_rows();
    rig.push(info(PageKind::Delta, 500, 501), vec![]);
    let pull = rig.one(Kind::Pull);
    assert_eq!(rig.pull_of(&pull).kind, PullKind::Delta);
    let mut theirs = [0; BUCKETS];
    theirs[user(1).bucket()] = 1;
    rig.digests(&pull, 501, theirs);
    let copy = rig.one(Kind::Pull);
    assert_eq!(rig.pull_of(&copy).kind, PullKind::Copy);
}

#[test]
fn pushes_come_only_from_the_process_that_answered_last_with_rising_numbers() {
    crate::shows!("R-AUT-22", "R-DIR-09", "R-AUT-23");
    let mut rig = with_rows();
    let (four, five) = (content("four"), content("five"));
    let (process, number) = rig.next();
    let good = rig.push_bytes((process, number), info(PageKind::Delta, 10, 11), vec![entry(4, 11, &four)]);
    let next = info(PageKind::Delta, 11, 12);
    let bad = [
        rig.push_bytes(
            (Incarnation(78), number + 5),
            info(PageKind::Delta, 10, 12),
            vec![entry(5, 12, &five)],
        ),
        rig.push_bytes((process, 100), info(PageKind::Delta, 10, 12), vec![entry(5, 12, &five)]),
        good.clone(),
        rig.push_bytes((process, number), next, vec![entry(5, 12, &five)]),
        rig.push_bytes((process, number - 1), next, vec![entry(5, 12, &five)]),
    ];
    rig.deliver(&bad[0]);
    rig.deliver(&bad[1]);
    assert_eq!((rig.users(), rig.dropped("unasked")), (vec![1, 2, 3], 2));
    rig.deliver(&good);
    assert_eq!((rig.users(), rig.revision()), (vec![1, 2, 3, 4], 11));
    bad.iter().skip(2).for_each(|bytes| rig.deliver(bytes));
    assert_eq!((rig.users(), rig.dropped("unasked")), (vec![1, 2, 3, 4], 5));
    assert!(rig.event(|e| *e == Event::Changed));
    // A push echoes nothing, and nothing else may echo nothing.
    let mut header = rig.host.header(Kind::Superseded, 0, 0);
    let (session, key) = rig.session();
    header.session = session;
    let body = Short { incarnation: process, number: number + 9, argument: u64::MAX };
    rig.deliver(&Rig::make(header, &key, |buf| body.emit(buf)));
    assert!(rig.host.registered() && rig.dropped("unasked") == 6);
}

#[test]
fn a_push_behind_a_lost_one_makes_the_host_pull() {
    let mut rig = with_rows();
    let five = content("five");
    rig.push(info(PageKind::Delta, 11, 12), vec![entry(5, 12, &five)]);
    assert_eq!(rig.users(), [1, 2, 3]);
    let pull = rig.one(Kind::Pull);
    assert_eq!((rig.pull_of(&pull).kind, rig.pull_of(&pull).revision), (PullKind::Delta, Revision(10)));
    rig.page(&pull, info(PageKind::Delta, 10, 12), vec![entry(5, 12, &five)]);
    assert_eq!((rig.users(), rig.revision()), (vec![1, 2, 3, 5], 12));
}

#[test]
fn a_view_that_is_not_granted_is_not_pulled_and_who_says_so() {
    crate::shows!("R-DIR-10", "R-DIR-15");
    let mut rig = Rig::plain();
    rig.register_with(|r| {
        r.settings.granted = Some(Granted { kind: 0, reason: GrantReason::TooManyRows });
    });
    assert!(rig.sent().is_empty());
    assert!(rig.host.who(rig.now).message.is_some_and(|m| m.contains("all_rows")));
    // Granted later, it is followed.
    let beat = rig.until(Kind::Heartbeat);
    rig.ack(&beat, |ack| {
        ack.settings.granted = Some(Granted { kind: 1, reason: GrantReason::AsAsked });
        (ack.resync, ack.revision) = (true, Revision(5));
    });
    rig.one(Kind::Pull);
    // A grant that ends takes the rows with it: nobody keeps them current.
    let mut rig = with_rows();
    assert!(!rig.host.who(rig.now).hosts.is_empty());
    let beat = rig.until(Kind::Heartbeat);
    rig.ack(&beat, |ack| {
        ack.settings.granted = Some(Granted { kind: 0, reason: GrantReason::TooManyRows });
    });
    assert!(rig.host.who(rig.now).hosts.iter().all(|row| row.own));
}

#[test]
fn a_whole_view_of_several_pages_replaces_the_list() {
    crate::shows!("R-DIR-05");
    let mut rig = with_rows();
    let users = vec![user(2), user(7)];
    rig.host.set_view(rig.now, View::Named(users), true).expect("it fits");
    assert!(rig.users().is_empty());
    let beat = rig.one(Kind::Heartbeat);
    rig.ack(&beat, |ack| (ack.resync, ack.revision) = (true, Revision(20)));
    let first = rig.one(Kind::Pull);
    let (two, seven) = (content("two"), content("seven"));
    let more = PageInfo { more: true, up_to: user(2), ..info(PageKind::Whole, 0, 20) };
    rig.page(&first, more, vec![entry(2, 4, &two)]);
    let second = rig.one(Kind::Pull);
    assert_eq!(rig.pull_of(&second).cursor, user(2));
    let last = PageInfo { after: user(2), ..info(PageKind::Whole, 0, 20) };
    rig.page(&second, last, vec![entry(7, 20, &seven)]);
    assert_eq!((rig.users(), rig.revision()), (vec![2, 7], 20));
    assert!(rig.sent().is_empty());
}

#[test]
fn an_ack_of_the_view_before_is_not_used() {
    crate::shows!("R-REG-32");
    let mut rig = with_rows();
    let before = rig.until(Kind::Heartbeat);
    rig.host.set_view(rig.now, View::Named(vec![user(7)]), true).expect("it fits");
    let beat = rig.one(Kind::Heartbeat);
    rig.ack(&before, |ack| (ack.equal, ack.revision) = (true, Revision(20)));
    assert_eq!(rig.revision(), 0);
    rig.ack(&beat, |ack| (ack.equal, ack.revision) = (true, Revision(20)));
    assert_eq!(rig.revision(), 20);
}

/// It came back with a snapshot of before, and says that the list of that view is the host's.
#[test]
fn an_ack_of_an_hms_that_lost_the_view_is_not_used() {
    crate::shows!("R-REG-32");
    let mut rig = with_rows();
    rig.host.set_view(rig.now, View::Named(vec![user(7)]), true).expect("it fits");
    let beat = rig.one(Kind::Heartbeat);
    rig.ack(&beat, |ack| (ack.equal, ack.revision) = (true, Revision(20)));
    assert_eq!(rig.revision(), 20);
    let beat = rig.until(Kind::Heartbeat);
    rig.ack(&beat, |ack| {
        (ack.equal, ack.revision) = (true, Revision(3));
        (ack.content_version, ack.want_content) = (ack.content_version - 1, true);
    });
    assert_eq!(rig.revision(), 20);
    let content = rig.one(Kind::Heartbeat);
    assert!(content.header.flags & flag::CONTENT != 0);
    rig.ack(&content, |ack| (ack.equal, ack.revision) = (true, Revision(4)));
    assert_eq!(rig.revision(), 4);
}

#[test]
fn rows_are_shown_by_the_contract() {
    let mut rig = with_rows();
    rig.run(Duration::from_secs(2));
    let who = serde_json::to_value(rig.host.who(rig.now)).expect("JSON");
    assert_eq!(
        (who["source"].as_str(), who["hms"].as_str(), who["age_ms"].as_u64()),
        (Some("hms"), Some("atlas"), Some(2000))
    );
    let row = &who["hosts"][0];
    let keys: Vec<_> = row.as_object().expect("an object").keys().map(String::as_str).collect();
    for key in [
        "realm",
        "user",
        "host",
        "state",
        "status",
        "address",
        "reported",
        "observed",
        "ports",
        "services",
        "conference",
        "fixed",
        "since",
        "age_ms",
        "check_time_s",
        "via",
        "revision",
        "self",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!((row["via"].as_str(), row["since"].as_str()), (Some("atlas"), Some("2023-11-14T22:13:20Z")));
    assert_eq!((row["self"].as_bool(), row["ports"]["data"].is_null()), (Some(false), true));
    let me = serde_json::to_value(rig.host.me(rig.now)).expect("JSON");
    for key in [
        "registered",
        "user",
        "host",
        "realm",
        "hms",
        "role",
        "age_ms",
        "address",
        "observed",
        "state",
        "push",
    ] {
        assert!(me.get(key).is_some(), "{key}");
    }
    assert_eq!((me["role"].as_str(), me["observed"].as_str()), (Some("standalone"), Some("10.0.0.99:4000")));
}
