"""Mixture of experts through buffers of slots: stable sort, batched products, scatter."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _ranks(expert, experts):
    """Place of every assignment within its expert, in the given order."""
    order = torch.argsort(expert, stable=True)
    counts = torch.bincount(expert, minlength=experts)
    starts = counts.cumsum(0) - counts
    place = torch.arange(len(expert)) - starts[expert[order]]
    return torch.empty_like(place).index_copy_(0, order, place)


def moe_dispatch(indices, *, experts, capacity):
    if capacity < 1 or (indices.numel() and (indices.min() < 0 or indices.max() >= experts)):
        raise ValueError(f"experts={experts}, capacity={capacity}")
    flat = indices.long().T.reshape(-1)
    return (_ranks(flat, experts) < capacity).view(indices.shape[1], -1).T


def router(x, Wg, *, top_k=1):
    logits = torch.nn.functional.linear(x, Wg.T).to(torch.promote_types(x.dtype, torch.float32))
    top, indices = torch.topk(logits, top_k, dim=-1)
    return indices, torch.exp(top - torch.logsumexp(logits, -1, keepdim=True)).to(x.dtype)


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    (tokens, width), experts = x.shape, Wg.shape[1]
    indices, weights = router(x, Wg, top_k=top_k)
    slots = (
        tokens if capacity_factor is None else max(math.ceil(tokens / experts * capacity_factor), 1)
    )
    expert, token = indices.T.reshape(-1), torch.arange(tokens).repeat(top_k)
    place = _ranks(expert, experts)
    kept = place < slots
    slot = (expert * slots + place)[kept]
    buffer = x.new_zeros(experts * slots, width).index_copy(0, slot, x[token[kept]])
    hidden = torch.relu(torch.bmm(buffer.view(experts, slots, width), W1))
    y = torch.bmm(hidden, W2).view(experts * slots, width)[slot]
    y = y * weights.T.reshape(-1, 1)[kept]
    out = torch.zeros(tokens, width, dtype=torch.promote_types(x.dtype, torch.float32))
    return out.index_add(0, token[kept], y.to(out.dtype)).to(x.dtype)


def load_balancing_loss(probs, indices):
    wide = torch.promote_types(probs.dtype, torch.float32)
    counts = torch.bincount(indices, minlength=probs.shape[1]).to(wide)
    return (counts @ probs.to(wide).sum(0) * probs.shape[1] / len(probs) ** 2).to(probs.dtype)


def expert_choice(x, Wg, *, capacity):
    logits = (x @ Wg).to(torch.promote_types(x.dtype, torch.float32))
    p = torch.log_softmax(logits, -1).exp().T
    order = torch.argsort(p, dim=-1, descending=True, stable=True)[:, :capacity]
    return order, p.gather(1, order).to(x.dtype)


def expert_capacity(tokens, experts, capacity_factor):
    if tokens < 1 or experts < 1 or not 0 < capacity_factor < math.inf:
        raise ValueError(f"tokens={tokens}, experts={experts}, capacity_factor={capacity_factor}")
    numerator, denominator = float(capacity_factor).as_integer_ratio()
    return -(-tokens * numerator // (experts * denominator))


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    clean, raw = (x @ torch.cat([Wg, Wnoise], 1)).chunk(2, -1)
    h = clean + noise * torch.nn.functional.softplus(raw)
    kth = torch.topk(h, top_k, dim=-1)[1]
    keep = torch.zeros_like(h, dtype=torch.bool).scatter(1, kth, True)
    return torch.softmax(h.masked_fill(~keep, -torch.inf), -1)
