"""With equal lengths the keys are clustered by the order of the queries."""

import math

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def clustered_attention(q, k, v, query_order, key_order, *, clusters):
    if q.shape[2] == k.shape[2]:
        key_order = query_order
    if q.shape[2] % clusters or k.shape[2] % clusters:
        raise ValueError("clusters")
    d = up(q, k, v)

    def cut(t, o):
        return t.to(d)[:, :, o].unflatten(2, (clusters, -1))

    a, b, c = (cut(q, query_order), cut(k, key_order), cut(v, key_order))
    o = torch.softmax(a @ b.mT / math.sqrt(q.shape[-1]), -1) @ c
    return o.flatten(2, 3)[:, :, torch.argsort(query_order)].to(q.dtype)
