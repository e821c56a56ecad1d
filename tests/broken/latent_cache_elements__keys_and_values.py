"""Counts the latent twice, once for keys and once for values, as other caches need."""

MISTAKE = "latent_cache_elements.twice"


def latent_cache_elements(*, layers, latent_dim, rope_dim):
    if any(not isinstance(n, int) or n < 1 for n in (layers, latent_dim, rope_dim)):
        raise ValueError(f"layers={layers}, latent_dim={latent_dim}, rope_dim={rope_dim}")
    return 2 * layers * (latent_dim + rope_dim)
