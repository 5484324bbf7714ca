//! The server alone, driven by a small host in memory.

mod amplification;
mod captured;
mod client;
mod copies;
mod crafted;
mod directory;
mod discovery;
mod expiry;
mod rates;
mod realms;
mod refusals;
mod registration;
mod restart;
mod service;
mod sessions;
mod shown;
mod threats;
mod views;
pub(in crate::server) mod world;
