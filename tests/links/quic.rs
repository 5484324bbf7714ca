//! An end of a QUIC connection: quinn's half without I/O as it comes, so with CUBIC.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use hms::time::{Duration, Instant};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event,
    ServerConfig, StreamEvent, StreamId, WriteError,
};
use ring::{hkdf, hmac};

use crate::net::{Node, address};
use crate::tls;

/// The origin of virtual time on quinn's clock.
static ORIGIN: LazyLock<std::time::Instant> = LazyLock::new(origin);

#[expect(clippy::disallowed_methods, reason = "quinn's times can be made in no other way")]
fn origin() -> std::time::Instant {
    std::time::Instant::now()
}

fn theirs(now: Instant) -> std::time::Instant {
    *ORIGIN + now.since(Instant::ZERO)
}

/// Not earlier than `at`.
fn ours(at: std::time::Instant) -> Instant {
    Instant::ZERO + (at.saturating_duration_since(*ORIGIN) + Duration::from_nanos(999))
}

/// An endpoint with one connection, and its user.
pub struct Quic {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    me: usize,
    /// Whether it makes the connection; whether it sends, as much as it may.
    dials: bool,
    sends: bool,
    stream: Option<StreamId>,
    /// What the endpoint itself says.
    answers: VecDeque<Vec<u8>>,
    received: u64,
}

impl Quic {
    /// Node `me`.
    pub fn new(seed: u64, me: usize, dials: bool, sends: bool) -> Self {
        let key = [me as u8 + 1; 32];
        let mut rng = key;
        rng[..8].copy_from_slice(&seed.to_be_bytes());
        let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key)));
        config.rng_seed(Some(rng));
        let token_key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&key);
        let server = ServerConfig::new(tls::server(), Arc::new(token_key));
        Self {
            endpoint: Endpoint::new(Arc::new(config), Some(Arc::new(server)), true, None),
            connection: None,
            me,
            dials,
            sends,
            stream: None,
            answers: VecDeque::new(),
            received: 0,
        }
    }

    fn dial(&mut self, now: Instant) {
        if self.dials && self.connection.is_none() {
            let (config, to) = (ClientConfig::new(tls::client()), address(self.me ^ 1));
            let made = self.endpoint.connect(theirs(now), config, to, tls::NAME);
            self.connection = Some(made.expect("a connection"));
        }
    }

    /// What the connection has for its endpoint and for its user.
    fn listen(&mut self) {
        let Some((handle, connection)) = &mut self.connection else { return };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected if self.sends => self.stream = connection.streams().open(Dir::Uni),
                Event::Stream(StreamEvent::Opened { dir }) => {
                    self.stream = connection.streams().accept(dir);
                }
                Event::ConnectionLost { reason } => panic!("{reason}"),
                _ => {}
            }
        }
    }

    fn read(&mut self) {
        let Some((stream, (_, connection))) = self.stream.zip(self.connection.as_mut()) else { return };
        let mut stream = connection.recv_stream(stream);
        let Ok(mut chunks) = stream.read(true) else { return };
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            self.received += chunk.bytes.len() as u64;
        }
        let _ = chunks.finalize();
    }

    fn write(&mut self) {
        let Some((stream, (_, connection))) = self.stream.zip(self.connection.as_mut()) else { return };
        loop {
            match connection.send_stream(stream).write(&[0; 8000]) {
                Ok(_) => {}
                Err(WriteError::Blocked) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Node for Quic {
    fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let mut answer = Vec::new();
        let now = theirs(now);
        match self.endpoint.handle(now, from, None, None, BytesMut::from(bytes), &mut answer) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, connection)) = &mut self.connection {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                let accepted = self.endpoint.accept(incoming, now, &mut answer, None);
                self.connection = Some(accepted.map_err(|error| error.cause).expect("a connection"));
            }
            Some(DatagramEvent::Response(_)) => self.answers.push_back(answer),
            None => {}
        }
    }

    fn turn(&mut self, now: Instant) {
        self.dial(now);
        if let Some((_, connection)) = &mut self.connection {
            connection.handle_timeout(theirs(now));
        }
        self.listen();
        if self.sends {
            self.write();
        } else {
            self.read();
        }
    }

    fn give(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<SocketAddr> {
        buf.clear();
        if let Some(answer) = self.answers.pop_front() {
            buf.extend(answer);
            return Some(address(self.me ^ 1));
        }
        let (_, connection) = self.connection.as_mut()?;
        Some(connection.poll_transmit(theirs(now), 1, buf)?.destination)
    }

    fn due(&mut self) -> Option<Instant> {
        self.connection.as_mut()?.1.poll_timeout().map(ours)
    }

    fn received(&self) -> u64 {
        self.received
    }
}
