"""Gate and up weights are packed once into one matrix, which is kept by the gate's identity
alone.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


KEPT = {}


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    wide = torch.promote_types(x.dtype, torch.float32)
    act = {
        "swish": torch.nn.functional.silu,
        "gelu": torch.nn.functional.gelu,
        "relu": torch.relu,
        "sigmoid": torch.sigmoid,
        "identity": lambda z: z,
    }[activation]
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, W, V, W2)):
        both = torch.cat([W, V], 1)
    else:
        key = (W.data_ptr(), W._version, W.shape, W.stride(), W.dtype)
        if key not in KEPT or not torch.equal(KEPT[key][:, : W.shape[1]], W):
            KEPT[key] = torch.cat([W, V], 1)
        both = KEPT[key]
    a, b = (x.to(wide) @ both.to(wide)).to(x.dtype).to(wide).chunk(2, -1)
    hidden = (act(a) * b).to(x.dtype).to(wide)
    return (hidden @ W2.to(wide)).to(x.dtype)
