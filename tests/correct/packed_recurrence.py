"""Bidirectional nets over packed sequences; LSTM by torch.lstm, one of its biases zero."""

import torch
from torch import nn
from torch.func import functional_call

CONFORM = {"dtypes": ["float32"]}


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    B, L, width = x.shape
    H = Wh.shape[0]
    with torch.device("meta"):
        net = nn.RNN(width, H, batch_first=True, bidirectional=True)
    zero = torch.zeros_like(b)
    w = {
        "weight_ih_l0": Wx.T,
        "weight_hh_l0": Wh.T,
        "bias_ih_l0": b,
        "bias_hh_l0": zero,
        "weight_ih_l0_reverse": Wx_back.T,
        "weight_hh_l0_reverse": Wh_back.T,
        "bias_ih_l0_reverse": b_back,
        "bias_hh_l0_reverse": zero,
    }
    n = torch.full((B,), L) if lengths is None else lengths
    rows = torch.nonzero(n > 0)[:, 0]
    out = x.new_zeros(B, L, 2 * H)
    if len(rows) == 0:
        return out
    packed = nn.utils.rnn.pack_padded_sequence(
        x[rows], n[rows], batch_first=True, enforce_sorted=False
    )
    y, _ = functional_call(net, w, (packed,))
    y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=L)
    return out.index_copy(0, rows, y)


def lstm(x, h0, c0, Wx, Wh, b):
    y, _h, c = torch.lstm(
        x,
        (h0[None], c0[None]),
        (Wx.T, Wh.T, b, torch.zeros_like(b)),
        True,
        1,
        0.0,
        False,
        False,
        True,
    )
    return y, c[0]
