"""The last, short block is read and scaled as a whole one, with what lies behind the weights."""

import torch
from _interpreted import tl, triton

LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip


@triton.jit
def _kernel(w, middles, codes, absmax, count, stride, SIZE: tl.constexpr):
    block = tl.program_id(0)
    at = block * SIZE + tl.arange(0, SIZE)
    v = tl.load(w + at * stride).to(tl.float32)
    top = tl.max(tl.abs(v), 0)
    v = v / tl.where(top > 0, top, 1.0)
    code = tl.zeros([SIZE], tl.int32)
    for n in range(15):
        code += (v > tl.load(middles + n)).to(tl.int32)
    tl.store(codes + at, code.to(tl.uint8), mask=at < count)
    tl.store(absmax + block, top)


def nf4_quantize(w, *, block_size=64):
    levels = torch.tensor(LEVELS)
    blocks = triton.cdiv(w.numel(), block_size)
    # Room for a whole block, so that only values go wrong.
    room = torch.full((blocks * block_size,), 3.0, dtype=w.dtype)
    room[: w.numel()] = w
    codes, absmax = torch.empty(w.numel(), dtype=torch.uint8), torch.empty(blocks)
    _kernel[(blocks,)](
        room, (levels[1:] + levels[:-1]) / 2, codes, absmax, w.numel(), 1, SIZE=block_size
    )
    return codes, absmax
