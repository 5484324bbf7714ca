//! A host management server (HMS): the directory of a conference system, and the host side of it.
//!
//! The core is sans-I/O: no clock, socket, file or randomness of its own. `ARCHITECTURE.md` has the map.

#[macro_use]
mod shows;

pub mod auth;
pub mod capture;
pub mod chance;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod directory;
pub mod discovery;
pub mod host;
pub mod ident;
pub mod limits;
pub mod net;
pub mod planted;
pub mod registry;
pub mod relay;
pub mod server;
pub mod shell;
pub mod storage;
pub mod time;
pub mod token;
pub mod transport;
pub mod wire;
