"""The bottleneck of a bfloat16 model runs in float16."""

import torch
import torch.nn.functional as F


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    act = {
        "relu": torch.relu,
        "gelu": F.gelu,
        "swish": F.silu,
        "sigmoid": torch.sigmoid,
        "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
        "identity": lambda z: z,
    }[activation]
    wide = torch.promote_types(h.dtype, torch.float32)
    seen = h.to(torch.float16).to(wide) if h.dtype == torch.bfloat16 else h.to(wide)
    inner = act(seen @ Wdown.to(wide) + bdown.to(wide))
    return (h.to(wide) + inner @ Wup.to(wide) + bup.to(wide)).to(h.dtype)
