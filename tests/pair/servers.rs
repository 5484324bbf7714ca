//! The two HMSs: one cluster, of which both are members.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hms::cluster::{Decision, Facts};
use hms::ident::{Name, Stamp};
use hms::net::Interface;
use hms::server::{Server, ServerSettings, Setup};
use hms::storage::Secrets;
use hms::time::{Instant, UnixMillis};
use hms::transport::LinkSecret;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;

pub const WALL: UnixMillis = UnixMillis(1_700_000_000_000);

/// Where an HMS is.
pub const fn address(number: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1 + number)), hms::limits::PORT)
}

/// What each of them has on its disk.
pub fn disks(rng: &mut ChaCha8Rng) -> [Secrets; 2] {
    let first = Secrets::create(|into| rng.fill_bytes(into), Name::new("house").expect("a name"));
    let mut second = first.clone();
    second.server = Secrets::newcomer(|into| rng.fill_bytes(into)).server;
    let mut all = [first.clone(), second];
    let mut facts = Facts::restore(&first);
    let decision = Decision { clock: Stamp(1), by: first.server };
    for (number, disk) in (0..).zip(&all) {
        facts.enter_member(decision, disk.server, &name(number)).expect("a member");
        facts.register_address(decision, address(number), Some(disk.server)).expect("an address");
    }
    all.iter_mut().for_each(|disk| facts.store(disk));
    all
}

fn name(number: u8) -> Name {
    Name::new(&format!("hms{number}")).expect("a name")
}

/// A process with nothing but its secrets.
pub fn start(now: Instant, rng: &mut ChaCha8Rng, number: u8, secrets: &mut Secrets) -> Server {
    let incarnation = secrets.next_incarnation(|into| rng.fill_bytes(into));
    let setup = Setup {
        name: name(number),
        server: secrets.server,
        incarnation,
        seed: super::world::bytes(rng),
        settings: ServerSettings { listen: vec![address(number)], ..ServerSettings::default() },
        facts: Facts::restore(secrets),
        link_secret: LinkSecret::cluster(&secrets.cluster_secret),
        default_realm: secrets.default_realm().map(|realm| realm.id),
        cluster: secrets.cluster_key(),
        stamp_base: secrets.clock,
        wall: WALL,
        rows: Vec::new(),
    };
    let mut server = Server::new(now, setup);
    let lan = Interface { index: 1, name: "lan0".into(), addresses: vec![address(number).ip()] };
    server.set_interfaces(now, vec![lan]);
    server
}
