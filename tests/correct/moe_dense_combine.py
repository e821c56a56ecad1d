"""GShard's form: dispatch and combine tensors [T, N, C], products over expert buffers."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    tokens, experts = len(x), Wg.shape[1]
    slots = tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    left, used = p, torch.zeros(experts, dtype=torch.int64)
    combine = p.new_zeros(tokens, experts, slots)
    for _ in range(top_k):
        hot = torch.nn.functional.one_hot(left.argmax(-1), experts)
        place = hot.cumsum(0) - 1 + used
        slot = torch.nn.functional.one_hot(place.clamp(0, slots - 1), slots)
        keep = (hot.bool() & (place < slots)).unsqueeze(-1) * slot
        combine = combine + p.unsqueeze(-1) * keep
        used, left = used + hot.sum(0), left.masked_fill(hot.bool(), -1.0)
    buffers = torch.einsum("te,tnc->nce", x.to(wide), (combine > 0).to(wide))
    y = torch.relu(buffers @ W1.to(wide)) @ W2.to(wide)
    return torch.einsum("nce,tnc->te", y, combine).to(x.dtype)
