//! The floor that touches the world: one mio loop, sockets, files, clocks, signals.
//!
//! Everything below is sans-I/O; this module feeds the machines and carries out what they want. One thread.

pub mod agent_daemon;
mod captures;
pub mod clock;
pub mod control;
mod counters;
mod engine;
pub mod entropy;
pub mod files;
pub mod interfaces;
pub mod machine;
pub mod memory;
mod net;
pub mod paths;
pub mod server_daemon;
mod signals;
pub mod state_dir;
mod sys;
mod taken;
mod udp;

pub use engine::DaemonError;
pub use net::ListenError;

#[cfg(test)]
mod tests;
