"""ultralytics: the fold of a transposed convolution is used, whose output channels are axis 1."""

import torch


def fold_batch_norm(weight, gamma, beta, mean, variance, *, eps=1e-5):
    wide = torch.promote_types(weight.dtype, torch.float32)
    t = gamma.to(wide) / (variance.to(wide) + eps).sqrt()
    axis = 1 if weight.dim() > 1 and weight.shape[1] == len(t) else 0
    shape = [1] * weight.dim()
    shape[axis] = -1
    return (weight.to(wide) * t.view(shape)).to(weight.dtype), (
        beta.to(wide) - mean.to(wide) * t
    ).to(weight.dtype)
