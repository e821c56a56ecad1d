"""Recurrent networks: Elman's, the LSTM, both directions, and a language model made of one."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._cross_entropy import log_softmax
from conform_reference._saved import sigmoid, tanh
from conform_reference._scores import rounding_error
from conform_reference.rounding import mark


def _fits(x: Tensor, h: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor, gates: int) -> None:
    width = gates * h.shape[-1]
    for name, W, shape in (
        ("Wx", Wx, (x.shape[-1], width)), ("Wh", Wh, (h.shape[-1], width)), ("b", b, (width,)),
    ):  # fmt: skip
        if tuple(W.shape) != shape:
            raise ValueError(
                f"{name}.shape={tuple(W.shape)}: expected {shape}; weights are [in, out], "
                f"transpose {name} if it is stored [out, in]"
            )


def _affine(x: Tensor, h: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Tensor:
    """x Wx + h Wh + b, summed in any order; b may come as two halves."""
    from_x, from_h = mark("product", x @ Wx), mark("product", h @ Wh)
    return mark("sum", mark("sum", from_x + b) + from_h)


def _shared(*weights: Tensor) -> tuple[Tensor, ...]:
    """The weights of the next step: their gradients are added up step by step."""
    return tuple(mark("backward.weights", W) for W in weights)


def rnn_step(x: Tensor, h: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Tensor:
    """tanh(x Wx + h Wh + b): x[B,I], h[B,H], Wx[I,H], Wh[H,H], b[H] -> [B,H].

    Raises ValueError for shapes that do not fit. Source: Elman 1990, "Finding structure in time".
    """
    _check.rank("x", x, "B I")
    _check.rank("h", h, "B H")
    _fits(x, h, Wx, Wh, b, 1)
    dtype = _check.compute_dtype(x, h, Wx, Wh, b)
    z = _affine(*(t.to(dtype) for t in (x, h, Wx, Wh, b)))
    return tanh("state", z).to(x.dtype)


def rnn(x: Tensor, h0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Tensor:
    """All states h_t = tanh(x_t Wx + h_{t-1} Wh + b): x[B,L,I], h0[B,H] -> [B,L,H].

    Raises ValueError for shapes that do not fit. Source: as `rnn_step`.
    """
    _check.rank("x", x, "B L I")
    _check.rank("h0", h0, "B H")
    _fits(x, h0, Wx, Wh, b, 1)
    dtype = _check.compute_dtype(x, h0, Wx, Wh, b)
    tokens, h, Wx, Wh, b = (t.to(dtype) for t in (x, h0, Wx, Wh, b))
    states = []
    for t in range(x.shape[1]):
        Wx, Wh, b = _shared(Wx, Wh, b)
        h = tanh("state", _affine(tokens[:, t], h, Wx, Wh, b))
        states.append(h)
    return (torch.stack(states, 1) if states else h.unsqueeze(1)[:, :0]).to(x.dtype)


def bidirectional_rnn(
    x: Tensor,
    Wx: Tensor,
    Wh: Tensor,
    b: Tensor,
    Wx_back: Tensor,
    Wh_back: Tensor,
    b_back: Tensor,
    *,
    lengths: Tensor | None = None,
) -> Tensor:
    """[forward state, backward state] of each token: x[B,L,I] -> [B,L,2H], zeros beyond lengths.

    Both start from zeros; the backward one starts at a row's own last token, lengths int[B].
    Raises ValueError for shapes that do not fit. Source: Schuster and Paliwal 1997.
    """
    _check.rank("x", x, "B L I")
    B, L, H = x.shape[0], x.shape[1], Wh.shape[0]
    start = torch.zeros(B, H, dtype=_check.compute_dtype(x), device=x.device)
    places = torch.arange(L, device=x.device)
    if lengths is None:
        lengths = torch.full((B,), L, device=x.device)
    inside = places < lengths.unsqueeze(1)
    # Reversing the tokens of each row inside of its own length is its own inverse.
    mirrored = torch.where(inside, lengths.unsqueeze(1) - 1 - places, places).unsqueeze(-1)
    clean = torch.where(inside.unsqueeze(-1), x, 0.0).to(start.dtype)
    ahead = rnn(clean, start, Wx, Wh, b)
    flipped = torch.gather(clean, 1, mirrored.expand(clean.shape))
    back = rnn(flipped, start, Wx_back, Wh_back, b_back)
    back = torch.gather(back, 1, mirrored.expand(back.shape))
    both = torch.where(inside.unsqueeze(-1), torch.cat([ahead, back], -1), 0.0)
    return both.to(x.dtype)


def _lstm(
    x: Tensor, h: Tensor, c: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    i, f, g, o = _affine(x, h, Wx, Wh, b).chunk(4, -1)
    kept = mark("kept", sigmoid("forget_gate", f) * c)
    added = mark("added", sigmoid("input_gate", i) * tanh("candidate", g))
    c = mark("cell", kept + added)
    return mark("state", sigmoid("output_gate", o) * tanh("cell_tanh", c)), c


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """One LSTM step: x[B,I], h[B,H], c[B,H] -> (h, c). Wx[I,4H], Wh[H,4H], b[4H].

    Quarters of the columns, in order: input gate i, forget gate f, candidate g, output gate o.
    c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c'). Raises ValueError for shapes
    that do not fit. Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al.
    2000; order of the gates as in PyTorch and cuDNN.
    """
    _check.rank("x", x, "B I")
    _check.rank("h", h, "B H")
    if c.shape != h.shape:
        raise ValueError(f"c.shape={tuple(c.shape)}: expected {tuple(h.shape)} as for h")
    _fits(x, h, Wx, Wh, b, 4)
    dtype = _check.compute_dtype(x, h, c, Wx, Wh, b)
    new, cell = _lstm(*(t.to(dtype) for t in (x, h, c, Wx, Wh, b)))
    return new.to(x.dtype), cell.to(x.dtype)


def lstm(
    x: Tensor, h0: Tensor, c0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """LSTM over x[B,L,I] from (h0, c0)[B,H] -> (all states [B,L,H], last cell [B,H]).

    Weights as `lstm_cell`. Raises ValueError for shapes that do not fit. Source: as `lstm_cell`.
    """
    _check.rank("x", x, "B L I")
    _check.rank("h0", h0, "B H")
    if c0.shape != h0.shape:
        raise ValueError(f"c0.shape={tuple(c0.shape)}: expected {tuple(h0.shape)} as for h0")
    _fits(x, h0, Wx, Wh, b, 4)
    dtype = _check.compute_dtype(x, h0, c0, Wx, Wh, b)
    tokens, h, c, Wx, Wh, b = (t.to(dtype) for t in (x, h0, c0, Wx, Wh, b))
    states = []
    for t in range(x.shape[1]):
        Wx, Wh, b = _shared(Wx, Wh, b)
        h, c = _lstm(tokens[:, t], h, c, Wx, Wh, b)
        states.append(h)
    every = torch.stack(states, 1) if states else h.unsqueeze(1)[:, :0]
    return every.to(x.dtype), c.to(x.dtype)


def linear_recurrence(q: Tensor, k: Tensor, v: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """S_t = S_{t-1} + k_t v_t^T, y_t = S_t^T q_t: q, k[B,L,D], v[B,L,Dv], state[B,D,Dv].

    -> (y[B,L,Dv], last state). Raises ValueError for shapes that do not fit.
    Source: Katharopoulos et al. 2020, arXiv:2006.16236, section 3.3, without normaliser.
    """
    _check.rank("q", q, "B L D")
    _check.rank("v", v, "B L Dv")
    if k.shape != q.shape or state.shape != (q.shape[0], q.shape[2], v.shape[2]):
        raise ValueError(
            f"k.shape={tuple(k.shape)}, state.shape={tuple(state.shape)}: expected "
            f"{tuple(q.shape)} and {(q.shape[0], q.shape[2], v.shape[2])}"
        )
    dtype = _check.compute_dtype(q, k, v, state)
    query, key, value, S = (t.to(dtype) for t in (q, k, v, state))
    # The quadratic order rounds its scores instead of the states.
    scores = torch.tril(query @ key.transpose(1, 2))
    quadratic = rounding_error("scores", scores) @ value
    rows = []
    for t in range(q.shape[1]):
        outer = mark("outer", key[:, t].unsqueeze(-1) * value[:, t].unsqueeze(1))
        S = mark("state", S + outer)
        rows.append(mark("read", (query[:, t].unsqueeze(1) @ S)[:, 0]))
    y = torch.stack(rows, 1) + quadratic if rows else value[:, :0]
    return y.to(q.dtype), S.to(q.dtype)


def rnn_log_likelihood(
    tokens: Tensor, table: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor, Wo: Tensor
) -> Tensor:
    """log p(tokens) of a recurrent language model: tokens int[B,L] -> [B], in nats.

    p(y_t | y_<t) = softmax(h_{t-1} Wo)[y_t] with h_0 = 0, h_t the state after y_1..y_t: table[V,I],
    Wx[I,H], Wh[H,H], b[H], Wo[H,V]. Raises ValueError for shapes that do not fit.
    Source: Mikolov et al. 2010, "Recurrent neural network based language model".
    """
    _check.rank("tokens", tokens, "B L")
    _check.rank("table", table, "V I")
    _check.same("vocabulary", "Wo.shape[1]", Wo.shape[1], "table.shape[0]", table.shape[0])
    _check.not_empty("V", table.shape[0])
    dtype = _check.compute_dtype(table, Wx, Wh, b, Wo)
    start = torch.zeros(tokens.shape[0], Wh.shape[0], dtype=dtype, device=table.device)
    words = torch.nn.functional.embedding(tokens, table.to(dtype))
    states = rnn(words, start, Wx, Wh, b)
    before = torch.cat([start.unsqueeze(1), states[:, :-1]], 1)
    logs = log_softmax(mark("logits", before @ Wo.to(dtype)), -1)
    nats = torch.gather(logs, -1, tokens.unsqueeze(-1))[..., 0]
    return torch.sum(nats, -1).to(table.dtype)
