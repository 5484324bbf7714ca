//! A peer driven by hand: it has the secret and writes what it likes.

use std::net::SocketAddr;

use super::world::{SECRET, address};
use crate::ident::{Incarnation, ServerId};
use crate::time::Instant;
use crate::transport::datagram::{DataHead, Datagram};
use crate::transport::drops::DropReason;
use crate::transport::frame::Frame;
use crate::transport::hello::{CookieMessage, Hello, Welcome};
use crate::transport::keys::{LinkKeys, LinkSecret, Party, Side};
use crate::transport::{Endpoint, Event, LinkId};

pub(super) struct Hostile {
    pub(super) from: SocketAddr,
    pub(super) secret: LinkSecret,
    pub(super) hello: Hello,
    pub(super) keys: Option<LinkKeys>,
    pub(super) theirs: u64,
    pub(super) number: u64,
}

impl Hostile {
    /// One that has sent nothing.
    pub(super) fn new(server: u64, incarnation: u32, attempt: u64) -> Self {
        let party = Party {
            server: ServerId(server),
            incarnation: Incarnation(incarnation),
            session: attempt + 1,
            nonce: [attempt as u8; 32],
        };
        let secret = LinkSecret::cluster(&SECRET);
        let hello = Hello {
            key: secret.id(),
            attempt,
            versions: (1, 1),
            party,
            target: ServerId(0),
            cookie: [0; 16],
        };
        Self { from: address(9), secret, hello, keys: None, theirs: 0, number: 0 }
    }

    /// The HELLO as it stands.
    pub(super) fn hello(&self) -> Vec<u8> {
        let mut buf = Vec::new();
        self.hello.emit(&self.secret, &mut buf);
        buf
    }

    /// Hands a datagram over and takes what comes back at once.
    pub(super) fn ask(
        &self,
        endpoint: &mut Endpoint,
        now: Instant,
        mut bytes: Vec<u8>,
    ) -> Result<Vec<Vec<u8>>, DropReason> {
        if let Some(drop) = endpoint.handle_datagram(now, self.from, &mut bytes) {
            return Err(drop);
        }
        Ok(self.collect(endpoint, now))
    }

    /// What the endpoint has for this peer.
    pub(super) fn collect(&self, endpoint: &mut Endpoint, now: Instant) -> Vec<Vec<u8>> {
        let mut buf = Vec::new();
        let mut all = Vec::new();
        while let Some(transmit) = endpoint.poll_output(now, &mut buf) {
            if transmit.to == self.from {
                all.push(buf.clone());
            }
        }
        all
    }

    /// Gets and adopts a cookie.
    pub(super) fn get_cookie(&mut self, endpoint: &mut Endpoint, now: Instant) {
        let answers = self.ask(endpoint, now, self.hello()).expect("a cookie");
        let signed = self.secret.open(&answers[0]).expect("a tag that holds");
        self.hello.cookie = CookieMessage::parse(signed).expect("a COOKIE").cookie;
    }

    /// Takes the WELCOME to a HELLO with a cookie.
    pub(super) fn get_welcome(&mut self, endpoint: &mut Endpoint, now: Instant) {
        let answers = self.ask(endpoint, now, self.hello()).expect("a welcome");
        assert_eq!(answers.len(), 1);
        let Ok(Datagram::Welcome(_)) = Datagram::parse(&answers[0]) else { panic!("no WELCOME") };
        let welcome = Welcome::parse(self.secret.open(&answers[0]).expect("a tag")).expect("a WELCOME");
        self.theirs = welcome.party.session;
        let link = self.secret.link(self.hello.attempt, &self.hello.party, &welcome.party, Side::Initiator);
        self.keys = Some(link);
    }

    /// The whole handshake, with a PING at its end.
    pub(super) fn meet(&mut self, endpoint: &mut Endpoint, now: Instant) -> LinkId {
        self.get_cookie(endpoint, now);
        self.get_welcome(endpoint, now);
        self.send(endpoint, now, &[Frame::Ping]).expect("taken");
        match endpoint.poll_event() {
            Some((link, Event::Connected(_))) => link,
            other => panic!("{other:?} instead of a link"),
        }
    }

    /// A packet with these bytes as its frames.
    pub(super) fn packet(&mut self, number: u64, frames: &[u8]) -> Vec<u8> {
        let header = DataHead { number, session: self.theirs }.emit();
        let mut body = frames.to_vec();
        body.resize(frames.len().max(16), 0);
        let keys = self.keys.as_mut().expect("keys");
        let tag = keys.send.seal(number, &header, &mut body).expect("a tag");
        [&header[..], &body, &tag].concat()
    }

    /// Sends frames under the next number; gives what comes back.
    pub(super) fn send(
        &mut self,
        endpoint: &mut Endpoint,
        now: Instant,
        frames: &[Frame<'_>],
    ) -> Result<Vec<Vec<u8>>, DropReason> {
        let mut body = Vec::new();
        frames.iter().for_each(|frame| frame.emit(&mut body));
        self.send_bytes(endpoint, now, &body)
    }

    pub(super) fn send_bytes(
        &mut self,
        endpoint: &mut Endpoint,
        now: Instant,
        body: &[u8],
    ) -> Result<Vec<Vec<u8>>, DropReason> {
        let packet = self.packet(self.number, body);
        self.number += 1;
        self.ask(endpoint, now, packet)
    }

    /// Decrypts a DATA of the endpoint: its number and frames.
    pub(super) fn open(&mut self, datagram: &[u8]) -> (u64, Vec<u8>) {
        let Ok(Datagram::Data(head)) = Datagram::parse(datagram) else { panic!("no DATA") };
        assert_eq!(head.session, self.hello.party.session);
        let mut bytes = datagram.to_vec();
        let (header, body) = bytes.split_at_mut(16);
        let keys = self.keys.as_mut().expect("keys");
        (head.number, keys.receive.open(head.number, header, body).expect("a tag that holds").to_vec())
    }
}
