"""Hugging Face transformers, DeepSeek-V2: latent attention (its latent's norm left out), rope."""

import torch
from torch import nn
from torch.func import functional_call
from transformers import DeepseekV2Config
from transformers.models.deepseek_v2 import modeling_deepseek_v2 as deepseek

CONFORM = {
    "name": "hf-deepseek",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        # odd widths of the features beside the rotary ones: FINDINGS.md
        "latent_attention": {
            "fixed": {"interleaved": True, "base": 10000.0},
            "conventions": {"compute_dtype": "float32"},
            "requires": ["E % heads == 0", "D % 2 == 0", "C % 2 == 0"],
        },
        "rope": {
            "conventions": {"rope_pairing": "interleaved", "compute_dtype": "float32"},
            "requires": ["D % 2 == 0"],
            "strides": "contiguous",
        },
    },
}


def turns(positions, width, base):
    frequencies = 1.0 / base ** (torch.arange(0, width, 2).float() / width)
    angles = positions.float()[..., None] * frequencies
    return torch.polar(torch.ones_like(angles), angles)


def latent_attention(x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions, *, heads, causal=False):
    n, r = x.shape[1], Wk_rope.shape[1]
    key_up, value_up = (w.unflatten(1, (heads, -1)) for w in (Wk_up, Wv_up))
    config = DeepseekV2Config(
        hidden_size=x.shape[2], num_attention_heads=heads, num_key_value_heads=heads,
        q_lora_rank=None, kv_lora_rank=Wkv_down.shape[1], qk_rope_head_dim=r,
        qk_nope_head_dim=key_up.shape[2], v_head_dim=value_up.shape[2],
    )  # fmt: skip
    config._attn_implementation = "eager"
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = deepseek.DeepseekV2Attention(config, 0).eval()
    layer.kv_a_layernorm = nn.Identity()
    weights = {
        "q_proj.weight": Wq.T, "o_proj.weight": Wo.T,
        "kv_a_proj_with_mqa.weight": torch.cat([Wkv_down, Wk_rope], 1).T,
        "kv_b_proj.weight": torch.cat([key_up, value_up], -1).flatten(1).T,
    }  # fmt: skip
    hidden = torch.ones(n, n, dtype=torch.bool).triu(1) & causal
    mask = torch.zeros(1, 1, n, n, dtype=x.dtype).masked_fill(hidden, torch.finfo(x.dtype).min)
    options = {"attention_mask": mask}
    options["position_embeddings"] = turns(positions.reshape(-1, n), r, 10000.0)
    return functional_call(layer, weights, (x,), options)[0]


def rope(x, positions, *, base=10000.0):
    positions = positions.reshape(-1, x.shape[-2])
    heads = x.reshape(positions.shape[0], -1, *x.shape[-2:])
    angles = turns(positions, x.shape[-1], base)
    return deepseek.apply_rotary_emb(heads, heads, angles)[0].reshape(x.shape)
