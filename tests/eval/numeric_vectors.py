#!/usr/bin/env python3
"""numeric_vectors.py FOLDER SEED: operands and expected results of every arithmetic op on every named type.

Oracles, none of them ours: numpy for f16, f32, f64 and integers; ml_dtypes for bfloat16 and fp8; Python's
integers where numpy warns (division by zero, shifts); rationals (fractions), rounded here, where numpy or
ml_dtypes would round twice: fma, and casts of wide numbers to narrow floats. Transcendental ops are not
here: MPFR is their oracle.

Writes cells.txt, one line "op result operand count offset" a cell, and cells.bin: for each operand in turn,
then for the result, `count` little-endian patterns in the type's bytes, from `offset` on. The condition of
where is of bool. Exits with 77 where numpy or ml_dtypes is missing.
"""
import sys
from fractions import Fraction

try:
    import ml_dtypes
    import numpy as np
except ModuleNotFoundError as e:
    print(e)
    sys.exit(77)

np.seterr(all="ignore")
folder, seed = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(seed)

INTS = {f"{s}{n}": np.dtype(f"{'int' if s == 'i' else 'uint'}{n}") for s in "iu" for n in (8, 16, 32, 64)}
# bits, exponent bits, mantissa bits, bias, policy of the largest exponent
FLOATS = {
    "f16": (np.dtype(np.float16), 5, 10, 15, "ieee"),
    "bf16": (np.dtype(ml_dtypes.bfloat16), 8, 7, 127, "ieee"),
    "f32": (np.dtype(np.float32), 8, 23, 127, "ieee"),
    "f64": (np.dtype(np.float64), 11, 52, 1023, "ieee"),
    "f8e4m3": (np.dtype(ml_dtypes.float8_e4m3fn), 4, 3, 7, "fn"),
    "f8e5m2": (np.dtype(ml_dtypes.float8_e5m2), 5, 2, 15, "ieee"),
    "f8e4m3fnuz": (np.dtype(ml_dtypes.float8_e4m3fnuz), 4, 3, 8, "fnuz"),
    "f8e5m2fnuz": (np.dtype(ml_dtypes.float8_e5m2fnuz), 5, 2, 16, "fnuz"),
}
TYPES = {"bool": np.dtype(bool), **INTS, **{n: f[0] for n, f in FLOATS.items()}}
NAME = {t: n for n, t in TYPES.items()}


def patterns(values):
    return values.view(f"u{values.dtype.itemsize}")


def of_patterns(words, dtype):
    return np.ascontiguousarray(words.astype(f"u{dtype.itemsize}")).view(dtype)


# ---- exact rationals

def exact(name, bits):
    """A Fraction, or 'nan', 'inf', '-inf'; -0 as '-0'."""
    dtype, e, m, bias, policy = FLOATS[name]
    width = dtype.itemsize * 8
    sign = bits >> (width - 1)
    magnitude = bits & ((1 << (width - 1)) - 1)
    if policy == "fnuz" and sign and magnitude == 0:
        return "nan"
    if policy == "fn" and magnitude == (1 << (width - 1)) - 1:
        return "nan"
    exponent, fraction = magnitude >> m, magnitude & ((1 << m) - 1)
    if policy == "ieee" and exponent == (1 << e) - 1:
        return "nan" if fraction else "-inf" if sign else "inf"
    if magnitude == 0:
        return "-0" if sign else Fraction(0)
    if exponent:
        fraction += 1 << m
    scale = max(exponent, 1) - bias - m
    return Fraction((-fraction if sign else fraction) << max(scale, 0), 1 << max(-scale, 0))


def special(name, what):
    dtype, e, m, _, policy = FLOATS[name]
    top = 1 << (dtype.itemsize * 8 - 1)
    if policy == "ieee":
        infinity = ((1 << e) - 1) << m
        return {"nan": infinity | 1 << (m - 1), "inf": infinity, "-inf": infinity | top, "-0": top}[what]
    if what == "-0":
        return top if policy == "fn" else 0
    return top - 1 if policy == "fn" else top


