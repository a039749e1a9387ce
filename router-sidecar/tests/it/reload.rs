//! Configs that change under load.

use crate::rig::{Rig, ask, config, engine, eventually, external, fleet, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use flotilla_router::source::file::ConfigFile;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[tokio::test]
async fn a_file_that_changes_under_load_loses_no_request() {
    let (one, two) = (engine().await, engine().await);
    let to = |name: &str| {
        config(&format!(
            "backends:\n{}\n{}\ndefault: {{backends: [{{name: {name}}}]}}",
            fleet("one", &[one.address]),
            fleet("two", &[two.address])
        ))
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.yaml");
    std::fs::write(&path, to("one")).unwrap();
    let rig = Arc::new(Rig::bare(flotilla_router::serve::Limits::default()).await);
    let mut file = ConfigFile::new(path.clone());
    file.refresh(&rig.router.store).unwrap().unwrap();

    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|n| {
            let (rig, stop, answered) = (Arc::clone(&rig), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(rig.chat(ask("hi", n % 2 == 0)).await.status, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..100 {
        // Lengths differ, so that a clock of coarse file times does not hide a change.
        let text = format!("{}{}", to(if round % 2 == 0 { "two" } else { "one" }), "#".repeat(round));
        std::fs::write(&path, text).unwrap();
        let before = answered.load(Ordering::Relaxed);
        file.refresh(&rig.router.store).unwrap().unwrap();
        crate::rig::eventually("requests go on", || answered.load(Ordering::Relaxed) > before).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let (sent, one, two) = (answered.load(Ordering::Relaxed), one.seen(), two.seen());
    assert_eq!(one.requests + two.requests, sent);
    assert!(one.requests > 0 && two.requests > 0);
    assert_eq!(rig.usage("one").requests + rig.usage("two").requests, sent);
}

#[tokio::test]
async fn a_file_that_turns_bad_keeps_the_last_good_config_and_says_why_once() {
    let api = provider().await;
    let good =
        config(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.yaml");
    std::fs::write(&path, &good).unwrap();
    let rig = Rig::bare(flotilla_router::serve::Limits::default()).await;
    let mut file = ConfigFile::new(path.clone());
    file.refresh(&rig.router.store).unwrap().unwrap();

    for (bad, why) in [
        (good.replace("name: api}", "name: other}"), "there is no backend named \"other\""),
        ("not: [a config".to_owned(), "cannot be read"),
        (good.replace("v1alpha1", "v9"), "this router reads only"),
    ] {
        std::fs::write(&path, bad).unwrap();
        let error = file.refresh(&rig.router.store).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains(crate::rig::KEY), "{error}");
        assert!(file.refresh(&rig.router.store).unwrap().is_none(), "the same mistake twice");
        assert_eq!(rig.chat(ask("hi", false)).await.status, 200);
    }
    std::fs::write(&path, format!("{good}# mended\n")).unwrap();
    assert!(file.refresh(&rig.router.store).unwrap().is_some());
}

#[tokio::test]
async fn a_key_file_that_changes_is_read_again() {
    let api = provider().await;
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = (folder.path().join("router.yaml"), folder.path().join("key"));
    let credentials = format!("{{file: '{}'}}", key.display());
    let inline = format!("{{apiKey: {}}}", crate::rig::KEY);
    let backend = external("api", &api).replace(&inline, &credentials);
    std::fs::write(&path, config(&format!("backends:\n{backend}\ndefault: {{backends: [{{name: api}}]}}")))
        .unwrap();
    std::fs::write(&key, "sk-old").unwrap();
    let rig = Rig::bare(flotilla_router::serve::Limits::default()).await;
    let mut file = ConfigFile::new(path);
    file.refresh(&rig.router.store).unwrap().unwrap();
    assert_eq!(rig.chat(ask("hi", false)).await.code(), "upstream_auth");
    std::fs::write(&key, format!("{}\n", crate::rig::KEY)).unwrap();
    file.refresh(&rig.router.store).unwrap().unwrap();
    assert_eq!(rig.chat(ask("hi", false)).await.status, 200);
}

#[tokio::test]
async fn what_a_swap_removes_leaves_the_metrics_and_what_stays_keeps_counting() {
    let api = provider().await;
    let rig =
        Rig::start(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)))
            .await;
    rig.chat(ask("hi", false)).await;
    let backends = format!("{}\n{}", external("api", &api), external("more", &api));
    rig.apply(&format!("backends:\n{backends}\ndefault: {{backends: [{{name: api}}]}}"));
    assert_eq!(rig.usage("api").requests, 1);
    let metrics = || async { String::from_utf8(rig.get("/metrics").await.body.to_vec()).unwrap() };
    assert!(metrics().await.contains("backend=\"more\""));
    rig.apply(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)));
    assert!(!metrics().await.contains("backend=\"more\""));
    assert_eq!(rig.usage("api").requests, 1);
}

#[tokio::test]
async fn what_fails_at_a_backend_that_is_no_more_does_not_bring_its_metrics_back() {
    let (old, new) = (engine().await, engine().await);
    let policy = |name: &str, pod: &Provider| {
        let backend = fleet(name, &[pod.address]);
        format!(
            "backends:\n{backend}\ndefault: {{backends: [{{name: {name}}}]}}\ntimeouts: {{firstTokenMs: 500}}"
        )
    };
    let rig = Rig::start(&policy("old", &old)).await;
    old.script(Script { faults: [Fault::Stall].into(), repeat: true, ..Script::default() });
    let change = async {
        eventually("the request is under way", || old.seen().requests == 1).await;
        rig.apply(&policy("new", &new));
        assert!(!rig.metrics().await.contains(r#"backend="old""#));
    };
    let (reply, ()) = tokio::join!(rig.chat(ask("hi", true)), change);
    assert_eq!(reply.code(), "upstream_timeout");
    let metrics = rig.metrics().await;
    assert!(!metrics.contains(r#"backend="old""#) && metrics.contains(r#"backend="new""#), "{metrics}");
}

/// Each config has its own model name, backend and pod: a request that saw parts of two would be refused by the pod.
#[tokio::test]
async fn ten_thousand_swaps_under_load_lose_nothing_and_mix_nothing() {
    use flotilla_e2e::provider::{Options, Provider};
    let pod = |model: &str| {
        let options = Options { key: None, model: model.to_owned() };
        Provider::start(([127, 0, 0, 1], 0).into(), options)
    };
    let pods = [pod("a").await.unwrap(), pod("b").await.unwrap()];
    let configs = ["a", "b"].map(|name| {
        let address = pods[usize::from(name == "b")].address;
        let backend =
            format!("- {{name: {name}, fleet: {{model: {name}, endpoints: [{{address: '{address}'}}]}}}}");
        let text = config(&format!("backends:\n{backend}\ndefault: {{backends: [{{name: {name}}}]}}"));
        flotilla_router::source::file::parse(&text).unwrap()
    });
    let rig = Arc::new(Rig::bare(flotilla_router::serve::Limits::default()).await);
    rig.router.store.apply(&configs[0]).unwrap();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|n| {
            let (rig, stop, answered) = (Arc::clone(&rig), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let reply = rig.chat(ask("hi", n % 2 == 0)).await;
                    assert_eq!(reply.status, 200, "{:?}", reply.body);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..10_000 {
        rig.router.store.apply(&configs[round % 2]).unwrap();
        // Requests get their turn between swaps.
        tokio::task::yield_now().await;
    }
    let before = answered.load(Ordering::Relaxed);
    crate::rig::eventually("requests go on", || answered.load(Ordering::Relaxed) > before).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let served: u64 = pods.iter().map(|pod| pod.seen().requests).sum();
    assert_eq!(served, answered.load(Ordering::Relaxed));
    assert!(pods.iter().all(|pod| pod.seen().requests > 0));
}
