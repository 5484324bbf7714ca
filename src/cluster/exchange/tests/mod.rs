mod asking;
mod hosts;
mod judging;
mod losing;
mod mending;
mod taking;
mod telling;
mod world;
