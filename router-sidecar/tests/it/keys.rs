//! What happens when a target does not take the policy's key.

use crate::rig::{Rig, ask, external, provider};

#[tokio::test]
async fn a_key_that_is_not_accepted_shows_as_the_policys_fault_without_the_key() {
    let (first, second) = (provider().await, provider().await);
    let policy = format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second]}}",
        external("first", &first),
        external("second", &second)
    );
    let rig = Rig::start(&policy.replacen("sk-provider-key-4711", "sk-wrong-key-0815", 1)).await;
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_auth"));
    assert!(!format!("{reply:?}").contains("0815"));
    assert_eq!((first.seen().unauthorized, second.seen().requests), (1, 0));
    // A policy may ask for the next target instead.
    let asks = format!("{policy}\nretries: {{onAuth: true}}");
    let rig = Rig::start(&asks.replacen("sk-provider-key-4711", "sk-wrong-key-0815", 1)).await;
    assert_eq!(rig.chat(ask("hi", false)).await.backend(), "second");
}

#[tokio::test]
async fn who_does_not_take_the_key_is_left_alone_where_that_leads_elsewhere() {
    // Whether it has a wrong key, or none.
    for credentials in [", credentials: {apiKey: sk-wrong-key-0815}", ""] {
        let (first, second) = (provider().await, provider().await);
        let right = format!(", credentials: {{apiKey: {}}}", crate::rig::KEY);
        let policy = format!(
            "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second]}}\n",
            external("first", &first).replacen(&right, credentials, 1),
            external("second", &second)
        );
        let rig = Rig::start(&format!(
            "{policy}retries: {{onAuth: true, minPerSecond: 0}}\nejection: {{baseMs: 60000}}"
        ))
        .await;
        for count in 0..40 {
            let reply = rig.chat(ask("hi", false)).await;
            if count < 5 && reply.status != 200 {
                // There is no budget for another attempt yet.
                assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_auth"));
                continue;
            }
            assert_eq!((reply.status.as_u16(), reply.backend()), (200, "second"), "{credentials} {count}");
        }
        assert_eq!(first.seen().unauthorized, 5, "{credentials}");
        assert!(
            rig.metrics().await.contains(r#"ejections_total{backend="first",policy="team/assistant"} 1"#)
        );
        // Where it leads nowhere, it shows for ever.
        let rig = Rig::start(&policy).await;
        let expected = if credentials.is_empty() { 401 } else { 502 };
        for _ in 0..10 {
            assert_eq!(rig.chat(ask("hi", false)).await.status.as_u16(), expected, "{credentials}");
        }
        assert!(!rig.metrics().await.contains("ejections_total{"));
    }
}
