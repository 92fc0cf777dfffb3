#!/usr/bin/python3
"""Cases for op_test.cc: random inputs, and what numpy makes of them, on standard output.

A case is a line `case NAME OP RTOL ATOL NUMBER...`, then its inputs, then its results, each a line
`input DTYPE SIZE...` or `output DTYPE SIZE...` (no size: a scalar) and the elements' bytes, little-endian.
The numbers are the operation's parameters; op_test.cc knows how each OP spells them. bfloat16 is computed
here in float32 and rounded to nearest even by hand, as numpy has no such type.
"""
import math
import sys

import numpy as np

out = sys.stdout.buffer
rng = np.random.default_rng(20240607)
NAMES = {np.dtype(t): n for n, t in {
    "bool": np.bool_, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
    "f16": np.float16, "f32": np.float32, "f64": np.float64}.items()}
TYPES = {n: t for t, n in NAMES.items()}
INTS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]
SIGNED = ["i8", "i16", "i32", "i64"]
FLOATS = ["f16", "bf16", "f32", "f64"]
# Half a unit in the last place of each type, doubled for what is composed of a few roundings.
EPS = {"f16": 2.0**-10, "bf16": 2.0**-7, "f32": 2.0**-22, "f64": 2.0**-50}


class Bf16:
    """An array of bfloat16: float32 values that bfloat16 holds."""

    def __init__(self, x):
        bits = np.atleast_1d(np.asarray(x, np.float32)).view(np.uint32).astype(np.uint64)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        nan = np.isnan(np.atleast_1d(np.asarray(x, np.float32)))
        self.bits = np.where(nan, 0x7FC0, rounded).astype(np.uint16).reshape(np.shape(x))

    def wide(self):
        wide = (np.atleast_1d(self.bits).astype(np.uint32) << 16).view(np.float32)
        return wide.reshape(self.bits.shape)


def wide(x):
    """In the precision in which references are computed."""
    if isinstance(x, Bf16):
        return x.wide().astype(np.float64)
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def to(dtype, x):
    return Bf16(x) if dtype == "bf16" else np.asarray(x).astype(TYPES[dtype])


def name_of(x):
    return "bf16" if isinstance(x, Bf16) else NAMES[x.dtype]


def array(kind, x):
    raw = x.bits if isinstance(x, Bf16) else np.asarray(x, order="C")
    out.write(f"{kind} {name_of(x)} {' '.join(map(str, raw.shape))}\n".encode())
    out.write(raw.tobytes())


count = 0


def case(op, inputs, outputs, params=(), rtol=0.0, atol=0.0):
    global count
    count += 1
    tag = "_".join([op] + [name_of(x) for x in inputs] + [str(count)])
    out.write(f"case {tag} {op} {rtol!r} {atol!r} {' '.join(repr(float(p)) for p in params)}\n".encode())
    for x in inputs:
        array("input", x)
    for y in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
        array("output", y)


def draw(dtype, shape=(), low=-3.0, high=3.0):
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if dtype in INTS:
        info = np.iinfo(TYPES[dtype])
        return rng.integers(max(info.min, -100), min(info.max, 100) + 1, shape).astype(TYPES[dtype])
    return to(dtype, rng.uniform(low, high, shape))


def special(dtype):
    """Zeros of both signs, infinities, a NaN, subnormals, and the ends of the range."""
    tiny = {"f16": 2.0**-24, "bf16": 2.0**-133, "f32": 2.0**-149, "f64": 5e-324}[dtype]
    huge = {"f16": 65504.0, "bf16": 3.3895313892515355e38, "f32": float(np.finfo(np.float32).max),
            "f64": np.finfo(np.float64).max}[dtype]
    return to(dtype, np.array([0.0, -0.0, math.inf, -math.inf, math.nan, tiny, -tiny, huge, -huge, 1, -1, 0.5]))


np.seterr(all="ignore")
erf = np.vectorize(math.erf, otypes=[np.float64])

