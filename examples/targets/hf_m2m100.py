"""Hugging Face transformers, M2M-100: sinusoids, concatenated, divided by half - 1."""

from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding

CONFORM = {
    "name": "hf-m2m100",
    "operators": {
        "sinusoidal_encoding": {
            "conventions": {
                "sinusoid_layout": "concatenated",
                "sinusoid_divisor": "half_minus_one",
            },
            "requires": ["dim % 2 == 0", "dim > 2"],
        },
    },
}


def sinusoidal_encoding(length, dim):
    return M2M100SinusoidalPositionalEmbedding.get_embedding(length, dim)
