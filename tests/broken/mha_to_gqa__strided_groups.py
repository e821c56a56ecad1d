"""Groups heads h, h + K, h + 2K instead of neighbours."""

import torch

CONVENTION = "heads=tiled"


def mha_to_gqa(W, *, heads, kv_heads):
    wide = torch.promote_types(W.dtype, torch.float32)
    grouped = W.to(wide).reshape(len(W), heads // kv_heads, kv_heads, -1)
    return grouped.mean(1).flatten(1).to(W.dtype)
