"""Hugging Face transformers: parameters counted on models that are built on the meta device."""

import torch
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

CONFORM = {
    "name": "hf-model-sizes",
    "dtypes": ["float32"],
    "operators": {
        # OPT stands in where there is a narrow table; it has post-norm and no final norm there
        "gpt_parameters": {"requires": ["embedding_width is None or not final_norm"]},
        "llama_parameters": {
            "fixed": {"matrices": 3, "norms": 2, "experts": None, "top_k": None},
        },
    },
}


def count(kind, config):
    with torch.device("meta"):
        return sum(p.numel() for p in kind(config).parameters())


def in_layers(kind, layers, make):
    """Two small models tell what a layer and the rest have."""
    one, two = count(kind, make(1)), count(kind, make(2))
    return one + (layers - 1) * (two - one)


def gpt_parameters(*, layers, width, vocabulary, positions, final_norm=True, embedding_width=None):
    if embedding_width is not None:
        return in_layers(
            OPTForCausalLM,
            layers,
            lambda n: OPTConfig(
                vocab_size=vocabulary, hidden_size=width, num_hidden_layers=n, ffn_dim=4 * width,
                max_position_embeddings=positions - 2, word_embed_proj_dim=embedding_width,
                do_layer_norm_before=False, num_attention_heads=1, pad_token_id=0,
            ),
        )  # fmt: skip
    total = in_layers(
        GPT2LMHeadModel,
        layers,
        lambda n: GPT2Config(
            vocab_size=vocabulary, n_positions=positions, n_embd=width, n_layer=n, n_head=1,
            bos_token_id=0, eos_token_id=0,
        ),
    )  # fmt: skip
    return total - (0 if final_norm else 2 * width)  # the library has no GPT without it


def bert_parameters(*, layers, width, vocabulary, positions=512, segments=2, pooler=True):
    def kind(config):
        return BertModel(config, add_pooling_layer=pooler)

    return in_layers(
        kind,
        layers,
        lambda n: BertConfig(
            vocab_size=vocabulary, hidden_size=width, num_hidden_layers=n, num_attention_heads=1,
            intermediate_size=4 * width, max_position_embeddings=positions,
            type_vocab_size=segments,
        ),
    )  # fmt: skip


def llama_parameters(
    *, layers, width, heads, hidden, vocabulary, kv_heads=None, head_dim=None, tied=False
):
    if head_dim is None and width % heads:
        raise ValueError("heads do not divide the width")  # the library divides and cuts
    return in_layers(
        LlamaForCausalLM,
        layers,
        lambda n: LlamaConfig(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=hidden, num_hidden_layers=n,
            num_attention_heads=heads, num_key_value_heads=kv_heads or heads, head_dim=head_dim,
            tie_word_embeddings=tied,
        ),
    )  # fmt: skip
