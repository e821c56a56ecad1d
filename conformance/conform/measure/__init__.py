"""The meter: bytes, sectors, races, FLOPs and peak memory of a call, exactly, on the CPU.

`measure(function, *args)` gives (result, Measurement); `metered()` meters a block.
"""

from conform.measure.calls import measure, measure_order
from conform.measure.meter import metered
from conform.measure.record import Measurement, Traffic
from conform.measure.seam import reversed_programs

__all__ = [
    "Measurement",
    "Traffic",
    "measure",
    "measure_order",
    "metered",
    "reversed_programs",
]
