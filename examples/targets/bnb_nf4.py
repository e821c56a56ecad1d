"""bitsandbytes on a CPU: NF4 by blocks."""

import torch
from bitsandbytes.functional import QuantState, dequantize_4bit, quantize_4bit

BLOCKS = {"b": [64, 128, 256]}
CONFORM = {
    "name": "bitsandbytes-nf4",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "nf4_quantize": {"limits": {**BLOCKS, "block_size": [64, 128, 256]}},
        "nf4_dequantize": {"limits": {**BLOCKS, "block_size": [64, 128, 256]}},
    },
}
# It would compile anew for every odd size.
torch.compiler.set_stance("force_eager")
CODE = quantize_4bit(torch.ones(64), blocksize=64, quant_type="nf4")[1].code


def nf4_quantize(w, *, block_size=64):
    packed, state = quantize_4bit(w.contiguous(), blocksize=block_size, quant_type="nf4")
    codes = torch.stack([packed >> 4, packed & 15], -1).reshape(-1)
    return codes[: w.numel()].to(torch.uint8), state.absmax


def nf4_dequantize(codes, absmax, *, block_size=64):
    even = torch.nn.functional.pad(codes.to(torch.uint8), (0, codes.numel() % 2), value=7)
    packed = ((even[0::2] << 4) | even[1::2]).unsqueeze(1)
    state = QuantState(absmax.float().contiguous(), codes.shape, CODE, block_size, "nf4",
                       torch.float32)  # fmt: skip
    # For one dimension it returns two, [1, n] or [n, 1].
    return dequantize_4bit(packed, state).reshape(codes.shape)
