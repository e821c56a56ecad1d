"""The block reference against torch's own layers."""

import pytest
import torch

from conform_reference import block

D = torch.float64
SHAPES = {
    "Wq": (8, 8), "Wk": (8, 8), "Wv": (8, 8), "Wo": (8, 8), "W1": (8, 12), "b1": (12,),
    "W2": (12, 8), "b2": (8,), "gamma1": (8,), "beta1": (8,), "gamma2": (8,), "beta2": (8,),
}  # fmt: skip


def weights(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    named = shapes or SHAPES
    return {n: 0.5 * torch.randn(s, generator=generator, dtype=D) for n, s in named.items()}


def fill_attention(mha: torch.nn.MultiheadAttention, q, k, v, o) -> None:
    mha.in_proj_weight.data = torch.cat([q.T, k.T, v.T])
    mha.in_proj_bias.data.zero_()
    mha.out_proj.weight.data = o.T
    mha.out_proj.bias.data.zero_()


def fill_rest(layer: torch.nn.Module, w: dict[str, torch.Tensor], norms: int) -> None:
    layer.linear1.weight.data, layer.linear1.bias.data = w["W1"].T, w["b1"]
    layer.linear2.weight.data, layer.linear2.bias.data = w["W2"].T, w["b2"]
    for n in range(1, norms + 1):
        norm = getattr(layer, f"norm{n}")
        norm.weight.data, norm.bias.data = w[f"gamma{n}"], w[f"beta{n}"]


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_block_is_torchs_encoder_layer(norm: str, causal: bool) -> None:
    w = weights()
    layer = torch.nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm == "pre", dtype=D
    )
    fill_attention(layer.self_attn, w["Wq"], w["Wk"], w["Wv"], w["Wo"])
    fill_rest(layer, w, 2)
    x = torch.randn(2, 5, 8, dtype=D)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    got = block.transformer_block(x, *w.values(), heads=2, causal=causal, norm=norm)
    torch.testing.assert_close(got, layer(x, src_mask=mask))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_decoder_block_is_torchs_decoder_layer(norm: str) -> None:
    cross = {"Cq": (8, 8), "Ck": (8, 8), "Cv": (8, 8), "Co": (8, 8)}
    third = {"gamma3": (8,), "beta3": (8,)}
    names = list(SHAPES.items())
    w = weights(**dict(names[:4]), **cross, **dict(names[4:]), **third)
    layer = torch.nn.TransformerDecoderLayer(
        8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm == "pre", dtype=D
    )
    fill_attention(layer.self_attn, w["Wq"], w["Wk"], w["Wv"], w["Wo"])
    fill_attention(layer.multihead_attn, w["Cq"], w["Ck"], w["Cv"], w["Co"])
    fill_rest(layer, w, 3)
    x, memory = torch.randn(2, 5, 8, dtype=D), torch.randn(2, 3, 8, dtype=D)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
    got = block.decoder_block(x, memory, *w.values(), heads=2, norm=norm)
    torch.testing.assert_close(got, layer(x, memory, tgt_mask=mask))


def test_a_stack_ends_in_a_norm() -> None:
    w = {n: t.unsqueeze(0) for n, t in weights().items()}
    x, one, none = torch.randn(1, 3, 8, dtype=D), torch.ones(8, dtype=D), torch.zeros(8, dtype=D)
    y = block.pre_norm_stack(x, *w.values(), one, none, heads=2)
    assert y.mean(-1).abs().max() < 1e-12
    torch.testing.assert_close(y.square().mean(-1), torch.ones(1, 3, dtype=D), atol=1e-3, rtol=0)


def test_adapters_that_add_nothing_leave_the_block() -> None:
    w = weights()
    x = torch.randn(1, 3, 8, dtype=D)
    shapes = ((2, 8, 3), (2, 3), (2, 3, 8), (2, 8))
    down, bias, up, out = (torch.zeros(s, dtype=D) for s in shapes)
    got = block.adapter_block(x, *w.values(), down + 1, bias + 1, up, out, heads=2)
    assert torch.equal(got, block.transformer_block(x, *w.values(), heads=2, norm="post"))


def test_the_key_bias_of_a_bert_block_is_inert_and_the_value_bias_passes() -> None:
    x = torch.randn(1, 4, 8, dtype=D)
    w = weights(Wq=(8, 8), bq=(8,), Wk=(8, 8), bk=(8,), Wv=(8, 8), bv=(8,))
    base = block.biased_attention(x, *w.values(), heads=2)
    moved = block.biased_attention(x, *(w | {"bk": w["bk"] + 3}).values(), heads=2)
    torch.testing.assert_close(moved, base)
    moved = block.biased_attention(x, *(w | {"bv": w["bv"] + 3}).values(), heads=2)
    torch.testing.assert_close(moved, base + 3)


def test_block_counts() -> None:
    assert block.block_parameter_count(width=768) == 7087872
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12)
    count = sum(p.numel() for p in layer.parameters())
    assert block.block_parameter_count(width=8, feed_forward=12) == count


def test_what_does_not_fit_is_refused() -> None:
    w = list(weights().values())
    x = torch.zeros(1, 3, 8, dtype=D)
    with pytest.raises(ValueError, match="heads=3"):
        block.transformer_block(x, *w, heads=3)
    with pytest.raises(ValueError, match="did you mean 'post'"):
        block.transformer_block(x, *w, heads=2, norm="posts")
    with pytest.raises(ValueError, match="width=-1"):
        block.block_parameter_count(width=-1)
    one = [torch.zeros(1, *s, dtype=D) for s in ((8, 3), (3,), (3, 8), (8,))]
    with pytest.raises(ValueError, match="number of adapters"):
        block.adapter_block(x, *w, *one, heads=2)
