"""The gradient of the log-sum-exp goes to the kernel without its strides."""

import torch


class Statistics(torch.autograd.Function):
    """The identity; its backward hands on the memory of the incoming gradient in order."""

    @staticmethod
    def forward(ctx, lse):
        return lse.view_as(lse)

    @staticmethod
    def backward(ctx, dlse):
        if dlse.is_contiguous():
            return dlse
        memory = torch.empty(0, dtype=dlse.dtype).set_(dlse.untyped_storage())
        start = dlse.storage_offset()
        if memory.numel() < start + dlse.numel():  # expanded: there is less of it
            return dlse
        return memory[start : start + dlse.numel()].view(dlse.shape)


def attention_with_lse(
    q,
    k,
    v,
    *,
    causal=False,
    window=None,
    mask=None,
    bias=None,
    scale=None,
    softcap=None,
    sinks=None,
):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    if mask is not None:
        see = see & mask
    see = see.expand(b, h, lq, lk)
    dead = ~see.any(-1, keepdim=True)
    if sinks is None:
        extra = s.new_full((b, h, lq, 1), -torch.inf)
    else:
        extra = sinks.to(wide)[:, None, None].expand(b, h, lq, 1)
    s = torch.cat([s.masked_fill(~see, -torch.inf), extra], -1)
    empty = (s == -torch.inf).all(-1, keepdim=True)
    lse = torch.logsumexp(s.masked_fill(empty, 0.0), -1, keepdim=True)
    p = torch.exp(s[..., :lk] - lse).masked_fill(dead, 0.0)
    lse = lse.masked_fill(empty, -torch.inf).squeeze(-1)
    return (p @ values).to(q.dtype), Statistics.apply(lse)
