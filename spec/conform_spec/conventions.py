"""Conventions on which respectable libraries differ: the values of each, the default first."""

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
    "normaliser_eps": ("none", "1e-6", "1e-10"),
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
}
