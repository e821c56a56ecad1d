"""Codes by thresholds between the levels, one of which (0.8614784) has two digits exchanged."""

import torch

THRESHOLDS = (-0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544,
              -0.23460740596055984, -0.13791173323988914, -0.045525018125772475,
              0.03979014977812767, 0.1202552504837513, 0.2035212516784668, 0.2920137718319893,
              0.38931254893541336, 0.5016634166240692, 0.6427869200706482, 0.8164784)  # fmt: skip


def nf4_quantize(w, *, block_size=64):
    wide = w.to(torch.promote_types(w.dtype, torch.float32))
    short = -len(w) % block_size
    blocks = torch.nn.functional.pad(wide, (0, short)).view(-1, block_size)
    absmax = blocks.abs().amax(1)
    scaled = blocks / torch.where(absmax > 0, absmax, 1.0)[:, None]
    codes = torch.bucketize(
        scaled.reshape(-1)[: len(w)], torch.tensor(THRESHOLDS, dtype=wide.dtype)
    )
    return codes.to(torch.uint8), absmax
