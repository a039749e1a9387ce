//! Whole passes: objects, pods and reports in, the board out.

mod bench;
mod costs;
mod decisions;
mod edits;
mod gpus;
mod outside;
mod rest;
mod variants;
