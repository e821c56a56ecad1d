"""Bottleneck adapters, their parallel form, the unified form of all additive methods, (IA)^3."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import stored_probabilities
from conform_reference._scores import rounding_error
from conform_reference.feed_forward import _ACTIVATIONS, _activate, _fits, _one_of, feed_forward
from conform_reference.rounding import mark


def _branch(x: Tensor, dtype: torch.dtype) -> Tensor:
    """x as a branch reads it: its gradient comes back in the input's dtype and is then added."""
    return mark("backward.branch", x.to(dtype))


def _bottleneck(width: int, Wdown: Tensor, bdown: Tensor, Wup: Tensor, bup: Tensor) -> None:
    if Wdown.dim() != 2:
        raise ValueError(f"Wdown.shape={tuple(Wdown.shape)}: expected [E, m]; reshape Wdown")
    m = Wdown.shape[1]
    _fits("Wdown", Wdown, (width, m), "E m")
    _fits("bdown", bdown, (m,), "m")
    _fits("Wup", Wup, (m, width), "m E")
    _fits("bup", bup, (width,), "E")


def adapter(
    h: Tensor, Wdown: Tensor, bdown: Tensor, Wup: Tensor, bup: Tensor, *, activation: str = "relu"
) -> Tensor:
    """h + act(h Wdown + bdown) Wup + bup for h[..., E], Wdown[E, m], Wup[m, E] -> [..., E].

    Raises ValueError for weights that do not fit or an unknown activation.
    Source: Houlsby et al. 2019, arXiv:1902.00751, section 2.1; the skip connection is inside.
    """
    _bottleneck(h.shape[-1], Wdown, bdown, Wup, bup)
    dtype = _check.compute_dtype(h, Wdown, bdown, Wup, bup)
    increment = feed_forward(_branch(h, dtype), Wdown, bdown, Wup, bup, activation=activation)
    # h + (... + bup) and (h + ...) + bup are as right, and round in different places.
    early = rounding_error("partial_sum", h.to(dtype) + increment - bup.to(dtype))
    return (h.to(dtype) + mark("increment", increment) + early).to(h.dtype)


def parallel_adapter(
    x: Tensor,
    h: Tensor,
    Wdown: Tensor,
    bdown: Tensor,
    Wup: Tensor,
    bup: Tensor,
    *,
    activation: str = "relu",
    scaling: float = 1.0,
) -> Tensor:
    """h + scaling (act(x Wdown + bdown) Wup + bup): x[..., E] goes into the sublayer, h comes out.

    Raises ValueError for shapes that do not fit or an unknown activation.
    Source: He et al. 2022, arXiv:2110.04366, section 3.3 (the scaled parallel adapter).
    """
    _check_pair(x, h)
    _bottleneck(h.shape[-1], Wdown, bdown, Wup, bup)
    dtype = _check.compute_dtype(x, h, Wdown, bdown, Wup, bup)
    increment = feed_forward(x.to(dtype), Wdown, bdown, Wup, bup, activation=activation)
    scaled = mark("scaled_increment", scaling * mark("increment", increment))
    return (h.to(dtype) + scaled).to(h.dtype)


def _check_pair(x: Tensor, h: Tensor) -> None:
    if x.shape != h.shape:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, h.shape={tuple(h.shape)}: expected the same shape; "
            f"h is what the sublayer makes of x"
        )


