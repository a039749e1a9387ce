//! The shape that a spec describes, as the estimator takes it.

use super::need::NeedError;
use crate::decide::sizing::{self, Architecture, Attention, Experts, Family, FeedForward, Layers, Sliding};
use flotilla_crds::model_deployment::{
    Architecture as Given, MemoryBasis, ModelFamily, ModelSpec, SlidingWindow,
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
        recurrent: None,
        feed_forward: FeedForward {
            size: given.feed_forward_size,
            experts: given.experts.map(|experts| Experts {
                count: experts.count,
                used: experts.used,
                size: experts.size,
                shared_size: experts.shared_size.unwrap_or(0),
                dense_layers: experts.dense_layers.unwrap_or(0),
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
        ModelFamily::Phi3 => Family::Phi3,
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
    let layers = given.full_every.map_or(Layers::All, |period| Layers::EveryExcept {
        period,
        offset: given.full_offset.unwrap_or_else(|| period.saturating_sub(1)),
    });
    Sliding { window: given.tokens, layers }
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
    fn experts_and_latent_attention_are_taken_over() {
        let mixture = shape(&json!({"feedForwardSize": 0, "contextWindow": 4096,
            "experts": {"count": 8, "used": 2, "size": 512, "denseLayers": 1}}));
        let experts = Experts { count: 8, used: 2, size: 512, shared_size: 0, dense_layers: 1 };
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
