"""The model domain of the reference against printed figures and brute force."""

import math

import pytest
import torch

from conform_reference import model
from conform_reference._power_norm import power_norm
from conform_reference._rope_score import rope_score


def weights(layers, width, hidden, matrices=4):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64) / math.sqrt(shape[-2])

    return (
        draw(layers, matrices, width, width),
        draw(layers, width, hidden),
        draw(layers, hidden, width),
    )


def decoder(vocabulary=7, width=4, positions=6, layers=2):
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(vocabulary, width, generator=generator, dtype=torch.float64)
    places = torch.randn(positions, width, generator=generator, dtype=torch.float64)
    gamma = torch.ones(2 * layers + 1, width, dtype=torch.float64)
    return table, places, *weights(layers, width, 8), gamma, 0 * gamma


def test_published_counts():
    assert (
        model.gpt_parameters(
            layers=12, width=768, vocabulary=40478, positions=512, final_norm=False
        )
        == 116534784
    )
    assert model.bert_parameters(layers=24, width=1024, vocabulary=30522) == 335141888
    assert (
        model.llama_parameters(layers=32, width=4096, heads=32, hidden=11008, vocabulary=32000)
        == 6738415616
    )
    assert (
        model.encoder_decoder_parameters(
            layers=6, width=512, heads=8, hidden=2048, vocabulary=37000
        )
        == 62984192
    )
    assert [model.glu_hidden_width(d) for d in (4096, 5120, 6656, 8192)] == [
        11008,
        13824,
        17920,
        22016,
    ]


def test_opt_350m_has_a_projected_table():
    total = model.gpt_parameters(
        layers=24,
        width=1024,
        vocabulary=50272,
        positions=2050,
        final_norm=False,
        embedding_width=512,
    )
    assert total == 331196416


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: model.attention_parameters(width=512, heads=6), "heads=6"),
        (lambda: model.attention_parameters(width=512, heads=8, kv_heads=3), "kv_heads=3"),
        (lambda: model.ffn_parameters(width=0, hidden=4), "width=0"),
        (lambda: model.ffn_parameters(width=4, hidden=4, matrices=5), "matrices=5"),
        (lambda: model.glu_hidden_width(-1), "width=-1"),
        (lambda: model.glu_hidden_width(8, multiplier=0.0), "multiplier=0.0"),
        (
            lambda: model.gpt_parameters(layers=1.5, width=4, vocabulary=4, positions=4),
            "layers=1.5",
        ),
        (
            lambda: model.llama_parameters(
                layers=1, width=4, heads=1, hidden=4, vocabulary=4, experts=2, top_k=3
            ),
            "top_k=3",
        ),
        (lambda: model.prefix_lm_mask(3, 4), "prefix=4"),
        (lambda: model.chunked_causal_mask(3, 0), "chunk=0"),
        (lambda: model.encoder_decoder_mask(-1, 2), "S=-1"),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_masks_small():
    assert model.prefix_lm_mask(3, 2).tolist() == [[1, 1, 0], [1, 1, 0], [1, 1, 1]]
    assert model.chunked_causal_mask(4, 2).int().tolist() == [
        [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1],
    ]  # fmt: skip
    assert model.encoder_decoder_mask(1, 2).int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_decoder_is_causal_and_refuses_long_texts():
    given = decoder()
    tokens = torch.tensor([[1, 2, 3, 4]])
    whole = model.decoder_only(tokens, *given, heads=2)
    torch.testing.assert_close(model.decoder_only(tokens[:, :2], *given, heads=2), whole[:, :2])
    with pytest.raises(ValueError, match=r"positions.shape\[0\]=6"):
        model.decoder_only(torch.zeros(1, 7, dtype=torch.int64), *given, heads=2)
    with pytest.raises(ValueError, match="heads=3"):
        model.decoder_only(tokens, *given, heads=3)
    with pytest.raises(ValueError, match=r"attn\.shape"):
        model.decoder_only(tokens, *given[:2], given[2][:, :3], *given[3:], heads=2)


def test_greedy_by_hand():
    given, text = decoder(), torch.tensor([[1, 2]])
    for _ in range(3):
        best = model.decoder_only(text, *given, heads=2)[:, -1].argmax(-1, keepdim=True)
        text = torch.cat([text, best], 1)
    assert torch.equal(model.generate_greedy(text[:, :2], *given, heads=2, steps=3), text[:, 2:])
    # The last new token is never read: 6 positions are enough for 2 + 5.
    assert model.generate_greedy(text[:, :2], *given, heads=2, steps=5).shape == (1, 5)
    with pytest.raises(ValueError, match="steps=6"):
        model.generate_greedy(text[:, :2], *given, heads=2, steps=6)


