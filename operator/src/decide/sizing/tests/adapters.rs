//! Adapters: their own memory, and what a pass needs where one is in use.

use super::super::{Adapter, Bytes, Quantization, Request, estimate, preset};

#[test]
fn adapters_take_their_values_and_room_for_one_more_output() {
    let architecture = &preset("llama-3.2-3b").unwrap().architecture;
    let with = |adapters| {
        let request = Request { adapters, ..Request::new(architecture, Quantization::Q4_K_M, 4096) };
        estimate(&request).unwrap()
    };
    let (plain, half) = (with(&[]), with(&[Adapter::Rank(16)]));
    // 28 layers: queries and outputs 3072 to 3072, keys and values 3072 to 1024, three of 3072 and 8192.
    let values = 28 * 16 * (2 * 6144 + 2 * 4096 + 3 * 11_264);
    assert_eq!((plain.adapters, half.adapters), (Bytes::default(), Bytes::new(2 * values)));
    assert_eq!(with(&[Adapter::Wide(16)]).adapters, Bytes::new(4 * values));
    assert_eq!(with(&[Adapter::Rank(16), Adapter::Wide(8)]).adapters, Bytes::new(4 * values));
    // 512 tokens of the widest output and of the largest rank, whose number does not matter.
    let more = |adapters| with(adapters).compute.get() - plain.compute.get();
    assert_eq!(more(&[Adapter::Rank(16)]), 512 * 4 * (8192 + 16));
    assert_eq!(more(&[Adapter::Rank(16), Adapter::Rank(64)]), 512 * 4 * (8192 + 64));
}
