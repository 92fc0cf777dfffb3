"""Mnemonics of gfx10 where gfx11 has another (the RDNA2 and RDNA3 reference guides' lists of opcodes)."""

GFX10 = {
    "v_clz_i32_u32": "v_ffbh_u32", "v_ctz_i32_b32": "v_ffbl_b32", "v_cls_i32": "v_ffbh_i32",
    "v_mul_dx9_zero_f32": "v_mul_legacy_f32", "v_fmac_dx9_zero_f32": "v_fmac_legacy_f32",
    "v_fma_dx9_zero_f32": "v_fma_legacy_f32", "v_dot2acc_f32_f16": "v_dot2c_f32_f16",
    "v_cvt_pk_rtz_f16_f32": "v_cvt_pkrtz_f16_f32", "v_cvt_nearest_i32_f32": "v_cvt_rpi_i32_f32",
    "v_cvt_floor_i32_f32": "v_cvt_flr_i32_f32", "v_cvt_pk_norm_i16_f16": "v_cvt_pknorm_i16_f16",
    "v_cvt_pk_norm_u16_f16": "v_cvt_pknorm_u16_f16", "v_cvt_pk_norm_i16_f32": "v_cvt_pknorm_i16_f32",
    "v_cvt_pk_norm_u16_f32": "v_cvt_pknorm_u16_f32",
    "s_set_inst_prefetch_distance": "s_inst_prefetch",
    **{f"v_cmp{x}_t_{t}": f"v_cmp{x}_tru_{t}" for x in ("", "x") for t in ("f16", "f32", "f64")},
    "s_and_not1_b32": "s_andn2_b32", "s_and_not1_b64": "s_andn2_b64", "s_or_not1_b32": "s_orn2_b32",
    "s_or_not1_b64": "s_orn2_b64", "s_ctz_i32_b32": "s_ff1_i32_b32", "s_ctz_i32_b64": "s_ff1_i32_b64",
    "s_clz_i32_u32": "s_flbit_i32_b32", "s_clz_i32_u64": "s_flbit_i32_b64", "s_cls_i32": "s_flbit_i32",
    "s_cls_i32_i64": "s_flbit_i32_i64",
    **{f"s_{op}_not{n}_{what}_{b}": f"s_{op}n{2 if n else 1}_{what}_{b}" for op in ("and", "or") for n in (0, 1)
       for what in ("saveexec", "wrexec") for b in ("b32", "b64")},
}


LOADS = {"u8": "ubyte", "i8": "sbyte", "u16": "ushort", "i16": "sshort", "b32": "dword", "b64": "dwordx2", "b96": "dwordx3",
         "b128": "dwordx4", "d16_u8": "ubyte_d16", "d16_i8": "sbyte_d16", "d16_b16": "short_d16", "d16_hi_u8": "ubyte_d16_hi",
         "d16_hi_i8": "sbyte_d16_hi", "d16_hi_b16": "short_d16_hi", "addtid_b32": "dword_addtid"}
STORES = LOADS | {"b8": "byte", "b16": "short", "d16_hi_b8": "byte_d16_hi"}
SIGNED = {"min_i": "smin", "max_i": "smax", "min_u": "umin", "max_u": "umax", "cmpswap_f": "fcmpswap", "min_f": "fmin", "max_f": "fmax"}
for segment in ("flat", "global", "scratch", "buffer"):
    GFX10 |= {f"{segment}_load_{new}": f"{segment}_load_{old}" for new, old in LOADS.items()}
    GFX10 |= {f"{segment}_store_{new}": f"{segment}_store_{old}" for new, old in STORES.items()}
    for op in ("swap_b", "cmpswap_b", "add_u", "sub_u", "csub_u", "and_b", "or_b", "xor_b", "inc_u", "dec_u", *SIGNED):
        for bits, suffix in ((32, ""), (64, "_x2")):
            GFX10[f"{segment}_atomic_{op}{bits}"] = f"{segment}_atomic_{SIGNED.get(op, op[:-2])}{suffix}"
for what in ("load", "store"):
    for n in ("x", "xy", "xyz", "xyzw"):
        for buffer in ("buffer", "tbuffer"):
            GFX10[f"{buffer}_{what}_d16_format_{n}"] = f"{buffer}_{what}_format_d16_{n}"
    GFX10[f"buffer_{what}_d16_hi_format_x"] = f"buffer_{what}_format_d16_hi_x"
for type_ in ("b32", "b64"):
    for new, old in (("load_2addr", "read2"), ("load_2addr_stride64", "read2st64"), ("store_2addr", "write2"),
                     ("store_2addr_stride64", "write2st64"), ("storexchg_rtn", "wrxchg_rtn"), ("storexchg_2addr_rtn", "wrxchg2_rtn"),
                     ("storexchg_2addr_stride64_rtn", "wrxchg2st64_rtn")):
        GFX10[f"ds_{new}_{type_}"] = f"ds_{old}_{type_}"
for type_ in ("u8", "i8", "u16", "i16", "b32", "b64", "b96", "b128", "addtid_b32", "u8_d16", "u8_d16_hi", "i8_d16", "i8_d16_hi",
              "u16_d16", "u16_d16_hi"):
    GFX10["ds_load_" + type_] = "ds_read_" + type_
for type_ in ("b8", "b16", "b32", "b64", "b96", "b128", "addtid_b32", "b8_d16_hi", "b16_d16_hi"):
    GFX10["ds_store_" + type_] = "ds_write_" + type_
for bits, suffix in ((32, "dword"), (64, "dwordx2"), (128, "dwordx4"), (256, "dwordx8"), (512, "dwordx16")):
    GFX10[f"s_load_b{bits}"], GFX10[f"s_buffer_load_b{bits}"] = f"s_load_{suffix}", f"s_buffer_load_{suffix}"


def mnemonic(name, gpu):
    return GFX10.get(name, name) if gpu.startswith("gfx10") else name
