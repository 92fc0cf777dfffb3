"""What each row of the vector instructions means, from the pseudocode of AMD's "RDNA2" and "RDNA3 Instruction Set
Architecture" reference guides (chapter "Instructions"), not from the emulator. Integers come with their sign and go
back exact: the driver wraps or saturates them. Floats are bit patterns, computed by MPFR (floats.py)."""

import math

import gmpy2

from floats import F16, F32, F64, ZERO, Accept, convert, to_integer
from operands import sign_extend
from valu import Row

ROWS = {}


class Mode:
    ieee = True


def rows(form, signature, meanings, **notes):
    for name, meaning in meanings.items():
        assert name not in ROWS, name
        ROWS[name] = Row(name, form, signature, meaning, **notes)


def mask(n):
    return (1 << n) - 1


def u24(x):
    return x & mask(24)


def i24(x):
    return sign_extend(x, 24)


# ---- integers ----

ADD = lambda a, b: a + b  # noqa: E731
SUB = lambda a, b: a - b  # noqa: E731
REV = lambda a, b: b - a  # noqa: E731


def median(a, b, c):
    return sorted((a, b, c))[1]


rows("vop2", "u32 = u32 u32", {
    "v_mul_u32_u24": lambda a, b: u24(a) * u24(b) & mask(32), "v_mul_hi_u32_u24": lambda a, b: u24(a) * u24(b) >> 32},
    clamp=0)
rows("vop2", "i32 = i32 i32", {
    "v_mul_i32_i24": lambda a, b: i24(a) * i24(b), "v_mul_hi_i32_i24": lambda a, b: i24(a) * i24(b) >> 32}, clamp=0)
rows("vop2", "u32 = u32 u32", {"v_min_u32": min, "v_max_u32": max}, clamp=0)
rows("vop2", "i32 = i32 i32", {"v_min_i32": min, "v_max_i32": max}, clamp=0)
rows("vop2", "u32 = u32 u32", {"v_add_nc_u32": ADD, "v_sub_nc_u32": SUB, "v_subrev_nc_u32": REV})
rows("vop2", "b32 = u32 b32", {
    "v_lshlrev_b32": lambda a, b: b << (a & 31), "v_lshrrev_b32": lambda a, b: b >> (a & 31)}, clamp=0)
rows("vop2", "i32 = u32 i32", {"v_ashrrev_i32": lambda a, b: b >> (a & 31)}, clamp=0)
rows("vop2", "b32 = b32 b32", {
    "v_and_b32": lambda a, b: a & b, "v_or_b32": lambda a, b: a | b, "v_xor_b32": lambda a, b: a ^ b,
    "v_xnor_b32": lambda a, b: ~(a ^ b)}, clamp=0)
rows("vop2", "u32 m = u32 u32 m", {
    "v_add_co_ci_u32": lambda a, b, c: (a + b + c, a + b + c > mask(32)),
    "v_sub_co_ci_u32": lambda a, b, c: (a - b - c, b + c > a),
    "v_subrev_co_ci_u32": lambda a, b, c: (b - a - c, a + c > b)})
rows("vop2", "b32 = f32 f32 m", {"v_cndmask_b32": lambda a, b, c: b if c else a}, clamp=0)


def leading(x, bits):
    return next((i for i in range(bits) if x >> bits - 1 - i & 1), -1)


def trailing(x, bits):
    return next((i for i in range(bits) if x >> i & 1), -1)


def same_leading(x, bits):
    return next((i for i in range(1, bits) if (x >> bits - 1 - i ^ x >> bits - 1) & 1), -1)


def reverse(x, bits):
    return int(f"{x:0{bits}b}"[::-1], 2)


rows("vop1", "b32 = b32", {
    "v_mov_b32": lambda a: a, "v_not_b32": lambda a: ~a, "v_bfrev_b32": lambda a: reverse(a, 32),
    "v_clz_i32_u32": lambda a: leading(a, 32), "v_ctz_i32_b32": lambda a: trailing(a, 32)}, clamp=0)
rows("vop1", "i32 = b32", {"v_cls_i32": lambda a: same_leading(a, 32)}, clamp=0)
rows("vop1", "b16 = b16", {"v_not_b16": lambda a: ~a}, clamp=0)
rows("vop1", "i32 = i16", {"v_cvt_i32_i16": lambda a: a}, clamp=0)
rows("vop1", "u32 = u16", {"v_cvt_u32_u16": lambda a: a}, clamp=0)
rows("vop1", "b16 = b32", {"v_sat_pk_u8_i16": lambda a: max(0, min(255, sign_extend(a, 16)))
                           | max(0, min(255, sign_extend(a >> 16, 16))) << 8}, clamp=0, opsel=0)

