//! The relay with sockets: one thread, one mio loop. This is shell, not core: it reads clocks and sockets.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the runner touches the world")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook_mio::v1_0::Signals;

use super::machine::{Event, Out, Relay, Setup};
use super::nat::Port;
use super::script::Step;
use super::tally::Tally;
use crate::time::{Duration, Instant};

const LISTENER: Token = Token(0);
const SIGNALS: Token = Token(1 << 20);
/// Datagrams taken from one socket before the others have their turn.
const BUDGET: usize = 128;
/// Bytes that the system may hold for a socket, if it lets us: what it drops beyond is counted nowhere.
const SYSTEM_BUFFER: usize = 4 << 20;

/// Where the relay sits and what it does.
#[derive(Clone, Debug)]
pub struct Options {
    /// Clients send here.
    pub listen: SocketAddr,
    /// The server.
    pub to: SocketAddr,
    /// Local address towards the server; none: the system chooses.
    pub from: Option<IpAddr>,
    /// Equal seeds and equal traffic give equal faults.
    pub seed: u64,
    /// The faults.
    pub setup: Setup,
    /// Stops by itself after this time.
    pub stop_after: Option<Duration>,
    /// Tells the counters each so often.
    pub report_every: Option<Duration>,
}

/// What a running relay tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It listens here.
    Ready(SocketAddr),
    /// The counters after so much time.
    Report(Duration, Box<Tally>),
    /// The script changed something.
    Changed(Step),
    /// All clients got new ports, by signal.
    Rebound,
    /// Both ways were cut or opened again, by signal.
    Closed(bool),
}

/// An open relay.
#[derive(Debug)]
pub struct Runner {
    poll: Poll,
    events: Events,
    start: std::time::Instant,
    relay: Relay,
    listener: UdpSocket,
    to: SocketAddr,
    from: Option<IpAddr>,
    outside: BTreeMap<Port, UdpSocket>,
    /// mio tells of a socket once: those not drained stay here.
    ready: BTreeSet<Token>,
    errors: u64,
}

impl Runner {
    /// Opens the relay's sockets. That no port can be opened towards the server is told here, not at the first datagram.
    pub fn open(options: &Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = widened(UdpSocket::bind(options.listen)?);
        outside(options.from, options.to)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            start: std::time::Instant::now(),
            relay: Relay::new(Instant::ZERO, options.seed, options.setup.clone()),
            listener,
            to: options.to,
            from: options.from,
            outside: BTreeMap::new(),
            ready: BTreeSet::new(),
            errors: 0,
        })
    }

    /// Where clients send.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The time since the relay was opened.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        Tally { errors: self.errors, ..self.relay.tally() }
    }

    /// The faults and the translation.
    pub const fn relay(&mut self) -> &mut Relay {
        &mut self.relay
    }

    /// One turn of the loop: waits at most `wait`, then moves what came in and what is due.
    pub fn turn(&mut self, wait: Duration) -> io::Result<()> {
        self.sleep(wait, None)?;
        self.work();
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// Waits for sockets or the next deadline; says which signals came.
    fn sleep(&mut self, wait: Duration, signals: Option<&mut Signals>) -> io::Result<Vec<i32>> {
        let due = self.relay.poll_timeout().map_or(wait, |at| at.since(self.now()).min(wait));
        let wait = if self.ready.is_empty() { due } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        let tokens = self.events.iter().map(mio::event::Event::token);
        self.ready.extend(tokens.filter(|token| *token != SIGNALS));
        Ok(signals.map(|signals| signals.pending().collect()).unwrap_or_default())
    }

    fn work(&mut self) {
        self.relay.handle_timeout(self.now());
        self.close_ports();
        for token in std::mem::take(&mut self.ready) {
            if !self.receive(token) {
                self.ready.insert(token);
            }
            // Before a port that was taken back is given again.
            self.close_ports();
        }
        self.send();
    }

    fn close_ports(&mut self) {
        while let Some(port) = self.relay.poll_closed() {
            if let Some(mut socket) = self.outside.remove(&port) {
                let _ = self.poll.registry().deregister(&mut socket);
            }
        }
    }

    /// Takes what came in at one socket; `true` when nothing is left.
    fn receive(&mut self, token: Token) -> bool {
        let mut buf = [0; 65_536];
        for _ in 0..BUDGET {
            let now = self.now();
            let port = u16::try_from(token.0).map(Port).ok().filter(|_| token != LISTENER);
            let got = match port {
                None => self.listener.recv_from(&mut buf),
                Some(port) => match self.outside.get(&port) {
                    None => return true,
                    Some(socket) => socket.recv(&mut buf).map(|len| (len, self.to)),
                },
            };
            match (got, port) {
                (Ok((len, from)), None) => self.relay.from_client(now, from, buf.split_at(len).0),
                (Ok((len, _)), Some(port)) => self.relay.from_server(now, port, buf.split_at(len).0),
                (Err(e), _) if e.kind() == ErrorKind::WouldBlock => return true,
                // A refused port on the other side is told here; it concerns a datagram that is gone.
                (Err(_), _) => self.errors += 1,
            }
        }
        false
    }

    fn send(&mut self) {
        let mut buf = Vec::with_capacity(2048);
        while let Some(out) = self.relay.poll_output(self.now(), &mut buf) {
            // A step of the script may have closed the port in this very moment.
            self.close_ports();
            let sent = match out {
                Out::Client(client) => self.listener.send_to(&buf, client),
                Out::Server(port) => self.send_up(port, &buf),
            };
            if sent.is_err() {
                self.relay.failed(out, buf.len());
            }
        }
    }

    /// Without a socket, as when the system has none left, nothing goes out; later ones may.
    fn send_up(&mut self, port: Port, bytes: &[u8]) -> io::Result<usize> {
        if !self.outside.contains_key(&port) {
            self.open_port(port)?;
        }
        let Some(socket) = self.outside.get(&port) else { return Err(ErrorKind::NotConnected.into()) };
        match socket.send(bytes) {
            // It concerns a datagram before this one, which did not go out for it.
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => {
                self.errors += 1;
                socket.send(bytes)
            }
            sent => sent,
        }
    }

    fn open_port(&mut self, port: Port) -> io::Result<()> {
        let mut socket = outside(self.from, self.to)?;
        let token = Token(usize::from(port.0));
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        self.outside.insert(port, socket);
        Ok(())
    }

    /// Tells what the script did; `true` when it has ended.
    fn tell(&mut self, tell: &mut dyn FnMut(Notice)) -> bool {
        while let Some(event) = self.relay.poll_event() {
            match event {
                Event::Changed(step) => tell(Notice::Changed(step)),
                Event::Report(at, mut tally) => {
                    tally.errors = self.errors;
                    tell(Notice::Report(at, tally));
                }
                Event::End => return true,
            }
        }
        false
    }
}

