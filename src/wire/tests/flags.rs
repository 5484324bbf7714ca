//! Flags of the header and inside bodies: each bit alone, and none.

use super::samples::*;
use crate::limits::BUCKETS;
use crate::wire::tlv::put_bytes;
use crate::wire::*;

/// The same datagram with other flags in its header.
fn with_flags(bytes: &[u8], flags: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[2] = flags;
    changed
}

#[test]
fn every_flag_of_a_request_means_one_thing() {
    shows!("R-FMT-05");
    let content = content().to_bytes();
    let find = |kind: Kind| requests(&content).into_iter().map(|(b, _)| b).find(|b| b[1] == kind.code());
    let register = find(Kind::Register).expect("a REGISTER");
    for (flags, takeover) in [(0, false), (flag::TAKEOVER, true)] {
        let bytes = with_flags(&register, flags);
        let Ok(Request::Register(read)) = verified(&bytes).and_then(|v| v.request()) else {
            panic!("no REGISTER")
        };
        assert_eq!((read.takeover, read.flags()), (takeover, flags));
    }
    let fixed = find(Kind::Heartbeat).expect("a HEARTBEAT");
    let all = flag::COOKIE | flag::WANT | flag::CONTENT;
    for flags in (0..=all).filter(|flags| flags & !all == 0) {
        let bytes = extended(&with_flags(&fixed, flags), |b| {
            if flags & flag::COOKIE != 0 {
                b.extend_from_slice(&9u64.to_be_bytes());
            }
            if flags & flag::CONTENT != 0 {
                b.extend_from_slice(&content);
            }
        });
        let Ok(Request::Heartbeat(read)) = verified(&bytes).and_then(|v| v.request()) else {
            panic!("no HEARTBEAT with flags {flags}")
        };
        assert_eq!(read.cookie, (flags & flag::COOKIE != 0).then_some(9));
        assert_eq!(read.want, flags & flag::WANT != 0);
        assert_eq!(read.content.is_some(), flags & flag::CONTENT != 0);
        assert_eq!(read.flags(), flags);
    }
}

#[test]
fn every_flag_of_an_answer_means_one_thing() {
    shows!("R-FMT-05");
    let content = content().to_bytes();
    let find = |kind: Kind| answers(&content).into_iter().map(|(b, _)| b).find(|b| b[1] == kind.code());
    let ack = find(Kind::Ack).expect("an ACK");
    for flags in 0..=(flag::WANT_CONTENT | flag::RESYNC | flag::EQUAL) {
        let bytes = with_flags(&ack, flags);
        let Ok(Answer::Ack(read)) = verified(&bytes).and_then(|v| v.answer()) else { panic!("no ACK") };
        assert_eq!(read.want_content, flags & flag::WANT_CONTENT != 0);
        assert_eq!(read.resync, flags & flag::RESYNC != 0);
        assert_eq!(read.equal, flags & flag::EQUAL != 0);
        assert_eq!(read.flags(), flags);
    }
    let page = find(Kind::Page).expect("a PAGE");
    for (flags, push) in [(0, false), (flag::PUSH, true)] {
        let bytes = with_flags(&page, flags);
        let Ok(Answer::Page(read)) = verified(&bytes).and_then(|v| v.answer()) else { panic!("no PAGE") };
        assert_eq!((read.push, read.flags()), (push, flags));
    }
    let offer = find(Kind::Offer).expect("an OFFER");
    for (flags, primary) in [(0, false), (flag::PRIMARY, true)] {
        let bytes = with_flags(&offer, flags);
        let Ok(Answer::Offer(read)) = verified(&bytes).and_then(|v| v.answer()) else { panic!("no OFFER") };
        assert_eq!((read.primary, read.flags()), (primary, flags));
    }
}

#[test]
fn each_type_has_the_flags_of_its_row_and_no_other() {
    shows!("R-FMT-02", "R-FMT-05", "R-FMT-06");
    for kind in Kind::ALL {
        let known: u8 = match kind {
            Kind::Heartbeat | Kind::Ack => 0x07,
            Kind::Register => 0x02,
            Kind::Page | Kind::Offer => 0x01,
            Kind::Hint | Kind::Announce => 0x80,
            _ => 0,
        };
        for flags in 0..=255 {
            let bytes = datagram(*kind, flags, |b| b.extend_from_slice(&[0; 20]));
            let bare = matches!(kind, Kind::Hint | Kind::Announce);
            let fits = flags & !known == 0 && (!bare || flags == 0x80);
            let problem = Unverified::parse(&bytes).map(|_| ()).map_err(|e| (e.problem, e.at));
            let expected = if fits {
                Ok(())
            } else {
                Err((Problem::Flags(if bare && flags == 0 { 0 } else { flags & !known }), 2))
            };
            assert_eq!(problem, expected, "{kind} with {flags:#x}");
        }
    }
}

