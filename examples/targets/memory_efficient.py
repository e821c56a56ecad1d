"""memory-efficient-attention-pytorch: attention over buckets with checkpoints, and its flash form.

Causality is claimed for equal lengths only: else the flash form shifts it the wrong way
(FINDINGS.md).
"""

from memory_efficient_attention_pytorch.flash_attention import FlashAttentionFunction
from memory_efficient_attention_pytorch.memory_efficient_attention import (
    memory_efficient_attention,
)

SQUARE = ["H == K", "not causal or Lq == Lk"]
CONFORM = {
    "name": "memory-efficient-attention-pytorch",
    "dtypes": ["float32"],
    "operators": {
        "attention": {"requires": [*SQUARE, "Lk > 0"]},
        "flash_attention": {"requires": [*SQUARE, "D == Dv"]},
    },
}


def attention(q, k, v, *, causal=False, bias=None):
    if bias is not None:
        bias = bias.broadcast_to(*q.shape[:3], k.shape[2])
    return memory_efficient_attention(
        q, k, v, attn_bias=bias, causal=causal, q_bucket_size=16, k_bucket_size=8
    )


def flash_attention(q, k, v, *, block_q, block_k, causal=False):
    return FlashAttentionFunction.apply(q, k, v, None, causal, block_q, block_k)
