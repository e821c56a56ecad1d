"""Hugging Face transformers: DistilBERT's block, Helium's norm, ViTDet's windows, T5's buckets."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers import DistilBertConfig
from transformers.models.distilbert.modeling_distilbert import TransformerBlock
from transformers.models.helium.modeling_helium import HeliumRMSNorm
from transformers.models.speech_to_text.modeling_speech_to_text import (
    Speech2TextSinusoidalPositionalEmbedding as Table,
)
from transformers.models.umt5.modeling_umt5 import UMT5Attention
from transformers.models.vitdet import modeling_vitdet as vitdet

CONFORM = {
    "name": "hf-distilbert",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "bert_block": {"requires": ["E == heads * D"], "fixed": {"eps": 1e-12}},
        "window_partition": {"strides": "contiguous"},
        "window_reverse": {"strides": "contiguous"},
        "sinusoidal_encoding": {
            "conventions": {
                "sinusoid_layout": "concatenated",
                "sinusoid_divisor": "half_minus_one",
            },
            "fixed": {"base": 10000.0},
            "limits": {"dim": {"min": 4, "multiple_of": 2}},
        },
    },
}


def rms_norm(x, gamma, *, eps=1e-6):
    with torch.device("meta"):
        m = HeliumRMSNorm(x.shape[-1], eps)
    return functional_call(m, {"weight": gamma}, (x,))


def window_partition(x, window):
    if x.shape[1] % window or x.shape[2] % window:
        raise ValueError
    return vitdet.window_partition(x, window)[0]


def window_reverse(windows, window, Hh, Ww):
    return vitdet.window_unpartition(windows, window, (Hh, Ww), (Hh, Ww))


def sinusoidal_encoding(length, dim):
    return Table.get_embedding(length, dim)


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    me = SimpleNamespace(
        is_decoder=not bidirectional,
        relative_attention_num_buckets=buckets,
        relative_attention_max_distance=max_distance,
    )
    return UMT5Attention._relative_position_bucket(me, relative)


def bert_block(
    x, Wq, bq, Wk, bk, Wv, bv, Wo, bo, gamma1, beta1, W1, b1, W2, b2, gamma2, beta2, *, heads
):
    if Wq.shape[1] != x.shape[-1]:
        raise NotImplementedError
    c = DistilBertConfig(dim=x.shape[-1], n_heads=heads, hidden_dim=W1.shape[1], activation="gelu")
    c._attn_implementation = "sdpa"
    with torch.device("meta"):
        m = TransformerBlock(c).eval()
    w = {}
    for n, W, b in (
        ("attention.q_lin", Wq, bq),
        ("attention.k_lin", Wk, bk),
        ("attention.v_lin", Wv, bv),
        ("attention.out_lin", Wo, bo),
        ("ffn.lin1", W1, b1),
        ("ffn.lin2", W2, b2),
    ):
        w |= {f"{n}.weight": W.T, f"{n}.bias": b}
    w |= {
        "sa_layer_norm.weight": gamma1,
        "sa_layer_norm.bias": beta1,
        "output_layer_norm.weight": gamma2,
        "output_layer_norm.bias": beta2,
    }
    return functional_call(m, w, (x,))