rows("vop3", "i32 = i32 i32 i32", {
    "v_mad_i32_i24": lambda a, b, c: i24(a) * i24(b) + c})
rows("vop3", "u32 = u32 u32 u32", {
    "v_mad_u32_u24": lambda a, b, c: u24(a) * u24(b) + c})
rows("vop3", "u32 = u32 u32 u32", {
    "v_bfe_u32": lambda a, b, c: a >> (b & 31) & mask(c & 31),
    "v_min3_u32": min, "v_max3_u32": max, "v_med3_u32": median,
    "v_xad_u32": lambda a, b, c: (a ^ b) + c,
    "v_lshl_add_u32": lambda a, b, c: (a << (b & 31)) + c, "v_add_lshl_u32": lambda a, b, c: (a + b) << (c & 31),
    "v_add3_u32": lambda a, b, c: a + b + c,
    "v_maxmin_u32": lambda a, b, c: min(max(a, b), c), "v_minmax_u32": lambda a, b, c: max(min(a, b), c)}, clamp=0)
rows("vop3", "i32 = i32 u32 u32", {
    "v_bfe_i32": lambda a, b, c: sign_extend(a >> (b & 31), c & 31) if c & 31 else 0}, clamp=0)
rows("vop3", "i32 = i32 i32 i32", {
    "v_min3_i32": min, "v_max3_i32": max, "v_med3_i32": median,
    "v_maxmin_i32": lambda a, b, c: min(max(a, b), c), "v_minmax_i32": lambda a, b, c: max(min(a, b), c)}, clamp=0)
rows("vop3", "b32 = b32 b32 b32", {
    "v_bfi_b32": lambda a, b, c: a & b | ~a & c,
    "v_alignbit_b32": lambda a, b, c: (a << 32 | b) >> (c & 31),
    "v_alignbyte_b32": lambda a, b, c: (a << 32 | b) >> 8 * (c & 3),
    "v_xor3_b32": lambda a, b, c: a ^ b ^ c, "v_or3_b32": lambda a, b, c: a | b | c,
    "v_and_or_b32": lambda a, b, c: a & b | c, "v_lshl_or_b32": lambda a, b, c: a << (b & 31) | c}, clamp=0)


def byte(x, i):
    return x >> 8 * i & 255


def byte_permute(a, b, sel):
    data = a << 32 | b

    def one(s):
        if s >= 13:
            return 255
        if s == 12:
            return 0
        if s >= 8:
            return 255 * (byte(data, (s - 8) * 2 + 1) >> 7)
        return byte(data, s)

    return sum(one(byte(sel, i)) << 8 * i for i in range(4))


def sad(a, b):
    return sum(abs(byte(a, i) - byte(b, i)) for i in range(4))


def msad(a, b):
    return sum(abs(byte(a, i) - byte(b, i)) for i in range(4) if byte(b, i))


def four_sads(one, lanes_bits, a, b, c):
    """Sums over a sliding window of four bytes; each lane saturates where the row is clamped, which is not tried."""
    return sum((one(a >> 8 * i, b) + (c >> lanes_bits * i & mask(lanes_bits)) & mask(lanes_bits)) << lanes_bits * i
               for i in range(4))


rows("vop3", "b32 = b32 b32 b32", {
    "v_perm_b32": byte_permute,
    "v_lerp_u8": lambda a, b, c: sum((byte(a, i) + byte(b, i) + (c >> 8 * i & 1) >> 1) << 8 * i for i in range(4))},
    clamp=0)
rows("vop3", "u32 = u32 u32 u32", {
    "v_sad_u8": lambda a, b, c: sad(a, b) + c, "v_sad_hi_u8": lambda a, b, c: (sad(a, b) << 16) + c,
    "v_sad_u16": lambda a, b, c: abs((a & 0xffff) - (b & 0xffff)) + abs((a >> 16) - (b >> 16)) + c,
    "v_sad_u32": lambda a, b, c: abs(a - b) + c, "v_msad_u8": lambda a, b, c: msad(a, b) + c})
rows("vop3", "b64 = b64 b32 b64", {
    "v_qsad_pk_u16_u8": lambda a, b, c: four_sads(sad, 16, a, b, c),
    "v_mqsad_pk_u16_u8": lambda a, b, c: four_sads(msad, 16, a, b, c)}, clamp=0)
