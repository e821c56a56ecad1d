"""Hugging Face transformers: whole stacks of GPT-2, BERT, LLaMA and T5's attention, eager."""

import torch
from torch.func import functional_call
from transformers import BertConfig, GPT2Config, LlamaConfig, T5Config
from transformers.models.bert.modeling_bert import BertLayer
from transformers.models.gpt2.modeling_gpt2 import GPT2LMHeadModel
from transformers.models.llama.modeling_llama import LlamaForCausalLM
from transformers.models.t5.modeling_t5 import T5Attention

CONFORM = {
    "name": "hf-stacks",
    "dtypes": ["float32", "bfloat16"],
    "operators": {"llama_decoder": {"requires": ["E % H == 0"]}},
}


def build(kind, config, **options):
    config._attn_implementation = "eager"
    with torch.device("meta"):
        return kind(config, **options).eval()


def filled(module, like, **weights):
    """Zeros for all that is not given: the biases of the library's layers."""
    missing = {
        name: torch.zeros(p.shape, dtype=like.dtype)
        for name, p in module.named_parameters()
        if name not in weights
    }
    return missing | weights


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    config = GPT2Config(
        vocab_size=table.shape[0], n_positions=positions.shape[0], n_embd=table.shape[1],
        n_layer=attn.shape[0], n_head=heads, n_inner=W1.shape[-1], activation_function="gelu",
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    weights = {"transformer.wte.weight": table, "lm_head.weight": table}
    weights |= {"transformer.wpe.weight": positions}
    weights |= {"transformer.ln_f.weight": gamma[-1], "transformer.ln_f.bias": beta[-1]}
    for n in range(attn.shape[0]):
        at = f"transformer.h.{n}."
        weights[at + "attn.c_attn.weight"] = torch.cat(list(attn[n, :3]), 1)
        weights[at + "attn.c_proj.weight"] = attn[n, 3]
        weights |= {at + "mlp.c_fc.weight": W1[n], at + "mlp.c_proj.weight": W2[n]}
        for i in (1, 2):
            weights[at + f"ln_{i}.weight"] = gamma[2 * n + i - 1]
            weights[at + f"ln_{i}.bias"] = beta[2 * n + i - 1]
    model = build(GPT2LMHeadModel, config)
    return functional_call(
        model, filled(model, table, **weights), (tokens,), {"use_cache": False}
    ).logits


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    config = BertConfig(
        hidden_size=x.shape[-1], num_attention_heads=heads, intermediate_size=W1.shape[-1],
        layer_norm_eps=1e-5,
    )  # fmt: skip
    layer = build(BertLayer, config)
    hidden = torch.arange(x.shape[1]) >= lengths[:, None]
    mask = hidden[:, None, None].to(x.dtype) * torch.finfo(x.dtype).min
    for n in range(attn.shape[0]):
        weights = {
            f"attention.self.{name}.weight": attn[n, i].T
            for i, name in enumerate(("query", "key", "value"))
        }
        weights["attention.output.dense.weight"] = attn[n, 3].T
        weights |= {"intermediate.dense.weight": W1[n].T, "output.dense.weight": W2[n].T}
        for i, at in enumerate(("attention.output", "output")):
            weights[at + ".LayerNorm.weight"] = gamma[n, i]
            weights[at + ".LayerNorm.bias"] = beta[n, i]
        y = functional_call(layer, filled(layer, x, **weights), (x, mask))
        x = y[0] if isinstance(y, tuple) else y
    return x


def llama_decoder(
    tokens, table, Wq, Wk, Wv, Wo, Wgate, Wup, Wdown, gamma, head, *, heads, kv_heads=None, start=0
):
    D = Wq.shape[-1] // heads
    config = LlamaConfig(
        vocab_size=table.shape[0], hidden_size=table.shape[1], intermediate_size=Wup.shape[-1],
        num_hidden_layers=Wq.shape[0], num_attention_heads=heads,
        num_key_value_heads=kv_heads or heads, head_dim=D, rms_norm_eps=1e-6,
    )  # fmt: skip
    weights = {"model.embed_tokens.weight": table, "lm_head.weight": head.T}
    weights["model.norm.weight"] = gamma[-1]
    frequencies = 10000.0 ** (-torch.arange(0, D, 2).float() / D)
    weights["model.rotary_emb.inv_freq"] = frequencies
    weights["model.rotary_emb.original_inv_freq"] = frequencies
    for n in range(Wq.shape[0]):
        at = f"model.layers.{n}."
        for name, w in zip("qkvo", (Wq, Wk, Wv, Wo), strict=True):
            weights[f"{at}self_attn.{name}_proj.weight"] = w[n].T
        for name, w in zip(("gate", "up", "down"), (Wgate, Wup, Wdown), strict=True):
            weights[f"{at}mlp.{name}_proj.weight"] = w[n].T
        weights[at + "input_layernorm.weight"] = gamma[2 * n]
        weights[at + "post_attention_layernorm.weight"] = gamma[2 * n + 1]
    model = build(LlamaForCausalLM, config)
    places = torch.arange(start, start + tokens.shape[1]).expand(tokens.shape)
    options = {"position_ids": places, "use_cache": False}
    return functional_call(model, weights, (tokens,), options).logits


def t5_attention(x, Wq, Wk, Wv, Wo, table, *, heads, causal=False):
    config = T5Config(
        d_model=x.shape[-1], d_kv=Wq.shape[-1] // heads, num_heads=heads, is_decoder=causal
    )
    layer = build(T5Attention, config, has_relative_attention_bias=True, layer_idx=0)
    weights = {f"{n}.weight": w.T for n, w in zip("qkvo", (Wq, Wk, Wv, Wo), strict=True)}
    weights["relative_attention_bias.weight"] = table
    L = x.shape[1]
    future = torch.ones(L, L, dtype=torch.bool).triu(1) & causal
    mask = torch.zeros(1, 1, L, L, dtype=x.dtype).masked_fill(future, torch.finfo(x.dtype).min)
    return functional_call(layer, weights, (x,), {"mask": mask})[0]
