"""Training steps of low-rank methods, and training within a random subspace."""

from torch import Tensor

from conform_reference import _check
from conform_reference._lora_linear import factors, reads
from conform_reference.rounding import mark


def _same_shape(name: str, x: Tensor, gradient: Tensor) -> None:
    if x.shape != gradient.shape:
        raise ValueError(
            f"grad_{name}.shape={tuple(gradient.shape)}: expected {tuple(x.shape)}, that of {name}"
        )


def lora_plus_step(
    A: Tensor, B: Tensor, grad_A: Tensor, grad_B: Tensor, *, lr: float, ratio: float = 16.0
) -> tuple[Tensor, Tensor]:
    """One gradient step (A - lr grad_A, B - ratio lr grad_B) for A[r, in], B[out, r].

    ratio = 1 is LoRA. Raises ValueError for shapes that do not fit. Source: Hayou et al. 2024,
    arXiv:2402.12354, section 4, whose Adam takes the same two learning rates.
    """
    factors(A, B)
    _same_shape("A", A, grad_A)
    _same_shape("B", B, grad_B)
    dtype = _check.compute_dtype(A, B)
    step_a = mark("step", lr * grad_A.to(dtype))
    step_b = mark("step", (lr * ratio) * grad_B.to(dtype))
    return (A.to(dtype) - step_a).to(A.dtype), (B.to(dtype) - step_b).to(B.dtype)


def lora_training_step(
    x: Tensor, target: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, lr: float,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(W0, A, B) after one gradient step on sum((y - target)^2) / (2 N), y = lora_linear(x, ...).

    x[N, in], target[N, out]. W0 is frozen; A and B also lose lr weight_decay of themselves.
    Raises ValueError for shapes that do not fit. Source: arXiv:2106.09685, section 4.1; decoupled
    decay as in arXiv:1711.05101.
    """
    scaling = alpha / factors(A, B, tuple(W0.shape))
    reads(x, A)
    if target.shape != (x.shape[0], B.shape[0]):
        raise ValueError(
            f"target.shape={tuple(target.shape)}: expected {(x.shape[0], B.shape[0])}, (N, out)"
        )
    dtype = _check.compute_dtype(x, target, W0, A, B)
    y, W, a, b = (t.to(dtype) for t in (x, W0, A, B))
    inner = mark("inner", y @ a.T)
    update = mark("scaled", scaling * mark("update", inner @ b.T))
    output = mark("output", mark("base", y @ W.T) + update)
    error = mark("error", mark("difference", output - target.to(dtype)) / x.shape[0])
    error = mark("scaled_error", scaling * error)
    grad_b = mark("grad", error.T @ inner)
    grad_a = mark("grad", mark("inner_error", error @ b).T @ y)
    keep = 1 - lr * weight_decay
    new_a = mark("kept", keep * a) - mark("step", lr * grad_a)
    new_b = mark("kept", keep * b) - mark("step", lr * grad_b)
    return W0.clone(), new_a.to(A.dtype), new_b.to(B.dtype)


def subspace_update(theta: Tensor, P: Tensor, z: Tensor) -> Tensor:
    """theta + P z for theta[D], a fixed projection P[D, d] and the trained z[d] -> [D].

    Raises ValueError for shapes that do not fit. Source: Li et al. 2018, arXiv:1804.08838, eq. 2.
    """
    _check.rank("theta", theta, "D")
    _check.rank("P", P, "D d")
    _check.rank("z", z, "d")
    _check.same("size", "theta.shape[0]", theta.shape[0], "P.shape[0]", P.shape[0])
    _check.same("subspace dimension", "P.shape[1]", P.shape[1], "z.shape[0]", z.shape[0])
    dtype = _check.compute_dtype(theta, P, z)
    update = mark("update", P.to(dtype) @ z.to(dtype).unsqueeze(1)).squeeze(1)
    return (theta.to(dtype) + update).to(theta.dtype)


def intrinsic_dimension(
    dimensions: Tensor, performance: Tensor, full: Tensor, *, fraction: float = 0.9
) -> Tensor:
    """The least dimensions[i] whose performance[i] reaches `fraction` of `full`; 0 if none does.

    dimensions int64[n], performance[n], full[] -> int64[]. Raises ValueError for lengths that
    differ or a fraction outside of (0, 1]. Source: arXiv:1804.08838, section 3 (d_90), and
    Aghajanyan et al. 2020, arXiv:2012.13255; the deck's "within 90 %" means 90 % of it.
    """
    _check.rank("dimensions", dimensions, "n")
    _check.same(
        "length", "dimensions.shape", dimensions.shape[0], "performance", performance.numel()
    )
    _check.not_empty("n", dimensions.shape[0])
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction={fraction}: expected 0 < fraction <= 1; 0.9 is usual")
    none = dimensions.max() + 1
    enough = dimensions.where(performance >= fraction * full, none).min()
    return enough.where(enough < none, enough.new_zeros(()))
