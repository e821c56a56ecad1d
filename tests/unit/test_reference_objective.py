"""The objectives' reference against torch.nn.functional and worked examples."""

import math

import pytest
import torch
import torch.nn.functional as F

from conform_reference import objective


def test_masked_loss_is_cross_entropy_at_the_selection():
    g = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 5, 7, generator=g)
    tokens = torch.randint(7, (2, 5), generator=g)
    selected = torch.rand(2, 5, generator=g) < 0.5
    expected = F.cross_entropy(logits[selected], tokens[selected])
    ours = objective.masked_language_model_loss(logits, tokens, selected)
    torch.testing.assert_close(ours, expected)


def test_span_corruption_of_the_papers_figure():
    tokens = torch.arange(10, 16)
    noise = torch.tensor([False, True, True, False, True, False])
    inputs, targets = objective.span_corrupt(tokens, noise, sentinel=99)
    assert inputs.tolist() == [10, 99, 13, 98, 15]
    assert targets.tolist() == [99, 11, 12, 98, 14, 97]


@pytest.mark.parametrize("seed", range(5))
def test_span_mask_has_exact_counts(seed):
    mask = objective.span_mask(200, seed=seed).long()
    assert int(mask.sum()) == 30
    assert int((mask.diff() == 1).sum() + mask[0]) == 10


def test_accumulation_with_an_empty_micro_batch():
    logits = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(5, (3, 4))
    tokens[1] = -100
    ours = objective.accumulated_loss(logits, tokens, micro_batch=1)
    full = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    torch.testing.assert_close(ours, full)
    first, second = (torch.autograd.grad(x, logits)[0] for x in (ours, full))
    torch.testing.assert_close(first, second)


def test_dpo_at_the_start_and_frozen_reference():
    x = [torch.randn(4, requires_grad=True) for _ in range(4)]
    start = objective.dpo_loss(x[0], x[1], x[0].detach(), x[1].detach(), beta=0.1)
    assert start.item() == pytest.approx(math.log(2))
    objective.dpo_loss(*x, beta=0.1).backward()
    assert x[0].grad is not None
    assert x[2].grad is None
    assert x[3].grad is None


def test_bleu_of_a_worked_example():
    candidate = torch.tensor([[0, 1, 2, 3, 4, 9]])
    reference = torch.tensor([[[0, 1, 2, 3, 4, 5]]])
    score = objective.bleu(candidate, torch.tensor([6]), reference, torch.tensor([[6]]))
    assert float(score) == pytest.approx(100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)


def test_pairs_and_segments():
    first, second, follows = objective.next_sentence_pairs(
        torch.tensor([3, 1, 2]), pairs=300, seed=0
    )
    of = torch.tensor([0, 0, 0, 1, 2, 2])
    assert torch.equal(second[follows], first[follows] + 1)
    assert (of[second] == of[first])[follows].all()
    assert (of[second] != of[first])[~follows].all()
    assert objective.segment_ids(2, 1).tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: objective.crop_context(torch.ones(1, 3), window=0), "window=0"),
        (lambda: objective.next_token_pairs(torch.ones(1, 1)), "tokens.shape"),
        (lambda: objective.info_nce(torch.ones(2, 3), torch.ones(2, 3), temperature=0.0), "temper"),
        (lambda: objective.dpo_loss(*[torch.ones(2)] * 4, beta=0.0), "beta=0.0"),
        (lambda: objective.span_mask(1, seed=0), "length=1"),
        (lambda: objective.next_sentence_pairs(torch.tensor([1, 1]), pairs=1, seed=0), "lengths"),
        (lambda: objective.exact_match(torch.ones(2, 3), torch.ones(2, 2)), "predictions"),
        (lambda: objective.segment_ids(0, 1), "first=0"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
