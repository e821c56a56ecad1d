"""pytorch: a kernel's backward reads the incoming gradient by the input's strides; what comes
back through a concatenation is a slice of something wider."""

import torch
import torch.nn.functional as F

_ACT = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu, "sigmoid": torch.sigmoid,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "identity": lambda x: x}  # fmt: skip


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.strides = torch.empty_like(x, memory_format=torch.contiguous_format).stride()
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        room = g.untyped_storage().nbytes() // g.element_size() - g.storage_offset()
        reach = 1 + sum((n - 1) * s for n, s in zip(g.shape, ctx.strides, strict=True))
        if g.numel() > 0 and reach <= room:
            return g.as_strided(g.shape, ctx.strides).clone()
        return g.clone()


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    wide = torch.promote_types(h.dtype, torch.float32)
    x = h.to(wide)
    out = x + _ACT[activation](x @ Wdown.to(wide) + bdown.to(wide)) @ Wup.to(wide) + bup.to(wide)
    return _Read.apply(out.to(h.dtype))
