//! Multicast at the host: address-less tokens, OFFERs, announcements (spec chapter 5).

use super::*;
use crate::auth::seal_checksum;
use crate::wire::{Announce, AnnounceEvent, Offer, flag};

fn lost() -> Rig {
    Rig::new(setup(token(Vec::new())))
}

fn offer(rig: &mut Rig, to: &Sent, server: u64, primary: bool, addresses: &[SocketAddr]) -> Vec<u8> {
    let (incarnation, number) = rig.next();
    let hms = vec![HmsInfo { primary, ..hms(server, &format!("hms{server}"), addresses) }];
    let offer = Offer { primary, incarnation, number, server: ServerId(server), hms };
    let header = Header { flags: offer.flags(), ..to.header.answer(Kind::Offer) };
    let key = rig.key_of(to);
    Rig::make(header, &StoredKey(&key), |buf| offer.emit(buf))
}

fn announce(event: AnnounceEvent, port: u16) -> Vec<u8> {
    let header = Header {
        kind: Kind::Announce,
        flags: flag::UNAUTHENTICATED,
        epoch: Epoch(0),
        realm: RealmId(0),
        user: UserId::default(),
        session: SessionId(0),
        sequence: 5,
    };
    let mut buf = Vec::new();
    header.emit(&mut buf);
    Announce { server: ServerId(1), event, port }.emit(&mut buf);
    seal_checksum(&mut buf);
    buf
}

#[test]
fn a_token_without_addresses_asks_the_groups() {
    crate::shows!("R-DSC-01", "R-FMT-13");
    let mut rig = lost();
    let all = rig.run(Duration::from_millis(1500));
    assert_eq!(offsets(&all), [0, 250, 1000]);
    assert!(
        all.iter().all(|s| s.is(Kind::Discover) && s.to == Destination::Groups && s.bytes == all[0].bytes)
    );
    assert_eq!((all[0].bytes.len(), rig.host.state), (512, State::Seeking));
    // One with addresses does not.
    let all = Rig::plain().run(Duration::from_secs(600));
    assert!(all.iter().all(|s| s.is(Kind::Init)));
}

#[test]
fn offers_are_collected_and_the_primary_is_tried_at_the_address_under_the_tag() {
    crate::shows!("R-DSC-03", "R-DSC-04");
    let mut rig = lost();
    let discover = rig.one(Kind::Discover);
    rig.run(Duration::from_millis(50));
    let first = offer(&mut rig, &discover, 2, false, &[addr(2)]);
    rig.deliver(&first);
    rig.run(Duration::from_millis(100));
    let second = offer(&mut rig, &discover, 1, true, &[addr(1), addr(11)]);
    // Where the datagram comes from counts for nothing.
    rig.host.handle_datagram(rig.now, addr(66), Arrival::default(), &second);
    assert!(rig.run(Duration::from_millis(49)).is_empty());
    let tried = rig.run(Duration::from_millis(1));
    assert!(tried.len() == 1 && tried[0].is(Kind::Init) && tried[0].to(addr(1)));
    rig.short(&tried[0], Kind::Challenge, 4);
    let register = rig.one(Kind::Register);
    rig.registered(&register, |_| {});
    assert!(rig.host.registered());
    // Registered: the search is over.
    assert!(rig.run(Duration::from_secs(9)).iter().all(|s| !s.is(Kind::Discover)));
}

#[test]
fn a_silent_offer_is_passed_over_for_the_next() {
    let mut rig = lost();
    let discover = rig.one(Kind::Discover);
    let both =
        [offer(&mut rig, &discover, 1, true, &[addr(1)]), offer(&mut rig, &discover, 2, false, &[addr(2)])];
    both.iter().for_each(|bytes| rig.deliver(bytes));
    let all = rig.run(Duration::from_millis(3200));
    let inits: Vec<_> = all.iter().filter(|s| s.is(Kind::Init)).map(|s| s.to).collect();
    assert_eq!(inits, [1, 1, 1, 2].map(|n| Destination::Unicast(addr(n))));
}

