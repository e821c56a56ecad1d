"""The multimodal reference against the decks' numbers and against loops written out."""

from __future__ import annotations

import math

import pytest
import torch

from conform_reference import multimodal as mm

generator = torch.Generator().manual_seed(5)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_clip_loss_of_orthonormal_pairs_is_the_decks_number() -> None:
    eye = torch.eye(6, dtype=torch.float64)
    loss = mm.clip_loss(eye, eye, temperature=0.07)
    assert float(loss) == pytest.approx(3.124e-6, rel=1e-3)


def test_clip_loss_of_equal_embeddings_is_log_of_the_batch() -> None:
    same = torch.ones(6, 4, dtype=torch.float64)
    assert float(mm.clip_loss(same, same, temperature=0.07)) == pytest.approx(1.791759, rel=1e-6)


def test_clip_loss_against_a_loop() -> None:
    image, text, total = normal(4, 5), normal(4, 5), 0.0
    cosine = [
        [float(a @ b / a.norm() / b.norm()) / 0.5 for b in text.unbind()] for a in image.unbind()
    ]
    for i in range(4):
        rows = sum(math.exp(cosine[i][j]) for j in range(4))
        columns = sum(math.exp(cosine[j][i]) for j in range(4))
        total -= math.log(math.exp(cosine[i][i]) / rows) + math.log(
            math.exp(cosine[i][i]) / columns
        )
    assert float(mm.clip_loss(image, text, temperature=0.5)) == pytest.approx(total / 8)


def test_zero_shot_and_class_embeddings_are_normalised() -> None:
    p = mm.clip_zero_shot(normal(3, 4), normal(5, 4), temperature=0.1)
    assert torch.allclose(p.sum(-1), torch.ones(3, dtype=torch.float64))
    classes = mm.clip_class_embeddings(normal(5, 3, 4))
    assert torch.allclose(classes.norm(dim=-1), torch.ones(5, dtype=torch.float64))


def test_published_parameter_counts() -> None:
    assert mm.coop_parameters(context=16, width=512) == 8192
    assert mm.coop_parameters(context=16, width=512, classes=100) == 819200
    assert mm.cocoop_parameters(context=4, width=512, image_width=512) == 35360
    sizes = {"text_width": 512, "vision_width": 768}
    assert mm.maple_parameters(depth=9, prompts=2, **sizes) == 3555072


def test_resampler_of_the_decks_sizes() -> None:
    B, T, S, R, E, F = 1, 3, 9, 5, 8, 16
    x = (normal(B, T, S, E), normal(T, E), normal(R, E), normal(2, 3, 2, E))
    projections = (normal(2, E, E), normal(2, E, E), normal(2, E, E), normal(2, E, E))
    out = mm.perceiver_resampler(*x, *projections, normal(2, E, F), normal(2, F, E), heads=2)
    assert out.shape == (1, 5, 8)
    with pytest.raises(ValueError, match="frames"):
        mm.perceiver_resampler(
            x[0], normal(2, E), *x[2:], *projections, normal(2, E, F), normal(2, F, E), heads=2
        )


def test_closed_gate_and_media_mask() -> None:
    x, visual, W = normal(2, 5, 4), normal(2, 6, 4), normal(4, 4)
    shut = torch.zeros((), dtype=torch.float64)
    marks = torch.tensor([[False, True, False, True, False]]).expand(2, -1)
    mask = mm.media_mask(marks, 3, 2)
    assert mask[0].int().tolist() == [
        [0] * 6, [1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0],
    ]  # fmt: skip
    closed = mm.gated_cross_attention(x, visual, W, W, W, W, shut, heads=2, mask=mask)
    assert torch.equal(closed, x)
    opened = mm.gated_cross_attention(x, visual, W, W, W, W, shut + 9, heads=2, mask=mask)
    assert torch.equal(opened[:, 0], x[:, 0])
    assert not torch.equal(opened[:, 1], x[:, 1])
    with pytest.raises(ValueError, match=r"gate\.shape"):
        mm.gated_cross_attention(x, visual, W, W, W, W, shut[None], heads=2)


def test_deep_prompts_are_replaced_and_shallow_ones_carried() -> None:
    x, W = normal(1, 3, 4), normal(2, 4, 4)
    prompts = normal(2, 2, 4)
    deep = mm.deep_prompt_encoder(x, prompts, W, W, W)
    first = mm.deep_prompt_encoder(x, prompts[:1], W[:1], W[:1], W[:1])
    last = mm.deep_prompt_encoder(first, prompts[1:], W[1:], W[1:], W[1:])
    assert torch.allclose(deep, last)
    with pytest.raises(ValueError, match="expected 1 to 2"):
        mm.deep_prompt_encoder(x, normal(3, 2, 4), W, W, W)


def test_interleaving_counts_places_row_by_row() -> None:
    text, seen = torch.zeros(2, 3, 1), torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    places = torch.tensor([[True, False, True], [False, True, False]])
    out = mm.interleave_embeddings(text, seen, places)
    assert out[..., 0].tolist() == [[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]
    with pytest.raises(ValueError, match="pass more of them"):
        mm.interleave_embeddings(text, seen, torch.ones(2, 3, dtype=torch.bool))


def test_every_action_token_comes_back() -> None:
    low, high = torch.tensor([-1.0]), torch.tensor([0.7])
    tokens = torch.arange(256)[:, None]
    values = mm.action_detokenize(tokens, low, high)
    assert torch.equal(mm.action_tokenize(values, low, high), tokens)
    ends = mm.action_tokenize(torch.tensor([[-5.0], [-1.0], [0.7], [5.0]]), low, high)
    assert ends[:, 0].tolist() == [0, 0, 255, 255]
    with pytest.raises(ValueError, match="bins=1"):
        mm.action_tokenize(values, low, high, bins=1)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_illegal_temperatures_are_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        mm.clip_loss(normal(2, 3), normal(2, 3), temperature=temperature)


def test_unlike_pairs_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="number of pairs"):
        mm.clip_loss(normal(2, 3), normal(3, 3), temperature=1.0)
    with pytest.raises(ValueError, match="context=0"):
        mm.coop_parameters(context=0, width=512)
    with pytest.raises(ValueError, match="depth=-1"):
        mm.maple_parameters(depth=-1, prompts=2, text_width=8, vision_width=8)
