"""torch.nn.RNN, RNNCell, LSTM and LSTMCell; half of the bias in each of their two."""

import torch
from torch import nn
from torch.func import functional_call

CONFORM = {
    "name": "torch-recurrent",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
}


def run(kind, Wx, Wh, b, *inputs, suffix="", **options):
    gates = 4 if "LSTM" in kind else 1
    with torch.device("meta"):
        module = getattr(nn, kind)(len(Wx), Wh.shape[1] // gates, **options)
    named = {"weight_ih": Wx.T, "weight_hh": Wh.T, "bias_ih": b / 2, "bias_hh": b / 2}
    return functional_call(module, {k + suffix: w for k, w in named.items()}, inputs)


def rnn_step(x, h, Wx, Wh, b):
    return run("RNNCell", Wx, Wh, b, x, h)


def rnn(x, h0, Wx, Wh, b):
    return run("RNN", Wx, Wh, b, x, h0[None], suffix="_l0", batch_first=True)[0]


def lstm_cell(x, h, c, Wx, Wh, b):
    return run("LSTMCell", Wx, Wh, b, x, (h, c))


def lstm(x, h0, c0, Wx, Wh, b):
    states, (_, c) = run("LSTM", Wx, Wh, b, x, (h0[None], c0[None]), suffix="_l0", batch_first=True)
    return states, c[0]
