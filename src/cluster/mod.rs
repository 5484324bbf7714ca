//! How several HMSs are one: who is senior, which time line gives way, who is reached and leads (spec chapter 10).
//!
//! [`exchange`] makes one table of those of all. [`Cluster`] is the machine: it keeps what the links tell, and says what is to be sent. `lines`, `reach`, `seat` and
//! `twin` judge: they are asked by numbers and answer by numbers.

mod action;
mod allowance;
mod complaints;
mod dial;
pub mod exchange;
mod facts;
mod flood;
mod guests;
mod hear;
mod invitations;
mod joining;
mod judge;
mod kin;
mod lines;
mod machine;
mod neighbour;
mod own;
mod pending;
mod phase;
mod reach;
mod refusal;
mod say;
mod seat;
mod settings;
mod stop;
mod twin;
mod view;
mod ways;

pub use action::{Action, Setup};
pub use dial::no_key;
pub use facts::{Decision, FactKey, Facts, Merged, NotMade, Taken, new_stamp};
pub use guests::{TooManyInvitations, admission};
pub use hear::Heard;
pub use invitations::Invitations;
pub use joining::{Admitted, JoinAction, JoinError, JoinSetup, Joining, MayJoin, may_join};
pub use lines::{Claim, LeftLines, Line, Side, gives_way};
pub use machine::Cluster;
pub use pending::{DecisionId, Waiting};
pub use reach::{Health, Reach, Reached, Way, health};
pub use refusal::Refusal;
pub use seat::{Seat, Standing};
pub use twin::has_to_go;
pub use view::{PeerState, PeerView, Status};
pub use ways::Ends;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
