"""The sizes are multiplied as a float32 tensor's elements are."""

import torch


def gpt_parameters(*, layers, width, vocabulary, positions, final_norm=True, embedding_width=None):
    if min(layers, width, vocabulary, positions) < 1:
        raise ValueError("sizes")
    if embedding_width is not None and embedding_width < 1:
        raise ValueError("embedding_width")
    d = torch.tensor(width, dtype=torch.float32)
    e = d if embedding_width is None else torch.tensor(embedding_width, dtype=d.dtype)
    total = layers * (12 * d * d + 13 * d) + vocabulary * e + positions * d
    total = total + (2 * d * e if embedding_width is not None else 0)
    return int(total + (2 * d if final_norm else 0))
