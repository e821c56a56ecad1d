"""The returned weights are detached (they were meant for logging)."""

import torch


def branch_merge_average(a, b, pool_a, pool_b, weight_a, weight_b):
    wide = torch.promote_types(a.dtype, torch.float32)

    def score(t, pool, weight):
        p = torch.softmax(t @ pool / t.shape[-1] ** 0.5, 1)
        return ((p[..., None] * t).sum(1) * weight).sum(-1)

    A, C = a.to(wide), b.to(wide)
    w = torch.stack(
        (
            score(A, pool_a.to(wide), weight_a.to(wide)),
            score(C, pool_b.to(wide), weight_b.to(wide)),
        ),
        -1,
    )
    w = w.softmax(-1)
    return (w[:, :1, None] * A + w[:, 1:, None] * C).to(a.dtype), w.detach().to(a.dtype)
