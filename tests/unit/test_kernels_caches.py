"""Decoding over pages and latents: tiles, tails, tables and the arguments refused."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton")

from conform_kernels.decode_attention import decode_attention
from conform_kernels.latent_decode_attention import latent_decode_attention
from conform_kernels.paged_decode_attention import paged_decode_attention

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=2e-5, atol=2e-6)


def tables(*rows: list[int]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.int64, device=DEVICE)


@pytest.mark.parametrize("rows", [1, 5, 16, 32, 48])
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 63, 64, 65, 96])
def test_pages_are_a_cache(rows: int, length: int) -> None:
    entries = 96 // rows + 1
    k, v = randn(entries + 3, rows, 2, 20), randn(entries + 3, rows, 2, 20, seed=1)
    table = torch.randperm(entries + 3, generator=torch.Generator().manual_seed(2))[:entries]
    q = randn(1, 6, 1, 20, seed=3)
    lengths = torch.tensor([length], device=DEVICE)
    found = paged_decode_attention(q, k, v, table[None].to(DEVICE), lengths)
    flat = [t[table].flatten(0, 1)[:length].transpose(0, 1)[None] for t in (k, v)]
    wanted = torch.zeros_like(q)
    if length:
        wanted = torch.nn.functional.scaled_dot_product_attention(q, *flat, enable_gqa=True)
    close(found, wanted)


def test_each_sequence_goes_by_its_own_row_of_the_table() -> None:
    q, pages = torch.zeros(3, 1, 1, 4, device=DEVICE), torch.zeros(4, 2, 1, 4, device=DEVICE)
    pages += torch.arange(4.0, device=DEVICE)[:, None, None, None]
    pages[:, 1] += 10
    table = tables([2, 0], [0, 1], [3, -7])
    lengths = torch.tensor([3, 4, 1], dtype=torch.int32, device=DEVICE)
    found = paged_decode_attention(q, pages, pages, table, lengths)[:, 0, 0, 0]
    assert found.tolist() == [pytest.approx(14 / 3), 5.5, 3.0]


def test_strided_tables_and_lengths() -> None:
    q, k, v = randn(2, 2, 1, 8), randn(5, 4, 1, 8, seed=1), randn(5, 4, 1, 8, seed=2)
    table, lengths = tables([1, 4, 2], [0, 3, 4]), torch.tensor([9, 12], device=DEVICE)
    wide = torch.full((6, 4), 77, dtype=torch.int64, device=DEVICE)
    wide[::2, ::2] = table.T
    spread = torch.tensor([9, 99, 12, 99], device=DEVICE)[::2]
    found = paged_decode_attention(q, k, v, wide[::2, ::2].T, spread)
    assert torch.equal(found, paged_decode_attention(q, k, v, table, lengths))


@pytest.mark.skipif(DEVICE != "cpu", reason="a GPU answers with NaN instead")
def test_pages_that_do_not_exist_are_refused() -> None:
    q, pages = randn(1, 1, 1, 4), randn(2, 2, 1, 4)
    for page in (-1, 2):
        with pytest.raises(ValueError, match=f"block_table from .*{page}.*expected pages from 0"):
            paged_decode_attention(q, pages, pages, tables([1, page]), torch.tensor([3]))
    with pytest.raises(ValueError, match="lengths from 5 to 5; expected 0 to 4"):
        paged_decode_attention(q, pages, pages, tables([0, 1]), torch.tensor([5]))


def test_a_page_that_does_not_exist_gives_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU does, where looking first would wait for it."""
    from conform_kernels import paged_decode_attention as module

    monkeypatch.setattr(module, "_check_pages", lambda *_: None, raising=True)
    q, pages = randn(2, 3, 1, 4), randn(3, 20, 1, 4)
    lengths = torch.tensor([41, 40], device=DEVICE)
    found = module.paged_decode_attention(q, pages, pages, tables([1, 0, 3], [1, 0, 3]), lengths)
    assert found[0].isnan().all()
    assert found[1].isfinite().all()


def plain(
    q: torch.Tensor, q_rope: torch.Tensor, latent: torch.Tensor, rope: torch.Tensor,
    k_up: torch.Tensor, v_up: torch.Tensor, length: int,
) -> torch.Tensor:  # fmt: skip
    """Keys and values made, then attention, of one sequence."""
    heads = q.shape[1]
    keys = (latent[:, :length] @ k_up).unflatten(-1, (heads, -1)).transpose(1, 2)
    keys = torch.cat((keys, rope[:, None, :length].expand(-1, heads, -1, -1)), -1)
    values = (latent[:, :length] @ v_up).unflatten(-1, (heads, -1)).transpose(1, 2)
    return torch.nn.functional.scaled_dot_product_attention(
        torch.cat((q, q_rope), -1), keys, values
    )


