"""The table is cut off, or begun again, where the number of patches changes."""

import torch

MISTAKE = "interpolate_positions.cropped"


def interpolate_positions(positions, height, width, *, mode="bicubic"):
    side = int((len(positions) - 1) ** 0.5)
    if side * side != len(positions) - 1:
        raise ValueError("no square grid")
    index = torch.arange(height * width) % (len(positions) - 1)
    return torch.cat((positions[:1], positions[1:][index]))
