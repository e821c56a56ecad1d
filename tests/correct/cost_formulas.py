"""The formulas of sizes, written as sums over what is there: tensors, tiles, passes."""


def _sizes(*sizes):
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(f"sizes={sizes}: expected positive integers")


def kv_cache_bytes(*, batch, layers, kv_heads, head_dim, length, bytes_per_element=2):
    _sizes(batch, layers, kv_heads, head_dim, length, bytes_per_element)
    token = kv_heads * head_dim * bytes_per_element
    return batch * length * layers * (token + token)


def latent_cache_elements(*, layers, latent_dim, rope_dim):
    _sizes(layers, latent_dim, rope_dim)
    return layers * latent_dim + layers * rope_dim


def training_flops(parameters, tokens):
    _sizes(parameters, tokens)
    return 6.0 * parameters * tokens


def petaflop_days(flops):
    if not flops > 0:
        raise ValueError(f"flops={flops}: expected a positive amount")
    return flops / 1e15 / 86400


def standard_attention_io(length, head_dim, sram_elements):
    _sizes(length, head_dim, sram_elements)
    tensor, matrix = length * head_dim, length * length
    scores, softmax, output = 2 * tensor + matrix, 2 * matrix, matrix + 2 * tensor
    return scores + softmax + output


def flash_attention_io(length, head_dim, sram_elements):
    _sizes(length, head_dim, sram_elements)
    columns = (sram_elements + 4 * head_dim - 1) // (4 * head_dim)
    moved = length * head_dim + 2 * length
    for start in range(0, length, columns):
        keys = min(columns, length - start)
        moved += 2 * keys * head_dim + 3 * length * head_dim + 4 * length
    return moved


def parameter_count(
    *, layers, width, vocabulary=0, positions=0, heads=1, kv_heads=None, head_dim=None, ffn=None,
    glu=False, biases=False, norm=None, final_norm=True, tied=True, embedding_width=None,
):  # fmt: skip
    kv_heads = heads if kv_heads is None else kv_heads
    ffn = 4 * width if ffn is None else ffn
    if min(layers, width, heads, kv_heads, ffn) < 1 or min(vocabulary, positions) < 0:
        raise ValueError("expected positive sizes")
    if heads % kv_heads or (head_dim is None and width % heads):
        raise ValueError("expected heads that divide")
    head_dim = width // heads if head_dim is None else head_dim
    inner, shared = heads * head_dim, kv_heads * head_dim
    maps = [(width, inner), (width, shared), (width, shared), (inner, width)]
    maps += [(width, ffn)] * (2 if glu else 1) + [(ffn, width)]
    block = sum(a * b + (b if biases else 0) for a, b in maps)
    each = {"layer": 2 * width, "rms": width, None: 0}[norm]
    e = width if embedding_width is None else embedding_width
    total = layers * (block + 2 * each) + (each if final_norm else 0)
    total += vocabulary * e * (1 if tied else 2) + positions * width
    return total + (0 if embedding_width is None else 2 * width * e)
