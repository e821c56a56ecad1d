"""How visual tokens reach a language model: resampler, gated cross-attention, interleaving."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import attend
from conform_reference._saved import tanh
from conform_reference.feed_forward import gelu
from conform_reference.norm import layer_norm
from conform_reference.rounding import mark


def _heads(name: str, x: Tensor, W: Tensor, heads: int) -> Tensor:
    """x[B,L,in] W[in,heads*D] -> [B,heads,L,D], each head a run of neighbouring channels.

    What is read several times has its gradient added up in the input's dtype: `backward.reads`.
    """
    _check.same("width", f"{name} input width", x.shape[-1], "weight.shape[0]", W.shape[0])
    _check.at_least("heads", heads, 1)
    _check.divides("heads", heads, "projected width", W.shape[1])
    y = mark(name, mark("backward.reads", x) @ W)
    return y.reshape(y.shape[0], y.shape[1], heads, W.shape[1] // heads).transpose(1, 2)


def multi_head(
    x: Tensor,
    memory: Tensor,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
    heads: int,
    visible: Tensor | None = None,
) -> Tensor:
    """Attention of x[B,Lq,E] over memory[B,Lk,M], weights (Wq, Wk, Wv, Wo), in x's dtype.

    `visible` broadcasts to [B,1,Lq,Lk]; a row that sees nothing gives zeros.
    """
    Wq, Wk, Wv, Wo = (W.to(x.dtype) for W in weights)
    q, k = _heads("query", x, Wq, heads), _heads("key", memory, Wk, heads)
    v = _heads("value", memory, Wv, heads)
    shape = (x.shape[0], heads, x.shape[1], memory.shape[1])
    if visible is None:
        visible = torch.ones((), dtype=torch.bool, device=x.device)
    o = mark("heads", attend(q, k, v, visible=torch.broadcast_to(visible, shape))[0])
    merged = o.transpose(1, 2).flatten(2)
    _check.same("width", "Wo.shape[0]", Wo.shape[0], "heads * Dv", merged.shape[-1])
    return mark("attended", merged @ Wo)


def _activate(name: str, x: Tensor) -> Tensor:
    if name == "squared_relu":
        positive = mark("rectified", torch.relu(x))
        return mark("activation", positive * positive)
    if name == "relu":
        return mark("activation", torch.relu(x))
    if name == "gelu":
        return mark("activation", gelu(x))
    raise ValueError(f"activation={name!r}: expected squared_relu, relu or gelu; use relu")


def _inner(x: Tensor, W1: Tensor, W2: Tensor, activation: str) -> Tensor:
    """act(x W1) W2, no biases."""
    hidden = _activate(activation, mark("product", x @ W1.to(x.dtype)))
    return mark("product", hidden @ W2.to(x.dtype))


def _stacked(norms: Tensor, **weights: Tensor) -> None:
    """Every weight has as many layers as the norms."""
    for name, W in weights.items():
        _check.same("layers", f"{name}.shape[0]", W.shape[0], "norms.shape[0]", norms.shape[0])


def perceiver_resampler(
    features: Tensor,
    time: Tensor,
    latents: Tensor,
    norms: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    W1: Tensor,
    W2: Tensor,
    *,
    heads: int,
    activation: str = "squared_relu",
) -> Tensor:
    """R visual tokens from any number of features: features[B,T,S,E] -> [B,R,E].

    f = flatten(features + time[T,E] of each frame), x = latents[R,E]; then for each layer n
    x = x + MHA(norm(x), [norm'(f); norm(x)]) and x = x + act(norm''(x) W1) W2. Weights are stacked
    over layers: Wq, Wk, Wv[N,E,H*D], Wo[N,H*D,E], W1[N,E,F], W2[N,F,E]; norms[N,3,2,E] holds gain
    and shift of the layer norms (eps 1e-5) of the features, the latents, and the feed-forward.
    Raises ValueError for shapes that do not fit. Source: Alayrac et al. 2022, arXiv:2204.14198,
    figure 5 and appendix A.1.1; the slide's listing leaves the norms to the called functions.
    """
    _check.rank("features", features, "B T S E")
    _check.rank("norms", norms, "N 3 2 E")
    _check.same("frames", "time.shape[0]", time.shape[0], "features.shape[1]", features.shape[1])
    _stacked(norms, Wq=Wq, Wk=Wk, Wv=Wv, Wo=Wo, W1=W1, W2=W2)
    dtype = _check.compute_dtype(features, time, latents, norms, Wq, Wk, Wv, Wo, W1, W2)
    timed = mark("timed", features.to(dtype) + time.to(dtype).unsqueeze(1))
    media, norms = mark("backward.reads", timed).flatten(1, 2), norms.to(dtype)
    x = latents.to(dtype).unsqueeze(0).expand(features.shape[0], -1, -1)
    for n in range(norms.shape[0]):
        keys = mark("norm_output", layer_norm(media, norms[n, 0, 0], norms[n, 0, 1]))
        queries = mark("norm_output", layer_norm(x, norms[n, 1, 0], norms[n, 1, 1]))
        weights = (Wq[n], Wk[n], Wv[n], Wo[n])
        change = multi_head(queries, torch.cat([keys, queries], dim=1), weights, heads)
        x = mark("stream", x + change)
        normed = mark("norm_output", layer_norm(x, norms[n, 2, 0], norms[n, 2, 1]))
        x = mark("stream", x + _inner(normed, W1[n], W2[n], activation))
    return x.to(features.dtype)


def _open(gate: Tensor, y: Tensor) -> Tensor:
    """tanh(gate) * y; the gate's gradient may be added up in the input's dtype."""
    if gate.dim() != 0:
        raise ValueError(f"gate.shape={tuple(gate.shape)}: expected a scalar; pass gate[0], say")
    opening = tanh("gate", gate.to(y.dtype))
    return mark("update", mark("backward.sum.gate", opening.expand(y.shape)) * y)


def gated_cross_attention(
    x: Tensor,
    visual: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    gate: Tensor,
    *,
    heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """x + tanh(gate) MHA(x, visual): x[B,L,E], visual[B,M,Ev], gate[] -> [B,L,E].

    Wq[E,H*D], Wk, Wv[Ev,H*D], Wo[H*D,E]; mask bool[B,L,M], True = may attend; a token that sees
    nothing stays as it is. Raises ValueError for shapes that do not fit.
    Source: Alayrac et al. 2022, arXiv:2204.14198, figure 4, whose layer norm is left to the caller.
    """
    _check.rank("x", x, "B L E")
    _check.rank("visual", visual, "B M E")
    dtype = _check.compute_dtype(x, visual, Wq, Wk, Wv, Wo, gate)
    if mask is not None:
        mask = _check.broadcasts("mask", mask, (*x.shape[:2], visual.shape[1])).unsqueeze(1)
    y, visual = mark("backward.reads", x.to(dtype)), mark("backward.reads", visual.to(dtype))
    return (y + _open(gate, multi_head(y, visual, (Wq, Wk, Wv, Wo), heads, mask))).to(x.dtype)


def gated_feed_forward(
    x: Tensor, W1: Tensor, W2: Tensor, gate: Tensor, *, activation: str = "squared_relu"
) -> Tensor:
    """x + tanh(gate) act(x W1) W2: x[B,L,E], W1[E,F], W2[F,E], gate[] -> [B,L,E].

    Raises ValueError for shapes that do not fit. Source: arXiv:2204.14198, figure 4.
    """
    _check.rank("x", x, "B L E")
    _check.same("width", "x.shape[2]", x.shape[2], "W1.shape[0]", W1.shape[0])
    _check.same("width", "W1.shape[1]", W1.shape[1], "W2.shape[0]", W2.shape[0])
    y = mark("backward.reads", x.to(_check.compute_dtype(x, W1, W2, gate)))
    return (y + _open(gate, _inner(y, W1, W2, activation))).to(x.dtype)


def media_mask(is_media: Tensor, images: int, tokens: int) -> Tensor:
    """bool[B,L,images*tokens]: a text token sees the visual tokens of the last image before it.

    is_media: bool[B,L] marks the places of images in the text, which see their own image; what
    comes before the first sees nothing. Raises ValueError for sizes that are not positive integers.
    Source: Alayrac et al. 2022, arXiv:2204.14198, section 2.3 (phi).
    """
    _check.rank("is_media", is_media, "B L")
    _check.at_least("images", images, 1)
    _check.at_least("tokens", tokens, 1)
    seen = torch.cumsum(is_media.to(torch.int64), dim=1)
    owner = torch.arange(images * tokens, device=is_media.device) // tokens
    return seen.unsqueeze(-1) == owner + 1


def fused_self_attention(
    visual: Tensor,
    text: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    *,
    heads: int,
    causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """z + MHA(z, z) for z = [visual; text]: visual[B,M,E], text[B,L,E] -> (visual, text).

    Wq, Wk, Wv[E,H*D], Wo[H*D,E]; one set of weights, whatever a token stands for. Raises
    ValueError for shapes that do not fit. Source: Driess et al. 2023, arXiv:2303.03378, section 3.
    """
    _check.rank("visual", visual, "B M E")
    _check.rank("text", text, "B L E")
    _check.same("width", "visual.shape[2]", visual.shape[2], "text.shape[2]", text.shape[2])
    dtype = _check.compute_dtype(visual, text, Wq, Wk, Wv, Wo)
    z = mark("backward.reads", torch.cat([visual.to(dtype), text.to(dtype)], dim=1))
    places = torch.arange(z.shape[1], device=z.device)
    visible = places <= places.unsqueeze(1) if causal else None
    out = (z + multi_head(z, z, (Wq, Wk, Wv, Wo), heads, visible)).to(text.dtype)
    return out[:, : visual.shape[1]], out[:, visual.shape[1] :]


def interleave_embeddings(text: Tensor, observations: Tensor, is_observation: Tensor) -> Tensor:
    """The j-th marked place of a row takes observation j: text[B,L,E], observations[B,M,E].

    is_observation: bool[B,L] -> [B,L,E]. Surplus observations are unused. Raises ValueError for
    shapes that do not fit or a row with more places than observations.
    Source: Driess et al. 2023, arXiv:2303.03378, section 3 (multi-modal sentences).
    """
    _check.rank("text", text, "B L E")
    _check.rank("observations", observations, "B M E")
    if is_observation.shape != text.shape[:2]:
        raise ValueError(
            f"is_observation.shape={tuple(is_observation.shape)}: expected {tuple(text.shape[:2])}"
        )
    rank = torch.cumsum(is_observation.to(torch.int64), dim=1)
    if rank.numel() and int(rank.max()) > observations.shape[1]:
        raise ValueError(
            f"is_observation marks {int(rank.max())} places of a row, observations.shape[1]="
            f"{observations.shape[1]}: expected at least as many observations; pass more of them"
        )
    if not observations.shape[1]:
        return text.clone()
    index = (rank - 1).clamp(min=0).unsqueeze(-1).expand(text.shape)
    taken = torch.gather(observations.to(text.dtype), 1, index)
    return torch.where(is_observation.unsqueeze(-1), taken, text)


def spatial_cross_attention(
    x: Tensor, context: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, *, heads: int
) -> Tensor:
    """Each pixel reads the text: x[B,C,H,W] + MHA(pixels of x, context[B,L,M]) -> [B,C,H,W].

    Wq[C,H*D], Wk, Wv[M,H*D], Wo[H*D,C]; pixels are rows first. Raises ValueError for shapes that
    do not fit. Source: Rombach et al. 2021, arXiv:2112.10752, section 3.3 (norms and the
    convolutions around it left to the caller).
    """
    _check.rank("x", x, "B C H W")
    _check.rank("context", context, "B L M")
    dtype = _check.compute_dtype(x, context, Wq, Wk, Wv, Wo)
    pixels = mark("backward.reads", x.to(dtype)).flatten(2).transpose(1, 2)
    memory = mark("backward.reads", context.to(dtype))
    out = pixels + multi_head(pixels, memory, (Wq, Wk, Wv, Wo), heads)
    return out.transpose(1, 2).reshape(x.shape).to(x.dtype)
