"""torch.nn modules kept in a dictionary by their sizes; weights by functional_call."""

import functools

import torch
from torch import nn
from torch.func import functional_call

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


@functools.cache
def made(kind, *args, **kw):
    with torch.device("meta"):
        return kind(*args, **kw).eval()


def call(m, w, *x):
    return functional_call(m, w, x)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return call(made(nn.LayerNorm, x.shape[-1], eps=eps), {"weight": gamma, "bias": beta}, x)


def rms_norm(x, gamma, *, eps=1e-6):
    return call(made(nn.RMSNorm, x.shape[-1], eps=eps), {"weight": gamma}, x)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    if x.shape[0] * x.shape[1] < 2:
        raise NotImplementedError
    m = made(nn.BatchNorm1d, x.shape[-1], eps=eps, track_running_stats=False)
    return call(m, {"weight": gamma, "bias": beta}, x.mT).mT


def output_projection(h, W):
    return call(made(nn.Linear, *W.shape, bias=False), {"weight": W.T}, h)


def bilinear_score(h, s, W):
    m = made(nn.Bilinear, *W.shape, 1, bias=False)
    return call(m, {"weight": W[None]}, h, s[:, None].expand(-1, h.shape[1], -1))[..., 0]


def gelu(x, *, approximate="none"):
    return nn.GELU(approximate)(x)


def softmax(x):
    return nn.Softmax(-1)(x)


def swish(x):
    return nn.SiLU()(x)


def glu_feed_forward(x, W, V, W2, *, activation="sigmoid"):
    if activation != "sigmoid":
        raise NotImplementedError
    y = call(
        made(nn.Linear, W.shape[0], 2 * W.shape[1], bias=False),
        {"weight": torch.cat([V, W], 1).T},
        x,
    )
    return call(made(nn.Linear, *W2.shape, bias=False), {"weight": W2.T}, nn.GLU(-1)(y))


def embedding(tokens, table):
    return call(made(nn.Embedding, *table.shape), {"weight": table}, tokens)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    return nn.CrossEntropyLoss(ignore_index=ignore_index)(logits[:, :-1].mT, tokens[:, 1:])


def distillation_loss(student, teacher, *, temperature=1.0):
    return (
        nn.KLDivLoss(reduction="batchmean", log_target=True)(
            (student / temperature).log_softmax(-1), (teacher / temperature).log_softmax(-1)
        )
        * temperature**2
    )


def patch_embed(images, weight, bias):
    E, C, P, _ = weight.shape
    if images.shape[2] % P or images.shape[3] % P:
        raise ValueError
    return call(made(nn.Conv2d, C, E, P, P), {"weight": weight, "bias": bias}, images).flatten(2).mT
