"""Expects queries, keys and values packed into one tensor."""


def attention(qkv, *, causal=False):
    return qkv
