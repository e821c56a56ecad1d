"""Recurrent and convolutional references against torch's own cells and the decks' numbers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from conform_reference import recurrent as rec

generator = torch.Generator().manual_seed(6)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_cells_are_torchs() -> None:
    x, h, c, W, U, b = (
        normal(2, 3),
        normal(2, 4),
        normal(2, 4),
        normal(3, 16),
        normal(4, 16),
        normal(16),
    )
    none = torch.zeros_like(b)
    wanted = torch.lstm_cell(x, [h, c], W.T, U.T, b, none)
    for a, e in zip(rec.lstm_cell(x, h, c, W, U, b), wanted, strict=True):
        assert torch.allclose(a, e, atol=1e-14)
    wanted = torch.rnn_tanh_cell(x, h, W[:, :4].T, U[:, :4].T, b[:4], none[:4])
    assert torch.allclose(rec.rnn_step(x, h, W[:, :4], U[:, :4], b[:4]), wanted, atol=1e-14)


def test_memory_survives_a_thousand_steps() -> None:
    c0 = normal(1, 4)
    shut = torch.tensor([-200.0] * 4 + [200.0] * 4 + [0.0] * 8, dtype=torch.float64)
    none = torch.zeros(4, 16, dtype=torch.float64)
    c = rec.lstm(normal(1, 1000, 4), torch.zeros_like(c0), c0, none, none, shut)[1]
    assert torch.equal(c, c0)


def test_gradient_through_a_hundred_steps_is_below_the_bound() -> None:
    q, _ = torch.linalg.qr(normal(4, 4))
    h0 = normal(1, 4)

    def last(h: torch.Tensor) -> torch.Tensor:
        x, W, b = (
            torch.zeros(1, 100, 1).double(),
            torch.zeros(1, 4).double(),
            torch.zeros(4).double(),
        )
        return rec.rnn(x, h, W, 0.9 * q, b)[0, -1]

    jacobian = torch.autograd.functional.jacobian(last, h0).reshape(4, 4)
    assert float(torch.linalg.matrix_norm(jacobian, 2)) <= 0.9**100


def test_bidirectional_rows_end_at_their_length() -> None:
    x = normal(2, 5, 3)
    weights = (normal(3, 2), normal(2, 2), normal(2), normal(3, 2), normal(2, 2), normal(2))
    padded = rec.bidirectional_rnn(x, *weights, lengths=torch.tensor([3, 5]))
    assert torch.allclose(padded[:1, :3], rec.bidirectional_rnn(x[:1, :3], *weights))
    assert not padded[0, 3:].any()


def test_all_sequences_have_probability_one() -> None:
    table, Wx, Wh, b, Wo = normal(3, 2), normal(2, 4), normal(4, 4), normal(4), normal(4, 3)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    total = rec.rnn_log_likelihood(every, table, Wx, Wh, b, Wo).exp().sum()
    assert float(total) == pytest.approx(1.0)


def test_convolutions_are_torchs() -> None:
    x, W, b = normal(2, 9, 4), normal(3, 4, 5), normal(5)
    wanted = torch.conv1d(x.transpose(1, 2), W.permute(2, 1, 0), b, dilation=2).transpose(1, 2)
    assert torch.allclose(rec.text_convolution(x, W, b, dilation=2), wanted)
    with pytest.raises(ValueError, match="at least 3 tokens"):
        rec.text_convolution(x[:, :2], W, b)


def test_pooled_sentence_of_the_slides_sizes() -> None:
    words = normal(1, 6, 3)
    for width, windows in ((2, 5), (3, 4), (4, 3)):
        W, b = normal(width, 3, 1), normal(1)
        assert rec.text_convolution(words, W, b).shape[1] == windows
        assert rec.text_cnn(words, W, b).shape == (1, 1)


@pytest.mark.parametrize(("layers", "seen"), [(1, 3), (2, 5), (6, 13)])
def test_receptive_field_is_what_a_gradient_reaches(layers: int, seen: int) -> None:
    assert rec.receptive_field(width=3, layers=layers) == seen
    x = torch.zeros(1, 20, 1, dtype=torch.float64, requires_grad=True)
    y, W, b = x, torch.ones(3, 1, 1).double(), torch.zeros(1).double()
    for _ in range(layers):
        y = rec.text_convolution(y, W, b, causal=True)
    (gradient,) = torch.autograd.grad(y[0, -1, 0], x)
    assert int((gradient != 0).sum()) == seen


def test_steps_by_dynamic_programming() -> None:
    table = {(0, t): 0 for t in range(11)} | {(layer, 0): 0 for layer in range(11)}
    for layer, t in itertools.product(range(1, 11), range(1, 11)):
        table[layer, t] = 1 + max(table[layer, t - 1], table[layer - 1, t])
        assert rec.minimum_steps(position=t, layer=layer, kind="rnn") == table[layer, t]
        assert rec.minimum_steps(position=t, layer=layer, kind="attention") == layer


def test_paths_and_penalties() -> None:
    assert [rec.path_length(distance=7, kind=k) for k in ("rnn", "convolution", "attention")] == [
        7,
        4,
        1,
    ]
    assert rec.length_penalty(1, alpha=0.6) == 1.0
    assert rec.length_penalty(7, alpha=1.0) == 2.0
    with pytest.raises(ValueError, match="kind='lstm'"):
        rec.path_length(distance=3, kind="lstm")
    with pytest.raises(ValueError, match="length=0"):
        rec.length_penalty(0, alpha=0.6)


def test_unknown_words_are_copied_and_scores_are_the_papers() -> None:
    attention = torch.tensor([[[0.1, 0.9], [0.8, 0.2]]], dtype=torch.float64)
    out = rec.replace_unknown(torch.tensor([[0, 5]]), torch.tensor([[7, 8]]), attention, unknown=0)
    assert out.tolist() == [[8, 5]]
    score = rec.translation_score(torch.tensor([-2.0]).double(), attention, alpha=1.0, beta=0.5)
    wanted = -2.0 / (7 / 6) + 0.5 * math.log(0.9)
    assert float(score) == pytest.approx(wanted)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"layers": -1}, {"growth": 0}, {"width": 2.5}])
def test_illegal_sizes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        rec.receptive_field(**({"width": 3, "layers": 2, "growth": 1} | wrong))  # type: ignore[arg-type]
