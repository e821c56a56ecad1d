"""The block of the BitFit paper: post-norm, with a bias at every linear map (BERT)."""

from torch import Tensor

from conform_reference import _check
from conform_reference._projected import _attend_heads, _split_heads
from conform_reference.feed_forward import _fits, feed_forward
from conform_reference.norm import layer_norm
from conform_reference.rounding import mark


def biased_attention(
    x: Tensor,
    Wq: Tensor,
    bq: Tensor,
    Wk: Tensor,
    bk: Tensor,
    Wv: Tensor,
    bv: Tensor,
    *,
    heads: int,
    causal: bool = False,
) -> Tensor:
    """Heads of self-attention over x W + b, joined and not projected: x[B,L,E] -> [B,L,H*D].

    Wq, Wk, Wv[E,H*D], bq, bk, bv[H*D]. Raises ValueError for shapes or heads that do not fit.
    Source: Ben Zaken et al. 2022 (BitFit), arXiv:2106.10199, section 3.
    """
    _check.rank("x", x, "B L E")
    _check.at_least("heads", heads, 1)
    dtype = _check.compute_dtype(x, Wq, bq, Wk, bk, Wv, bv)
    each = []
    for name, W, b in (("query", Wq, bq), ("key", Wk, bk), ("value", Wv, bv)):
        _fits(f"W{name[0]}", W, (x.shape[-1], Wq.shape[-1]), "E H*D")
        _fits(f"b{name[0]}", b, (Wq.shape[-1],), "H*D")
        product = mark("product", mark("backward.branch", x.to(dtype)) @ W.to(dtype))
        each.append(_split_heads(mark(name, product + b.to(dtype)), "heads", heads))
    o = _attend_heads(each[0], each[1], each[2], causal, x, x)
    return o.transpose(1, 2).flatten(2).to(x.dtype)


def bert_block(
    x: Tensor,
    Wq: Tensor,
    bq: Tensor,
    Wk: Tensor,
    bk: Tensor,
    Wv: Tensor,
    bv: Tensor,
    Wo: Tensor,
    bo: Tensor,
    gamma1: Tensor,
    beta1: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    gamma2: Tensor,
    beta2: Tensor,
    *,
    heads: int,
    eps: float = 1e-12,
) -> Tensor:
    """h3 = LN1(x + att(x) Wo + bo); LN2(h3 + gelu(h3 W1 + b1) W2 + b2): x[B,L,E] -> [B,L,E].

    Wq, Wk, Wv[E,H*D] with biases, Wo[H*D,E], W1[E,F], W2[F,E]; exact gelu; dropout, which the
    slide draws, is that of evaluation: none. Raises ValueError for what does not fit. Source:
    Ben Zaken et al. 2022, arXiv:2106.10199, eq. 1 to 5; Devlin et al. 2019, arXiv:1810.04805.
    """
    _fits("Wo", Wo, (Wq.shape[-1], x.shape[-1]), "H*D E")
    _fits("bo", bo, (x.shape[-1],), "E")
    projections = (Wq, bq, Wk, bk, Wv, bv)
    dtype = _check.compute_dtype(x, *projections, Wo, bo, W1, b1, W2, b2, gamma1, gamma2)
    y = x.to(dtype)
    h1 = mark("heads", biased_attention(y, *projections, heads=heads))
    h2 = mark("attention_output", mark("product", h1 @ Wo.to(dtype)) + bo.to(dtype))
    total = mark("stream", h2 + y)
    h3 = mark("norm_output", layer_norm(total, gamma1.to(dtype), beta1.to(dtype), eps=eps))
    h5 = feed_forward(mark("backward.branch", h3), W1, b1, W2, b2, activation="gelu")
    total = mark("stream", mark("ffn_output", h5) + h3)
    return layer_norm(total, gamma2.to(dtype), beta2.to(dtype), eps=eps).to(x.dtype)
