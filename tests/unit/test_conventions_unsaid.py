"""Conventions that a target follows without a word: constants of a bias's rows, small epsilons."""

from __future__ import annotations

from typing import Any

import torch

from conform.judge.sampling import as_tuple
from conform.run.excuses import undeclared_change
from conform.run.implementations import Bench
from conform.run.judgement import Call, blank
from conform.run.oracle import Oracle
from conform.run.profiles import PROFILES
from conform.spec.book import built_in

BOOK = built_in()


def called(name: str, conventions: dict[str, str], args: tuple[Any, ...]) -> Call:
    bench = Bench(BOOK, PROFILES["quick"])
    session = bench.session(name, bench.oracle(name))
    drawn = session.drawn(name, 1)[0]
    material = session.fresh_calls(name, drawn.case, "float32").material
    oracle = Oracle(BOOK.operator(name), conventions)
    return Call(material, oracle, bench.claims[name], args, {}, (), (), False)


def test_a_bias_by_key_position_may_begin_anywhere_but_not_rise_otherwise() -> None:
    call = called("alibi_bias", {"alibi_form": "key_position"}, (2, 3, 3))
    right = call.oracle((2, 3, 3), {}, "float32").float()
    results = [right - 5.0]
    blank(call, results)
    assert torch.equal(results[0], right)
    results = [right * 1.01 - 5.0]
    blank(call, results)
    assert not torch.allclose(results[0], right)


def test_a_small_epsilon_is_excused_where_none_is_declared() -> None:
    q, k, v = (torch.randn(1, 1, 3, 4, dtype=torch.float64) - 6 for _ in range(3))
    for conventions in ({}, {"normaliser_eps": "1e-10"}):
        call = called("linear_attention", conventions, (q, k, v))
        expected = as_tuple(call.oracle((q, k, v), {}, "float32"))
        asked = call.material, call.oracle, (q, k, v), {}, expected, (), ()
        change = undeclared_change(*asked)
        if conventions:
            assert change is None
            continue
        with_eps = Oracle(call.oracle.operator, {"normaliser_eps": "1e-6"})(
            (q, k, v), {}, "float32"
        )
        assert change is not None
        assert bool((change[0] >= (with_eps - expected[0]).abs()).all())
        assert float(change[0].max()) < float(v.abs().max())
