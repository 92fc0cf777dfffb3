"""Packed halves, dot products and matrix products (VOP3P), and pairs (VOPD). Sources as in meaning.py; the layout of
matrices: AMD, "RDNA3 ISA", chapter "Wave Matrix Multiply Accumulate", and its table of lanes and registers."""

import gmpy2
import numpy as np

import meaning
from floats import BF16, F16, F32, Accept
from machine import EXEC, VCC, State
from meaning import ADD, SUB, mask, maximum, minimum
from operands import inline, kind, literal, pattern, patterns, sign_extend
from valu import Case, Row, span

ROWS = {}


def rows(form, signature, meanings, **notes):
    for name, m in meanings.items():
        assert name not in ROWS, name
        ROWS[name] = Row(name, form, signature, m, **notes)


rows("halves", "2i16 = 2i16 2i16", {
    "v_pk_add_i16": ADD, "v_pk_sub_i16": SUB, "v_pk_max_i16": max, "v_pk_min_i16": min})
rows("halves", "2u16 = 2u16 2u16", {
    "v_pk_add_u16": ADD, "v_pk_sub_u16": SUB, "v_pk_max_u16": max, "v_pk_min_u16": min})
rows("halves", "2u16 = 2u16 2u16", {
    "v_pk_mul_lo_u16": lambda a, b: a * b, "v_pk_lshlrev_b16": lambda a, b: b << (a & 15),
    "v_pk_lshrrev_b16": lambda a, b: b >> (a & 15)}, clamp=0)
rows("halves", "2i16 = 2u16 2i16", {"v_pk_ashrrev_i16": lambda a, b: b >> (a & 15)}, clamp=0)
rows("halves", "2i16 = 2i16 2i16 2i16", {"v_pk_mad_i16": lambda a, b, c: a * b + c})
rows("halves", "2u16 = 2u16 2u16 2u16", {"v_pk_mad_u16": lambda a, b, c: a * b + c})
rows("halves", "2f16 = 2f16 2f16 2f16", {"v_pk_fma_f16": F16.fma})
rows("halves", "2f16 = 2f16 2f16", {
    "v_pk_add_f16": F16.add, "v_pk_mul_f16": F16.mul, "v_pk_min_f16": lambda a, b: minimum(F16, a, b),
    "v_pk_max_f16": lambda a, b: maximum(F16, a, b)})


def total(f, g, pairs, c, slack):
    """A sum of exact products, rounded in any order."""
    values = [f.value(x) for pair in pairs for x in pair] + [g.value(c)]
    if any(v != v or abs(v) == float("inf") for v in values):
        return Accept("anything", lambda b: True)
    terms = [gmpy2.mpq(f.value(a)) * gmpy2.mpq(f.value(b)) for a, b in pairs] + [gmpy2.mpq(g.value(c))]
    exact, size = sum(terms), sum(abs(t) for t in terms)
    bound = size * gmpy2.mpq(2) ** (slack - g.precision) + gmpy2.mpq(2) ** (3 - g.bias) * (len(pairs) + 1)
    if size >= gmpy2.mpq(2) ** g.bias:
        return Accept("near the greatest number", lambda b: True)
    return Accept(f"{float(exact)!r} give or take {float(bound):.3g}",
                  lambda b: not g.is_nan(b) and not g.is_inf(b) and abs(gmpy2.mpq(g.value(b)) - exact) <= bound)


def dot2(f, g):
    return lambda a, b, c: total(f, g, list(zip(a, b)), c, 2)


# A source of `halves` comes as a pair to the rows of form "dot".
rows("dot", "f32 = 2f16 2f16 f32", {"v_dot2_f32_f16": dot2(F16, F32)}, neg=1)
rows("dot", "f32 = 2bf16 2bf16 f32", {"v_dot2_f32_bf16": dot2(BF16, F32)}, neg=1)
rows("dot", "i32 = 2i16 2i16 i32", {"v_dot2_i32_i16": lambda a, b, c: a[0] * b[0] + a[1] * b[1] + c})
rows("dot", "u32 = 2u16 2u16 u32", {"v_dot2_u32_u16": lambda a, b, c: a[0] * b[0] + a[1] * b[1] + c})
rows("dot3", "f16 = 2f16 2f16 f16", {"v_dot2_f16_f16": dot2(F16, F16)}, clamp=0, nomod=0)
rows("dot3", "bf16 = 2bf16 2bf16 bf16", {"v_dot2_bf16_bf16": dot2(BF16, BF16)}, clamp=0, nomod=0, constants=0)
rows("dot2", "+f32 = 2f16 2f16", {"v_dot2acc_f32_f16": dot2(F16, F32)}, nomod=0)
rows("halves2", "+2f16 = 2f16 2f16", {"v_pk_fmac_f16": F16.fma}, nomod=0)


