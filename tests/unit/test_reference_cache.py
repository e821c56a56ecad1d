"""Caches against lists of tokens, and attention over them against attention over everything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from conform_reference import attention as full
from conform_reference import cache
from conform_reference._latent_attention import latent_attention
from conform_reference.position import rope


def _tokens(count: int, *, batch: int = 1) -> Tensor:
    """[batch, 1, count, 1] whose values are 1, 2, ..."""
    return torch.arange(1.0, count + 1).reshape(1, 1, count, 1).expand(batch, 1, count, 1)


def _normal(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_figures_of_llama_2() -> None:
    def size(layers: int, heads: int, length: int = 1, batch: int = 1) -> int:
        return cache.kv_cache_bytes(
            batch=batch, layers=layers, kv_heads=heads, head_dim=128, length=length
        )

    assert [size(32, 32), size(40, 40), size(80, 64)] == [512 << 10, 800 << 10, 2560 << 10]
    assert [size(80, 64, 512), size(80, 64, 4096)] == [5 << 28, 10 << 30]
    assert size(80, 64, 4096, 16) == 160 << 30
    assert cache.latent_cache_elements(layers=27, latent_dim=512, rope_dim=64) == 15552


@pytest.mark.parametrize(("slots", "sinks"), [(5, 2), (4, 0), (6, 5), (1, 0)])
@pytest.mark.parametrize("tokens", [1, 4, 5, 6, 13])
def test_sink_cache_is_a_list_that_loses_its_oldest(slots: int, sinks: int, tokens: int) -> None:
    held: list[float] = []
    for token in range(1, tokens + 1):
        held.append(float(token))
        if len(held) > slots:
            held.pop(sinks)
    empty, new = torch.zeros(1, 1, slots, 1), _tokens(tokens)
    start = torch.zeros(1, dtype=torch.int64)
    keys, values, lengths = cache.sink_cache_append(empty, empty, new, new, start, sinks=sinks)
    assert keys[0, 0, : len(held), 0].tolist() == held
    assert torch.equal(keys, values)
    assert lengths.tolist() == [tokens]


@pytest.mark.parametrize("tokens", [1, 4, 5, 6, 13])
def test_ring_cache_is_indexed_modulo(tokens: int) -> None:
    slots, ring = 5, [0.0] * 5
    for token in range(tokens):
        ring[token % slots] = token + 1.0
    empty, new = torch.zeros(1, 1, slots, 1), _tokens(tokens)
    keys, _, _ = cache.ring_cache_append(empty, empty, new, new, torch.zeros(1, dtype=torch.int64))
    assert keys.flatten().tolist() == ring


def test_append_keeps_the_rest() -> None:
    old, new = -_tokens(6, batch=2), _tokens(2, batch=2)
    keys, _, lengths = cache.kv_cache_append(old, old, new, new, torch.tensor([0, 3]))
    assert keys.flatten(1).tolist() == [[1, 2, -3, -4, -5, -6], [-1, -2, -3, 1, 2, -6]]
    assert lengths.tolist() == [2, 5]


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1, 1, 1), (3, 4), (7,), (1, 5, 1)])
@pytest.mark.parametrize("base", [None, 100.0])
def test_any_chunking_is_full_attention(pieces: tuple[int, ...], base: float | None) -> None:
    q, k, v = _normal(2, 4, 7, 8), _normal(2, 2, 7, 8), _normal(2, 2, 7, 8)
    state = (_normal(2, 2, 9, 8), _normal(2, 2, 9, 8), torch.zeros(2, dtype=torch.int64))
    rows, start = [], 0
    for size in pieces:
        part = slice(start, start + size)
        o, *rest = cache.cached_attention(
            q[:, :, part], k[:, :, part], v[:, :, part], *state, base=base
        )
        rows.append(o)
        state, start = (rest[0], rest[1], rest[2]), start + size
    if base is not None:
        q, k = (rope(x, torch.arange(7), base=base) for x in (q, k))
    expected = full.attention(q, k, v, causal=True)
    torch.testing.assert_close(torch.cat(rows, 2), expected, rtol=1e-12, atol=1e-12)
    assert state[2].tolist() == [7, 7]


def test_padding_on_either_side() -> None:
    q, k, v = _normal(2, 2, 5, 4), _normal(2, 2, 5, 4), _normal(2, 2, 5, 4)
    empty = torch.full((2, 2, 8, 4), 1e4, dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.int64)
    alone, *_ = cache.cached_attention(q, k, v, empty, empty, zero, base=100.0)
    left, *_ = cache.cached_attention(q, k, v, empty, empty, zero + 3, starts=zero + 3, base=100.0)
    torch.testing.assert_close(left, alone, rtol=1e-12, atol=1e-12)
    counts = torch.tensor([2, 5])
    right, keys, _, lengths = cache.cached_attention(
        q, k, v, empty, empty, zero, counts=counts, base=100.0
    )
    torch.testing.assert_close(right[0, :, :2], alone[0, :, :2], rtol=1e-12, atol=1e-12)
    assert not right[0, :, 2:].any()
    assert bool((keys[0, :, 2:] == 1e4).all())
    assert lengths.tolist() == [2, 5]


def test_pages_in_any_order() -> None:
    q, k, v = _normal(2, 4, 1, 8), _normal(2, 2, 12, 8), _normal(2, 2, 12, 8)
    lengths = torch.tensor([5, 12])
    table = torch.tensor([[6, 2, -1], [0, 5, 3]])
    pages = [torch.full((7, 4, 2, 8), torch.nan, dtype=torch.float64) for _ in range(2)]
    for n in range(2):
        for j in range(-(-int(lengths[n]) // 4)):
            for pool, whole in zip(pages, (k, v), strict=True):
                pool[table[n, j]] = whole[n, :, 4 * j : 4 * j + 4].transpose(0, 1)
    actual = cache.paged_decode_attention(q, *pages, table, lengths)
    torch.testing.assert_close(actual, full.decode_attention(q, k, v, lengths))


def test_latent_attention_is_decoding_over_latents() -> None:
    x, heads, D, R, C = _normal(1, 6, 16), 3, 8, 4, 10
    Wq, down, turn = _normal(16, heads * (D + R)), _normal(16, C), _normal(16, R)
    up_k, up_v, Wo = _normal(C, heads * D), _normal(C, heads * 5), _normal(heads * 5, 16)
    place = torch.arange(6) + 11
    whole = latent_attention(x, Wq, down, turn, up_k, up_v, Wo, place, heads=heads, causal=True)
    query = (x @ Wq).reshape(1, 6, heads, D + R).transpose(1, 2)[:, :, -1:]
    o = cache.latent_decode_attention(
        query[..., :D], rope(query[..., D:], place[-1:]), x @ down, rope(x @ turn, place),
        up_k, up_v, torch.tensor([6]),
    )  # fmt: skip
    expected = o.transpose(1, 2).reshape(1, 1, -1) @ Wo
    torch.testing.assert_close(whole[:, -1:], expected, rtol=1e-10, atol=1e-10)


def test_overflow_and_misfits_are_refused() -> None:
    old, new, zero = _tokens(3), _tokens(2), torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match="overflows"):
        cache.kv_cache_append(old, old, new, new, zero + 2)
    with pytest.raises(ValueError, match="overflows"):
        cache.cached_attention(new, new, new, old, old, zero + 2)
    with pytest.raises(ValueError, match="lengths=-1"):
        cache.ring_cache_append(old, old, new, new, zero - 1)
    with pytest.raises(ValueError, match="S=3"):
        cache.sink_cache_append(old, old, new, new, zero, sinks=3)
    with pytest.raises(ValueError, match="expected the same batch, heads and head size"):
        cache.kv_cache_append(old, old, new.expand(1, 2, 2, 1), new.expand(1, 2, 2, 1), zero)
    with pytest.raises(ValueError, match="counts"):
        cache.cached_attention(new, new, new, old, old, zero, counts=zero + 3)
    pool, table = torch.zeros(1, 2, 1, 1), torch.tensor([[1]])
    with pytest.raises(ValueError, match="expected pages from 0 to 0"):
        cache.paged_decode_attention(torch.zeros(1, 1, 1, 1), pool, pool, table, zero + 1)
    with pytest.raises(ValueError, match="layers=0"):
        cache.latent_cache_elements(layers=0, latent_dim=1, rope_dim=1)
    with pytest.raises(ValueError, match="head_dim=True"):
        cache.kv_cache_bytes(batch=1, layers=1, kv_heads=1, head_dim=True, length=1)
