"""The operators of the attention domain; one private module for each family."""

from conform_reference._attention_forms import (
    attention,
    attention_varlen,
    attention_weights,
    attention_with_lse,
    block_sparse_attention,
    decode_attention,
    flash_attention,
)
from conform_reference._linear_attention import linear_attention
from conform_reference._masks import (
    causal_mask,
    padding_mask,
    sink_window_mask,
    sliding_window_mask,
)
from conform_reference._projected import (
    cross_attention,
    mha_to_gqa,
    multi_head_attention,
    self_attention,
)
from conform_reference._scores import (
    additive_score,
    bilinear_score,
    dot_score,
    mlp_score,
    seq2seq_attention,
)
from conform_reference._softmax import attention_merge, softmax, softmax_merge

__all__ = [
    "additive_score",
    "attention",
    "attention_merge",
    "attention_varlen",
    "attention_weights",
    "attention_with_lse",
    "bilinear_score",
    "block_sparse_attention",
    "causal_mask",
    "cross_attention",
    "decode_attention",
    "dot_score",
    "flash_attention",
    "linear_attention",
    "mha_to_gqa",
    "mlp_score",
    "multi_head_attention",
    "padding_mask",
    "self_attention",
    "seq2seq_attention",
    "sink_window_mask",
    "sliding_window_mask",
    "softmax",
    "softmax_merge",
]
