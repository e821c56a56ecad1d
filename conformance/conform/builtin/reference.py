"""The built-in target `reference`: the oracle itself, rounded to the dtype at its end.

Its functions are those that the specs name. A reference that asks for a library which is not
installed refuses with NotImplementedError.
"""

from conform.spec.book import built_in

for _name, _operator in built_in().operators.items():
    globals()[_name] = _operator.function

CONFORM = {
    "name": "reference",
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
}
