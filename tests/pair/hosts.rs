//! A host, and what became of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hms::host::{Host, HostSetup};
use hms::ident::{Epoch, Generation, InstanceId, Name, Order, RealmId, ServerId, SessionId, Stamp, UserId};
use hms::net::Interface;
use hms::storage::{HostStore, Secrets};
use hms::time::{Duration, Instant};
use hms::wire::peer::{Place, RowHead};
use hms::wire::{Content, View};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;

use crate::servers::WALL;

/// The first host's address; each other has the next one.
const FIRST: u32 = 0x0a00_0001;
const PORT: u16 = 40_000;
/// Type and length.
const TLV_HEAD: usize = 3;
/// Hosts that follow each other's rows.
const CONFERENCE: usize = 20;

pub struct Machine {
    pub host: Host,
    /// Where the queue of deadlines has it; entries with another time are of the past.
    pub due: Instant,
    /// Who answered it last.
    pub hms: Option<SocketAddr>,
    /// The first heartbeat since the last answer.
    pub unanswered: Option<Instant>,
    /// When the other HMS first answered after the kill, and for how long nobody had.
    pub served: Option<(Instant, Duration)>,
}

pub fn address(host: usize) -> SocketAddr {
    let ip = Ipv4Addr::from(FIRST + u32::try_from(host).expect("fewer hosts than addresses"));
    SocketAddr::new(ip.into(), PORT)
}

pub fn host_at(address: SocketAddr) -> Option<usize> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    (address.port() == PORT).then(|| (u32::from(ip) - FIRST) as usize)
}

/// One more host, whose token names that HMS.
pub fn start(
    now: Instant,
    rng: &mut ChaCha8Rng,
    number: usize,
    secrets: &Secrets,
    hms: SocketAddr,
) -> Machine {
    let name = |kind: &str, number: usize| Name::new(&format!("{kind}-{number}")).expect("a name");
    let user = name("user", number);
    let token = secrets.token(user.as_str(), None, vec![hms]).expect("a token");
    let conference = name("conference", number / CONFERENCE);
    let mut content = Content::new(user, name("machine", number));
    content.conference = Some(conference.clone());
    let store = HostStore::new(token.clone(), InstanceId(rng.next_u64()), content.clone());
    let setup = HostSetup {
        token,
        store,
        content,
        view: View::Group(conference),
        push: true,
        takeover: false,
        near: Vec::new(),
        seed: crate::world::bytes(rng),
        wall: WALL,
    };
    let mut host = Host::new(now, setup);
    let lan = Interface { index: 1, name: "lan0".into(), addresses: vec![address(number).ip()] };
    host.set_interfaces(now, vec![lan]);
    Machine { host, due: Instant::FAR, hms: None, unanswered: None, served: None }
}

/// How long the row of a host is in a DELTA, its TLV's head included (spec 10.7): in a DELTA there is nothing shorter
/// that says the same.
pub fn row_length(number: usize, machine: &mut Machine) -> usize {
    let store = machine.host.store();
    let order =
        Order { generation: Generation(0), stamp: Stamp(0), server: ServerId(0), session: SessionId(0) };
    let place = Place { sequence: 0, late: false, check_ms: 0, address: Some(address(number)) };
    let head = RowHead {
        realm: RealmId(1),
        user: UserId::default(),
        order,
        instance: store.instance,
        since: 0,
        epoch: Epoch(1),
        content_version: 0,
        place,
    };
    let mut row = Vec::new();
    head.emit(&store.content.to_bytes(), &store.view, store.push, &mut row);
    TLV_HEAD + row.len()
}
