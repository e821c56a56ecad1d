"""conformer: Swish, the feed-forward, the convolution module (batch norm folded), the block."""

import torch
from conformer import conformer as library
from torch.func import functional_call

CONFORM = {
    "name": "conformer-lucidrains",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "swish": {"rounding": "every-step"},  # x * sigmoid(x), in two steps
        "feed_forward": {"limits": {"activation": ["swish"]}},
        "conformer_conv": {"fixed": {"lengths": None}},
    },
}


def swish(x):
    return library.Swish()(x)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    with torch.device("meta"):  # no initial weights, no random numbers drawn
        layer = library.FeedForward(W1.shape[0]).eval()
    weights = {"net.0.weight": W1.T, "net.0.bias": b1, "net.3.weight": W2.T, "net.3.bias": b2}
    return functional_call(layer, weights, x)


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, eps=1e-5):
    e, zero = x.shape[-1], x.new_zeros
    with torch.device("meta"):
        layer = library.ConformerConvModule(e, expansion_factor=1, kernel_size=kernel.shape[1])
    layer.net[0].eps, layer.net[5].eps = eps, 0.0
    weights = {
        "0.weight": gamma, "0.bias": beta, "2.weight": W1.T[..., None], "2.bias": zero(2 * e),
        "4.conv.weight": kernel[:, None], "4.conv.bias": zero(e), "5.weight": scale,
        "5.bias": shift, "5.running_mean": zero(e), "5.running_var": x.new_ones(e),
        "7.weight": W2.T[..., None], "7.bias": zero(e),
    }  # fmt: skip
    return functional_call(layer.net.eval(), weights, x)


class _Branch(torch.nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x, **_):
        return self.branch(x)


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-5):
    with torch.device("meta"):
        block = library.ConformerBlock(dim=x.shape[-1]).eval()
    block.ff1, block.ff2 = (library.Scale(0.5, _Branch(f)) for f in (ffn1, ffn2))
    block.attn, block.conv = _Branch(attention), _Branch(conv)
    block.post_norm.eps = eps
    return functional_call(block, {"post_norm.weight": gamma, "post_norm.bias": beta}, x)