def rounded(name, value):
    """The nearest pattern, ties to even, of a value as exact() gives it."""
    dtype, e, m, bias, policy = FLOATS[name]
    if isinstance(value, str):
        return special(name, value)
    if value == 0:
        return 0
    top = 1 << (dtype.itemsize * 8 - 1)
    n, d = abs(value.numerator), value.denominator
    exponent = n.bit_length() - d.bit_length()
    if d << max(exponent, 0) > n << max(-exponent, 0):
        exponent -= 1
    scale = max(exponent, 1 - bias) - m
    n, d = n << max(-scale, 0), d << max(scale, 0)
    units, rest = divmod(n, d)
    units += 2 * rest > d or (2 * rest == d and units % 2)
    # Consecutive patterns are consecutive values, a carry into the exponent included.
    pattern = units + ((scale + m + bias - 1) << m) if units else 0
    largest = {"ieee": (((1 << e) - 1) << m) - 1, "fn": top - 2, "fnuz": top - 1}[policy]
    if pattern > largest:
        return special(name, "inf" if value > 0 else "-inf")
    if pattern == 0:
        return 0 if value > 0 else special(name, "-0")
    return pattern | (top if value < 0 else 0)


for name, (dtype, *_) in FLOATS.items():  # the rationals agree with numpy and ml_dtypes on what a pattern means
    width = dtype.itemsize * 8
    for bits in range(1 << width) if width == 8 else rng.integers(0, 1 << width, 4000, dtype="u8"):
        bits = int(bits)
        mine, theirs = exact(name, bits), float(of_patterns(np.array([bits], "u8"), dtype)[0])
        assert rounded(name, mine) == bits or mine == "nan", (name, bits)
        assert (theirs != theirs) if mine == "nan" else theirs == float(mine), (name, bits, mine, theirs)


# ---- operands

def specials(name):
    dtype = TYPES[name]
    if name == "bool":
        return np.array([False, True])
    if dtype.itemsize == 1:
        return of_patterns(np.arange(256, dtype="u8"), dtype)
    width = dtype.itemsize * 8
    top = 1 << (width - 1)
    if name in INTS:
        words = [0, 1, 2, 3, 5, 7, 8, 10, width - 1, width, width + 1, 127, 128, 255, top - 2, top - 1, top, top + 1,
                 2 * top - 1, 2 * top - 2, 2 * top - 7, 2 * top - width, top // 2, top // 2 - 1, top // 3]
    else:
        _, e, m, bias, policy = FLOATS[name]
        one = bias << m
        half = one - (1 << m)
        infinity = ((1 << e) - 1) << m
        words = [0, 1, 2, 3, (1 << m) - 1, 1 << m, (1 << m) + 1, half, half - 1, half + 1, one, one - 1, one + 1,
                 one + (1 << (m - 1)), one + (1 << m), one + (1 << m) + (1 << (m - 2)), one + (1 << (m - 1)) * 3,
                 (bias + m) << m, (bias + m + 1) << m, ((bias + m) << m) + 1, infinity - 1, infinity, infinity + 1,
                 infinity | 1 << (m - 1)]
        words += [top | w for w in words]
    return of_patterns(np.array([w & (2 * top - 1) for w in words], "u8"), dtype)


def random(name, n):
    dtype = TYPES[name]
    if name == "bool":
        return rng.integers(0, 2, n).astype(bool)
    words = rng.integers(0, 1 << 64, n, dtype="u8")
    if name in INTS:  # all magnitudes alike
        return of_patterns(words >> rng.integers(64 - 8 * dtype.itemsize, 64, n, dtype="u8"), dtype)
    near = rng.standard_normal(n).astype(np.float64)  # so that sums round and cancel
    return np.where(rng.integers(0, 2, n) == 1, near.astype(dtype), of_patterns(words, dtype))


def unary(name, n=6000):
    dtype = TYPES[name]
    if name == "bool" or dtype.itemsize == 1:
        return specials(name)
    if dtype.itemsize == 2:
        return of_patterns(np.arange(1 << 16, dtype="u8"), dtype)
    return np.concatenate([specials(name), random(name, n)])


def binary(name, n=12000):
    s = specials(name)
    a, b = np.repeat(s, len(s)), np.tile(s, len(s))
    if TYPES[name].itemsize == 1:
        return a, b
    return np.concatenate([a, random(name, n)]), np.concatenate([b, random(name, n)])


# ---- cells

lines, data = [], bytearray()


def cell(op, result, operand, inputs, expected):
    assert expected.dtype == TYPES[result], (op, result, operand, expected.dtype)
    lines.append(f"{op} {result} {operand} {len(expected)} {len(data)}")
    for array in (*inputs, expected):
        assert len(array) == len(expected)
        data.extend(np.ascontiguousarray(array).tobytes())


def same(op, name, inputs, expected):
    cell(op, name, name, inputs, expected)


def python_ints(f, a, b):
    """f on Python's integers, reduced modulo 2^bits."""
    mask = (1 << (8 * a.dtype.itemsize)) - 1
    words = [f(x, y) & mask for x, y in zip(a.tolist(), b.tolist())]
    return of_patterns(np.array(words, "u8"), a.dtype)


def quotient(a, b):
    if b == 0:
        return 0
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def remainder(a, b):
    return 0 if b == 0 else a - b * quotient(a, b)


def maximum(a, b):
    return np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b))


