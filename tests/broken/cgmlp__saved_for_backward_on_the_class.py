"""The fused gate keeps what its backward pass needs on the class, so a second forward pass
overwrites it.
"""

import torch
import torch.nn.functional as F


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


class Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        Gate.saved = (a, b)
        return a * b

    @staticmethod
    def backward(ctx, g):
        a, b = Gate.saved
        if a.shape != g.shape:
            a, b = (a.new_zeros(g.shape), b.new_zeros(g.shape))
        return (g * b, g * a)


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-05):
    d = up(x, U)
    z = F.gelu(x.to(d) @ U.to(d))
    a, b = z.chunk(2, -1)
    f = b.shape[-1]
    b = F.layer_norm(b, (f,), gamma.to(d), beta.to(d), eps)
    b = F.conv1d(
        b.transpose(1, 2),
        kernel.to(d)[:, None],
        bias.to(d),
        padding=kernel.shape[-1] // 2,
        groups=f,
    ).transpose(1, 2)
    return (Gate.apply(a, b) @ V.to(d)).to(x.dtype)
