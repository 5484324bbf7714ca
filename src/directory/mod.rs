//! What hosts are told of the table (spec 4.6): pages out of the registry, and the host's own copy of them.

mod copy;
mod digest;
mod page;
mod push;

#[cfg(test)]
mod tests;

pub use copy::{Applied, HostDirectory};
pub use digest::entry_digest;
pub use page::{Directory, FindRows};
