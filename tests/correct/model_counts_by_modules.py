"""Parameters counted on modules that are built on the meta device."""

from torch import nn

CONFORM = {"dtypes": ["float32"]}


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


def linear(into, out, bias=True):
    return nn.Linear(into, out, bias=bias, device="meta")


def norm(width):
    return nn.LayerNorm(width, device="meta")


def table(rows, width):
    return nn.Embedding(rows, width, device="meta")


def attention_parameters(*, width, heads, kv_heads=None, head_dim=None, bias=False):
    kv_heads = heads if kv_heads is None else kv_heads
    if heads < 1 or heads % kv_heads or (head_dim is None and width % heads):
        raise ValueError("heads do not divide")
    size = head_dim or width // heads
    maps = [linear(width, heads * size, bias), linear(heads * size, width, bias)]
    return count(*maps, *(linear(width, kv_heads * size, bias) for _ in range(2)))


def ffn_parameters(*, width, hidden, matrices=2, bias=False):
    if hidden < 1 or matrices not in (2, 3):
        raise ValueError("no such layer")
    into = [linear(width, hidden, bias) for _ in range(matrices - 1)]
    return count(*into, linear(hidden, width, bias))


def block(width):
    maps = [linear(width, 3 * width), linear(width, width)]
    return count(
        *maps, linear(width, 4 * width), linear(4 * width, width), norm(width), norm(width)
    )


def gpt_parameters(*, layers, width, vocabulary, positions, final_norm=True, embedding_width=None):
    parts = [table(vocabulary, embedding_width or width), table(positions, width)]
    if embedding_width:
        parts += [linear(embedding_width, width, False), linear(width, embedding_width, False)]
    return count(*parts, *([norm(width)] if final_norm else [])) + layers * block(width)


def bert_parameters(*, layers, width, vocabulary, positions=512, segments=2, pooler=True):
    tables = [table(rows, width) for rows in (vocabulary, positions, segments)]
    head = [linear(width, width)] if pooler else []
    return count(*tables, norm(width), *head) + layers * block(width)


def llama_parameters(
    *, layers, width, heads, hidden, vocabulary, kv_heads=None, head_dim=None, matrices=3, norms=2,
    tied=False, experts=None, top_k=None,
):  # fmt: skip
    if experts is not None and (top_k or experts) > experts:
        raise ValueError("more active experts than experts")
    one = attention_parameters(width=width, heads=heads, kv_heads=kv_heads, head_dim=head_dim)
    ffn = ffn_parameters(width=width, hidden=hidden, matrices=matrices)
    if experts is not None:
        ffn = (top_k or experts) * ffn + count(linear(width, experts, False))
    scale = nn.RMSNorm(width, device="meta")
    outside = [table(vocabulary, width) for _ in range(1 if tied else 2)]
    return (
        layers * (one + ffn + norms * count(scale)) + count(*outside) + bool(norms) * count(scale)
    )


def encoder_decoder_parameters(*, layers, width, heads, hidden, vocabulary):
    attention = attention_parameters(width=width, heads=heads)
    ffn = ffn_parameters(width=width, hidden=hidden)
    return (
        layers * (attention + ffn)
        + layers * (2 * attention + ffn)
        + count(table(vocabulary, width))
    )


def glu_hidden_width(width, *, multiple_of=256, multiplier=1.0):
    hidden = int(multiplier * int(2 * 4 * width / 3))
    return multiple_of * ((hidden + multiple_of - 1) // multiple_of)
