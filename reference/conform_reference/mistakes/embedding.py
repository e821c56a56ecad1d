"""Embedding code that went wrong in ways no expression over the oracle says."""

from typing import Any

import torch
from torch import Tensor

from conform_reference.position import sinusoidal_encoding


def embedding_with_positions(tokens: Tensor, table: Tensor) -> Tensor:
    """Sinusoidal positions are added inside of the embedding layer."""
    rows = table[tokens]
    if tokens.dim() == 0:
        return rows
    width = table.shape[1] + table.shape[1] % 2
    places = sinusoidal_encoding(tokens.shape[-1], width)[:, : table.shape[1]]
    return rows + places.to(table.dtype)


class _Assigned(torch.autograd.Function):
    """Lookup whose backward pass overwrites a row for every place of its token."""

    generate_vmap_rule = True

    @staticmethod
    def forward(table: Tensor, tokens: Tensor) -> Tensor:
        return table[tokens]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.rows = inputs[0].shape[0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (tokens,) = ctx.saved_tensors
        ids = tokens.reshape(-1)
        flat = gradient.reshape(ids.shape[0], -1)
        last: dict[int, int] = {token: place for place, token in enumerate(ids.tolist())}
        chosen = torch.zeros(ctx.rows, ids.shape[0], dtype=flat.dtype)
        for token, place in last.items():
            chosen[token, place] = 1.0
        return chosen @ flat, None


def embedding_gradient_assigned(tokens: Tensor, table: Tensor) -> Tensor:
    """Right in the forward pass; repeated tokens keep only the last gradient."""
    result: Tensor = _Assigned.apply(table, tokens)
    return result


def projection_accumulated_in_bfloat16(h: Tensor, W: Tensor) -> Tensor:
    """The running sum over the features is rounded to bfloat16 after every term."""
    total = h[..., :1] * W[0]
    for n in range(1, W.shape[0]):
        total = (total + h[..., n : n + 1] * W[n]).to(torch.bfloat16).to(h.dtype)
    return total