def test_encoder_decoder_dependence_is_the_mask():
    S, T, E = 3, 4, 4
    generator = torch.Generator().manual_seed(2)
    both = torch.randn(1, S + T, E, generator=generator, dtype=torch.float64)
    given = (*weights(2, E, 8), *weights(2, E, 8, 8))
    jacobian = torch.autograd.functional.jacobian(
        lambda x: torch.cat(model.encoder_decoder(x[:, :S], x[:, S:], *given, heads=2), 1), both
    )
    reach = jacobian.abs().sum((0, 2, 3, 5)) > 0
    assert torch.equal(reach, model.encoder_decoder_mask(S, T))


def test_window_stack_reaches_as_far_as_the_formula():
    from conform_reference.efficient import effective_context

    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1, 12, 4, generator=generator, dtype=torch.float64)
    attn = weights(3, 4, 8)[0]
    jacobian = torch.autograd.functional.jacobian(
        lambda y: model.sliding_window_stack(y, attn, window=3)[:, -1], x
    )
    reached = (jacobian.abs().sum((0, 1, 2, 4)) > 0).nonzero()
    assert 12 - int(reached.min()) == effective_context(3, 3) == 7


def test_llama_does_not_see_where_it_starts():
    generator = torch.Generator().manual_seed(4)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64) / 2

    given = (
        draw(9, 4), draw(2, 4, 8), draw(2, 4, 4), draw(2, 4, 4), draw(2, 8, 4), draw(2, 4, 6),
        draw(2, 4, 6), draw(2, 6, 4), draw(5, 4), draw(4, 9),
    )  # fmt: skip
    tokens = torch.tensor([[3, 1, 4]])
    first = model.llama_decoder(tokens, *given, heads=2, kv_heads=1)
    torch.testing.assert_close(
        model.llama_decoder(tokens, *given, heads=2, kv_heads=1, start=9), first
    )
    with pytest.raises(ValueError, match="kv_heads=3"):
        model.llama_decoder(tokens, *given, heads=2, kv_heads=3)
    with pytest.raises(ValueError, match="start=-1"):
        model.llama_decoder(tokens, *given, heads=2, kv_heads=1, start=-1)


def test_mlm_mask_shares():
    tokens = torch.full((500, 200), 5)
    special = torch.zeros(500, 200, dtype=torch.bool)
    special[:, 0] = True
    given, labels = model.mlm_mask(tokens, special, mask_token=1, vocabulary=1000, seed=0)
    selected = labels != -100
    assert not selected[:, 0].any()
    assert abs(float(selected[:, 1:].double().mean()) - 0.15) < 0.005
    assert abs(float((given[selected] == 1).double().mean()) - 0.8) < 0.03
    assert torch.equal(given[~selected], tokens[~selected])
    with pytest.raises(ValueError, match="rate=2"):
        model.mlm_mask(tokens, special, mask_token=1, vocabulary=9, rate=2, seed=0)
    with pytest.raises(ValueError, match=r"special\.shape"):
        model.mlm_mask(tokens, special[:1], mask_token=1, vocabulary=9, seed=0)


def test_input_embedding_scales_the_words_alone():
    table, positions = torch.eye(4), torch.ones(3, 4)
    out = model.input_embedding(torch.tensor([[2, 0]]), table, positions, scaled=True)
    assert out.tolist() == [[[1, 1, 3, 1], [3, 1, 1, 1]]]
    with pytest.raises(ValueError, match=r"tokens.shape\[1\]=4"):
        model.input_embedding(torch.zeros(1, 4, dtype=torch.int64), table, positions)


def test_power_norm_keeps_the_mean():
    x = torch.tensor([[[3.0], [4.0]]])
    out = power_norm(x, torch.ones(1), torch.zeros(1), eps=0.0)
    torch.testing.assert_close(out, x / math.sqrt(12.5))
    with pytest.raises(ValueError, match=r"gamma\.shape"):
        power_norm(x, torch.ones(2), torch.zeros(1))


def test_rope_score_exceeds_the_papers_closed_bound():
    theta = 10000.0 ** (-torch.arange(64, dtype=torch.float64) / 64)
    q = torch.cat([torch.cos(theta / 2), -torch.sin(theta / 2)])[None]
    k = torch.cat([torch.ones(64), torch.zeros(64)]).double()[None]
    a, b, c = (float(rope_score(q, k, torch.tensor([s]).double())) for s in (0.0, 0.5, 1.0))
    closed = 128 * 0.25 / (8 * math.log(10000))
    assert 1.13 < abs(b - (a + c) / 2) / closed < 1.15
    assert abs(b - (a + c) / 2) < float((theta**2).sum()) / 8
    with pytest.raises(ValueError, match="scaling=0"):
        rope_score(q, k, torch.zeros(1), scaling=0)
