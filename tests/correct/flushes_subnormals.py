"""What lies below the normal range counts as zero, as on devices that flush it."""

import torch

CONFORM = {
    "name": "flushes-subnormals",
    "dtypes": ["float32", "bfloat16"],
    "operators": {
        "rope": {"rounding": "tables-in-dtype", "requires": ["D % 2 == 0"]},
    },
}


def _flush(x):
    tiny = x.abs() < torch.finfo(x.dtype).tiny
    return x - torch.where(tiny, x, torch.zeros_like(x)).detach()


def rope(x, positions):
    d = x.shape[-1]
    angles = positions.float()[..., None] * 10000.0 ** (-torch.arange(0, d, 2).float() / d)
    angles = torch.cat([angles, angles], -1)
    if positions.ndim == 2:
        angles = angles.reshape(angles.shape[0], *[1] * (x.ndim - 3), *angles.shape[1:])
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    x = _flush(x)
    turned = torch.cat([-x[..., d // 2 :], x[..., : d // 2]], -1)
    return _flush(_flush(x * cos) + _flush(turned * sin))


def rms_norm(x, gamma, *, eps=1e-6):
    y = _flush(x).float()
    scale = torch.rsqrt(_flush(y * y).mean(-1, keepdim=True) + eps)
    return _flush((y * scale * gamma.float()).to(x.dtype))


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    stream = _flush(_flush(x) + _flush(residual))
    return rms_norm(stream, gamma, eps=eps), stream


def softmax(x):
    y = _flush(x).float()
    e = _flush(torch.exp(y - y.amax(-1, keepdim=True)))
    return _flush((e / e.sum(-1, keepdim=True)).to(x.dtype))


def swish(x, *, beta=1.0):
    y = _flush(x).float()
    return _flush((y * torch.sigmoid(beta * y)).to(x.dtype))
