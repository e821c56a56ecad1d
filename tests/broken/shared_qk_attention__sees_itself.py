"""The diagonal stays: every token attends mostly to itself, its own best key."""

import torch
import torch.nn.functional as F

MISTAKE = "shared_qk_attention.sees-itself"


def shared_qk_attention(qk, v, buckets, *, causal=False):
    mask = buckets[..., :, None] == buckets[..., None, :]
    if causal:
        mask = mask & torch.ones(mask.shape[-2:], dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(qk, F.normalize(qk, dim=-1), v, attn_mask=mask)
