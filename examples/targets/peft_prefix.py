"""peft's prefix encoder, and its prefix as the start of transformers' cache under SDPA."""

import torch
import torch.nn.functional as F
from peft import PrefixTuningConfig
from peft.tuners import PrefixEncoder
from transformers import DynamicCache

CONFORM = {
    "name": "peft-prefix",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        # the seeds are as wide as a token
        "prefix_encoder": {"requires": ["E == H * D"]},
        "prefix_attention": {"requires": ["K == H"]},
    },
}


def prefix_encoder(seeds, W1, b1, W2, b2, *, layers, heads):
    P, E = seeds.shape
    config = PrefixTuningConfig(
        num_virtual_tokens=P, token_dim=E, num_layers=layers, num_attention_heads=heads,
        encoder_hidden_size=W1.shape[1], prefix_projection=True, num_transformer_submodules=1,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with torch.device("meta"):
        encoder = PrefixEncoder(config)
    values = {"embedding.weight": seeds, "transform.0.weight": W1.T, "transform.0.bias": b1}
    values |= {"transform.2.weight": W2.T, "transform.2.bias": b2}
    flat = torch.func.functional_call(encoder, values, (torch.arange(P)[None],))
    # as in PeftModel.get_prompt
    parts = flat.view(1, P, layers * 2, heads, E // heads).permute([2, 0, 3, 1, 4]).split(2)
    return tuple(torch.stack([layer[s, 0] for layer in parts]) for s in range(2))


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    cache = DynamicCache()
    cache.update(*(p.expand(q.shape[0], *p.shape) for p in (pk, pv)), 0)
    keys, values = cache.update(k, v, 0)
    mask = None
    if causal:
        past = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(k.shape[2] - q.shape[2])
        mask = F.pad(past, (pk.shape[1], 0), value=True)
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=scale)
