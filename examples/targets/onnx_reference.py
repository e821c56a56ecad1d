"""onnx ReferenceEvaluator: one-node models of opset 24."""

from functools import cache

import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

CONFORM = {
    "name": "onnx-reference",
    "dtypes": ["float32"],
    "operators": {
        "attention": {
            "conventions": {"causal": "top_left"},
            "requires": ["mask is None or bias is None", "Lk > 0"],
            "differentiable": False,
        },
        "softmax": {"differentiable": False},
        "layer_norm": {"differentiable": False},
        "rms_norm": {"differentiable": False},
        "gelu": {"differentiable": False},
        "swish": {"differentiable": False},
        "embedding": {"differentiable": False},
    },
}


@cache
def session(op, count, options):
    names = [f"x{i}" for i in range(count)]
    node = helper.make_node(op, names, ["y"], **dict(options))
    info = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in names]
    out = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)
    graph = helper.make_graph([node], "one", info, [out])
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)]))


def run(op, *inputs, **options):
    used = tuple(sorted((k, v) for k, v in options.items() if v is not None))
    feed = {f"x{i}": x.numpy() for i, x in enumerate(inputs)}
    return torch.from_numpy(session(op, len(inputs), used).run(None, feed)[0].copy())


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None, softcap=None):
    extra = [x for x in (mask, bias) if x is not None]
    return run("Attention", q, k, v, *extra, is_causal=int(causal), scale=scale, softcap=softcap)


def softmax(x):
    return run("Softmax", x, axis=-1)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return run("LayerNormalization", x, gamma, beta, axis=-1, epsilon=eps)


def rms_norm(x, gamma, *, eps=1e-6):
    return run("RMSNormalization", x, gamma, axis=-1, epsilon=eps)


def gelu(x, *, approximate="none"):
    return run("Gelu", x, approximate=approximate)


def swish(x, *, beta=1.0):
    return run("Swish", x, alpha=beta)


def embedding(tokens, table):
    return run("Gather", table, tokens, axis=0)
