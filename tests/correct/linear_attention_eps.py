"""A millionth is added to the normaliser, as the authors' own code does, and declared."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"linear_attention": {"conventions": {"normaliser_eps": "1e-6"}}},
}


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0))) for x in (q.to(wide), k.to(wide)))
    c = v.to(wide)
    if causal:
        pairs = (b[..., :, None] * c[..., None, :]).cumsum(2)
        top = (a[..., None, :] @ pairs)[..., 0, :]
        return (top / ((a * b.cumsum(2)).sum(-1, keepdim=True) + 1e-6)).to(q.dtype)
    total = torch.einsum("bhld,bhd->bhl", a, b.sum(2)) + 1e-6
    return (a @ (b.mT @ c) / total[..., None]).to(q.dtype)
