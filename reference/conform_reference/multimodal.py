"""Image, text and action in one model: contrastive pairs, prompts, fusion, robot actions."""

from conform_reference._actions import (
    action_detokenize,
    action_tokenize,
    constrained_probabilities,
)
from conform_reference._clip import clip_class_embeddings, clip_logits, clip_loss, clip_zero_shot
from conform_reference._fusion import (
    fused_self_attention,
    gated_cross_attention,
    gated_feed_forward,
    interleave_embeddings,
    media_mask,
    perceiver_resampler,
    spatial_cross_attention,
)
from conform_reference._prompts import (
    cocoop_parameters,
    cocoop_prompts,
    coop_parameters,
    coop_prompts,
    deep_prompt_encoder,
    maple_coupling,
    maple_parameters,
)

__all__ = [
    "action_detokenize",
    "action_tokenize",
    "clip_class_embeddings",
    "clip_logits",
    "clip_loss",
    "clip_zero_shot",
    "cocoop_parameters",
    "cocoop_prompts",
    "constrained_probabilities",
    "coop_parameters",
    "coop_prompts",
    "deep_prompt_encoder",
    "fused_self_attention",
    "gated_cross_attention",
    "gated_feed_forward",
    "interleave_embeddings",
    "maple_coupling",
    "maple_parameters",
    "media_mask",
    "perceiver_resampler",
    "spatial_cross_attention",
]
