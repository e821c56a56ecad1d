"""Programs over splits of the tokens store their parts of the weight's gradient, not add them."""

import torch
from _interpreted import tl, triton


@triton.jit
def _weight_gradient(
    patches, dy, dweight, tokens, features, places, ROWS: tl.constexpr, COLS: tl.constexpr
):
    token = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    e, k = tl.program_id(1), tl.arange(0, COLS)
    up = tl.load(dy + token * features + e, mask=token < tokens, other=0.0)
    keep = (token < tokens)[:, None] & (k < places)[None, :]
    part = tl.load(patches + token[:, None] * places + k[None, :], mask=keep, other=0.0)
    tl.store(dweight + e * places + k, tl.sum(up[:, None] * part, 0), mask=k < places)


class _Embed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, patches, weight, bias):
        ctx.save_for_backward(patches, weight)
        return (patches.float() @ weight.float().T + bias.float()).to(patches.dtype)

    @staticmethod
    def backward(ctx, dy):
        patches, weight = ctx.saved_tensors
        x, up = patches.float().flatten(0, 1).contiguous(), dy.float().flatten(0, 1).contiguous()
        dweight = torch.zeros(weight.shape)
        _weight_gradient[(triton.cdiv(len(x), 8), up.shape[1])](
            x, up, dweight, len(x), up.shape[1], x.shape[1],
            ROWS=8, COLS=triton.next_power_of_2(x.shape[1]),
        )  # fmt: skip
        dpatches = (dy.float() @ weight.float()).to(dy.dtype)
        return dpatches, dweight.to(dy.dtype), up.sum(0).to(dy.dtype)


def patch_embed(images, weight, bias):
    (batch, channels, height, width), patch = images.shape, weight.shape[2]
    if height % patch or width % patch:
        raise ValueError("patches must fill the image")
    cut = images.reshape(batch, channels, height // patch, patch, width // patch, patch)
    cut = cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * patch * patch)
    return _Embed.apply(cut, weight.flatten(1), bias)
