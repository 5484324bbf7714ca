//! Refusals with their reasons: REJECT, HINT, `hms why`.

use super::client::{Client, Got};
use super::world::{Sent, World, settings};
use crate::auth::{UserKey, checksum_holds};
use crate::ident::{InstanceId, Name};
use crate::server::ServerSettings;
use crate::wire::{Hint, HintCode, Kind, RejectCode, Unverified};

fn hints(sent: &[Sent]) -> Vec<HintCode> {
    let read = |s: &Sent| {
        let datagram = Unverified::parse(&s.bytes).ok()?;
        assert_eq!(datagram.header().kind, Kind::Hint);
        assert!(checksum_holds(&datagram));
        Some(Hint::parse(&datagram).expect("a hint").code)
    };
    sent.iter().filter_map(read).collect()
}

#[test]
fn a_wrong_key_is_hinted_at() {
    crate::shows!("R-AUT-30");
    let mut world = World::new();
    let mut mallory = Client::new("alice", 1);
    mallory.key = UserKey::from_bytes([1; 32]);
    let init = mallory.init_bytes();
    let sent = world.send(mallory.from, &init);
    assert_eq!(hints(&sent), [HintCode::WrongKey]);
    assert!(sent[0].bytes.len() <= init.len());
    let header = *Unverified::parse(&sent[0].bytes).expect("it").header();
    assert_eq!((header.sequence, header.user), (mallory.nonce, mallory.user));
    assert!(world.send(mallory.from, &init).is_empty(), "one a second");
    world.secs(1);
    assert_eq!(world.send(mallory.from, &init).len(), 1);
    // Not to a REGISTER.
    world.secs(1);
    let register = mallory.register_bytes(5);
    assert!(world.send(mallory.from, &register).is_empty());
    let rows = world.server.why(Some("alice"), None).expect("rows");
    let shown: Vec<_> = rows.iter().map(|r| (r.kind, r.verdict, r.count)).collect();
    assert_eq!(shown, [("REGISTER", "wrong key", 1), ("INIT", "wrong key", 3)]);
    assert_eq!(rows[0].address, "10.0.1.1:5000");
    assert_eq!((rows[0].user.as_deref(), rows[0].realm.as_deref()), (Some("alice"), Some("acme")));
    assert!(rows[0].remedy.contains("hms token"));
    assert!(world.server.why(Some("bob"), None).expect("rows").is_empty());
    assert!(world.server.why(None, Some("beta")).expect("rows").is_empty());
    assert_eq!(world.server.why(None, Some("nowhere")).expect_err("no such realm").exit, 2);
}

#[test]
fn hints_can_be_switched_off() {
    crate::shows!("R-AUT-30");
    let mut world = World::with(ServerSettings { hints: false, ..settings() });
    let mut mallory = Client::new("alice", 1);
    mallory.key = UserKey::from_bytes([1; 32]);
    assert_eq!(mallory.init(&mut world), Got::Nothing);
    assert_eq!(world.drops("tag"), 1);
}

#[test]
fn another_epoch_and_another_version_are_hinted_at() {
    crate::shows!("R-FMT-20");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let mut bytes = alice.init_bytes();
    bytes[3] = 9;
    assert_eq!(hints(&world.send(alice.from, &bytes)), [HintCode::UnknownEpoch]);
    world.secs(1);
    let mut bytes = alice.init_bytes();
    bytes[0] = 2;
    assert_eq!(hints(&world.send(alice.from, &bytes)), [HintCode::Version]);
    // A realm that is not served: silence, whatever the version.
    world.secs(1);
    bytes[4] = 0xff;
    assert!(world.send(alice.from, &bytes).is_empty());
    let verdicts: Vec<_> = world.server.why(None, None).expect("rows").iter().map(|r| r.verdict).collect();
    assert_eq!(verdicts, ["version", "unknown epoch"]);
}

#[test]
fn hints_are_bounded_in_all() {
    crate::shows!("R-AUT-30");
    let mut world = World::new();
    let mut mallory = Client::new("alice", 1);
    mallory.key = UserKey::from_bytes([1; 32]);
    let init = mallory.init_bytes();
    let count: usize =
        (0..500u16).map(|i| world.send(([10, 9, (i >> 8) as u8, i as u8], 77).into(), &init).len()).sum();
    assert!((50..=100).contains(&count), "{count}");
    assert_eq!(world.server.status(world.now).hints_sent, count as u64);
}

#[test]
fn a_name_that_is_not_the_key_s_is_refused() {
    crate::shows!("R-AUT-03");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.content.user_name = Name::new("bob").expect("a name");
    assert_eq!(alice.register(&mut world), Got::Reject(RejectCode::Name, 0));
    alice.content.user_name = Name::new("alice").expect("a name");
    alice.join(&mut world);
    alice.content.user_name = Name::new("bob").expect("a name");
    assert_eq!(alice.update(&mut world), Got::Reject(RejectCode::Name, 0));
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn content_that_fits_into_no_page_is_refused() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let long = |c: char| Name::new(&c.to_string().repeat(64)).expect("a name");
    alice.content.host_name = long('h');
    alice.content.conference = Some(long('c'));
    alice.content.reported = (0..8).map(|i| format!("[2001:db8::{i}]:5000").parse().expect("it")).collect();
    let service = |i: u8| crate::wire::Service {
        kind: Name::new(&format!("service-kind-{i:03}")).expect("a name"),
        port: 5060,
        transport: crate::wire::Transport::Udp,
    };
    alice.content.services = (0..16).map(service).collect();
    // The longest content that a host can have still fits.
    assert!(alice.content.to_bytes().len() < 900);
    alice.join(&mut world);
    let Got::Page(page) = alice.find(&mut world, crate::wire::Pattern::User("alice")) else {
        panic!("no page")
    };
    assert_eq!(page.items, ["+alice"]);
    // With TLVs of a later version it may not.
    let mut bytes = alice.content.to_bytes();
    bytes.extend_from_slice(&[0x0f, 1, 244]);
    bytes.extend_from_slice(&[0; 500]);
    let content = crate::wire::ContentRef::parse(&bytes, 0).expect("content");
    assert_eq!(
        super::super::register::unfit(alice.realm, alice.user, content).map(|(_, code, _)| code),
        Some(RejectCode::Content)
    );
}

