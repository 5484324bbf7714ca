//! The address of `[peers] bind` (R-PEE-95): links between HMSs are to have it, even if hosts have not.

use std::io;
use std::net::SocketAddr;

use mio::{Interest, Registry, Token};

use super::Counters;
use crate::shell::interfaces;
use crate::shell::udp::UdpSocket;
use crate::time::Instant;

/// The address, and a socket there where none of the host sockets has it.
#[derive(Debug)]
pub(super) struct Bind {
    address: SocketAddr,
    /// A host socket has it.
    covered: bool,
    token: usize,
    socket: Option<UdpSocket>,
    /// Whether the machine had it at the last look.
    here: Option<bool>,
}

impl Bind {
    pub(super) const fn new(address: SocketAddr, covered: bool, token: usize) -> Self {
        Self { address, covered, token, socket: None, here: None }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) const fn token(&self) -> usize {
        self.token
    }

    pub(super) const fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_ref()
    }

    /// Looks whether the address is there: a link that is down may take it away, and bring it back.
    pub(super) fn look(&mut self, now: Instant, registry: &Registry, counters: &mut Counters) {
        let ip = self.address.ip();
        let here = interfaces::is_here(ip);
        match (self.here.replace(here), here) {
            (None | Some(true), false) => log::warn!(
                "[peers] bind: this machine does not have the address {ip}: until it has, links to other HMSs go \
                 from the hosts' addresses"
            ),
            (Some(false), true) => log::info!("[peers] bind: this machine has the address {ip} again"),
            _ => {}
        }
        if here
            && !self.covered
            && self.socket.is_none()
            && let Err(error) = self.open(registry)
        {
            counters.count(now, "bind", &error, &self.address.to_string());
        }
    }

    fn open(&mut self, registry: &Registry) -> io::Result<()> {
        let mut socket = UdpSocket::bind(self.address, false)?;
        registry.register(&mut socket, Token(self.token), Interest::READABLE | Interest::WRITABLE)?;
        self.socket = Some(socket);
        Ok(())
    }
}
