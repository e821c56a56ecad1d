"""Counts and costs by adding up shapes, pieces and modules: ints, floats, fractions, numpy's."""

import math
from fractions import Fraction

import numpy as np
import torch


def _whole(*xs):
    for x in xs:
        if type(x) is bool or not isinstance(x, int) or x <= 0:
            raise ValueError(f"{x!r}: a positive whole number is wanted")


def _count(*shapes):
    return sum(math.prod(s) for s in shapes)


def block_parameter_count(*, width, feed_forward=None):
    feed_forward = 4 * width if feed_forward is None else feed_forward
    _whole(width, feed_forward)
    d, f = width, feed_forward
    with torch.device("meta"):
        m = torch.nn.TransformerEncoderLayer(d, 1, f)
    return sum(p.numel() for p in m.parameters())


def attention_extra_elements(length, *, tiled=False):
    _whole(length)
    return np.int64(2 * length) if tiled else np.int64(length) ** 2


def attention_intensity(*, heads, kv_heads, bytes_per_element=2):
    _whole(heads, kv_heads, bytes_per_element)
    if heads % kv_heads:
        raise ValueError("misfit")
    n, d = 7, 3
    return Fraction(4 * heads * n * d, 2 * kv_heads * n * d * bytes_per_element).__float__()


def attention_step_flops(length, width, *, cached=True):
    _whole(length, width)
    rows = 1 if cached else length
    return float(rows) * 4.0 * length * width


def compute_optimal(flops, *, A=406.4, B=410.7, alpha=0.34, beta=0.28):
    if not min(flops, A, B, alpha, beta) > 0:
        raise ValueError
    g = math.log(alpha * A / (beta * B)) / (alpha + beta)
    c = math.log(flops / 6)
    return math.exp(g + beta / (alpha + beta) * c), math.exp(-g + alpha / (alpha + beta) * c)


def flash_attention_2_io(length, head_dim, block_q):
    _whole(length, head_dim, block_q)
    moved = 0
    for a in range(0, length, block_q):
        rows = min(block_q, length - a)
        moved += 2 * rows * head_dim + 2 * length * head_dim
    return moved


