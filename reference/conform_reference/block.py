"""Transformer blocks: attention and feed-forward with residuals and norms, and their variants."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._block_biased import bert_block, biased_attention
from conform_reference._peft_adapters import adapter
from conform_reference._projected import multi_head_attention
from conform_reference.feed_forward import _fits, _one_of, feed_forward
from conform_reference.norm import layer_norm
from conform_reference.rounding import mark

__all__ = [
    "adapter_block",
    "bert_block",
    "biased_attention",
    "block_parameter_count",
    "decoder_block",
    "pre_norm_stack",
    "transformer_block",
]


def _widest(x: Tensor, norm: str, weights: tuple[Tensor, ...]) -> torch.dtype:
    _check.rank("x", x, "B L E")
    _one_of("norm", norm, ("pre", "post"))
    for name, W in zip(("gamma1", "beta1", "gamma2", "beta2"), weights[6:10], strict=False):
        _fits(name, W, (x.shape[-1],), "E")
    return _check.compute_dtype(x, *weights)


def _normed(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
    return mark("norm_output", layer_norm(x, gamma.to(x.dtype), beta.to(x.dtype), eps=eps))


def _attended(
    x: Tensor, memory: Tensor, weights: tuple[Tensor, ...], heads: int, causal: bool
) -> Tensor:
    # Each projection hands its input's gradient back in the input's dtype.
    query, memory = mark("backward.branch", x), mark("backward.branch", memory)
    o = multi_head_attention(query, memory, *weights, heads=heads, causal=causal)
    return mark("attention_output", o)


def _forward(x: Tensor, weights: tuple[Tensor, ...], activation: str) -> Tensor:
    branch = mark("backward.branch", x)
    return mark("ffn_output", feed_forward(branch, *weights, activation=activation))


def transformer_block(
    x: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    gamma1: Tensor,
    beta1: Tensor,
    gamma2: Tensor,
    beta2: Tensor,
    *,
    heads: int,
    causal: bool = False,
    norm: str = "pre",
    activation: str = "relu",
    eps: float = 1e-5,
) -> Tensor:
    """Self-attention, then feed-forward, both with residual and layer norm: x[B,L,E] -> [B,L,E].

    Wq, Wk, Wv[E,H*D], Wo[H*D,E], W1[E,F], b1[F], W2[F,E], b2[E]. norm="pre": y = x + SA(LN1(x)),
    y + FFN(LN2(y)); "post": y = LN1(x + SA(x)), LN2(y + FFN(y)). Raises ValueError for what does
    not fit. Source: Vaswani et al. 2017, section 3.1; pre: Xiong et al. 2020, arXiv:2002.04745.
    """
    attention, ffn = (Wq, Wk, Wv, Wo), (W1, b1, W2, b2)
    dtype = _widest(x, norm, (*attention, b1, b2, gamma1, beta1, gamma2, beta2))
    y = x.to(dtype)
    if norm == "pre":
        inner = _normed(y, gamma1, beta1, eps)
        y = mark("stream", y + _attended(inner, inner, attention, heads, causal))
        return (y + _forward(_normed(y, gamma2, beta2, eps), ffn, activation)).to(x.dtype)
    total = mark("stream", y + _attended(y, y, attention, heads, causal))
    y = _normed(total, gamma1, beta1, eps)
    total = mark("stream", y + _forward(y, ffn, activation))
    return layer_norm(total, gamma2.to(dtype), beta2.to(dtype), eps=eps).to(x.dtype)


def decoder_block(
    x: Tensor,
    memory: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    Cq: Tensor,
    Ck: Tensor,
    Cv: Tensor,
    Co: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    gamma1: Tensor,
    beta1: Tensor,
    gamma2: Tensor,
    beta2: Tensor,
    gamma3: Tensor,
    beta3: Tensor,
    *,
    heads: int,
    norm: str = "post",
    activation: str = "relu",
    eps: float = 1e-5,
) -> Tensor:
    """Causal self-attention, attention to memory[B,S,M], feed-forward: x[B,L,E] -> [B,L,E].

    Weights as in `transformer_block`; Cq[E,H*D], Ck, Cv[M,H*D], Co[H*D,E] for the second sublayer,
    norms 1 to 3 in the order of the sublayers; pre-norm normalises x, never the memory. Raises
    ValueError for what does not fit. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1.
    """
    own, cross, ffn = (Wq, Wk, Wv, Wo), (Cq, Ck, Cv, Co), (W1, b1, W2, b2)
    norms = ((gamma1, beta1), (gamma2, beta2), (gamma3, beta3))
    dtype = _widest(x, norm, (*own, b1, b2, gamma1, beta1, gamma2, beta2))
    _check.rank("memory", memory, "B S M")
    y, encoded = x.to(dtype), memory.to(dtype)
    sublayers = (
        lambda z: _attended(z, z, own, heads, True),
        lambda z: _attended(z, encoded, cross, heads, False),
        lambda z: _forward(z, ffn, activation),
    )
    for sublayer, (gamma, beta) in zip(sublayers, norms, strict=True):
        if norm == "pre":
            y = mark("stream", y + sublayer(_normed(y, gamma, beta, eps)))
        else:
            y = _normed(mark("stream", y + sublayer(y)), gamma, beta, eps)
    return y.to(x.dtype)


def pre_norm_stack(
    x: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    gamma1: Tensor,
    beta1: Tensor,
    gamma2: Tensor,
    beta2: Tensor,
    gamma: Tensor,
    beta: Tensor,
    *,
    heads: int,
    causal: bool = False,
    activation: str = "relu",
    eps: float = 1e-5,
) -> Tensor:
    """N pre-norm blocks, then one last layer norm with gamma[E], beta[E]: x[B,L,E] -> [B,L,E].

    The weights of `transformer_block`, each with N leading. Raises ValueError for what does not
    fit. Source: Xiong et al. 2020, arXiv:2002.04745, table 1 (the final norm of Pre-LN).
    """
    stacked = (Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    _check.rank("Wq", Wq, "N E H*D")
    for W in stacked:
        _check.same("number of layers", "shape[0]", W.shape[0], "Wq.shape[0]", Wq.shape[0])
    _fits("gamma", gamma, (x.shape[-1],), "E")
    _fits("beta", beta, (x.shape[-1],), "E")
    dtype = _check.compute_dtype(x, *stacked)
    y = x.to(dtype)
    for n in range(Wq.shape[0]):
        block = transformer_block(
            y, *(W[n] for W in stacked), heads=heads, causal=causal, norm="pre",
            activation=activation, eps=eps,
        )  # fmt: skip
        y = mark("stream", block)
    return layer_norm(y, gamma.to(dtype), beta.to(dtype), eps=eps).to(x.dtype)


def adapter_block(
    x: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    gamma1: Tensor,
    beta1: Tensor,
    gamma2: Tensor,
    beta2: Tensor,
    Wdown: Tensor,
    bdown: Tensor,
    Wup: Tensor,
    bup: Tensor,
    *,
    heads: int,
    activation: str = "relu",
    eps: float = 1e-5,
) -> Tensor:
    """Post-norm block with an adapter after each sublayer, before its residual: [B,L,E] -> same.

    y = LN1(x + Ad1(SA(x))), LN2(y + Ad2(FFN(y))); Wdown[2,E,m], bdown[2,m], Wup[2,m,E], bup[2,E]
    hold both adapters, each with its own skip connection. Raises ValueError for what does not fit.
    Source: Houlsby et al. 2019, arXiv:1902.00751, figure 2.
    """
    attention, ffn = (Wq, Wk, Wv, Wo), (W1, b1, W2, b2)
    dtype = _widest(x, "post", (*attention, b1, b2, gamma1, beta1, gamma2, beta2))
    _check.same("number of adapters", "Wdown.shape[0]", Wdown.shape[0], "sublayers", 2)
    first, second = (tuple(W[n] for W in (Wdown, bdown, Wup, bup)) for n in range(2))
    y = x.to(dtype)
    branch = adapter(_attended(y, y, attention, heads, False), *first, activation=activation)
    y = _normed(mark("stream", y + mark("adapted", branch)), gamma1, beta1, eps)
    branch = adapter(_forward(y, ffn, activation), *second, activation=activation)
    total = mark("stream", y + mark("adapted", branch))
    return layer_norm(total, gamma2.to(dtype), beta2.to(dtype), eps=eps).to(x.dtype)


def block_parameter_count(*, width: int, feed_forward: int | None = None) -> int:
    """4 E^2 + 4 E (attention) + 2 E F + F + E (feed-forward) + 4 E (two norms); F = 4 E if None.

    For F = 4 E that is 12 E^2 + 13 E. Raises ValueError for sizes that are no positive integers.
    Source: MIT EfficientML, lecture 12; Radford et al. 2019 (GPT-2).
    """
    hidden = 4 * width if feed_forward is None else feed_forward
    _check.at_least("width", width, 1)
    _check.at_least("feed_forward", hidden, 1)
    return 4 * width**2 + 4 * width + 2 * width * hidden + hidden + width + 4 * width
