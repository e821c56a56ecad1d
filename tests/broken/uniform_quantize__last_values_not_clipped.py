"""Values go 64 at a time; what is left over is rounded and not clipped."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    y = up(x)
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    q = torch.round(y.detach() / scale) + zero_point
    flat = q.flatten()
    full = len(flat) - len(flat) % 64 if len(flat) > 64 else len(flat)
    q2 = torch.cat([flat[:full].clamp(lo, hi), flat[full:]]).reshape(x.shape)
    codes = q2.long()
    v = scale * (codes - zero_point).to(y.dtype)
    through = torch.where((q >= lo) & (q <= hi), y, 0.0)
    return codes, (v + (through - through.detach())).to(x.dtype)
