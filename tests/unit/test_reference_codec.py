"""The codec reference against brute force, and its straight-through gradient."""

import pytest
import torch

from conform_reference import codec


def test_nearest_by_brute_force():
    g = torch.Generator().manual_seed(0)
    x, book = torch.randn(3, 5, 4, generator=g), torch.randn(9, 4, generator=g)
    index, quantized = codec.vector_quantize(x, book)
    assert torch.equal(index, torch.cdist(x, book.expand(3, -1, -1)).argmin(-1))
    assert torch.equal(quantized, book[index])


def test_gradient_is_copied_and_the_book_gets_none():
    x = torch.randn(2, 3, requires_grad=True)
    book = torch.randn(4, 3, requires_grad=True)
    c = torch.randn(2, 3)
    (codec.vector_quantize(x, book)[1] * c).sum().backward()
    assert torch.equal(x.grad, c)
    assert book.grad is None


def test_residual_stages_write_a_number():
    digits = torch.arange(5.0).reshape(-1, 1) - 2
    books = torch.stack([25 * digits, 5 * digits, digits])
    index, total = codec.residual_vector_quantize(torch.tensor([[37.0]]), books)
    assert index.tolist() == [[3, 4, 4]]
    assert float(total) == 37.0


def test_latents_fix_the_length():
    x, latents, w = torch.randn(2, 9, 4), torch.randn(3, 4), torch.eye(4)
    index, rows = codec.latent_tokenizer(x, latents, w, w, w, torch.randn(6, 4))
    assert index.shape == (2, 3)
    assert rows.shape == (2, 3, 4)


def test_scales_and_video():
    mask = codec.next_scale_mask(torch.tensor([0, 1, 5]))
    assert mask.sum(-1).tolist() == [1, 5, 5, 5, 5]
    assert codec.video_token_count(17, 256, 256) == 5120
    assert codec.video_token_count(1, 256, 256) == 1024


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: codec.vector_quantize(torch.ones(2, 3), torch.ones(4, 2)), "width"),
        (lambda: codec.vector_quantize(torch.ones(2, 3), torch.ones(0, 3)), "codebook entries=0"),
        (lambda: codec.next_scale_mask(torch.tensor([0, 3, 2])), "offsets"),
        (lambda: codec.video_token_count(3, 8, 8), "temporal=4"),
        (lambda: codec.video_token_count(0, 8, 8), "frames=0"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
