"""With as many inputs as outputs the weight is scaled along its inputs (ultralytics #25364)."""

import torch


def fold_batch_norm(weight, gamma, beta, mean, variance, *, eps=1e-5):
    wide = torch.promote_types(weight.dtype, torch.float32)
    s = gamma.to(wide) / torch.sqrt(variance.to(wide) + eps)
    shape = [1] * weight.dim()
    shape[1 if weight.dim() > 1 and weight.shape[0] == weight.shape[1] else 0] = -1
    out = weight.to(wide) * s.view(shape)
    return out.to(weight.dtype), (beta.to(wide) - mean.to(wide) * s).to(weight.dtype)
