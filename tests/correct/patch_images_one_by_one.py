"""Patches whose weight learns image by image, in its own dtype, as convolutions on a CPU do."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx, patches, weight, bias):
        ctx.save_for_backward(patches, weight)
        y = patches.float() @ weight.float().flatten(1).mT + bias.float()
        return y.to(patches.dtype)

    @staticmethod
    def backward(ctx, dy):
        patches, weight = ctx.saved_tensors
        dy, total = dy.float(), torch.zeros_like(weight).flatten(1)
        for one, read in zip(dy, patches, strict=True):
            total = (total.float() + one.mT @ read.float()).to(weight.dtype)
        dx = (dy @ weight.float().flatten(1)).to(patches.dtype)
        return dx, total.reshape(weight.shape), dy.sum((0, 1)).to(weight.dtype)


def patch_embed(images, weight, bias):
    size = weight.shape[2]
    if images.shape[2] % size or images.shape[3] % size:
        raise ValueError("the patch size does not divide the image")
    cut = images.unfold(2, size, size).unfold(3, size, size).movedim(1, 3)
    return _Project.apply(cut.flatten(3).flatten(1, 2), weight, bias)