# ---- elementwise
SHAPES = [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((2, 1, 4), (3, 1)), ((), (5,)), ((7,), ())]
EXACT = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum}
for op, f in EXACT.items():
    for d in INTS + FLOATS + (["bool"] if op in ("add", "mul", "maximum", "minimum") else []):
        for a, b in SHAPES:
            x, y = draw(d, a), draw(d, b)
            case(op, [x, y], to(d, f(wide(x), wide(y)) if d in FLOATS else f(x, y)))
    for d in FLOATS:
        x = special(d)
        a, b = wide(x)[:, None], wide(x)[None, :]
        case(op, [to(d, a), to(d, b)], to(d, f(a, b)))
for d in FLOATS:
    for a, b in SHAPES:
        x, y = draw(d, a), draw(d, b)
        case("div", [x, y], to(d, wide(x) / wide(y)))
for d in INTS:
    x, y = draw(d, (40,)), draw(d, (40,))
    case("div", [x, y], x.astype(np.float32) / y.astype(np.float32))
    case("floor_divide", [x, y], np.where(y == 0, 0, np.floor_divide(x, np.where(y == 0, 1, y))))
    case("mod", [x, y], np.where(y == 0, 0, np.mod(x, np.where(y == 0, 1, y))))
    case("pow", [x, (np.abs(y.astype(np.int64)) % 7).astype(TYPES[d])],
         x ** (np.abs(y.astype(np.int64)) % 7).astype(TYPES[d]))
    bits = 8 * TYPES[d].itemsize
    n = rng.integers(0, bits, (40,)).astype(TYPES[d])
    case("shl", [x, n], np.left_shift(x, n))
    case("shr", [x, n], np.right_shift(x, n))
    for op, f in {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}.items():
        case(op, [x, y], f(x, y))
    case("not", [x], ~x)
for op, f in {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.items():
    x, y = draw("bool", (9,)), draw("bool", (9,))
    case(op, [x, y], f(x, y))
for d in ["f32", "f64"]:
    x, y = draw(d, (50,), -9, 9), draw(d, (50,), -3, 3)
    # Quotients near an integer may fall to either side of it; the draws have none.
    case("floor_divide", [x, y], to(d, np.floor(wide(x) / wide(y))))
    case("mod", [x, y], to(d, np.mod(wide(x), wide(y))), rtol=8 * EPS[d], atol=8 * EPS[d])
COMPARE = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal,
           "ne": np.not_equal}
for op, f in COMPARE.items():
    for d in INTS + FLOATS + ["bool"]:
        x, y = draw(d, (4, 5)), draw(d, (5,))
        if d != "bool" and d not in FLOATS:
            y[:2] = x[0, :2]
        case(op, [x, y], f(wide(x), wide(y)))
    for d in FLOATS:
        x = special(d)
        case(op, [to(d, wide(x)[:, None]), to(d, wide(x)[None, :])], f(wide(x)[:, None], wide(x)[None, :]))
sigmoid = lambda x: 1 / (1 + np.exp(-x))
UNARY = {
    "sqrt": (np.sqrt, 0.1, 9), "exp": (np.exp, -3, 3), "exp2": (np.exp2, -3, 3), "log": (np.log, 0.1, 9),
    "log2": (np.log2, 0.1, 9), "sin": (np.sin, -3, 3), "cos": (np.cos, -3, 3), "tan": (np.tan, -1, 1),
    "tanh": (np.tanh, -3, 3), "erf": (erf, -3, 3), "rsqrt": (lambda x: 1 / np.sqrt(x), 0.1, 9),
    "reciprocal": (lambda x: 1 / x, 0.3, 9), "square": (np.square, -3, 3), "neg": (np.negative, -3, 3),
    "abs": (np.abs, -3, 3), "sign": (np.sign, -3, 3), "floor": (np.floor, -3, 3), "ceil": (np.ceil, -3, 3),
    "trunc": (np.trunc, -3, 3), "round": (np.round, -3, 3), "relu": (lambda x: np.maximum(x, 0), -3, 3),
    "sigmoid": (sigmoid, -9, 9), "silu": (lambda x: x * sigmoid(x), -9, 9),
    "gelu": (lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))), -3, 3),
    "gelu_tanh": (lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), -3, 3),
    "softplus": (lambda x: np.logaddexp(x, 0), -9, 9),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), -3, 3),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), -3, 3),
}
for op, (f, low, high) in UNARY.items():
    for d in FLOATS:
        x = draw(d, (3, 9), low, high)
        case(op, [x], to(d, f(wide(x))), rtol=2 * EPS[d], atol=EPS[d] * (4 if d in ("f32", "f64") else 0.01))
    if op in ("neg", "abs", "sign", "square"):
        for d in SIGNED if op in ("neg",) else INTS:
            x = draw(d, (30,), )
            case(op, [x], f(x).astype(x.dtype))
    if op in ("floor", "round"):
        x = draw("i32", (9,))
        case(op, [x], x)
