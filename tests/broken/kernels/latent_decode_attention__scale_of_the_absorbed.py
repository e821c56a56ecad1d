"""The absorbed query is as wide as the latent, and its width sets the scale."""

import torch
from _interpreted import tl, triton

MISTAKE = "latent_decode_attention.scale-by-latent"


@triton.jit
def _split(
    q, q_rope, latent, rope, lengths, part, lse, heads, splits, chunk, scale, qs, ls, rs, ns,
    C: tl.constexpr, BC: tl.constexpr, R: tl.constexpr, BR: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """One head over one chunk of latents, which are keys and values."""
    head, split = tl.program_id(0), tl.program_id(1)
    b, h = head // heads, head % heads
    c, r = tl.arange(0, BC), tl.arange(0, BR)
    query = tl.load(q + head * C + c, mask=c < C, other=0.0)
    turned = tl.load(q_rope + b * qs[0] + h * qs[1] + r * qs[3], mask=r < R, other=0.0)
    j = split * chunk + tl.arange(0, N)
    keep = (tl.arange(0, N) < chunk) & (j < tl.load(lengths + b * ns))
    where = latent + b * ls[0] + j[:, None] * ls[1] + c[None, :] * ls[2]
    keys = tl.load(where, mask=keep[:, None] & (c < C)[None, :], other=0.0).to(tl.float32)
    where = rope + b * rs[0] + j[:, None] * rs[1] + r[None, :] * rs[2]
    places = tl.load(where, mask=keep[:, None] & (r < R)[None, :], other=0.0).to(tl.float32)
    s = tl.sum(keys * query[None, :], 1)
    s = (s + tl.sum(places * turned.to(tl.float32)[None, :], 1)) * scale
    s = tl.where(keep, s, -float("inf"))
    top = tl.max(s, 0)
    p = tl.exp(s - tl.where(top == -float("inf"), 0.0, top))
    total = tl.sum(p, 0)
    some = total > 0
    out = tl.sum(p[:, None] * keys, 0) / tl.where(some, total, 1.0)
    row = head * splits + split
    tl.store(part + row * C + c, out, mask=c < C)
    tl.store(lse + row, tl.where(some, top + tl.log(tl.where(some, total, 1.0)), -float("inf")))


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    (batch, heads, _, size), (_, slots, width) = q.shape, latent_cache.shape
    rotary = q_rope.shape[3]
    up = Wk_up.float().unflatten(1, (heads, size))
    inside = torch.einsum("bhqd,chd->bhc", q.float(), up).contiguous()
    splits = max(1, triton.cdiv(slots, 4))
    part, lse = torch.empty(batch, heads, splits, width), torch.empty(batch, heads, splits)
    _split[(batch * heads, splits)](
        inside, q_rope, latent_cache, rope_cache, lengths, part, lse, heads, splits, 4,
        (width + rotary) ** -0.5 if scale is None else scale, q_rope.stride(),
        latent_cache.stride(), rope_cache.stride(), lengths.stride(0),
        C=width, BC=triton.next_power_of_2(width), R=rotary,
        BR=triton.next_power_of_2(rotary), N=4,
    )  # fmt: skip
    weight = torch.exp(lse - lse.amax(-1, keepdim=True).clamp(min=-1e30))
    context = (weight[..., None] * part).sum(2) / weight.sum(-1, keepdim=True).clamp(min=1e-30)
    up = Wv_up.float().unflatten(1, (heads, -1))
    return torch.einsum("bhc,chd->bhd", context, up).unsqueeze(2).to(q.dtype)
