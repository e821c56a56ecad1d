"""Alignment scores of sequence-to-sequence attention, and the context they give."""

import torch
from torch import Tensor

from conform_reference import _check, _saved
from conform_reference._kept_softmax import shares, slope_from
from conform_reference.rounding import another_order, either_way, mark


def rounding_error(name: str, x: Tensor) -> Tensor:
    """What rounding `x` at this mark would add; zero unless a rounding is injected.

    For quantities that one order of evaluation materialises and the order written here does not.
    """
    return mark(name, x) - x


def _check_state(h: Tensor, s: Tensor) -> None:
    _check.rank("h", h, "B T Dh")
    _check.rank("s", s, "B Ds")
    _check.same("batch size", "h.shape[0]", h.shape[0], "s.shape[0]", s.shape[0])


def dot_score(h: Tensor, s: Tensor) -> Tensor:
    """h_i . s for encoder states h[B,T,D] and a decoder state s[B,D] -> [B,T].

    Raises ValueError for widths that differ. Source: Luong et al. 2015, arXiv:1508.04025 (dot).
    """
    _check_state(h, s)
    _check.same("width", "h.shape[2]", h.shape[2], "s.shape[1]", s.shape[1])
    dtype = _check.compute_dtype(h, s)
    states, state = h.to(dtype), s.to(dtype).unsqueeze(1)
    scores = (states * state).sum(-1)
    return another_order(scores, lambda: _multiplied(states, state)).to(h.dtype)


def _multiplied(h: Tensor, s: Tensor) -> Tensor:
    """(h * s).sum(-1), which materialises the products, on the way back too."""
    state = mark("backward.products", s.expand(h.shape))
    return _stored(h * state).sum(-1)


def bilinear_score(h: Tensor, s: Tensor, W: Tensor) -> Tensor:
    """h_i^T W s for h[B,T,Dh], s[B,Ds], W[Dh,Ds] -> [B,T].

    Raises ValueError for shapes that do not fit. Source: arXiv:1508.04025 (general).
    """
    _check_state(h, s)
    if tuple(W.shape) != (h.shape[2], s.shape[1]):
        raise ValueError(
            f"W.shape={tuple(W.shape)}: expected {(h.shape[2], s.shape[1])}, (Dh, Ds); "
            f"transpose W if it is stored the other way"
        )
    dtype = _check.compute_dtype(h, s, W)
    states, state, weight = h.to(dtype), s.to(dtype).unsqueeze(-1), W.to(dtype)
    scores = states @ mark("projected_state", weight @ state)
    # (h W) s is as right as h (W s), and rounds in another place.
    scores = scores + rounding_error("projected_source", states @ weight) @ state
    row = s.to(dtype).unsqueeze(1)
    return another_order(scores.squeeze(-1), lambda: _multiplied(states @ weight, row)).to(h.dtype)


def additive_score(h: Tensor, s: Tensor, W: Tensor, v: Tensor) -> Tensor:
    """v . tanh(W [h_i; s]) for h[B,T,Dh], s[B,Ds], W[A,Dh+Ds], v[A] -> [B,T].

    Raises ValueError for shapes that do not fit. Source: Bahdanau et al. 2015, arXiv:1409.0473.
    """
    _check_state(h, s)
    width = h.shape[2] + s.shape[1]
    _check.rank("W", W, "A Dh+Ds")
    _check.same("width of [h; s]", "W.shape[1]", W.shape[1], "Dh + Ds", width)
    _check.same("hidden size", "v.shape[0]", v.shape[0], "W.shape[0]", W.shape[0])
    dtype = _check.compute_dtype(h, s, W, v)
    from_h, from_s = W.to(dtype).split([h.shape[2], s.shape[1]], 1)
    source = mark("projected_source", h.to(dtype) @ from_h.T)
    state = mark("projected_state", s.to(dtype) @ from_s.T)
    hidden = _saved.tanh("hidden", mark("preactivation", source + state.unsqueeze(1)))
    return (hidden @ v.to(dtype).unsqueeze(-1)).squeeze(-1).to(h.dtype)


def mlp_score(h: Tensor, s: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Tensor:
    """relu([h_i; s] W1 + b1) W2 + b2 for W1[Dh+Ds,A], b1[A], W2[A,1], b2[1] -> [B,T].

    Raises ValueError for shapes that do not fit. Source: the MLP score of CMU 11-785, lecture on
    attention; one hidden ReLU layer is the contract's choice.
    """
    _check_state(h, s)
    _check.rank("W1", W1, "Dh+Ds A")
    _check.same("width of [h; s]", "W1.shape[0]", W1.shape[0], "Dh + Ds", h.shape[2] + s.shape[1])
    if b1.shape != W1.shape[1:] or tuple(W2.shape) != (W1.shape[1], 1) or b2.numel() != 1:
        raise ValueError(
            f"b1.shape={tuple(b1.shape)}, W2.shape={tuple(W2.shape)}, b2.shape={tuple(b2.shape)}: "
            f"expected ({W1.shape[1]},), ({W1.shape[1]}, 1) and (1,)"
        )
    dtype = _check.compute_dtype(h, s, W1, b1, W2, b2)
    from_h, from_s = W1.to(dtype).split([h.shape[2], s.shape[1]], 0)
    source = mark("projected_source", h.to(dtype) @ from_h)
    state = mark("projected_state", s.to(dtype) @ from_s)
    projected = mark("projection", source + state.unsqueeze(1))
    hidden = torch.relu(mark("preactivation", projected + b1.to(dtype)))
    scores = mark("unbiased_score", hidden @ W2.to(dtype)).squeeze(-1) + b2.to(dtype)
    return scores.to(h.dtype)


def seq2seq_attention(h: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
    """Encoder states h[B,T,D] and their scores e[B,T] -> (context[B,D], weights[B,T]).

    weights = softmax of e over the source positions T, context = sum of weights h.
    Raises ValueError for shapes that do not fit or T = 0. Source: arXiv:1409.0473, eq. 5 and 6.
    """
    _check.rank("h", h, "B T D")
    if e.shape != h.shape[:2]:
        raise ValueError(f"e.shape={tuple(e.shape)}: expected {tuple(h.shape[:2])}, one a state")
    _check.at_least("T", h.shape[1], 1)
    dtype = _check.compute_dtype(h, e)
    scores = e.to(dtype)
    share = shares(scores)
    # Frameworks take the slope from the weights as they are stored, p (de - sum p de), and add
    # what comes back from the context to what comes back from the weights.
    stored = mark("stored_weights", share)
    weights = mark(
        "backward.weights", share + slope_from(stored, scores, "backward.softmax_scores")
    )
    context = (mark("weights", weights).unsqueeze(1) @ h.to(dtype)).squeeze(1)
    context = another_order(context, lambda: _weighted(weights, h.to(dtype)))
    return context.to(h.dtype), weights.to(e.dtype)


def _weighted(weights: Tensor, h: Tensor) -> Tensor:
    """(weights[..., None] * h).sum(1), which materialises the products, on the way back too."""
    share = mark("backward.products", weights.unsqueeze(-1).expand(h.shape))
    return _stored(share * h).sum(1)


def _stored(products: Tensor) -> Tensor:
    """The products as they are stored; what that loses has either sign.

    (Products of subnormal numbers all come out as zero, in this order of evaluation alone.)
    """
    return products + either_way(mark("products", products) - products)
