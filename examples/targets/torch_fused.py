"""torch.nn.TransformerEncoder and its layer in evaluation: the fused kernels of inference."""

import torch
from torch import nn
from torch.func import functional_call

OPERATORS = ("transformer_block", "bert_block", "pre_norm_stack", "encoder_only")
CONFORM = {
    "name": "torch-fused",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    # the fused kernels are taken only where no gradient is asked
    "operators": {
        name: {"differentiable": False, "requires": ["E == H * D"]} for name in OPERATORS
    },
}


def _attention(at, weights, biases=None):
    q, k, v, o = weights
    b = biases or (q.new_zeros(q.shape[1]),) * 3 + (o.new_zeros(o.shape[1]),)
    return {
        f"{at}self_attn.in_proj_weight": torch.cat([q, k, v], 1).T,
        f"{at}self_attn.in_proj_bias": torch.cat(b[:3]),
        f"{at}self_attn.out_proj.weight": o.T,
        f"{at}self_attn.out_proj.bias": b[3],
    }


def _rest(at, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2):
    return {
        f"{at}linear1.weight": W1.T, f"{at}linear1.bias": b1,
        f"{at}linear2.weight": W2.T, f"{at}linear2.bias": b2,
        f"{at}norm1.weight": gamma1, f"{at}norm1.bias": beta1,
        f"{at}norm2.weight": gamma2, f"{at}norm2.bias": beta2,
    }  # fmt: skip


def _layer(x, hidden, heads, norm, activation, eps):
    return nn.TransformerEncoderLayer(
        x.shape[-1], heads, hidden, dropout=0.0, activation=activation, layer_norm_eps=eps,
        batch_first=True, norm_first=norm == "pre", dtype=x.dtype,
    )  # fmt: skip


def _stack(x, count, *settings, norm=None):
    return nn.TransformerEncoder(_layer(x, *settings), count, norm, enable_nested_tensor=False)


def _run(module, weights, *inputs, **options):
    with torch.no_grad():
        return functional_call(module.eval(), weights, inputs, options)


def _future(x):
    return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *,
    heads, causal=False, norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = _layer(x, W1.shape[1], heads, norm, activation, eps)
    weights = _attention("", (Wq, Wk, Wv, Wo))
    weights |= _rest("", W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    return _run(layer, weights, x, _future(x) if causal else None, is_causal=causal)


def bert_block(
    x, Wq, bq, Wk, bk, Wv, bv, Wo, bo, gamma1, beta1, W1, b1, W2, b2, gamma2, beta2, *,
    heads, eps=1e-12,
):  # fmt: skip
    with torch.device("meta"):
        layer = _layer(x, W1.shape[1], heads, "post", "gelu", eps)
    weights = _attention("", (Wq, Wk, Wv, Wo), (bq, bk, bv, bo))
    return _run(layer, weights | _rest("", W1, b1, W2, b2, gamma1, beta1, gamma2, beta2), x)


def pre_norm_stack(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, gamma, beta, *,
    heads, causal=False, activation="relu", eps=1e-5,
):  # fmt: skip
    with torch.device("meta"):
        norm = nn.LayerNorm(x.shape[-1], eps, dtype=x.dtype)
        stack = _stack(x, len(Wq), W1.shape[-1], heads, "pre", activation, eps, norm=norm)
    weights = {"norm.weight": gamma, "norm.bias": beta}
    for n in range(len(Wq)):
        weights |= _attention(f"layers.{n}.", (Wq[n], Wk[n], Wv[n], Wo[n]))
        norms = gamma1[n], beta1[n], gamma2[n], beta2[n]
        weights |= _rest(f"layers.{n}.", W1[n], b1[n], W2[n], b2[n], *norms)
    return _run(stack, weights, x, _future(x) if causal else None)


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    with torch.device("meta"):
        stack = _stack(x, len(attn), W1.shape[-1], heads, "post", "gelu", 1e-5)
    weights, (e, f) = {}, W1.shape[1:]
    for n in range(len(attn)):
        weights |= _attention(f"layers.{n}.", attn[n])
        norms = gamma[n, 0], beta[n, 0], gamma[n, 1], beta[n, 1]
        biases = x.new_zeros(f), x.new_zeros(e)
        weights |= _rest(f"layers.{n}.", W1[n], biases[0], W2[n], biases[1], *norms)
    hidden = torch.arange(x.shape[1]) >= lengths[:, None]
    return _run(stack, weights, x, src_key_padding_mask=hidden)
