//! What the shell says beforehand of a batch of datagrams.

use super::Server;
use crate::ident::SessionId;

/// Where the session id stands in a header (spec 2.1).
const SESSION: std::ops::Range<usize> = 16..24;

impl Server {
    /// These datagrams come next: what is known of their sessions is brought close, so that not each of them waits for
    /// memory on its own. Only a hint; [`crate::registry::AHEAD`] at once are looked at.
    pub fn expect<'a>(&mut self, datagrams: impl Iterator<Item = &'a [u8]>) {
        let session = |bytes: &[u8]| {
            let id = bytes.get(SESSION)?.first_chunk()?;
            Some(SessionId(u64::from_be_bytes(*id)))
        };
        self.registry.expect(datagrams.filter_map(session).filter(|session| session.0 != 0));
    }
}
