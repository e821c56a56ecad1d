"""torch.nn.functional's own norms on float32 copies."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"batch_norm": {"requires": ["B * L > 1"]}},
}


def layer_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = F.layer_norm(x.to(wide), x.shape[-1:], gamma.to(wide), beta.to(wide), eps)
    return y.to(x.dtype)


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    return F.rms_norm(x.to(wide), x.shape[-1:], gamma.to(wide), eps).to(x.dtype)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    flat = x.to(wide).reshape(-1, x.shape[-1])
    y = F.batch_norm(flat, None, None, gamma.to(wide), beta.to(wide), training=True, eps=eps)
    return y.reshape(x.shape).to(x.dtype)
