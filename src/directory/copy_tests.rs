use super::*;
use crate::ident::{Name, ServerId};
use crate::wire::{Content, Gone, GoneReason};

struct Fixture(Vec<(UserId, Vec<u8>)>);

impl Fixture {
    fn new(users: &[u8]) -> Self {
        let content = |n: &u8| {
            let name = Name::new(&format!("user{n}")).expect("a name");
            Content::new(name.clone(), name).to_bytes()
        };
        Self(users.iter().map(|n| (user(*n), content(n))).collect())
    }

    fn items(&self, revision: u32, late: bool) -> Vec<Item<'_>> {
        let entry = |(user, content)| Entry {
            head: EntryHead {
                user,
                revision: Revision(revision),
                late,
                unconfirmed: false,
                since: 5,
                check_time_s: 30,
                home: ServerId(1),
            },
            content: ContentRef::trusted(content),
            address: Some(SocketAddr::from(([10, 0, 0, user.0[0]], 99))),
            signature: None,
        };
        self.0.iter().map(|(user, content)| Item::Entry(entry((*user, content)))).collect()
    }
}

fn user(n: u8) -> UserId {
    UserId([n, 0, 0, 0, 0, 0, 0, 1])
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

fn users(directory: &HostDirectory) -> Vec<u8> {
    directory.rows().map(|e| e.head.user.0[0]).collect()
}

#[test]
fn a_copy_replaces_what_it_covers() {
    crate::shows!("R-DIR-04");
    let mut directory = HostDirectory::new();
    let all = Fixture::new(&[1, 50, 100, 200]);
    let page = Changes { info: info(PageKind::Copy, 0, 7), items: all.items(3, false) };
    assert_eq!(directory.apply(&page, &Buckets::ALL), Applied { taken: true, changed: true });
    assert_eq!(directory.apply(&page, &Buckets::ALL), Applied { taken: true, changed: false });
    assert_eq!((users(&directory), directory.revision()), (vec![1, 50, 100, 200], Revision(0)));

    let middle = PageInfo { more: true, after: user(1), up_to: user(100), ..info(PageKind::Copy, 0, 7) };
    directory.apply(&Changes { info: middle, items: Fixture::new(&[60]).items(4, false) }, &Buckets::ALL);
    assert_eq!(users(&directory), [1, 60, 200]);

    let mut only = Buckets::NONE;
    only.insert(user(200).bucket());
    directory.apply(&Changes { info: info(PageKind::Copy, 0, 9), items: vec![] }, &only);
    assert_eq!(users(&directory), [1, 60]);
}

#[test]
fn a_delta_is_taken_inside_its_range_only_and_twice_changes_nothing() {
    crate::shows!("R-DIR-03");
    let mut directory = HostDirectory::new();
    let rows = Fixture::new(&[1, 2]);
    let delta = Changes { info: info(PageKind::Delta, 5, 8), items: rows.items(7, false) };
    assert!(!directory.apply(&delta, &Buckets::ALL).taken);
    for (own, fits) in [(4, false), (5, true), (7, true), (8, true), (9, false)] {
        let mut directory = HostDirectory::new();
        directory.adopt(Revision(own));
        assert_eq!(directory.apply(&delta, &Buckets::ALL).taken, fits, "{own}");
        assert_eq!(directory.revision(), Revision(if fits { 8 } else { own }));
        let again = directory.apply(&delta, &Buckets::ALL);
        assert_eq!(again, Applied { taken: fits, changed: false });
    }
    directory.adopt(Revision(5));
    directory.apply(&delta, &Buckets::ALL);
    let gone = Gone { user: user(1), revision: Revision(9), reason: GoneReason::Leave };
    let delta = Changes { info: info(PageKind::Delta, 8, 9), items: vec![Item::Gone(gone)] };
    assert_eq!(directory.apply(&delta, &Buckets::ALL), Applied { taken: true, changed: true });
    assert_eq!(users(&directory), [2]);
}

#[test]
fn digests_are_sums_over_the_rows() {
    crate::shows!("R-DIR-02");
    let (mut one, mut other) = (HostDirectory::new(), HostDirectory::new());
    assert_eq!(one.root(), 0);
    let rows = Fixture::new(&[1, 50, 100]);
    one.apply(&Changes { info: info(PageKind::Whole, 0, 3), items: rows.items(3, false) }, &Buckets::ALL);
    assert_eq!(one.revision(), Revision(3));
    let mut items = rows.items(9, false);
    items.reverse();
    other.apply(&Changes { info: info(PageKind::Whole, 0, 9), items }, &Buckets::ALL);
    // The revision is not visible content; the order does not count.
    assert_eq!((one.root(), one.differing(&other.buckets)), (other.root(), Buckets::NONE));
    let late = Fixture::new(&[50]);
    other.adopt(Revision(9));
    other.apply(&Changes { info: info(PageKind::Delta, 9, 10), items: late.items(10, true) }, &Buckets::ALL);
    let differing = one.differing(&other.buckets);
    assert_ne!(one.root(), other.root());
    assert!(differing.contains(user(50).bucket()) && differing.count() == 1);
    other.clear();
    assert_eq!((other.root(), other.is_empty()), (0, true));
}
