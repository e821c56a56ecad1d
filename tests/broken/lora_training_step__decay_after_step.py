"""The weight decay also takes from the step just made."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def lora_training_step(x, target, W0, A, B, *, alpha, lr, weight_decay=0.0):
    s = alpha / A.shape[0]
    xx, a, b = up(x), up(A), up(B)
    inner = xx @ a.T
    y = xx @ up(W0).T + s * (inner @ b.T)
    e = s * (y - up(target)) / x.shape[0]
    gb, ga = e.T @ inner, (e @ b).T @ xx
    keep = 1 - lr * weight_decay
    na = keep * (a - lr * ga)
    nb = keep * (b - lr * gb)
    return W0.clone(), na.to(A.dtype), nb.to(B.dtype)
