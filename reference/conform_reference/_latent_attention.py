"""Multi-head latent attention: keys and values of all heads from one small latent a token."""

import math

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._masks import padding_mask, visibility
from conform_reference._scores import rounding_error
from conform_reference.position import rope
from conform_reference.rounding import injected, mark


def _expect(name: str, x: Tensor, shape: tuple[int, ...], meaning: str) -> None:
    if tuple(x.shape) != shape:
        raise ValueError(f"{name}.shape={tuple(x.shape)}: expected {shape}, {meaning}")


def _attend_latent(
    content: Tensor,
    rotary: Tensor,
    latent: Tensor,
    rope_key: Tensor,
    up: tuple[Tensor, Tensor],
    visible: Tensor,
    scale: float | None,
) -> Tensor:
    """content[B,H,Lq,Dn], rotary[B,H,Lq,Dr], latent[B,S,C], rope_key[B,S,Dr] -> [B,H,Lq,Dv].

    Keys and values are made explicitly; what the absorbed form rounds instead (the query mapped
    into the latent space, the context in it) is added as rounding errors.
    """
    heads = content.shape[1]
    key_up, value_up = (w.reshape(w.shape[0], heads, w.shape[1] // heads) for w in up)
    keys = mark("keys", torch.einsum("bsc,chd->bhsd", latent, key_up))
    values = mark("values", torch.einsum("bsc,chd->bhsd", latent, value_up))
    absorbed = torch.einsum("bhqd,chd->bhqc", content, key_up)
    shared = latent.unsqueeze(1).transpose(-1, -2)
    by_content = content @ keys.transpose(-1, -2)
    by_content = by_content + rounding_error("absorbed_query", absorbed) @ shared
    by_place = rotary @ rope_key.unsqueeze(1).transpose(-1, -2)
    scale = 1 / math.sqrt(content.shape[-1] + rotary.shape[-1]) if scale is None else scale
    scores = mark("content_scores", by_content) + mark("rope_scores", by_place)
    logits = mark("logits", mark("scores", scores) * scale)
    seen = torch.broadcast_to(visible, logits.shape)
    partial = _attend.exponentiate(logits, seen)
    if injected() and logits.shape[-1]:
        top = torch.where(seen, logits.detach(), -math.inf).argmax(-1, keepdim=True)
        query = torch.cat([content, rotary], -1)
        key = torch.cat([keys, rope_key.unsqueeze(1).expand(*keys.shape[:-1], -1)], -1)
        again = _attend.evaluated_again(query, key, top.squeeze(-1), scale=scale)
        partial = partial._replace(lag=again)
    weights = mark("probabilities", partial.exponentials)
    numerator = weights @ values
    in_latent = rounding_error("latent_context", weights @ latent.unsqueeze(1))
    numerator = numerator + torch.einsum("bhqc,chd->bhqd", in_latent, value_up)
    return _attend.normalise(numerator, partial, lambda: values.mean(-2, True))


def latent_attention(
    x: Tensor,
    Wq: Tensor,
    Wkv_down: Tensor,
    Wk_rope: Tensor,
    Wk_up: Tensor,
    Wv_up: Tensor,
    Wo: Tensor,
    positions: Tensor,
    *,
    heads: int,
    causal: bool = False,
    base: float = 10000.0,
    interleaved: bool = False,
    scale: float | None = None,
) -> Tensor:
    """x[B,L,E] -> [B,L,E] through a latent x Wkv_down of C and one rotary key x Wk_rope of R.

    Wq[E,H*(D+R)] (in each head D content features, then R rotary ones), Wkv_down[E,C],
    Wk_rope[E,R], Wk_up[C,H*D], Wv_up[C,H*Dv], Wo[H*Dv,E], positions int[L] or int[B,L]. Scores
    are q_content . k + rope(q_rotary) . rope(k_rope), times `scale` (None: 1/sqrt(D + R)). The
    absorbed form, (q_content Wk_up^T) . latent, is equal. Raises ValueError for shapes that do not
    fit. Source: DeepSeek-V2, arXiv:2405.04434, eq. 9 to 19, without the queries' own latent and
    without the norm of the latent that the published models add.
    """
    _check.rank("x", x, "B L E")
    _check.at_least("heads", heads, 1)
    B, L, E = x.shape
    C, R = Wkv_down.shape[1], Wk_rope.shape[1]
    _check.divides("heads", heads, "Wk_up.shape[1]", Wk_up.shape[1])
    _check.divides("heads", heads, "Wv_up.shape[1]", Wv_up.shape[1])
    D, Dv = Wk_up.shape[1] // heads, Wv_up.shape[1] // heads
    _expect("Wq", Wq, (E, heads * (D + R)), "(E, heads * (D + R))")
    _expect("Wkv_down", Wkv_down, (E, C), "(E, C)")
    _expect("Wk_rope", Wk_rope, (E, R), "(E, R)")
    _expect("Wk_up", Wk_up, (C, heads * D), "(C, heads * D)")
    _expect("Wv_up", Wv_up, (C, heads * Dv), "(C, heads * Dv)")
    _expect("Wo", Wo, (heads * Dv, E), "(heads * Dv, E)")
    dtype = _check.compute_dtype(x, Wq)
    x_, wq, down, wr, k_up, v_up, wo = (
        w.to(dtype) for w in (x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo)
    )
    query = mark("query", x_ @ wq).reshape(B, L, heads, D + R).transpose(1, 2)
    content, rotary = query[..., :D], query[..., D:]
    latent, rope_key = mark("latent", x_ @ down), mark("rope_key", x_ @ wr)
    turn = {"base": base, "interleaved": interleaved}
    rotary = mark("rotated_query", rope(rotary, positions, **turn))
    rope_key = mark("rotated_key", rope(rope_key, positions, **turn))
    visible = visibility(L, L, causal, None, x.device)
    each = _attend_latent(content, rotary, latent, rope_key, (k_up, v_up), visible, scale)
    merged = mark("heads", each).transpose(1, 2).reshape(B, L, heads * Dv)
    return (merged @ wo).to(x.dtype)


def latent_decode_attention(
    q: Tensor,
    q_rope: Tensor,
    latent_cache: Tensor,
    rope_cache: Tensor,
    Wk_up: Tensor,
    Wv_up: Tensor,
    lengths: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """One new query over cached latents: q[B,H,1,D], q_rope[B,H,1,R] -> [B,H,1,Dv].

    latent_cache[B,S,C], rope_cache[B,S,R] (rotated, one for all heads), Wk_up[C,H*D],
    Wv_up[C,H*Dv], lengths int[B]. Sequence b sees slots 0 .. lengths[b] - 1; what lies beyond has
    no effect, NaN included; length 0 gives zeros. scale None means 1/sqrt(D + R).
    Raises ValueError for shapes that do not fit or a length outside [0, S].
    Source: DeepSeek-V2, arXiv:2405.04434, section 2.1.2 (absorption) and eq. 17, 18.
    """
    _check.rank("q", q, "B H 1 D")
    _check.rank("q_rope", q_rope, "B H 1 R")
    B, H, one, D = q.shape
    _check.same("number of queries", "q.shape[2]", one, "expected", 1)
    _check.rank("latent_cache", latent_cache, "B S C")
    S, C = latent_cache.shape[1:]
    _expect("q_rope", q_rope, (B, H, 1, q_rope.shape[3]), "(B, H, 1, R)")
    _expect("rope_cache", rope_cache, (B, S, q_rope.shape[3]), "(B, S, R)")
    _expect("Wk_up", Wk_up, (C, H * D), "(C, H * D)")
    _check.divides("H", H, "Wv_up.shape[1]", Wv_up.shape[1])
    _expect("Wv_up", Wv_up, (C, Wv_up.shape[1]), "(C, H * Dv)")
    _check.same("batch size", "lengths.shape[0]", lengths.shape[0], "q.shape[0]", B)
    dtype = _check.compute_dtype(q, latent_cache)
    filled = padding_mask(lengths, S).to(q.device)
    latent = torch.where(filled.unsqueeze(-1), latent_cache.to(dtype), 0.0)
    rope_key = torch.where(filled.unsqueeze(-1), rope_cache.to(dtype), 0.0)
    up = (Wk_up.to(dtype), Wv_up.to(dtype))
    visible = filled[:, None, None, :]
    o = _attend_latent(q.to(dtype), q_rope.to(dtype), latent, rope_key, up, visible, scale)
    return o.to(q.dtype)