/// A socket that hears the server and nobody else.
fn outside(from: Option<IpAddr>, to: SocketAddr) -> io::Result<UdpSocket> {
    let local = match (from, to) {
        (None, SocketAddr::V4(_)) => SocketAddr::from(([0, 0, 0, 0], 0)),
        (None, SocketAddr::V6(_)) => SocketAddr::from(([0u16; 8], 0)),
        // A link-local address means something on the server's link only.
        (Some(IpAddr::V6(ip)), SocketAddr::V6(to)) => SocketAddrV6::new(ip, 0, 0, to.scope_id()).into(),
        (Some(ip), _) => SocketAddr::new(ip, 0),
    };
    let socket = UdpSocket::bind(local)?;
    socket.connect(to)?;
    Ok(widened(socket))
}

fn widened(socket: UdpSocket) -> UdpSocket {
    let options = socket2::SockRef::from(&socket);
    let _ = options.set_recv_buffer_size(SYSTEM_BUFFER);
    let _ = options.set_send_buffer_size(SYSTEM_BUFFER);
    socket
}

/// Runs a relay until its time is over, its script ends, or SIGINT or SIGTERM comes; SIGUSR1 rebinds all clients,
/// SIGUSR2 cuts both ways or opens them again.
pub fn run(options: &Options, tell: &mut dyn FnMut(Notice)) -> io::Result<Tally> {
    let mut runner = Runner::open(options)?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1, SIGUSR2])?;
    runner.poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
    tell(Notice::Ready(runner.local_addr()?));
    let mut next_report = options.report_every;
    while !runner.tell(tell) {
        let elapsed = runner.elapsed();
        if options.stop_after.is_some_and(|end| elapsed >= end) {
            return Ok(runner.tally());
        }
        if let (Some(at), Some(every)) = (next_report, options.report_every)
            && elapsed >= at
        {
            tell(Notice::Report(elapsed, Box::new(runner.tally())));
            next_report = Some(at.saturating_add(every.max(Duration::from_millis(10))).max(elapsed));
        }
        let until = [options.stop_after, next_report].into_iter().flatten().min();
        let wait = until.map_or(Duration::from_secs(3600), |at| at.saturating_sub(elapsed));
        for signal in runner.sleep(wait, Some(&mut signals))? {
            match signal {
                SIGUSR1 => {
                    runner.relay.rebind();
                    tell(Notice::Rebound);
                }
                SIGUSR2 => {
                    let closed = !runner.relay.is_closed();
                    runner.relay.set_closed(closed);
                    tell(Notice::Closed(closed));
                }
                _ => return Ok(runner.tally()),
            }
        }
        runner.work();
    }
    Ok(runner.tally())
}