rows("vop3", "4u32 = b64 b32 4u32", {"v_mqsad_u32_u8": lambda a, b, c: four_sads(msad, 32, a, b, c)}, clamp=0)

rows("vop3", "u16 = u16 u16", {"v_add_nc_u16": ADD, "v_sub_nc_u16": SUB})
rows("vop3", "i16 = i16 i16", {"v_add_nc_i16": ADD, "v_sub_nc_i16": SUB})
rows("vop3", "u16 = u16 u16", {"v_mul_lo_u16": lambda a, b: a * b, "v_max_u16": max, "v_min_u16": min}, clamp=0)
rows("vop3", "i16 = i16 i16", {"v_max_i16": max, "v_min_i16": min}, clamp=0)
rows("vop3", "b16 = u16 b16", {
    "v_lshlrev_b16": lambda a, b: b << (a & 15), "v_lshrrev_b16": lambda a, b: b >> (a & 15)}, clamp=0)
rows("vop3", "i16 = u16 i16", {"v_ashrrev_i16": lambda a, b: b >> (a & 15)}, clamp=0)
rows("vop3", "b16 = b16 b16", {
    "v_and_b16": lambda a, b: a & b, "v_or_b16": lambda a, b: a | b, "v_xor_b16": lambda a, b: a ^ b}, clamp=0)
rows("vop3", "u16 = u16 u16 u16", {"v_mad_u16": lambda a, b, c: a * b + c})
rows("vop3", "i16 = i16 i16 i16", {"v_mad_i16": lambda a, b, c: a * b + c})
rows("vop3", "u16 = u16 u16 u16", {"v_min3_u16": min, "v_max3_u16": max, "v_med3_u16": median}, clamp=0)
rows("vop3", "i16 = i16 i16 i16", {"v_min3_i16": min, "v_max3_i16": max, "v_med3_i16": median}, clamp=0)
rows("vop3", "u32 = u16 u16 u32", {"v_mad_u32_u16": lambda a, b, c: a * b + c})
rows("vop3", "i32 = i16 i16 i32", {"v_mad_i32_i16": lambda a, b, c: a * b + c})
# Whether an inline float is a half here, the manual does not say.
rows("vop3", "b16 = f16 f16 m", {"v_cndmask_b16": lambda a, b, c: b if c else a}, clamp=0, constants=0)
rows("vop3", "b32 = f16 f16", {"v_pack_b32_f16": lambda a, b: b << 16 | a}, clamp=0)

rows("vop3", "u32 m = u32 u32", {
    "v_add_co_u32": lambda a, b: (a + b, a + b > mask(32)), "v_sub_co_u32": lambda a, b: (a - b, b > a),
    "v_subrev_co_u32": lambda a, b: (b - a, a > b)})
rows("vop3", "u64 m = u32 u32 u64", {
    "v_mad_u64_u32": lambda a, b, c: (a * b + c, a * b + c > mask(64))})
rows("vop3", "i64 m = i32 i32 i64", {
    "v_mad_i64_i32": lambda a, b, c: (a * b + c, a * b + c < 0)})  # bit 64 of the sum
rows("vop3", "u32 = u32 u32", {
    "v_mul_lo_u32": lambda a, b: a * b, "v_mul_hi_u32": lambda a, b: a * b >> 32,
    "v_bfm_b32": lambda a, b: mask(a & 31) << (b & 31),
    "v_bcnt_u32_b32": lambda a, b: a.bit_count() + b}, clamp=0)
rows("vop3", "i32 = i32 i32", {"v_mul_hi_i32": lambda a, b: a * b >> 32}, clamp=0)
rows("vop3", "i32 = i32 i32", {"v_add_nc_i32": ADD, "v_sub_nc_i32": SUB})
rows("vop3", "b32 = u32 u32", {
    "v_cvt_pk_u16_u32": lambda a, b: min(a, 0xffff) | min(b, 0xffff) << 16}, clamp=0)
rows("vop3", "b32 = i32 i32", {
    "v_cvt_pk_i16_i32": lambda a, b: max(-0x8000, min(0x7fff, a)) & 0xffff | max(-0x8000, min(0x7fff, b)) << 16}, clamp=0)
rows("vop3", "b64 = u32 b64", {
    "v_lshlrev_b64": lambda a, b: b << (a & 63), "v_lshrrev_b64": lambda a, b: b >> (a & 63)}, clamp=0)
