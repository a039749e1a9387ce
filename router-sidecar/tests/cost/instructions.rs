//! Instructions per request, counted by callgrind on the program as the tests have it: not optimised, so that
//! nothing is built for this alone. `make bench` counts them on the release build.

use flotilla_bench::gateway::Starter;
use flotilla_bench::instructions::{Count, available, per_request};
use flotilla_bench::measure::Bench;
use flotilla_bench::traffic::{Answer, Pace};
use std::path::Path;

async fn check(answer: Answer, body_bytes: usize, at_most: u64) {
    assert!(
        available(),
        "NOT CHECKED: instructions per request are counted by callgrind, and valgrind is not installed. \
         Install it (apt-get install valgrind; make test does that as root on Debian) and run this test again."
    );
    let folder = tempfile::tempdir().unwrap();
    let router = Path::new(env!("CARGO_BIN_EXE_flotilla-router"));
    let starter = Starter { folder: folder.path(), router, cores: None };
    let bench = Bench::start(1).await.unwrap();
    let counted = Count { runs: [3, 18], ..Count::new("test", answer, body_bytes) };
    let count = per_request(&starter, &bench, counted).await.unwrap();
    println!("{count} instructions for {answer:?} and a body of {body_bytes} bytes");
    assert!(count > 0 && count <= at_most, "{count} instructions a request, {at_most} are accepted");
}

/// 648,000 when this was measured last, 12,000 of them for the two budgets of the policy.
#[tokio::test]
async fn an_answer_in_one_piece() {
    check(Answer::Json, 300, 676_000).await;
}

/// 6,918,000 when this was measured last.
#[tokio::test]
async fn a_long_prompt() {
    check(Answer::Json, 200_000, 7_220_000).await;
}

/// 2,337,000 when this was measured last, give or take 6,000: every event comes by itself, the most that there is to do.
/// (1,670,000 to 1,920,000 when events were written a millisecond apart, so that how many came together, and what was
/// counted, hung on what else the machine did.)
#[tokio::test]
async fn a_stream() {
    check(Answer::Stream { events: 20, pace: Pace::Seen }, 300, 2_390_000).await;
}
