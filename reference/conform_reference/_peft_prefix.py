"""Learned keys and values: prefix tuning and LLaMA-Adapter's gated prompts."""

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._masks import visibility
from conform_reference._projected import _projection, _split_heads
from conform_reference._saved import tanh
from conform_reference.feed_forward import _fits
from conform_reference.rounding import mark


def _check_prompts(q: Tensor, v: Tensor, pk: Tensor, pv: Tensor) -> None:
    _check.rank("pk", pk, "H P D")
    _check.rank("pv", pv, "H P Dv")
    _check.same("number of heads", "pk.shape[0]", pk.shape[0], "q.shape[1]", q.shape[1])
    _check.same("number of heads", "pv.shape[0]", pv.shape[0], "q.shape[1]", q.shape[1])
    _check.same("prompt length", "pk.shape[1]", pk.shape[1], "pv.shape[1]", pv.shape[1])
    _check.same("head size", "pk.shape[2]", pk.shape[2], "q.shape[3]", q.shape[3])
    _check.same("value size", "pv.shape[2]", pv.shape[2], "v.shape[3]", v.shape[3])


def prefix_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    pk: Tensor,
    pv: Tensor,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale q [pk; k]^T) [pv; v]: q[B,H,Lq,D], k[B,K,Lk,D], pk[H,P,D] -> [B,H,Lq,Dv].

    v[B,K,Lk,Dv], pv[H,P,Dv]; a prefix for each query head, one softmax over both, every prefix row
    visible to every query; `causal` concerns k. Raises ValueError for shapes that do not fit.
    Source: Li and Liang 2021, arXiv:2101.00190; He et al. 2022, arXiv:2110.04366, eq. 5.
    """
    _attend.check_inputs(q, k, v)
    _check_prompts(q, v, pk, pv)
    dtype = _check.compute_dtype(q, k, v, pk, pv)
    heads = q.shape[1]
    keys, values = (
        torch.cat([p.to(dtype).expand(q.shape[0], *p.shape), x], dim=2)
        for p, x in (
            (pk, _attend.expand_heads(k.to(dtype), heads)),
            (pv, _attend.expand_heads(v.to(dtype), heads)),
        )
    )
    own = visibility(q.shape[2], k.shape[2], causal, None, q.device)
    visible = torch.cat([own.new_ones(q.shape[2], pk.shape[1]), own], dim=1)
    visible = visible.expand(q.shape[0], heads, *visible.shape)
    return _attend.attend(q, keys, values, visible=visible, scale=scale)[0].to(q.dtype)


def prefix_encoder(
    seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, *, layers: int, heads: int
) -> tuple[Tensor, Tensor]:
    """Keys and values [layers,H,P,D] of every layer from seeds[P, E]: tanh(e W1 + b1) W2 + b2.

    W1[E, F], W2[F, layers*2*H*D]: layer after layer, its key before its value, head after head.
    Raises ValueError for sizes that do not fit. Source: Li and Liang 2021, arXiv:2101.00190,
    section 4.3; tanh and the layout are those of its code and of the peft library.
    """
    _check.rank("seeds", seeds, "P E")
    _check.at_least("layers", layers, 1)
    _check.at_least("heads", heads, 1)
    _check.divides("2 * layers * heads", 2 * layers * heads, "W2.shape[1]", W2.shape[-1])
    hidden = W1.shape[-1]
    _fits("W1", W1, (seeds.shape[1], hidden), "E F")
    _fits("b1", b1, (hidden,), "F")
    _fits("W2", W2, (hidden, W2.shape[-1]), "F 2*layers*H*D")
    _fits("b2", b2, (W2.shape[-1],), "2*layers*H*D")
    dtype = _check.compute_dtype(seeds, W1, b1, W2, b2)
    up = mark("product", seeds.to(dtype) @ W1.to(dtype))
    inner = tanh("activation", mark("preactivation", up + b1.to(dtype)))
    flat = (mark("product", inner @ W2.to(dtype)) + b2.to(dtype)).to(seeds.dtype)
    size = W2.shape[-1] // (2 * layers * heads)
    parts = flat.reshape(seeds.shape[0], layers, 2, heads, size).permute(2, 1, 3, 0, 4)
    return parts[0], parts[1]


def _gate(gate: Tensor, heads: int, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    _fits("gate", gate, (heads,), "H")
    squashed = tanh("gate", gate.to(dtype)).reshape(1, heads, 1, 1)
    return mark("backward.gate", squashed.expand(shape))


def llama_adapter_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    pk: Tensor,
    pv: Tensor,
    gate: Tensor,
    *,
    causal: bool = True,
) -> Tensor:
    """attention(q, k, v) + tanh(gate) attention(q, pk, pv): softmax over tokens and prompts apart.

    q[B,H,L,D], k[B,K,Lk,D], v[B,K,Lk,D], pk, pv[H,P,D] per query head, gate[H]; `causal` concerns
    the tokens, every prompt is visible to every query. Raises ValueError for shapes that do not
    fit. Source: Zhang et al. 2023, arXiv:2303.16199, eq. 6 to 8; tanh as in the final version.
    """
    _attend.check_inputs(q, k, v)
    _check_prompts(q, v, pk, pv)
    dtype = _check.compute_dtype(q, k, v, pk, pv, gate)
    query = q.to(dtype)
    own = visibility(q.shape[2], k.shape[2], causal, None, q.device)
    own = own.expand(*q.shape[:3], k.shape[2])
    tokens = _attend.attend(mark("backward.branch", query), k, v, visible=own)[0]
    keys, values = (p.expand(q.shape[0], *p.shape) for p in (pk, pv))
    every = torch.ones((), dtype=torch.bool, device=q.device).expand(*q.shape[:3], pk.shape[1])
    prompts = _attend.attend(mark("backward.branch", query), keys, values, visible=every)[0]
    prompts = mark("prompt_output", prompts)
    gated = mark("gated", _gate(gate, q.shape[1], prompts.shape, dtype) * prompts)
    return (mark("token_output", tokens) + gated).to(q.dtype)


def llama_adapter_layer(
    x: Tensor,
    prompt: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    bo: Tensor,
    gate: Tensor,
    *,
    heads: int,
    causal: bool = True,
) -> Tensor:
    """Self-attention of x[B,L,E] with gated prompts[P,E] -> [B,L,E], Wq, Wk, Wv[E,H*D], Wo[H*D,E].

    The frozen Wk and Wv make the keys and values of the prompts, too; one output projection, with
    bias bo[E] once, for the sum. Raises ValueError for shapes that do not fit.
    Source: Zhang et al. 2023, arXiv:2303.16199, section 3.
    """
    _check.rank("x", x, "B L E")
    _check.rank("prompt", prompt, "P E")
    _check.at_least("heads", heads, 1)
    dtype = _check.compute_dtype(x, prompt, Wq, Wk, Wv, Wo, bo, gate)
    wide, rows = x.to(dtype), prompt.to(dtype).unsqueeze(0)
    projected = (
        _projection(name, mark("backward.branch", source), weight_name, W)
        for name, source, weight_name, W in (
            ("query", wide, "Wq", Wq),
            ("key", wide, "Wk", Wk),
            ("value", wide, "Wv", Wv),
            ("prompt_key", rows, "Wk", Wk),
            ("prompt_value", rows, "Wv", Wv),
        )
    )
    query, key, value, pk, pv = (_split_heads(p, "heads", heads) for p in projected)
    each = llama_adapter_attention(query, key, value, pk[0], pv[0], gate.to(dtype), causal=causal)
    merged = mark("heads", each).transpose(1, 2).flatten(-2)
    _fits("Wo", Wo, (merged.shape[-1], x.shape[-1]), "H*D E")
    _fits("bo", bo, (x.shape[-1],), "E")
    return (mark("projection", merged @ Wo.to(dtype)) + bo.to(dtype)).to(x.dtype)


def llama_adapter_states(
    x: Tensor,
    prompts: Tensor,
    gates: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    *,
    heads: int,
) -> Tensor:
    """Residual stream after each of N causal attention layers, adapted in the top A: [N,B,L,E].

    x[B,L,E]; Wq, Wk, Wv[N,E,H*D], Wo[N,H*D,E]; prompts[A,P,E], gates[A,H], A <= N: prompts[0]
    belongs to layer N - A. Raises ValueError for sizes that do not fit.
    Source: Zhang et al. 2023, arXiv:2303.16199, section 3 (the topmost layers), norms left out.
    """
    _check.rank("prompts", prompts, "A P E")
    layers, adapted = Wq.shape[0], prompts.shape[0]
    _check.at_least("layers", layers, 1)
    _fits("gates", gates, (adapted, heads), "A H")
    if adapted > layers:
        raise ValueError(f"prompts.shape[0]={adapted}: expected at most {layers}, one a layer")
    dtype = _check.compute_dtype(x, prompts, gates, Wq, Wk, Wv, Wo)
    stream, states, none = x.to(dtype), [], x.new_zeros(x.shape[-1]).to(dtype)
    for n in range(layers):
        weights = (Wq[n], Wk[n], Wv[n], Wo[n], none)
        a = n - (layers - adapted)
        prompt = prompts[a] if a >= 0 else prompts.new_zeros(1, x.shape[-1])
        gate = gates[a] if a >= 0 else gates.new_zeros(heads)
        branch = mark("backward.branch", stream)
        attended = llama_adapter_layer(branch, prompt.to(dtype), *weights, gate, heads=heads)
        stream = mark("stream", stream + mark("attended", attended))
        states.append(stream)
    return torch.stack(states).to(x.dtype)
