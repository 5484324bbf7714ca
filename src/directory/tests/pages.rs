//! What is in a page.

use super::*;
use crate::directory::FindRows;
use crate::registry::{FixedSignature, Reason, ViewSpec};
use crate::wire::{Buckets, GoneReason, PageKind, Pattern};

fn users(page: &[u8]) -> Vec<UserId> {
    let of = |item: &Item<'_>| match item {
        Item::Entry(entry) => entry.head.user,
        Item::Gone(gone) => gone.user,
    };
    read(page, |changes| changes.items.iter().map(of).collect())
}

fn info(page: &[u8]) -> PageInfo {
    read(page, |changes| changes.info)
}

#[test]
fn a_delta_goes_through_all_changes_page_by_page() {
    crate::shows!("R-DIR-01", "R-DIR-03");
    let mut office = Office::new();
    office.fill(0..200, None);
    let view = office.view();
    for number in 0..50 {
        let id = office.registry.by_user(REALM, user(number * 3)).expect("row");
        office.registry.remove(office.now, id, Reason::Leave);
    }
    let (mut from, mut seen, mut pages) = (Revision(1), Vec::new(), 0);
    loop {
        let page = office.delta(view, from, SPACE).expect("a page");
        let info = info(&page);
        assert_eq!((info.kind, info.from, info.total), (PageKind::Delta, from, 150));
        assert!(info.to > from);
        seen.extend(users(&page));
        (from, pages) = (info.to, pages + 1);
        if !info.more {
            break;
        }
    }
    assert_eq!(from, office.registry.revision(view));
    assert_eq!((seen.len(), pages > 10), (200, true));
    // What is asked for from further on is the end of the same list.
    let all = office.registry.changes_after(view, Revision(1), None).count();
    let some = office.registry.changes_after(view, Revision(100), None).count();
    // 84 rows that came behind revision 100 are still there, and 50 have gone.
    assert_eq!((all, some), (200, 84 + 50));
}

#[test]
fn a_delta_needs_a_revision_in_the_list() {
    crate::shows!("R-DIR-06", "R-REG-45");
    let mut office = Office::new();
    let view = office.view();
    office.register(1, None);
    let current = office.registry.revision(view);
    assert!(office.delta(view, Revision(0), SPACE).is_none());
    assert!(office.delta(view, Revision(current.0 + 1), SPACE).is_none());
    let empty = office.delta(view, current, SPACE).expect("a page without rows");
    assert_eq!((users(&empty).len(), info(&empty).to), (0, current));
    assert!(office.delta(view, Revision(1), PageInfo::LEN + 20).is_none(), "not even one row fits");
    // More deletions than are kept: what came before is below the floor.
    for _ in 0..65_540 {
        let id = office.register(2, None);
        office.registry.remove(office.now, id, Reason::Expiry);
    }
    assert!(office.delta(view, current, SPACE).is_none());
    assert!(office.registry.floor(view) > current);
    let floor = office.registry.floor(view);
    assert!(office.delta(view, floor, SPACE).is_some());
    assert_eq!(office.registry.changes_after(view, floor, None).count(), 65_536);
}

#[test]
fn a_copy_goes_through_all_rows_in_order() {
    crate::shows!("R-DIR-04");
    let mut office = Office::new();
    office.fill(0..150, None);
    let view = office.view();
    let mut expected: Vec<_> = (0..150).map(user).collect();
    expected.sort_unstable();
    let mut odd = Buckets::NONE;
    (0..128).filter(|b| b % 2 == 1).for_each(|b| odd.insert(b));
    for buckets in [Buckets::ALL, odd, Buckets::NONE] {
        let (mut after, mut seen) = (UserId::default(), Vec::new());
        loop {
            let mut page = Vec::new();
            let written =
                office.directory.write_copy(&office.registry, view, after, &buckets, SPACE, &mut page);
            let info = info(&page);
            assert_eq!((Some(info), info.kind, info.after), (written, PageKind::Copy, after));
            seen.extend(users(&page));
            after = info.up_to;
            if !info.more {
                assert_eq!(info.up_to, UserId::MAX);
                break;
            }
            assert_eq!(seen.last(), Some(&info.up_to));
        }
        let wanted: Vec<_> = expected.iter().copied().filter(|u| buckets.contains(u.bucket())).collect();
        assert_eq!(seen, wanted);
    }
}

#[test]
fn an_entry_says_what_is_known() {
    crate::shows!("R-DIR-01");
    let mut office = Office::new();
    let id = office.register(1, Some("board"));
    let signature = FixedSignature { issued: 77, bytes: [5; 64] };
    office.registry.set_signature(id, Some(signature));
    let page = office.delta(office.view(), Revision(1), SPACE).expect("a page");
    read(&page, |changes| {
        let [Item::Entry(entry)] = changes.items.as_slice() else { panic!("one entry") };
        assert_eq!((entry.head.user, entry.head.revision), (user(1), Revision(2)));
        assert_eq!((entry.head.late, entry.head.unconfirmed), (false, false));
        assert_eq!((entry.head.since, entry.head.check_time_s), (1_700_000_000, 30));
        assert_eq!((entry.head.home, entry.address), (HOME, Some(address(1))));
        assert_eq!(entry.content.conference(), Some("board"));
        assert_eq!(entry.signature.map(|s| (s.issued, s.bytes)), Some((77, [5; 64])));
    });
    // Another host proves the address: the older row loses it and turns late (R-REG-25).
    office.register_at(2, None, address(1));
    let page = office.delta(office.view(), Revision(2), SPACE).expect("a page");
    read(&page, |changes| {
        let [Item::Entry(first), Item::Entry(second)] = changes.items.as_slice() else { panic!("two") };
        assert_eq!((first.head.user, first.head.late, first.address), (user(1), true, None));
        assert_eq!((second.head.user, second.address), (user(2), Some(address(1))));
    });
}

