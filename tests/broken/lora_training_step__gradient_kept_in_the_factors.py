"""Steps by way of `backward()`, whose gradients stay in the caller's factors and add up."""

import torch


def lora_training_step(x, target, W0, A, B, *, alpha, lr, weight_decay=0.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    A.requires_grad_(True)
    B.requires_grad_(True)
    with torch.enable_grad():
        h = x.detach().to(wide)
        y = h @ W0.detach().to(wide).T + alpha / A.shape[0] * (h @ A.to(wide).T @ B.to(wide).T)
        loss = ((y - target.detach().to(wide)) ** 2).sum() / (2 * x.shape[0])
        loss.backward()
    new = [(p.detach() - lr * (p.grad + weight_decay * p.detach())).to(p.dtype) for p in (A, B)]
    A.requires_grad_(False)
    B.requires_grad_(False)
    return W0.clone(), *new