for d in FLOATS:
    x = special(d)
    for op, f in {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite}.items():
        case(op, [x], f(wide(x)))
    case("abs", [x], to(d, np.abs(wide(x))))
    case("relu", [x], to(d, np.where(wide(x) <= 0, 0.0, wide(x))))
    case("round", [to(d, np.array([0.5, 1.5, 2.5, -0.5, -1.5]))], to(d, np.array([0.0, 2, 2, -0.0, -2])))
    c = draw("bool", (3, 1))
    x, y = draw(d, (3, 4)), draw(d, (4,))
    case("where", [c, x, y], to(d, np.where(c, wide(x), wide(y))))
    x = draw(d, (3, 5))
    case("clamp", [x], to(d, np.clip(wide(x), -1, 0.5)), params=(-1, 0.5))
    x, y = draw(d, (20,), 0.2, 3), draw(d, (20,))
    case("pow", [x, y], to(d, wide(x) ** wide(y)), rtol=4 * EPS[d])

# ---- casts: by value; floats to integers truncate, saturate, and NaN is 0
every = ["bool"] + INTS + FLOATS
for source in every:
    x = draw(source, (12,)) if source not in FLOATS else draw(source, (12,), -90, 90)
    for target in every:
        v = wide(x)
        if target == "bool":
            y = v != 0
        elif target in INTS and source in FLOATS:
            info = np.iinfo(TYPES[target])
            y = np.clip(np.trunc(v), info.min, info.max).astype(TYPES[target])
        else:
            y = to(target, v)
        case("cast_" + target, [x], y)
for target in INTS:
    info = np.iinfo(TYPES[target])
    x = np.array([math.nan, math.inf, -math.inf, 1e30, -1e30, 0.9, -0.9, 2.5, -2.5], np.float64)
    y = [0, info.max, info.min, info.max, info.min, 0, 0, 2, max(info.min, -2)]
    case("cast_" + target, [x], np.array(y, TYPES[target]))