#[test]
fn an_authenticated_reject_beats_the_offers() {
    crate::shows!("R-AUT-31");
    let mut rig = lost();
    let discover = rig.one(Kind::Discover);
    let bytes = offer(&mut rig, &discover, 1, true, &[addr(1)]);
    rig.deliver(&bytes);
    rig.reject(&discover, RejectCode::Revoked, 0);
    assert!(rig.host.ended() && rig.run(Duration::from_secs(100)).is_empty());
}

/// Whoever says it again would put off what the OFFER began.
#[test]
fn of_a_search_only_the_key_is_refused() {
    crate::shows!("R-DSC-04");
    let mut rig = lost();
    let discover = rig.one(Kind::Discover);
    let bytes = offer(&mut rig, &discover, 1, true, &[addr(1)]);
    rig.deliver(&bytes);
    let about_registrations =
        [RejectCode::Name, RejectCode::Taken, RejectCode::Full, RejectCode::Rate, RejectCode::Content];
    for code in [&about_registrations[..], &[RejectCode::Unknown(77)]].concat() {
        rig.reject(&discover, code, 30_000);
    }
    assert_eq!(rig.host.drops().get("unasked"), Some(&6));
    let offered = rig.now;
    let init = rig.until(Kind::Init);
    assert!(!rig.host.ended() && init.to == Destination::Unicast(addr(1)));
    assert!(rig.now.since(offered) <= Duration::from_millis(150), "put off");
}

#[test]
fn forged_and_old_offers_are_not_taken() {
    let mut rig = lost();
    let discover = rig.one(Kind::Discover);
    let good = offer(&mut rig, &discover, 1, true, &[addr(1)]);
    let mut bad = good.clone();
    bad[60] ^= 1;
    rig.deliver(&bad);
    rig.run(Duration::from_millis(1001));
    let next = loop {
        let sent = rig.until(Kind::Discover);
        if sent.header.sequence != discover.header.sequence {
            break sent;
        }
    };
    rig.deliver(&good);
    assert_eq!((rig.dropped("tag"), rig.dropped("unasked")), (1, 1));
    assert!(rig.run(Duration::from_millis(200)).iter().all(|s| !s.is(Kind::Init)));
    let fresh = offer(&mut rig, &next, 1, true, &[addr(1)]);
    rig.deliver(&fresh);
    rig.until(Kind::Init);
}

#[test]
fn link_local_addresses_are_used_where_the_offer_came_in() {
    let mut rig = lost();
    let discover = rig.one(Kind::Discover);
    let address: SocketAddr = "[fe80::5]:6710".parse().expect("an address");
    let bytes = offer(&mut rig, &discover, 1, true, &[address, addr(1)]);
    let arrival = Arrival { interface: Some(4), ..Arrival::default() };
    rig.host.handle_datagram(rig.now, address, arrival, &bytes);
    rig.now += Duration::from_millis(150);
    rig.host.handle_timeout(rig.now);
    let mut buf = Vec::new();
    let transmit = rig.host.poll_output(rig.now, &mut buf).expect("an INIT");
    assert_eq!((transmit.to, transmit.interface), (Destination::Unicast(address), Some(4)));
    rig.run(Duration::from_secs(3));
    // A global address needs none.
    assert!(rig.host.contact.target.is_some_and(|t| t.address == addr(1) && t.interface.is_none()));
}

#[test]
fn an_announcement_causes_at_most_a_probe() {
    crate::shows!("R-DSC-05", "R-DSC-09");
    let mut rig = lost();
    rig.run(Duration::from_millis(1100));
    let begin = rig.now;
    let mut probes = Vec::new();
    while rig.now.since(begin) < Duration::from_secs(60) {
        rig.host.handle_datagram(rig.now, addr(8), Arrival::default(), &announce(AnnounceEvent::Up, 7777));
        probes
            .extend(rig.run(Duration::from_millis(100)).into_iter().filter(|s| s.to != Destination::Groups));
    }
    assert!((1..=5).contains(&probes.len()), "{}", probes.len());
    let port = SocketAddr::from(([10, 0, 0, 8], 7777));
    assert!(probes.iter().all(|s| s.is(Kind::Discover) && s.to(port)));
    assert!(probes[0].at.since(begin) <= Duration::from_millis(2100));
    // What answers the probe is tried.
    let last = probes.last().expect("a probe").clone();
    let bytes = offer(&mut rig, &last, 1, true, &[addr(1)]);
    if rig.host.search.nonce() == Some(last.header.sequence) {
        rig.deliver(&bytes);
        rig.until(Kind::Init);
    }
}

