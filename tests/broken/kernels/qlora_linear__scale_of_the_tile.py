"""A tile of columns takes the scale of its first code."""

import torch
from _interpreted import tl, triton

VALUES = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip


@triton.jit
def _product(
    x, codes, values, absmax, y, rows, columns, outputs, block_size, xs, cs, s,
    ROWS: tl.constexpr, IN: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    out = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    acc = tl.zeros([ROWS, ROWS], tl.float32)
    for start in range(0, columns, IN):
        at = start + tl.arange(0, IN)
        real = (at < columns)[None, :]
        keep = (row < rows)[:, None] & real
        part = tl.load(x + row[:, None] * xs[0] + at[None, :] * xs[1], mask=keep, other=0.0)
        keep = (out < outputs)[:, None] & real
        place = out[:, None] * columns + at[None, :]
        code = tl.load(codes + place * cs, mask=keep, other=7)
        block = (place - at[None, :] + start) // block_size
        scale = tl.load(absmax + block * s, mask=keep, other=0.0)
        w = tl.load(values + code) * scale.to(tl.float32)
        acc += tl.dot(part.to(tl.float32), tl.trans(w), input_precision="ieee")
    keep = (row < rows)[:, None] & (out < outputs)[None, :]
    tl.store(y + row[:, None] * outputs + out[None, :], acc, mask=keep)


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    rows, outputs = x.detach().reshape(-1, x.shape[-1]), B.shape[0]
    y = torch.empty(len(rows), outputs)
    _product[(triton.cdiv(len(rows), 16), triton.cdiv(outputs, 16))](
        rows, codes, torch.tensor(VALUES), absmax, y, *rows.shape, outputs, block_size,
        rows.stride(), codes.stride(0), absmax.stride(0), ROWS=16, IN=16,
    )  # fmt: skip
    y = y + alpha / A.shape[0] * (rows.float() @ A.float().T) @ B.float().T
    return y.reshape(*x.shape[:-1], outputs).to(x.dtype)
