"""The epsilon is added to the deviation, outside of the root."""

import torch


def fold_batch_norm(weight, gamma, beta, mean, variance, *, eps=1e-5):
    wide = torch.promote_types(weight.dtype, torch.float32)
    factor = gamma.to(wide) / (variance.to(wide).sqrt() + eps)
    w = weight.to(wide) * factor[:, None, None, None]
    return w.to(weight.dtype), (beta.to(wide) - mean.to(wide) * factor).to(weight.dtype)
