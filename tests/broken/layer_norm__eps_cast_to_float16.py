"""The epsilon takes the dtype of the input: a small one is zero in float16, and zeros give NaN."""

import torch

CONFORM = {"dtypes": ["float32", "float16"]}


def layer_norm(x, gamma, beta, *, eps=1e-5):
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    small = torch.tensor(eps, dtype=x.dtype).to(kind)
    variance, mean = torch.var_mean(x.to(kind), -1, correction=0, keepdim=True)
    return ((x.to(kind) - mean) / (variance + small).sqrt() * gamma + beta).to(x.dtype)
