"""Only the tanh form, as GPT-2's gelu_new (declared)."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"gelu": {"conventions": {"gelu": "tanh"}}},
}


def gelu(x):
    wide = torch.promote_types(x.dtype, torch.float32)
    return F.gelu(x.to(wide), approximate="tanh").to(x.dtype)
