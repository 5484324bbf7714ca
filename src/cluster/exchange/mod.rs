//! What goes between the tables of HMSs (spec 10.7 to 10.9): changes as they are made, sums that show what differs, and
//! pages of what is missing.
//!
//! [`Exchange`] stands beside [`Cluster`](super::Cluster), and follows it: after every call to the cluster the owner
//! calls [`follow`](Exchange::follow). It gives [`message`](Exchange::message) what the cluster calls
//! [`Heard::Table`](super::Heard), and calls [`turn`](Exchange::turn) when it has done all else: that reads what waits,
//! and makes DELTAs and PAGEs from the table as it is then, as far as the links have room for them (R-TRN-37). So
//! nothing is kept for a neighbour that takes nothing but two places in the list of changes (R-PEE-82).

mod apply;
mod asks;
mod codec;
mod deltas;
mod figures;
mod follow;
mod machine;
mod pace;
mod pages;
mod peer;
mod positions;
mod read;
mod roots;
mod scrub;
mod seen;
mod serves;
mod sweep;
mod table;

pub use figures::Figures;
pub use machine::Exchange;
pub use seen::Seen;
pub use table::{Drops, Table};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
