"""The product is computed in float32."""

import numpy


def training_flops(parameters, tokens):
    if parameters <= 0 or tokens <= 0:
        raise ValueError("sizes are positive")
    return float(numpy.float32(6.0) * numpy.float32(parameters) * numpy.float32(tokens))
