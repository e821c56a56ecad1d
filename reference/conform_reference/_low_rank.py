"""Attention in linear time: projected keys (Linformer), random features (Performer)."""

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._linear_attention import by_state, by_weights
from conform_reference.rounding import another_order, mark


def linformer_attention(
    q: Tensor, k: Tensor, v: Tensor, Ek: Tensor, Ev: Tensor, *, scale: float | None = None
) -> Tensor:
    """softmax(scale q (Ek k)^T) (Ev v): q[B,H,Lq,D], k[B,H,N,D], v[B,H,N,Dv] -> [B,H,Lq,Dv].

    Ek, Ev[r,N] shorten keys and values along the sequence to r rows; N is a part of the weights.
    Not causal. scale=None means 1/sqrt(D). Raises ValueError for shapes that do not fit.
    Source: Wang et al. 2020, arXiv:2006.04768, eq. 7, with one projection for all heads.
    """
    _attend.check_inputs(q, k, v)
    for name, E in (("Ek", Ek), ("Ev", Ev)):
        _check.rank(name, E, "r N")
        _check.same("length", f"{name}.shape[1]", E.shape[1], "k.shape[2]", k.shape[2])
    _check.same("rank", "Ek.shape[0]", Ek.shape[0], "Ev.shape[0]", Ev.shape[0])
    dtype = _check.compute_dtype(q, k, v, Ek)
    keys = mark("projected_keys", Ek.to(dtype) @ k.to(dtype))
    values = mark("projected_values", Ev.to(dtype) @ v.to(dtype))
    visible = torch.ones(*q.shape[:3], Ek.shape[0], dtype=torch.bool, device=q.device)
    return _attend.attend(q, keys, values, visible=visible, scale=scale)[0].to(q.dtype)


def performer_features(x: Tensor, omega: Tensor) -> Tensor:
    """exp(omega x - |x|^2 / 2) / sqrt(r): x[..., D], omega[r,D] -> [..., r], all positive.

    For omega of independent standard normal rows the product of two feature vectors has the
    expectation exp(x . y). Raises ValueError for widths that differ. Source: Choromanski et al.
    2021, arXiv:2009.14794, lemma 1.
    """
    _check.rank("omega", omega, "r D")
    _check.same("width", "x.shape[-1]", x.shape[-1], "omega.shape[1]", omega.shape[1])
    dtype = _check.compute_dtype(x, omega)
    return _features(x.to(dtype), omega.to(dtype)).to(x.dtype)


def _features(x: Tensor, omega: Tensor) -> Tensor:
    projected = mark("projected", x @ omega.transpose(-1, -2))
    half_square = mark("half_square", (x * x).sum(-1, keepdim=True) / 2)
    exponent = mark("exponent", projected - half_square)
    _check.not_empty("r", omega.shape[0])
    return mark("exponentials", torch.exp(exponent)) * omega.shape[0] ** -0.5


def performer_attention(
    q: Tensor, k: Tensor, v: Tensor, omega: Tensor, *, causal: bool = False
) -> Tensor:
    """Attention with performer_features in the place of exp(q . k / sqrt(D)): -> [B,H,L,Dv].

    q, k[B,H,L,D] are each divided by D^(1/4); omega[r,D] serves all heads. out_i = sum_j
    phi(q_i).phi(k_j) v_j over sum_j phi(q_i).phi(k_j), j <= i when causal. Scaling phi(q_i) by any
    factor, or all of phi(k) by one, cancels; a factor for each key does not. No epsilon. Raises
    ValueError for shapes that do not fit. Source: arXiv:2009.14794, section 2.
    """
    _attend.check_inputs(q, k, v)
    _check.same("length", "q.shape[2]", q.shape[2], "k.shape[2]", k.shape[2])
    _check.rank("omega", omega, "r D")
    _check.same("width", "q.shape[-1]", q.shape[-1], "omega.shape[1]", omega.shape[1])
    dtype = _check.compute_dtype(q, k, v, omega)
    shrink, W = q.shape[-1] ** -0.25, omega.to(dtype)
    query = mark("query_features", _features(mark("scaled_query", q.to(dtype) * shrink), W))
    key = mark("key_features", _features(mark("scaled_key", k.to(dtype) * shrink), W))
    values = v.to(dtype)
    o = by_weights(query, key, values, causal)
    return another_order(o, lambda: by_state(query, key, values, causal)).to(q.dtype)


def orthogonal_features(rows: int, columns: int, *, seed: int) -> Tensor:
    """omega[rows, columns] for Performer: blocks of `columns` orthogonal rows, evenly directed.

    Each row has a direction that is uniform on the sphere and, independently, the length of a
    standard normal vector, so that it is standard normal by itself; rows of one block are
    orthogonal. Follows from `seed` alone; float64. Raises ValueError for sizes below 1.
    Source: arXiv:2009.14794, section 2.4; Haar measure by QR: Mezzadri 2007, arXiv:math-ph/0609050.
    """
    _check.at_least("rows", rows, 1)
    _check.at_least("columns", columns, 1)
    source = torch.Generator().manual_seed(seed)
    blocks = -(-rows // columns)
    normal = torch.randn(blocks, columns, columns, generator=source, dtype=torch.float64)
    Q, R = torch.linalg.qr(normal)
    # QR leaves the signs of R's diagonal to the library; without this step Q is not uniform.
    Q = Q * torch.sign(torch.diagonal(R, dim1=-2, dim2=-1)).unsqueeze(-2)
    lengths = torch.randn(rows, columns, generator=source, dtype=torch.float64).norm(dim=-1)
    return Q.transpose(-1, -2).reshape(-1, columns)[:rows] * lengths.unsqueeze(-1)
