"""Discrete tokenizers of other modalities: nearest codes, residual codes, latent tokens."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._scores import rounding_error
from conform_reference.rounding import decide, mark


def _nearness(x: Tensor, codebook: Tensor) -> Tensor:
    """-(|x|^2 - 2 x.c + |c|^2) for x[...,E], codebook[V,E] -> [...,V].

    Expanded, so that the roundoff is that of the products which implementations use.
    """
    own = mark("squared_norms", (x * x).sum(-1, keepdim=True))
    codes = mark("squared_codes", (codebook * codebook).sum(-1))
    part = mark("distances", own - 2 * mark("products", x @ codebook.transpose(0, 1)))
    return -mark("distances", part + codes)


def _nearest(x: Tensor, codebook: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest row's number [...] and the row itself [...,E]."""
    index = decide("code", _nearness(x, codebook)).squeeze(-1)
    rows = torch.index_select(codebook, 0, index.reshape(-1))
    return index, rows.reshape(*index.shape, codebook.shape[1])


def _passed_through(x: Tensor, quantized: Tensor) -> Tensor:
    """What x + (quantized - x).detach(), as people write it, loses by rounding."""
    difference = (quantized - x).detach()
    lost = rounding_error("difference", difference)
    return lost + rounding_error("float32.difference", difference)


def _straight_through(x: Tensor, quantized: Tensor) -> Tensor:
    """`quantized`, with the gradient of `x`; that it may round is excused, not done."""
    return quantized.detach() + (x - x.detach()) + _passed_through(x, quantized)


def _check_codes(x: Tensor, codebook: Tensor, name: str) -> None:
    _check.at_least(f"{name} entries", codebook.shape[-2], 1)
    _check.same("width", "x.shape[-1]", x.shape[-1], f"{name}.shape[-1]", codebook.shape[-1])


def vector_quantize(x: Tensor, codebook: Tensor) -> tuple[Tensor, Tensor]:
    """k = argmin_k |x - c_k|, and c_k: x[...,E], codebook[V,E] -> (int64[...], [...,E]).

    The gradient of the second result is copied to x (straight-through); the codebook gets none,
    it is trained by losses of its own. Raises ValueError for widths that differ and an empty
    codebook. Source: van den Oord et al. 2017, arXiv:1711.00937, eq. 1 to 3.
    """
    _check.rank("codebook", codebook, "V E")
    _check_codes(x, codebook, "codebook")
    dtype = _check.compute_dtype(x, codebook)
    given = x.to(dtype)
    index, rows = _nearest(given, codebook.to(dtype))
    return index, _straight_through(given, rows).to(x.dtype)


def residual_vector_quantize(x: Tensor, codebooks: Tensor) -> tuple[Tensor, Tensor]:
    """k_q = argmin_k |r_{q-1} - c_{q,k}|, r_q = r_{q-1} - c_{q,k_q}, r_0 = x, and the sum of the
    chosen codes: x[...,E], codebooks[Q,V,E] -> (int64[...,Q], [...,E]).

    Straight-through as in `vector_quantize`. Raises ValueError for widths that differ and for no
    stages or codes. Source: Zeghidour et al. 2021, arXiv:2107.03312, algorithm 1.
    """
    _check.rank("codebooks", codebooks, "Q V E")
    _check.at_least("codebooks.shape[0]", codebooks.shape[0], 1)
    _check_codes(x, codebooks, "codebooks")
    dtype = _check.compute_dtype(x, codebooks)
    given, codes = x.to(dtype), codebooks.to(dtype)
    residual, total, indices = given.detach(), torch.zeros_like(given), []
    for stage in range(codes.shape[0]):
        index, rows = _nearest(residual, codes[stage])
        indices.append(index)
        # Codecs that learn pass each stage's gradient through on its own, which rounds each time.
        lost = _passed_through(residual, rows)
        residual = mark("residual", residual - rows)
        total = (mark("total", total + rows) if stage else rows) + lost
    return torch.stack(indices, -1), _straight_through(given, total).to(x.dtype)


def latent_tokenizer(
    patches: Tensor, latents: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, codebook: Tensor
) -> tuple[Tensor, Tensor]:
    """Latents read patches and latents in one attention, h = l + softmax(q k^T / sqrt(E)) v, and
    become the nearest codes: patches[B,P,E], latents[M,E], W*[E,E], codebook[V,E] ->
    (int64[B,M], [B,M,E]). M tokens, however many patches there are.

    Raises ValueError for widths that differ. Source: Yu et al. 2024, arXiv:2406.07550 (TiTok),
    whose encoder is a whole ViT; here one layer of one head without norm, MLP and positions.
    """
    _check.rank("patches", patches, "B P E")
    _check.same("width", "patches.shape[2]", patches.shape[2], "latents.shape[1]", latents.shape[1])
    dtype = _check.compute_dtype(patches, latents, Wq, Wk, Wv, codebook)
    own = latents.to(dtype).unsqueeze(0).expand(patches.shape[0], -1, -1)
    tokens = torch.cat([patches.to(dtype), own], 1)
    _check.not_empty("E", patches.shape[2])
    query = mark("query", own @ Wq.to(dtype)) * patches.shape[2] ** -0.5
    key, value = mark("key", tokens @ Wk.to(dtype)), mark("value", tokens @ Wv.to(dtype))
    scores = mark("scores", mark("scaled_query", query) @ key.transpose(1, 2))
    read = mark("read", mark("weights", torch.softmax(scores, -1)) @ value)
    index, rows = vector_quantize(mark("latent", own + read), codebook.to(dtype))
    return index, rows.to(patches.dtype)


def next_scale_mask(offsets: Tensor) -> Tensor:
    """Attention mask of next-scale prediction: tokens of a scale see it whole, and all before it.

    offsets int[S+1], where each scale begins and the last one ends -> bool[T,T], True = visible.
    Raises ValueError unless offsets rise from 0. Source: Tian et al. 2024, arXiv:2404.02905,
    section 3.2, used by SAR3D (Chen et al. 2024, arXiv:2411.16856).
    """
    bounds = offsets.tolist()
    if len(bounds) < 2 or bounds[0] != 0 or sorted(bounds) != bounds:
        raise ValueError(f"offsets={bounds}: expected rising offsets from 0, one more than scales")
    place = torch.arange(bounds[-1])
    scale = (place.unsqueeze(-1) >= offsets[1:-1]).sum(-1)
    return scale.unsqueeze(0) <= scale.unsqueeze(1)


def video_token_count(
    frames: int, height: int, width: int, *, temporal: int = 4, spatial: int = 8
) -> int:
    """(1 + (frames - 1) / temporal) * height / spatial * width / spatial.

    The first frame stands alone, so that an image is a video of one frame. Raises ValueError for
    sizes below 1 and strides that do not divide. Source: Wang et al. 2024, arXiv:2406.09399
    (OmniTokenizer), section 3.1.
    """
    for name, size in (("frames", frames), ("height", height), ("width", width)):
        _check.at_least(name, size, 1)
    _check.divides("temporal", temporal, "frames - 1", frames - 1)
    _check.divides("spatial", spatial, "height", height)
    _check.divides("spatial", spatial, "width", width)
    return (1 + (frames - 1) // temporal) * (height // spatial) * (width // spatial)
