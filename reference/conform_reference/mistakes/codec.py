"""Wrong quantizers, as people have written them."""

import torch
from torch import Tensor

from conform_reference import codec as right
from conform_reference._check import compute_dtype

Pair = tuple[Tensor, Tensor]


def _by(scores: Tensor, x: Tensor, codebook: Tensor) -> Pair:
    """The row of largest score, with the gradient passed straight through."""
    index = scores.argmax(-1)
    return index, codebook[index].detach() + (x - x.detach())


def quantize_by_product(x: Tensor, codebook: Tensor) -> Pair:
    """Largest inner product: |c|^2 is missing."""
    dtype = compute_dtype(x)
    return _by(x.to(dtype) @ codebook.to(dtype).T, x, codebook)


def quantize_by_angle(x: Tensor, codebook: Tensor) -> Pair:
    """Largest cosine."""
    a, b = (torch.nn.functional.normalize(v.to(compute_dtype(x)), dim=-1) for v in (x, codebook))
    return _by(a @ b.T, x, codebook)


def _squares(x: Tensor, codebook: Tensor) -> Tensor:
    dtype = compute_dtype(x)
    return (x.to(dtype).unsqueeze(-2) - codebook.to(dtype)).square().sum(-1)


def quantize_farthest(x: Tensor, codebook: Tensor) -> Pair:
    """argmax of the distances."""
    return _by(_squares(x, codebook), x, codebook)


def quantize_manhattan(x: Tensor, codebook: Tensor) -> Pair:
    """Sum of absolute differences."""
    dtype = compute_dtype(x)
    return _by(-(x.to(dtype).unsqueeze(-2) - codebook.to(dtype)).abs().sum(-1), x, codebook)


def quantize_half_product(x: Tensor, codebook: Tensor) -> Pair:
    """|c|^2 - x.c: the factor 2 is missing."""
    dtype = compute_dtype(x)
    codes = codebook.to(dtype)
    return _by(x.to(dtype) @ codes.T - codes.square().sum(-1), x, codebook)


def quantize_gradient_blocked(x: Tensor, codebook: Tensor) -> Pair:
    """Nothing but zero times the point carries the gradient."""
    index, quantized = right.vector_quantize(x.detach(), codebook)
    return index, quantized + 0.0 * (x - x.detach())


def quantize_codebook_learns(x: Tensor, codebook: Tensor) -> Pair:
    """The codes are looked up with their gradient."""
    index = right.vector_quantize(x.detach(), codebook.detach())[0]
    return index, codebook[index] + (x - x.detach())


def quantize_gradient_scaled(x: Tensor, codebook: Tensor) -> Pair:
    """A quarter of the gradient."""
    index, quantized = right.vector_quantize(x.detach(), codebook)
    return index, quantized + 0.25 * (x - x.detach())


def quantize_over_points(x: Tensor, codebook: Tensor) -> Pair:
    """Every code goes to its nearest point, and points take the last code that chose them."""
    d = _squares(x, codebook).reshape(-1, codebook.shape[0])
    index = torch.zeros(len(d), dtype=torch.int64)
    for code, point in enumerate(d.argmin(0).tolist()):
        index[point] = code
    index = index.reshape(x.shape[:-1])
    return index, codebook[index].detach() + (x - x.detach())


def _staged(x: Tensor, codebooks: Tensor, kind: str) -> Pair:
    dtype = compute_dtype(x)
    given, codes = x.detach().to(dtype), codebooks.to(dtype)
    residual, total, rows, indices = given, torch.zeros_like(given), given, []
    for book in codes:
        if kind == "product":
            index = (residual @ book.T).argmax(-1)
        else:
            index = _squares(residual, book).argmin(-1)
        rows = book[index]
        total = total + rows
        if kind == "added":
            residual = residual + rows
        elif kind == "sum":
            residual = residual - total
        elif kind != "kept":
            residual = residual - rows
        indices.append(index)
    value = rows if kind == "last" else total
    slope = len(codes) if kind == "repeated" else 1
    return torch.stack(indices, -1), (value.to(x.dtype) + slope * (x - x.detach()))


def residual_not_updated(x: Tensor, codebooks: Tensor) -> Pair:
    """Every stage quantizes the point itself."""
    return _staged(x, codebooks, "kept")


def residual_added(x: Tensor, codebooks: Tensor) -> Pair:
    """The sign of the update is wrong."""
    return _staged(x, codebooks, "added")


def residual_minus_sum(x: Tensor, codebooks: Tensor) -> Pair:
    """The running sum is taken off again at every stage."""
    return _staged(x, codebooks, "sum")


def residual_last_code(x: Tensor, codebooks: Tensor) -> Pair:
    """Only the last code comes back."""
    return _staged(x, codebooks, "last")


def residual_by_product(x: Tensor, codebooks: Tensor) -> Pair:
    """Largest inner product with the residual."""
    return _staged(x, codebooks, "product")


def residual_codebooks_learn(x: Tensor, codebooks: Tensor) -> Pair:
    """The codes are looked up with their gradient."""
    index, quantized = right.residual_vector_quantize(x, codebooks.detach())
    chosen = [book[index[..., q]] for q, book in enumerate(codebooks.unbind(0))]
    codes = torch.stack(chosen).sum(0)
    return index, quantized + (codes - codes.detach())


def residual_gradient_repeated(x: Tensor, codebooks: Tensor) -> Pair:
    """Every stage adds its own straight-through gradient."""
    return _staged(x, codebooks, "repeated")


def _latents(patches: Tensor, latents: Tensor, weights: tuple[Tensor, ...], kind: str) -> Tensor:
    dtype = compute_dtype(patches)
    own = latents.to(dtype).unsqueeze(0).expand(len(patches), -1, -1)
    both = torch.cat([patches.to(dtype), own], 1)
    readers = both[:, : own.shape[1]] if kind == "first" else own
    tokens = patches.to(dtype) if kind == "patches" else both
    q, k, v = (a @ w.to(dtype) for a, w in zip((readers, tokens, tokens), weights, strict=True))
    read = torch.softmax(q @ k.transpose(1, 2) * patches.shape[2] ** -0.5, -1) @ v
    return (read if kind == "bare" else readers + read).to(patches.dtype)


def latents_read_patches_only(
    patches: Tensor, latents: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, codebook: Tensor
) -> Pair:
    """Cross-attention instead of attention over patches and latents."""
    return right.vector_quantize(_latents(patches, latents, (Wq, Wk, Wv), "patches"), codebook)


def latents_without_residual(
    patches: Tensor, latents: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, codebook: Tensor
) -> Pair:
    """What was read replaces the latent."""
    return right.vector_quantize(_latents(patches, latents, (Wq, Wk, Wv), "bare"), codebook)


def latents_first_positions(
    patches: Tensor, latents: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, codebook: Tensor
) -> Pair:
    """The first M positions are kept, which are patches."""
    return right.vector_quantize(_latents(patches, latents, (Wq, Wk, Wv), "first"), codebook)


def _scales(offsets: Tensor) -> Tensor:
    return (torch.arange(int(offsets[-1])).unsqueeze(-1) >= offsets[1:-1]).sum(-1)


def scales_apart(offsets: Tensor) -> Tensor:
    """A token sees its own scale only."""
    scale = _scales(offsets)
    return scale.unsqueeze(0) == scale.unsqueeze(1)


def scales_strict(offsets: Tensor) -> Tensor:
    """A token sees the scales before its own only."""
    scale = _scales(offsets)
    return scale.unsqueeze(0) < scale.unsqueeze(1)
