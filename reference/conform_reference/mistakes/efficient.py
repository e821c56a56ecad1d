"""Wrong relatives of the efficient domain's operators."""

import torch
from torch import Tensor

from conform_reference._attend import attend
from conform_reference._check import compute_dtype


def linformer_over_queries(
    q: Tensor, k: Tensor, v: Tensor, Ek: Tensor, Ev: Tensor, *, scale: float | None = None
) -> Tensor:
    """The softmax runs over the queries."""
    dtype = compute_dtype(q, k, v, Ek)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = scale * q.to(dtype) @ (Ek.to(dtype) @ k.to(dtype)).mT
    return (torch.softmax(scores, -2) @ (Ev.to(dtype) @ v.to(dtype))).to(q.dtype)


def _performer(q: Tensor, k: Tensor, v: Tensor, omega: Tensor, causal: bool, kind: str) -> Tensor:
    dtype = compute_dtype(q, k, v, omega)
    W = omega.to(dtype)
    f, g = (
        (x @ W.T - (0.0 if kind == "no_square" else 0.5) * (x * x).sum(-1, keepdim=True))
        for x in (x.to(dtype) * q.shape[-1] ** -0.25 for x in (q, k))
    )
    if kind == "key_maximum":
        g = g - g.amax(-1, keepdim=True)
    f, g = torch.exp(f - f.amax(-1, keepdim=True)), torch.exp(g)
    if kind == "epsilon":
        f, g = f + 1e-3, g + 1e-3
    weights = f @ g.mT
    weights = weights.tril() if causal else weights
    dims = (-1, -2) if kind == "global" else -1
    total = weights.sum(dims, keepdim=True) / (q.shape[2] if kind == "global" else 1)
    return (weights @ v.to(dtype) / total).to(q.dtype)


def performer_key_maximum(
    q: Tensor, k: Tensor, v: Tensor, omega: Tensor, *, causal: bool = False
) -> Tensor:
    """Each key's own largest exponent is subtracted: keys are weighted anew."""
    return _performer(q, k, v, omega, causal, "key_maximum")


def performer_no_square(
    q: Tensor, k: Tensor, v: Tensor, omega: Tensor, *, causal: bool = False
) -> Tensor:
    """exp(omega x) alone."""
    return _performer(q, k, v, omega, causal, "no_square")


def performer_epsilon(
    q: Tensor, k: Tensor, v: Tensor, omega: Tensor, *, causal: bool = False
) -> Tensor:
    """1e-3 is added to every feature."""
    return _performer(q, k, v, omega, causal, "epsilon")


def performer_global_denominator(
    q: Tensor, k: Tensor, v: Tensor, omega: Tensor, *, causal: bool = False
) -> Tensor:
    """The mean denominator serves all queries."""
    return _performer(q, k, v, omega, causal, "global")


def _frames(rows: int, columns: int, seed: int, haar: bool) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    blocks = -(-rows // columns)
    Q, R = torch.linalg.qr(torch.randn(blocks, columns, columns, generator=source).double())
    if haar:
        Q = Q * torch.sign(torch.diagonal(R, dim1=-2, dim2=-1)).unsqueeze(-2)
    lengths = torch.randn(rows, columns, generator=source).double().norm(dim=-1, keepdim=True)
    return Q, lengths


def features_plain_qr(rows: int, columns: int, *, seed: int) -> Tensor:
    """Signs as QR leaves them."""
    Q, lengths = _frames(rows, columns, seed, False)
    return Q.mT.reshape(-1, columns)[:rows] * lengths


def features_unit(rows: int, columns: int, *, seed: int) -> Tensor:
    """Rows of length one."""
    return _frames(rows, columns, seed, True)[0].mT.reshape(-1, columns)[:rows].clone()


def features_fixed_length(rows: int, columns: int, *, seed: int) -> Tensor:
    """Rows of length sqrt(D)."""
    return features_unit(rows, columns, seed=seed) * columns**0.5


def features_independent(rows: int, columns: int, *, seed: int) -> Tensor:
    """Independent normal rows."""
    source = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=source, dtype=torch.float64)


def features_columns(rows: int, columns: int, *, seed: int) -> Tensor:
    """The lengths stretch the columns of each frame: its rows are no longer orthogonal."""
    Q, lengths = _frames(rows, columns, seed, True)
    return Q.mT.reshape(-1, columns)[:rows] * lengths[:1] * (1.0 + torch.arange(columns))


def _shared(qk: Tensor, v: Tensor, visible: Tensor, normal: bool = True) -> Tensor:
    q = qk.to(compute_dtype(qk, v))
    k = q / q.norm(dim=-1, keepdim=True).clamp(min=1e-30) if normal else q
    return attend(q, k, v, visible=visible)[0].to(qk.dtype)


def _company(buckets: Tensor, causal: bool, reach: int = 0) -> tuple[Tensor, Tensor]:
    L = buckets.shape[-1]
    gap = buckets.unsqueeze(-1) - buckets.unsqueeze(-2)
    seen = (gap >= 0) & (gap <= reach)
    seen = seen.tril() if causal else seen
    return seen, torch.eye(L, dtype=torch.bool)


def _itself_when_alone(seen: Tensor, own: Tensor) -> Tensor:
    others = seen & ~own
    return others | (own & ~others.any(-1, keepdim=True))


def shared_qk_diagonal(qk: Tensor, v: Tensor, buckets: Tensor, *, causal: bool = False) -> Tensor:
    """The diagonal is visible."""
    return _shared(qk, v, _company(buckets, causal)[0])


def shared_qk_long_keys(qk: Tensor, v: Tensor, buckets: Tensor, *, causal: bool = False) -> Tensor:
    """Keys keep their length."""
    return _shared(qk, v, _itself_when_alone(*_company(buckets, causal)), normal=False)


def shared_qk_alone_zero(qk: Tensor, v: Tensor, buckets: Tensor, *, causal: bool = False) -> Tensor:
    """The diagonal is hidden always."""
    seen, own = _company(buckets, causal)
    return _shared(qk, v, seen & ~own)


def shared_qk_neighbours(qk: Tensor, v: Tensor, buckets: Tensor, *, causal: bool = False) -> Tensor:
    """Chunk lookback without comparing buckets: the bucket before is visible."""
    return _shared(qk, v, _itself_when_alone(*_company(buckets, causal, 1)))


def smyrf_batch_maximum(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """One maximum for the whole batch."""
    dtype = compute_dtype(q, k)
    a, b = q.to(dtype), k.to(dtype)
    sa, sb = (a * a).sum(-1, keepdim=True), (b * b).sum(-1, keepdim=True)
    most = sa.max() + sb.max()
    F = torch.cat([a, torch.zeros_like(sa), (most - sa).sqrt()], -1)
    return F.to(q.dtype), torch.cat([b, (most - sb).sqrt(), torch.zeros_like(sb)], -1).to(k.dtype)


def clusters_of_any_size(
    q: Tensor, k: Tensor, v: Tensor, query_order: Tensor, key_order: Tensor, *, clusters: int
) -> Tensor:
    """What does not divide joins the last cluster."""
    ranks = (torch.argsort(query_order), torch.argsort(key_order))
    a, b = ((r // max(len(r) // clusters, 1)).clamp(max=clusters - 1) for r in ranks)
    visible = (a.unsqueeze(1) == b).expand(*q.shape[:3], k.shape[2])
    return attend(q, k, v, visible=visible)[0].to(q.dtype)
