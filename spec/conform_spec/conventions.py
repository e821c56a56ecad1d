"""Conventions on which respectable libraries differ.

`CONVENTIONS`: the values of each, the default first. `APPLIES`: the operators that each concerns
(compute_dtype concerns every one).
"""

from __future__ import annotations

CONVENTIONS: dict[str, tuple[str, ...]] = {
    "causal": ("bottom_right", "top_left"),
    "masked_rows": ("zero", "nan", "mean_of_values", "any"),
    "mask": ("attend", "ignore"),
    "heads": ("consecutive", "tiled"),
    "window": ("counts_self", "excludes_self"),
    "window_padding": ("hidden", "attended"),
    "rope_pairing": ("half", "interleaved"),
    "rope_output": ("same", "deinterleaved"),
    "norm_weight": ("plain", "one_plus"),
    "lse_base": ("e", "2"),
    "normaliser_eps": ("none", "1e-6", "1e-10", "1e-6 on keys"),
    "alibi_form": ("distance", "key_position", "key_from_end"),
    "sinusoid_divisor": ("half", "half_minus_one"),
    "capacity_counts": ("tokens", "assignments"),
    "compute_dtype": ("input", "float32"),
    "gelu": ("exact", "tanh"),
    "all_ignored_loss": ("nan", "zero"),
    "sinusoid_layout": ("interleaved", "concatenated"),
    "capacity_rounding": ("ceil", "floor"),
    "routing_order": ("choice_major", "token_major"),
    "renormalize": ("false", "true"),
    "lora_scaling": ("alpha_over_r", "alpha_over_sqrt_r"),
    "dora_norm": ("per_output", "per_input"),
    "dora_gradient": ("either", "exact", "detached"),
    "dora_norm_eps": ("none", "1.2e-7"),
}

_ATTENTION = frozenset(
    {"attention", "attention_weights", "attention_with_lse", "attention_varlen",
     "multi_head_attention", "flash_attention"}
)  # fmt: skip
_WINDOWED = frozenset({"attention", "attention_weights", "attention_with_lse", "attention_varlen"})
_MASKED = frozenset({"attention", "attention_weights", "attention_with_lse"})
_BAND_MASKS = frozenset({"sliding_window_mask", "sink_window_mask"})
_DORA = frozenset({"dora_linear", "dora_merge"})

APPLIES: dict[str, frozenset[str]] = {
    "causal": _ATTENTION | _BAND_MASKS | {"causal_mask", "alibi_bias"},
    "masked_rows": _ATTENTION | {"block_sparse_attention", "decode_attention"},
    "mask": _MASKED | {"block_sparse_attention"},
    "heads": _ATTENTION | {"block_sparse_attention", "decode_attention", "mha_to_gqa"},
    "window": _WINDOWED | _BAND_MASKS,
    "window_padding": frozenset({"shifted_window_attention"}),
    "rope_pairing": frozenset({"rope"}),
    "rope_output": frozenset({"rope"}),
    "norm_weight": frozenset({"rms_norm"}),
    "lse_base": frozenset({"attention_with_lse", "attention_merge"}),
    "normaliser_eps": frozenset({"linear_attention"}),
    "alibi_form": frozenset({"alibi_bias"}),
    "sinusoid_divisor": frozenset({"sinusoidal_encoding"}),
    "capacity_counts": frozenset({"expert_capacity", "moe_layer"}),
    "gelu": frozenset({"gelu", "feed_forward", "glu_feed_forward"}),
    "all_ignored_loss": frozenset({"language_model_loss", "linear_language_model_loss"}),
    "sinusoid_layout": frozenset({"sinusoidal_encoding"}),
    "capacity_rounding": frozenset({"expert_capacity", "moe_layer"}),
    "routing_order": frozenset({"moe_dispatch", "moe_layer"}),
    "renormalize": frozenset({"router", "moe_layer"}),
    "lora_scaling": _DORA | {"lora_linear", "lora_merge", "qlora_linear"},
    "dora_norm": _DORA,
    "dora_gradient": _DORA,
    "dora_norm_eps": _DORA,
}
