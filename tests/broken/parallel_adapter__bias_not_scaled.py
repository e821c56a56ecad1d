"""The scaling multiplies the matrix product alone, the bias is added afterwards."""

import torch
import torch.nn.functional as F

ACT = {"relu": torch.relu, "gelu": F.gelu, "swish": F.silu, "identity": lambda t: t}


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    wide = torch.promote_types(x.dtype, torch.float32)
    inner = ACT[activation](x.to(wide) @ Wdown.to(wide) + bdown.to(wide))
    return (h.to(wide) + scaling * (inner @ Wup.to(wide)) + bup.to(wide)).to(h.dtype)
