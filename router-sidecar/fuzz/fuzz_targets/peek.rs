//! Any body is refused or understood; one that is understood, spliced and read again says what was put in.

#![no_main]

use bytes::Bytes;
use flotilla_router::request::{Spliced, peek, splice};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let Ok(seen) = peek(body) else { return };
    assert_eq!(serde_json::from_slice::<String>(&body[seen.model_at.clone()]).unwrap(), seen.model);
    let body = Bytes::copy_from_slice(body);
    let spliced = splice(&body, seen.model_at.clone(), Bytes::from_static(b"\"other\""), seen.usage_edit.as_ref());
    let sent = whole(spliced);
    let again = peek(&sent).unwrap();
    assert_eq!((again.model.as_str(), again.stream), ("other", seen.stream));
    assert!(again.usage_edit.is_none(), "asked for usage, and again");
    // Everything else is as it was.
    let (Ok(mut before), Ok(mut after)) = (read(&body), read(&sent)) else { return };
    for value in [&mut before, &mut after] {
        value["model"] = Value::Null;
        value["stream_options"] = Value::Null;
    }
    assert_eq!(before, after);
});

fn read(body: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(body)
}

fn whole(body: Spliced) -> Bytes {
    // A body in memory is ready at once.
    let mut collect = std::pin::pin!(body.collect());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match collect.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Ok(collected)) => collected.to_bytes(),
        _ => unreachable!("a spliced body is in memory"),
    }
}
