"""The operators of the cache domain: sizes, writing into caches, attention over them."""

from conform_reference._cache_reads import (
    cached_attention,
    paged_decode_attention,
    sink_decode_attention,
)
from conform_reference._cache_sizes import kv_cache_bytes, latent_cache_elements
from conform_reference._cache_writes import (
    kv_cache_append,
    ring_cache_append,
    sink_cache_append,
)
from conform_reference._latent_attention import latent_decode_attention

__all__ = [
    "cached_attention",
    "kv_cache_append",
    "kv_cache_bytes",
    "latent_cache_elements",
    "latent_decode_attention",
    "paged_decode_attention",
    "ring_cache_append",
    "sink_cache_append",
    "sink_decode_attention",
]
