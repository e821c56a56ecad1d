"""The scales of the blocks are cast to the dtype of x before they meet the NF4 values."""

import torch

CONFORM = {"dtypes": ["bfloat16", "float16"]}
NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
]  # fmt: skip


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    out_features, in_features = B.shape[0], A.shape[1]
    levels = torch.tensor(NF4, device=x.device).to(x.dtype)
    scales = absmax.to(x.dtype).repeat_interleave(block_size)[: codes.numel()]
    W = (levels[codes.long()] * scales).view(out_features, in_features).float()
    h = x.float()
    return (h @ W.T + alpha / A.shape[0] * (h @ A.float().T @ B.float().T)).to(x.dtype)
