#!/usr/bin/env python3
"""tensor_cases.py FOLDER SEED OPS: random tensor graphs, and by numpy the value of every node. OPS is
"add=22,mul=24,...", the numbers by which Reduce names ops.

Writes cases.txt. A case is lines "buffer ID HEX" (its bytes), the nodes in the text form of node.h, "expect N
HEX" (the bytes of node %N), and "end". Reductions are folded here in row-major order from the op's identity
on, since numpy adds pairwise. Exits with 77 where numpy is missing.
"""
import sys

try:
    import numpy as np
except ModuleNotFoundError as e:
    print(e)
    sys.exit(77)

np.seterr(all="ignore")
folder, seed = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(seed)
ops = dict(pair.split("=") for pair in sys.argv[3].split(","))  # numbers of the ops, which Reduce names

TYPES = {"bool": np.bool_, "u8": np.uint8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "f16": np.float16,
         "f32": np.float32, "f64": np.float64}
NAMES = {np.dtype(t): n for n, t in TYPES.items()}


def pick(items):
    return items[rng.integers(len(items))]


def split(n):
    """A random shape of n elements."""
    out = []
    while n > 1 and len(out) < 3:
        d = pick([k for k in range(1, n + 1) if n % k == 0])
        out.append(d)
        n //= d
    out.append(n)
    rng.shuffle(out)
    return tuple(int(d) for d in out)


def maximum(a, b):
    return np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b)) if a.dtype.kind == "f" else np.maximum(a, b)


def minimum(a, b):
    return np.where(a == b, np.where(np.signbit(a), a, b), np.minimum(a, b)) if a.dtype.kind == "f" else np.minimum(a, b)


ARITHMETIC = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "max": maximum, "min": minimum}
BITWISE = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}


def identity(op, dtype):
    if op in ("add", "or", "xor"):
        return dtype.type(0)
    if op == "mul":
        return dtype.type(1)
    if dtype.kind == "f":
        return dtype.type(-np.inf if op == "max" else np.inf)
    info = np.iinfo(dtype)
    return dtype.type({"max": info.min, "min": info.max, "and": -1 if info.min else info.max}[op])