#[test]
fn why_finds_a_host_by_its_name() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.content.host_name = Name::new("room 5").expect("a name");
    alice.join(&mut world);
    let mut other = Client::new("alice", 2);
    other.instance = InstanceId(99);
    other.register(&mut world);
    let rows = world.server.why(Some("room 5"), None).expect("rows");
    assert_eq!(rows.iter().map(|r| r.verdict).collect::<Vec<_>>(), ["taken"]);
    let mut bob = Client::new("bob", 3);
    bob.content.host_name = alice.content.host_name.clone();
    bob.join(&mut world);
    assert_eq!(world.server.why(Some("room 5"), None).expect("only one was refused"), rows);
    let mut other = Client::new("bob", 4);
    other.instance = InstanceId(98);
    other.register(&mut world);
    let error = world.server.why(Some("room 5"), None).expect_err("ambiguous");
    assert_eq!(error.exit, 1);
    assert!(error.message.contains("alice") && error.message.contains("bob"));
}

/// Content with the client's names and one more TLV.
fn content_with(client: &Client, code: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = client.content.to_bytes();
    bytes.extend_from_slice(&[code, 0, value.len() as u8]);
    bytes.extend_from_slice(value);
    bytes
}

/// A heartbeat with these bytes as its content, whatever they are.
fn heartbeat_of(client: &mut Client, content: &[u8], cookie: Option<u64>) -> Vec<u8> {
    let body = crate::wire::Heartbeat {
        content_version: client.content_version + 1,
        incarnation: client.incarnation,
        revision: client.revision,
        digest: client.digest,
        cookie,
        want: false,
        content: Some((crate::wire::ContentRef::trusted(content), client.view.clone(), client.push)),
    };
    let flags = body.flags();
    client.session_bytes(Kind::Heartbeat, flags, |buf| body.emit(buf))
}

#[test]
fn content_that_cannot_be_read_is_refused_aloud() {
    crate::shows!("R-FMT-09");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    // A REGISTER whose conference ends in white space.
    let bytes = alice.register_bytes(cookie);
    let view = [0x10, 0, 2, 0, 0];
    let at = bytes.len() - crate::limits::TAG_LEN - view.len();
    let mut bad = bytes[..at].to_vec();
    bad.extend_from_slice(&[7, 0, 2, b'x', b' ']);
    bad.extend_from_slice(&view);
    crate::auth::seal(&alice.key, &mut bad);
    assert_eq!(alice.say(&mut world, &bad), Got::Reject(RejectCode::Content, 7));
    assert!(world.hosts().is_empty());
    assert!(matches!(alice.register_with(&mut world, cookie), Got::Registered(_)));
    // A heartbeat: its row stays as it is, and stays alive by the next one.
    let content = content_with(&alice, 6, &[1, 2]);
    let bytes = heartbeat_of(&mut alice, &content, None);
    assert_eq!(alice.say(&mut world, &bytes), Got::Reject(RejectCode::Content, 6));
    assert_eq!(alice.say(&mut world, &bytes), Got::Nothing, "a replay");
    let rows = world.server.why(None, None).expect("rows");
    let shown: Vec<_> = rows.iter().map(|r| (r.kind, r.verdict, r.remedy.contains("hms set "))).collect();
    assert_eq!(shown.len(), 2);
    assert!(shown.contains(&("HEARTBEAT", "content", true)), "{shown:?}");
    assert!(shown.contains(&("REGISTER", "content", true)), "{shown:?}");
    assert_eq!((world.drops("malformed"), world.drops("replay")), (0, 1));
    let ack = alice.beat(&mut world);
    assert_eq!((ack.want_content, ack.content_version), (false, 1));
    // From elsewhere the source is proven first, as for any heartbeat.
    let home = std::mem::replace(&mut alice.from, "10.0.1.9:5000".parse().expect("an address"));
    let bytes = heartbeat_of(&mut alice, &content, None);
    let Got::Challenge(cookie) = alice.say(&mut world, &bytes) else { panic!("no challenge") };
    let bytes = heartbeat_of(&mut alice, &content, Some(cookie));
    assert_eq!(alice.say(&mut world, &bytes), Got::Reject(RejectCode::Content, 6));
    assert_ne!(home, alice.from);
    // All else that is malformed stays silent.
    let bytes = alice.session_bytes(Kind::Heartbeat, 4, |buf| buf.extend_from_slice(&[0; 19]));
    assert_eq!(alice.say(&mut world, &bytes), Got::Nothing);
    let mut torn = alice.content.to_bytes();
    torn.extend_from_slice(&[0x10, 0, 2, 3, 0]);
    let bytes = alice.session_bytes(Kind::Heartbeat, 4, |buf| {
        buf.extend_from_slice(&[0; 20]);
        buf.extend_from_slice(&torn);
    });
    assert_eq!(alice.say(&mut world, &bytes), Got::Nothing);
    assert_eq!(world.drops("malformed"), 2);
    // Without its row the host learns that first.
    alice.leave(&mut world);
    let bytes = heartbeat_of(&mut alice, &content, None);
    assert_eq!(alice.say(&mut world, &bytes), Got::Superseded(alice.last_stamp));
}
