"""rotary-embedding-torch through its usual entry, rotate_queries_or_keys with an offset.

In half precision this entry makes the positions in the input's dtype; see FINDINGS.md.
"""

from rotary_embedding_torch import RotaryEmbedding

CONFORM = {
    "name": "rotary-embedding-torch-offset",
    "operators": {
        "rope": {
            "conventions": {"rope_pairing": "interleaved"},
            "limits": {"D": {"min": 4}, "L": {"max": 8192}},
        },
    },
}


def rope(x, positions, *, base=10000.0):
    steps = positions.reshape(-1, positions.shape[-1])
    if len(steps) > 1 or (steps[0].diff() != 1).any():
        raise NotImplementedError("positions must be consecutive and shared by the batch")
    rotary = RotaryEmbedding(dim=x.shape[-1], theta=base)
    return rotary.rotate_queries_or_keys(x, offset=int(steps[0, 0]))
