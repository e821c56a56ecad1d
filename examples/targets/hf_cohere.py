"""Hugging Face transformers, Cohere: interleaved rotary embedding, tables in the input dtype."""

from transformers import CohereConfig
from transformers.models.cohere.modeling_cohere import CohereRotaryEmbedding, apply_rotary_pos_emb

CONFORM = {
    "name": "hf-cohere",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "rope": {
            "rounding": "tables-in-dtype",
            "conventions": {"rope_pairing": "interleaved", "compute_dtype": "float32"},
        },
    },
}


def rope(x, positions, *, base=10000.0):
    rope_type = {"rope_type": "default", "rope_theta": base}
    config = CohereConfig(hidden_size=x.shape[-1], num_attention_heads=1, rope_parameters=rope_type)
    positions = positions.reshape(-1, x.shape[-2])
    heads = x.reshape(positions.shape[0], -1, *x.shape[-2:])
    cos, sin = CohereRotaryEmbedding(config)(x, positions)
    return apply_rotary_pos_emb(heads, heads, cos, sin)[0].reshape(x.shape)
