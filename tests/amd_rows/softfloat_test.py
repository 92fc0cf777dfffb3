"""Float rows against Berkeley SoftFloat (the package softfloatpy), which TestFloat holds machines against: on operands of
TestFloat's kind, in every rounding mode. What SoftFloat calls invalid is a quiet NaN here, and integers saturate.

DOORBELL_SEED repeats a run, DOORBELL_NIGHTLY=1 takes 32 times as many operands."""

import importlib.util
import os
import time
import unittest
import zlib

missing = [f"Python's {m} (tools/oracles.sh)" for m in ("numpy", "gmpy2", "softfloatpy") if not importlib.util.find_spec(m)]
if missing:
    if os.environ.get("CI") == "true":
        raise ImportError(f"missing: {', '.join(missing)}")
    raise unittest.SkipTest(f"missing: {', '.join(missing)}")

import numpy as np  # noqa: E402
import softfloatpy as soft  # noqa: E402

from floats import F16, F32, F64  # noqa: E402
from machine import EXEC, MODE, VCC, Machine, State, assemble  # noqa: E402
from names import mnemonic  # noqa: E402

NIGHTLY = os.environ.get("DOORBELL_NIGHTLY") == "1"
SEED = int(os.environ.get("DOORBELL_SEED", time.time_ns() & 0xffffffff))
WAVES = 256 if NIGHTLY else 8  # of 64 operands each
# MODE.FP_ROUND: of f32 and of the others (RDNA3 ISA, "Mode register").
ROUNDINGS = {0: soft.RoundingMode.NEAR_EVEN, 5: soft.RoundingMode.MAX, 10: soft.RoundingMode.MIN, 15: soft.RoundingMode.MIN_MAG}
CLASSES = {"f16": soft.Float16, "f32": soft.Float32, "f64": soft.Float64, "i32": soft.Int32, "u32": soft.UInt32}
FLOATS = {"f16": F16, "f32": F32, "f64": F64}
LIMITS = {"i32": (-(1 << 31), (1 << 31) - 1), "u32": (0, (1 << 32) - 1)}


def exactly(function, mode):
    """One that rounds as its name says, whatever MODE holds."""
    return lambda x: function(x, mode, False)


def rows():
    """Name: signature, function of SoftFloat."""
    found = {}
    for t in FLOATS:
        f = lambda name, t=t: getattr(soft, f"{t}_{name}")  # noqa: E731
        found[f"v_add_{t}"] = f"{t} = {t} {t}", f("add")
        found[f"v_mul_{t}"] = f"{t} = {t} {t}", f("mul")
        found[f"v_fma_{t}"] = f"{t} = {t} {t} {t}", f("mul_add")
        if t != "f64":
            found[f"v_sub_{t}"] = f"{t} = {t} {t}", f("sub")
        for name, mode in (("rndne", "NEAR_EVEN"), ("trunc", "MIN_MAG"), ("floor", "MIN"), ("ceil", "MAX")):
            found[f"v_{name}_{t}"] = f"{t} = {t}", exactly(f("round_to_int"), soft.RoundingMode[mode])
        for name in ("eq", "lt", "le"):
            compare = f("eq" if name == "eq" else name + "_quiet")
            found[f"v_cmp_{name}_{t}"] = f"m = {t} {t}", compare
            other = {"eq": "neq", "lt": "nlt", "le": "nle"}[name]
            found[f"v_cmp_{other}_{t}"] = f"m = {t} {t}", lambda a, b, c=compare: not c(a, b)
        for name, other in (("gt", "lt"), ("ge", "le")):
            found[f"v_cmp_{name}_{t}"] = f"m = {t} {t}", lambda a, b, c=f(other + "_quiet"): c(b, a)
    for a, b in (("f16", "f32"), ("f32", "f16"), ("f32", "f64"), ("f64", "f32")):
        found[f"v_cvt_{b}_{a}"] = f"{b} = {a}", getattr(soft, f"{a}_to_{b}")
    for t in ("f32", "f64"):
        for i in ("i32", "u32"):
            found[f"v_cvt_{t}_{i}"] = f"{t} = {i}", getattr(soft, f"{i.replace('u', 'ui')}_to_{t}")
            found[f"v_cvt_{i}_{t}"] = f"{i} = {t}", exactly(getattr(soft, f"{t}_to_{i.replace('u', 'ui')}"), soft.RoundingMode.MIN_MAG)
    return found


ROWS = rows()


