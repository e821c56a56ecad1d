"""Layers evaluated in chunks of rows, whose products are kept and all else computed again."""

from functools import partial

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import CheckpointPolicy, checkpoint
from torch.utils.checkpoint import create_selective_checkpoint_contexts as contexts

ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z,
}
CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def policy(context, op, *args, **kwargs):
    products = (torch.ops.aten.mm.default, torch.ops.aten.addmm.default)
    return CheckpointPolicy.MUST_SAVE if op in products else CheckpointPolicy.PREFER_RECOMPUTE


def by_rows(function, x, *weights):
    """`function` of 3 rows at a time, in float32 at least, recomputed on the way back."""
    wide = torch.promote_types(x.dtype, torch.float32)
    flat, *weights = (t.to(wide) for t in (x.reshape(-1, x.shape[-1]), *weights))
    if not len(flat):
        return function(x.to(wide), *weights).to(x.dtype)
    parts = [
        checkpoint(
            function, rows, *weights, use_reentrant=False, context_fn=partial(contexts, policy)
        )
        for rows in flat.split(3)
    ]
    return torch.cat(parts).reshape(*x.shape[:-1], -1).to(x.dtype)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    act = ACTIVATIONS[activation]
    return by_rows(lambda y, a, b, c, d: act(y @ a + b) @ c + d, x, W1, b1, W2, b2)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    act = ACTIVATIONS[activation]
    return by_rows(lambda y, a, b, c: (act(y @ a) * (y @ b)) @ c, x, W, V, W2)


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    act = ACTIVATIONS[activation]
    return by_rows(lambda y, a, b, c, d: y + (act(y @ a + b) @ c + d), h, Wdown, bdown, Wup, bup)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return by_rows(lambda y, g, b: F.layer_norm(y, g.shape, g, b, eps), x, gamma, beta)


def lora_linear(x, W0, A, B, *, alpha):
    scale = alpha / A.shape[0]
    return by_rows(lambda y, w, a, b: y @ w.mT + scale * (y @ a.mT) @ b.mT, x, W0, A, B)