#[test]
fn the_response_bit_is_that_of_the_table() {
    shows!("R-FMT-03");
    let requests: Vec<_> = Kind::ALL.iter().filter(|kind| !kind.is_response()).collect();
    assert_eq!(
        requests,
        [
            &Kind::Init,
            &Kind::Register,
            &Kind::Heartbeat,
            &Kind::Leave,
            &Kind::Pull,
            &Kind::Find,
            &Kind::Discover
        ]
    );
    assert!(!Kind::Unknown(0x7f).is_response() && Kind::Unknown(0x80).is_response());
}

/// What an OFFER says of its HMS when the flags of the TLV are these.
fn hms_with(flags: u8) -> HmsInfo {
    let mut value = vec![0, 0, 0, 0, 0, 0, 0, 1, flags, 5];
    value.extend_from_slice(b"atlas");
    let bytes = datagram(Kind::Offer, 0, |b| {
        b.extend_from_slice(&[0; 20]);
        put_bytes(b, 0x21, &value);
    });
    match verified(&bytes).and_then(|v| v.answer()) {
        Ok(Answer::Offer(mut offer)) => offer.hms.pop().expect("an HMS"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn flags_of_an_hms_are_read_bit_by_bit() {
    shows!("R-FMT-05");
    for flags in [0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff] {
        let read = hms_with(flags);
        assert_eq!((read.primary, read.sender), (flags & 1 != 0, flags & 2 != 0), "{flags:#x}");
    }
    for (primary, sender) in [(false, false), (true, false), (false, true), (true, true)] {
        let offer = Offer {
            primary,
            incarnation: Default::default(),
            number: 1,
            server: Default::default(),
            hms: vec![HmsInfo { primary, sender, ..hms(7, false) }],
        };
        let bytes = datagram(Kind::Offer, offer.flags(), |b| offer.emit(b));
        assert_eq!(verified(&bytes).and_then(|v| v.answer()), Ok(Answer::Offer(offer)));
    }
}

#[test]
fn flags_of_rows_and_pages_are_read_bit_by_bit() {
    shows!("R-FMT-05");
    let content = content().to_bytes();
    let whole = changes(&content);
    let Some(Item::Entry(entry)) = whole.items.get(1) else { panic!("no ENTRY") };
    for (more, late, unconfirmed) in
        [(false, false, false), (true, true, false), (false, false, true), (true, true, true)]
    {
        let entry = Entry { head: EntryHead { late, unconfirmed, ..entry.head }, ..*entry };
        let changes = Changes { info: PageInfo { more, ..whole.info }, items: vec![Item::Entry(entry)] };
        let page = PageMessage { push: false, incarnation: Default::default(), number: 1, changes };
        let bytes = datagram(Kind::Page, 0, |b| page.emit(b));
        assert_eq!(verified(&bytes).and_then(|v| v.answer()).as_ref(), Ok(&Answer::Page(page)));
        // Bits that this version does not know are ignored.
        let mut reserved = bytes.clone();
        let more_at = 32 + 12 + 3 + 1;
        let status_at = 32 + 12 + PageInfo::LEN + 3 + 12;
        reserved[more_at] |= 0xfe;
        reserved[status_at] |= 0xfc;
        assert_eq!(verified(&reserved).and_then(|v| v.answer()), verified(&bytes).and_then(|v| v.answer()));
    }
}

#[test]
fn the_push_flag_of_a_view_is_its_lowest_bit() {
    shows!("R-FMT-05", "R-FMT-17");
    let content = content().to_bytes();
    for flags in [0, 1, 0xfe, 0xff] {
        let bytes = datagram(Kind::Register, 0, |b| {
            b.extend_from_slice(&[0; 44]);
            b.extend_from_slice(&content);
            put_bytes(b, 0x10, &[1, flags]);
        });
        let Ok(Request::Register(read)) = verified(&bytes).and_then(|v| v.request()) else {
            panic!("no REGISTER")
        };
        assert_eq!((read.view, read.push), (View::Realm, flags & 1 != 0), "{flags:#x}");
    }
}

#[test]
fn buckets_stand_from_the_highest_bit_of_the_first_byte() {
    let mut buckets = Buckets::NONE;
    for (count, bucket) in [0, 1, 7, 8, 126, 127].into_iter().enumerate() {
        assert!(!buckets.contains(bucket));
        buckets.insert(bucket);
        buckets.insert(bucket);
        assert!(buckets.contains(bucket));
        assert_eq!(buckets.count() as usize, count + 1);
    }
    let mut expected = [0; BUCKETS / 8];
    (expected[0], expected[1], expected[15]) = (0b1100_0001, 0b1000_0000, 0b0000_0011);
    assert_eq!(buckets.0, expected);
    buckets.insert(BUCKETS);
    assert_eq!(buckets.0, expected, "there is no bucket 128");
    assert!(!Buckets::ALL.contains(BUCKETS));
    assert_eq!((Buckets::ALL.count(), Buckets::NONE.count()), (128, 0));
}