def operands(rng, t, n):
    """As TestFloat's: exponents at the ends and around one, significands with few bits set or few clear, or any."""
    bits = int(t[1:])
    if t not in FLOATS:
        power = np.uint64(1) << rng.integers(0, bits, n).astype(np.uint64)
        near = power + rng.integers(-2, 3, n).astype(np.uint64)
        any_ = rng.integers(0, 1 << bits, n, np.uint64)
        return [int(x) & (1 << bits) - 1 for x in np.where(rng.random(n) < 0.6, near, any_)]
    f = FLOATS[t]
    top, bias, m = (1 << f.exponent_bits) - 1, f.bias, f.mantissa
    special = [0, 1, 2, bias - m - 1, bias - m, bias - 1, bias, bias + 1, bias + m, bias + m + 1, top - 2, top - 1, top]
    special = [e for e in special if e >= 0]
    exponent = np.where(rng.random(n) < 0.5, rng.choice(special, n), np.where(
        rng.random(n) < 0.6, bias + rng.integers(-m, m + 1, n), rng.integers(0, top + 1, n))).clip(0, top)
    found = []
    for e in exponent.tolist():
        which, low = int(rng.integers(0, 6)), 1 << int(rng.integers(0, m))
        high = 1 << int(rng.integers(0, m))
        significand = (0, low, low | high, low - 1, -low, int(rng.integers(0, 1 << m)))[which] & f.mantissa_mask
        found.append(int(rng.integers(0, 2)) << bits - 1 | e << m | significand)
    return found


def expected(name, values, rounding):
    """Bits, or None for a NaN."""
    signature, function = ROWS[name]
    to, sources = signature.split(" = ")[0], signature.split(" = ")[1].split()
    soft.set_tininess_mode(soft.TininessMode.BEFORE_ROUNDING)
    soft.set_rounding_mode(ROUNDINGS[rounding])
    found = []
    for row in zip(*values):
        if to in LIMITS:
            f, low, high = FLOATS[sources[0]], *LIMITS[to]
            if f.is_nan(row[0]) or not low <= int(max(-1e30, min(1e30, f.value(row[0])))) <= high:
                found.append(0 if f.is_nan(row[0]) else (low if f.negative(row[0]) else high) & 0xffffffff)
                continue
        result = function(*(CLASSES[t].from_bytes(x.to_bytes(int(t[1:]) // 8, "big")) for t, x in zip(sources, row)))
        if to == "m":
            found.append(int(bool(result)))
            continue
        bits = int.from_bytes(result.to_bytes(), "big")
        found.append(None if to in FLOATS and FLOATS[to].is_nan(bits) else bits)
    return found


class SoftFloat:
    gpu = ""

    def test_float_rows_are_softfloat_in_every_rounding_mode(self):
        machine = Machine(self.gpu)
        print(f"{self.gpu}: seed {SEED}")
        names = [n for n in ROWS if n in machine.row_of]
        self.assertEqual(len(names), len(ROWS))
        texts = []
        for name in names:
            to, sources = ROWS[name][0].split(" = ")
            registers = [f"v[{2 * i}:{2 * i + 1}]" if t == "f64" else f"v{2 * i}" for i, t in enumerate(sources.split())]
            result = "vcc" if to == "m" else "v[6:7]" if to == "f64" else "v6"
            texts.append(f"{mnemonic(name, self.gpu)} {result}, {', '.join(registers)}\ns_endpgm")
        codes = assemble(texts, self.gpu, 64)
        self.assertTrue(all(codes), [t for t, c in zip(texts, codes) if not c])
        wrong = []
        for name, text, address in zip(names, texts, machine.load(codes)):
            to, sources = ROWS[name][0].split(" = ")
            sources = sources.split()
            rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
            values = [operands(rng, t, 64 * WAVES) for t in sources]
            state = State(WAVES, 64)
            state.s[:, EXEC] = state.s[:, EXEC + 1] = 0xffffffff
            for i, column in enumerate(values):
                words = np.array(column, np.uint64).reshape(WAVES, 64)
                state.v[:, 2 * i] = words & np.uint64(0xffffffff)
                state.v[:, 2 * i + 1] = words >> np.uint64(32)
            for rounding in ROUNDINGS:
                state.mode[:] = MODE | rounding
                got = machine.execute(address, state)
                if to == "m":
                    masks = got.s[:, VCC].astype(np.uint64) | got.s[:, VCC + 1].astype(np.uint64) << np.uint64(32)
                    actual = (masks[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).ravel().tolist()
                else:
                    bits = got.v[:, 6].astype(np.uint64) | (got.v[:, 7].astype(np.uint64) << np.uint64(32) if to == "f64" else np.uint64(0))
                    actual = (bits & np.uint64((1 << int(to[1:])) - 1)).ravel().tolist()
                for want, have, *row in zip(expected(name, values, rounding), actual, *values):
                    f = FLOATS.get(to)
                    if want != have and not (want is None and f.is_nan(have) and have & f.quiet):
                        wrong.append(f"{text.splitlines()[0]} of {', '.join(hex(x) for x in row)}, FP_ROUND {rounding & 3}: "
                                     f"{have:#x}, not {'a quiet NaN' if want is None else hex(want)}")
        self.assertEqual(len(wrong), 0, "\n".join(wrong[:20]))


class Gfx1030(SoftFloat, unittest.TestCase):
    gpu = "gfx1030"


class Gfx1100(SoftFloat, unittest.TestCase):
    gpu = "gfx1100"


class Gfx1151(SoftFloat, unittest.TestCase):
    gpu = "gfx1151"


if __name__ == "__main__":
    unittest.main()
