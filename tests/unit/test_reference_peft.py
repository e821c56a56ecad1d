"""The parameter-efficient reference against small sums, brute force and the decks' numbers."""

import pytest
import torch

from conform_reference import peft

D = torch.float64


def tensors(*shapes: tuple[int, ...], seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=D) for shape in shapes]


def test_an_adapter_adds_what_its_bottleneck_makes() -> None:
    one = torch.ones(1, 1, dtype=D)
    h = torch.tensor([[3.0], [-3.0]], dtype=D)
    y = peft.adapter(h, 2 * one, one[0], 0.5 * one, one[0])
    assert y.tolist() == [[3 + 0.5 * 7 + 1], [-3 + 1]]


def test_a_parallel_adapter_reads_the_sublayer_input() -> None:
    x, h, Wd, bd, Wu, bu = tensors((2, 4), (2, 4), (4, 3), (3,), (3, 4), (4,))
    y = peft.parallel_adapter(x, h, Wd, bd, Wu, bu, scaling=2.0)
    torch.testing.assert_close(y, h + 2 * (torch.relu(x @ Wd + bd) @ Wu + bu))


def test_ia3_scales_the_biased_output_and_the_activated_units() -> None:
    x, W, b, s = tensors((2, 3), (4, 3), (4,), (4,))
    torch.testing.assert_close(peft.ia3_linear(x, W, b, s), x @ (s[:, None] * W).T + s * b)
    W1, b1, W2, b2, t = tensors((3, 5), (5,), (5, 3), (3,), (5,), seed=1)
    wanted = torch.relu(x @ W1 + b1) @ (t[:, None] * W2) + b2
    torch.testing.assert_close(peft.ia3_feed_forward(x, W1, b1, W2, b2, t), wanted)


def test_a_prefix_of_zeros_scales_the_tokens_down() -> None:
    q, k, v = tensors((1, 1, 3, 4), (1, 1, 5, 4), (1, 1, 5, 4))
    zero = torch.zeros(1, 2, 4, dtype=D)
    total = torch.exp(q @ k.transpose(-1, -2) / 2).sum(-1, keepdim=True)
    base = torch.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v
    got = peft.prefix_attention(q, k, v, zero, zero)
    torch.testing.assert_close(got, total / (2 + total) * base)


def test_every_query_sees_the_prefix_and_no_later_token() -> None:
    q, k, v, pk, pv = tensors((1, 2, 4, 4), (1, 1, 4, 4), (1, 1, 4, 4), (2, 3, 4), (2, 3, 4))
    for h in range(2):
        for i in range(4):
            keys = torch.cat([pk[h], k[0, 0, : i + 1]])
            values = torch.cat([pv[h], v[0, 0, : i + 1]])
            wanted = torch.softmax(q[0, h, i] @ keys.T / 2, -1) @ values
            got = peft.prefix_attention(q, k, v, pk, pv, causal=True)[0, h, i]
            torch.testing.assert_close(got, wanted)


def test_gated_prompts_have_a_softmax_of_their_own() -> None:
    q, k, v, pk, pv = tensors((1, 1, 2, 4), (1, 1, 2, 4), (1, 1, 2, 4), (1, 3, 4), (1, 3, 4))
    gate = torch.tensor([0.7], dtype=D)
    ones, one = torch.ones_like(v), torch.ones_like(pv)
    got = peft.llama_adapter_attention(q, k, ones, pk, one, gate)
    assert got.flatten().tolist() == pytest.approx([1.604367777] * 8)
    closed = peft.llama_adapter_attention(q, k, v, pk, pv, 0 * gate)
    torch.testing.assert_close(
        closed, peft.prefix_attention(q, k, v, pk[:, :0], pv[:, :0], causal=True)
    )


def test_only_the_top_layers_are_adapted() -> None:
    x, prompts = tensors((1, 3, 4), (1, 2, 4))
    weights = tensors((3, 4, 4), (3, 4, 4), (3, 4, 4), (3, 4, 4), seed=2)
    gates = torch.ones(1, 2, dtype=D)
    states = peft.llama_adapter_states(x, prompts, gates, *weights, heads=2)
    base = peft.llama_adapter_states(x, prompts, 0 * gates, *weights, heads=2)
    assert torch.equal(states[:2], base[:2])
    assert not torch.allclose(states[2], base[2])


def test_the_prefix_layout_is_layer_then_key_and_value_then_head() -> None:
    seeds, W1, b1, W2 = torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1), torch.zeros(1, 16)
    keys, values = peft.prefix_encoder(seeds, W1, b1, W2, torch.arange(16.0), layers=2, heads=2)
    assert keys[:, :, 0].tolist() == [[[0, 1], [2, 3]], [[8, 9], [10, 11]]]
    assert values[:, :, 0].tolist() == [[[4, 5], [6, 7]], [[12, 13], [14, 15]]]