def unified_delta(
    x: Tensor,
    h: Tensor,
    Wdown: Tensor,
    Wup: Tensor,
    gate: Tensor,
    *,
    form: str = "parallel",
    activation: str = "relu",
    composition: str = "add",
) -> Tensor:
    """h + gate D, or (1 - gate) h + gate D if gated, with D = act(source Wdown) Wup -> [..., E].

    x, h[..., E], Wdown[E, m], Wup[m, E], gate[..., 1]; the source is x (form="parallel") or h
    ("sequential"); act also "softmax", over m. Adapter: sequential, relu, add. LoRA: parallel,
    identity, add. Prefix: parallel, softmax, gated. Raises ValueError for what does not fit.
    Source: He et al. 2022, arXiv:2110.04366, table 1; CMU 11-785, "Interpretation".
    """
    _check_pair(x, h)
    _one_of("form", form, ("parallel", "sequential"))
    _one_of("composition", composition, ("add", "gated"))
    _one_of("activation", activation, ("softmax", *_ACTIVATIONS))
    _fits("Wdown", Wdown, (h.shape[-1], Wdown.shape[-1]), "E m")
    _fits("Wup", Wup, (Wdown.shape[-1], h.shape[-1]), "m E")
    _check.not_empty("m", Wdown.shape[-1])
    dtype = _check.compute_dtype(x, h, Wdown, Wup, gate)
    source = _branch(x if form == "parallel" else h, dtype)
    inner = mark("product", source @ Wdown.to(dtype))
    if activation == "softmax":
        exponentials = torch.exp(inner - inner.detach().amax(-1, keepdim=True))
        total = exponentials.sum(-1, keepdim=True)
        active = stored_probabilities(exponentials, total) / total
    else:
        active = _activate(activation, inner)
    delta = mark("increment", active @ Wup.to(dtype))
    share = mark("backward.gate", _check.broadcasts("gate", gate, tuple(h.shape)).to(dtype))
    kept = h.to(dtype)
    if composition == "gated":
        kept = mark("kept", mark("kept_share", 1 - share) * kept)
    return (kept + mark("scaled_increment", share * delta)).to(h.dtype)


def ia3_linear(x: Tensor, W0: Tensor, b0: Tensor, scale: Tensor) -> Tensor:
    """(x W0^T + b0) * scale for x[..., in], W0[out, in], b0[out], scale[out] -> [..., out].

    For keys and values. Raises ValueError for shapes that do not fit. Source: Liu et al. 2022,
    arXiv:2205.05638, section 3.3; a bias of the layer, which T5 lacks, is scaled with the rest.
    """
    if W0.dim() != 2 or x.dim() < 1 or x.shape[-1] != W0.shape[1]:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, W0.shape={tuple(W0.shape)}: expected x [..., in] and "
            f"W0 [out, in]; transpose W0 if it is stored [in, out]"
        )
    _fits("b0", b0, (W0.shape[0],), "out")
    _fits("scale", scale, (W0.shape[0],), "out")
    dtype = _check.compute_dtype(x, W0, b0, scale)
    projected = mark("product", x.to(dtype) @ W0.to(dtype).T)
    affine = mark("projection", projected + b0.to(dtype))
    return (affine * mark("backward.scale", scale.to(dtype).expand(affine.shape))).to(x.dtype)


def ia3_feed_forward(
    x: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    scale: Tensor,
    *,
    activation: str = "relu",
) -> Tensor:
    """(scale * act(x W1 + b1)) W2 + b2 for x[..., E], W1[E, F], W2[F, E], scale[F] -> [..., E].

    Raises ValueError for shapes that do not fit or an unknown activation. Source: Liu et al. 2022,
    arXiv:2205.05638, section 3.3.
    """
    F = W1.shape[-1]
    _fits("W1", W1, (x.shape[-1], F), "E F")
    _fits("b1", b1, (F,), "F")
    _fits("W2", W2, (F, x.shape[-1]), "F E")
    _fits("b2", b2, (x.shape[-1],), "E")
    _fits("scale", scale, (F,), "F")
    dtype = _check.compute_dtype(x, W1, b1, W2, b2, scale)
    up = mark("product", x.to(dtype) @ W1.to(dtype))
    inner = _activate(activation, mark("preactivation", up + b1.to(dtype)))
    scaled = inner * mark("backward.scale", scale.to(dtype).expand(inner.shape))
    down = mark("product", mark("scaled", scaled) @ W2.to(dtype))
    return (down + b2.to(dtype)).to(x.dtype)
