mod telling;
mod world;
