"""What was chosen stays in the running: one expert is chosen again and again."""

import torch
from _interpreted import tl, triton

MISTAKE = "router.same-expert-twice"


@triton.jit
def _route(
    x, gate, indices, weights, tokens, width, experts, top_k, xs0, xs1, gs0, gs1,
    TOKENS: tl.constexpr, N: tl.constexpr, INNER: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS)
    n = tl.arange(0, N)
    alive, real = (token < tokens)[:, None], (n < experts)[None, :]
    logits = tl.zeros([TOKENS, N], tl.float32)
    for start in range(0, width, INNER):
        k = start + tl.arange(0, INNER)
        where = x + token[:, None] * xs0 + k[None, :] * xs1
        a = tl.load(where, mask=alive & (k < width)[None, :], other=0.0)
        w = tl.load(
            gate + k[:, None] * gs0 + n[None, :] * gs1, mask=(k < width)[:, None] & real, other=0.0
        )
        logits = tl.dot(a, w, logits, input_precision="ieee")
    logits = tl.where(real, logits, -float("inf"))
    p = tl.exp(logits - tl.max(logits, 1)[:, None])
    p = p / tl.sum(p, 1)[:, None]
    left = tl.where(real, p, -1.0)
    for choice in range(top_k):
        best = tl.max(left, 1)
        taken = tl.min(tl.where(left == best[:, None], n[None, :], N), 1)
        where = token * top_k + choice
        tl.store(indices + where, taken.to(tl.int64), mask=token < tokens)
        tl.store(weights + where, best, mask=token < tokens)


def router(x, Wg, *, top_k=1):
    (tokens, width), experts = x.shape, Wg.shape[1]
    if not 1 <= top_k <= experts:
        raise ValueError(f"top_k={top_k}; expected 1 to {experts}")
    indices = torch.empty(tokens, top_k, dtype=torch.int64)
    weights = torch.empty(tokens, top_k, dtype=x.dtype)
    if tokens:
        _route[(triton.cdiv(tokens, 16),)](
            x, Wg, indices, weights, tokens, width, experts, top_k, *x.stride(), *Wg.stride(),
            TOKENS=16, N=max(16, triton.next_power_of_2(experts)), INNER=16,
        )  # fmt: skip
    return indices, weights
