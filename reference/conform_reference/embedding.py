"""From tokens to vectors and from vectors to logits."""

import torch
from torch import Tensor

from conform_reference._check import compute_dtype


def embedding(tokens: Tensor, table: Tensor) -> Tensor:
    """Row tokens[...] of table[V, E]: int[...] -> [..., E], dtype of the table, no arithmetic.

    Raises ValueError for tokens that are no integers or lie outside [0, V), or another rank.
    Source: CMU deck, "Embedding Layer" (whose last row is labelled |V|; it is |V| - 1).
    """
    if table.dim() != 2:
        raise ValueError(f"table.shape={tuple(table.shape)}: expected [V, E]; one row a token")
    if tokens.is_floating_point() or tokens.dtype == torch.bool:
        raise ValueError(f"tokens.dtype={tokens.dtype}: expected integers; pass int64 ids")
    rows = table.shape[0]
    if bool(((tokens < 0) | (tokens >= rows)).any()):
        raise ValueError(
            f"tokens={int(tokens.min())}..{int(tokens.max())}: expected ids in [0, {rows}); "
            f"check the vocabulary, or whether padding ids are left in"
        )
    picked = torch.index_select(table, 0, tokens.reshape(-1).to(torch.int64))
    return picked.reshape(*tokens.shape, table.shape[1])


def output_projection(h: Tensor, W: Tensor) -> Tensor:
    """h W: h[..., E], W[E, V] -> unnormalised logits [..., V], dtype of h, no bias.

    Raises ValueError for shapes that do not fit. Source: CMU deck, "Transformer Architecture".
    """
    if W.dim() != 2 or h.dim() < 1 or h.shape[-1] != W.shape[0]:
        raise ValueError(
            f"h.shape={tuple(h.shape)}, W.shape={tuple(W.shape)}: expected h [..., E] and "
            f"W [E, V]; a tied embedding table [V, E] must be transposed"
        )
    dtype = compute_dtype(h, W)
    return torch.matmul(h.to(dtype), W.to(dtype)).to(h.dtype)
