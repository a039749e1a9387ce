//! How far the sizing may be trusted: its estimates beside what others measured.
//!
//! `make bench-sizing` prints a table; `-- --rows` prints every row. Each module reads one fixture and says which
//! view of memory it has; its tests assert the goals of docs/sizing.md.

#![allow(clippy::expect_used, clippy::panic, reason = "it reads its own fixtures: a broken one must stop it")]

mod accuracy;
mod fixtures;
mod held_out;
mod llama_cpp;
mod sglang;
mod shapes;
mod torch;
mod vllm;

use accuracy::{Row, goals, table};
use held_out::Estimates;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, models, rows] = &arguments[..]
        && flag == "--predict"
    {
        let read = |path: &String| std::fs::read_to_string(path).expect("a table");
        print!("{}", held_out::predictions(&read(models), &read(rows)));
        return;
    }
    let rows: Vec<Row> = [
        llama_cpp::rows(),
        held_out::rows(held_out::SEEN, Estimates::Today),
        held_out::rows(held_out::HELD_OUT, Estimates::Predicted),
        torch::rows(),
        vllm::rows(),
        sglang::rows(),
    ]
    .concat();
    println!("{}", table(&rows));
    print!("{}", goals(&rows));
    if arguments.iter().any(|argument| argument == "--rows") {
        for row in &rows {
            println!("{row}");
        }
    }
    for (row, reason) in vllm::left_out() {
        println!("left out: {row}: {reason}");
    }
}
