"""Wrong relatives of the layers that bring visual tokens to a language model."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from conform_reference import multimodal as right
from conform_reference._check import compute_dtype
from conform_reference._fusion import _inner, multi_head


def _gated(
    merge: Callable[[Tensor, Tensor, Tensor], Tensor], inputs: tuple[Tensor, ...], **options: Any
) -> Tensor:
    """merge(x, attention's output, gate) for the inputs of gated_cross_attention."""
    x, gate = inputs[0], inputs[-1]
    wide = torch.float64
    opened = (*(t.to(wide) for t in inputs[:-1]), gate.to(wide) * 0 + 100)
    update = right.gated_cross_attention(*opened, **options) - x.to(wide)
    return merge(x.to(wide), update, gate.to(wide)).to(x.dtype)


def gate_raw(*inputs: Tensor, **options: Any) -> Tensor:
    """The gate itself multiplies the update, without tanh."""
    return _gated(lambda x, y, g: x + g * y, inputs, **options)


def gate_sigmoid(*inputs: Tensor, **options: Any) -> Tensor:
    """A sigmoid gate, half open at zero."""
    return _gated(lambda x, y, g: x + torch.sigmoid(g) * y, inputs, **options)


def gate_on_residual(*inputs: Tensor, **options: Any) -> Tensor:
    """The gate multiplies the text instead of the update."""
    return _gated(lambda x, y, g: torch.tanh(g) * x + y, inputs, **options)


def gate_on_sum(*inputs: Tensor, **options: Any) -> Tensor:
    """The gate multiplies text and update alike."""
    return _gated(lambda x, y, g: torch.tanh(g) * (x + y), inputs, **options)


def gated_over_text(
    x: Tensor, visual: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, gate: Tensor, *,
    heads: int, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The text's own tokens are among the keys (where the widths allow, and without a mask)."""
    if x.shape[-1] == visual.shape[-1] and mask is None:
        visual = torch.cat([visual, x], 1)
    return right.gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, heads=heads, mask=mask)


def feed_forward_gate_raw(
    x: Tensor, W1: Tensor, W2: Tensor, gate: Tensor, *, activation: str = "squared_relu"
) -> Tensor:
    """The gate itself multiplies the update, without tanh."""
    return (x + gate * _inner(x, W1, W2, activation)).to(x.dtype)


def feed_forward_gate_sigmoid(
    x: Tensor, W1: Tensor, W2: Tensor, gate: Tensor, *, activation: str = "squared_relu"
) -> Tensor:
    """A sigmoid gate, half open at zero."""
    return (x + torch.sigmoid(gate) * _inner(x, W1, W2, activation)).to(x.dtype)


def _resample(
    kind: str, features: Tensor, time: Tensor, latents: Tensor, norms: Tensor, *stacked: Tensor,
    heads: int, activation: str = "squared_relu",
) -> Tensor:  # fmt: skip
    dtype = compute_dtype(features, latents, norms)
    media = (features + time.unsqueeze(1)).to(dtype).flatten(1, 2)
    x = latents.to(dtype).expand(features.shape[0], -1, -1)
    norms = norms.to(dtype)

    def norm(y: Tensor, n: int, which: int) -> Tensor:
        return layer_norm(y, y.shape[-1:], norms[n, which, 0], norms[n, which, 1])

    for n in range(norms.shape[0]):
        Wq, Wk, Wv, Wo, W1, W2 = (W[0 if kind == "tied" else n].to(dtype) for W in stacked)
        at = 0 if kind == "tied" else n
        queries = x if kind == "raw" else norm(x, at, 1)
        own = x if kind == "raw keys" else queries
        keys = [norm(media, at, 0)] if kind == "no latents" else [norm(media, at, 0), own]
        change = multi_head(queries, torch.cat(keys, 1), (Wq, Wk, Wv, Wo), heads)
        x = change if kind == "no residual" else x + change
        x = x + _inner(norm(x, at, 2), W1, W2, activation)
    return x.to(features.dtype)


def resampler_without_latents(*inputs: Tensor, **options: Any) -> Tensor:
    """Keys and values are the features alone."""
    return _resample("no latents", *inputs, **options)


def resampler_raw_latents(*inputs: Tensor, **options: Any) -> Tensor:
    """The latents are not normalised."""
    return _resample("raw", *inputs, **options)


def resampler_raw_latent_keys(*inputs: Tensor, **options: Any) -> Tensor:
    """The latents are normalised as queries but not as keys."""
    return _resample("raw keys", *inputs, **options)


def resampler_no_residual(*inputs: Tensor, **options: Any) -> Tensor:
    """The attention's output replaces the latents."""
    return _resample("no residual", *inputs, **options)


def resampler_tied(*inputs: Tensor, **options: Any) -> Tensor:
    """Every layer uses the first one's weights."""
    return _resample("tied", *inputs, **options)


def fused_apart(visual: Tensor, text: Tensor, *weights: Tensor, **options: Any) -> Any:
    """Each modality reads itself alone."""
    first = right.fused_self_attention(visual, text[:, :0], *weights, **options)[0]
    return first, right.fused_self_attention(visual[:, :0], text, *weights, **options)[1]


def fused_text_first(visual: Tensor, text: Tensor, *weights: Tensor, **options: Any) -> Any:
    """The text is put before the image."""
    return right.fused_self_attention(text, visual, *weights, **options)[::-1]


def fused_no_residual(visual: Tensor, text: Tensor, *weights: Tensor, **options: Any) -> Any:
    """The attention's output alone."""
    out = right.fused_self_attention(visual, text, *weights, **options)
    return out[0] - visual, out[1] - text


def spatial_by_view(x: Tensor, context: Tensor, *weights: Tensor, heads: int) -> Tensor:
    """[C, Y, X] is viewed as [Y X, C] without a transpose."""
    dtype = compute_dtype(x, context)
    pixels = x.to(dtype).reshape(x.shape[0], -1, x.shape[1])
    Wq, Wk, Wv, Wo = weights
    out = pixels + multi_head(pixels, context.to(dtype), (Wq, Wk, Wv, Wo), heads)
    return out.reshape(x.shape).to(x.dtype)


def spatial_over_pixels(x: Tensor, context: Tensor, *weights: Tensor, heads: int) -> Tensor:
    """The softmax runs over the pixels."""
    dtype = compute_dtype(x, context)
    pixels = x.to(dtype).flatten(2).transpose(1, 2)
    Wq, Wk, Wv, Wo = (W.to(dtype) for W in weights)
    q, k, v = (
        (y @ W).unflatten(-1, (heads, -1)).transpose(1, 2)
        for y, W in ((pixels, Wq), (context.to(dtype), Wk), (context.to(dtype), Wv))
    )
    p = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -2)
    o = (p @ v).transpose(1, 2).flatten(2) @ Wo
    return (pixels + o).transpose(1, 2).reshape(x.shape).to(x.dtype)
