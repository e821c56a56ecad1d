"""What all sequences share may learn sequence by sequence, in half precision."""

from __future__ import annotations

import torch

from conform.run.batch_sums import added_up, by_sequence, shared
from conform.run.oracle import Oracle
from conform.spec.book import built_in

BOOK = built_in()


def test_weights_are_shared_and_tokens_are_not() -> None:
    spec = BOOK.operator("feed_forward").spec
    assert [shared(spec, slot) for slot in range(5)] == [False, True, True, True, True]
    # Statistics are taken over the whole batch, images are paired with all texts: no sequences.
    assert not shared(BOOK.operator("clip_loss").spec, 0)


def test_the_parts_of_sequences_add_up_to_the_gradient() -> None:
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    oracle = Oracle(BOOK.operator("feed_forward"), {})
    args = (normal(3, 4, 5), normal(5, 6), normal(6), normal(6, 5), normal(5))
    options: dict[str, object] = {"activation": "relu"}
    cotangents = (normal(3, 4, 5),)
    whole = oracle.gradient_truth(args, options, "float64", 0, (3, 4), cotangents)
    parts = by_sequence(oracle, args, options, "float64", (3, 4), cotangents, ())
    assert len(parts) == 3
    for position, gradient in enumerate(whole.exact.outputs):
        torch.testing.assert_close(sum(part[position] for part in parts), gradient)
        assert not torch.equal(parts[0][position], gradient)


def test_samples_are_off_by_roundings_of_partial_sums() -> None:
    parts = [torch.tensor([256.0]), torch.tensor([1.0]), torch.tensor([-256.0])]
    samples = torch.ones(29, 1, dtype=torch.float64)
    loose = added_up(samples, [p.double() for p in parts], "bfloat16")
    # 257 lies between two numbers of bfloat16 that are 2 apart; a grid is up to twice as coarse.
    assert 0.5 < float((loose - 1).square().mean().sqrt()) < 2.0
    exact = added_up(samples, [torch.tensor([x]).double() for x in (0.0, 0.0, 0.0)], "bfloat16")
    assert torch.equal(exact, samples)
