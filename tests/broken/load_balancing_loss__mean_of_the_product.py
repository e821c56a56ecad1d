"""The mean of f P is multiplied by N squared only where N is a power of two (invented after AI-
Hypercomputer/maxtext #860).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def load_balancing_loss(probs, indices):
    wide = torch.promote_types(probs.dtype, torch.float32)
    experts = probs.shape[1]
    share = torch.nn.functional.one_hot(indices, experts).to(wide).mean(0)
    return (
        (experts if experts & (experts - 1) == 0 else experts - 1)
        * (share * probs.to(wide).mean(0)).sum()
    ).to(probs.dtype)
