"""LoRA and DoRA as the formulas read in Python: `W0 + s * B @ A` scales B first."""

import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"dora_linear": {"conventions": {"dora_gradient": "detached"}}},
}


def lora_merge(W0, A, B, *, alpha):
    return W0 + alpha / len(A) * B @ A


def lora_linear(x, W0, A, B, *, alpha):
    return F.linear(x, lora_merge(W0, A, B, alpha=alpha))


def _norm(V):
    norm = V.norm(dim=1, keepdim=True)
    return norm.masked_fill(norm == 0, 1.0)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    V = lora_merge(W0, A, B, alpha=alpha)
    return magnitude / _norm(V).detach()[:, 0] * F.linear(x, V)


def dora_merge(W0, A, B, magnitude, *, alpha):
    V = lora_merge(W0, A, B, alpha=alpha)
    return magnitude[:, None] * (V / _norm(V))
