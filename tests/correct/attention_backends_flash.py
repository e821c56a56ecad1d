"""PyTorch's fused attention, its flash backend preferred and its composed one behind it."""

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

ORDER = [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]


def attend(q, k, v, **options):
    with sdpa_kernel(ORDER, set_priority=True):
        return F.scaled_dot_product_attention(q, k, v, **options)


def attention(q, k, v, *, causal=False, bias=None, scale=None):
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    if bias is not None:
        bias = bias.expand(*q.shape[:3], k.shape[2])
    if causal:
        see = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(k.shape[2] - q.shape[2])
        none = q.new_zeros(()) if bias is None else bias
        bias = torch.where(see, none, -torch.inf)
    return attend(q, k, v, attn_mask=bias, scale=scale)


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    see = torch.arange(k_cache.shape[2]) < lengths[:, None, None, None]
    groups = q.shape[1] // k_cache.shape[1]
    k, v = k_cache.repeat_interleave(groups, 1), v_cache.repeat_interleave(groups, 1)
    return attend(q, k, v, attn_mask=see.expand(-1, q.shape[1], 1, -1), scale=scale)
