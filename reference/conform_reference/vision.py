"""The operators of the vision domain; one private module for each family."""

from conform_reference._convolution import (
    conv2d,
    fold_batch_norm,
    merge_kernels,
    pooled_classifier,
    shift_attention,
)
from conform_reference._convolution_costs import conv2d_cost, conv_receptive_field, replknet_cost
from conform_reference._detection import (
    detr_cost,
    detr_match_cost,
    generalized_box_iou,
    mean_iou,
    sam_masks,
)
from conform_reference._mae import (
    mae_loss,
    mae_random_mask,
    mae_shuffle,
    maskgit_loss,
    maskgit_mask_count,
)
from conform_reference._patches import (
    interpolate_positions,
    patch_embed,
    vit_embed,
    vit_encoder_flops,
    vit_sequence_length,
)
from conform_reference._token_maps import (
    class_attention_map,
    grid_smoothness,
    linear_cka,
    mean_attention_distance,
    neighbour_similarity,
    patch_norms,
)
from conform_reference._vision_blocks import (
    conv_projection,
    convnext_block,
    convnext_block_parameters,
    metaformer_block,
    pool_mixer,
)
from conform_reference._vit import (
    register_encoder,
    vit_encoder,
    vpt_deep_encoder,
)
from conform_reference._windows import (
    grid_partition,
    grid_reverse,
    shifted_window_attention,
    shifted_window_mask,
    window_attention_cost,
    window_partition,
    window_reverse,
)

__all__ = [
    "class_attention_map",
    "conv2d",
    "conv2d_cost",
    "conv_projection",
    "conv_receptive_field",
    "convnext_block",
    "convnext_block_parameters",
    "detr_cost",
    "detr_match_cost",
    "fold_batch_norm",
    "generalized_box_iou",
    "grid_partition",
    "grid_reverse",
    "grid_smoothness",
    "interpolate_positions",
    "linear_cka",
    "mae_loss",
    "mae_random_mask",
    "mae_shuffle",
    "maskgit_loss",
    "maskgit_mask_count",
    "mean_attention_distance",
    "mean_iou",
    "merge_kernels",
    "metaformer_block",
    "neighbour_similarity",
    "patch_embed",
    "patch_norms",
    "pool_mixer",
    "pooled_classifier",
    "register_encoder",
    "replknet_cost",
    "sam_masks",
    "shift_attention",
    "shifted_window_attention",
    "shifted_window_mask",
    "vit_embed",
    "vit_encoder",
    "vit_encoder_flops",
    "vit_sequence_length",
    "vpt_deep_encoder",
    "window_attention_cost",
    "window_partition",
    "window_reverse",
]
