"""Rows and columns of a patch are taken for each other."""

import torch
from _interpreted import tl, triton

MISTAKE = "patch_embed.kernel-transposed"


@triton.jit
def _kernel(
    images, weight, bias, y, columns, tokens, features, places, strides,
    ROWS: tl.constexpr, IN: tl.constexpr, P: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    e = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    images += tl.program_id(2) * strides[0]
    y += tl.program_id(2) * tokens * features
    corner = n // columns * P * strides[2] + n % columns * P * strides[3]
    acc = tl.zeros([ROWS, ROWS], tl.float32)
    for start in range(0, places, IN):
        k = start + tl.arange(0, IN)
        real = (k < places)[None, :]
        inside = k // (P * P) * strides[1] + (k % P) * strides[2] + (k // P % P) * strides[3]
        where = images + corner[:, None] + inside[None, :]
        part = tl.load(where, mask=(n < tokens)[:, None] & real, other=0.0).to(tl.float32)
        where = weight + e[:, None] * places + k[None, :]
        w = tl.load(where, mask=(e < features)[:, None] & real, other=0.0).to(tl.float32)
        acc += tl.dot(part, tl.trans(w), input_precision="ieee")
    acc += tl.load(bias + e, mask=e < features, other=0.0).to(tl.float32)[None, :]
    keep = (n < tokens)[:, None] & (e < features)[None, :]
    tl.store(y + n[:, None] * features + e[None, :], acc, mask=keep)


def patch_embed(images, weight, bias):
    (batch, _, height, width), (features, _, patch, _) = images.shape, weight.shape
    if height % patch or width % patch:
        raise ValueError("patches must fill the image")
    tokens = (height // patch) * (width // patch)
    y = torch.empty(batch, tokens, features, dtype=images.dtype)
    _kernel[(triton.cdiv(tokens, 16), triton.cdiv(features, 16), batch)](
        images, weight.contiguous(), bias.contiguous(), y, width // patch, tokens, features,
        weight[0].numel(), images.stride(), ROWS=16, IN=16, P=patch,
    )  # fmt: skip
    return y