def split(x, bits, signed):
    parts = [x >> i & mask(bits) for i in range(0, 32, bits)]
    return [sign_extend(p, bits) for p in parts] if signed else parts


def integer_dot(bits, a_signed=None, b_signed=None):
    """Signs None: as neg_lo says, which comes behind the operands."""

    def m(a, b, c, neg=(0, 0)):
        signs = [neg[i] if s is None else s for i, s in enumerate((a_signed, b_signed))]
        return sum(x * y for x, y in zip(split(a, bits, signs[0]), split(b, bits, signs[1]))) + c

    return m


rows("dotn", "i32 = b32 b32 i32", {"v_dot4_i32_i8": integer_dot(8, 1, 1), "v_dot8_i32_i4": integer_dot(4, 1, 1)})
rows("dotn", "u32 = b32 b32 u32", {"v_dot4_u32_u8": integer_dot(8, 0, 0), "v_dot8_u32_u4": integer_dot(4, 0, 0)})
rows("dotn", "i32 = b32 b32 i32", {"v_dot4_i32_iu8": integer_dot(8), "v_dot8_i32_iu4": integer_dot(4)}, signs=1)
rows("dotn2", "+i32 = b32 b32", {"v_dot4c_i32_i8": integer_dot(8, 1, 1)}, nomod=0)
# f32, or the half of a register that op_sel picks.
rows("mix", "f32 = b32 b32 b32", {"v_fma_mix_f32": F32.fma})
rows("mix", "f16 = b32 b32 b32", {
    n: lambda a, b, c: mixed(a, b, c) for n in ("v_fma_mixlo_f16", "v_fma_mixhi_f16")})


def mixed(a, b, c):
    """The guides round to f32 and then to f16; the operation itself is fused, so that either is right."""
    once = F32.fma(a, b, c)
    if isinstance(once, Accept) or F32.is_inf(once):
        return F16.any_nan if isinstance(once, Accept) else meaning.convert(once, F32, F16)
    exact = F32._exact.fma(F32.mpfr(a), F32.mpfr(b), F32.mpfr(c))
    some = {meaning.convert(once, F32, F16), F16.round(exact) if exact != 0 else meaning.convert(once, F32, F16)}
    return some.pop() if len(some) == 1 else Accept(f"one of {some}", lambda x: x in some)


