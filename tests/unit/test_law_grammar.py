"""The law language is closed: everything outside it is refused, with a reason, at once."""

from __future__ import annotations

import ast
import os
import resource
import signal
import time

import pytest
import torch

from conform.law.evaluate import Budget, Evaluator
from conform.law.grammar import LawError, called_operators, free_names, parse


class NoCaller:
    """A caller that no expression of this file should reach."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the law reached the caller's {name}")


def evaluate(text: str, **names: object) -> object:
    given = {
        "x": torch.arange(6.0, dtype=torch.float64).reshape(2, 3),
        "n": 3,
        "options": {},
        **names,
    }
    return Evaluator(given, {}, NoCaller(), frozenset({"softmax"}), "softmax", Budget(1.0)).value(
        parse(text)
    )


def in_child(text: str) -> str:
    """`evaluate` in a forked child that may take 2 s and 2 GB: what came of it, in words."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # As torch's own forked workers do: the parent's OpenMP threads are not here.
        torch.set_num_threads(1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        spent = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (spent + 2, spent + 2))
        with open("/proc/self/statm") as status:
            used = int(status.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30), resource.RLIM_INFINITY))
        try:
            evaluate(text)
            answer = "a value"
        except LawError as error:
            answer = f"LawError: {error.message}"
        except BaseException as error:  # noqa: BLE001 - the child reports whatever it is
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer[:4000].encode(errors="replace"))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    os.waitpid(child, 0)
    return answer or "killed after 2 s of work"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("__import__('os')", "underscore"),
        ("__import__('os').system('true')", "attributes"),
        ("_x", "underscore"),
        ("x.__class__", "attributes"),
        ("(1).__class__", "attributes"),
        ("''.__class__.__mro__", "attributes"),
        ("ref.__class__", "underscore"),
        ("ref.softmax.__globals__", "attributes"),
        ("x.data_ptr()", "attributes"),
        ("softmax.__globals__", "attributes"),
        ("ref.softmax.fill_(x)", "attributes"),
        ("[].append(1)", "attributes"),
        ("f'{x}'", "JoinedStr"),
        ("f'{x.__class__}'", "JoinedStr"),
        ("'{0.__class__}'.format(x)", "attributes"),
        ("[a for a in range(9)]", "ListComp"),
        ("{a for a in range(9)}", "SetComp"),
        ("{a: a for a in range(9)}", "DictComp"),
        ("sum(a for a in range(9))", "GeneratorExp"),
        ("(y := 3)", "NamedExpr"),
        ("{'a': 1}", "Dict"),
        ("{1, 2}", "Set"),
        ("(yield 3)", "Yield"),
        ("await x", "not"),
        ("lambda a=x: a", "plain positional"),
        ("lambda *, a: a", "plain positional"),
        ("lambda **a: a", "plain positional"),
        ("lambda a, /: a", "plain positional"),
        ("lambda _a: _a", "underscore"),
        ("(lambda a: a)(3)", "only a name can be called"),
        ("map(lambda a: a, x)[0](3)", "only a name can be called"),
        ("softmax(x, _hidden=3)", "underscore"),
        ("b'bytes'", "bytes"),
        ("3j", "complex"),
        ("99999999999999999999", "larger than 2**53"),
        ("'" + "a" * 61 + "'", "60 characters"),
        ("1 << 60", "LShift"),
        ("x ^ x", "BitXor"),
        ("~x", "Invert"),
        ("x in x", "In"),
        ("x == ", "not an expression"),
        ("x = 3", "not an expression"),
        ("import os", "not an expression"),
        ("x; y", "not an expression"),
        ("", "not an expression"),
        ("\0", "not an expression"),
        ("(" * 300 + "x" + ")" * 300, "not an expression"),
        ("-" * 100 + "x", "nested deeper"),
        ("-" * 100_000 + "x", "not an expression"),
        ("sum(" * 60 + "x" + ")" * 60, "nested deeper"),
        ("x + " * 500 + "x", "nested deeper"),
        ("(" + "x," * 500 + ")", "more than 400 parts"),
    ],
)
def test_what_is_outside_the_language(text: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(LawError) as caught:
        parse(text)
    assert words in caught.value.message
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10 ** 10 ** 10", "too large"),
        ("10 ** 65", "too large"),
        ("(2 ** 40) ** 2", "too large"),
        ("zeros(10 ** 9)", "elements"),
        ("ones(4096, 4096, 4096)", "elements"),
        ("full(1.0, 2 ** 30)", "elements"),
        ("eye(2 ** 20)", "elements"),
        ("arange(10 ** 9)", "elements"),
        ("expand(x[0, 0], 2 ** 30)", "elements"),
        ("one_hot(arange(1000), 10 ** 6)", "elements"),
        ("repeat(x, 10 ** 9, 0)", "elements"),
        ("tile(x, 10 ** 9, 0)", "elements"),
        ("outer(ones(2 ** 15), ones(2 ** 15))", "elements"),
        ("ones(2 ** 15, 1) + ones(1, 2 ** 15)", "elements"),
        ("permutation_matrix(arange(2 ** 14))", "elements"),
        ("zeros(-1)", "negative"),
        ("range(10 ** 9)", "range"),
        ("max(*range(10 ** 9))", "range"),
        ("(*range(10 ** 9),)", "range"),
        ("concat(*map(lambda a: ones(2 ** 20), range(4000)))", "elements"),
        ("map(lambda a: map(lambda b: sum(x) + a + b, range(4000)), range(4000))", "steps"),
        ("fold(lambda a, b: fold(lambda c, d: c + d, range(4000)), range(4000))", "steps"),
        ("fold(lambda a, b: a * a, range(4000), 3)", "too large"),
        ("fold(lambda a, b: concat(a, a), range(1, 60), ones(2))", "elements"),
        ("'aaaaaaaaaa' * 10 ** 9", ""),
        ("(1, 2) * 10 ** 9", ""),
        ("fold(lambda a, b: a + a, range(60), (1, 2))", ""),
        ("'%1000000000d' % 3", ""),
        ("round(10 ** 40 * 10 ** 40) ** 2", ""),
        ("grad(sum(x), 3)", "drawn tensor"),
        ("edit(x, 3)", "x[region]"),
        ("nowhere(x)", "unknown name 'nowhere'"),
        ("ref.nowhere(x)", "unknown operator"),
        ("n(3)", "no function"),
        ("map(lambda a, b: a, range(3))", "parameters"),
    ],
)
def test_what_would_cost_too_much_or_has_no_value(text: str, words: str) -> None:
    """A LawError at once, never another exception, a crash or gigabytes."""
    answer = in_child(text)
    assert answer.startswith("LawError: ")
    assert words in answer
    assert len(answer) > len("LawError: ")