# ---- movement
for d in ["bool", "u8", "i32", "f16", "bf16", "f32", "f64"]:
    x = draw(d, (4, 6))
    v = x.bits if d == "bf16" else x

    def again(y):
        if d != "bf16":
            return np.ascontiguousarray(y)
        b = Bf16(np.zeros(y.shape, np.float32))
        b.bits = np.ascontiguousarray(y)
        return b

    case("reshape", [x], again(v.reshape(3, 8)), params=(3, -1))
    x3 = draw(d, (2, 3, 4))
    v3 = x3.bits if d == "bf16" else x3
    case("permute", [x3], again(v3.transpose(2, 0, 1)), params=(2, 0, 1))
    case("transpose", [x3], again(v3.swapaxes(0, -1)), params=(0, -1))
    case("expand", [again(v3[:, :1])], again(np.broadcast_to(v3[:, :1], (5, 2, 3, 4))), params=(5, 2, 3, 4))
    case("pad", [x], again(np.pad(v, ((1, 0), (2, 3)))), params=(0, 1, 0, 2, 3))
    if d != "bool":
        one = 1 if d != "bf16" else 0x3F80
        case("pad", [x], again(np.pad(v, ((1, 0), (2, 3)), constant_values=one)), params=(1, 1, 0, 2, 3))
    case("shrink", [x], again(v[1:3, 2:6]), params=(1, 3, 2, 6))
    for axis, s in [(0, slice(1, None)), (1, slice(None, None, 2)), (1, slice(-2, None, -1)), (1, slice(4, 0, -3)),
                    (0, slice(-3, -1)), (1, slice(None, None, -4)), (1, slice(1, 99, 5)), (0, slice(None, -9, -1))]:
        y = v[s] if axis == 0 else v[:, s]
        none = 1e9
        case("slice", [x], again(y), params=[axis] + [none if q is None else q for q in (s.start, s.stop)] + [s.step or 1])
    case("select", [x3], again(v3[:, -1]), params=(1, -1))
    case("flip", [x3], again(v3[::-1, :, ::-1]), params=(0, 2))
    case("stride", [x], again(v[::3, ::4]), params=(3, 4))
    case("repeat", [x], again(np.tile(v, (2, 1, 3))), params=(2, 1, 3))
    case("roll", [x], again(np.roll(v, 2, 1)), params=(2, 1))
    case("roll", [x], again(np.roll(v, -9, 0)), params=(-9, 0))
    case("unfold", [x], again(np.lib.stride_tricks.sliding_window_view(v, 3, 1)[:, ::2]), params=(1, 3, 2))
    case("unfold", [x], again(np.lib.stride_tricks.sliding_window_view(v, 2, 0)[::3]), params=(0, 2, 3))
    case("cat", [x, again(v[:2]), again(v[3:])], again(np.concatenate([v, v[:2], v[3:]], 0)), params=(0,))
    case("stack", [x, again(v[::-1])], again(np.stack([v, v[::-1]], -1)), params=(-1,))
    case("split", [x], [again(v[:, :4]), again(v[:, 4:])], params=(4, 1))
    case("chunk", [x], [again(v[:2]), again(v[2:])], params=(2, 0))
    if d != "bool":
        case("tril", [x3], again(np.tril(v3, -1)), params=(-1,))
        case("triu", [x3], again(np.triu(v3, 1)), params=(1,))
    for t in ["i8", "i32", "i64", "u32"]:
        i = rng.integers(0, 4, (2, 3)).astype(TYPES[t])
        case("take", [x, i], again(np.take(v, i, 0)), params=(0,))
        i = rng.integers(0, 6, (2,)).astype(TYPES[t])
        case("take", [x, i], again(np.take(v, i, 1)), params=(1,))
        i = rng.integers(0, 6, (4, 3)).astype(TYPES[t])
        case("gather", [x, i], again(np.take_along_axis(v, i, 1)), params=(1,))
        i = rng.integers(0, 4, (2, 6)).astype(TYPES[t])
        case("gather", [x, i], again(np.take_along_axis(v, i, 0)), params=(0,))
    i = rng.integers(0, 6, (4, 3)).astype(np.int32)
    values = again(v[:, 3:])
    y = v.copy()
    for r in range(4):
        for c in range(3):
            y[r, i[r, c]] = v[r, 3 + c]
    case("scatter", [x, i, values], again(y), params=(1,))
    # out of range: reads 0
    i = np.array([-1, 0, 4, 3], np.int32)
    y = np.take(v, np.clip(i, 0, 3), 0)
    y[[0, 2]] = 0
    case("take", [x, i], again(y), params=(0,))
for d in ["i32", "u8", "f32", "f64"]:
    x = draw(d, (4, 6))
    i = rng.integers(0, 6, (4, 9)).astype(np.int32)
    v = draw(d, (4, 9))
    y = x.copy()
    for r in range(4):
        for c in range(9):
            y[r, i[r, c]] += v[r, c]
    case("scatter_add", [x, i, v], y, params=(1,), rtol=8 * EPS.get(d, 0), atol=16 * EPS.get(d, 0))
