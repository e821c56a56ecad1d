"""Features behind the last full block are left out of the products."""

import torch
from _interpreted import tl, triton


@triton.jit
def _kernel(
    x, weight, targets, loss, words, features, xs, ws, per_batch,
    WORDS: tl.constexpr, FEATURES: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    target = tl.load(targets + row)
    base = x + row // per_batch * xs[0] + row % per_batch * xs[1]
    top = -float("inf") + 0.0 * row
    total = 0.0 * row
    hit = 0.0 * row
    for start in range(0, words, WORDS):
        v = start + tl.arange(0, WORDS)
        s = tl.zeros([WORDS], tl.float32)
        for first in range(0, tl.maximum(features // FEATURES, 1) * FEATURES, FEATURES):
            e = first + tl.arange(0, FEATURES)
            state = tl.load(base + e * xs[2], mask=e < features, other=0.0).to(tl.float32)
            where = weight + v[:, None] * ws[0] + e[None, :] * ws[1]
            keep = (v < words)[:, None] & (e < features)[None, :]
            s += tl.sum(tl.load(where, mask=keep, other=0.0).to(tl.float32) * state[None, :], 1)
        hit += tl.sum(tl.where(v == target, s, 0.0), 0)
        s = tl.where(v < words, s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 0))
        total = total * tl.exp(top - new) + tl.sum(tl.exp(s - new), 0)
        top = new
    tl.store(loss + row, tl.where(target >= 0, (top - hit) + tl.log(total), 0.0))


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    targets = tokens[:, 1:].masked_fill(tokens[:, 1:] == ignore_index, -1).contiguous()
    loss = torch.empty(targets.numel())
    _kernel[(targets.numel(),)](
        x, weight, targets, loss, weight.shape[0], x.shape[2], x.stride(), weight.stride(),
        targets.shape[1], WORDS=16, FEATURES=16,
    )  # fmt: skip
    return loss.sum() / (targets >= 0).sum()
