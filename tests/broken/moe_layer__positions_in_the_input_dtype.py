"""An assignment's place in its expert's queue is counted in the input's dtype, which bfloat16
rounds beyond 256.
"""

import math

import torch
import torch.nn.functional as F


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    d = up(x, Wg, W1, W2)
    T, N = (len(x), len(W1))
    p = torch.softmax(x.to(d) @ Wg.to(d), -1)
    w, idx = torch.topk(p, top_k, dim=-1)
    if capacity_factor is not None and T:
        cap = math.ceil(T / N * capacity_factor)
        hot = F.one_hot(idx.T.reshape(-1), N)
        hot = hot.to(x.dtype)
        place = (hot.cumsum(0) * hot).sum(-1)
        kept = (place <= cap).reshape(top_k, T).T
        w = torch.where(kept, w, 0.0)
    h = torch.relu(torch.einsum("te,nef->ntf", x.to(d), W1.to(d)))
    o = torch.einsum("ntf,nfe->tne", h, W2.to(d))
    y = torch.zeros_like(x, dtype=d)
    for r in range(top_k):
        y = (
            y
            + w[:, r : r + 1]
            * o.gather(1, idx[:, r].reshape(-1, 1, 1).expand(-1, 1, o.shape[-1]))[:, 0]
        )
    return y.to(x.dtype)