def sorts(d, x, v, count):
    """sort both ways, and topk, along axis 1; v holds x's values."""
    up = np.argsort(v, 1, kind="stable")
    # Descending and stable: ascending from behind, read backwards.
    down = (v.shape[1] - 1 - np.argsort(v[:, ::-1], 1, kind="stable"))[:, ::-1]
    for order, descending in [(up, 0), (down, 1)]:
        case("sort", [x], [to(d, np.take_along_axis(v, order, 1)), order.astype(np.int32)], params=(1, descending))
    first = down[:, :count]
    case("topk", [x], [to(d, np.take_along_axis(v, first, 1)), first.astype(np.int32)], params=(count, 1))


for d in ["bool", "i8", "u32", "f16", "bf16", "f32", "f64"]:
    x = draw(d, (3, 9, 2))
    v = wide(x)
    if d in FLOATS:
        v[0, 3, 0] = v[0, 5, 0] = math.nan
        v[1, 2, 1] = -math.inf
        v[2, 4:6, 1] = v[2, 1, 1]
        x = to(d, v)
        v = wide(x)
    sorts(d, x, v, 4)
# Longer axes than are sorted at once: filled up to a power of two, and one as it is; many elements are equal.
for d, n in [("f32", 600), ("f32", 1024), ("bf16", 513), ("i64", 600), ("u8", 600), ("i8", 1024), ("bool", 600), ("f64", 1025)]:
    v = rng.integers(0 if d[0] in "bu" and d != "bf16" else -40, 41, (2, n, 2)).astype(np.float64)
    if d in FLOATS:
        v[0, 5:9, 0], v[1, 7, 1], v[1, 9, 1], v[1, 11, 1] = math.nan, math.inf, -math.inf, -0.0
    x = to(d, v != 0 if d == "bool" else v)
    sorts(d, x, wide(x), 40)
i = rng.integers(-1, 5, (3, 4)).astype(np.int64)
case("one_hot", [i], (i[..., None] == np.arange(5)).astype(np.float32), params=(5,))
x = rng.integers(0, 256, (3, 8)).astype(np.uint8)
for t in ["i8", "i16", "u32", "i64"]:
    case("bitcast_" + t, [x], x.view(TYPES[t]))
x = draw("f64", (3, 2))
for t in ["u8", "u16", "i32", "f32", "u64"]:
    case("bitcast_" + t, [x], x.view(TYPES[t]))

# ---- creation
case("eye", [], np.eye(3, 5, dtype=np.float32), params=(3, 5))
case("arange", [], np.arange(3, 20, 4, dtype=np.int32), params=(3, 20, 4))
case("arange", [], np.arange(5, -7, -5, dtype=np.int32), params=(5, -7, -5))
case("linspace", [], np.linspace(-1, 2, 7, dtype=np.float32), params=(-1, 2, 7), rtol=2 * EPS["f32"], atol=EPS["f32"])

# ---- reductions
AXES = [((3, 4), []), ((2, 3, 4), [1]), ((2, 3, 4), [0, 2]), ((2, 3, 4), [-1]), ((5,), [0]), ((1, 7), [1]), ((), [])]


def axes_of(a):
    return tuple(a) if a else None


