"""Adapters, prompts and prefixes that went wrong in ways no expression over the oracle says."""

import torch
from torch import Tensor

from conform_reference.feed_forward import _ACTIVATIONS


def adapter_activation_after_up(
    h: Tensor, Wdown: Tensor, bdown: Tensor, Wup: Tensor, bup: Tensor, *, activation: str = "relu"
) -> Tensor:
    """h + act((h Wdown + bdown) Wup + bup)."""
    return h + _ACTIVATIONS[activation]((h @ Wdown + bdown) @ Wup + bup)


def adapter_activation_twice(
    h: Tensor, Wdown: Tensor, bdown: Tensor, Wup: Tensor, bup: Tensor, *, activation: str = "relu"
) -> Tensor:
    """Both maps are followed by the activation, as in a generic multilayer perceptron."""
    act = _ACTIVATIONS[activation]
    return h + act(act(h @ Wdown + bdown) @ Wup + bup)


def adapter_token_before(
    h: Tensor, Wdown: Tensor, bdown: Tensor, Wup: Tensor, bup: Tensor, *, activation: str = "relu"
) -> Tensor:
    """Half of what the bottleneck reads comes from the token before."""
    mixed = 0.5 * h + 0.5 * torch.cat([h[..., :1, :], h[..., :-1, :]], dim=-2)
    return h + _ACTIVATIONS[activation](mixed @ Wdown + bdown) @ Wup + bup


def adapter_tile_tail(
    h: Tensor, Wdown: Tensor, bdown: Tensor, Wup: Tensor, bup: Tensor, *, activation: str = "relu"
) -> Tensor:
    """The sum over the units stops at the last full tile of 4, if there is one."""
    n = bdown.shape[0] // 4 * 4 or bdown.shape[0]
    inner = _ACTIVATIONS[activation](h @ Wdown[:, :n] + bdown[:n])
    return h + inner @ Wup[:n] + bup


def unified_softmax_over_tokens(
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
    """The softmax runs over the sequence."""
    inner = (x if form == "parallel" else h) @ Wdown
    if activation == "softmax":
        active = torch.softmax(inner, -2)
    else:
        active = _ACTIVATIONS[activation](inner)
    return (h if composition == "add" else (1 - gate) * h) + gate * (active @ Wup)


def _joined(q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor) -> tuple[Tensor, ...]:
    """(keys, values, prefix keys, prefix values), each [B,H,...]."""
    group = q.shape[1] // k.shape[1]
    keys, values = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    return keys, values, pk.expand(q.shape[0], *pk.shape), pv.expand(q.shape[0], *pv.shape)


def _visible(q: Tensor, k: Tensor, causal: bool) -> Tensor:
    """bool[Lq, Lk], bottom right."""
    visible = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    return visible.tril(k.shape[2] - q.shape[2]) if causal else visible


def _softmax(scores: Tensor, visible: Tensor) -> Tensor:
    return torch.nan_to_num(torch.softmax(torch.where(visible, scores, -torch.inf), -1))


def _scores(q: Tensor, k: Tensor, scale: float | None = None) -> Tensor:
    return q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)


def prefix_appended(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, *,
    causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """[tokens; prefix] under one bottom-right causal mask."""
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    keys = torch.cat([k, pk], 2)
    weights = _softmax(_scores(q, keys, scale), _visible(q, keys, causal))
    return weights @ torch.cat([v, pv], 2)


def prefix_mask_without_offset(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, *,
    causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The tokens' own mask, padded with ones at the end instead of the front."""
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    visible = torch.cat([_visible(q, k, causal), _visible(q, pk, False)], 1)
    return _softmax(_scores(q, torch.cat([pk, k], 2), scale), visible) @ torch.cat([pv, v], 2)


def prefix_seen_causally(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, *,
    causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """tril(Lq, P + Lk) from the top left."""
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    keys = torch.cat([pk, k], 2)
    visible = _visible(q, keys, False)
    visible = visible.tril() if causal else visible
    return _softmax(_scores(q, keys, scale), visible) @ torch.cat([pv, v], 2)


def prefix_constant_share(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, *,
    causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The mixture with p / (p + n) as the share of the prefix."""
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    share = pk.shape[2] / (pk.shape[2] + k.shape[2])
    tokens = _softmax(_scores(q, k, scale), _visible(q, k, causal)) @ v
    return (1 - share) * tokens + share * (torch.softmax(_scores(q, pk, scale), -1) @ pv)


def prefix_zero_skipped(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, *,
    causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """Prefix rows whose key is all zero are masked, as if they were padding."""
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    visible = _visible(q, k, causal).expand(*q.shape[:3], k.shape[2])
    real = (pk != 0).any(-1).unsqueeze(2).expand(*q.shape[:3], pk.shape[2])
    scores = _scores(q, torch.cat([pk, k], 2), scale)
    return _softmax(scores, torch.cat([real, visible], -1)) @ torch.cat([pv, v], 2)


def _two_parts(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, causal: bool
) -> tuple[Tensor, Tensor]:
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    tokens = _softmax(_scores(q, k), _visible(q, k, causal)) @ v
    return tokens, torch.softmax(_scores(q, pk), -1) @ pv


def llama_gate_plain(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, gate: Tensor, *, causal: bool = True
) -> Tensor:
    """gate instead of tanh(gate)."""
    tokens, prompts = _two_parts(q, k, v, pk, pv, causal)
    return tokens + gate[:, None, None] * prompts


def llama_gate_sigmoid(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, gate: Tensor, *, causal: bool = True
) -> Tensor:
    """sigmoid(gate) instead of tanh(gate)."""
    tokens, prompts = _two_parts(q, k, v, pk, pv, causal)
    return tokens + torch.sigmoid(gate)[:, None, None] * prompts


def llama_gate_straight(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, gate: Tensor, *, causal: bool = True
) -> Tensor:
    """Right values; the backward pass of the gate leaves out 1 - tanh^2."""
    tokens, prompts = _two_parts(q, k, v, pk, pv, causal)
    squashed = gate + (torch.tanh(gate) - gate).detach()
    return tokens + squashed[:, None, None] * prompts


def llama_joint_softmax(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, gate: Tensor, *, causal: bool = True
) -> Tensor:
    """One softmax over both, then the prompts' weights are gated."""
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    visible = torch.cat([_visible(q, pk, False), _visible(q, k, causal)], 1)
    weights = _softmax(_scores(q, torch.cat([pk, k], 2)), visible)
    n = pk.shape[2]
    return weights[..., n:] @ v + torch.tanh(gate)[:, None, None] * (weights[..., :n] @ pv)


def llama_gated_scores(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, gate: Tensor, *, causal: bool = True
) -> Tensor:
    """tanh(gate) multiplies the prompts' scores; one softmax over both."""
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    visible = torch.cat([_visible(q, pk, False), _visible(q, k, causal)], 1)
    prompts = torch.tanh(gate)[:, None, None] * _scores(q, pk)
    scores = torch.cat([prompts, _scores(q, k)], -1)
    return _softmax(scores, visible) @ torch.cat([pv, v], 2)


def llama_prompts_causal(
    q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, gate: Tensor, *, causal: bool = True
) -> Tensor:
    """Query i sees the first i + 1 prompts."""
    tokens, _ = _two_parts(q, k, v, pk, pv, causal)
    k, v, pk, pv = _joined(q, k, v, pk, pv)
    visible = _visible(q, pk, False)
    prompts = _softmax(_scores(q, pk), visible.tril() if causal else visible) @ pv
    return tokens + torch.tanh(gate)[:, None, None] * prompts
