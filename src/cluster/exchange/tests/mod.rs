mod asking;
mod hosts;
mod judging;
mod losing;
mod taking;
mod telling;
mod world;
