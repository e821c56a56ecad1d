"""Rotary embedding by complex multiplication."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2:
        raise ValueError(f"rotary_dim={width}, expected an even number")
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = (positions.double() / scaling)[..., None] * frequency
    if positions.dim() == 2:
        angle = angle.reshape(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    turn = torch.polar(torch.ones_like(angle), angle)
    turn = turn.to(torch.complex128 if wide == torch.float64 else torch.complex64)
    part = x[..., :width].to(wide)
    pairs = part.unflatten(-1, (-1, 2)) if interleaved else part.unflatten(-1, (2, -1)).mT
    pairs = pairs.clone(memory_format=torch.contiguous_format)  # at an even storage offset
    turned = torch.view_as_real(torch.view_as_complex(pairs) * turn)
    turned = turned.flatten(-2) if interleaved else turned.mT.flatten(-2)
    return torch.cat([turned.to(x.dtype), x[..., width:]], dim=-1)
