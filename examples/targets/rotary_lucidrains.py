"""rotary-embedding-torch: RotaryEmbedding at given positions, interleaved pairs."""

from rotary_embedding_torch import RotaryEmbedding, apply_rotary_emb

CONFORM = {
    "name": "rotary-embedding-torch",
    "operators": {
        "rope": {
            "conventions": {"rope_pairing": "interleaved"},
            # the library divides by dim - 2
            "requires": ["D > 2", "rotary_dim is None or rotary_dim > 2"],
        },
    },
}


def rope(x, positions, *, base=10000.0, scaling=1.0, rotary_dim=None):
    rotary = RotaryEmbedding(dim=rotary_dim or x.shape[-1], theta=base)
    freqs = rotary.forward(positions / scaling)
    if positions.ndim == 2:
        freqs = freqs.reshape(freqs.shape[0], *[1] * (x.ndim - 3), *freqs.shape[1:])
        return apply_rotary_emb(freqs, x, freqs_seq_dim=-2)
    return apply_rotary_emb(freqs, x)
