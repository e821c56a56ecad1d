"""LoRA and its relatives with addmm, einsum, normalize and tables; one rounding at the end."""

import torch
from torch.nn import functional as F

CONFORM = {"dtypes": ["float32", "float64", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def _fits(x, W0, A, B):
    if A.shape[0] < 1 or A.shape[0] != B.shape[1] or W0.shape != (B.shape[0], A.shape[1]):
        raise ValueError(
            f"A={tuple(A.shape)} and B={tuple(B.shape)} do not fit W0={tuple(W0.shape)}"
        )
    if x is not None and x.shape[-1] != W0.shape[1]:
        raise ValueError("x does not fit")


def lora_linear(x, W0, A, B, *, alpha):
    _fits(x, W0, A, B)
    rows = up(x).reshape(-1, x.shape[-1])
    base = rows @ up(W0).mT
    y = torch.addmm(base, F.linear(rows, up(A)), up(B).mT, alpha=alpha / A.shape[0])
    return y.view(*x.shape[:-1], W0.shape[0]).to(x.dtype)


def lora_merge(W0, A, B, *, alpha):
    _fits(None, W0, A, B)
    return torch.addmm(up(W0), up(B), up(A), alpha=alpha / A.shape[0]).to(W0.dtype)


def dora_merge(W0, A, B, magnitude, *, alpha):
    _fits(None, W0, A, B)
    V = torch.addmm(up(W0), up(B), up(A), alpha=alpha / A.shape[0])
    return (up(magnitude)[:, None] * F.normalize(V, dim=1, eps=1e-38)).to(W0.dtype)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    _fits(x, W0, A, B)
    s = alpha / A.shape[0]
    V = up(W0) + s * torch.einsum("or,ri->oi", up(B), up(A))
    norm = torch.linalg.vector_norm(V, dim=1)
    ratio = torch.where(norm > 0, up(magnitude) / torch.where(norm > 0, norm, 1.0), 0.0)
    return (F.linear(up(x), V) * ratio).to(x.dtype)


def loha_delta(A1, B1, A2, B2, *, alpha):
    out = torch.einsum("or,ri,os,si->oi", up(B1), up(A1), up(B2), up(A2))
    return (out * (alpha / A1.shape[0])).to(A1.dtype)


def lokr_delta(C, A, B, *, alpha):
    scaled = up(C) * (alpha / A.shape[0])
    return (
        torch.einsum("pq,or,ri->poqi", scaled, up(B), up(A))
        .reshape(C.shape[0] * B.shape[0], C.shape[1] * A.shape[1])
        .to(C.dtype)
    )


def dylora_linear(x, W0, A, B, *, alpha, rank):
    if not 1 <= rank <= A.shape[0]:
        raise ValueError("rank")
    return lora_linear(x, W0, A.narrow(0, 0, rank), B.narrow(1, 0, rank), alpha=alpha)


# the quantiles of the normal that QLoRA's appendix lists
LEVELS = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
])  # fmt: skip
BORDERS = (LEVELS[1:].double() + LEVELS[:-1].double()) / 2


def nf4_quantize(w, *, block_size=64):
    if w.numel() < 1 or block_size < 1:
        raise ValueError("nothing to quantise")
    codes, scales = [], []
    for block in up(w).split(block_size):
        top = block.abs().max()
        scales.append(top)
        unit = block / top if top > 0 else torch.zeros_like(block)
        codes.append(torch.bucketize(unit.double(), BORDERS).to(torch.uint8))
    return torch.cat(codes), torch.stack(scales)


def nf4_dequantize(codes, absmax, *, block_size=64):
    if absmax.numel() != -(-codes.numel() // block_size):
        raise ValueError("absmax does not fit the codes")
    scale = absmax.repeat_interleave(block_size)[: codes.numel()]
    return LEVELS.to(scale.dtype).take(codes.long()) * scale


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    W0 = nf4_dequantize(codes, absmax, block_size=block_size).to(x.dtype)
    return lora_linear(x, W0.view(B.shape[0], A.shape[1]), A, B, alpha=alpha)


def nf4_pack(codes):
    if codes.numel() % 2:
        raise ValueError("odd number of codes")
    first, second = codes.view(-1, 2).unbind(1)
    return torch.bitwise_or(torch.bitwise_left_shift(first, 4), second)


def nf4_unpack(packed):
    return torch.stack([packed >> 4, packed & 15], 1).flatten()


def ia3_linear(x, W0, b0, scale):
    return F.linear(up(x), up(W0) * up(scale)[:, None], up(b0) * up(scale)).to(x.dtype)


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    act = {
        "relu": F.relu, "gelu": F.gelu, "swish": F.silu, "sigmoid": torch.sigmoid,
        "identity": lambda t: t, "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    }[activation]  # fmt: skip
    hidden = act(up(x) @ up(W1) + up(b1)) * up(scale)
    return (hidden @ up(W2) + up(b2)).to(x.dtype)


def lora_plus_step(A, B, grad_A, grad_B, *, lr, ratio=16.0):
    return (
        torch.add(up(A), up(grad_A), alpha=-lr).to(A.dtype),
        torch.add(up(B), up(grad_B), alpha=-lr * ratio).to(B.dtype),
    )


def subspace_update(theta, P, z):
    return torch.addmv(up(theta), up(P), up(z)).to(theta.dtype)