def forward_flops(parameters, *, layers, width, length, causal=False):
    _whole(parameters, layers, width, length)
    att = layers * length * width * 4
    return 2 * parameters + (att // 2 if causal else att)


def hardware_flops(seconds, devices, flops_per_second):
    if not (seconds > 0 and devices > 0 and flops_per_second > 0):
        raise ValueError
    return float(torch.tensor([seconds, devices, flops_per_second], dtype=torch.float64).prod())


def inference_flops(parameters, tokens):
    _whole(parameters, tokens)
    return parameters * tokens * 2


def latent_attention_parameters(
    *, width, heads, head_dim, latent_dim, rope_dim, query_latent_dim=None
):
    _whole(width, heads, head_dim, latent_dim, rope_dim)
    if query_latent_dim is not None:
        _whole(query_latent_dim)
    q = heads * (head_dim + rope_dim)
    qs = (
        [(width, q)]
        if query_latent_dim is None
        else [(width, query_latent_dim), (query_latent_dim, q)]
    )
    return _count(
        *qs,
        (width, latent_dim),
        (width, rope_dim),
        (latent_dim, heads * head_dim),
        (latent_dim, heads * head_dim),
        (heads * head_dim, width),
    )


def matmul_accesses(m, k, n, *, tile=1):
    _whole(m, k, n, tile)
    moved = 0
    for i in range(0, m, tile):
        for j in range(0, n, tile):
            moved += (min(tile, m - i) + min(tile, n - j)) * k
    return moved


def power_law(x, *, scale, exponent):
    if not (x > 0 and scale > 0 and exponent > 0):
        raise ValueError
    return math.exp(exponent * (math.log(scale) - math.log(x)))


def scaling_law_loss(parameters, tokens, *, E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28):
    if not min(parameters, tokens, alpha, beta) > 0:
        raise ValueError
    return np.float64(E) + A / np.float64(parameters) ** alpha + B / np.float64(tokens) ** beta


def sequence_accuracy(token_accuracy, *, length):
    _whole(length)
    if not 0 <= token_accuracy <= 1:
        raise ValueError
    return math.prod([token_accuracy] * length)


def softmax_accesses(length, *, variant="online"):
    _whole(length)
    return {
        "naive": (2 * length, length),
        "safe": (3 * length, length),
        "online": (2 * length, length),
    }[variant]


def _factors(n):
    a = max(x for x in range(1, math.isqrt(n) + 1) if n % x == 0)
    return a, n // a


def delta_parameters(method, *, fan_in, fan_out, rank):
    _whole(fan_in, fan_out, rank)
    low = _count((rank, fan_in), (fan_out, rank))
    if method == "full":
        return _count((fan_out, fan_in))
    if method == "lora":
        return low
    if method == "dora":
        return low + fan_out
    if method == "loha":
        return low + low
    if method == "lokr":
        (a, b), (c, d) = _factors(fan_in), _factors(fan_out)
        return _count((c, a), (d, rank), (rank, b))
    raise ValueError(method)


def finetuning_bytes(*, parameters, trainable=None):
    _whole(parameters)
    if trainable is None:
        return parameters * (2 + 2 + 4 + 4 + 4)
    _whole(trainable)
    return parameters * 2 + trainable * (2 + 2 + 4 + 4 + 4)


def finetuning_flops(*, parameters, tokens, trainable=None):
    _whole(parameters, tokens)
    if trainable is None:
        return 6.0 * parameters * tokens
    _whole(trainable)
    return 4.0 * parameters * tokens + 6.0 * trainable * tokens


def intrinsic_dimension(dimensions, performance, full, *, fraction=0.9):
    if not 0 < fraction <= 1 or dimensions.shape != performance.shape:
        raise ValueError
    for d, p in sorted(zip(dimensions.tolist(), performance.tolist(), strict=True)):
        if p >= fraction * float(full):
            return torch.tensor(d)
    return torch.tensor(0)


def model_parameters(method, *, layers, width, hidden, size):
    _whole(layers, width, hidden, size)
    w, h, r = width, hidden, size
    lin = [(w, w)] * 3 + [(w, h), (h, w)]
    if method in ("lora", "dora"):
        return layers * (
            sum(r * (a + b) for a, b in lin) + (sum(b for _, b in lin) if method == "dora" else 0)
        )
    if method in ("series", "prefix"):
        return layers * (2 * w * r)
    if method == "parallel":
        return layers * (2 * w * r + 2 * h * r)
    raise ValueError(method)


def quantized_bits(*, bits=4, block_size=64, scale_block_size=None):
    _whole(bits, block_size)
    if scale_block_size is None:
        return float(Fraction(bits) + Fraction(32, block_size))
    _whole(scale_block_size)
    return float(bits + Fraction(1, block_size) * (8 + Fraction(32, scale_block_size)))


def task_storage(*, parameters, tasks, per_task=None):
    _whole(parameters, tasks)
    if per_task is None:
        return sum(parameters for _ in range(tasks)) if tasks < 10**6 else parameters * tasks
    _whole(per_task)
    return parameters + per_task * tasks


def moe_parameters(*, width, hidden, experts, top_k=1, shared=0):
    _whole(width, hidden, experts, top_k)
    if top_k > experts or shared < 0:
        raise ValueError
    one = _count((width, hidden), (hidden, width))
    gate = _count((width, experts))
    return np.int64(one * experts + gate + shared), np.int64(one * top_k + gate + shared)


def moe_token_flops(*, width, hidden, experts, top_k=1):
    _whole(width, hidden, experts, top_k)
    if top_k > experts:
        raise ValueError
    return float(2 * width * experts + top_k * (2 * width * hidden + 2 * hidden * width))


def adapter_flops(*, tokens, width, bottleneck, adapters=1):
    _whole(tokens, width, bottleneck, adapters)
    return sum(2 * tokens * (width * bottleneck + bottleneck * width) for _ in range(adapters))


def adapter_parameter_count(*, width, bottleneck, adapters=1, biases=True):
    _whole(width, bottleneck, adapters)
    with torch.device("meta"):
        m = torch.nn.Sequential(
            torch.nn.Linear(width, bottleneck, biases), torch.nn.Linear(bottleneck, width, biases)
        )
    return adapters * sum(p.numel() for p in m.parameters())


def bitfit_parameter_count(*, layers, width, feed_forward=None):
    feed_forward = 4 * width if feed_forward is None else feed_forward
    _whole(layers, width, feed_forward)
    layer = [width] * 3 + [width, width, feed_forward, width, width]
    return sum(layer) * layers + 2 * width


def llama_adapter_parameter_count(*, layers, length, width, gates=1):
    _whole(layers, length, width, gates)
    return _count((layers, length, width), (layers, gates))


def multitask_prompt_parameter_count(*, length, width, tasks=1):
    _whole(length, width, tasks)
    return _count((length, width), (tasks, length), (tasks, width))


def prefix_parameter_count(*, layers, length, width):
    _whole(layers, length, width)
    return _count((layers, 2, length, width))


def prompt_parameter_count(*, length, width):
    _whole(length, width)
    return torch.empty(length, width, device="meta").numel()


def trainable_fraction(*, trainable, total):
    _whole(trainable, total)
    if trainable > total:
        raise ValueError
    return float(Fraction(trainable, total))


def conv2d_cost(in_channels, out_channels, kernel, height, width, *, groups=1, bias=True):
    _whole(in_channels, out_channels, kernel, height, width, groups)
    with torch.device("meta"):
        m = torch.nn.Conv2d(in_channels, out_channels, kernel, groups=groups, bias=bias)
    return sum(p.numel() for p in m.parameters()), m.weight.numel() * height * width


def convnext_block_parameters(channels, *, kernel=7, expansion=4):
    _whole(channels, kernel, expansion)
    c, h = channels, channels * expansion
    return _count((c, 1, kernel, kernel), (c,), (2, c), (c, h), (h,), (h, c), (c,), (c,))


def vit_encoder_flops(tokens, width, layers):
    _whole(tokens, width, layers)
    n, d = tokens, width
    per = 2 * n * d * 3 * d + 2 * n * n * d * 2 + 2 * n * d * d + 2 * (2 * n * d * 4 * d)
    return float(per * layers)


def vit_sequence_length(height, width, patch, *, class_token=True, registers=0):
    _whole(height, width, patch)
    if height % patch or width % patch or registers < 0:
        raise ValueError
    return len(range(0, height, patch)) * len(range(0, width, patch)) + int(class_token) + registers