class PackedCase(Case):
    def __init__(self, rng, row, encoding, gpu, lanes):
        base = {"halves": "vop3", "dot": "vop3", "dotn": "vop3", "mix": "vop3", "dot3": "vop3"}.get(row.form, encoding)
        self.low, self.high = [0] * 3, [1] * 3
        self.neg_low, self.neg_high = [0] * 3, [0] * 3
        if row.form in ("halves", "dot", "dotn", "mix"):
            row.notes.update(nomod=0, opsel=0)
        super().__init__(rng, row, base, gpu, lanes)
        n = len(row.sources)
        if row.form == "mix":
            self.high = [int(x) for x in rng.integers(0, 2, 3)]
            self.low = [int(x) if s.constant is None else 0 for x, s in zip(rng.integers(0, 2, 3), self.sources)]
            for i, s in enumerate(self.sources):  # a constant as a half has its own rules
                if s.constant is not None:
                    self.high[i] = 0
                    if s.text.startswith("0x") and s.constant < 1 << 16:  # which LLVM takes for a half's -1, say, as 0xffff
                        s.constant += 1 << 20
                        self.text = self.text.replace(s.text, hex(s.constant), 1)
            self.half = int(row.name == "v_fma_mixhi_f16")
            self.text += f" op_sel:{self.low} op_sel_hi:{self.high}".replace(", ", ",")
        elif row.form == "halves":
            self.low = [int(x) for x in rng.integers(0, 2, 3)]
            self.high = [int(x) for x in rng.integers(0, 2, 3)]
            if row.to[0].float:
                self.neg_low, self.neg_high = ([int(x) for x in rng.integers(0, 2, 3)] for _ in "ab")
            fields = {"op_sel": self.low, "op_sel_hi": self.high}
            if row.to[0].float:
                fields |= {"neg_lo": self.neg_low, "neg_hi": self.neg_high}
            self.text += "".join(f" {k}:[{','.join(map(str, v[:n]))}]" for k, v in fields.items())
        elif row.form == "dot" and "neg" in row.notes and row.sources[0].float is F16:
            self.neg_low, self.neg_high = ([*(int(x) for x in rng.integers(0, 2, 2)), 0] for _ in "ab")
            self.text += f" neg_lo:{self.neg_low} neg_hi:{self.neg_high}".replace(", ", ",")
        elif "signs" in row.notes:
            self.neg_low = [*(int(x) for x in rng.integers(0, 2, 2)), 0]
            self.text += f" neg_lo:{self.neg_low}".replace(", ", ",")
        if self.clamp:  # LLVM prints it last
            self.text = self.text.replace(" clamp", "", 1) + " clamp"

    def _operand(self, source, bits):
        i = self.sources.index(source) if source in self.sources else 2
        k = source.kind
        if self.row.form == "mix":
            if self.high[i]:
                bits = meaning.convert(bits >> 16 * self.low[i] & 0xffff, F16, F32)
                if isinstance(bits, Accept):
                    bits = F32.nan
            if self.neg_high[i]:
                bits &= F32.sign - 1
            return bits ^ (F32.sign if self.neg_low[i] else 0)
        if not k.packed:
            return super()._operand(source, bits)
        pair = bits >> 16 * self.low[i] & 0xffff, bits >> 16 * self.high[i] & 0xffff
        pair = pair[0] ^ (0x8000 if self.neg_low[i] else 0), pair[1] ^ (0x8000 if self.neg_high[i] else 0)
        return tuple(sign_extend(x, 16) for x in pair) if k.signed else pair

    def meaning_of(self, operands):
        row = self.row
        if row.form.startswith("halves"):
            return [row.meaning(*(o[h] for o in operands)) for h in (0, 1)]
        if "signs" in row.notes:
            return row.meaning(*operands, self.neg_low[:2])
        return row.meaning(*operands)

    def accumulator(self, old):
        return (old & 0xffff, old >> 16) if self.row.form == "halves2" else old

    def _finish(self, k, result):
        if not isinstance(result, list):
            return super()._finish(k, result)
        one = kind(k.name[1:])
        low, high = (super(PackedCase, self)._finish(one, r) for r in result)
        if not isinstance(low, Accept) and not isinstance(high, Accept):
            return low | high << 16

        def holds(b):
            return all(want.holds(got) if isinstance(want, Accept) else want == got
                       for want, got in ((low, b & 0xffff), (high, b >> 16)))

        return Accept(f"halves {low}, {high}", holds)


ENCODINGS = {"halves": ("vop3p",), "dot": ("vop3p",), "dotn": ("vop3p",), "mix": ("vop3p",), "dot3": ("vop3",),
             "dot2": ("e32", "dpp", "dpp8"), "halves2": ("e32", "dpp", "dpp8"), "dotn2": ("e32", "dpp", "dpp8")}


# ---- pairs ----

HALVES = {"fmac_f32": 2, "fmaak_f32": 2, "fmamk_f32": 2, "mul_f32": 2, "add_f32": 2, "sub_f32": 2, "subrev_f32": 2,
          "mul_dx9_zero_f32": 2, "mov_b32": 1, "cndmask_b32": 2, "max_f32": 2, "min_f32": 2, "dot2acc_f32_f16": 2}
SECOND = dict(HALVES, add_nc_u32=2, lshlrev_b32=2, and_b32=2)


