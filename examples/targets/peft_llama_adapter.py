"""peft's LLaMA-Adapter around transformers' LlamaAttention, rotary angles of zero.

The library multiplies by its one gate a layer as it is; the gate is squashed here, and the output
bias is added here, since the library would add it once for each of the two parts.
"""

import torch
from peft.tuners.adaption_prompt.layer import AdaptedAttention
from torch.func import functional_call
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaAttention

CONFORM = {
    "name": "peft-llama-adapter",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"llama_adapter_layer": {"limits": {"H": [1]}}},
}


def llama_adapter_layer(x, prompt, Wq, Wk, Wv, Wo, bo, gate, *, heads, causal=True):
    (B, L, E), P = x.shape, prompt.shape[0]
    config = LlamaConfig(
        hidden_size=E,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        attn_implementation="sdpa",
    )
    with torch.device("meta"):
        layer = AdaptedAttention("llama", P, LlamaAttention(config, 0).to(x.dtype)).eval()
    values = {f"model.{n}_proj.weight": W.T for n, W in zip("qkvo", (Wq, Wk, Wv, Wo), strict=True)}
    values |= {"adaption_prompt": prompt[None], "adaption_gate": torch.tanh(gate)}
    cos = x.new_ones(B, L, E // heads)
    mask = None if causal else x.new_zeros(B, 1, L, L)
    arguments = {
        "hidden_states": x, "position_embeddings": (cos, 0 * cos), "attention_mask": mask,
        "position_ids": torch.zeros(B, L, dtype=torch.int64),
    }  # fmt: skip
    return functional_call(layer, values, (), arguments)[0] + bo
