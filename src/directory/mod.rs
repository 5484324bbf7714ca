//! What a host is told of the others (spec 4.6).

mod copy;
mod digest;

pub use copy::{Applied, HostDirectory};
pub use digest::entry_digest;
