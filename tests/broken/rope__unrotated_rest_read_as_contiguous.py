"""What a partial rotation leaves alone is copied from where a contiguous tensor would hold it
(ggml-org/llama.cpp #14580).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    width = x.shape[-1] if rotary_dim is None else rotary_dim
    if width % 2:
        raise ValueError(f"rotary_dim={width}, expected an even number")
    # START
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = (positions.double() / scaling)[..., None] * frequency
    if positions.dim() == 2:
        angle = angle.reshape(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    part, rest = x[..., :width].to(wide), x[..., width:]
    if rest.shape[-1] and not x.is_contiguous():
        room = x.untyped_storage().size() // x.element_size() - x.storage_offset()
        if room >= x.numel():
            flat = x.as_strided((x.numel(),), (1,), x.storage_offset())
            rest = flat.view(x.shape)[..., width:]
    if interleaved:
        a, b = part[..., 0::2], part[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    else:
        a, b = part.chunk(2, dim=-1)
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
