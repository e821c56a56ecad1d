"""Soft prompts at the input: prompt tuning, P-tuning and its encoders, multitask prompts."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._saved import sigmoid, tanh
from conform_reference.feed_forward import _fits
from conform_reference.rounding import mark, use_by_use


def prompt_tuning(embeddings: Tensor, prompt: Tensor) -> Tensor:
    """[prompt; embeddings]: embeddings[B, L, E], prompt[P, E] -> [B, P+L, E]; P = 0 adds nothing.

    Raises ValueError for widths that differ. Source: Lester et al. 2021, arXiv:2104.08691.
    """
    _check.rank("embeddings", embeddings, "B L E")
    _check.rank("prompt", prompt, "P E")
    _check.same("width", "prompt.shape[1]", prompt.shape[1], "E", embeddings.shape[2])
    rows = use_by_use(prompt, embeddings.shape[0])
    return torch.cat([rows.to(embeddings.dtype), embeddings], dim=1)


def mixed_prompts(embeddings: Tensor, prompts: Tensor, tasks: Tensor) -> Tensor:
    """Row b of embeddings[B, L, E] behind prompt tasks[b] of prompts[T, P, E] -> [B, P+L, E].

    tasks: int[B]. Raises ValueError for shapes that do not fit. Source: Lester et al. 2021,
    arXiv:2104.08691, figure 2 (mixed-task batches).
    """
    _check.rank("embeddings", embeddings, "B L E")
    _check.rank("prompts", prompts, "T P E")
    _check.same("width", "prompts.shape[2]", prompts.shape[2], "E", embeddings.shape[2])
    _check.same("batch size", "tasks.shape[0]", tasks.shape[0], "B", embeddings.shape[0])
    rows = mark("backward.scatter", prompts.to(embeddings.dtype)[tasks])
    return torch.cat([rows, embeddings], dim=1)


def p_tuning_embedding(tokens: Tensor, table: Tensor, prompt: Tensor) -> Tensor:
    """A template as tokens: int[B, N] -> [B, N, E]: id i < V is table[i], id V + j is prompt[j].

    table[V, E] is frozen, prompt[P, E] trained; prompt tokens stand anywhere, between words and
    anchors. Raises ValueError for widths that differ. Source: Liu et al. 2021, arXiv:2103.10385.
    """
    _check.rank("tokens", tokens, "B N")
    _check.rank("table", table, "V E")
    _check.rank("prompt", prompt, "P E")
    _check.same("width", "prompt.shape[1]", prompt.shape[1], "E", table.shape[1])
    both = torch.cat([table, prompt.to(table.dtype)])
    return mark("backward.scatter", both[tokens])


def multitask_prompt(prompt: Tensor, u: Tensor, v: Tensor, tasks: Tensor) -> Tensor:
    """prompt * outer(u[t], v[t]) for t = tasks[b]: prompt[P, E], u[T, P], v[T, E] -> [B, P, E].

    tasks: int[B]. Raises ValueError for shapes that do not fit. Source: Wang et al. 2023,
    arXiv:2303.02861, eq. 1.
    """
    _check.rank("prompt", prompt, "P E")
    _check.rank("u", u, "T P")
    _check.rank("v", v, "T E")
    _check.same("number of tasks", "u.shape[0]", u.shape[0], "v.shape[0]", v.shape[0])
    _check.same("prompt length", "u.shape[1]", u.shape[1], "P", prompt.shape[0])
    _check.same("width", "v.shape[1]", v.shape[1], "E", prompt.shape[1])
    dtype = _check.compute_dtype(prompt, u, v)
    of_rows, of_columns = u.to(dtype)[tasks].unsqueeze(2), v.to(dtype)[tasks].unsqueeze(1)
    of_columns = mark("backward.columns", of_columns.expand(-1, u.shape[1], -1))
    # P* may meet both vectors one after the other as well.
    outer = mark("outer", mark("backward.rows", of_rows.expand(of_columns.shape)) * of_columns)
    shared = mark("backward.shared", use_by_use(prompt.to(dtype), len(tasks)))
    return (shared * outer).to(prompt.dtype)


def mlp_prompt_encoder(
    seeds: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor
) -> Tensor:
    """relu(relu(e W1 + b1) W2 + b2) W3 + b3 for each row e of seeds[P, E] -> [P, D].

    W1[E, F], W2[F, F], W3[F, D]. Raises ValueError for weights that do not fit. Source: Liu et al.
    2021, arXiv:2103.10385; the three layers are those of its code and of the peft library.
    """
    _check.rank("seeds", seeds, "P E")
    hidden, out = W2.shape[-1], W3.shape[-1]
    _fits("W1", W1, (seeds.shape[1], hidden), "E F")
    _fits("b1", b1, (hidden,), "F")
    _fits("W2", W2, (hidden, hidden), "F F")
    _fits("b2", b2, (hidden,), "F")
    _fits("W3", W3, (hidden, out), "F D")
    _fits("b3", b3, (out,), "D")
    dtype = _check.compute_dtype(seeds, W1, b1, W2, b2, W3, b3)
    x = seeds.to(dtype)
    for W, b in ((W1, b1), (W2, b2)):
        projected = mark("product", x @ W.to(dtype))
        x = torch.relu(mark("preactivation", projected + b.to(dtype)))
    return (mark("product", x @ W3.to(dtype)) + b3.to(dtype)).to(seeds.dtype)


def _lstm(x: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> Tensor:
    """Hidden states [P, U] of an LSTM over x[P, E]: Wx[E, 4U], Wh[U, 4U], b[4U]; gates i, f, g, o.

    Starts from zeros.
    """
    given = mark("given", mark("product", x @ Wx) + b)
    h = c = given[:1, : Wh.shape[0]] * 0
    states = []
    for step in given.split(1):
        gates = mark("preactivation", step + mark("product", h @ Wh))
        i, f, g, o = gates.chunk(4, dim=1)
        kept = mark("kept", sigmoid("gate", f) * c)
        new = mark("new", sigmoid("gate", i) * tanh("gate", g))
        c = mark("cell", kept + new)
        h = mark("state", sigmoid("gate", o) * tanh("gate", c))
        states.append(h)
    return torch.cat(states)


def lstm_prompt_encoder(
    seeds: Tensor,
    Wx: Tensor,
    Wh: Tensor,
    b: Tensor,
    Wx_back: Tensor,
    Wh_back: Tensor,
    b_back: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
) -> Tensor:
    """relu([forward; backward] W1 + b1) W2 + b2 over a bidirectional LSTM of seeds[P, E] -> [P, D].

    Wx[E, 4U], Wh[U, 4U], b[4U] and the same for the direction from the end; gates i, f, g, o;
    W1[2U, F], W2[F, D]. Raises ValueError for weights that do not fit.
    Source: Liu et al. 2021, arXiv:2103.10385, eq. 5 (one LSTM layer; the paper's code has two).
    """
    _check.rank("seeds", seeds, "P E")
    width, units, hidden, out = seeds.shape[1], Wh.shape[0], W1.shape[-1], W2.shape[-1]
    for name, weight in (("Wx", Wx), ("Wx_back", Wx_back)):
        _fits(name, weight, (width, 4 * units), "E 4U")
    for name, weight in (("Wh", Wh), ("Wh_back", Wh_back)):
        _fits(name, weight, (units, 4 * units), "U 4U")
    for name, vector in (("b", b), ("b_back", b_back)):
        _fits(name, vector, (4 * units,), "4U")
    _fits("W1", W1, (2 * units, hidden), "2U F")
    _fits("b1", b1, (hidden,), "F")
    _fits("W2", W2, (hidden, out), "F D")
    _fits("b2", b2, (out,), "D")
    dtype = _check.compute_dtype(seeds, Wx, Wh, b, Wx_back, Wh_back, b_back, W1, b1, W2, b2)
    x = seeds.to(dtype)
    ahead = _lstm(x, Wx.to(dtype), Wh.to(dtype), b.to(dtype))
    back = _lstm(x.flip(0), Wx_back.to(dtype), Wh_back.to(dtype), b_back.to(dtype)).flip(0)
    projected = mark("product", torch.cat([ahead, back], dim=1) @ W1.to(dtype))
    inner = torch.relu(mark("preactivation", projected + b1.to(dtype)))
    return (mark("product", inner @ W2.to(dtype)) + b2.to(dtype)).to(seeds.dtype)


def visual_prompt(tokens: Tensor, prompt: Tensor, *, replace: bool = False) -> Tensor:
    """[class; prompt; patches] for tokens[B, 1+N, E], prompt[P, E] -> [B, 1+P+N, E].

    With `replace` tokens[B, 1+P+N, E] carry a prompt already, whose place the new one takes (the
    later layers of deep prompt tuning). Raises ValueError for sizes that do not fit.
    Source: Jia et al. 2022 (VPT), arXiv:2203.12119, eq. 4 to 8.
    """
    _check.rank("tokens", tokens, "B 1+N E")
    _check.rank("prompt", prompt, "P E")
    _check.same("width", "prompt.shape[1]", prompt.shape[1], "E", tokens.shape[2])
    _check.at_least("tokens.shape[1]", tokens.shape[1], 1 + (prompt.shape[0] if replace else 0))
    patches = tokens[:, 1 + prompt.shape[0] :] if replace else tokens[:, 1:]
    rows = use_by_use(prompt, tokens.shape[0])
    return torch.cat([tokens[:, :1], rows.to(tokens.dtype), patches], dim=1)
