"""Hugging Face transformers, BERT: eager attention, the self-attention module, activations."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers import BertConfig
from transformers.activations import ACT2FN
from transformers.models.bert.modeling_bert import BertSelfAttention, eager_attention_forward

CONFORM = {
    "name": "hf-bert",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "mean_of_values"},
            "requires": ["H == K"],
        },
        # one head of the module's own size: E == D == Dv
        "self_attention": {"requires": ["E == D", "D == Dv"], "rounding": "scores-in-dtype"},
    },
}


def attention(q, k, v, *, mask=None, bias=None, scale=None):
    add = bias
    if mask is not None:
        zero = torch.zeros((), dtype=q.dtype) if bias is None else bias
        add = torch.where(mask, zero, torch.finfo(q.dtype).min)
    module = SimpleNamespace(training=False)
    return eager_attention_forward(module, q, k, v, add, scaling=scale)[0].transpose(1, 2)


def self_attention(x, Wq, Wk, Wv):
    config = BertConfig(hidden_size=x.shape[-1], num_attention_heads=1)
    config._attn_implementation = "eager"
    zero = x.new_zeros(x.shape[-1])
    weights = {"query.weight": Wq.T, "key.weight": Wk.T, "value.weight": Wv.T}
    biases = {"query.bias": zero, "key.bias": zero, "value.bias": zero}
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = BertSelfAttention(config).eval()
    return functional_call(layer, weights | biases, x)[0]


def gelu(x, *, approximate="none"):
    return ACT2FN["gelu" if approximate == "none" else "gelu_pytorch_tanh"](x)


def swish(x):
    return ACT2FN["silu"](x)
