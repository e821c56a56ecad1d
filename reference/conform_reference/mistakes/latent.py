"""Wrong relatives of multi-head latent attention."""

from typing import Any

import torch
from torch import Tensor

from conform_reference._latent_attention import latent_attention
from conform_reference.attention import attention as attend
from conform_reference.position import rope


def latent_key_unturned(
    x: Tensor, Wq: Tensor, Wkv_down: Tensor, Wk_rope: Tensor, Wk_up: Tensor, Wv_up: Tensor,
    Wo: Tensor, positions: Tensor, **options: Any,
) -> Tensor:  # fmt: skip
    """The shared rotary key is used as projected."""
    return _latent(x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions, turn_key=False, **options)


def latent_content_turned(
    x: Tensor, Wq: Tensor, Wkv_down: Tensor, Wk_rope: Tensor, Wk_up: Tensor, Wv_up: Tensor,
    Wo: Tensor, positions: Tensor, **options: Any,
) -> Tensor:  # fmt: skip
    """Content features are rotated too, which the absorbed form could not follow."""
    return _latent(
        x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions, turn_content=True, **options
    )


def latent_rotary_first(
    x: Tensor, Wq: Tensor, Wkv_down: Tensor, Wk_rope: Tensor, Wk_up: Tensor, Wv_up: Tensor,
    Wo: Tensor, positions: Tensor, **options: Any,
) -> Tensor:  # fmt: skip
    """In each head of Wq the rotary features are taken to come first."""
    heads, rotary = options["heads"], Wk_rope.shape[1]
    split = Wq.reshape(Wq.shape[0], heads, -1)
    moved = torch.cat([split[..., rotary:], split[..., :rotary]], -1).reshape(Wq.shape)
    return latent_attention(x, moved, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions, **options)


def _latent(
    x: Tensor, Wq: Tensor, Wkv_down: Tensor, Wk_rope: Tensor, Wk_up: Tensor, Wv_up: Tensor,
    Wo: Tensor, positions: Tensor, *, heads: int, causal: bool = False, base: float = 10000.0,
    interleaved: bool = False, scale: float | None = None, turn_key: bool = True,
    turn_content: bool = False,
) -> Tensor:  # fmt: skip
    """Latent attention with full keys, rotating what it is told to."""
    batch, length, _ = x.shape

    def split(y: Tensor) -> Tensor:
        return y.reshape(batch, length, heads, -1).transpose(1, 2)

    def turn(y: Tensor) -> Tensor:
        return rope(y, positions, base=base, interleaved=interleaved)

    width = Wk_up.shape[1] // heads
    query, latent = split(x @ Wq), x @ Wkv_down
    key, shared = split(latent @ Wk_up), (x @ Wk_rope).unsqueeze(1)
    content, rotary = query[..., :width], turn(query[..., width:])
    if turn_content:
        content, key = turn(content), turn(key)
    shared = (turn(shared) if turn_key else shared).expand(-1, heads, -1, -1)
    o = attend(
        torch.cat([content, rotary], -1), torch.cat([key, shared], -1), split(latent @ Wv_up),
        causal=causal, scale=scale,
    )  # fmt: skip
    return o.transpose(1, 2).reshape(batch, length, -1) @ Wo
