"""The launcher keeps what it bound for the first width of a block size, the columns too."""

import torch
from _interpreted import tl, triton


@triton.jit
def _forward(x, y, rows, columns, stride_row, stride_col, BLOCK: tl.constexpr):
    """A few programs share the rows."""
    at = tl.arange(0, BLOCK)
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        keep = at < columns
        v = tl.load(x + row * stride_row + at * stride_col, mask=keep, other=-float("inf"))
        e = tl.exp(v.to(tl.float32) - tl.max(v.to(tl.float32), 0))
        tl.store(y + row * columns + at, e / tl.sum(e, 0), mask=keep)


_LAUNCHERS = {}


def _launcher(x):
    block = triton.next_power_of_2(x.shape[-1])
    key = block, x.dtype
    if key not in _LAUNCHERS:
        columns = x.shape[-1]

        def launch(flat, y, rows, stride_row, stride_col):
            grid = (min(8, rows),)
            _forward[grid](flat, y, rows, columns, stride_row, stride_col, BLOCK=block)

        _LAUNCHERS[key] = launch
    return _LAUNCHERS[key]


def softmax(x):
    flat = x.reshape(-1, x.shape[-1])
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    out = y.flatten()
    if x.numel():
        launch = _launcher(x)
        launch(flat, out, flat.shape[0], *flat.stride())
    return y