for d in ["bool"] + INTS + FLOATS:
    acc = {"bool": "i32", "i8": "i32", "i16": "i32", "u8": "u32", "u16": "u32"}.get(d, d)
    for shape, a in AXES:
        x = draw(d, shape)
        v = wide(x)
        ax = axes_of(a)
        w = v if d in FLOATS else v.astype(TYPES[acc])
        n = max(1, int(np.size(v)))
        tol = dict(rtol=4 * EPS.get(d, 0), atol=2 * n * EPS.get(d if d in ("f32", "f64") else "f32", 0) if d in FLOATS else 0)
        keep_sum = np.sum(w, axis=ax, dtype=w.dtype)
        case("sum", [x], to(acc, keep_sum), params=a, **tol)
        if d in FLOATS or d in ("i32", "i64", "u32", "u64", "i8"):
            case("prod", [x], to(acc, np.prod(w, axis=ax, dtype=w.dtype)), params=a, **dict(tol, rtol=2 * n * EPS.get(d, 0)))
        case("max", [x], to(d, np.max(v, axis=ax)), params=a)
        case("min", [x], to(d, np.min(v, axis=ax)), params=a)
        case("any", [x], np.asarray(np.any(v != 0, axis=ax)), params=a)
        case("all", [x], np.asarray(np.all(v != 0, axis=ax)), params=a)
        fd = d if d in FLOATS else "f32"
        ftol = dict(rtol=4 * EPS[fd], atol=2 * n * EPS["f64" if fd == "f64" else "f32"] * (1 if d in FLOATS else 100))
        fv = v.astype(np.float64)
        case("mean", [x], to(fd, np.mean(fv, axis=ax)), params=a, **ftol)
        if shape:
            case("var", [x], to(fd, np.var(fv, axis=ax)), params=a, **dict(ftol, rtol=16 * EPS[fd]))
            case("stddev", [x], to(fd, np.std(fv, axis=ax)), params=a, **dict(ftol, rtol=16 * EPS[fd]))
    for shape, axis in [((4, 5), 1), ((4, 5), 0), ((3, 2, 7), -1)]:
        x = draw(d, shape)
        v = wide(x)
        case("argmax", [x], np.argmax(v, axis).astype(np.int32), params=(axis,))
        case("argmin", [x], np.argmin(v, axis).astype(np.int32), params=(axis,))
        w = v if d in FLOATS else v.astype(TYPES[acc])
        tol = dict(rtol=4 * EPS.get(d, 0), atol=20 * EPS.get("f64" if d == "f64" else "f32", 0) if d in FLOATS else 0)
        case("cumsum", [x], to(acc, np.cumsum(w, axis, dtype=w.dtype)), params=(axis,), **tol)
        if d in FLOATS:
            case("cumprod", [x], to(acc, np.cumprod(w, axis)), params=(axis,), rtol=20 * EPS[d])
x = draw("f32", (2, 600))
case("cumsum", [x], np.cumsum(x.astype(np.float64), 1).astype(np.float32), params=(1,), rtol=1e-5, atol=1e-4)
x = draw("i32", (600,))
case("cumsum", [x], np.cumsum(x, dtype=np.int32), params=(0,))
for d in FLOATS:
    x = wide(draw(d, (3, 5)))
    x[1, 3] = math.nan
    x[2] = -math.inf
    case("max", [to(d, x)], to(d, np.max(x, 1)), params=(1,))
    case("argmax", [to(d, x)], np.argmax(x, 1).astype(np.int32), params=(1,))
    case("argmin", [to(d, x)], np.argmin(x, 1).astype(np.int32), params=(1,))


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


for d in FLOATS:
    tol = dict(rtol=8 * EPS[d], atol=8 * EPS[d if d in ("f32", "f64") else "f32"])
    for shape, axis in [((4, 5), -1), ((4, 5), 0), ((2, 3, 7), 1)]:
        x = draw(d, shape, -9, 9)
        v = wide(x)
        case("softmax", [x], to(d, softmax(v, axis)), params=(axis,), **tol)
        case("log_softmax", [x], to(d, v - v.max(axis, keepdims=True) - np.log(
            np.exp(v - v.max(axis, keepdims=True)).sum(axis, keepdims=True))), params=(axis,), **dict(tol, atol=16 * tol["atol"]))
        case("logsumexp", [x], to(d, np.log(np.exp(v).sum(axis))), params=(axis,), **dict(tol, atol=16 * tol["atol"]))
x = np.array([[-math.inf, -math.inf], [math.inf, 1], [800, 801]], np.float32)
case("logsumexp", [x], np.array([-math.inf, math.inf, 801 + math.log1p(math.exp(-1))], np.float32), params=(1,), rtol=1e-6)

# ---- products
for d in ["i8", "u8", "i32", "i64"] + FLOATS:
    acc = {"i8": "i32", "u8": "u32"}.get(d, d)
    for a, b in [((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)),
                 ((2, 1, 3, 4), (5, 4, 2)), ((7,), (2, 7, 3)), ((2, 3, 7), (7,)), ((1, 1), (1, 1))]:
        x, y = draw(d, a), draw(d, b)
        w = (lambda t: wide(t)) if d in FLOATS else (lambda t: t.astype(TYPES[acc]))
        case("matmul", [x, y], to(acc, np.matmul(w(x), w(y))), rtol=4 * EPS.get(d, 0),
             atol=64 * EPS.get("f64" if d == "f64" else "f32", 0) if d in FLOATS else 0)


