"""Hugging Face transformers, Llama: eager attention, rotary embedding, RMSNorm, gated MLP, loss."""

from types import SimpleNamespace

import torch
from torch import nn
from torch.func import functional_call
from transformers import LlamaConfig
from transformers.loss.loss_utils import ForCausalLMLoss
from transformers.masking_utils import eager_mask
from transformers.models.llama.modeling_llama import (
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
    eager_attention_forward,
)

CONFORM = {
    "name": "hf-llama",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        # additive finfo.min masks: a row without visible keys averages the values
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "mean_of_values"},
            "requires": ["Lk > 0"],
        },
        "rope": {
            "rounding": "tables-in-dtype",
            "conventions": {"rope_pairing": "half", "compute_dtype": "float32"},
        },
        "rms_norm": {"conventions": {"compute_dtype": "float32"}},
        # the library reshapes the logits with .view
        "language_model_loss": {
            "strides": "contiguous",
            "conventions": {"compute_dtype": "float32"},
        },
    },
}

# the names that ACT2FN knows
ACTIVATIONS = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_tanh": "gelu_pytorch_tanh",
    "swish": "silu",
    "sigmoid": "sigmoid",
    "identity": "linear",
}


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    module = SimpleNamespace(num_key_value_groups=q.shape[1] // k.shape[1], training=False)
    lq, lk = q.shape[2], k.shape[2]
    # one additive mask, made as the library's own mask functions make it
    add = eager_mask(q.shape[0], lq, lk, q_offset=lk - lq, dtype=q.dtype) if causal else 0
    if mask is not None:
        add = torch.where(mask, add, torch.finfo(q.dtype).min).to(q.dtype)
    add = add if bias is None else add + bias
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return eager_attention_forward(
        module, q, k, v, add if torch.is_tensor(add) else None, scaling=scale
    )[0].transpose(1, 2)


def rope(x, positions, *, base=10000.0, scaling=1.0):
    settings = {"rope_type": "linear", "rope_theta": base, "factor": scaling}
    if scaling == 1:
        settings = {"rope_type": "default", "rope_theta": base}
    config = LlamaConfig(hidden_size=x.shape[-1], num_attention_heads=1, rope_parameters=settings)
    positions = positions.reshape(-1, x.shape[-2])
    heads = x.reshape(positions.shape[0], -1, *x.shape[-2:])
    cos, sin = LlamaRotaryEmbedding(config)(x, positions)
    return apply_rotary_pos_emb(heads, heads, cos, sin)[0].reshape(x.shape)


def rms_norm(x, gamma, *, eps=1e-6):
    return functional_call(LlamaRMSNorm(x.shape[-1], eps), {"weight": gamma}, x)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    config = LlamaConfig(
        hidden_size=W.shape[0],
        intermediate_size=W.shape[1],
        num_attention_heads=1,
        head_dim=2,  # unused here, but checked to be even
        hidden_act=ACTIVATIONS[activation],
    )
    weights = {"gate_proj.weight": W.T, "up_proj.weight": V.T, "down_proj.weight": W2.T}
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = LlamaMLP(config)
    return functional_call(layer, weights, x)


def embedding(tokens, table):
    return functional_call(nn.Embedding(*table.shape, device="meta"), {"weight": table}, tokens)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    return ForCausalLMLoss(logits, tokens, logits.shape[-1], ignore_index=ignore_index)
