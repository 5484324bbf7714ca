mod asking;
mod losing;
mod taking;
mod telling;
mod world;
