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


def mnemonic(name, gpu):
    return GFX10.get(name, name) if gpu.startswith("gfx10") else name
