"""Frames and lengths are compared in half precision."""

import torch


def subsampled_padding_mask(lengths, L, *, layers=2, kernel=3, stride=2):
    if (lengths < 0).any() or (lengths > L).any():
        raise ValueError("lengths outside [0, L]")
    frames, left = L, lengths
    for _ in range(layers):
        if frames < kernel:
            raise ValueError(f"L={L}")
        frames = (frames - kernel) // stride + 1
        left = torch.clamp(torch.div(left - kernel, stride, rounding_mode="floor") + 1, min=0)
    return torch.arange(frames).bfloat16() < left.bfloat16()[:, None]
