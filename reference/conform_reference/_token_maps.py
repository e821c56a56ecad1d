"""What is read off a vision transformer: norms, similarities, attention maps and distances."""

import math

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._kept_softmax import kept_softmax
from conform_reference.rounding import another_order, mark


def patch_norms(tokens: Tensor, *, first_patch: int = 1) -> Tensor:
    """Euclidean norm over channels of every patch token: tokens[B,T,E] -> [B,T-first_patch].

    Class and register tokens come before `first_patch`. Squares are added up in at least float32
    (float16 overflows at 256). Raises ValueError for a first_patch outside [0, T].
    Source: Darcet et al. 2024, arXiv:2309.16588, section 2.1.
    """
    _check.rank("tokens", tokens, "B T E")
    _check.at_least("first_patch", first_patch, 0)
    _check.at_least("T - first_patch", tokens.shape[1] - first_patch, 0)
    _check.not_empty("E", tokens.shape[2])
    patches = tokens[:, first_patch:].to(_check.compute_dtype(tokens))
    # Relative to the largest, since squares of tiny numbers underflow and of huge ones overflow.
    largest = patches.detach().abs().amax(-1, keepdim=True)
    unit = torch.where(largest > 0, largest, 1.0)
    total = (patches / unit).square().sum(-1)
    norm = torch.sqrt(total).detach() * unit[..., 0]
    # Frameworks take the slope from the norm as it is stored; at zero it is taken to be zero.
    stored = mark("stored_norm", torch.where(norm > 0, norm, 1.0)).unsqueeze(-1)
    slope = mark("slope", torch.where(norm.unsqueeze(-1) > 0, patches.detach() / stored, 0.0))
    return (norm + (slope * (patches - patches.detach())).sum(-1)).to(tokens.dtype)


def _units(y: Tensor) -> Tensor:
    """y over its length, whose slope is taken from the length as it is stored."""
    stored = mark("length", y.detach().square().sum(-1, keepdim=True).sqrt())
    slope = mark("slope", y.detach() / stored)
    change = mark("backward.quotient", y - y.detach())  # zero, with slope one
    length = mark("backward.quotient", stored + (slope * change).sum(-1, keepdim=True))
    return mark("unit", y / mark("backward.quotient", length.expand_as(y)))


