"""The overlap is forgotten."""

MISTAKE = "spectrogram_patch_count.no-overlap"


def spectrogram_patch_count(frequency, time, *, patch=16, stride=10):
    if min(frequency, time) < patch:
        raise ValueError("smaller than a patch")
    return (frequency // patch) * (time // patch)