#[test]
fn a_registered_host_does_nothing_on_announcements_and_stopping_means_nothing() {
    let mut rig = Rig::plain();
    rig.host.handle_datagram(rig.now, addr(8), Arrival::default(), &announce(AnnounceEvent::Stopping, 6710));
    let all = rig.run(Duration::from_secs(3));
    assert!(all.iter().all(|s| s.is(Kind::Init)));
    rig.register();
    rig.settle();
    for event in [AnnounceEvent::Up, AnnounceEvent::Primary, AnnounceEvent::Stopping] {
        rig.host.handle_datagram(rig.now, addr(8), Arrival::default(), &announce(event, 6710));
    }
    assert!(rig.run(Duration::from_secs(9)).is_empty() && rig.host.registered());
    let mut damaged = announce(AnnounceEvent::Up, 6710);
    damaged[40] ^= 1;
    rig.deliver(&damaged);
    assert_eq!(rig.dropped("checksum"), 1);
}

#[test]
fn a_probed_hms_is_tried_by_a_host_whose_token_has_addresses() {
    let mut rig = Rig::plain();
    rig.host.handle_datagram(rig.now, addr(8), Arrival::default(), &announce(AnnounceEvent::Up, 6710));
    let all = rig.run(Duration::from_millis(2900));
    let probe = all.iter().find(|s| s.is(Kind::Discover)).expect("a probe").clone();
    assert!(probe.to(addr(8)));
    let bytes = offer(&mut rig, &probe, 4, true, &[addr(8)]);
    rig.deliver(&bytes);
    let all = rig.run(Duration::from_millis(500));
    assert!(all.iter().any(|s| s.is(Kind::Init) && s.to(addr(8))));
}

#[test]
fn a_search_begins_when_a_registered_host_loses_its_hms() {
    let mut rig = lost();
    let discover = rig.one(Kind::Discover);
    let bytes = offer(&mut rig, &discover, 1, true, &[addr(1)]);
    rig.deliver(&bytes);
    rig.register();
    rig.settle();
    rig.until(Kind::Heartbeat);
    let again = rig.until(Kind::Discover);
    assert!(again.to == Destination::Groups && rig.host.state == State::Searching);
    let bytes = offer(&mut rig, &again, 1, true, &[addr(21)]);
    rig.deliver(&bytes);
    rig.run(Duration::from_millis(149));
    let beats = rig.run(Duration::from_millis(1));
    let beat = beats.iter().find(|s| s.is(Kind::Heartbeat) && s.to(addr(21))).expect("a heartbeat").clone();
    rig.ack(&beat, |_| {});
    assert!(rig.host.registered());
    assert!(rig.run(Duration::from_secs(9)).iter().all(|s| !s.is(Kind::Discover)));
}

#[test]
fn a_new_interface_begins_a_new_round_at_once() {
    crate::shows!("R-DSC-06");
    let mut rig = lost();
    let interface = |index| Interface { index, name: "e0".into(), addresses: vec![addr(70).ip()] };
    rig.host.set_interfaces(rig.now, vec![interface(1)]);
    let all = rig.run(Duration::from_secs(40));
    let last = all.last().expect("a DISCOVER").header.sequence;
    rig.host.set_interfaces(rig.now, vec![]);
    let gone = rig.run(Duration::from_secs(9)).last().map_or(last, |s| s.header.sequence);
    rig.host.set_interfaces(rig.now, vec![interface(2)]);
    let all = rig.run(Duration::ZERO);
    assert!(all.len() == 1 && all[0].is(Kind::Discover) && all[0].header.sequence != gone);
}
