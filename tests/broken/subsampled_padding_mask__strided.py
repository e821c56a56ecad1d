"""The mask is strided like the frames: one is valid when its first input frame is."""

import torch

MISTAKE = "subsampled_padding_mask.strided-mask"


def subsampled_padding_mask(lengths, L, *, layers=2, kernel=3, stride=2):
    mask = torch.arange(L) < lengths[:, None]
    for _ in range(layers):
        mask = mask[:, : mask.shape[1] - kernel + 1 : stride]
    return mask
