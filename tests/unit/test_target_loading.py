"""Loading real files in a worker: packages, names, devices, smoke."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from conform.errors import ConformError
from conform.target.claims import OperatorClaim, OperatorSignature, TargetDescription
from conform.target.ref import parse_target
from conform.target.smoke import smoke
from conform.work.client import WorkerClient
from conform.work.protocol import CallRequest, ReplyOutcome, ScalarArg, TensorArg
from conform.work.zygote import Zygote

OPERATORS = (OperatorSignature("softmax", ("x",)), OperatorSignature("gelu", ("x",)))
SOFTMAX = "def softmax(x):\n    return x.softmax(-1)\n"

Open = Callable[..., WorkerClient]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as preloaded:
        yield preloaded


@pytest.fixture
def open_target(zygote: Zygote) -> Iterator[Open]:
    opened: list[WorkerClient] = []

    def open_(text: str, device: str | None = None) -> WorkerClient:
        target = parse_target(text)
        opened.append(WorkerClient(target, operators=OPERATORS, zygote=zygote, device=device))
        return opened[-1]

    yield open_
    for client in opened:
        client.close()


def request(operator: str = "softmax") -> CallRequest:
    return CallRequest(operator, (TensorArg.of(torch.ones(2, 4)),))


def test_a_package_with_relative_imports(tmp_path: Path, open_target: Open) -> None:
    package = tmp_path / "some_kernels"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner import softmax\n__version__ = '1.2'\n")
    (package / "inner" / "__init__.py").write_text("from ..rows import softmax\n")
    (package / "rows.py").write_text(SOFTMAX)
    client = open_target(str(package))
    description = client.describe()
    assert description.name == "some_kernels"
    assert description.versions["some_kernels"] == "1.2"
    assert client.call(request()).outcome is ReplyOutcome.RETURNED
    inside = open_target(str(package / "inner" / "__init__.py"))
    assert set(inside.describe().operators) == {"softmax"}


def test_a_module_of_the_working_directory(
    tmp_path: Path, open_target: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here_it_is.py").write_text("from beside import softmax\n")
    (tmp_path / "beside.py").write_text(SOFTMAX)
    monkeypatch.chdir(tmp_path)
    assert set(open_target("here_it_is").describe().operators) == {"softmax"}


def test_a_file_is_in_sys_modules_before_it_runs(tmp_path: Path, open_target: Open) -> None:
    file = tmp_path / "registered.py"
    file.write_text(
        "import sys\nassert sys.modules[__name__].__name__ == 'registered'\n"
        "from dataclasses import dataclass\n\n@dataclass\nclass Row:\n    size: 'int'\n\n" + SOFTMAX
    )
    assert open_target(str(file)).describe().file == str(file)


def test_a_name_that_would_shadow_a_loaded_module(tmp_path: Path, open_target: Open) -> None:
    file = tmp_path / "torch.py"
    file.write_text(SOFTMAX)
    with pytest.raises(ConformError, match="hint: rename it, for example my_torch") as caught:
        open_target(str(file)).describe()
    assert caught.value.slug == "target-name-clash"


def test_a_file_called_like_the_package_that_it_imports(tmp_path: Path, open_target: Open) -> None:
    path = tmp_path / "hypothetical.py"
    path.write_text("from hypothetical.layers import norm\n")
    with pytest.raises(ConformError, match=r"hypothetical\.py hides the package of that name"):
        open_target(str(path)).describe()


def test_a_syntax_error_shows_the_line(tmp_path: Path, open_target: Open) -> None:
    file = tmp_path / "unparsable.py"
    file.write_text("def softmax(x)\n    return x\n")
    with pytest.raises(ConformError, match=r"unparsable\.py\", line 1") as caught:
        open_target(str(file)).describe()
    assert caught.value.slug == "target-import"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there(tmp_path: Path, open_target: Open) -> None:
    file = tmp_path / "on_a_gpu.py"
    file.write_text('CONFORM = {"device": "cuda"}\n' + SOFTMAX)
    with pytest.raises(ConformError, match="finds no CUDA device here") as caught:
        open_target(str(file)).describe()
    assert (caught.value.slug, caught.value.exit_code) == ("device-missing", 2)
    assert open_target(str(file), device="cpu").describe().device == "cpu"


def test_the_kernels_load(zygote: Zygote) -> None:
    pytest.importorskip("triton")
    dora = OperatorSignature("dora_linear", ("x", "W0", "A", "B", "magnitude"), {"alpha": 1.0})
    client = WorkerClient(parse_target("kernels"), operators=(*OPERATORS, dora), zygote=zygote)
    description = client.describe()
    client.close()
    assert set(description.operators) == {"softmax", "gelu", "dora_linear"}
    assert dict(description.operators["dora_linear"].conventions) == {"dora_gradient": "exact"}
    assert description.device == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_reference_loads(open_target: Open) -> None:
    description = open_target("reference").describe()
    assert set(description.operators) == {"softmax", "gelu"}
    assert description.dtypes == ("float64", "float32", "bfloat16", "float16")


EXTERNAL = Path(__file__).parents[2] / "examples" / "external" / "numpy_target.py"


def test_another_process_describes_itself_and_answers(open_target: Open) -> None:
    client = open_target(f"exec:{sys.executable} {EXTERNAL}")
    about = client.describe()
    assert (about.name, about.dtypes) == ("numpy-in-a-process", ("float64", "float32"))
    x = torch.tensor([[0.0, 0.0], [1.0, -1.0]])
    reply = client.call(CallRequest("softmax", (TensorArg.of(x),)))
    assert reply.outcome is ReplyOutcome.RETURNED
    assert torch.allclose(reply.results[0], torch.softmax(x, -1))


def test_another_process_leaves_no_files(
    open_target: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    client = open_target(f"exec:{sys.executable} {EXTERNAL}")
    client.call(CallRequest("softmax", (TensorArg.of(torch.ones(2, 3)),)))
    assert list(tmp_path.glob("*/*/in.safetensors"))
    client.close()
    assert list(tmp_path.iterdir()) == []


def test_an_external_error_is_the_targets(open_target: Open) -> None:
    client = open_target(f"exec:{sys.executable} {EXTERNAL}")
    reply = client.call(CallRequest("softmax", (ScalarArg(3),)))
    assert reply.outcome is ReplyOutcome.RAISED
    assert reply.exception is not None
    assert "int" in reply.exception.message


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/no/such/command", "cannot start"),
        (f"{sys.executable} -c pass", "does not describe itself"),
        (f"{sys.executable} -c print(1)", "expected a JSON object"),
    ],
)
def test_a_command_that_does_not_play_is_told(open_target: Open, command: str, words: str) -> None:
    with pytest.raises(ConformError, match=words) as caught:
        open_target(f"exec:{command}").describe()
    assert caught.value.slug == "target-exec"


def test_smoke_tells_what_each_operator_answers(tmp_path: Path, open_target: Open) -> None:
    file = tmp_path / "half_done.py"
    file.write_text(SOFTMAX + "\ndef gelu(x):\n    raise ValueError('not yet')\n")

    def plain(claim: OperatorClaim, description: TargetDescription) -> CallRequest | None:
        return request(claim.operator)

    description, lines = smoke(open_target(str(file)), plain)
    assert description.name == "half_done"
    assert [(line.operator, line.answered, line.note) for line in lines] == [
        ("softmax", True, "returned float32[2, 4]"),
        ("gelu", False, "raised ValueError: not yet"),
    ]