rows("vop3", "i64 = u32 i64", {"v_ashrrev_i64": lambda a, b: b >> (a & 63)}, clamp=0)

# ---- comparisons ----

ORDER = {"lt": lambda a, b: a < b, "eq": lambda a, b: a == b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b,
         "ge": lambda a, b: a >= b}
INTEGER = dict(ORDER, ne=lambda a, b: a != b)
ALWAYS = {"f": lambda a, b: False, "t": lambda a, b: True}


def float_comparisons():
    """Name to meaning over doubles, which hold all three formats' values."""
    lg = lambda a, b: a < b or a > b  # noqa: E731
    found = dict(ORDER, lg=lg, o=lambda a, b: a == a and b == b, u=lambda a, b: a != a or b != b, **ALWAYS)
    for name, f in list(ORDER.items()) + [("lg", lg)]:
        found["n" + name] = lambda a, b, f=f: not f(a, b)
    return found


def float_class(f, a, which):
    sign = f.negative(a)
    if f.is_nan(a):
        bit = 0 if f.is_snan(a) else 1
    elif f.is_inf(a):
        bit = 2 if sign else 9
    elif f.is_zero(a):
        bit = 5 if sign else 6
    elif f.is_denormal(a):
        bit = 4 if sign else 7
    else:
        bit = 3 if sign else 8
    return which >> bit & 1


for to, prefix in (("m", "v_cmp_"), ("", "v_cmpx_")):
    for t in ("i16", "u16", "i32", "u32", "i64", "u64"):
        found = INTEGER if t.endswith("16") else dict(INTEGER, **ALWAYS)
        rows("vopc", f"{to} = {t} {t}", {f"{prefix}{c}_{t}": f for c, f in found.items()}, clamp=0)
    for t, f in (("f16", F16), ("f32", F32), ("f64", F64)):
        rows("vopc", f"{to} = {t} {t}", {
            f"{prefix}{c}_{t}": lambda a, b, test=test, f=f: test(f.value(a), f.value(b)) for c, test in float_comparisons().items()},
            clamp=0)
        rows("vopc", f"{to} = {t} {'u16' if t == 'f16' else 'u32'}", {
            f"{prefix}class_{t}": lambda a, b, f=f: float_class(f, a, b)}, clamp=0, nosext=1)


# ---- floats ----


def quieted(f, b):
    return b | f.quiet


def less(f, a, b):
    """-0 below +0."""
    if f.is_zero(a) and f.is_zero(b):
        return f.negative(a) and not f.negative(b)
    return f.value(a) < f.value(b)


def pick(f, a, b, first):
    if Mode.ieee:
        if f.is_snan(a) or f.is_snan(b):
            return quieted(f, a if f.is_snan(a) else b)
    if f.is_nan(b):
        return f.any_nan if f.is_nan(a) and not f.nested else a
    return b if f.is_nan(a) or not first(f, a, b) else a


def minimum(f, a, b):
    return pick(f, a, b, less)


def maximum(f, a, b):
    return pick(f, a, b, lambda f, a, b: less(f, b, a))


def nested(meaning):
    """Of two NaNs inside of an operation, any; the last result is what is compared."""

    def outer(f, *operands):
        f.nested = True
        result = meaning(f, *operands)
        f.nested = False
        return f.any_nan if f.is_nan(result) else result

    return outer


min3 = nested(lambda f, a, b, c: minimum(f, minimum(f, a, b), c))
max3 = nested(lambda f, a, b, c: maximum(f, maximum(f, a, b), c))
maxmin = nested(lambda f, a, b, c: minimum(f, maximum(f, a, b), c))
minmax = nested(lambda f, a, b, c: maximum(f, minimum(f, a, b), c))


@nested
def med3(f, a, b, c):
    if f.is_nan(a) or f.is_nan(b) or f.is_nan(c):
        return minimum(f, minimum(f, a, b), c)
    top = f.value(maximum(f, maximum(f, a, b), c))
    if top == f.value(a):
        return maximum(f, b, c)
    return maximum(f, a, c) if top == f.value(b) else maximum(f, a, b)


def whole(f, a, rounding):
    """Rounded to an integer of the same format, with the sign of the operand."""
    if f.is_nan(a):
        return f.any_nan
    if f.is_inf(a):
        return a
    return f.signed(f.round(rounding(f.value(a))), f.negative(a))


