//! Whatever goes wrong and however often, a file is served whole and right, or not at all.

use crate::rig::{self, Rig};
use flotilla_fake_hub::{Contents, Fault, Options as HubOptions, Script};
use proptest::prelude::*;

/// Of a file with a few pieces: many of them are fetched here.
const SIZE: usize = 200_000;
/// Starts of the fetcher, as the kubelet would make them.
const STARTS: usize = 4;

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::None),
        2 => prop_oneof![Just(500_u16), Just(503)].prop_map(Fault::Status),
        6 => (0..SIZE as u64 + 10).prop_map(Fault::CutAfter),
        2 => Just(Fault::WrongBytes),
        1 => prop_oneof![Just(401_u16), Just(404)].prop_map(Fault::Status),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_file_is_there_whole_or_not_at_all(
        faults in proptest::collection::vec(fault(), 0..12),
        no_ranges in any::<bool>(),
        pushed in proptest::option::of(1..STARTS),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (first, second) = (rig::bytes(1, SIZE), rig::bytes(2, SIZE));
            let rig = Rig::new(HubOptions::default(), Contents::default().with("m.gguf", first.clone())).await;
            rig.hub.script(Script { faults: faults.into(), no_ranges, ..Script::default() });
            for start in 0..STARTS {
                if pushed == Some(start) {
                    rig.hub.set_contents(Contents::default().with("m.gguf", second.clone()));
                }
                let ended = rig.fetch_model().await;
                let found = std::fs::read(rig.file("m.gguf")).ok();
                match ended {
                    Ok(_) => {
                        let found = found.unwrap();
                        prop_assert!(found == first || found == second, "{} bytes of neither version", found.len());
                    }
                    Err(error) => prop_assert!(found.is_none(), "served after {error}"),
                }
            }
            rig.faults(&[]);
            prop_assert!(rig.fetch_model().await.is_ok());
            Ok(())
        })?;
    }
}
