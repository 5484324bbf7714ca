//! Two endpoints over loopback: `cargo run --release --example transport [seconds]`.
//!
//! One sends bulk as fast as it may, beside it a change every 10 ms and a control message every 100 ms; the other
//! counts what arrives. Shows the whole loop: datagrams in, time, events, messages, datagrams out.

use std::io;
use std::net::UdpSocket;
use std::time::Instant as Clock;

use hms::ident::{Incarnation, ServerId};
use hms::time::{Duration, Instant};
use hms::transport::{Config, Endpoint, Event, KeyId, LinkSecret, Priority};

const PAGE: usize = 8000;
/// Datagrams taken before something is sent again.
const BATCH: usize = 64;

struct Node {
    socket: UdpSocket,
    endpoint: Endpoint,
    received: [(u64, u64); 3],
    slowest: Duration,
}

impl Node {
    fn new(server: u64) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        // A real program takes both secrets from where they are kept, and the seed from the system.
        let mut endpoint = Endpoint::new(Config::new(ServerId(server), Incarnation(1)), &[server as u8; 32]);
        endpoint.add_secret(LinkSecret::cluster(&[7; 32]));
        Ok(Self { socket, endpoint, received: [(0, 0); 3], slowest: Duration::ZERO })
    }

    /// Takes what has come, lets time pass, takes events, sends what there is; says whether anything happened.
    fn turn(&mut self, now: Instant, buf: &mut Vec<u8>) -> io::Result<bool> {
        let mut busy = false;
        for _ in 0..BATCH {
            buf.resize(2048, 0);
            let Ok((len, from)) = self.socket.recv_from(buf) else { break };
            buf.truncate(len);
            self.endpoint.handle_datagram(now, from, buf);
            busy = true;
        }
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        while let Some((link, event)) = self.endpoint.poll_event() {
            match event {
                Event::Message(priority, message) => self.count(now, priority, &message),
                Event::Connected(peer) => println!("link {link}: server {} is there", peer.server),
                Event::Closed(reason) => println!("link {link}: {reason}"),
                Event::Writable(_) => {}
            }
        }
        while let Some(transmit) = self.endpoint.poll_output(now, buf) {
            // What the socket does not take is lost, like anything else.
            let _ = self.socket.send_to(buf, transmit.to);
            busy = true;
        }
        Ok(busy)
    }

    fn count(&mut self, now: Instant, priority: Priority, message: &[u8]) {
        if let Some((messages, bytes)) = self.received.get_mut(priority as usize) {
            *messages += 1;
            *bytes += message.len() as u64;
        }
        if let (Priority::Control | Priority::Deltas, Some(sent)) = (priority, message.first_chunk()) {
            self.slowest = self.slowest.max(now.since(Instant::from_micros(u64::from_be_bytes(*sent))));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an example stands outside the core: it reads the clock")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let start = Clock::now();
    let now = || Instant::from_micros(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
    let (mut a, mut b) = (Node::new(1)?, Node::new(2)?);
    let link = a.endpoint.connect(now(), b.socket.local_addr()?, Some(ServerId(2)), KeyId::CLUSTER)?;
    let mut buf = Vec::with_capacity(2048);
    let (mut delta_at, mut control_at) = (Instant::ZERO, Instant::ZERO);
    while now() < Instant::from_secs(seconds) {
        let at = now();
        let stamp = at.micros().to_be_bytes();
        if at >= delta_at
            && a.endpoint.send(link, Priority::Deltas, &[&stamp[..], &[0; 200]].concat()).is_ok()
        {
            delta_at = at + Duration::from_millis(10);
        }
        if at >= control_at && a.endpoint.send(link, Priority::Control, &stamp).is_ok() {
            control_at = at + Duration::from_millis(100);
        }
        if let Some(link) = a.endpoint.link_mut(link) {
            link.pull_bulk(PAGE, |_| Some(vec![0; PAGE]))?;
        }
        let busy = a.turn(at, &mut buf)? | b.turn(now(), &mut buf)?;
        if !busy {
            std::thread::yield_now();
        }
    }
    for (priority, (messages, bytes)) in Priority::ALL.into_iter().zip(b.received) {
        println!("{priority:?}: {messages} messages, {:.3} MB/s", bytes as f64 / 1e6 / seconds as f64);
    }
    println!("slowest control message or delta: {:?}", b.slowest);
    if let Some(link) = a.endpoint.link(link) {
        let (stats, rtt) = (link.stats(), link.rtt().smoothed());
        println!(
            "{} packets sent, {} lost, {} probes, round trip {rtt:?}",
            stats.sent, stats.lost, stats.probes
        );
    }
    Ok(())
}