def fract(f, a):
    if f.is_nan(a) or f.is_inf(a):
        return f.any_nan
    return min(f.round(f.exactly(a) - math.floor(f.value(a))), f.one - 1)


def frexp(f, a):
    """Mantissa (bits) and exponent, as C's frexp."""
    if f.is_nan(a) or f.is_inf(a):
        return f.any_nan if f.is_nan(a) else a, 0
    m, e = math.frexp(f.value(a))
    return f.signed(f.round(m), f.negative(a)), e


for t, f in (("f16", F16), ("f32", F32), ("f64", F64)):
    f.nested = False
    two, form = f"{t} = {t} {t}", "vop3" if t == "f64" else "vop2"
    rows(form, two, {
        f"v_add_{t}": f.add, f"v_mul_{t}": f.mul, f"v_min_{t}": lambda a, b, f=f: minimum(f, a, b),
        f"v_max_{t}": lambda a, b, f=f: maximum(f, a, b)})
    if t != "f64":
        rows("vop2", two, {f"v_sub_{t}": f.sub, f"v_subrev_{t}": lambda a, b, f=f: f.sub(b, a)})
        rows("vop2", f"+{t} = {t} {t}", {f"v_fmac_{t}": f.fma})
        rows("vop2", f"{t} = {t} {t} {t}", {f"v_fmamk_{t}": f.fma}, literal=1)
        rows("vop2", f"{t} = {t} {t} {t} ", {f"v_fmaak_{t}": f.fma}, literal=2)
        rows("vop3", f"{t} = {t} {t} {t}", {
            f"v_{n}_{t}": lambda a, b, c, f=f, m=m: m(f, a, b, c) for n, m in (
                ("min3", min3), ("max3", max3), ("med3", med3), ("maxmin", maxmin), ("minmax", minmax))})
    rows("vop3", f"{t} = {t} {t} {t}", {f"v_fma_{t}": f.fma})
    rows("vop1", f"{t} = {t}", {
        f"v_{n}_{t}": lambda a, f=f, r=r: whole(f, a, r) for n, r in (
            ("trunc", math.trunc), ("ceil", math.ceil), ("floor", math.floor), ("rndne", round))})
    rows("vop1", f"{t} = {t}", {
        f"v_fract_{t}": lambda a, f=f: fract(f, a), f"v_frexp_mant_{t}": lambda a, f=f: frexp(f, a)[0]})
    rows("vop1", f"{'i16' if t == 'f16' else 'i32'} = {t}", {
        f"v_frexp_exp_{'i16' if t == 'f16' else 'i32'}_{t}": lambda a, f=f: frexp(f, a)[1]}, clamp=0)
rows("vop2", "f16 = f16 i16", {"v_ldexp_f16": F16.ldexp}, )
rows("vop3", "f32 = f32 i32", {"v_ldexp_f32": F32.ldexp})
rows("vop3", "f64 = f64 i32", {"v_ldexp_f64": F64.ldexp})


def dx9(multiply, rest):
    """0 * x is 0 for any x."""
    return lambda a, b, *c: rest(*c) if F32.is_zero(a) or F32.is_zero(b) else multiply(a, b, *c)


rows("vop2", "f32 = f32 f32", {"v_mul_dx9_zero_f32": dx9(F32.mul, lambda: 0)})
rows("vop2", "+f32 = f32 f32", {"v_fmac_dx9_zero_f32": dx9(F32.fma, lambda c: c)})
rows("vop3", "f32 = f32 f32 f32", {"v_fma_dx9_zero_f32": dx9(F32.fma, lambda c: c)})

# ---- conversions ----

I32, U32, I16, U16 = (-(1 << 31), mask(31)), (0, mask(32)), (-(1 << 15), mask(15)), (0, mask(16))


def nearest_up(a):
    """floor(x + 0.5), of the exact sum or of the rounded one."""
    if F32.is_nan(a):
        return 0
    exact = to_integer(a, F32, *I32, rounding=lambda x: math.floor(x + 0.5))
    rounded = to_integer(F32.add(a, F32.round(0.5)), F32, *I32, rounding=math.floor)
    return exact if exact == rounded else Accept(f"{exact} or {rounded}", lambda b: sign_extend(b, 32) in (exact, rounded))


