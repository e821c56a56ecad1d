"""B's gradient is computed after A has moved."""

import torch


def lora_training_step(x, target, W0, A, B, *, alpha=4, lr=0.125, weight_decay=0.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, t, W, a, b = (z.to(wide) for z in (x, target, W0, A, B))
    s = alpha / a.shape[0]
    n = x.shape[0]

    def error():
        return h @ W.T + s * (h @ a.T) @ b.T - t

    with torch.enable_grad():
        a1 = a.detach().requires_grad_()
        loss = ((h @ W.T + s * (h @ a1.T) @ b.T - t) ** 2).sum() / 2 / n
        (ga,) = torch.autograd.grad(loss, a1)
    a = a * (1 - lr * weight_decay) - lr * ga
    with torch.enable_grad():
        b1 = b.detach().requires_grad_()
        loss = ((h @ W.T + s * (h @ a.T) @ b1.T - t) ** 2).sum() / 2 / n
        (gb,) = torch.autograd.grad(loss, b1)
    b = b * (1 - lr * weight_decay) - lr * gb
    return W0.clone(), a.to(A.dtype), b.to(B.dtype)
