//! The size of a vision tower, from its config.

use super::fields::Fields;
use super::{ConfigError, Note};
use crate::decide::sizing::Vision;

/// A kind of tower: one line each.
struct Tower {
    model_type: &'static str,
    /// Matrices of a layer's feed-forward part: 2, or 3 with a gate.
    feed_forward: u64,
    /// Whether positions are learned.
    positions: bool,
    /// Patches that the projector joins to one token, along each side.
    merge: u64,
    /// Matrices of the projector after the joining one: text width to text width.
    projections: u64,
}

#[rustfmt::skip]
const TOWERS: &[Tower] = &[
    Tower { model_type: "siglip_vision_model", feed_forward: 2, positions: true, merge: 1, projections: 0 },
    Tower { model_type: "clip_vision_model", feed_forward: 2, positions: true, merge: 1, projections: 1 },
    Tower { model_type: "pixtral", feed_forward: 3, positions: false, merge: 1, projections: 1 },
    Tower { model_type: "qwen2_5_vl", feed_forward: 3, positions: false, merge: 2, projections: 0 },
];

/// What an unknown tower is taken for: the largest of the kinds.
const LARGEST: Tower = Tower { model_type: "", feed_forward: 3, positions: true, merge: 2, projections: 1 };

/// Parameters of the tower and its projector. Biases and norms are counted as one vector of the widest size
/// for each matrix, which is more than they are and less than 0.1 % of the whole.
pub(super) fn vision(
    top: Fields<'_>,
    text_width: u32,
    notes: &mut Vec<Note>,
) -> Result<Option<Vision>, ConfigError> {
    let Some(fields) = top.object("vision_config")? else { return Ok(None) };
    let model_type = fields.text("model_type")?.unwrap_or_default();
    let tower = TOWERS.iter().find(|tower| tower.model_type == model_type).unwrap_or(&LARGEST);
    let size = |names: &[&'static str]| Ok::<_, ConfigError>(fields.first_number(names)?.map(u64::from));
    let (Some(width), Some(layers), Some(inner)) =
        (size(&["hidden_size"])?, size(&["num_hidden_layers", "depth"])?, size(&["intermediate_size"])?)
    else {
        notes.push(Note::VisionUnknown);
        return Ok(None);
    };
    let patch = size(&["patch_size"])?.unwrap_or(14);
    let side = size(&["image_size"])?.unwrap_or(0) / patch.max(1);
    let text = u64::from(text_width);
    let sum = [
        product(&[layers, 4, width, width + 1]),
        product(&[layers, tower.feed_forward, inner, width + 1]),
        product(&[3, patch, patch, width]),
        if tower.positions { product(&[side, side, width]) } else { 0 },
        // Pixtral and Qwen join patches in the projector: a matrix over all that are joined.
        joining(&fields, tower, width, text)?,
        product(&[tower.projections, text, text]),
    ]
    .into_iter()
    .fold(0_u64, u64::saturating_add);
    Ok(Some(Vision { parameters: sum }))
}

/// The matrices that take joined patches to the text model's width.
fn joining(fields: &Fields<'_>, tower: &Tower, width: u64, text: u64) -> Result<u64, ConfigError> {
    let merge = fields.first_number(&["spatial_merge_size"])?.map_or(tower.merge, u64::from);
    let joined = product(&[merge, merge, width]);
    Ok(match merge {
        0 | 1 => product(&[width, text]),
        _ => product(&[joined, joined]).saturating_add(product(&[joined, text])),
    })
}

fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |product, factor| product.saturating_mul(*factor))
}
