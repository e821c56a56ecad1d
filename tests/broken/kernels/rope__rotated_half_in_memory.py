"""The rotated half is written to memory as a tensor of its own, as eager code does."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(
    x, turned, positions, y, length, width, log2_base, BLOCK: tl.constexpr
):  # fmt: skip
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    keep = at < width
    half = width // 2
    pair = tl.where(at < half, at, at - half).to(tl.float32)
    place = tl.load(positions + row % length).to(tl.float32)
    angle = place * tl.exp2(-2.0 * pair / width * log2_base)
    a = tl.load(x + row * width + at, mask=keep, other=0.0).to(tl.float32)
    b = tl.load(turned + row * width + at, mask=keep, other=0.0).to(tl.float32)
    tl.store(y + row * width + at, a * tl.cos(angle) + b * tl.sin(angle), mask=keep)


def rope(x, positions, *, base=10000.0):
    x = x.contiguous()
    length, width = x.shape[-2:]
    first, second = x.chunk(2, -1)
    turned = torch.cat((-second, first), -1)
    y = torch.empty_like(x)
    if x.numel():
        _kernel[(x.numel() // width,)](
            x, turned, positions.contiguous(), y, length, width,
            float(torch.log2(torch.tensor(base, dtype=torch.float64))),
            BLOCK=triton.next_power_of_2(width),
        )  # fmt: skip
    return y
