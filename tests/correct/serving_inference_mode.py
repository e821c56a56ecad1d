"""Forward only, under inference_mode: masks by searchsorted, caches by scatter."""

import torch
import torch.nn.functional as F


@torch.inference_mode()
def layer_norm(x, gamma, beta, *, eps=1e-5):
    v, m = torch.var_mean(x.float(), dim=-1, keepdim=True, unbiased=False)
    return (((x - m) * torch.rsqrt(v + eps)) * gamma + beta).to(x.dtype)


@torch.inference_mode()
def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    S = k_cache.shape[2]
    m = torch.arange(S)[None] < lengths[:, None]
    return F.scaled_dot_product_attention(
        q, k_cache, v_cache, attn_mask=m[:, None, None], scale=scale, enable_gqa=True
    )


@torch.inference_mode()
def kv_cache_append(k_cache, v_cache, k, v, lengths):
    T, S = k.shape[2], k_cache.shape[2]
    if bool((lengths + T > S).any()):
        raise ValueError("cache overflow")
    pos = (lengths[:, None] + torch.arange(T))[:, None, :, None]
    return (
        k_cache.scatter(2, pos.expand_as(k), k),
        v_cache.scatter(2, pos.expand_as(v), v),
        lengths + T,
    )


@torch.no_grad()
def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, scale=None):
    T, S = q.shape[0], k.shape[0]
    sq = torch.searchsorted(cu_q[1:].contiguous(), torch.arange(T), right=True)
    sk = torch.searchsorted(cu_k[1:].contiguous(), torch.arange(S), right=True)
    m = sq[:, None] == sk[None]
    if causal:
        end_q, end_k = cu_q[1:][sq], cu_k[1:][sk]
        rq = end_q - torch.arange(T)
        rk = end_k - torch.arange(S)
        m = m & (rk[None] >= rq[:, None])
    o = F.scaled_dot_product_attention(
        q.transpose(0, 1)[None],
        k.transpose(0, 1)[None],
        v.transpose(0, 1)[None],
        attn_mask=m,
        scale=scale,
        enable_gqa=True,
    )
    return o[0].transpose(0, 1)
