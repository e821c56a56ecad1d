"""The operators of the audio domain; one private module for each family."""

from conform_reference._speech import (
    relative_shift,
    spectrogram_patch_count,
    spectrogram_patch_embed,
    subsampled_length,
    subsampled_padding_mask,
)
from conform_reference._speech_blocks import (
    branch_merge_average,
    branch_merge_concat,
    branchformer_block,
    cgmlp,
    conformer_block,
    conformer_conv,
)

__all__ = [
    "branch_merge_average",
    "branch_merge_concat",
    "branchformer_block",
    "cgmlp",
    "conformer_block",
    "conformer_conv",
    "relative_shift",
    "spectrogram_patch_count",
    "spectrogram_patch_embed",
    "subsampled_length",
    "subsampled_padding_mask",
]