def minimum(a, b):
    return np.where(a == b, np.where(np.signbit(a), a, b), np.minimum(a, b))


for name in TYPES:
    a, b = binary(name)
    for op, f in {"lt": np.less, "eq": np.equal, "ne": np.not_equal}.items():
        cell(op, "bool", name, (a, b), f(a, b))
    condition = rng.integers(0, 2, len(a)).astype(bool)
    cell("where", name, name, (condition, a, b), np.where(condition, a, b))

a, b = binary("bool")
for op, f in {"add": np.logical_or, "mul": np.logical_and, "max": np.logical_or, "min": np.logical_and,
              "and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.items():
    same(op, "bool", (a, b), f(a, b))
same("not", "bool", (specials("bool"),), ~specials("bool"))

for name, dtype in INTS.items():
    a, width = unary(name), 8 * dtype.itemsize
    same("neg", name, (a,), (0 - a).astype(dtype))
    same("not", name, (a,), ~a)
    a, b = binary(name)
    for op, f in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
                  "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}.items():
        same(op, name, (a, b), f(a, b))
    counts = patterns(b)
    same("shl", name, (a, b), python_ints(lambda x, n: x << n if n < width else 0, a, counts))
    same("shr", name, (a, b), python_ints(lambda x, n: x >> min(n, width), a, counts))
    same("div", name, (a, b), python_ints(quotient, a, b))
    same("mod", name, (a, b), python_ints(remainder, a, b))

for name, (dtype, *_) in FLOATS.items():
    a = unary(name)
    for op, f in {"neg": np.negative, "sqrt": np.sqrt, "trunc": np.trunc, "floor": np.floor, "ceil": np.ceil,
                  "round": np.rint}.items():
        same(op, name, (a,), f(a))
    a, b = binary(name)
    for op, f in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": maximum,
                  "min": minimum}.items():
        same(op, name, (a, b), f(a, b))


# ---- fma: a*b+c in rationals. IEEE 754 section 6.3: an exact zero is +0, unless both terms are negative zeros.

def fma(name, a, b, c):
    x, y, z = exact(name, a), exact(name, b), exact(name, c)
    if "nan" in (x, y, z):
        return special(name, "nan")
    sign = [v.startswith("-") if isinstance(v, str) else v < 0 for v in (x, y, z)]
    negative = sign[0] != sign[1]
    if "inf" in str(x) + str(y):
        zero = (Fraction(0), "-0")
        if x in zero or y in zero or (isinstance(z, str) and "inf" in z and sign[2] != negative):
            return special(name, "nan")
        return special(name, "-inf" if negative else "inf")
    if isinstance(z, str) and "inf" in z:
        return special(name, z)
    x, y, z = (Fraction(0) if v == "-0" else v for v in (x, y, z))
    value = x * y + z
    if value == 0 and negative and sign[2] and x * y == 0:
        return special(name, "-0")
    return rounded(name, value)


