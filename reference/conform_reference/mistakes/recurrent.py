"""Wrong relatives of recurrent networks and of convolutions over text."""

from typing import Any

import torch
from torch import Tensor

from conform_reference import recurrent as right
from conform_reference._check import compute_dtype

Pair = tuple[Tensor, Tensor]


def rnn_reset(x: Tensor, h0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Tensor:
    """The state is reset at the start of every chunk of two tokens."""
    parts = [right.rnn(x[:, :2], h0, Wx, Wh, b)]
    parts += [
        right.rnn(x[:, t : t + 2], torch.zeros_like(h0), Wx, Wh, b) for t in range(2, x.shape[1], 2)
    ]
    return torch.cat(parts, 1)


def rnn_shifted(x: Tensor, h0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Tensor:
    """The state before each token is returned."""
    states = right.rnn(x, h0, Wx, Wh, b)
    return torch.cat([h0.unsqueeze(1).to(states.dtype), states[:, :-1]], 1)


def rnn_linear(x: Tensor, h0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Tensor:
    """No tanh between the steps."""
    dtype = compute_dtype(x, h0)
    h, states = h0.to(dtype), []
    for t in range(x.shape[1]):
        h = x[:, t].to(dtype) @ Wx.to(dtype) + h @ Wh.to(dtype) + b.to(dtype)
        states.append(h)
    return torch.stack(states, 1).to(x.dtype)


def _two_runs(x: Tensor, weights: tuple[Tensor, ...]) -> Pair:
    start = x.new_zeros(x.shape[0], weights[1].shape[0])
    return right.rnn(x, start, *weights[:3]), right.rnn(x.flip(1), start, *weights[3:])


def bidirectional_unflipped(x: Tensor, *weights: Tensor, lengths: Tensor | None = None) -> Tensor:
    """The backward run's states are not put back in reading order."""
    if lengths is not None:
        return right.bidirectional_rnn(x, *weights, lengths=lengths)
    return torch.cat(_two_runs(x, weights), -1)


def bidirectional_padding(x: Tensor, *weights: Tensor, lengths: Tensor | None = None) -> Tensor:
    """The backward run begins in the padding."""
    ahead, back = _two_runs(x, weights)
    both = torch.cat([ahead, back.flip(1)], -1)
    if lengths is None:
        return both
    return both * (torch.arange(x.shape[1]) < lengths.unsqueeze(1)).unsqueeze(-1)


def bidirectional_summed(x: Tensor, *weights: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Both halves hold the sum of the directions."""
    both = right.bidirectional_rnn(x, *weights, lengths=lengths)
    ahead, back = both.chunk(2, -1)
    total = ahead + back
    return torch.cat([total, total], -1)


def bidirectional_forward(x: Tensor, *weights: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Both halves are the forward run."""
    ahead = right.bidirectional_rnn(x, *weights, lengths=lengths).chunk(2, -1)[0]
    return torch.cat([ahead, ahead], -1)


def _reordered(order: tuple[int, ...], *inputs: Tensor) -> Pair:
    x, h, c, Wx, Wh, b = inputs
    parts = [torch.cat([W.chunk(4, -1)[i] for i in order], -1) for W in (Wx, Wh, b)]
    return right.lstm_cell(x, h, c, *parts)


def lstm_ifog(*inputs: Tensor) -> Pair:
    """The columns are read as i, f, o, g."""
    return _reordered((0, 1, 3, 2), *inputs)


def lstm_figo(*inputs: Tensor) -> Pair:
    """Input and forget gate change places."""
    return _reordered((1, 0, 2, 3), *inputs)


def _lstm(kind: str, *inputs: Tensor) -> Pair:
    x, h, c, Wx, Wh, b = inputs
    dtype = compute_dtype(*inputs)
    z = x.to(dtype) @ Wx.to(dtype) + h.to(dtype) @ Wh.to(dtype) + b.to(dtype)
    i, f, g, o = z.chunk(4, -1)
    forget = f if kind == "raw forget" else torch.sigmoid(f + (1 if kind == "bias" else 0))
    enter = 1 - forget if kind == "coupled" else torch.sigmoid(i)
    candidate = torch.sigmoid(g) if kind == "sigmoid" else torch.tanh(g)
    cell = forget * c.to(dtype) + enter * candidate
    shown = c.to(dtype) if kind == "old" else cell
    shown = shown if kind == "raw output" else torch.tanh(shown)
    return (torch.sigmoid(o) * shown).to(x.dtype), cell.to(x.dtype)


def lstm_raw_forget(*inputs: Tensor) -> Pair:
    """The forget gate has no sigmoid."""
    return _lstm("raw forget", *inputs)


def lstm_sigmoid_candidate(*inputs: Tensor) -> Pair:
    """The candidate has a sigmoid for its tanh."""
    return _lstm("sigmoid", *inputs)


def lstm_raw_output(*inputs: Tensor) -> Pair:
    """The new state is o c, without tanh."""
    return _lstm("raw output", *inputs)


def lstm_coupled(*inputs: Tensor) -> Pair:
    """The input gate is 1 - f."""
    return _lstm("coupled", *inputs)


def lstm_forget_bias(*inputs: Tensor) -> Pair:
    """A forget bias of 1 is added inside."""
    return _lstm("bias", *inputs)


def lstm_old_cell(*inputs: Tensor) -> Pair:
    """The new state is made from the old cell."""
    return _lstm("old", *inputs)


def lstm_forgets(x: Tensor, h0: Tensor, c0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Pair:
    """The cell starts from zero at every step."""
    h, c, states = h0, c0, []
    for t in range(x.shape[1]):
        h, c = right.lstm_cell(x[:, t], h, c if t == 0 else torch.zeros_like(c), Wx, Wh, b)
        states.append(h)
    return torch.stack(states, 1), c


def lstm_returns_start(x: Tensor, h0: Tensor, c0: Tensor, *weights: Tensor) -> Pair:
    """The cell after the first token is returned for the last."""
    return right.lstm(x, h0, c0, *weights)[0], right.lstm(x[:, :1], h0, c0, *weights)[1]


def recurrence_reads_first(q: Tensor, k: Tensor, v: Tensor, state: Tensor) -> Pair:
    """y_t reads the state before token t is added."""
    y, last = right.linear_recurrence(q, k, v, state)
    own = (q * k).sum(-1, keepdim=True) * v
    return y - own, last


def recurrence_transposed(q: Tensor, k: Tensor, v: Tensor, state: Tensor) -> Pair:
    """The state holds v k^T where the widths allow."""
    if k.shape != v.shape:
        return right.linear_recurrence(q, k, v, state)
    return right.linear_recurrence(q, v, k, state)


def recurrence_not_causal(q: Tensor, k: Tensor, v: Tensor, state: Tensor) -> Pair:
    """Every token reads the final state."""
    last = right.linear_recurrence(q, k, v, state)[1]
    return q @ last, last


def likelihood_sees_target(tokens: Tensor, table: Tensor, *weights: Tensor) -> Tensor:
    """Token t is predicted from the state after it."""
    Wx, Wh, b, Wo = (W.to(compute_dtype(table)) for W in weights)
    start = Wx.new_zeros(tokens.shape[0], Wh.shape[0])
    states = right.rnn(table.to(Wx.dtype)[tokens], start, Wx, Wh, b)
    logs = torch.log_softmax(states @ Wo, -1)
    return logs.gather(-1, tokens.unsqueeze(-1))[..., 0].sum(-1).to(table.dtype)


def likelihood_of_logits(tokens: Tensor, table: Tensor, *weights: Tensor) -> Tensor:
    """Logits are summed without the softmax."""
    Wx, Wh, b, Wo = (W.to(compute_dtype(table)) for W in weights)
    start = Wx.new_zeros(tokens.shape[0], Wh.shape[0])
    states = right.rnn(table.to(Wx.dtype)[tokens], start, Wx, Wh, b)
    before = torch.cat([start.unsqueeze(1), states[:, :-1]], 1)
    return (before @ Wo).gather(-1, tokens.unsqueeze(-1))[..., 0].sum(-1).to(table.dtype)


def _padded(x: Tensor, before: int, after: int) -> Tensor:
    return torch.nn.functional.pad(x, (0, 0, before, after))


def convolution_padded_right(
    x: Tensor, W: Tensor, b: Tensor, *, dilation: int = 1, causal: bool = False
) -> Tensor:
    """The causal padding is put behind the text."""
    x = _padded(x, 0, (W.shape[0] - 1) * dilation) if causal else x
    return right.text_convolution(x, W, b, dilation=dilation)


def convolution_same(
    x: Tensor, W: Tensor, b: Tensor, *, dilation: int = 1, causal: bool = False
) -> Tensor:
    """Half of the causal padding is put on each side."""
    reach = (W.shape[0] - 1) * dilation if causal else 0
    x = _padded(x, reach // 2, reach - reach // 2)
    return right.text_convolution(x, W, b, dilation=dilation)


def convolution_with_state(
    x: Tensor, W: Tensor, b: Tensor, *, dilation: int = 1, causal: bool = False
) -> Tensor:
    """A quarter of the output before leaks into the next one."""
    y = right.text_convolution(x, W, b, dilation=dilation, causal=causal)
    return y + 0.25 * _padded(y, 1, 0)[:, :-1]


def _windows(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return right.text_convolution(x, W, b)


def text_cnn_mean(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """The mean over time."""
    return torch.relu(_windows(x, W, b)).mean(1)


def text_cnn_over_filters(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Pooled over the filters; the first window's value for each of them."""
    y = torch.relu(_windows(x, W, b)).amax(-1)
    return y[:, :1].expand(-1, W.shape[2]).clone()


def text_cnn_linear(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """No ReLU."""
    return _windows(x, W, b).amax(1)


def text_cnn_padded(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Windows reach over both ends into zeros."""
    return right.text_cnn(_padded(x, W.shape[0] - 1, W.shape[0] - 1), W, b)


def text_cnn_last_missed(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """The last window is left out where there is more than one."""
    y = torch.relu(_windows(x, W, b))
    return y[:, : max(1, y.shape[1] - 1)].amax(1)


def _halves(x: Tensor, W: Tensor, b: Tensor, causal: bool) -> Any:
    return right.text_convolution(x, W, b, causal=causal).chunk(2, -1)


def gated_tanh(x: Tensor, W: Tensor, b: Tensor, *, causal: bool = True) -> Tensor:
    """The gate is a tanh."""
    value, gate = _halves(x, W, b, causal)
    return value * torch.tanh(gate)


def gated_open(x: Tensor, W: Tensor, b: Tensor, *, causal: bool = True) -> Tensor:
    """The value half as it is."""
    return _halves(x, W, b, causal)[0]


def gated_same(x: Tensor, W: Tensor, b: Tensor, *, causal: bool = True) -> Tensor:
    """The causal padding is split over both sides, so that the future is seen."""
    reach = W.shape[0] - 1 if causal else 0
    x = _padded(x, reach // 2, reach - reach // 2)
    return right.gated_convolution(x, W, b, causal=False)


def _stack(kind: str, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    y = x
    for n in range(W.shape[0]):
        dilation = {"undilated": 1, "from two": 2 ** (n + 1)}.get(kind, 2**n)
        convolution = convolution_same if kind == "same" else right.text_convolution
        y = convolution(y, W[n], b[n], dilation=dilation, causal=True)
        y = torch.relu(y) if kind != "linear" and n + 1 < W.shape[0] else y
    return y


def stack_undilated(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """No layer is dilated."""
    return _stack("undilated", x, W, b)


def stack_from_two(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """The first layer is dilated already."""
    return _stack("from two", x, W, b)


def stack_same(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Half of the padding is behind the text."""
    return _stack("same", x, W, b)


def stack_linear(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """No ReLU between the layers."""
    return _stack("linear", x, W, b)


def unknown_by_position(
    output: Tensor, source: Tensor, attention: Tensor, *, unknown: int
) -> Tensor:
    """The source word at the same place is copied."""
    place = torch.arange(output.shape[1]).clamp(max=source.shape[1] - 1)
    return torch.where(output == unknown, source[:, place], output)


def unknown_everywhere(
    output: Tensor, source: Tensor, attention: Tensor, *, unknown: int
) -> Tensor:
    """Every word is replaced by its aligned one."""
    return source.gather(1, attention.argmax(-1))