class PairCase:
    """Two operations at once; both read before either writes. Banks of registers as the guide demands: sources of the
    same number differ modulo 4, and one result is even, the other odd."""

    encoding = "vopd"

    def __init__(self, rng, x, y):
        self.rng, self.lanes, self.names = rng, 32, (x, y)
        used, texts, self.halves = set(), [], []
        shared = None
        for which, name in enumerate((x, y)):
            def register(residue, modulo):
                while True:
                    r = int(rng.integers(0, 60 // modulo)) * modulo + residue
                    if r not in used:
                        used.add(r)
                        return r
            row = (ROWS | meaning.ROWS)[f"v_{name}"]
            to = register(which, 2)
            sources = [register(2 * which + i, 4) for i in range(HALVES.get(name, 2) if name in HALVES else 2)]
            constants = {}
            kinds = [kind("b32" if k.packed else k.name) for k in row.sources]
            if rng.random() < 0.3 and not row.sources[0].packed:
                constants[0] = inline(rng, kinds[0])
            words = [constants[0][0] if i == 0 and 0 in constants else f"v{s}" for i, s in enumerate(sources)]
            operands = [("k", constants[0][1]) if i == 0 and 0 in constants else ("v", s) for i, s in enumerate(sources)]
            if name in ("fmaak_f32", "fmamk_f32"):
                shared = shared or literal(rng, kind("f32"))
                at = 2 if name == "fmaak_f32" else 1
                words.insert(at, shared[0])
                operands.insert(at, ("k", shared[1]))
            self.halves.append((row, to, operands))
            texts.append(f"v_dual_{name} v{to}, {', '.join(words)}")
        self.text = " :: ".join(texts)

    def state(self):
        s, rng = State(1, 32), self.rng
        s.s[:] = rng.integers(0, 1 << 32, s.s.shape)
        for r in range(s.v.shape[1]):
            s.v[0, r] = patterns(rng, kind("f32" if rng.random() < 0.7 else "u32"), 32)
        s.s[0, EXEC] = pattern(rng, kind("m")) & 0xffffffff if rng.random() < 0.5 else 0xffffffff
        s.s[0, EXEC + 1] = 0
        return s

    def check(self, before, got):
        want, exec_mask, vcc = before.copy(), before.mask(0, EXEC), before.mask(0, VCC)
        for row, to, operands in self.halves:
            for lane in range(32):
                if not exec_mask >> lane & 1:
                    continue
                values = [value if k == "k" else int(before.v[0, value, lane]) for k, value in operands]
                if row.accumulates:
                    values.append(int(before.v[0, to, lane]))
                if row.sources[-1].mask:
                    values.append(vcc >> lane & 1)
                if row.sources[0].packed:
                    values = [(x & 0xffff, x >> 16) for x in values[:2]] + values[2:]
                result, actual = row.meaning(*values), int(got.v[0, to, lane])
                if isinstance(result, Accept):
                    if not result.holds(actual):
                        return f"v{to} lane {lane}: {actual:#x}, not {result}; {values}"
                    result = actual
                want.v[0, to, lane] = result & 0xffffffff
        if (want.v != got.v).any():
            _, r, lane = (int(x[0]) for x in (want.v != got.v).nonzero())
            return f"v{r} lane {lane}: {int(got.v[0, r, lane]):#x}, not {int(want.v[0, r, lane]):#x}"
        return "it wrote scalar registers" if (want.s != got.s).any() or (want.scc != got.scc).any() else None


# ---- matrices ----

MATRICES = {  # name: element of A and B, of C and D
    "v_wmma_f32_16x16x16_f16": ("f16", "f32"), "v_wmma_f32_16x16x16_bf16": ("bf16", "f32"),
    "v_wmma_f16_16x16x16_f16": ("f16", "f16"), "v_wmma_bf16_16x16x16_bf16": ("bf16", "bf16"),
    "v_wmma_i32_16x16x16_iu8": ("u8", "i32"), "v_wmma_i32_16x16x16_iu4": ("u4", "i32")}


class MatrixCase:
    encoding = "wmma"

    def __init__(self, rng, name, lanes):
        self.rng, self.name, self.lanes = rng, name, lanes
        element, result = MATRICES[name]
        self.element, self.result = kind(element), kind(result)
        self.ab = 16 * self.element.bits // 32
        self.cd = 8 * 32 // lanes
        self.a, self.b, self.c = 0, 8, 16
        self.d = 16 if rng.random() < 0.3 else 32
        self.text = (f"{name} {span('v', self.d, self.cd)}, {span('v', self.a, self.ab)}, {span('v', self.b, self.ab)}, "
                     f"{span('v', self.c, self.cd)}")
        self.signs, self.clamp, self.half = [0, 0], False, 0
        self.negate = [0, 0]
        if self.element.letter == "u":
            self.signs = [int(x) for x in rng.integers(0, 2, 2)]
            self.clamp = rng.random() < 0.5
            self.text += f" neg_lo:[{self.signs[0]},{self.signs[1]},0]" + (" clamp" if self.clamp else "")
        elif self.result.bits == 16:
            self.half = int(rng.integers(0, 2))
            self.text += f" op_sel:[0,0,{self.half}]"

    def state(self):
        s, rng = State(1, self.lanes), self.rng
        s.s[:] = rng.integers(0, 1 << 32, s.s.shape)
        s.v[:] = rng.integers(0, 1 << 32, s.v.shape)
        s.set_mask(0, EXEC, (1 << self.lanes) - 1)
        if self.lanes == 32:
            s.s[0, EXEC + 1] = 0
        # Rows of A and columns of B: in lanes 0-15, and again in the others.
        self.matrices = []
        for first in (self.a, self.b):
            if self.element.float:
                f = self.element.float
                bits = rng.integers(0, 1 << 16, (16, 16)).astype(np.int64) & (f.mantissa_mask | f.sign)
                bits |= rng.integers(f.bias - 6, f.bias + 6, (16, 16)) << f.mantissa
                bits[rng.random((16, 16)) < 0.05] = 0
            else:
                bits = rng.integers(0, 1 << self.element.bits, (16, 16))
            per = 32 // self.element.bits
            for r in range(self.ab):
                word = sum(bits[:, r * per + i] << i * self.element.bits for i in range(per))
                s.v[0, first + r] = np.tile(word.astype(np.uint32), self.lanes // 16)
            self.matrices.append(bits)
        k = self.result
        for r in range(self.cd):
            if k.float:
                f = k.float
                bits = rng.integers(0, 1 << f.mantissa, self.lanes) | rng.integers(f.bias - 6, f.bias + 7, self.lanes) << f.mantissa
                word = s.v[0, self.c + r].astype(np.int64)
                word = bits if k.bits == 32 else word & ~(0xffff << 16 * self.half) | bits << 16 * self.half
                s.v[0, self.c + r] = word.astype(np.uint32)
        return s

    def check(self, before, got):
        a, b = self.matrices
        want = before.copy()
        step = self.lanes // 16
        for r in range(self.cd):
            for lane in range(self.lanes):
                row, column = step * r + lane // 16, lane % 16
                c = int(before.v[0, self.c + r, lane])
                actual = int(got.v[0, self.d + r, lane])
                if self.element.letter == "u":
                    n = self.element.bits
                    x, y = ([sign_extend(int(v), n) if s else int(v) for v in m] for m, s in ((a[row], self.signs[0]),
                                                                                             (b[column], self.signs[1])))
                    exact = sum(p * q for p, q in zip(x, y)) + sign_extend(c, 32)
                    if self.clamp:
                        exact = max(-(1 << 31), min((1 << 31) - 1, exact))
                    want.v[0, self.d + r, lane] = exact & 0xffffffff
                    continue
                wide = self.result.bits == 32
                pairs = [(int(p), int(q)) for p, q in zip(a[row], b[column])]
                part = c if wide else c >> 16 * self.half & 0xffff
                accept = total(self.element.float, self.result.float, pairs, part, 5)
                value = actual if wide else actual >> 16 * self.half & 0xffff
                if not accept.holds(value):
                    return f"row {row}, column {column}: {value:#x}, not {accept}"
                old = int(before.v[0, self.d + r, lane])
                want.v[0, self.d + r, lane] = actual if wide else old & ~(0xffff << 16 * self.half) | value << 16 * self.half
        if (want.v != got.v).any():
            _, r, lane = (int(x[0]) for x in (want.v != got.v).nonzero())
            return f"v{r} lane {lane}: {int(got.v[0, r, lane]):#x}, not {int(want.v[0, r, lane]):#x}"
        return "it wrote scalar registers" if (want.s != got.s).any() or (want.mode != got.mode).any() else None
