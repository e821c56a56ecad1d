"""Positions beyond the capacity are clamped to the last slot of the expert's buffer, where the
dropped token replaces the one that was kept.
"""

import math

import torch

CONFORM = {"dtypes": ["float32", "bfloat16"]}


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = x.shape[0], Wg.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    probs = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    weights, chosen = probs.topk(top_k, -1)
    room = tokens if capacity_factor is None else math.ceil(tokens / experts * capacity_factor)
    flat = chosen.T.reshape(-1)
    order = torch.nn.functional.one_hot(flat, experts)
    place = (order.cumsum(0) * order).sum(-1) - 1
    slot = flat * room + place.clamp(max=room - 1)
    buffer = x.new_zeros(experts * room, x.shape[1])
    buffer[slot] = x.repeat(top_k, 1)
    y = torch.relu(buffer.view(experts, room, -1) @ W1) @ W2
    gate = weights.T.reshape(-1) * (place < room)
    back = y.view(experts * room, -1)[slot].to(wide) * gate[:, None]
    return back.view(top_k, tokens, -1).sum(0).to(x.dtype)
