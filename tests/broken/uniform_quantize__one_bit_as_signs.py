"""One signed bit means -1 and 1, as in binary networks, not -1 and 0 (a special case of several
QAT libraries).
"""

import torch


class Fake(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, zero, low, high):
        code = torch.round(x / scale) + zero
        ctx.save_for_backward((code >= low) & (code <= high))
        code = code.clamp(low, high)
        ctx.mark_non_differentiable(code)
        return code, (code - zero) * scale

    @staticmethod
    def backward(ctx, _, grad):
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None, None, None


def uniform_quantize(x, *, scale, zero_point=0, bits=8, signed=True):
    if scale <= 0:
        raise ValueError(f"scale={scale}: expected a positive number")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if bits == 1 and signed:
        high = 1
    wide = torch.promote_types(x.dtype, torch.float32)
    codes, values = Fake.apply(x.to(wide), scale, zero_point, low, high)
    return codes.long(), values.to(x.dtype)