@pytest.mark.parametrize("length", [1, 15, 16, 17, 47, 48])
@pytest.mark.parametrize("heads", [1, 16, 17])
def test_latents_are_keys_and_values(length: int, heads: int) -> None:
    q, q_rope = randn(1, heads, 1, 9), randn(1, heads, 1, 6, seed=1)
    latent, rope = randn(1, 48, 35, seed=2), randn(1, 48, 6, seed=3)
    k_up, v_up = randn(35, heads * 9, seed=4) / 6, randn(35, heads * 18, seed=5) / 6
    found = latent_decode_attention(
        q, q_rope, latent, rope, k_up, v_up, torch.tensor([length], device=DEVICE)
    )
    wanted = plain(q, q_rope, latent, rope, k_up, v_up, length)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_more_sequences_than_a_tile() -> None:
    batch, heads = 18, 2
    q, q_rope = randn(batch, heads, 1, 4), randn(batch, heads, 1, 2, seed=1)
    latent, rope = randn(batch, 7, 5, seed=2), randn(batch, 7, 2, seed=3)
    k_up, v_up = randn(5, heads * 4, seed=4), randn(5, heads * 3, seed=5)
    lengths = torch.arange(batch, device=DEVICE) % 8
    found = latent_decode_attention(q, q_rope, latent, rope, k_up, v_up, lengths)
    for b in range(batch):
        one = slice(b, b + 1)
        wanted = torch.zeros_like(found[one])
        if lengths[b]:
            parts = (q[one], q_rope[one], latent[one], rope[one])
            wanted = plain(*parts, k_up, v_up, int(lengths[b]))
        torch.testing.assert_close(found[one], wanted, rtol=1e-4, atol=1e-5)


def test_an_identity_map_is_decoding_over_the_latents() -> None:
    """With H = 1 and maps that change nothing it is decode_attention with one head."""
    q, latent, none = randn(2, 1, 1, 8), randn(2, 40, 8, seed=1), torch.zeros(2, 1, 1, 1)
    lengths, same = torch.tensor([40, 23], device=DEVICE), torch.eye(8, device=DEVICE)
    found = latent_decode_attention(
        q, none.to(DEVICE), latent, torch.zeros(2, 40, 1, device=DEVICE), same, same, lengths,
        scale=0.5,
    )  # fmt: skip
    close(found, decode_attention(q, latent[:, None], latent[:, None], lengths, scale=0.5))


def test_empty_caches() -> None:
    q, none = randn(2, 2, 1, 4), torch.zeros(2, dtype=torch.int64, device=DEVICE)
    empty = torch.empty(2, 0, dtype=torch.int64, device=DEVICE)
    assert paged_decode_attention(q, randn(1, 2, 1, 4), randn(1, 2, 1, 4), empty, none).eq(0).all()
    maps = (randn(3, 8), randn(3, 6))
    for slots in (0, 5):
        caches = (randn(2, slots, 3), randn(2, slots, 2))
        y = latent_decode_attention(q, q[..., :2], *caches, *maps, none)
        assert y.shape == (2, 2, 1, 3)
        assert y.eq(0).all()


Q, N1 = torch.zeros(1, 2, 1, 4, device=DEVICE), torch.ones(1, dtype=torch.int64, device=DEVICE)
PAGES, LATENT = torch.zeros(2, 3, 2, 4, device=DEVICE), torch.zeros(1, 5, 6, device=DEVICE)
ROPE, UP = torch.zeros(1, 5, 4, device=DEVICE), torch.zeros(6, 8, device=DEVICE)
TABLE = tables([0, 1])
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "table dtype": (
        lambda: paged_decode_attention(Q, PAGES, PAGES, TABLE.float(), N1),
        r"block_table\.dtype=torch\.float32; expected int64 or int32",
    ),
    "table shape": (
        lambda: paged_decode_attention(Q, PAGES, PAGES, TABLE[0], N1),
        r"block_table\.shape=\(2,\); expected",
    ),
    "pages": (lambda: paged_decode_attention(Q, PAGES[0], PAGES, TABLE, N1), r"\(P, b, K, D\)"),
    "page heads": (
        lambda: paged_decode_attention(Q[:, :1], PAGES, PAGES, TABLE, N1),
        "H=1, K=2, D=4; expected K to divide H",
    ),
    "value pages": (
        lambda: paged_decode_attention(Q, PAGES, PAGES[:1], TABLE, N1),
        r"v_pages\.shape=\(1, 3, 2, 4\)",
    ),
    "lengths": (
        lambda: paged_decode_attention(Q, PAGES, PAGES, TABLE, TABLE[0]),
        r"lengths\.shape=\(2,\); expected \(1\)",
    ),
    "two queries": (
        lambda: latent_decode_attention(PAGES[None, 0], PAGES, LATENT, ROPE, UP, UP, N1),
        r"q\.shape=\(1, 3, 2, 4\); expected \(any, any, 1, any\)",
    ),
    "map of keys": (
        lambda: latent_decode_attention(Q, Q, LATENT, ROPE, UP[:5], UP, N1),
        r"Wk_up\.shape=\(5, 8\); expected \(6, 8\)",
    ),
    "map of values": (
        lambda: latent_decode_attention(Q, Q, LATENT, ROPE, UP, UP[:, :7], N1),
        r"H=2, Wv_up\.shape=\(6, 7\)",
    ),
    "rotary keys": (
        lambda: latent_decode_attention(Q, Q, LATENT, ROPE[..., :3], UP, UP, N1),
        r"rope_cache\.shape=\(1, 5, 3\)",
    ),
    "wide latent": (
        lambda: latent_decode_attention(
            Q, Q, torch.zeros(1, 5, 600, device=DEVICE), ROPE,
            *[torch.zeros(600, 8, device=DEVICE)] * 2, N1,
        ),
        "C=600, R=4; expected C from 1 to 512",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_wrong_arguments_are_refused(what: str) -> None:
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.skipif(DEVICE != "cpu", reason="a GPU clamps it")
def test_lengths_beyond_the_latents_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths from 6 to 6; expected 0 to 5"):
        latent_decode_attention(Q, Q, LATENT, ROPE, UP, UP, N1 + 5)
