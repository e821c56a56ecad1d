"""Head tiles are 16 high in the scratch space and write over the next sequence's normaliser."""

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    b, h, _, d = q.shape
    s, c = latent_cache.shape[1:]
    scale = (d + q_rope.shape[-1]) ** -0.5 if scale is None else scale
    up = Wk_up.to(wide).view(c, h, d)
    absorbed = torch.einsum("bhd,chd->bhc", q[:, :, 0].to(wide), up)
    size = 64
    parts = max(1, -(-s // size))
    acc = torch.zeros(b, parts, h, c, dtype=wide)
    lse = torch.full((b, parts, h), -torch.inf, dtype=wide)
    for n, length in enumerate(lengths.tolist()):
        for i in range(parts):
            lo, hi = i * size, min((i + 1) * size, length)
            if lo >= hi:
                continue
            lat, rot = latent_cache[n, lo:hi].to(wide), rope_cache[n, lo:hi].to(wide)
            score = (absorbed[n] @ lat.mT + q_rope[n, :, 0].to(wide) @ rot.mT) * scale
            acc[n, i] = torch.softmax(score, -1) @ lat
            lse[n, i] = torch.logsumexp(score, -1)
    if parts > 1 and h % 16:
        lse[1:, 0, 0] = 0
    top = lse.amax(1, keepdim=True)
    w = torch.exp(lse - top.masked_fill(top == -torch.inf, 0))
    total = w.sum(1)
    o = (w.unsqueeze(-1) * acc).sum(1) / total.masked_fill(total == 0, 1).unsqueeze(-1)
    o = torch.einsum("bhc,chv->bhv", o, Wv_up.to(wide).view(c, h, -1))
    return o.unsqueeze(2).to(q.dtype)