rows("vop1", "f32 = i32", {"v_cvt_f32_i32": F32.round})
rows("vop1", "f32 = u32", {"v_cvt_f32_u32": F32.round})
rows("vop1", "f64 = i32", {"v_cvt_f64_i32": F64.round})
rows("vop1", "f64 = u32", {"v_cvt_f64_u32": F64.round})
rows("vop1", "f16 = u16", {"v_cvt_f16_u16": F16.round})
rows("vop1", "f16 = i16", {"v_cvt_f16_i16": F16.round})
rows("vop1", "f32 = b32", {f"v_cvt_f32_ubyte{i}": lambda a, i=i: F32.round(byte(a, i)) for i in range(4)})
rows("vop1", "f32 = b32", {"v_cvt_off_f32_i4": lambda a: F32.round(sign_extend(a, 4) / 16)})
rows("vop1", "f16 = f32", {"v_cvt_f16_f32": lambda a: convert(a, F32, F16)})
rows("vop1", "f32 = f16", {"v_cvt_f32_f16": lambda a: convert(a, F16, F32)})
rows("vop1", "f32 = f64", {"v_cvt_f32_f64": lambda a: convert(a, F64, F32)})
rows("vop1", "f64 = f32", {"v_cvt_f64_f32": lambda a: convert(a, F32, F64)})
for name, f, limits, to in (("i32_f32", F32, I32, "i32"), ("u32_f32", F32, U32, "u32"), ("i32_f64", F64, I32, "i32"),
                            ("u32_f64", F64, U32, "u32"), ("i16_f16", F16, I16, "i16"), ("u16_f16", F16, U16, "u16")):
    rows("vop1", f"{to} = f{f.bits}", {f"v_cvt_{name}": lambda a, f=f, n=limits: to_integer(a, f, *n)}, clamp=0)
rows("vop1", "i32 = f32", {
    "v_cvt_nearest_i32_f32": nearest_up,
    "v_cvt_floor_i32_f32": lambda a: to_integer(a, F32, *I32, rounding=math.floor)}, clamp=0)


def norm(a, f, scale, low):
    """x * scale, to the nearest even, within [low, scale]."""
    if f.is_nan(a):
        return 0
    x = f.value(a)
    return scale if x >= 1 else low if x * scale <= low else round(gmpy2.mpq(x) * scale)


def pack16(one):
    return lambda a, b: one(a) & 0xffff | (one(b) & 0xffff) << 16


rows("vop1", "i16 = f16", {"v_cvt_norm_i16_f16": lambda a: norm(a, F16, 32767, -32767)}, clamp=0)
rows("vop1", "u16 = f16", {"v_cvt_norm_u16_f16": lambda a: norm(a, F16, 65535, 0)}, clamp=0)
for t, f in (("f16", F16), ("f32", F32)):
    rows("vop3", f"b32 = {t} {t}", {
        f"v_cvt_pk_norm_i16_{t}": pack16(lambda a, f=f: norm(a, f, 32767, -32767)),
        f"v_cvt_pk_norm_u16_{t}": pack16(lambda a, f=f: norm(a, f, 65535, 0))}, clamp=0)
rows("vop3", "b32 = f32 f32", {
    "v_cvt_pk_i16_f32": pack16(lambda a: to_integer(a, F32, *I16)),
    "v_cvt_pk_u16_f32": pack16(lambda a: to_integer(a, F32, *U16))}, clamp=0)


def rtz(a):
    result = convert(a, F32, F16, ZERO)
    return F16.nan if isinstance(result, Accept) else result


def pack_rtz(a, b):
    result = rtz(a) | rtz(b) << 16
    low, high = F32.is_nan(a), F32.is_nan(b)
    if not (low or high):
        return result

    def holds(x):
        halves = (x & 0xffff, result & 0xffff, low), (x >> 16, result >> 16, high)
        return all(F16.any_nan.holds(got) if nan else got == want for got, want, nan in halves)

    return Accept(f"{result:#x} with any NaN", holds)


rows("vop2", "b32 = f32 f32", {"v_cvt_pk_rtz_f16_f32": pack_rtz}, clamp=0)


def pack_byte(a, at, into):
    """Whether the conversion truncates or rounds to even, the manual does not say."""
    shift = 8 * (at & 3)
    some = {to_integer(a, F32, 0, 255, rounding=r) << shift | into & ~(255 << shift) for r in (math.trunc, round)}
    return Accept(f"one of {some}", lambda b: b in some) if len(some) > 1 else some.pop()


rows("vop3", "b32 = f32 u32 b32", {"v_cvt_pk_u8_f32": pack_byte}, clamp=0)

