"""Conformer and Branchformer: convolution beside and behind self-attention."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from conform_reference import _check
from conform_reference._kept_softmax import kept_softmax
from conform_reference._saved import sigmoid
from conform_reference._scores import rounding_error
from conform_reference.feed_forward import gelu, swish
from conform_reference.norm import layer_norm
from conform_reference.rounding import mark

Sublayer = Callable[[Tensor], Tensor]


def _over_time(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """x[B,T,E] convolved along time, one kernel[k] a channel, plus bias[E]; k odd, zero padded."""
    k, T = kernel.shape[-1], x.shape[1]
    if k % 2 == 0 or tuple(kernel.shape) != (x.shape[2], k):
        raise ValueError(f"kernel.shape={tuple(kernel.shape)}: expected ({x.shape[2]}, k), k odd")
    padded = pad(x, (0, 0, k // 2, k // 2))
    read = torch.stack([padded[:, u : u + T] for u in range(k)], -1)
    terms = read * kernel
    if bias is None:
        return mark("convolved", terms.sum(-1))
    # Convolutions begin their sum with the bias, or round before it is added.
    first = bias.unsqueeze(-1).expand_as(terms[..., :1])
    return torch.cat([first, terms], -1).sum(-1) + rounding_error("convolved", terms.sum(-1))


def conformer_conv(
    x: Tensor, gamma: Tensor, beta: Tensor, W1: Tensor, kernel: Tensor, scale: Tensor,
    shift: Tensor, W2: Tensor, *, lengths: Tensor | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The Conformer's convolution module, without its residual: x[B,T,E] -> [B,T,E].

    lengths int[B], None for all T. LN (gamma, beta[E]); W1[E,2E]; GLU, a * sigmoid(b) with a the
    first half; zero at and beyond lengths; depthwise convolution over time, kernel[E,k], k odd,
    zero padded; batch norm in inference as scale, shift[E]; swish; W2[E,E]; zero beyond lengths.
    Raises ValueError for shapes that do not fit. Source: Gulati et al. 2020, arXiv:2005.08100,
    section 2.2 and figure 2; the masking is what keeps padding from leaking in.
    """
    _check.rank("x", x, "B T E")
    lengths = torch.full((x.shape[0],), x.shape[1]) if lengths is None else lengths
    _check.same("batch size", "lengths.shape[0]", lengths.shape[0], "B", x.shape[0])
    _check.same("width", "W1.shape[1]", W1.shape[1], "2 E", 2 * x.shape[2])
    dtype = _check.compute_dtype(x, gamma, beta, W1, kernel, scale, shift, W2)
    valid = (torch.arange(x.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
    # Whatever lies in the padding, not even NaN may reach what follows.
    y = torch.where(valid, x.to(dtype), 0.0)
    normed = mark("normed", layer_norm(y, gamma, beta, eps=eps))
    a, b = mark("projected", normed @ W1.to(dtype)).chunk(2, -1)
    gated = mark("gated", a * sigmoid("sigmoid", b))
    convolved = _over_time(torch.where(valid, gated, 0.0), kernel.to(dtype))
    scaled = mark("rescaled", convolved * scale.to(dtype)) + shift.to(dtype)
    active = mark("activation", swish(mark("shifted", scaled)))
    return torch.where(valid, active @ W2.to(dtype), 0.0).to(x.dtype)


def conformer_block(
    x: Tensor, ffn1: Sublayer, attention: Sublayer, conv: Sublayer, ffn2: Sublayer, gamma: Tensor,
    beta: Tensor, *, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Half a feed-forward, attention, convolution, half a feed-forward, norm: x[B,T,E] -> [B,T,E].

    x1 = x + ffn1(x) / 2; x2 = x1 + attention(x1); x3 = x2 + conv(x2);
    LN(x3 + ffn2(x3) / 2; gamma, beta). The modules bring their own norms. Raises ValueError for
    shapes that do not fit. Source: arXiv:2005.08100, section 2.4.
    """
    _check.rank("x", x, "B T E")
    y = x.to(_check.compute_dtype(x, gamma, beta))
    y = mark("stream", y + 0.5 * mark("module", ffn1(y)))
    y = mark("stream", y + mark("module", attention(y)))
    y = mark("stream", y + mark("module", conv(y)))
    y = mark("stream", y + 0.5 * mark("module", ffn2(y)))
    return layer_norm(y, gamma, beta, eps=eps).to(x.dtype)


def cgmlp(
    x: Tensor, U: Tensor, gamma: Tensor, beta: Tensor, kernel: Tensor, bias: Tensor, V: Tensor, *,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """(Z1 * (dw(LN(Z2)) + bias)) V with [Z1, Z2] = GELU(x U): x[B,T,E] -> [B,T,E].

    U[E,2F]; gamma, beta[F]; dw along time with kernel[F,k], k odd, zero padded; bias[F]; V[F,E].
    Raises ValueError for shapes that do not fit. Source: Peng et al. 2022 (Branchformer),
    arXiv:2207.02971, eq. 7 to 10.
    """
    _check.rank("x", x, "B T E")
    _check.same("width", "U.shape[1]", U.shape[1], "2 F", 2 * V.shape[0])
    dtype = _check.compute_dtype(x, U, gamma, beta, kernel, bias, V)
    Z = mark("activation", gelu(mark("projected", x.to(dtype) @ U.to(dtype))))
    Z1, Z2 = Z.chunk(2, -1)
    normed = mark("normed", layer_norm(Z2, gamma, beta, eps=eps))
    gate = mark("gate_signal", _over_time(normed, kernel.to(dtype), bias.to(dtype)))
    return (mark("gated", Z1 * gate) @ V.to(dtype)).to(x.dtype)


def branch_merge_concat(a: Tensor, b: Tensor, W: Tensor) -> Tensor:
    """[a, b] W: both branches a, b[B,T,E] side by side, W[2E,D] -> [B,T,D].

    a W[:E] + b W[E:] is as right, and rounds both parts.
    Raises ValueError for shapes that do not fit. Source: arXiv:2207.02971, section 3.4.
    """
    _check.rank("a", a, "B T E")
    _check.same("width", "W.shape[0]", W.shape[0], "a and b", a.shape[2] + b.shape[2])
    dtype = _check.compute_dtype(a, b, W)
    first, second, weight = a.to(dtype), b.to(dtype), W.to(dtype)
    merged = torch.cat([first, second], -1) @ weight
    of_first, of_second = weight.split([a.shape[2], b.shape[2]])
    merged = merged + rounding_error("parts", first @ of_first)
    return (merged + rounding_error("parts", second @ of_second)).to(a.dtype)


def _branch_score(x: Tensor, pool: Tensor, weight: Tensor) -> Tensor:
    """[B,1]: attention pooling of x[B,T,E] over time with pool[E], then a score with weight[E]."""
    product = mark("backward.partial", x) @ pool
    scores = mark("pool_scores", mark("pool_product", product) / x.shape[-1] ** 0.5)
    share = kept_softmax("pool_weights", scores)
    pooled = mark("pooled", (share.unsqueeze(1) @ mark("backward.partial", x)).squeeze(1))
    return mark("branch_scores", pooled @ weight).unsqueeze(1)


def branch_merge_average(
    a: Tensor, b: Tensor, pool_a: Tensor, pool_b: Tensor, weight_a: Tensor, weight_b: Tensor
) -> tuple[Tensor, Tensor]:
    """(w_1 a + w_2 b, w) with w[B,2] on the simplex, one pair an utterance: a, b[B,T,E].

    w = softmax(s_a, s_b); s_a = weight_a . sum_t softmax_t(a pool_a / sqrt(E))_t a_t, and likewise
    s_b; pools and weights [E]. Raises ValueError for shapes that do not fit.
    Source: arXiv:2207.02971, section 3.4, eq. 11 to 15 (weighted average).
    """
    _check.rank("a", a, "B T E")
    if a.shape != b.shape:
        raise ValueError(f"a.shape={tuple(a.shape)}, b.shape={tuple(b.shape)}: expected the same")
    _check.not_empty("T", a.shape[1])
    dtype = _check.compute_dtype(a, b, pool_a, pool_b, weight_a, weight_b)
    # Its gradient is added up from three parts, two of them first.
    first, second = mark("backward.partial", a.to(dtype)), mark("backward.partial", b.to(dtype))
    scores = [
        _branch_score(first, pool_a.to(dtype), weight_a.to(dtype)),
        _branch_score(second, pool_b.to(dtype), weight_b.to(dtype)),
    ]
    used = kept_softmax("weights", torch.cat(scores, -1))
    merged = mark("weighted", used[:, :1, None] * first) + mark(
        "weighted", used[:, 1:, None] * second
    )
    return merged.to(a.dtype), used.to(a.dtype)


def branchformer_block(
    x: Tensor, attention: Sublayer, mlp: Sublayer, gamma_a: Tensor, beta_a: Tensor, gamma_m: Tensor,
    beta_m: Tensor, W: Tensor, *, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """x + [attention(LN_a(x)), mlp(LN_m(x))] W: two branches of one input, x[B,T,E] -> [B,T,E].

    gamma, beta[E] of each branch's norm; W[2E,E] merges by concatenation. Raises ValueError for
    shapes that do not fit. Source: arXiv:2207.02971, figure 1 and section 3.1.
    """
    _check.rank("x", x, "B T E")
    y = mark("backward.partial", x.to(_check.compute_dtype(x, gamma_a, beta_a, gamma_m, beta_m, W)))
    # The gradients of both branches and of the residual are added up one after the other.
    u, v, stream = (mark("backward.partial", y) for _ in range(3))
    a = mark("branch", attention(mark("normed", layer_norm(u, gamma_a, beta_a, eps=eps))))
    b = mark("branch", mlp(mark("normed", layer_norm(v, gamma_m, beta_m, eps=eps))))
    return (stream + mark("merged", branch_merge_concat(a, b, W))).to(x.dtype)
