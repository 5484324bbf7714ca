//! Reliable, encrypted messages over UDP between HMSs (spec chapter 9).
//!
//! An [`Endpoint`] holds the links of one process; each is a [`Connection`] with three streams of messages in strict
//! [`Priority`]. Nothing here touches a socket or a clock: datagrams and times come in through
//! [`handle_datagram`](Endpoint::handle_datagram) and [`handle_timeout`](Endpoint::handle_timeout); what is to be
//! sent, told and awaited is asked with the `poll_` calls, after every other call, until they have nothing.
//! `tools/examples/transport.rs` is the whole loop.

mod ack;
mod congestion;
mod connection;
mod cookie;
mod cubic;
mod datagram;
mod dial;
mod draws;
mod drops;
mod endpoint;
mod event;
mod frame;
mod hello;
pub mod inspect;
mod keylog;
mod keys;
pub mod limits;
mod numbers;
mod pacer;
mod ranges;
mod received;
mod receiving;
mod recovery;
mod route;
mod rtt;
mod sending;
mod sent;
mod store;

pub use congestion::Controller;
pub use connection::{Connection, Stats};
pub use cubic::Cubic;
pub use drops::{DropReason, Drops};
pub use endpoint::{Config, DialError, Endpoint, LinkId, is_between_hmss, is_hello};
pub use event::{CloseCode, CloseReason, Event, Peer, Priority, SendError};
pub use keylog::{LoggedEnd, LoggedLink};
pub use keys::{KeyId, LinkSecret, Side};
pub use route::{Route, Transmit};
pub use rtt::Rtt;

#[cfg(test)]
mod tests;
