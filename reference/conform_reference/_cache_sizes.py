"""How large caches are."""

from conform_reference._check import at_least


def kv_cache_bytes(
    *,
    batch: int,
    layers: int,
    kv_heads: int,
    head_dim: int,
    length: int,
    bytes_per_element: int = 2,
) -> int:
    """2 * batch * layers * kv_heads * head_dim * length * bytes_per_element: keys and values.

    Raises ValueError for sizes that are no positive integers. Source: Pope et al. 2022,
    arXiv:2211.05102, section 2.1; the MIT deck, which labels head_dim n_embd.
    """
    sizes = {
        "batch": batch,
        "layers": layers,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "length": length,
        "bytes_per_element": bytes_per_element,
    }
    for name, value in sizes.items():
        at_least(name, value, 1)
    return 2 * batch * layers * kv_heads * head_dim * length * bytes_per_element


def latent_cache_elements(*, layers: int, latent_dim: int, rope_dim: int) -> int:
    """layers * (latent_dim + rope_dim) elements a token: one latent and one rotary key a layer.

    Raises ValueError for sizes that are no positive integers. Source: DeepSeek-V2,
    arXiv:2405.04434, table 1.
    """
    for name, value in (("layers", layers), ("latent_dim", latent_dim), ("rope_dim", rope_dim)):
        at_least(name, value, 1)
    return layers * (latent_dim + rope_dim)
