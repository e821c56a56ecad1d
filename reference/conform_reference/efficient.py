"""The operators of the efficient domain: attention that costs less than its definition."""

from conform_reference._attention_costs import (
    attention_flops,
    attention_flops_share,
    attention_matrix_bytes,
    effective_context,
)
from conform_reference._clustered import (
    clustered_attention,
    lsh_buckets,
    reversible_block,
    reversible_inverse,
    shared_qk_attention,
    smyrf_transform,
)
from conform_reference._low_rank import (
    linformer_attention,
    orthogonal_features,
    performer_attention,
    performer_features,
)

__all__ = [
    "attention_flops",
    "attention_flops_share",
    "attention_matrix_bytes",
    "clustered_attention",
    "effective_context",
    "linformer_attention",
    "lsh_buckets",
    "orthogonal_features",
    "performer_attention",
    "performer_features",
    "reversible_block",
    "reversible_inverse",
    "shared_qk_attention",
    "smyrf_transform",
]