def test_prompts_take_their_places() -> None:
    table, prompt = torch.arange(4.0).reshape(4, 1), torch.tensor([[10.0], [11.0]])
    template = torch.tensor([[5, 1, 4, 3]])
    placed = peft.p_tuning_embedding(template, table, prompt)
    assert placed.flatten().tolist() == [11, 1, 10, 3]
    x = torch.zeros(2, 1, 1)
    assert peft.prompt_tuning(x, prompt).flatten().tolist() == [10, 11, 0, 10, 11, 0]
    mixed = peft.mixed_prompts(x, torch.stack([prompt, -prompt]), torch.tensor([1, 0]))
    assert mixed.flatten().tolist() == [-10, -11, 0, 10, 11, 0]
    tokens = torch.tensor([[[1.0], [2.0], [3.0], [4.0]]])
    assert peft.visual_prompt(tokens, prompt).flatten().tolist() == [1, 10, 11, 2, 3, 4]
    replaced = peft.visual_prompt(tokens, prompt, replace=True)
    assert replaced.flatten().tolist() == [1, 10, 11, 4]


def test_multitask_prompts_are_modulated_by_a_rank_one_matrix() -> None:
    prompt, u, v = tensors((3, 4), (2, 3), (2, 4))
    got = peft.multitask_prompt(prompt, u, v, torch.tensor([1]))
    torch.testing.assert_close(got[0], torch.diag(u[1]) @ prompt @ torch.diag(v[1]))


def test_the_lstm_encoder_is_that_of_torch() -> None:
    lstm = torch.nn.LSTM(3, 2, bidirectional=True, batch_first=True, dtype=D)
    seeds, W1, b1, W2, b2 = tensors((5, 3), (4, 6), (6,), (6, 3), (3,))
    weights = []
    for tail in ("", "_reverse"):
        weights += [getattr(lstm, f"weight_{kind}_l0{tail}").detach().T for kind in ("ih", "hh")]
        biases = (getattr(lstm, f"bias_{kind}_l0{tail}").detach() for kind in ("ih", "hh"))
        weights.append(sum(biases))
    states = lstm(seeds.unsqueeze(0))[0][0].detach()
    wanted = torch.relu(states @ W1 + b1) @ W2 + b2
    torch.testing.assert_close(peft.lstm_prompt_encoder(seeds, *weights, W1, b1, W2, b2), wanted)


def test_counts_of_the_decks() -> None:
    assert peft.prompt_parameter_count(length=20, width=12288) == 245760
    assert peft.multitask_prompt_parameter_count(length=100, width=768) == 77668
    assert peft.prefix_parameter_count(layers=24, length=10, width=1024) == 491520
    assert peft.adapter_parameter_count(width=1024, bottleneck=24) == 50200
    assert peft.adapter_parameter_count(width=1024, bottleneck=24, biases=False) == 49152
    assert peft.adapter_flops(tokens=1, width=768, bottleneck=64, adapters=24) == 4718592
    assert peft.bitfit_parameter_count(layers=12, width=768) == 102912
    sizes = {"layers": 30, "length": 10, "width": 4096}
    assert peft.llama_adapter_parameter_count(**sizes, gates=32) == 1229760


def test_bitfit_counts_the_biases_of_a_real_layer() -> None:
    layer = torch.nn.TransformerEncoderLayer(8, 2, 32)
    names = peft.bitfit_parameters(layer.named_parameters(), head=None)
    assert "self_attn.in_proj_bias" not in names
    assert len(names) == 5
    found = sum(p.numel() for n, p in layer.named_parameters() if n in names)
    assert found + 3 * 8 == 11 * 8  # the fused projection's bias has a name of its own
    assert peft.bitfit_parameters(layer.named_parameters(), head="linear1") - names == {
        "linear1.weight"
    }


def test_frozen_numbers_survive_infinite_gradients() -> None:
    theta = torch.tensor([1.0, 2.0])
    moved = peft.fine_tune_step(
        theta, torch.tensor([torch.inf, 1.0]), torch.tensor([False, True]), learning_rate=0.5
    )
    assert moved.tolist() == [1.0, 1.5]


def test_what_does_not_fit_is_refused() -> None:
    x = torch.zeros(1, 2, 4)
    with pytest.raises(ValueError, match=r"Wup\.shape"):
        peft.adapter(x, torch.zeros(4, 3), torch.zeros(3), torch.zeros(4, 3), torch.zeros(4))
    with pytest.raises(ValueError, match="same shape"):
        peft.unified_delta(x, x[:, :1], torch.zeros(4, 3), torch.zeros(3, 4), torch.zeros(1))
    with pytest.raises(ValueError, match="did you mean 'gated'"):
        peft.unified_delta(
            x, x, torch.zeros(4, 3), torch.zeros(3, 4), torch.zeros(1), composition="gate"
        )
    with pytest.raises(ValueError, match="width"):
        peft.prompt_tuning(x, torch.zeros(2, 3))
    q, p = torch.zeros(1, 2, 3, 4), torch.zeros(1, 3, 4)
    with pytest.raises(ValueError, match=r"pk.shape\[0\]=1"):
        peft.prefix_attention(q, q, q, p, p)
    with pytest.raises(ValueError, match="bottleneck=0"):
        peft.adapter_parameter_count(width=4, bottleneck=0)
    with pytest.raises(ValueError, match="exchange the two"):
        peft.trainable_fraction(trainable=3, total=2)
    with pytest.raises(ValueError, match="divide"):
        peft.prefix_encoder(
            torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1), torch.zeros(1, 6),
            torch.zeros(6), layers=2, heads=1,
        )  # fmt: skip