def _cosines_apart(y: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines of neighbours downwards and across, from unit vectors made for each pair anew."""
    parts = []
    for _ in range(4):  # the gradients of the four are added up one by one
        parts.append(_units(y))
        y = mark("backward.partial", y)
    upper, lower, left, right = parts
    down = mark("products", upper[:, 1:] * lower[:, :-1]).sum(-1)
    across = mark("products", left[:, :, 1:] * right[:, :, :-1]).sum(-1)
    return mark("cosine", down), mark("cosine", across)


def neighbour_similarity(x: Tensor) -> Tensor:
    """Mean cosine of every patch with its 2 to 4 neighbours: x[B,Hh,Ww,E] -> [B,Hh,Ww].

    Neighbours share an edge; a lone patch gives NaN. Raises ValueError for another rank.
    Source: arXiv:2309.16588, figure 5(a).
    """
    _check.rank("x", x, "B Hh Ww E")
    _check.not_empty("Hh", x.shape[1])
    _check.not_empty("Ww", x.shape[2])
    y = x.to(_check.compute_dtype(x))
    unit = mark("unit", y / mark("length", y.square().sum(-1, keepdim=True).sqrt()))
    down = mark("products", unit[:, 1:] * unit[:, :-1]).sum(-1)
    across = mark("products", unit[:, :, 1:] * unit[:, :, :-1]).sum(-1)
    down = another_order(mark("cosine", down), lambda: _cosines_apart(y)[0])
    across = another_order(mark("cosine", across), lambda: _cosines_apart(y)[1])
    pad = torch.nn.functional.pad
    total = pad(down, (0, 0, 0, 1)) + pad(down, (0, 0, 1, 0))
    total = total + (pad(across, (0, 1)) + pad(across, (1, 0)))
    count = pad(torch.ones(x.shape[1] - 1, x.shape[2]), (0, 0, 0, 1))
    sideways = pad(torch.ones(x.shape[1], x.shape[2] - 1), (0, 1))
    count = count + count.flip(0) + sideways + sideways.flip(1)
    return (mark("total", total) / count.to(y.dtype)).to(x.dtype)


def grid_smoothness(x: Tensor) -> Tensor:
    """Mean squared distance across the edges of the patch grid: x[B,Hh,Ww,E] -> [B]; 0 is smooth.

    Edges join horizontal and vertical neighbours. Raises ValueError for a grid without edges.
    Source: claim PEFT-209 (smoother feature maps), as a number.
    """
    _check.rank("x", x, "B Hh Ww E")
    edges = (x.shape[1] - 1) * x.shape[2] + x.shape[1] * (x.shape[2] - 1)
    _check.at_least("number of edges", edges, 1)
    y = x.to(_check.compute_dtype(x))
    down = mark("difference", y[:, 1:] - y[:, :-1])
    across = mark("difference", y[:, :, 1:] - y[:, :, :-1])
    sums = [mark("squares", d * d).sum((1, 2, 3)) for d in (down, across)]
    return (mark("total", mark("sums", sums[0]) + mark("sums", sums[1])) / edges).to(x.dtype)


def class_attention_map(
    q: Tensor, k: Tensor, *, height: int, width: int, first_patch: int = 1
) -> Tensor:
    """The class token's attention to the patches, as images: q, k[B,H,T,D] -> [B,H,height,width].

    The softmax of row 0 runs over all T tokens; then the patches, tokens first_patch onwards, rows
    of the grid first, are cut out. Raises ValueError when T is too small.
    Source: arXiv:2309.16588, figure 1 (method of DINO, arXiv:2104.14294).
    """
    _check.rank("q", q, "B H T D")
    _check.at_least("height", height, 1)
    _check.at_least("width", width, 1)
    _check.at_least("first_patch", first_patch, 1)
    if q.shape != k.shape or first_patch + height * width > q.shape[2]:
        raise ValueError(
            f"q.shape={tuple(q.shape)}, k.shape={tuple(k.shape)}: expected equal shapes and at "
            f"least first_patch + height * width = {first_patch + height * width} tokens"
        )
    dtype = _check.compute_dtype(q, k)
    query = mark("scaled_query", q[:, :, :1].to(dtype) / math.sqrt(q.shape[-1]))
    scores = mark("scores", query @ k.to(dtype).transpose(-1, -2))[:, :, 0]
    weights = kept_softmax("weights", scores)
    patches = weights[..., first_patch : first_patch + height * width]
    return patches.unflatten(-1, (height, width)).to(q.dtype)


def mean_attention_distance(weights: Tensor, *, height: int, width: int, patch: int = 16) -> Tensor:
    """Mean over queries of sum_j A_ij |p_i - p_j|, in pixels: weights[B,H,N,N] -> [B,H].

    N = height width patches, rows first; |p_i - p_j| is the Euclidean distance of their places
    times the patch size. Raises ValueError for sizes that do not fit.
    Source: arXiv:2010.11929, section 4.5 and figure 7.
    """
    _check.rank("weights", weights, "B H N N")
    for name, value in (("height", height), ("width", width), ("patch", patch)):
        _check.at_least(name, value, 1)
    for axis in (2, 3):
        have = weights.shape[axis]
        _check.same("patches", f"weights.shape[{axis}]", have, "height * width", height * width)
    dtype = _check.compute_dtype(weights)
    row, column = torch.arange(height).repeat_interleave(width), torch.arange(width).repeat(height)
    place = torch.stack([row, column], 1).to(dtype)
    apart = (place.unsqueeze(1) - place).square().sum(-1).sqrt() * patch
    each = mark("weighted", weights.to(dtype) * mark("distances", apart))
    return mark("rows", each.sum(-1)).mean(-1).to(weights.dtype)


def _centred(x: Tensor) -> Tensor:
    """x[N,P] less its mean over N, which many take as the product (I - 1 1^T / N) x.

    The error of a mean cancels against the other side, which is centred; a product's does not.
    """
    less = torch.eye(len(x), dtype=x.dtype, device=x.device) - 1 / max(len(x), 1)
    return another_order(x - mark("means", x.mean(0, keepdim=True)), lambda: less @ x)


def linear_cka(x: Tensor, y: Tensor) -> Tensor:
    """|Y^T X|_F^2 / (|X^T X|_F |Y^T Y|_F) of centred features x[N,P], y[N,Q]: a scalar in [0, 1].

    0 where all examples are equal. Raises ValueError for unlike numbers of examples.
    Source: Kornblith et al. 2019,
    arXiv:1905.00414, eq. 5.
    """
    _check.rank("x", x, "N P")
    _check.rank("y", y, "N Q")
    _check.same("examples", "x.shape[0]", x.shape[0], "y.shape[0]", y.shape[0])
    dtype = _check.compute_dtype(x, y)
    first, second = (mark("centred", _centred(z.to(dtype))) for z in (x, y))

    def norm(a: Tensor, b: Tensor) -> Tensor:
        return mark("norms", mark("products", a.T @ b).square().sum().sqrt())

    cross = norm(second, first)
    scale = mark("scale", norm(first, first) * norm(second, second))
    alike = mark("squared", cross * cross) / torch.where(scale > 0, scale, 1.0)
    return alike.to(x.dtype)