#[test]
fn who_leaves_a_group_is_gone_from_it() {
    crate::shows!("R-DIR-11");
    let mut office = Office::new();
    office.fill(0..3, Some("board"));
    let view = office.registry.group_of_realm(REALM, "board").expect("group");
    let before = office.registry.revision(view);
    office.register(9, None);
    assert_eq!(office.registry.revision(view), before, "not a change of the group");
    office.say(1, Some("sales"), HostState::Standby);
    let page = office.delta(view, before, SPACE).expect("a page");
    read(&page, |changes| {
        let [Item::Gone(gone)] = changes.items.as_slice() else { panic!("one gone") };
        assert_eq!((gone.user, gone.reason), (user(1), GoneReason::LeftView));
        assert_eq!((changes.info.total, changes.info.to), (2, gone.revision));
    });
    // In the realm it is a change of the row.
    let page = office.delta(office.view(), before, SPACE).expect("a page");
    assert_eq!(users(&page), [user(9), user(1)]);
}

#[test]
fn finds_page_through_the_matches() {
    crate::shows!("R-DIR-05");
    let mut office = Office::new();
    office.fill(0..2000, None);
    let find = |pattern: Pattern<'_>, exact: Option<UserId>| {
        let (mut after, mut found, mut pages) = (UserId::default(), Vec::new(), 0);
        loop {
            let (mut page, rows) = (Vec::new(), FindRows { pattern, exact, after });
            office.directory.write_find(&office.registry, REALM, &rows, SPACE, &mut page).expect("page");
            let info = info(&page);
            assert_eq!((info.kind, info.after), (PageKind::Find, after));
            found.extend(users(&page));
            (after, pages) = (info.up_to, pages + 1);
            if !info.more {
                return (found, pages);
            }
        }
    };
    let (found, pages) = find(Pattern::Prefix("hOSt-17"), None);
    let mut expected: Vec<_> = (0..2000).filter(|n| n.to_string().starts_with("17")).map(user).collect();
    expected.sort_unstable();
    assert_eq!((found, pages > 2), (expected, true));
    assert_eq!(find(Pattern::User("user-12"), Some(user(12))).0, [user(12)]);
    assert!(find(Pattern::User("user-x"), Some(user(9999))).0.is_empty());
    assert!(find(Pattern::User("user-13"), Some(user(12))).0.is_empty());
    assert!(find(Pattern::Prefix("nobody"), None).0.is_empty());
    assert_eq!(find(Pattern::Prefix(""), None).0.len(), 2000);
}

#[test]
fn named_users_come_whole() {
    crate::shows!("R-DIR-05");
    let mut office = Office::new();
    let watcher = office.register(0, None);
    office.fill(1..40, None);
    let named: Vec<_> = (1..64).map(user).collect();
    office.registry.subscribe(watcher, ViewSpec::Named(&named), true);
    let view = office.registry.row(watcher).and_then(|row| row.view()).expect("a view");
    let mut copy = HostDirectory::new();
    let mut after = UserId::default();
    loop {
        let mut page = Vec::new();
        let info = office
            .directory
            .write_copy(&office.registry, view, after, &Buckets::ALL, SPACE, &mut page)
            .expect("a page");
        assert_eq!((info.kind, info.total), (PageKind::Whole, 39));
        read(&page, |changes| copy.apply(changes, &Buckets::ALL));
        after = info.up_to;
        if !info.more {
            break;
        }
    }
    assert_eq!((copy.len(), copy.root()), (39, office.registry.root(view)));
    assert_eq!(office.registry.buckets(view).iter().fold(0u64, |s, b| s.wrapping_add(*b)), copy.root());
    // One of them leaves, one comes, one that is not named comes: two changes.
    let before = office.registry.revision(view);
    let leaver = office.registry.by_user(REALM, user(5)).expect("row");
    office.registry.remove(office.now, leaver, Reason::Leave);
    office.register(50, None);
    office.register(99, None);
    let page = office.delta(view, before, SPACE).expect("a page");
    assert_eq!(users(&page), [user(5), user(50)]);
    read(&page, |changes| copy.apply(changes, &Buckets::ALL));
    assert_eq!(copy.root(), office.registry.root(view));
}

#[test]
fn the_longest_content_fits_a_page() {
    let mut office = Office::new();
    let id = office.register_at(1, None, "[fd00::1]:9".parse().expect("address"));
    office.registry.set_signature(id, Some(FixedSignature { issued: 1, bytes: [1; 64] }));
    let mut bytes = content(1, None, HostState::Standby).to_bytes();
    // An unknown content TLV of what is left.
    let rest = SPACE - PageInfo::LEN - (3 + 33) - (3 + 19) - (3 + 72) - bytes.len() - 3;
    bytes.push(0x0e);
    bytes.extend_from_slice(&(rest as u16).to_be_bytes());
    bytes.resize(bytes.len() + rest, 0);
    office.registry.set_content(id, &NewContent { bytes: &bytes, version: 2, group: None });
    let page = office.delta(office.view(), Revision(1), SPACE).expect("a page");
    assert_eq!((users(&page), page.len()), (vec![user(1)], SPACE));
}
