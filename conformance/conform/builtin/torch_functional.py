"""The built-in target `torch`: operators as torch.nn.functional offers them.

Each function is the plain library call; only the contract's argument order and its orientation of
weights (`x @ W` with `W[in, out]`) are adapted. Where the library's convention differs from the
contract's default, `CONFORM` declares it; the adapter does not hide it.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

CONFORM = {
    "name": "torch",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "attention": {
            "conventions": {"causal": "top_left", "masked_rows": "zero"},
            # the library refuses an explicit mask together with is_causal
            "requires": ["not causal or (mask is None and bias is None)"],
        },
        # the library wants as many key as query heads, and heads * D == E
        "multi_head_attention": {"requires": ["H * D == E", "K == H"]},
        # one value a channel has no variance: the library raises ValueError
        "batch_norm": {"requires": ["B * L > 1"]},
    },
}

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": F.sigmoid,
    "identity": lambda x: x,
}


def softmax(x: Tensor) -> Tensor:
    """`torch.softmax` over the last dimension of `x[..., N]`."""
    return torch.softmax(x, dim=-1)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """`F.scaled_dot_product_attention` of q[B,H,Lq,D], k[B,K,Lk,D], v[B,K,Lk,Dv]."""
    additive = mask
    if bias is not None:
        additive = bias if mask is None else torch.where(mask, bias, -torch.inf)
    if additive is not None:  # the library refuses a mask of one dimension
        additive = torch.atleast_2d(additive)  # type: ignore[no-untyped-call]
    return F.scaled_dot_product_attention(
        q, k, v, additive, is_causal=causal, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
    )


def multi_head_attention(
    x: Tensor,
    memory: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    *,
    heads: int,
) -> Tensor:
    """`F.multi_head_attention_forward` without biases; x[B,Lq,E], memory[B,Lk,M] -> [B,Lq,E]."""
    source = memory.transpose(0, 1)
    out, _ = F.multi_head_attention_forward(
        query=x.transpose(0, 1),
        key=source,
        value=source,
        embed_dim_to_check=x.shape[-1],
        num_heads=heads,
        in_proj_weight=None,
        in_proj_bias=None,
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=Wo.T,
        out_proj_bias=None,
        training=False,
        need_weights=False,
        use_separate_proj_weight=True,
        q_proj_weight=Wq.T,
        k_proj_weight=Wk.T,
        v_proj_weight=Wv.T,
    )
    return out.transpose(0, 1)


def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """`F.layer_norm` over the last dimension of `x[..., E]`."""
    return F.layer_norm(x, gamma.shape, gamma, beta, eps)


def rms_norm(x: Tensor, gamma: Tensor, *, eps: float = 1e-6) -> Tensor:
    """`F.rms_norm` over the last dimension of `x[..., E]`."""
    return F.rms_norm(x, gamma.shape, gamma, eps)


def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """`F.batch_norm` with training statistics over B and L of `x[B, L, E]`."""
    out = F.batch_norm(x.flatten(0, 1), None, None, gamma, beta, training=True, eps=eps)
    return out.reshape(x.shape)


def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """`F.gelu`."""
    return F.gelu(x, approximate=approximate)


def swish(x: Tensor) -> Tensor:
    """`F.silu`, which is swish with beta = 1."""
    return F.silu(x)


def feed_forward(
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, activation: str = "relu"
) -> Tensor:
    """Two `F.linear` with an activation of torch.nn.functional between them."""
    return F.linear(ACTIVATIONS[activation](F.linear(x, W1.T, b1)), W2.T, b2)


def glu_feed_forward(
    x: Tensor, W: Tensor, V: Tensor, W2: Tensor, *, activation: str = "swish"
) -> Tensor:
    """`(act(x W) * (x V)) W2` from `F.linear` and the activations of torch.nn.functional."""
    return F.linear(ACTIVATIONS[activation](F.linear(x, W.T)) * F.linear(x, V.T), W2.T)


def embedding(tokens: Tensor, table: Tensor) -> Tensor:
    """`F.embedding`."""
    return F.embedding(tokens, table)


def output_projection(h: Tensor, W: Tensor) -> Tensor:
    """`F.linear` without bias; h[..., E], W[E, V]."""
    return F.linear(h, W.T)


def language_model_loss(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """`F.cross_entropy` of logits[B,L,V] against the tokens shifted by one."""
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=ignore_index
    )
