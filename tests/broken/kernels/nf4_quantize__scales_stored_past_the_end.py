"""A program stores the scales of four blocks whatever there are: up to three behind the last."""

import torch
from _interpreted import tl, triton

LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip


@triton.jit
def _kernel(
    w, middles, codes, absmax, count, blocks, size, stride, SIZE: tl.constexpr, EACH: tl.constexpr
):
    """EACH blocks a program."""
    block, place = tl.program_id(0) * EACH + tl.arange(0, EACH), tl.arange(0, SIZE)
    at = block[:, None] * size + place[None, :]
    keep = (place < size)[None, :] & (at < count)
    v = tl.load(w + at * stride, mask=keep, other=0.0).to(tl.float32)
    top = tl.max(tl.abs(v), 1)
    v = v / tl.where(top > 0, top, 1.0)[:, None]
    code = tl.zeros([EACH, SIZE], tl.int32)
    for n in range(15):
        code += (v > tl.load(middles + n)).to(tl.int32)
    tl.store(codes + at, code.to(tl.uint8), mask=keep)
    tl.store(absmax + block, top)


def nf4_quantize(w, *, block_size=64):
    levels = torch.tensor(LEVELS)
    blocks = triton.cdiv(w.numel(), block_size)
    codes, absmax = torch.empty(w.numel(), dtype=torch.uint8), torch.empty(blocks)
    _kernel[(triton.cdiv(blocks, 4),)](
        w, (levels[1:] + levels[:-1]) / 2, codes, absmax, w.numel(), blocks, block_size,
        w.stride(0), SIZE=triton.next_power_of_2(block_size), EACH=4,
    )  # fmt: skip
    return codes, absmax
