//! How several HMSs are one: who is senior, which time line gives way, who is reached and leads (spec chapter 10).
//!
//! [`Facts`] are what admins decided and every HMS of the cluster knows.
//! What is here so far judges: it is asked by numbers and answers by numbers, keeps no links and sends nothing.

mod facts;
mod invitations;
mod lines;
mod reach;
mod seat;
mod twin;

pub use facts::{Decision, FactKey, Facts, Merged, NotMade, Taken, new_stamp};
pub use invitations::Invitations;
pub use lines::{Claim, LeftLines, Line, Side, gives_way};
pub use reach::{Health, Reach, Reached, Way, health};
pub use seat::{Seat, Standing};
pub use twin::has_to_go;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
