//! What HMSs say to each other over a link: bytes to values and back (spec chapter 10).
//!
//! [`PeerMessage::parse`] checks a message whole and allocates nothing: lists stay the bytes that came in and are read
//! again by iterators that cannot fail. Messages with lists are written by a head ([`IntroHead`], [`PingHead`]) or by a
//! writer that says when the next would be too much ([`FactsWriter`], [`DeltaWriter`], [`PageWriter`]).

mod admit;
mod batch;
mod code;
mod compare;
mod delta;
mod fact;
mod facts;
mod fetch;
mod gone;
mod home;
mod intro;
mod items;
mod message;
mod page;
mod ping;
mod refuse;
mod resume;
mod row;
mod seat;
mod stop;
mod tlvs;

pub use admit::Admit;
pub use code::{AddressUse, PeerKind, Phase, RefuseCode, Stream};
pub use compare::{Buckets, Compare};
pub use delta::{Delta, DeltaWriter};
pub use fact::{AddressFact, Fact, FactState, GenerationFact, Mark, MemberFact, RealmFact};
pub use facts::{Facts, FactsWriter, Stored};
pub use fetch::{BucketMap, Cursor, Fetch};
pub use gone::{Ending, Gone};
pub use home::{Home, Root};
pub use intro::{Intro, IntroHead, OwnAddress, Timing};
pub use items::{Item, Items};
pub use message::PeerMessage;
pub use page::{Page, PageWriter};
pub use ping::{Neighbour, Ping, PingHead};
pub use refuse::{Refuse, Twin};
pub use resume::{Begin, Confirm, Resume};
pub use row::{Place, Row, RowHead, Said};
pub use seat::{Join, Seat};
pub use stop::{Done, Stop, StopAck};
#[cfg(test)]
pub(crate) mod tests;
