"""Wrong stacks: masks missing in a layer, norms elsewhere, memory taken from the wrong place."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference._check import compute_dtype
from conform_reference._masks import causal_mask, padding_mask
from conform_reference._model_stacks import heads_attention, hidden_layer, normed

Add = Callable[[Tensor, Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]


def _post(x: Tensor, branch: Callable[[Tensor], Tensor], gamma: Tensor, beta: Tensor) -> Tensor:
    return normed(x + branch(x), gamma, beta)


def _pre(x: Tensor, branch: Callable[[Tensor], Tensor], gamma: Tensor, beta: Tensor) -> Tensor:
    return x + branch(normed(x, gamma, beta))


def _encoder(
    x: Tensor, masks: list[Tensor], attn: Tensor, W1: Tensor, W2: Tensor, gamma: Tensor,
    beta: Tensor, heads: int, first: Add = _post, second: Add = _post,
) -> Tensor:  # fmt: skip
    dtype = compute_dtype(x, attn)
    y, attn, W1, W2, gamma, beta = (t.to(dtype) for t in (x, attn, W1, W2, gamma, beta))
    for n, mask in enumerate(masks):
        y = first(
            y,
            lambda z, n=n, m=mask: heads_attention(z, z, attn[n], heads, m),
            gamma[n, 0],
            beta[n, 0],
        )
        y = second(y, lambda z, n=n: hidden_layer(z, W1[n], W2[n], "gelu"), gamma[n, 1], beta[n, 1])
    return y.to(x.dtype)


def _kept(x: Tensor, lengths: Tensor) -> Tensor:
    return padding_mask(lengths, x.shape[1])[:, None, None, :]


def encoder_causal(x: Tensor, lengths: Tensor, attn: Tensor, *rest: Tensor, heads: int) -> Tensor:
    """A causal mask joins the padding mask."""
    mask = _kept(x, lengths) & causal_mask(x.shape[1], x.shape[1])
    return _encoder(x, [mask] * len(attn), attn, *rest, heads)


def encoder_padding_once(
    x: Tensor, lengths: Tensor, attn: Tensor, *rest: Tensor, heads: int
) -> Tensor:
    """Padding is hidden in the first layer alone."""
    mask = _kept(x, lengths)
    masks = [mask] + [torch.ones_like(mask)] * (len(attn) - 1)
    return _encoder(x, masks, attn, *rest, heads)


def encoder_padding_queries(
    x: Tensor, lengths: Tensor, attn: Tensor, *rest: Tensor, heads: int
) -> Tensor:
    """The mask lies along the queries."""
    mask = _kept(x, lengths).transpose(-1, -2)
    return _encoder(x, [mask] * len(attn), attn, *rest, heads)


def encoder_pre_norm(x: Tensor, lengths: Tensor, attn: Tensor, *rest: Tensor, heads: int) -> Tensor:
    """The norms stand before the sub-layers."""
    masks = [_kept(x, lengths)] * len(attn)
    return _encoder(x, masks, attn, *rest, heads, _pre, _pre)


def encoder_no_residual(
    x: Tensor, lengths: Tensor, attn: Tensor, *rest: Tensor, heads: int
) -> Tensor:
    """Attention replaces its input instead of being added to it."""
    masks = [_kept(x, lengths)] * len(attn)
    return _encoder(x, masks, attn, *rest, heads, lambda x, f, g, b: normed(f(x), g, b))


def _decoder(
    tokens: Tensor, table: Tensor, positions: Tensor, attn: Tensor, W1: Tensor, W2: Tensor,
    gamma: Tensor, beta: Tensor, heads: int, masks: list[Tensor] | None = None, add: Add = _pre,
    final: bool = True,
) -> Tensor:  # fmt: skip
    dtype = compute_dtype(table, attn)
    E, P, attn, W1, W2, gamma, beta = (
        t.to(dtype) for t in (table, positions, attn, W1, W2, gamma, beta)
    )
    L = tokens.shape[1]
    masks = [causal_mask(L, L)] * len(attn) if masks is None else masks
    y = E[tokens] + P[:L]
    for n, mask in enumerate(masks):
        y = add(
            y, lambda z, n=n, m=mask: heads_attention(z, z, attn[n], heads, m),
            gamma[2 * n], beta[2 * n],
        )  # fmt: skip
        y = add(
            y, lambda z, n=n: hidden_layer(z, W1[n], W2[n], "gelu"),
            gamma[2 * n + 1], beta[2 * n + 1],
        )  # fmt: skip
    return ((normed(y, gamma[-1], beta[-1]) if final else y) @ E.T).to(table.dtype)


def decoder_mask_missing(tokens: Tensor, *weights: Tensor, heads: int) -> Tensor:
    """The causal mask is missing in the last layer."""
    mask, layers = causal_mask(tokens.shape[1], tokens.shape[1]), len(weights[2])
    masks = [mask] * (layers - 1) + [torch.ones_like(mask)]
    return _decoder(tokens, *weights, heads, masks)


def decoder_strict(tokens: Tensor, *weights: Tensor, heads: int) -> Tensor:
    """The diagonal is hidden; the first token sees nothing."""
    mask = causal_mask(tokens.shape[1], tokens.shape[1]).tril(-1)
    return _decoder(tokens, *weights, heads, [mask] * len(weights[2]))


def decoder_clamped(
    tokens: Tensor, table: Tensor, positions: Tensor, *rest: Tensor, heads: int
) -> Tensor:
    """Texts beyond the table of positions reuse its last row."""
    at = torch.arange(tokens.shape[1]).clamp(max=positions.shape[0] - 1)
    return _decoder(tokens, table, positions[at], *rest, heads)


def decoder_no_final_norm(tokens: Tensor, *weights: Tensor, heads: int) -> Tensor:
    """The stream meets the head as it is."""
    return _decoder(tokens, *weights, heads, final=False)


def decoder_post_norm(tokens: Tensor, *weights: Tensor, heads: int) -> Tensor:
    """The sums are normalised, not the branches."""
    return _decoder(tokens, *weights, heads, add=_post)


def decoder_residual_after_norm(tokens: Tensor, *weights: Tensor, heads: int) -> Tensor:
    """The branch is added to the normalised input."""

    def add(x: Tensor, f: Callable[[Tensor], Tensor], g: Tensor, b: Tensor) -> Tensor:
        inner = normed(x, g, b)
        return inner + f(inner)

    return _decoder(tokens, *weights, heads, add=add)


def _greedy(
    tokens: Tensor, weights: tuple[Tensor, ...], heads: int, steps: int, kind: str
) -> Tensor:
    made: list[Tensor] = []
    for step in range(steps):
        text = torch.cat([tokens, *made], 1)
        given = weights
        if kind == "forgets" and step:
            text = text[:, -1:]
        if kind == "stale":
            at = torch.arange(text.shape[1]).clamp(max=tokens.shape[1])
            given = (weights[0], weights[1][at], *weights[2:])
        logits = _decoder(text, *given, heads)[:, 0 if kind == "first" else -1]
        made.append((-logits if kind == "least" else logits).argmax(-1, keepdim=True))
    return torch.cat(made, 1)


def greedy_forgets(tokens: Tensor, *weights: Tensor, heads: int, steps: int) -> Tensor:
    """After the first step only the newest token is read, at position 0."""
    return _greedy(tokens, weights, heads, steps, "forgets")


def greedy_stale_position(tokens: Tensor, *weights: Tensor, heads: int, steps: int) -> Tensor:
    """The position does not advance with the new tokens."""
    return _greedy(tokens, weights, heads, steps, "stale")


def greedy_first_position(tokens: Tensor, *weights: Tensor, heads: int, steps: int) -> Tensor:
    """The logits of the first position are read."""
    return _greedy(tokens, weights, heads, steps, "first")


def greedy_least(tokens: Tensor, *weights: Tensor, heads: int, steps: int) -> Tensor:
    """The smallest logit wins."""
    return _greedy(tokens, weights, heads, steps, "least")
