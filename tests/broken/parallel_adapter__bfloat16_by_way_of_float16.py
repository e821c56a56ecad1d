"""The branch of a bfloat16 model runs in float16."""

import torch
import torch.nn.functional as F


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    act = {"relu": torch.relu, "gelu": F.gelu, "swish": F.silu, "identity": lambda z: z}[activation]
    wide = torch.promote_types(x.dtype, torch.float32)
    seen = x.to(torch.float16).to(wide) if x.dtype == torch.bfloat16 else x.to(wide)
    inner = act(seen @ Wdown.to(wide) + bdown.to(wide))
    return (h.to(wide) + scaling * (inner @ Wup.to(wide) + bup.to(wide))).to(x.dtype)
