//! How far the sizing may be trusted: its estimates beside what others measured.
//!
//! `make bench-sizing` prints a table; `-- --rows` prints every row. Each module reads one fixture and says which
//! view of memory it has; its tests assert the goals of docs/sizing.md.

#![allow(clippy::expect_used, clippy::panic, reason = "it reads its own fixtures: a broken one must stop it")]

mod accuracy;
mod fixtures;
mod llama_cpp;
mod torch;
mod vllm;

use accuracy::{Row, table};

fn main() {
    let rows: Vec<Row> = [llama_cpp::rows(), torch::rows(), vllm::rows()].concat();
    print!("{}", table(&rows));
    if std::env::args().any(|argument| argument == "--rows") {
        for row in &rows {
            println!("{row}");
        }
    }
    for (row, reason) in vllm::left_out() {
        println!("left out: {row}: {reason}");
    }
}
