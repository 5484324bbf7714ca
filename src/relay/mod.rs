//! A bad network, by the seed: loses, repeats, holds back, delays, corrupts, translates addresses, cuts, is slow or
//! narrow, as options or a script say.
//!
//! [`Link`] and [`Nat`] are the faults themselves, without I/O; the simulator's network is made of them too.
//! [`Relay`] is a whole relay as a machine, and [`run`] drives it with sockets.

mod bottleneck;
mod cut;
mod link;
mod machine;
mod nat;
pub mod run;
mod script;
mod setting;
mod tally;

pub use cut::{Cut, CutError, Way};
pub use link::{Chance, Copies, Delivery, Faults, Link};
pub use machine::{Event, Out, Relay, Setup};
pub use nat::{Nat, NatTally, Port};
pub use script::{Script, ScriptError, Step};
pub use setting::{Setting, SettingError, Settings, span};
pub use tally::{LinkTally, Tally};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
