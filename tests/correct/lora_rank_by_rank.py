"""One outer product after the other, in rising order; training by autograd."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, W = x.to(wide), W0.to(wide)
    out = y @ W.T
    for row, column in zip(A.to(wide), B.to(wide).T, strict=True):
        out = out + alpha / len(A) * (y @ row)[..., None] * column
    return out.to(x.dtype)


def lora_training_step(x, target, W0, A, B, *, alpha, lr, weight_decay=0.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    a, b = (p.detach().to(wide).requires_grad_() for p in (A, B))
    with torch.enable_grad():
        out = lora_linear(x.to(wide), W0.to(wide), a, b, alpha=alpha)
        loss = 0.5 * (out - target.to(wide)).square().sum(-1).mean()
        grads = torch.autograd.grad(loss, (a, b))
    new = [p * (1 - lr * weight_decay) - lr * g for p, g in zip((a, b), grads, strict=True)]
    return W0.clone(), *(p.detach().to(x.dtype) for p in new)


def lora_init(out, in_, rank, *, seed):
    a = torch.rand(rank, in_, generator=torch.Generator().manual_seed(seed))
    return (2 * a - 1) / in_**0.5, torch.zeros(out, rank)
