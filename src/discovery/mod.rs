//! Multicast discovery, both sides (spec chapter 5): the HMS's delayed OFFERs, the host's rounds of DISCOVER.

mod offers;
mod probe;
mod search;

pub use offers::{OfferQueue, PendingOffer};
pub use probe::Probes;
pub use search::{Candidate, Found, Search, SearchStep};
