"""Every name that a law may use besides its own draws; no torch, so that specs load fast."""

FUNCTION_NAMES = frozenset(
    (
        "exp log log2 sqrt tanh sin cos erf sigmoid relu abs sum mean max min norm var clamp "
        "where sort cumsum matmul einsum dot transpose outer arange ones zeros full eye one_hot "
        "tril triu permute inverse take gather slice concat stack split roll flip reshape "
        "repeat tile expand unsqueeze size nbytes permutation_matrix isfinite isnan any all "
        "argmax round integer real identity zero previous rank unique_rows ceil floor sign range "
        "diff tensor names contains log_gamma topk histogram kron "
    ).split()
)
# What a metered call tells; and of these what only kernels have.
MEASURE_NAMES = frozenset(
    (
        "hbm_bytes hbm_read hbm_written read_of written_of fresh_bytes result_bytes sectors races "
        "outside unwritten_reads launches flops peak_bytes order_dependent "
    ).split()
)
KERNEL_MEASURES = frozenset("sectors races outside unwritten_reads order_dependent".split())
FORM_NAMES = MEASURE_NAMES | frozenset(
    (
        "grad vjp edit depends raises map fold growth mutated margins_written state_changed "
        "random_drawn kept renewed apart again straight numbers flows repeats well_formed "
        "contiguous swapped batch_element batch_reversed dtype default_options strictly differs "
        "finite follows normal uniform backward "
    ).split()
)
CONSTANT_NAMES = frozenset({"inf", "pi", "nan", "e", "None", "True", "False"})
LAW_NAMES = FUNCTION_NAMES | FORM_NAMES | CONSTANT_NAMES
