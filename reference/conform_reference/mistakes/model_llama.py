"""Wrong relatives of LLaMA's stack, T5's attention and the stack of sliding windows."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference._attend import attend
from conform_reference._check import compute_dtype
from conform_reference._masks import causal_mask, sliding_window_mask
from conform_reference._model_inputs import chunked_causal_mask
from conform_reference._model_stacks import heads_attention, split_heads
from conform_reference._settings import using
from conform_reference.feed_forward import glu_feed_forward
from conform_reference.norm import layer_norm, rms_norm
from conform_reference.position import relative_position_bucket, rope, sinusoidal_encoding

Turn = Callable[[Tensor, Tensor], Tensor]


def _still(x: Tensor, at: Tensor) -> Tensor:
    return x


def _by_head(x: Tensor, at: Tensor) -> Tensor:
    return rope(x, at)


def _whole(x: Tensor, at: Tensor) -> Tensor:
    """The merged heads are rotated as one vector."""
    merged = x.transpose(1, 2).flatten(2)
    return split_heads(rope(merged, at), x.shape[1])


def _llama(
    tokens: Tensor, table: Tensor, weights: tuple[Tensor, ...], heads: int, kv_heads: int | None,
    start: int, turns: tuple[Turn, Turn, Turn] = (_by_head, _by_head, _still), causal: bool = True,
    centred: bool = False, absolute: bool = False,
) -> Tensor:  # fmt: skip
    dtype = compute_dtype(table, *weights)
    Wq, Wk, Wv, Wo, gate, up, down, gamma, head = (t.to(dtype) for t in weights)
    at = torch.arange(start, start + tokens.shape[1])
    mask = causal_mask(len(at), len(at)) | (not causal)
    y = table.to(dtype)[tokens]
    if absolute:
        width = y.shape[-1] + y.shape[-1] % 2
        y = y + sinusoidal_encoding(int(at[-1]) + 1, width)[at, : y.shape[-1]].to(dtype)

    def norm(x: Tensor, g: Tensor) -> Tensor:
        return layer_norm(x, g, torch.zeros_like(g), eps=1e-6) if centred else rms_norm(x, g)

    for n in range(len(Wq)):
        x = norm(y, gamma[2 * n])
        counts = (heads, kv_heads or heads, kv_heads or heads)
        q, k, v = (
            turn(split_heads(x @ W[n], count), at)
            for turn, W, count in zip(turns, (Wq, Wk, Wv), counts, strict=True)
        )
        o = attend(q, k, v, visible=mask.expand(*q.shape[:3], len(at)))[0]
        y = y + o.transpose(1, 2).flatten(2) @ Wo[n]
        y = y + glu_feed_forward(norm(y, gamma[2 * n + 1]), gate[n], up[n], down[n])
    return (norm(y, gamma[-1]) @ head).to(table.dtype)


def llama_unrotated(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """Nothing is rotated."""
    return _llama(tokens, table, weights, heads, kv_heads, start, (_still, _still, _still))


def llama_values_rotated(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """Values are rotated like keys."""
    return _llama(tokens, table, weights, heads, kv_heads, start, (_by_head, _by_head, _by_head))


def llama_keys_rotated_only(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """Queries stay as they are: scores depend on the key's position alone."""
    return _llama(tokens, table, weights, heads, kv_heads, start, (_still, _by_head, _still))


def llama_rotated_before_split(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """The rotation runs over all heads as one vector."""
    return _llama(tokens, table, weights, heads, kv_heads, start, (_whole, _whole, _still))


def llama_absolute(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """Sinusoids are added to the word vectors besides the rotation."""
    return _llama(tokens, table, weights, heads, kv_heads, start, absolute=True)


def llama_layer_norm(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """Layer norm without a shift in the place of RMS norm."""
    return _llama(tokens, table, weights, heads, kv_heads, start, centred=True)


def llama_not_causal(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """No causal mask."""
    return _llama(tokens, table, weights, heads, kv_heads, start, causal=False)


def llama_heads_tiled(
    tokens: Tensor, table: Tensor, *weights: Tensor, heads: int, kv_heads: int | None = None,
    start: int = 0,
) -> Tensor:  # fmt: skip
    """Query head h reads key head h % K."""
    with using(heads="tiled"):
        return _llama(tokens, table, weights, heads, kv_heads, start)


def _t5(
    x: Tensor, weights: tuple[Tensor, ...], table: Tensor, heads: int, causal: bool, sign: int,
    both: bool,
) -> Tensor:  # fmt: skip
    dtype = compute_dtype(x, table)
    y, at = x.to(dtype), torch.arange(x.shape[1])
    q, k, v = (split_heads(y @ W.to(dtype), heads) for W in weights[:3])
    bucket = relative_position_bucket(sign * (at - at.unsqueeze(1)), bidirectional=both)
    bias = table.to(dtype)[bucket].permute(2, 0, 1)
    mask = (causal_mask(len(at), len(at)) | (not causal)).expand(*q.shape[:3], len(at))
    o = attend(q, k, v, visible=mask, bias=bias, scale=1.0)[0]
    return (o.transpose(1, 2).flatten(2) @ weights[3].to(dtype)).to(x.dtype)


def t5_sign(
    x: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, table: Tensor, *, heads: int,
    causal: bool = False,
) -> Tensor:  # fmt: skip
    """Buckets of query minus key."""
    return _t5(x, (Wq, Wk, Wv, Wo), table, heads, causal, -1, not causal)


def t5_two_directions(
    x: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, table: Tensor, *, heads: int,
    causal: bool = False,
) -> Tensor:  # fmt: skip
    """A causal layer with the buckets of an encoder."""
    return _t5(x, (Wq, Wk, Wv, Wo), table, heads, causal, 1, True)


def _windows(x: Tensor, attn: Tensor, masks: list[Tensor], heads: int, add: float = 1.0) -> Tensor:
    dtype = compute_dtype(x, attn)
    y = x.to(dtype)
    for weights, mask in zip(attn, masks, strict=True):
        y = add * y + heads_attention(y, y, weights.to(dtype), heads, mask)
    return y.to(x.dtype)


def window_blocks(x: Tensor, attn: Tensor, *, window: int, heads: int = 1) -> Tensor:
    """Chunks instead of a window: no token sees beyond its chunk, in any depth."""
    return _windows(x, attn, [chunked_causal_mask(x.shape[1], window)] * len(attn), heads)


def window_both_sides(x: Tensor, attn: Tensor, *, window: int, heads: int = 1) -> Tensor:
    """Later keys within the window are visible."""
    mask = sliding_window_mask(x.shape[1], x.shape[1], window)
    return _windows(x, attn, [mask | mask.T] * len(attn), heads)


def window_missing_once(x: Tensor, attn: Tensor, *, window: int, heads: int = 1) -> Tensor:
    """The last layer sees the whole past."""
    L = x.shape[1]
    masks = [sliding_window_mask(L, L, window)] * (len(attn) - 1) + [causal_mask(L, L)]
    return _windows(x, attn, masks, heads)


def window_no_residual(x: Tensor, attn: Tensor, *, window: int, heads: int = 1) -> Tensor:
    """Each layer replaces its input."""
    mask = sliding_window_mask(x.shape[1], x.shape[1], window)
    return _windows(x, attn, [mask] * len(attn), heads, 0.0)