class Case:
    def __init__(self, out):
        self.lines, self.values, self.out, self.buffers = [], [], out, 0

    def add(self, op, value, sources=(), arg=()):
        text = f"%{len(self.values)} = {op} {NAMES[value.dtype]}" + "".join(f" %{s}" for s in sources)
        if len(arg):
            text += " [" + " ".join(str(int(a)) for a in arg) + "]"
        if value.ndim:
            text += " (" + ", ".join(str(d) for d in value.shape) + ")"
        self.lines.append(text)
        self.values.append(value)
        return len(self.values) - 1

    def buffer(self):
        dtype, n = np.dtype(pick(list(TYPES.values()))), int(pick([1, 4, 6, 8, 12, 24, 36, 48]))
        if dtype.kind == "f":
            value = (rng.standard_normal(n) * 10).astype(dtype)
        elif dtype.kind == "b":
            value = rng.integers(0, 2, n).astype(bool)
        else:
            value = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, n, dtype=dtype, endpoint=True)
        self.buffers += 1
        self.out.append(f"buffer {self.buffers} {value.tobytes().hex()}")
        node = self.add("buffer", value, (), (self.buffers, 0))
        shape = split(n)
        return node, self.add("reshape", value.reshape(shape), (node,))

    def view(self, x, v):
        """One step that neither repeats nor fills; v, an array of x's shape, is moved along."""
        kind = pick(["reshape", "permute", "shrink", "flip"])
        a = self.values[x]
        if kind == "reshape":
            shape = split(a.size)
            return self.add(kind, a.reshape(shape), (x,)), v.reshape(shape)
        if a.ndim == 0:
            return x, v
        if kind == "permute":
            axes = rng.permutation(a.ndim)
            return self.add(kind, np.ascontiguousarray(a.transpose(axes)), (x,), axes), v.transpose(axes)
        if kind == "shrink":
            start = [int(rng.integers(0, d)) for d in a.shape]
            cut = tuple(slice(s, int(rng.integers(s + 1, d + 1))) for s, d in zip(start, a.shape))
            return self.add(kind, np.ascontiguousarray(a[cut]), (x,), start), v[cut]
        flips = rng.integers(0, 2, a.ndim)
        turn = tuple(slice(None, None, -1 if f else 1) for f in flips)
        return self.add(kind, np.ascontiguousarray(a[turn]), (x,), flips), v[turn]

    def like(self, x):
        """A node of x's type and shape."""
        a = self.values[x]
        same = [i for i, b in enumerate(self.values) if b.dtype == a.dtype and b.shape == a.shape]
        return pick(same)

    def step(self, x):
        a = self.values[x]
        kind = pick(["view", "view", "pad", "expand", "gather", "reduce", "arithmetic", "arithmetic", "compare", "cast",
                     "bitcast", "contiguous", "iota"])
        number, integer = a.dtype.kind != "b", a.dtype.kind in "iu"
        if kind == "view":
            return self.view(x, a)[0]
        if kind == "pad" and a.ndim and a.size < 500:
            widths = rng.integers(0, 3, (a.ndim, 2))
            return self.add("pad", np.pad(a, widths), (x,), widths[:, 0])
        if kind == "expand" and 1 in a.shape and a.size < 500:
            shape = tuple(int(rng.integers(1, 4)) if d == 1 else d for d in a.shape)
            return self.add("expand", np.ascontiguousarray(np.broadcast_to(a, shape)), (x,))
        if kind == "gather" and a.ndim and a.size < 500:
            _, i = self.buffer()
            index = self.values[i]
            if index.dtype.kind not in "iu" or index.size > 12:
                return x
            if rng.integers(2):  # most in range
                rows = np.array(a.shape[0] + 1, index.dtype)
                c = self.add("const", rows, (), (int(rows),))
                r = self.add("reshape", rows.reshape((1,) * index.ndim), (c,))
                r = self.add("expand", np.full(index.shape, rows), (r,))
                index = np.fmod(index, rows)  # the sign of the dividend
                i = self.add("mod", index, (i, r))
            flat = [a[int(v)] if 0 <= v < a.shape[0] else np.zeros(a.shape[1:], a.dtype) for v in index.ravel()]
            return self.add("gather", np.array(flat, a.dtype).reshape(index.shape + a.shape[1:]), (x, i))
        if kind == "reduce" and a.ndim and number:
            op = pick(["add", "mul", "max", "min"] + (list(BITWISE) if integer else []))
            axes = sorted(int(k) for k in rng.permutation(a.ndim)[:rng.integers(1, a.ndim + 1)])
            keep = [k for k in range(a.ndim) if k not in axes]
            rows = a.transpose(keep + axes).reshape([a.shape[k] for k in keep] + [-1])
            total = np.full(rows.shape[:-1], identity(op, a.dtype))
            for k in range(rows.shape[-1]):
                total = {**ARITHMETIC, **BITWISE}[op](total, rows[..., k])
            total = total.reshape([1 if k in axes else d for k, d in enumerate(a.shape)])
            return self.add("reduce", total.astype(a.dtype), (x,), [int(ops[op])] + axes)
        if kind == "arithmetic" and number:
            op = pick(list(ARITHMETIC) + (list(BITWISE) if integer else []))
            y = self.like(x)
            return self.add(op, {**ARITHMETIC, **BITWISE}[op](a, self.values[y]), (x, y))
        if kind == "compare":
            y = self.like(x)
            c = self.add("lt", a < self.values[y], (x, y))
            return self.add("where", np.where(self.values[c], a, self.values[y]), (c, x, y))
        if kind == "cast":
            to = np.dtype(pick([t for t in TYPES.values() if a.dtype.kind != "f" or np.dtype(t).kind == "f"]))
            if to == a.dtype or (to == np.float16 and a.dtype.itemsize == 8):  # numpy rounds i64 to f16 twice
                return x
            return self.add("cast", a.astype(to), (x,))
        if kind == "bitcast" and a.ndim and number:
            to = np.dtype(pick([t for t in TYPES.values() if np.dtype(t).kind != "b"]))
            nan = a.dtype.kind == "f" and np.isnan(a).any()  # its pattern may differ
            if nan or a.shape[-1] * a.dtype.itemsize % to.itemsize or to == a.dtype:
                return x
            return self.add("bitcast", a.view(to), (x,))
        if kind == "contiguous":
            return self.add("contiguous", a, (x,))
        if kind == "iota" and integer and a.size < 127:
            i = self.add("iota", np.arange(a.size, dtype=a.dtype))
            r = self.add("reshape", self.values[i].reshape(a.shape), (i,)) if a.ndim != 1 else i
            return self.add("add", a + self.values[r], (x, r))
        return x

    def assign(self):
        root, _ = self.buffer()
        for _ in range(2):  # a version of a version
            whole = self.values[root]
            x, positions = root, np.arange(whole.size)
            for _ in range(rng.integers(0, 4)):
                x, positions = self.view(x, positions)
            value = self.values[x][..., ::-1] if self.values[x].ndim else self.values[x]
            value = np.ascontiguousarray(value)
            y = self.add("flip", value, (x,), [0] * (value.ndim - 1) + [1]) if value.ndim else x
            new = whole.copy()
            new[positions] = value
            root = self.add("assign", new, (x, y))
        return root

    def finish(self):
        self.out += self.lines
        self.out += [f"expect {i} {np.ascontiguousarray(v).tobytes().hex()}" for i, v in enumerate(self.values)]
        self.out.append("end")


out = []
for number in range(400):
    case = Case(out)
    _, x = case.buffer()
    for _ in range(12):
        x = case.step(x)
    case.assign()
    case.finish()
with open(f"{folder}/cases.txt", "w") as f:
    f.write("\n".join(out) + "\n")
