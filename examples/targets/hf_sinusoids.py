"""Hugging Face transformers, Whisper: sinusoids, concatenated, divided by half - 1."""

from transformers.models.whisper.modeling_whisper import sinusoids

CONFORM = {
    "name": "hf-whisper",
    "operators": {
        "sinusoidal_encoding": {
            "conventions": {
                "sinusoid_layout": "concatenated",
                "sinusoid_divisor": "half_minus_one",
            },
            # one frequency would divide by zero
            "requires": ["dim % 2 == 0", "dim > 2"],
            "options": {"base": "max_timescale"},
        },
    },
}


def sinusoidal_encoding(length, dim, *, max_timescale=10000.0):
    return sinusoids(length, dim, max_timescale)
