"""Experts over sorted tokens that are padded to blocks; gates from logits, sums by index_add."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
BLOCK = 4


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def router(x, Wg, *, top_k=1):
    z = up(x) @ up(Wg)
    if not 1 <= top_k <= z.shape[1]:
        raise ValueError
    v, i = z.topk(top_k, -1)
    return i, torch.exp(v - z.logsumexp(-1, keepdim=True)).to(x.dtype)


def moe_dispatch(indices, *, experts, capacity):
    if capacity < 1 or (indices >= experts).any():
        raise ValueError
    e = indices.t().reshape(-1)
    o = torch.sort(e * len(e) + torch.arange(len(e))).indices
    s = e[o]
    start = torch.searchsorted(s, torch.arange(experts))
    rank = torch.empty_like(e)
    rank[o] = torch.arange(len(e)) - start[s]
    return (rank < capacity).view(indices.shape[::-1]).t()


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    T, N = len(x), Wg.shape[1]
    i, g = router(x, Wg, top_k=top_k)
    keep = (
        torch.ones_like(i, dtype=torch.bool)
        if capacity_factor is None
        else moe_dispatch(i, experts=N, capacity=math.ceil(T / N * capacity_factor))
    )
    t, c = keep.nonzero(as_tuple=True)
    e = i[t, c]
    o = torch.argsort(e, stable=True)
    t, c, e = t[o], c[o], e[o]
    counts = torch.bincount(e, minlength=N)
    padded = (counts + BLOCK - 1) // BLOCK * BLOCK
    first = padded.cumsum(0) - padded
    place = first[e] + torch.arange(len(e)) - (counts.cumsum(0) - counts)[e]
    total = int(padded.sum())
    if not total:
        return x * 0
    rows = x.new_zeros(total, x.shape[1]).index_copy(0, place, x[t]).view(-1, BLOCK, x.shape[1])
    owner = torch.repeat_interleave(torch.arange(N), padded // BLOCK)
    y = torch.bmm(torch.bmm(rows, W1[owner]).relu(), W2[owner]).flatten(0, 1)[place]
    out = torch.zeros(T, x.shape[1], dtype=up(x).dtype)
    return out.index_add(0, t, up(y) * up(g[t, c])[:, None]).to(x.dtype)


def load_balancing_loss(probs, indices):
    f = torch.zeros(probs.shape[1], dtype=up(probs).dtype).index_add_(
        0, indices, torch.ones(len(indices), dtype=up(probs).dtype)
    )
    return (probs.shape[1] / len(indices) ** 2 * torch.dot(f, up(probs).sum(0))).to(probs.dtype)
