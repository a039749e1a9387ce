//! The shape that a spec describes, as the estimator takes it.

use super::need::NeedError;
use crate::decide::sizing::{
    self, Architecture, Attention, Experts, Family, FeedForward, Layers, Recurrent, RecurrentKind, Sliding,
};
use flotilla_crds::model_deployment::{
    Architecture as Given, MemoryBasis, ModelFamily, ModelSpec, Recurrent as GivenRecurrent,
    RecurrentKind as GivenKind, SlidingWindow,
};

/// What `spec.model` says of the shape, and which field says it.
pub fn of_spec(model: &ModelSpec) -> Result<Option<(Architecture, MemoryBasis)>, NeedError> {
    Ok(match (&model.architecture, &model.preset) {
        (Some(given), _) => Some((from_spec(given), MemoryBasis::Architecture)),
        (None, Some(name)) => Some((sizing::preset(name)?.architecture.clone(), MemoryBasis::Preset)),
        (None, None) => None,
    })
}

fn from_spec(given: &Given) -> Architecture {
    Architecture {
        family: family(given.family),
        layers: given.layers,
        hidden: given.hidden_size,
        vocab: given.vocab_size,
        attention: attention(given),
        sliding: given.sliding_window.map(sliding),
        recurrent: given.recurrent.map(recurrent),
        feed_forward: FeedForward {
            size: given.feed_forward_size,
            experts: given.experts.map(|experts| Experts {
                count: experts.count,
                used: experts.used,
                size: experts.size,
                shared_size: experts.shared_size.unwrap_or(0),
                dense_layers: experts.dense_layers.unwrap_or(0),
                every: experts.every.unwrap_or(1),
            }),
        },
        tied_embeddings: given.tied_embeddings,
        context_window: given.context_window.unwrap_or(u32::MAX),
        vision: None,
    }
}

const fn family(given: ModelFamily) -> Family {
    match given {
        ModelFamily::Llama => Family::Llama,
        ModelFamily::Qwen2 => Family::Qwen2,
        ModelFamily::Qwen3 => Family::Qwen3,
        ModelFamily::Qwen3Next => Family::Qwen3Next,
        ModelFamily::Phi3 => Family::Phi3,
        ModelFamily::Gemma2 => Family::Gemma2,
        ModelFamily::Gemma3 => Family::Gemma3,
        ModelFamily::GptOss => Family::GptOss,
        ModelFamily::DeepSeek2 => Family::DeepSeek2,
        ModelFamily::Granite => Family::Granite,
        ModelFamily::GraniteHybrid => Family::GraniteHybrid,
        ModelFamily::FalconH1 => Family::FalconH1,
        ModelFamily::Jamba => Family::Jamba,
        ModelFamily::Plain => Family::Plain,
    }
}

fn attention(given: &Given) -> Attention {
    let heads = given.heads;
    match given.latent_attention {
        Some(latent) => Attention::Latent {
            heads,
            query_rank: latent.query_rank,
            kv_rank: latent.kv_rank,
            nope_dim: latent.nope_dim,
            rope_dim: latent.rope_dim,
            value_dim: latent.value_dim,
        },
        None => Attention::Grouped {
            heads,
            kv_heads: given.kv_heads,
            head_dim: given.head_dim.unwrap_or_else(|| given.hidden_size / heads.max(1)),
        },
    }
}

fn sliding(given: SlidingWindow) -> Sliding {
    Sliding { window: given.tokens, layers: all_but(given.full_every, given.full_offset) }
}

/// All layers but one of each `period`, the last unless told.
fn all_but(period: Option<u32>, offset: Option<u32>) -> Layers {
    period.map_or(Layers::All, |period| Layers::EveryExcept {
        period,
        offset: offset.unwrap_or_else(|| period.saturating_sub(1)),
    })
}

fn recurrent(given: GivenRecurrent) -> Recurrent {
    let GivenRecurrent { inner_size: inner, state_size: state, heads, .. } = given;
    let (conv, groups) = (given.convolution.unwrap_or(4), given.groups.unwrap_or(1));
    let kind = match given.kind {
        GivenKind::Mamba => RecurrentKind::Mamba { inner, state, conv, dt_rank: heads },
        GivenKind::Mamba2 => RecurrentKind::Mamba2 { inner, state, conv, groups, heads },
        GivenKind::GatedDelta => RecurrentKind::GatedDelta {
            key_heads: groups,
            value_heads: heads,
            key_dim: state,
            value_dim: inner / heads.max(1),
            conv,
        },
    };
    Recurrent { kind, layers: all_but(given.attention_every, given.attention_offset) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shape(changes: &Value) -> Architecture {
        let mut given = json!({"family": "Plain", "layers": 4, "hiddenSize": 256, "feedForwardSize": 512,
            "heads": 4, "kvHeads": 2, "vocabSize": 1000});
        given.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        from_spec(&serde_json::from_value(given).unwrap())
    }

    #[test]
    fn the_full_layers_of_a_sliding_window_are_the_last_of_each_period_unless_told() {
        let full = |window: Value| {
            let shape = shape(&json!({"slidingWindow": window}));
            (0..6).filter(|layer| shape.window(*layer).is_none()).collect::<Vec<_>>()
        };
        assert_eq!(full(json!({"tokens": 128})), [0_u32; 0]);
        assert_eq!(full(json!({"tokens": 128, "fullEvery": 3})), [2, 5]);
        assert_eq!(full(json!({"tokens": 128, "fullEvery": 3, "fullOffset": 0})), [0, 3]);
    }

    #[test]
    fn recurrent_layers_are_taken_over_by_kind() {
        let of = |recurrent: Value| shape(&json!({"recurrent": recurrent}));
        let granite = of(json!({"kind": "Mamba2", "innerSize": 512, "stateSize": 64, "heads": 8,
            "attentionEvery": 4, "attentionOffset": 1}));
        let kind = RecurrentKind::Mamba2 { inner: 512, state: 64, conv: 4, groups: 1, heads: 8 };
        assert_eq!(granite.recurrent.as_ref().unwrap().kind, kind);
        assert_eq!((0..4).map(|layer| granite.recurs(layer)).collect::<Vec<_>>(), [true, false, true, true]);
        let delta =
            of(json!({"kind": "GatedDelta", "innerSize": 512, "stateSize": 64, "heads": 8, "groups": 2}));
        let kind =
            RecurrentKind::GatedDelta { key_heads: 2, value_heads: 8, key_dim: 64, value_dim: 64, conv: 4 };
        assert_eq!(delta.recurrent, Some(Recurrent { kind, layers: Layers::All }));
    }

    #[test]
    fn experts_and_latent_attention_are_taken_over() {
        let mixture = shape(&json!({"feedForwardSize": 0, "contextWindow": 4096,
            "experts": {"count": 8, "used": 2, "size": 512, "denseLayers": 1}}));
        let experts = Experts { count: 8, used: 2, size: 512, shared_size: 0, dense_layers: 1, every: 1 };
        assert_eq!(mixture.feed_forward, FeedForward { size: 0, experts: Some(experts) });
        assert_eq!(mixture.context_window, 4096);
        let latent = json!({"kvRank": 64, "nopeDim": 64, "ropeDim": 32, "valueDim": 48});
        assert_eq!(
            shape(&json!({"latentAttention": latent})).attention,
            Attention::Latent {
                heads: 4,
                query_rank: None,
                kv_rank: 64,
                nope_dim: 64,
                rope_dim: 32,
                value_dim: 48
            }
        );
    }
}
