"""The efficient domain of the reference against brute force and printed figures."""

import math

import pytest
import torch

from conform_reference import efficient
from conform_reference.attention import attention


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_costs():
    assert efficient.attention_flops(128, 64) == 4 * 128 * 128 * 64
    assert efficient.attention_flops(128, 64, heads=2, method="linear") == 4 * 128 * 64 * 32
    assert efficient.attention_matrix_bytes(heads=32, length=4096) == 2**30
    assert round(efficient.attention_flops_share(4096, 4096), 3) == 0.143
    assert efficient.effective_context(32, 4096) == 131041


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: efficient.attention_flops(0, 8), "length=0"),
        (lambda: efficient.attention_flops(8, 8, heads=3), "heads=3"),
        (lambda: efficient.attention_flops(8, 8, method="sparse"), "method='sparse'"),
        (lambda: efficient.attention_flops_share(1, True), "width=True"),
        (lambda: efficient.attention_matrix_bytes(heads=0, length=1), "heads=0"),
        (lambda: efficient.effective_context(2, 0), "window=0"),
        (lambda: efficient.orthogonal_features(0, 3, seed=0), "rows=0"),
    ],
)
def test_sizes_that_cannot_be(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_linformer_with_identities_is_attention():
    q, k, v = draw(1, 2, 3, 4), draw(1, 2, 5, 4, seed=1), draw(1, 2, 5, 2, seed=2)
    eye = torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(efficient.linformer_attention(q, k, v, eye, eye), attention(q, k, v))
    with pytest.raises(ValueError, match=r"Ek.shape\[1\]=4"):
        efficient.linformer_attention(q, k, v, eye[:, :4], eye)


def test_performer_features_estimate_the_exponential():
    x, y = draw(3, 4) / 4, draw(3, 4, seed=1) / 4
    omega = draw(200_000, 4, seed=2)
    f, g = efficient.performer_features(x, omega), efficient.performer_features(y, omega)
    torch.testing.assert_close(f @ g.T, torch.exp(x @ y.T), rtol=0.02, atol=0)
    with pytest.raises(ValueError, match=r"omega.shape\[1\]=4"):
        efficient.performer_features(x[:, :2], omega)


def test_performer_attention_nears_softmax():
    q, k, v = (draw(1, 1, 6, 4, seed=s) / 2 for s in range(3))
    out = efficient.performer_attention(q, k, v, draw(100_000, 4, seed=3))
    torch.testing.assert_close(out, attention(q, k, v), rtol=0, atol=0.1)


def test_orthogonal_features_are_even():
    omega = efficient.orthogonal_features(3000, 3, seed=0).reshape(1000, 3, 3)
    unit = omega / omega.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(unit @ unit.mT, torch.eye(3).double().expand(1000, 3, 3))
    assert abs(float(omega[:, 0, 0].mean())) < 0.15
    assert abs(float((omega**2).mean()) - 1) < 0.1


def test_lsh_on_axes():
    eye = torch.eye(3)
    assert efficient.lsh_buckets(torch.cat([2 * eye, -eye]), eye).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match=r"R.shape\[0\]=2"):
        efficient.lsh_buckets(eye, eye[:2])


def test_shared_qk_by_loops():
    qk, v = draw(1, 1, 5, 4), draw(1, 1, 5, 2, seed=1)
    buckets = torch.tensor([[[0, 1, 0, 2, 0]]])
    out = efficient.shared_qk_attention(qk, v, buckets)[0, 0]
    torch.testing.assert_close(out[1], v[0, 0, 1])
    others = [2, 4]
    keys = qk[0, 0, others] / qk[0, 0, others].norm(dim=-1, keepdim=True)
    weights = torch.softmax(keys @ qk[0, 0, 0] / 2, 0)
    torch.testing.assert_close(out[0], weights @ v[0, 0, others])
    with pytest.raises(ValueError, match=r"buckets\.shape"):
        efficient.shared_qk_attention(qk, v, buckets[..., :3])


def test_reversible_round_trip():
    x1, x2 = draw(3, 4), draw(3, 4, seed=1)
    y = efficient.reversible_block(x1, x2, torch.tanh, torch.sin)
    back = efficient.reversible_inverse(*y, torch.tanh, torch.sin)
    torch.testing.assert_close(back, (x1, x2))
    with pytest.raises(ValueError, match="two halves"):
        efficient.reversible_block(x1, x2[:2], torch.tanh, torch.sin)


def test_smyrf_orders_keys_by_product():
    q, k = draw(1, 1, 4), draw(1, 9, 4, seed=1)
    F, G = efficient.smyrf_transform(q, k)
    near = torch.cdist(F, G)[0, 0]
    assert torch.equal(near.argsort(), (q @ k.mT)[0, 0].argsort(descending=True))


def test_clusters_by_loops():
    q, k, v = draw(1, 1, 4, 3), draw(1, 1, 6, 3, seed=1), draw(1, 1, 6, 2, seed=2)
    a, b = torch.tensor([2, 0, 3, 1]), torch.tensor([5, 1, 0, 4, 2, 3])
    out = efficient.clustered_attention(q, k, v, a, b, clusters=2)
    for part in range(2):
        rows, keys = a[2 * part : 2 * part + 2], b[3 * part : 3 * part + 3]
        torch.testing.assert_close(
            out[:, :, rows], attention(q[:, :, rows], k[:, :, keys], v[:, :, keys])
        )
    with pytest.raises(ValueError, match="clusters=4"):
        efficient.clustered_attention(q, k, v, a, b, clusters=4)


def test_performer_half_square_matters():
    x = torch.full((1, 4), 0.5, dtype=torch.float64)
    features = efficient.performer_features(x, torch.zeros(3, 4, dtype=torch.float64))
    torch.testing.assert_close(features, torch.full((1, 3), math.exp(-0.5) / math.sqrt(3)).double())