for name, (dtype, e, m, bias, _) in FLOATS.items():
    s = specials(name)
    if len(s) > 40:
        s = s[rng.integers(0, len(s), 40)]
    grid = [g.ravel() for g in np.meshgrid(s, s, s)]
    keep = rng.permutation(len(grid[0]))[:1500]
    a, b, c = random(name, 3000), random(name, 3000), random(name, 3000)
    product = (a * b).astype(dtype)
    c[:1500] = -product[:1500]  # cancels all but the rounding error of the product
    # The product lies near the middle between two values, and c decides: here two roundings go wrong.
    shift = of_patterns(rng.integers(1, 1 << m, 1000), dtype)  # subnormal
    c[1500:2500] = np.where(rng.integers(0, 2, 1000) == 1, shift, np.negative(shift))
    a, b, c = (np.concatenate([g[keep], r]) for g, r in zip(grid, (a, b, c)))
    expected = [fma(name, int(x), int(y), int(z)) for x, y, z in zip(patterns(a), patterns(b), patterns(c))]
    same("fma", name, (a, b, c), of_patterns(np.array(expected, "u8"), dtype))


# ---- casts

def halfway(source, target):
    """Values of `source` at, and right beside, the middle of two neighbours in `target`; around integers' ends."""
    dtype = TYPES[source]
    if source in FLOATS and target in FLOATS and FLOATS[source][2] > FLOATS[target][2]:
        words = rng.integers(0, 1 << (8 * TYPES[target].itemsize), 300, dtype="u8")
        pairs = [(exact(target, int(w)), exact(target, int(w) + 1)) for w in words[words + 1 != 0]
                 if int(w) + 1 < 1 << (8 * TYPES[target].itemsize)]
        middles = [(p + q) / 2 for p, q in pairs if isinstance(p, Fraction) and isinstance(q, Fraction)]
        bits = np.array([rounded(source, v) for v in middles], "u8")
        return of_patterns(np.concatenate([bits, bits - 1, bits + 1]), dtype)
    if source in INTS and target in FLOATS and 8 * dtype.itemsize > FLOATS[target][2] + 2:
        m = FLOATS[target][2]
        out = []
        for _ in range(300):
            shift = int(rng.integers(1, 8 * dtype.itemsize - m - 1))
            middle = (((1 << m) | int(rng.integers(0, 1 << m))) * 2 + 1) << (shift - 1)
            out += [w for w in (middle - 1, middle, middle + 1) if w <= np.iinfo(dtype).max]
        return np.array(out, dtype)
    if source in FLOATS and target in INTS:
        ends = [float(f) for i in (np.iinfo(TYPES[target]),) for f in (i.min, i.max, i.max // 2 + 1)]
        near = np.array(ends + [v + d for v in ends for d in (-1, -0.5, 0.5, 1)], np.float64)
        near = near.astype(dtype)
        return np.concatenate([near, np.nextafter(near, np.array(0, dtype))]) if dtype.itemsize > 1 else near
    return np.array([], dtype)


def cast(a, source, target):
    dtype = TYPES[target]
    if target == "bool":
        return a != np.zeros(1, a.dtype)
    if target in INTS:
        if source not in FLOATS:
            return a.astype(dtype)
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        out = []
        for v in a.astype(np.float64).tolist():
            out.append(0 if v != v else high if v == np.inf else low if v == -np.inf
                       else min(max(int(v), low), high))
        return np.array(out, dtype)
    if target not in ("f32", "f64") and source in ("f64", "i32", "u32", "i64", "u64"):
        if source == "f64":
            values = [exact("f64", int(w)) for w in patterns(a)]
        else:
            values = [Fraction(int(v)) for v in a]
        return of_patterns(np.array([rounded(target, v) for v in values], "u8"), dtype)
    return a.astype(dtype)


for source in TYPES:
    for target in TYPES:
        a = np.concatenate([unary(source, 2000), halfway(source, target)])
        if len(a) > 8000 and target != "f32":
            a = np.concatenate([a[::16], halfway(source, target)])
        cell("cast", target, source, (a,), cast(a, source, target))
        if TYPES[source].itemsize == TYPES[target].itemsize and target != "bool":
            a = unary(source, 200)[:4096]
            cell("bitcast", target, source, (a,), of_patterns(patterns(a), TYPES[target]))

with open(f"{folder}/cells.txt", "w") as f:
    f.write("\n".join(lines) + "\n")
with open(f"{folder}/cells.bin", "wb") as f:
    f.write(data)