@pytest.mark.parametrize(
    "text",
    [
        "9.0 ** 9999",
        "softmax[0]",
        "x[10 ** 9]",
        "1 // 0",
        "integer(inf)",
        "log(-1.0)",
        "exp(1e10)",
        "x + 'a'",
        "take((1, 2), 5)",
        "x[0, 0, 0]",
        "softmax(**3)",
        "split(x, -1)",
        "size(3)",
    ],
)
def test_what_has_no_value_is_an_error_that_the_runner_catches(text: str) -> None:
    """See `conform.run.outcomes.try_law`: these become `the law cannot be evaluated`."""
    caught = (
        LawError,
        ValueError,
        RuntimeError,
        IndexError,
        TypeError,
        ArithmeticError,
        AttributeError,
    )
    with pytest.raises(caught):
        evaluate(text)


def test_names_that_python_knows_are_unknown_here() -> None:
    for name in (
        "open",
        "eval",
        "exec",
        "getattr",
        "globals",
        "print",
        "torch",
        "type",
        "vars",
        "input",
    ):
        with pytest.raises(LawError, match="unknown name"):
            evaluate(f"{name}(x)")


def test_errors_say_where() -> None:
    with pytest.raises(LawError) as caught:
        parse("softmax(x) == x.real")
    assert (caught.value.column, caught.value.line, caught.value.text) == (14, 0, "x.real")


@pytest.mark.parametrize(
    "text",
    [
        "softmax(x, **options) == ref.softmax(x)",
        "not depends(softmax(x)[..., 1:, :], x[..., None, ::2])",
        "fold(lambda a, b: a + b, split(x, 2, 0))",
        "map(lambda *a: a[0], (1, 2), (3, 4))",
        "x @ x if n > 3 else -x",
        "(x is x) and 1 < 2 <= 3 or True",
        "softmax(\n  x\n)",
    ],
)
def test_what_is_inside_the_language(text: str) -> None:
    assert isinstance(parse(text), ast.expr)


def test_free_names_and_operators() -> None:
    tree = parse("map(lambda a, *r: a + b, y) == ref.rope(z) + ref.softmax(a)")
    assert set(free_names(tree)) == {"map", "b", "y", "ref", "z", "a"}
    assert called_operators(tree) == {"rope", "softmax"}


def test_the_clock_stops_a_slow_law() -> None:
    slow = Evaluator({"x": torch.zeros(1)}, {}, NoCaller(), frozenset(), "softmax", Budget(0.05))
    started = time.process_time()
    with pytest.raises(LawError, match=r"steps|20 s"):
        slow.value(
            parse("map(lambda a: map(lambda b: sum(zeros(200000)), range(900)), range(900))")
        )
    assert time.process_time() - started < 1.0


def test_waiting_costs_a_law_nothing() -> None:
    class Slow(NoCaller):
        def call(self, operator: str, args: tuple[object, ...], options: object) -> object:
            time.sleep(1.1)
            return args[0]

    many = "fold(lambda a, b: a + b, map(lambda i: sum(x) + i, range(100)))"
    waiting = Evaluator(
        {"x": torch.ones(1)}, {}, Slow(), frozenset({"softmax"}), "softmax", Budget(1.0)
    )
    assert float(waiting.value(parse(f"softmax(x) * 0 + {many}"))) == 5050.0
