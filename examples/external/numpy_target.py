"""A target in another process, without torch: `conform run --target "exec:python numpy_target.py"`.

It speaks JSON lines on stdin and stdout; tensors travel in safetensors files.
"""

import json
import sys

import numpy as np
from safetensors.numpy import load_file, save_file


def softmax(x):
    with np.errstate(invalid="ignore", over="ignore"):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)


def causal_mask(lq, lk):
    return np.arange(lk)[None, :] <= np.arange(lq)[:, None] + lk - lq


OPERATORS = {"softmax": softmax, "causal_mask": causal_mask}
ABOUT = {
    "name": "numpy-in-a-process",
    "operators": {name: {"options": []} for name in OPERATORS},
    "declaration": {"dtypes": ["float64", "float32"]},
}


def answer(message):
    if message["op"] == "describe":
        return ABOUT
    tensors = load_file(message["tensors"])
    args = [tensors[a["tensor"]] if isinstance(a, dict) else a for a in message["args"]]
    result = OPERATORS[message["operator"]](*args)
    save_file({"r0": np.ascontiguousarray(result)}, message["out"])
    return {"results": [{"tensor": "r0"}]}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:  # noqa: BLE001 - whatever it is, the checker is told
        reply = {"error": {"type": type(error).__name__, "message": str(error)}}
    print(json.dumps(reply), flush=True)
