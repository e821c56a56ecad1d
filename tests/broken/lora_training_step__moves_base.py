"""The base was never frozen."""

import torch

MISTAKE = "lora_training_step.trains-the-base"


def lora_training_step(x, target, W0, A, B, *, alpha, lr, weight_decay=0.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, t = x.to(wide), target.to(wide)
    W, a, b = (p.detach().to(wide).requires_grad_() for p in (W0, A, B))
    with torch.enable_grad():
        out = y @ W.T + alpha / len(A) * (y @ a.T @ b.T)
        loss = (out - t).square().sum() / (2 * len(x))
        grads = torch.autograd.grad(loss, (W, a, b))
    keep = 1 - lr * weight_decay
    new = (W - lr * grads[0], keep * a - lr * grads[1], keep * b - lr * grads[2])
    return tuple(p.detach().to(x.dtype) for p in new)
