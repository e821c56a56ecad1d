"""Declarations that are at odds with what they declare: told at once, or without effect."""

from __future__ import annotations

from pathlib import Path

from .conftest import CHEAP, GOOD_SOFTMAX, PROCESS, Conform, run_softmax

UNDECIDABLE = """
CONFORM = {"operators": {"decode_attention": {"requires": ["all(lengths == lengths[0])"]}}}
def decode_attention(q, k_cache, v_cache, lengths): return q
"""
PLAIN_LOSS = """
import torch
def language_model_loss(logits, tokens):
    nats = -torch.log_softmax(logits.double(), -1)[:, :-1]
    return nats.gather(-1, tokens[:, 1:, None]).mean().to(logits.dtype)
"""
IDLE = 'CONFORM = {"operators": {"softmax": {"conventions": {"masked_rows": "nan"}}}}\n'


def test_a_condition_on_values_is_told_before_anything_is_judged(
    conform: Conform, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(UNDECIDABLE + GOOD_SOFTMAX)
    good = tmp_path / "good.py"
    good.write_text(GOOD_SOFTMAX)
    both = ("--operator", "softmax", "--operator", "decode_attention")
    for targets in ((bad,), (good, bad)):
        words = [word for target in targets for word in ("--target", str(target))]
        done = conform("run", *words, *both, *CHEAP)
        assert done.code == 2
        assert "cannot be decided from sizes and options" in done.err
        assert "softmax." not in done.out


def test_an_idle_convention_is_mentioned(conform: Conform, tmp_path: Path) -> None:
    target = tmp_path / "idle.py"
    target.write_text(IDLE + GOOD_SOFTMAX)
    done = run_softmax(conform, target, "--property", "softmax.sums-to-one")
    assert "masked_rows does not concern softmax" in done.out


def test_the_changed_setting_is_named(conform: Conform) -> None:
    law = "softmax.hygiene.global-state"
    done = run_softmax(conform, PROCESS / "changes_state.py", "--property", law)
    (verdict,) = done.verdicts()
    assert "(changed: " in verdict["counterexample"]["message"]


def test_a_changed_input_is_named(conform: Conform) -> None:
    law = "softmax.hygiene.inputs-unchanged"
    done = run_softmax(conform, PROCESS / "mutates_input.py", "--property", law)
    (verdict,) = done.verdicts()
    assert "under `mutates`" in verdict["counterexample"]["message"]


def test_a_loss_that_cannot_ignore_need_not(conform: Conform, tmp_path: Path) -> None:
    """It raises for targets of -100, and lacks the option that says they are ignored."""
    target = tmp_path / "plain.py"
    target.write_text(PLAIN_LOSS)
    done = conform("run", "--target", str(target), *CHEAP)
    assert done.code == 0, done.out
    (verdict,) = (v for v in done.verdicts() if v["property"].endswith("mean-over-kept"))
    assert verdict["outcome"] == "unsupported"
