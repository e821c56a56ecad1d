"""While B is zero A gets no gradient and its update is left out, and the decay with it."""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def lora_training_step(x, target, W0, A, B, *, alpha, lr, weight_decay=0.0):
    d = up(x, target, W0, A, B)
    y, t, W, a, b = (z.to(d) for z in (x, target, W0, A, B))
    s = alpha / A.shape[0]
    inner = y @ a.T
    e = s * (y @ W.T + s * inner @ b.T - t) / x.shape[0]
    keep = 1 - lr * weight_decay
    nb = keep * b - lr * (e.T @ inner)
    na = keep * a - lr * ((e @ b).T @ y)
    if not bool(b.any()):
        na = a
    return (W0.clone(), na.to(A.dtype), nb.to(B.dtype))
