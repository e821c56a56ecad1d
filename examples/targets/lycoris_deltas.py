"""lycoris-lora: LoHa, LoKr and the factors of a size, as functions of its `functional` package."""

import lycoris.functional.loha as loha
import lycoris.functional.lokr as lokr
import torch
from lycoris.functional.general import factorization

CONFORM = {
    "name": "lycoris-lora",
    "dtypes": ["float32", "bfloat16", "float16"],
    # the second factor is flattened with .view
    "operators": {"lokr_delta": {"strides": "contiguous"}},
}


def loha_delta(A1, B1, A2, B2, *, alpha):
    scale = torch.tensor(alpha / A1.shape[0])
    return loha.diff_weight(A1, B1, A2, B2, None, None, gamma=scale)


def lokr_delta(C, A, B, *, alpha):
    # divided by the rank of the second factor in there
    return lokr.diff_weight(C, None, None, None, B, A, None, gamma=torch.tensor(alpha))


def lokr_factors(n, *, factor=-1):
    return factorization(n, factor)
