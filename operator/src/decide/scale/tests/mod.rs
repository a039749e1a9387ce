//! What a decision does, case by case and for any input.

mod properties;
mod table;
mod time;
mod variants;
mod world;
