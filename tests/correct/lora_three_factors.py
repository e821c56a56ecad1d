"""LoHa and LoKr as single products of three and four factors, from left to right."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def loha_delta(A1, B1, A2, B2, *, alpha):
    return torch.einsum("or,ri,os,si->oi", B1, A1, B2, A2) * (alpha / len(A1))


def lokr_delta(C, A, B, *, alpha):
    y = torch.einsum("ab,cr,rd->acbd", C, B, A) * (alpha / len(A))
    return y.reshape(len(C) * len(B), -1)


def lora_merge(W0, A, B, *, alpha):
    return W0 + torch.einsum(",or,ri->oi", torch.tensor(alpha / len(A), dtype=W0.dtype), B, A)
