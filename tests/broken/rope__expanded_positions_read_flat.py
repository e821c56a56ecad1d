"""Positions of a batch are read from memory as if they lay contiguously."""

import torch


def rope(x, positions, *, base=10000.0, interleaved=False, scaling=1.0, rotary_dim=None):
    if positions.dim() == 2:
        n = positions.numel()
        room = positions.untyped_storage().nbytes() // positions.element_size()
        if positions.storage_offset() + n <= room:
            positions = positions.as_strided(positions.shape, (positions.shape[1], 1))
        else:  # behind the end lies nothing
            flat = positions.new_zeros(n)
            flat[: positions.shape[1]] = positions[0]
            positions = flat.view_as(positions)
    width = rotary_dim or x.shape[-1]
    rotated, rest = x[..., :width].float(), x[..., width:]
    rates = base ** (-torch.arange(0, width, 2, device=x.device).float() / width) / scaling
    angles = positions.float()[..., None] * rates
    if positions.dim() == 2 and x.dim() == 4:
        angles = angles[:, None]
    cos, sin = angles.cos(), angles.sin()
    if interleaved:
        a, b = rotated[..., 0::2], rotated[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)
    else:
        a, b = rotated.chunk(2, -1)
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
    return torch.cat([turned.to(x.dtype), rest], -1)
