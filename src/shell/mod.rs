//! The floor that touches the world: one mio loop, sockets, files, clocks, signals.
//!
//! Everything below is sans-I/O; this module feeds the machines and carries out what they want. One thread.

pub mod control;
pub mod paths;
mod sys;