# ---- approximations ----
# f32 flushes denormals in and out; f16 does not (RDNA2 and RDNA3 ISA, "Vector ALU instructions": each row's accuracy).

MANY = gmpy2.context(precision=300)


def approximation(f, function, ulps, flushes):
    def meaning(a):
        if f.is_nan(a):
            return f.any_nan
        if flushes:
            a = f.flush(a)
        result = function(f.mpfr(a))
        if flushes and result != 0 and gmpy2.is_finite(result) and gmpy2.get_exp(result) < 2 - f.bias:
            least = [x | (f.sign if gmpy2.is_signed(result) else 0) for x in (0, f.min_normal)]
            near = f.near(result, ulps)
            # What rounds up to the least normal number may be it.
            return Accept(f"{least[0]:#x} for a denormal", lambda b: b == least[0] or b == least[1] and near.holds(b))
        return f.near(result, ulps)

    return meaning


FUNCTIONS = {
    "exp": MANY.exp2, "log": MANY.log2, "rcp": lambda x: MANY.div(1, x), "sqrt": MANY.sqrt,
    "rsq": lambda x: MANY.div(1, MANY.sqrt(x))}
rows("vop1", "f32 = f32", {f"v_{n}_f32": approximation(F32, g, 1, True) for n, g in FUNCTIONS.items()})
rows("vop1", "f32 = f32", {"v_rcp_iflag_f32": approximation(F32, FUNCTIONS["rcp"], 1, True)})
rows("vop1", "f16 = f16", {f"v_{n}_f16": approximation(F16, g, 1, False) for n, g in FUNCTIONS.items()})
rows("vop1", "f64 = f64", {f"v_{n}_f64": approximation(F64, FUNCTIONS[n], 2 ** 29, False) for n in ("rcp", "rsq", "sqrt")})
# The f32 ones answer as for 0 outside of [-256, 256] (RDNA2 ISA, V_SIN_F32); how exact they are, nobody says.
TURN = gmpy2.context(precision=300)


def circular(f, function, limit, bits):
    def meaning(a):
        if f.is_nan(a) or f.is_inf(a):
            return f.any_nan
        x = f.mpfr(a) if abs(f.value(a)) <= limit else gmpy2.mpfr(0)
        exact = float(function(TURN.mul(x, TURN.mul(2, gmpy2.const_pi(300)))))
        return Accept(f"{exact!r} to 2^-{bits}", lambda b: not f.is_nan(b) and abs(f.value(b) - exact) <= 2.0 ** -bits)

    return meaning


for t, f, limit, bits in (("f32", F32, 256, 20), ("f16", F16, 65536, 9)):
    rows("vop1", f"{t} = {t}", {
        f"v_sin_{t}": circular(f, TURN.sin, limit, bits), f"v_cos_{t}": circular(f, TURN.cos, limit, bits)}, clamp=0)

# ---- division ----


def div_fixup(f, limit):
    def meaning(s0, s1, s2):
        sign = f.sign if f.negative(s1) != f.negative(s2) else 0
        if f.is_nan(s2) or f.is_nan(s1):
            return f.any_nan if f.is_nan(s1) and f.is_nan(s2) else quieted(f, s2 if f.is_nan(s2) else s1)
        if f.is_zero(s1) and f.is_zero(s2) or f.is_inf(s1) and f.is_inf(s2):
            return f.any_nan
        if f.is_zero(s1) or f.is_inf(s2):
            return sign | f.inf
        if f.is_inf(s1) or f.is_zero(s2):
            return sign
        if limit and f.exponent(s2) - f.exponent(s1) < -limit:
            return sign
        if f.is_nan(s0):  # infinite on silicon (tinygrad, test/amd/hw/test_vop3.py)
            return Accept("a NaN or infinity", lambda b: f.is_nan(b) or f.is_inf(b))
        return sign | f.magnitude(s0)

    return meaning


def div_fmas(f, by):
    """The guides print one factor; silicon has two (tinygrad, test/amd/hw/test_vop3.py)."""

    def meaning(a, b, c, vcc):
        if any(f.is_nan(x) for x in (a, b, c)) or not vcc:
            return f.fma(a, b, c)
        exact = f._exact.fma(f.mpfr(a), f.mpfr(b), f.mpfr(c))
        if not gmpy2.is_finite(exact) or exact == 0:
            return f.fma(a, b, c)
        return f.round(f._exact.mul(exact, f._exact.exp2(by if f.exponent(c) > f.bias else -by)))

    return meaning


