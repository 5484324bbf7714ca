//! The relay with sockets: one thread, one mio loop. This is shell, not core: it reads clocks and sockets.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the runner touches the world")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook_mio::v1_0::Signals;

use super::machine::{Out, Relay, Setup};
use super::nat::Port;
use super::tally::Tally;
use crate::time::{Duration, Instant};

const LISTENER: Token = Token(0);
const SIGNALS: Token = Token(1 << 20);
/// Datagrams taken from one socket before the others have their turn.
const BUDGET: usize = 128;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It listens here.
    Ready(SocketAddr),
    /// The counters after so much time.
    Report(Duration, Tally),
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
    failed: u64,
}

impl Runner {
    /// Opens the relay's sockets.
    pub fn open(options: &Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = UdpSocket::bind(options.listen)?;
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
            failed: 0,
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
        self.relay.tally()
    }

    /// Datagrams that the system did not take.
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// The faults and the translation.
    pub const fn relay(&mut self) -> &mut Relay {
        &mut self.relay
    }

    /// One turn of the loop: waits at most `wait`, then moves what came in and what is due.
    pub fn turn(&mut self, wait: Duration) -> io::Result<()> {
        self.sleep(wait, None)?;
        self.work()
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

    fn work(&mut self) -> io::Result<()> {
        self.relay.handle_timeout(self.now());
        self.close_ports();
        for token in std::mem::take(&mut self.ready) {
            if !self.receive(token) {
                self.ready.insert(token);
            }
        }
        self.send()
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
                (Err(_), _) => self.failed += 1,
            }
        }
        false
    }

    fn send(&mut self) -> io::Result<()> {
        let mut buf = Vec::with_capacity(2048);
        while let Some(out) = self.relay.poll_output(self.now(), &mut buf) {
            let sent = match out {
                Out::Client(client) => self.listener.send_to(&buf, client),
                Out::Server(port) => {
                    if !self.outside.contains_key(&port) {
                        self.open_port(port)?;
                    }
                    self.outside.get(&port).map_or(Ok(0), |socket| socket.send(&buf))
                }
            };
            self.failed += u64::from(sent.is_err());
        }
        Ok(())
    }

    fn open_port(&mut self, port: Port) -> io::Result<()> {
        let any: IpAddr = if self.to.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
        let mut socket = UdpSocket::bind(SocketAddr::new(self.from.unwrap_or(any), 0))?;
        socket.connect(self.to)?;
        let token = Token(usize::from(port.0));
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        self.outside.insert(port, socket);
        Ok(())
    }
}

/// Runs a relay until its time is over or SIGINT or SIGTERM comes; SIGUSR1 rebinds all clients, SIGUSR2 cuts both ways
/// or opens them again.
pub fn run(options: &Options, tell: &mut dyn FnMut(Notice)) -> io::Result<Tally> {
    let mut runner = Runner::open(options)?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1, SIGUSR2])?;
    runner.poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
    tell(Notice::Ready(runner.local_addr()?));
    let mut next_report = options.report_every;
    loop {
        let elapsed = runner.elapsed();
        if options.stop_after.is_some_and(|end| elapsed >= end) {
            return Ok(runner.tally());
        }
        if let (Some(at), Some(every)) = (next_report, options.report_every)
            && elapsed >= at
        {
            tell(Notice::Report(elapsed, runner.tally()));
            next_report = Some(elapsed + every.max(Duration::from_millis(10)));
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
        runner.work()?;
    }
}