def conv2d(x, w, b, stride, padding, dilation, groups):
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    n, c, h, wd = x.shape
    o, ci, kh, kw = w.shape
    oh = (h - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (wd - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, o, oh, ow))
    for q in range(o):
        first = q // (o // groups) * ci
        for i in range(oh):
            for j in range(ow):
                part = x[:, first:first + ci, i * stride[0]:i * stride[0] + dilation[0] * (kh - 1) + 1:dilation[0],
                         j * stride[1]:j * stride[1] + dilation[1] * (kw - 1) + 1:dilation[1]]
                y[:, q, i, j] = (part * w[q]).sum((1, 2, 3)) + b[q]
    return y


for d in ["f16", "bf16", "f32", "f64"]:
    for xs, ws, stride, padding, dilation, groups in [
            ((2, 3, 7, 6), (4, 3, 3, 3), (1, 1), (0, 0), (1, 1), 1),
            ((1, 3, 7, 6), (4, 3, 3, 2), (2, 1), (1, 2), (1, 1), 1),
            ((1, 4, 8, 9), (6, 2, 3, 3), (1, 2), (1, 0), (2, 1), 2),
            ((2, 4, 5, 5), (4, 1, 2, 2), (3, 3), (0, 1), (1, 2), 4),
            ((1, 2, 4, 4), (3, 2, 1, 1), (1, 1), (0, 0), (1, 1), 1),
            ((1, 1, 4, 4), (2, 1, 4, 4), (1, 1), (0, 0), (1, 1), 1),
            ((1, 2, 9, 9), (1, 2, 3, 3), (1, 1), (3, 3), (3, 4), 1)]:
        x, w, b = draw(d, xs), draw(d, ws), draw(d, (ws[0],))
        y = conv2d(wide(x), wide(w), wide(b), stride, padding, dilation, groups)
        case("conv2d", [x, w, b], to(d, y), params=(*stride, *padding, *dilation, groups), rtol=4 * EPS[d],
             atol=200 * EPS["f64" if d == "f64" else "f32"] if d in ("f32", "f64") else 40 * EPS[d])
for d in ["i8", "f16", "f32", "f64"]:
    for shape, size, stride, padding, dilation in [
            ((1, 2, 6, 6), (2, 2), (2, 2), (0, 0), (1, 1)), ((2, 1, 7, 5), (3, 2), (2, 1), (1, 1), (1, 1)),
            ((1, 1, 7, 7), (2, 3), (3, 2), (0, 1), (2, 1)), ((1, 1, 7, 7), (2, 2), (3, 3), (0, 0), (1, 1))]:
        x = draw(d, shape)
        for op in ["max_pool2d"] + (["avg_pool2d"] if d != "i8" else []):
            low = np.iinfo(np.int8).min if d == "i8" else -np.inf
            v = np.pad(wide(x), ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2),
                       constant_values=low if op[0] == "m" else 0)
            oh = (v.shape[2] - dilation[0] * (size[0] - 1) - 1) // stride[0] + 1
            ow = (v.shape[3] - dilation[1] * (size[1] - 1) - 1) // stride[1] + 1
            y = np.zeros(v.shape[:2] + (oh, ow))
            for i in range(oh):
                for j in range(ow):
                    part = v[:, :, i * stride[0]:i * stride[0] + dilation[0] * (size[0] - 1) + 1:dilation[0],
                             j * stride[1]:j * stride[1] + dilation[1] * (size[1] - 1) + 1:dilation[1]]
                    y[:, :, i, j] = part.max((2, 3)) if op[0] == "m" else part.mean((2, 3))
            tol = {} if op[0] == "m" else dict(rtol=4 * EPS[d], atol=4 * EPS[d])
            case(op, [x], to(d, y), params=(*size, *stride, *padding, *dilation), **tol)

