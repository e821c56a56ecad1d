"""Whole stacks: encoder only, decoder only, encoder and decoder, with given weights."""

import torch
from torch import Tensor

from conform_reference import _attend, _check
from conform_reference._masks import causal_mask, padding_mask
from conform_reference.feed_forward import feed_forward
from conform_reference.norm import layer_norm
from conform_reference.rounding import decide, mark


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B,L,H*D] -> [B,H,L,D]: each head owns a run of neighbouring channels."""
    _check.divides("heads", heads, "width", x.shape[-1])
    return x.unflatten(-1, (heads, x.shape[-1] // heads)).transpose(1, 2)


def heads_attention(
    x: Tensor, memory: Tensor, weights: Tensor, heads: int, visible: Tensor
) -> Tensor:
    """Multi-head attention of x[B,Lq,E] to memory[B,Lk,E]; weights[4,E,E] are Wq, Wk, Wv, Wo."""
    q = split_heads(mark("query", x @ weights[0]), heads)
    k = split_heads(mark("key", memory @ weights[1]), heads)
    v = split_heads(mark("value", memory @ weights[2]), heads)
    shape = (*q.shape[:3], k.shape[2])
    each = mark("heads", _attend.attend(q, k, v, visible=visible.expand(shape))[0])
    return mark("attention_output", each.transpose(1, 2).flatten(2) @ weights[3])


def hidden_layer(x: Tensor, W1: Tensor, W2: Tensor, activation: str) -> Tensor:
    """act(x W1) W2, the feed-forward of the stacks, which has no biases."""
    b1, b2 = W1.new_zeros(W1.shape[-1]), W2.new_zeros(W2.shape[-1])
    return mark("ffn_output", feed_forward(x, W1, b1, W2, b2, activation=activation))


def normed(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """layer_norm with eps = 1e-5, marked."""
    return mark("norm_output", layer_norm(x, gamma, beta, eps=1e-5))


def _check_stack(width: int, attn: Tensor, W1: Tensor, W2: Tensor, matrices: int) -> None:
    N, F = attn.shape[0], W1.shape[-1]
    wanted = {"attn": (N, matrices, width, width), "W1": (N, width, F), "W2": (N, F, width)}
    for (name, shape), x in zip(wanted.items(), (attn, W1, W2), strict=True):
        if tuple(x.shape) != shape:
            raise ValueError(f"{name}.shape={tuple(x.shape)}: expected {shape}, one for each layer")


def encoder_only(
    x: Tensor, lengths: Tensor, attn: Tensor, W1: Tensor, W2: Tensor, gamma: Tensor, beta: Tensor,
    *, heads: int,
) -> Tensor:  # fmt: skip
    """N post-norm layers that see all of a sequence (BERT): x[B,L,E] -> [B,L,E].

    lengths: int[B], keys at or beyond them are hidden, and results there are nobody's;
    attn[N,4,E,E] (Wq, Wk, Wv, Wo), W1[N,E,F], W2[N,F,E], gamma, beta[N,2,E].
    x = LN(x + attention(x)), then x = LN(x + gelu(x W1) W2), eps 1e-5. Raises ValueError for
    shapes or heads that do not fit. Source: Devlin et al. 2019, arXiv:1810.04805, section 3,
    without biases.
    """
    _check.rank("x", x, "B L E")
    _check_stack(x.shape[-1], attn, W1, W2, 4)
    dtype = _check.compute_dtype(x, attn)
    y, attn, W1, W2, gamma, beta = (t.to(dtype) for t in (x, attn, W1, W2, gamma, beta))
    visible = padding_mask(lengths, x.shape[1])[:, None, None, :]
    for n in range(attn.shape[0]):
        joined = mark("residual", y + heads_attention(y, y, attn[n], heads, visible))
        y = normed(joined, gamma[n, 0], beta[n, 0])
        joined = mark("residual", y + hidden_layer(y, W1[n], W2[n], "gelu"))
        y = normed(joined, gamma[n, 1], beta[n, 1])
    return y.to(x.dtype)


def _logits(
    tokens: Tensor, table: Tensor, positions: Tensor, attn: Tensor, W1: Tensor, W2: Tensor,
    gamma: Tensor, beta: Tensor, heads: int,
) -> Tensor:  # fmt: skip
    L = tokens.shape[1]
    if positions.shape[0] < L:
        raise ValueError(
            f"tokens.shape[1]={L}, positions.shape[0]={positions.shape[0]}: expected at most as "
            f"many tokens as there are learned positions; shorten the sequence"
        )
    _check.not_empty("V", table.shape[0])
    y = mark("residual", mark("token_vectors", table[tokens]) + positions[:L])
    visible = causal_mask(L, L).to(y.device)
    for n in range(attn.shape[0]):
        inner = normed(y, gamma[2 * n], beta[2 * n])
        y = mark("residual", y + heads_attention(inner, inner, attn[n], heads, visible))
        inner = normed(y, gamma[2 * n + 1], beta[2 * n + 1])
        y = mark("residual", y + hidden_layer(inner, W1[n], W2[n], "gelu"))
    return normed(y, gamma[-1], beta[-1]) @ table.T


def decoder_only(
    tokens: Tensor, table: Tensor, positions: Tensor, attn: Tensor, W1: Tensor, W2: Tensor,
    gamma: Tensor, beta: Tensor, *, heads: int,
) -> Tensor:  # fmt: skip
    """N pre-norm causal layers (GPT-2): tokens int[B,L] -> logits[B,L,V].

    table[V,E] embeds the tokens and, tied, gives the logits; positions[S,E] are learned;
    attn[N,4,E,E] (Wq, Wk, Wv, Wo), W1[N,E,F], W2[N,F,E]; gamma, beta[2N+1,E] in order of use, the
    last one before the head. Raises ValueError for shapes that do not fit and for L > S.
    Source: Radford et al. 2019 (GPT-2), section 2.3, with exact gelu and without biases.
    """
    _check.rank("tokens", tokens, "B L")
    _check_stack(table.shape[-1], attn, W1, W2, 4)
    dtype = _check.compute_dtype(table, attn)
    weights = (t.to(dtype) for t in (table, positions, attn, W1, W2, gamma, beta))
    return _logits(tokens, *weights, heads).to(table.dtype)


def generate_greedy(
    tokens: Tensor, table: Tensor, positions: Tensor, attn: Tensor, W1: Tensor, W2: Tensor,
    gamma: Tensor, beta: Tensor, *, heads: int, steps: int,
) -> Tensor:  # fmt: skip
    """The `steps` tokens that decoder_only finds likeliest after tokens int[B,P] -> int[B,steps].

    Each step appends the token with the largest logit at the last position; weights as for
    `decoder_only`. The last new token is not read, so S >= P + steps - 1 positions are enough.
    Raises ValueError for steps < 1 and for too few positions.
    """
    _check.at_least("steps", steps, 1)
    _check.not_empty("P", tokens.shape[1])
    dtype = _check.compute_dtype(table, attn)
    weights = [t.to(dtype) for t in (table, positions, attn, W1, W2, gamma, beta)]
    if tokens.shape[1] + steps - 1 > positions.shape[0]:
        raise ValueError(
            f"steps={steps}: expected P + steps - 1 <= S={positions.shape[0]}; lower steps"
        )
    made: list[Tensor] = []
    for _ in range(steps):
        logits = _logits(torch.cat([tokens, *made], 1), *weights, heads)[:, -1]
        made.append(decide("token", logits, 1))
    return torch.cat(made, 1)


def encoder_decoder(
    source: Tensor, target: Tensor, attn: Tensor, W1: Tensor, W2: Tensor,
    decoder_attn: Tensor, decoder_W1: Tensor, decoder_W2: Tensor, *, heads: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(memory[B,S,E], out[B,T,E]) for source[B,S,E] and target[B,T,E], both already embedded.

    Encoder: attn[N,4,E,E], W1[N,E,F], W2[N,F,E], full attention. Decoder: decoder_attn[M,8,E,E]
    (self q, k, v, o, then cross q, k, v, o), decoder_W1, decoder_W2; causal self-attention,
    attention to all of memory, feed-forward. Post-norm without gain, eps 1e-5, ReLU. Raises
    ValueError for shapes that do not fit. Source: Vaswani et al. 2017, section 3.1, without biases
    and gains.
    """
    _check.rank("source", source, "B S E")
    _check.rank("target", target, "B T E")
    E = source.shape[-1]
    _check_stack(E, attn, W1, W2, 4)
    _check_stack(E, decoder_attn, decoder_W1, decoder_W2, 8)
    dtype = _check.compute_dtype(source, attn)
    attn, W1, W2 = (t.to(dtype) for t in (attn, W1, W2))
    weights, up, down = (t.to(dtype) for t in (decoder_attn, decoder_W1, decoder_W2))
    x, y = source.to(dtype), target.to(dtype)
    one, none = x.new_ones(E), x.new_zeros(E)
    full = torch.ones(1, 1, dtype=torch.bool, device=x.device)
    past = causal_mask(y.shape[1], y.shape[1]).to(x.device)

    def add(x: Tensor, branch: Tensor) -> Tensor:
        return normed(mark("residual", x + branch), one, none)

    for n in range(attn.shape[0]):
        x = add(x, heads_attention(x, x, attn[n], heads, full))
        x = add(x, hidden_layer(x, W1[n], W2[n], "relu"))
    for n in range(weights.shape[0]):
        y = add(y, heads_attention(y, y, weights[n, :4], heads, past))
        y = add(y, heads_attention(y, x, weights[n, 4:], heads, full))
        y = add(y, hidden_layer(y, up[n], down[n], "relu"))
    return x.to(source.dtype), y.to(source.dtype)