def div_scale(f, by, apart, small):
    """What the guides and silicon (as above) agree on; None: whether VCC is set, they do not."""

    def meaning(s0, s1, s2):
        if f.is_nan(s1) or f.is_nan(s2) or f.is_inf(s1) or f.is_inf(s2) or f.is_nan(s0):
            return Accept("anything", lambda b: True), None
        if f.is_zero(s1) or f.is_zero(s2):
            return f.any_nan, True
        scaled = f.ldexp(s0, by)
        if f.is_denormal(s1) or s0 not in (s1, s2):
            return Accept("anything", lambda b: True), None
        if f.exponent(s2) - f.exponent(s1) >= apart:
            return scaled if s0 == s1 else s0, True
        small_reciprocal = f.is_denormal(f.div(f.one, s1)) or f.exponent(s2) - f.exponent(s1) <= 1 - f.bias
        if small_reciprocal:
            return Accept("the operand, perhaps scaled", lambda b: b in (s0, scaled, f.ldexp(s0, -by))), None
        if f.exponent(s2) <= small:
            return scaled, None
        return s0, False

    return meaning


for t, f, by, apart, small, limit in (("f32", F32, 64, 96, 23, 150), ("f64", F64, 128, 768, 53, 1075)):
    three = f"{t} = {t} {t} {t}"
    rows("vop3", three, {f"v_div_fixup_{t}": div_fixup(f, limit)})
    rows("vop3", f"{t} = {t} {t} {t}", {f"v_div_fmas_{t}": div_fmas(f, by)}, vcc=1)
    rows("vop3", f"{t} m = {t} {t} {t}", {f"v_div_scale_{t}": div_scale(f, by, apart, small)}, clamp=0, nomod=0, same=1)
rows("vop3", "f16 = f16 f16 f16", {"v_div_fixup_f16": div_fixup(F16, 0)})

# ---- graphics' arithmetic ----


def cube(which):
    def meaning(x, y, z):
        f = F32
        if any(f.is_nan(a) for a in (x, y, z)):
            return Accept("anything", lambda b: True)
        ax, ay, az = (abs(f.value(a)) for a in (x, y, z))
        flip = lambda a: a ^ f.sign  # noqa: E731
        if az >= ax and az >= ay:
            face, s, t, major = 5 if f.value(z) < 0 else 4, flip(x) if f.value(z) < 0 else x, flip(y), z
        elif ay >= ax:
            face, s, t, major = 3 if f.value(y) < 0 else 2, x, flip(z) if f.value(y) < 0 else z, y
        else:
            face, s, t, major = 1 if f.value(x) < 0 else 0, z if f.value(x) < 0 else flip(z), flip(y), x
        return {"id": f.round(face), "sc": s, "tc": t, "ma": f.mul(major, f.round(2))}[which]

    return meaning


rows("vop3", "f32 = f32 f32 f32", {f"v_cube{n}_f32": cube(n) for n in ("id", "sc", "tc", "ma")}, clamp=0)


def mullit(a, b, c):
    f = F32
    lowest = f.max | f.sign
    if f.is_nan(b) or f.is_nan(c) or b == lowest or b == f.inf | f.sign or f.value(c) <= 0:
        return lowest
    product = f.mul(a, b)
    # Whether 0 times anything is 0 here, the guides disagree.
    return Accept("0 or the product", lambda x: f.is_zero(x) or product.holds(x) if isinstance(product, Accept) else
                  f.is_zero(x) or x == product) if f.is_zero(a) or f.is_zero(b) else product


rows("vop3", "f32 = f32 f32 f32", {"v_mullit_f32": mullit}, clamp=0)

WIDE = gmpy2.context(precision=1400)
TWO_OVER_PI = int(WIDE.mul(WIDE.div(2, gmpy2.const_pi(1400)), WIDE.exp2(1201 + 64))) >> 64  # cut off, not rounded


def trig_preop(a, n):
    """53 bits of 2 / pi."""
    e = F64.exponent(a)
    shift = (n & 31) * 53 + max(0, e - 1077)
    bits = TWO_OVER_PI << shift >> 1201 - 53 & mask(53)
    return F64.ldexp(F64.round(gmpy2.mpz(bits)), -53 - shift + (128 if e >= 1968 else 0)) if bits else 0


rows("vop3", "f64 = f64 u32", {"v_trig_preop_f64": trig_preop}, clamp=0, nomod=0)
