"""torch.nn.TransformerEncoderLayer and TransformerDecoderLayer, norm_first both ways."""

import torch
from torch.func import functional_call

WIDTH = ["E == H * D"]
CONFORM = {
    "name": "torch-blocks",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "transformer_block": {"requires": WIDTH},
        "bert_block": {"requires": WIDTH},
        # one width for the tokens and the memory
        "decoder_block": {"requires": ["M == E"]},
    },
}


def _attention(name, weights, biases=None):
    q, k, v, o = weights
    b = biases or (0 * q[0],) * 3 + (0 * o[0],)
    return {
        f"{name}.in_proj_weight": torch.cat([q, k, v], 1).T,
        f"{name}.in_proj_bias": torch.cat(b[:3]),
        f"{name}.out_proj.weight": o.T,
        f"{name}.out_proj.bias": b[3],
    }


def _rest(W1, b1, W2, b2, *norms):
    values = {"linear1.weight": W1.T, "linear1.bias": b1}
    values |= {"linear2.weight": W2.T, "linear2.bias": b2}
    for n in range(len(norms) // 2):
        values |= {f"norm{n + 1}.weight": norms[2 * n], f"norm{n + 1}.bias": norms[2 * n + 1]}
    return values


def _layer(kind, x, hidden, heads, norm, activation, eps):
    with torch.device("meta"):
        return kind(
            x.shape[-1], heads, hidden, dropout=0.0, activation=activation, layer_norm_eps=eps,
            batch_first=True, norm_first=norm == "pre", dtype=x.dtype,
        )  # fmt: skip


def _future(x):
    return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *,
    heads, causal=False, norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    kind = torch.nn.TransformerEncoderLayer
    layer = _layer(kind, x, W1.shape[1], heads, norm, activation, eps)
    values = _attention("self_attn", (Wq, Wk, Wv, Wo))
    values |= _rest(W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    return functional_call(layer, values, (x, _future(x) if causal else None))


def bert_block(
    x, Wq, bq, Wk, bk, Wv, bv, Wo, bo, gamma1, beta1, W1, b1, W2, b2, gamma2, beta2, *,
    heads, eps=1e-12,
):  # fmt: skip
    kind = torch.nn.TransformerEncoderLayer
    layer = _layer(kind, x, W1.shape[1], heads, "post", "gelu", eps)
    values = _attention("self_attn", (Wq, Wk, Wv, Wo), (bq, bk, bv, bo))
    values |= _rest(W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    return functional_call(layer, values, (x,))


def decoder_block(
    x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2,
    gamma1, beta1, gamma2, beta2, gamma3, beta3, *,
    heads, norm="post", activation="relu", eps=1e-5,
):  # fmt: skip
    kind = torch.nn.TransformerDecoderLayer
    layer = _layer(kind, x, W1.shape[1], heads, norm, activation, eps)
    values = _attention("self_attn", (Wq, Wk, Wv, Wo))
    values |= _attention("multihead_attn", (Cq, Ck, Cv, Co))
    values |= _rest(W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, gamma3, beta3)
    return functional_call(layer, values, (x, memory, _future(x)))
