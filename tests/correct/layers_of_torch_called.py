"""torch.nn's own layers and functionals, made on the meta device and called with the weights."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call


def layer(kind, *sizes, **options):
    with torch.device("meta"):
        return kind(*sizes, **options).eval()


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, causal=False):
    late = None
    if causal:
        late = torch.ones(x.shape[1], memory.shape[1], dtype=torch.bool)
        late = late.triu(memory.shape[1] - x.shape[1] + 1)
    y, _ = F.multi_head_attention_forward(
        x.transpose(0, 1), memory.transpose(0, 1), memory.transpose(0, 1),
        Wq.shape[1], heads, None, None, None, None, False, 0.0, Wo.mT, None,
        training=False, need_weights=False, attn_mask=late, use_separate_proj_weight=True,
        q_proj_weight=Wq.mT, k_proj_weight=Wk.mT, v_proj_weight=Wv.mT,
    )  # fmt: skip
    return y.transpose(0, 1)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    act = {"relu": nn.ReLU, "gelu": nn.GELU, "swish": nn.SiLU}[activation]()
    with torch.device("meta"):
        both = nn.Sequential(nn.Linear(*W1.shape), act, nn.Linear(*W2.shape))
    names = {"0.weight": W1.mT, "0.bias": b1, "2.weight": W2.mT, "2.bias": b2}
    return functional_call(both, names, x)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    norm = layer(nn.GroupNorm, 1, x.shape[-1], eps=eps)
    flat = x.reshape(-1, x.shape[-1])
    return functional_call(norm, {"weight": gamma, "bias": beta}, flat).reshape(x.shape)


def embedding(tokens, table):
    bags = layer(nn.EmbeddingBag, *table.shape, mode="sum")
    flat = functional_call(bags, {"weight": table}, tokens.reshape(-1, 1))
    return flat.reshape(*tokens.shape, table.shape[1])


def glu_feed_forward(x, W, V, W2):
    return F.linear(F.silu(F.linear(x, W.mT)) * F.linear(x, V.mT), W2.mT)


def output_projection(h, W):
    return functional_call(layer(nn.Linear, *W.shape, bias=False), {"weight": W.mT}, h)


def patch_embed(images, weight, bias):
    conv = layer(nn.Conv2d, images.shape[1], len(weight), weight.shape[-1], weight.shape[-1])
    return functional_call(conv, {"weight": weight, "bias": bias}, images).flatten(2).mT


CONFORM = {
    "operators": {
        "feed_forward": {"limits": {"activation": ["relu", "gelu", "swish"]}},
        "multi_head_attention": {"requires": ["H * D == E", "Lq <= Lk or not causal"]},
        "layer_norm": {"limits": {"B": {"min": 1}, "L": {"min": 1}}},
    },
}
