"""Each block of columns overwrites the sum of squares."""

import torch
from _interpreted import tl, triton


@triton.jit
def _norms(weight, down, up, norms, columns, rank, scale, ws, ds, us, IN: tl.constexpr):
    row = tl.program_id(0)
    total = 0.0 * row
    for start in range(0, columns, IN):
        at = start + tl.arange(0, IN)
        v = tl.load(weight + row * ws[0] + at * ws[1], mask=at < columns, other=0.0).to(tl.float32)
        for n in range(rank):
            b = tl.load(up + row * us[0] + n * us[1]).to(tl.float32)
            a = tl.load(down + n * ds[0] + at * ds[1], mask=at < columns, other=0.0)
            v += scale * b * a.to(tl.float32)
        total = tl.sum(v * v, 0)
    tl.store(norms + row, tl.sqrt(total))


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    norms = torch.empty(W0.shape[0])
    _norms[(W0.shape[0],)](
        W0, A, B, norms, W0.shape[1], A.shape[0], alpha / A.shape[0], W0.stride(), A.stride(),
        B.stride(), IN=16,
    )  # fmt: skip
    V = W0.float() + alpha / A.shape[0] * B.float() @ A.float()
    norms = torch.where(norms > 0, norms, 1)
    return ((x.float() @ V.T) * (magnitude.float() / norms)).to(x.dtype)
