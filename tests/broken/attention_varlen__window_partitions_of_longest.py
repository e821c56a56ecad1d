"""With one query a sequence the blocks of the window are counted for the longest sequence only."""

import torch


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    d = q.shape[-1]
    sizes = (cu_k[1:] - cu_k[:-1]).tolist()
    single = bool((cu_q[1:] - cu_q[:-1] == 1).all())
    out = []
    for n in range(len(cu_q) - 1):
        a, b, c, e = (int(x) for x in (cu_q[n], cu_q[n + 1], cu_k[n], cu_k[n + 1]))
        one = q[a:b].to(wide).transpose(0, 1)
        keys, values = (x[c:e].to(wide).transpose(0, 1).repeat_interleave(group, 0) for x in (k, v))
        s = one @ keys.mT * (d**-0.5 if scale is None else scale)
        i = torch.arange(b - a)[:, None] + (e - c) - (b - a)
        j = torch.arange(e - c)[None, :]
        see = torch.ones(b - a, e - c, dtype=torch.bool)
        if causal:
            see = see & (j <= i)
        if window is not None:
            see = see & ((i - j).abs() < window)
        if window is not None and single:
            longest = max(sizes)
            first = max(longest - window, 0) // 16 * 16
            blocks = -(-(longest - first) // 16)
            mine = max(e - c - window, 0) // 16 * 16
            see = see & (j < mine + blocks * 16)
        s = s.masked_fill(~see, float("-inf"))
        top = s.detach().amax(-1, keepdim=True) if e > c else s.new_zeros(*s.shape[:2], 1)
        p = torch.exp(s - top.clamp(min=torch.finfo(wide).min))
        total = p.sum(-1, keepdim=True)
        o = p @ values / total.masked_fill(total == 0, 1)
        out.append(o.transpose(0, 1))
    return torch.cat(out).to(q.dtype)
