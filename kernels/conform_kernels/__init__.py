"""Triton kernels of transformer building blocks, usable without the checker.

One operator a module: `from conform_kernels.softmax import softmax`. They run on a GPU, or on a CPU
through Triton's interpreter when TRITON_INTERPRET=1 is set before triton is imported; the
interpreter's bfloat16 is mended here, since it computes on raw bits.
"""

from conform_kernels._interpreter import interpreting, mend

__all__ = ["CONFORM", "interpreting"]

mend()

# What holds for every operator here, as `conform run` reads it.
CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"dora_linear": {"conventions": {"dora_gradient": "exact"}}},
}
