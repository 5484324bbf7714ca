//! Datagrams that wait to be sent.

use std::collections::VecDeque;

use super::routes::Target;
use crate::net::{Destination, Transmit};

/// Datagrams in the order in which they were made; their buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(Transmit, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

/// Spare buffers kept.
const SPARE: usize = 8;

impl Outbox {
    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Sends to one address.
    pub(super) fn push(&mut self, target: Target, bytes: Vec<u8>) {
        let to = Destination::Unicast(target.address);
        self.waiting
            .push_back((Transmit { to, source: None, interface: target.interface, spare: false }, bytes));
    }

    /// Sends to all groups.
    pub(super) fn push_groups(&mut self, bytes: Vec<u8>) {
        let transmit = Transmit { to: Destination::Groups, source: None, interface: None, spare: false };
        self.waiting.push_back((transmit, bytes));
    }

    /// Hands the next one out.
    pub(super) fn pop(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        let (transmit, mut bytes) = self.waiting.pop_front()?;
        buf.clear();
        buf.extend_from_slice(&bytes);
        if self.spare.len() < SPARE {
            bytes.clear();
            self.spare.push(bytes);
        }
        Some(transmit)
    }
}