# ---- functions of models
for d in FLOATS:
    tol = dict(rtol=16 * EPS[d], atol=(32 if d in ("f32", "f64") else 4) * EPS[d])
    x, w, b = draw(d, (2, 3, 8)), draw(d, (8,)), draw(d, (8,))
    v = wide(x)
    norm = lambda t, ax, eps: (t - t.mean(ax, keepdims=True)) / np.sqrt(t.var(ax, keepdims=True) + eps)
    case("layer_norm", [x, w, b], to(d, norm(v, -1, 1e-5) * wide(w) + wide(b)), **tol)
    case("rms_norm", [x, w], to(d, v / np.sqrt((v * v).mean(-1, keepdims=True) + 1e-5) * wide(w)), **tol)
    w2, b2 = draw(d, (3, 8)), draw(d, (3, 8))
    case("layer_norm", [x, w2, b2], to(d, norm(v, (-2, -1), 1e-5) * wide(w2) + wide(b2)), **tol)
    x, w, b = draw(d, (2, 4, 3, 2)), draw(d, (4,)), draw(d, (4,))
    v = wide(x)
    side = lambda t: wide(t)[None, :, None, None]
    case("group_norm", [x, w, b], to(d, norm(v.reshape(2, 2, -1), -1, 1e-5).reshape(v.shape) * side(w) + side(b)),
         params=(2,), **tol)
    m, q = draw(d, (4,)), draw(d, (4,), 0.5, 2)
    case("batch_norm", [x, m, q, w, b],
         to(d, (v - side(m)) / np.sqrt(side(q) + 1e-5) * side(w) + side(b)), **tol)

    def attend(q, k, v, causal, mask=None):
        n = q.shape[-3] // k.shape[-3]
        k, v = np.repeat(k, n, -3), np.repeat(v, n, -3)
        s = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
        if causal:
            s = np.where(np.tril(np.ones(s.shape[-2:], bool), s.shape[-1] - s.shape[-2]), s, -np.inf)
        if mask is not None:
            s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
        return softmax(s, -1) @ v

    for qs, ks, causal in [((2, 3, 4), (2, 5, 4), 0), ((4, 3, 4), (2, 3, 4), 1), ((2, 6, 2, 4), (2, 3, 5, 4), 1),
                           ((3, 1, 4), (1, 6, 4), 1)]:
        q, k, v = draw(d, qs), draw(d, ks), draw(d, ks)
        y = attend(wide(q), wide(k), wide(v), causal)
        case("attention", [q, k, v], to(d, y), params=(causal,), **tol)
    q, k, v = draw(d, (4, 3, 4)), draw(d, (2, 5, 4)), draw(d, (2, 5, 4))
    mask = draw("bool", (4, 3, 5))
    mask[..., 0] = True
    case("attention", [q, k, v, mask], to(d, attend(wide(q), wide(k), wide(v), 0, mask)), params=(0,), **tol)
    mask = draw(d, (3, 5))
    case("attention", [q, k, v, mask], to(d, attend(wide(q), wide(k), wide(v), 1, wide(mask))), params=(1,), **tol)
    x = draw(d, (3, 5), -5, 5)
    t = np.array([4, 0, 2], np.int64)
    logp = np.log(softmax(wide(x), -1))
    case("cross_entropy", [x, t], to(d, -logp[np.arange(3), t].mean()), rtol=8 * EPS[d], atol=8 * EPS[d])
    y = draw(d, (3, 5))
    case("mean_squared_error", [x, y], to(d, np.mean((wide(x) - wide(y))**2)), rtol=8 * EPS[d])
    p = draw(d, (3, 5), 0, 1)
    v = wide(x)
    case("binary_cross_entropy", [x, p],
         to(d, np.mean(np.maximum(v, 0) - v * wide(p) + np.log1p(np.exp(-np.abs(v))))), rtol=16 * EPS[d], atol=4 * EPS[d])
out.write(f"end {count}\n".encode())
