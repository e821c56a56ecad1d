"""What each special form of the law language says, in a line, for the documentation."""

from __future__ import annotations

FORM_WORDS: dict[str, str] = {
    "grad": "grad(f, x, ...): gradient of sum(f) in drawn inputs; a tuple for several.",
    "vjp": "vjp(f, x, cotangent): the cotangent pulled back through f to the drawn input x.",
    "backward": "backward(call): the call, and ones pulled back to every input with a gradient.",
    "edit": "edit(x[region], value): a copy of x whose region is replaced.",
    "depends": "depends(f, x[region], ...): f changes when the regions are edited.",
    "raises": "raises(f): evaluating f makes the target raise, and leaves global state and inputs "
    "as they were.",
    "map": "map(lambda a: ..., items): a tuple; several item tuples are walked together.",
    "fold": "fold(lambda acc, item: ..., items[, start]): left fold over a tuple.",
    "growth": "growth(lambda n: measure, sizes): exponent of the least-squares power law.",
    "mutated": "mutated(call): number of input elements that the call changed; of backward(call) "
    "those of what is pulled back as well.",
    "margins_written": "margins_written(call): elements written outside of the inputs' views.",
    "state_changed": "state_changed(call): number of global settings that the call changed, seeds "
    "of random generators among them.",
    "random_drawn": "random_drawn(call): number of global random generators that it drew from.",
    "kept": "kept(call): the result survives a later call with other values.",
    "renewed": "renewed(call): with its inputs overwritten in place, the call sees the new values, "
    "and other options with the same inputs.",
    "apart": "apart(backward(call)): each gradient is the same when it alone is asked for, also "
    "after a call without gradients, with the same parameters once more, or with other calls "
    "before the way back; writing into a result changes none unless that raises; those of several "
    "results add up; later ones leave it alone.",
    "again": "again(backward(call)): the gradients are the same when one graph is gone back a "
    "second time, unless that raises.",
    "straight": "straight(backward(call)): the gradients are the same for contiguous copies of the "
    "inputs.",
    "numbers": "numbers(backward(call)): no gradient is NaN where the results and the "
    "reference's gradients are numbers.",
    "flows": "flows(backward(call)): a gradient reaches every input that the reference's reaches.",
    "repeats": "repeats(call): the same call on the same memory gives the same bits.",
    "well_formed": "well_formed(call): plain tensors of the promised shapes and dtypes.",
    "contiguous": "contiguous(x): the same values in fresh contiguous memory.",
    "swapped": "swapped(x): the same values, of [B, H, L, D] say, in memory as [B, L, H, D].",
    "batch_element": "batch_element(x, b): element b of a batch (inputs, options or a result).",
    "batch_reversed": "batch_reversed(x): the batch (inputs, options or a result) in reverse.",
    "dtype": "dtype(x): the dtype in which the target returned x, as a text.",
    "default_options": "default_options(): the claimed options that are not at their default.",
    "hbm_bytes": "hbm_bytes(call): bytes that the call read and wrote; every access counts.",
    "hbm_read": "hbm_read(call): bytes that the call read.",
    "hbm_written": "hbm_written(call): bytes that the call wrote.",
    "read_of": "read_of(call, x): bytes read of the argument x (or its position or option name).",
    "written_of": "written_of(call, x): bytes written to the argument x.",
    "fresh_bytes": "fresh_bytes(call): traffic on memory that it allocated and did not return.",
    "result_bytes": "result_bytes(call): traffic on the memory of the results.",
    "sectors": "sectors(call): distinct 32-byte pieces that its Triton kernels touched.",
    "races": "races(call): elements that programs of one launch access unordered, one writing.",
    "outside": "outside(call): lanes of its kernels at addresses in no tensor.",
    "unwritten_reads": "unwritten_reads(call): elements read that nobody had written.",
    "launches": "launches(call): Triton kernels that it launched.",
    "flops": "flops(call): floating-point operations of its matrix products.",
    "peak_bytes": "peak_bytes(call): the most bytes it had allocated at once, results included.",
    "order_dependent": "order_dependent(call): reversing its kernels' programs changes the result.",
    "strictly": "strictly(a == b): exact comparison, every element.",
    "differs": "differs(a, b): not the same bits.",
    "finite": "finite(x): no NaN and no infinity anywhere.",
    "follows": "follows(x, normal(0, 1), alarm=1e-9): Kolmogorov-Smirnov test.",
    "normal": "normal(mean, std): a distribution, for follows.",
    "uniform": "uniform(low, high): a distribution, for follows.",
}
