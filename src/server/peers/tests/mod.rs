//! Several servers in virtual time, joined by a net that delays and cuts.

mod facts;
mod hint;
mod hostile;
mod hosts;
mod meeting;
mod replicated;
mod stop;
mod table;
mod world;
