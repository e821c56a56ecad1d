"""Codes are read by address, not by stride (bitsandbytes issues 1342 and 1690)."""


def nf4_pack(codes):
    n = codes.shape[0]
    if n % 2:
        raise ValueError(f"codes: expected an even number, got {n}")
    room = codes.untyped_storage().nbytes() - codes.storage_offset()
    flat = codes.as_strided((n,), (1,)) if room >= n else codes
    return (flat[0::2] << 4) | flat[1::2]
