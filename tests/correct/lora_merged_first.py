"""The update is merged in float32 and multiplied once; DoRA normalises the rows first."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(*tensors):
    return [t.to(torch.promote_types(t.dtype, torch.float32)) for t in tensors]


def lora_linear(x, W0, A, B, *, alpha):
    y, W, a, b = _wide(x, W0, A, B)
    return torch.einsum("...i,oi->...o", y, torch.addmm(W, b, a, alpha=alpha / len(A))).to(x.dtype)


def lora_merge(W0, A, B, *, alpha):
    W, a, b = _wide(W0, A, B)
    return torch.addmm(W, b, a, alpha=alpha / len(A)).to(W0.dtype)


def dora_merge(W0, A, B, magnitude, *, alpha):
    W, a, b, m = _wide(W0, A, B, magnitude)
    V = torch.addmm(W, b, a, alpha=alpha / len(A))
    return (torch.nn.functional.normalize(V, dim=1) * m[:, None]).to(W0.dtype)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = _wide(W0, A, B, magnitude)
    return torch.nn.functional.linear(_wide(x)[0], dora_merge(*wide, alpha=alpha)).to(x.dtype)


def loha_delta(A1, B1, A2, B2, *, alpha):
    a, b, c, d = _wide(A1, B1, A2, B2)
    # A row-wise Khatri-Rao product makes it one product of rank r * r.
    left = torch.einsum("or,os->ors", b, d).flatten(1)
    right = torch.einsum("ri,si->rsi", a, c).flatten(0, 1)
    return (left @ right * (alpha / len(A1))).to(A1.dtype)


def lokr_delta(C, A, B, *, alpha):
    c, a, b = _wide(C, A, B)
    # One product of rank i1 r: [o1 o2, i1 r] @ [i1 r, i1 i2].
    left = torch.einsum("pq,or->poqr", c, b).reshape(len(C) * len(B), -1)
    right = torch.block_diag(*[a] * C.shape[1])
    return (left @ right * (alpha / len(A))).to(C.dtype)
