//! Links between HMSs on paths that are shared, lossy, or end at somebody who does not read, in virtual time: what
//! becomes of the goods, of a neighbour (another link, or QUIC with CUBIC, which is quinn's) and of memory.
//!
//! `HMS_LINKS_FIGURES` names a folder: then there are more paths and seeds, and each part leaves its figures there;
//! `.ci/proofs/links` does that.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod figures;
#[path = "../sim/heap.rs"]
mod heap;
mod loss;
mod net;
mod ours;
mod quic;
mod share;
mod stopped;
mod tls;

hms::shows!("R-TRN-37", "R-TRN-50", "R-TRN-53", "R-TRN-61", "R-TRN-62", "R-TRN-70");
