"""What each row of the scalar instructions means (the same sources as meaning.py), on random operands."""

import math

from floats import F16, F32, ZERO, Accept, convert, to_integer
from machine import EXEC, State
from meaning import (I32, U32, float_comparisons, leading, mask, maximum, minimum, reverse, rtz, same_leading, trailing, whole)
from operands import inline, kind, literal, pattern, sign_extend
from valu import span

ROWS = {}


class Row:
    def __init__(self, name, form, signature, meaning, scc, takes_scc, literal):
        left, right = signature.split("=")
        self.name, self.form, self.meaning, self.scc, self.takes_scc, self.literal = name, form, meaning, scc, takes_scc, literal
        self.reads_to = left.startswith("+")
        self.to = [kind(t) for t in left.strip("+ ").split()]
        self.sources = [kind(t) for t in right.split()]


def rows(form, signature, meanings, scc=None, takes_scc=False, literal=None):
    """scc: "nonzero", "own" (the meaning returns the result and SCC) or None. The destination's old value, if it is
    read, and SCC, if that is, come behind the sources."""
    for name, meaning in meanings.items():
        assert name not in ROWS, name
        ROWS[name] = Row(name, form, signature, meaning, scc, takes_scc, literal)


def signed_overflow(exact):
    return not -(1 << 31) <= exact < 1 << 31


def carry(exact):
    return exact, not 0 <= exact <= mask(32)


rows("sop2", "u32 = u32 u32", {
    "s_add_u32": lambda a, b: carry(a + b), "s_sub_u32": lambda a, b: carry(a - b),
    **{f"s_lshl{n}_add_u32": lambda a, b, n=n: carry((a << n) + b) for n in (1, 2, 3, 4)}}, "own")
rows("sop2", "i32 = i32 i32", {
    "s_add_i32": lambda a, b: (a + b, signed_overflow(a + b)), "s_sub_i32": lambda a, b: (a - b, signed_overflow(a - b))},
    "own")
rows("sop2", "u32 = u32 u32", {
    "s_addc_u32": lambda a, b, c: carry(a + b + c), "s_subb_u32": lambda a, b, c: carry(a - b - c)}, "own", True)
rows("sop2", "i32 = i32 i32", {"s_absdiff_i32": lambda a, b: abs(sign_extend(a - b, 32))}, "nonzero")
for bits in (32, 64):
    top = bits - 1
    rows("sop2", f"b{bits} = b{bits} u32", {
        f"s_lshl_b{bits}": lambda a, b, t=top: a << (b & t), f"s_lshr_b{bits}": lambda a, b, t=top: a >> (b & t)}, "nonzero")
    rows("sop2", f"i{bits} = i{bits} u32", {f"s_ashr_i{bits}": lambda a, b, t=top: a >> (b & t)}, "nonzero")
    rows("sop2", f"b{bits} = b{bits} b{bits}", {
        f"s_{name}_b{bits}": f for name, f in {
            "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b, "nand": lambda a, b: ~(a & b),
            "nor": lambda a, b: ~(a | b), "xnor": lambda a, b: ~(a ^ b), "and_not1": lambda a, b: a & ~b,
            "or_not1": lambda a, b: a | ~b}.items()}, "nonzero")
    rows("sop2", f"u{bits} = u{bits} u32", {
        f"s_bfe_u{bits}": lambda a, b, t=top: a >> (b & t) & mask(b >> 16 & 127)}, "nonzero")
    rows("sop2", f"i{bits} = i{bits} u32", {
        f"s_bfe_i{bits}": lambda a, b, t=top: sign_extend(a >> (b & t), b >> 16 & 127) if b >> 16 & 127 else 0}, "nonzero")
    rows("sop2", f"b{bits} = u32 u32", {f"s_bfm_b{bits}": lambda a, b, t=top: mask(a & t) << (b & t)})
    rows("sop2", f"b{bits} = b{bits} b{bits}", {f"s_cselect_b{bits}": lambda a, b, c: a if c else b}, None, True)
    rows("sop1", f"b{bits} = b{bits}", {
        f"s_mov_b{bits}": lambda a: a, f"s_brev_b{bits}": lambda a, n=bits: reverse(a, n)})
    rows("sop1", f"+b{bits} = b{bits}", {f"s_cmov_b{bits}": lambda a, d, c: a if c else d}, None, True)
    rows("sop1", f"b{bits} = b{bits}", {
        f"s_not_b{bits}": lambda a: ~a,
        f"s_quadmask_b{bits}": lambda a, n=bits: sum((a >> i & 15 != 0) << i // 4 for i in range(0, n, 4)),
        f"s_wqm_b{bits}": lambda a, n=bits: sum((a >> i & 15 != 0) * 15 << i for i in range(0, n, 4))}, "nonzero")
    rows("sop1", f"i32 = b{bits}", {
        f"s_bcnt0_i32_b{bits}": lambda a, n=bits: n - a.bit_count(), f"s_bcnt1_i32_b{bits}": lambda a: a.bit_count()}, "nonzero")
    rows("sop1", f"i32 = b{bits}", {
        f"s_ctz_i32_b{bits}": lambda a, n=bits: trailing(a, n), f"s_clz_i32_u{bits}": lambda a, n=bits: leading(a, n),
        f"s_ff0_i32_b{bits}": lambda a, n=bits: trailing(~a, n),
        "s_cls_i32" + ("_i64" if bits == 64 else ""): lambda a, n=bits: same_leading(a, n)})
    rows("sop1", f"+b{bits} = u32", {
        f"s_bitset0_b{bits}": lambda a, d, t=top: d & ~(1 << (a & t)), f"s_bitset1_b{bits}": lambda a, d, t=top: d | 1 << (a & t)})
    rows("sopc", f"= b{bits} u32", {
        f"s_bitcmp0_b{bits}": lambda a, b, t=top: not a >> (b & t) & 1,
        f"s_bitcmp1_b{bits}": lambda a, b, t=top: a >> (b & t) & 1}, "own")
    # The new exec of the operand and the old exec; saveexec returns the old one, wrexec the new one.
    for name, f in {"and": lambda a, e: a & e, "or": lambda a, e: a | e, "xor": lambda a, e: a ^ e,
                    "nand": lambda a, e: ~(a & e), "nor": lambda a, e: ~(a | e), "xnor": lambda a, e: ~(a ^ e),
                    "and_not0": lambda a, e: ~a & e, "or_not0": lambda a, e: ~a | e, "and_not1": lambda a, e: a & ~e,
                    "or_not1": lambda a, e: a | ~e}.items():
        rows("saveexec", f"b{bits} = b{bits}", {f"s_{name}_saveexec_b{bits}": f})
        if name in ("and_not0", "and_not1"):
            rows("wrexec", f"b{bits} = b{bits}", {f"s_{name}_wrexec_b{bits}": f})
for t, least, most in (("i32", min, max), ("u32", min, max)):
    rows("sop2", f"{t} = {t} {t}", {
        f"s_min_{t}": lambda a, b: (min(a, b), a < b), f"s_max_{t}": lambda a, b: (max(a, b), a >= b)}, "own")
rows("sop2", "i32 = i32 i32", {"s_mul_i32": lambda a, b: a * b, "s_mul_hi_i32": lambda a, b: a * b >> 32})
rows("sop2", "u32 = u32 u32", {"s_mul_hi_u32": lambda a, b: a * b >> 32})
rows("sop2", "b32 = b32 b32", {
    "s_pack_ll_b32_b16": lambda a, b: a & 0xffff | b << 16, "s_pack_lh_b32_b16": lambda a, b: a & 0xffff | b >> 16 << 16,
    "s_pack_hh_b32_b16": lambda a, b: a >> 16 | b >> 16 << 16, "s_pack_hl_b32_b16": lambda a, b: a >> 16 | b << 16})
rows("sop1", "i32 = b32", {"s_sext_i32_i8": lambda a: sign_extend(a, 8), "s_sext_i32_i16": lambda a: sign_extend(a, 16)})
rows("sop1", "b64 = b32", {"s_bitreplicate_b64_b32": lambda a: sum((a >> i & 1) * 3 << 2 * i for i in range(32))})
rows("sop1", "i32 = i32", {"s_abs_i32": abs}, "nonzero")

COMPARE = {"eq": lambda a, b: a == b, "lg": lambda a, b: a != b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
           "lt": lambda a, b: a < b, "le": lambda a, b: a <= b}
for t in ("i32", "u32"):
    rows("sopc", f"= {t} {t}", {f"s_cmp_{c}_{t}": f for c, f in COMPARE.items()}, "own")
    rows("sopk", f"= {t} {'i16' if t == 'i32' else 'u16'}", {f"s_cmpk_{c}_{t}": f for c, f in COMPARE.items()}, "own")
rows("sopc", "= u64 u64", {"s_cmp_eq_u64": COMPARE["eq"], "s_cmp_lg_u64": COMPARE["lg"]}, "own")
rows("sopk", "i32 = i16", {"s_movk_i32": lambda k: k})
rows("sopk", "+i32 = i16", {"s_cmovk_i32": lambda k, d, c: k if c else d}, None, True)
rows("sopk", "+i32 = i16", {"s_mulk_i32": lambda k, d: d * k})
rows("sopk", "+i32 = i16", {"s_addk_i32": lambda k, d: (d + k, signed_overflow(d + k))}, "own")

# gfx1151's floats (RDNA3.5 ISA).
for t, f in (("f32", F32), ("f16", F16)):
    rows("sop2", f"{t} = {t} {t}", {
        f"s_add_{t}": f.add, f"s_sub_{t}": f.sub, f"s_mul_{t}": f.mul, f"s_min_{t}": lambda a, b, f=f: minimum(f, a, b),
        f"s_max_{t}": lambda a, b, f=f: maximum(f, a, b)})
    rows("sop2", f"+{t} = {t} {t}", {f"s_fmac_{t}": f.fma})
    rows("sop1", f"{t} = {t}", {
        f"s_{n}_{t}": lambda a, f=f, r=r: whole(f, a, r) for n, r in (
            ("trunc", math.trunc), ("ceil", math.ceil), ("floor", math.floor), ("rndne", round))})
    rows("sopc", f"= {t} {t}", {
        f"s_cmp_{c}_{t}": lambda a, b, test=test, f=f: test(f.value(a), f.value(b))
        for c, test in float_comparisons().items() if c not in "ft"}, "own")
rows("sop2", "f32 = f32 f32 f32", {"s_fmaak_f32": F32.fma}, literal=2)
rows("sop2", "f32 = f32 f32 f32", {"s_fmamk_f32": F32.fma}, literal=1)
rows("sop1", "f32 = i32", {"s_cvt_f32_i32": F32.round})
rows("sop1", "f32 = u32", {"s_cvt_f32_u32": F32.round})
rows("sop1", "i32 = f32", {"s_cvt_i32_f32": lambda a: to_integer(a, F32, *I32)})
rows("sop1", "u32 = f32", {"s_cvt_u32_f32": lambda a: to_integer(a, F32, *U32)})
rows("sop1", "f16 = f32", {"s_cvt_f16_f32": lambda a: convert(a, F32, F16)})
rows("sop1", "f32 = f16", {"s_cvt_f32_f16": lambda a: convert(a, F16, F32)})
rows("sop1", "f32 = b32", {"s_cvt_hi_f32_f16": lambda a: convert(a >> 16, F16, F32)})


def pack_rtz(a, b):
    result = [convert(x, F32, F16, ZERO) for x in (a, b)]
    want = rtz(a) | rtz(b) << 16
    if not any(isinstance(r, Accept) for r in result):
        return want
    return Accept("halves of which one is a NaN", lambda x: all(
        r.holds(got) if isinstance(r, Accept) else r == got for r, got in zip(result, (x & 0xffff, x >> 16))))


rows("sop2", "b32 = f32 f32", {"s_cvt_pk_rtz_f16_f32": pack_rtz})


class Case:
    def __init__(self, rng, row, mnemonic, lanes):
        self.name = row.name
        self.rng, self.row, self.lanes, self.encoding = rng, row, lanes, row.form
        used = set()

        def register(k):
            step = 2 if k.dwords > 1 else 1
            while True:
                first = int(rng.integers(1, 50)) * step
                if not used & set(range(first, first + k.dwords)):
                    used.update(range(first, first + k.dwords))
                    return first

        self.to = register(row.to[0]) if row.to else None
        self.sources, texts = [], [span("s", self.to, row.to[0].dwords)] if row.to else []
        literals = 0
        for i, k in enumerate(row.sources):
            which = rng.random()
            if row.form == "sopk" and k.bits == 16:
                value = pattern(rng, k)
                self.sources.append((k, None, value))
                texts.append(f"{value:#x}")
                continue
            if i == row.literal or which > 0.88 and not literals and row.literal is None and row.form != "sopk":
                text, bits = literal(rng, k)
                literals += 1
            elif which > 0.7 and row.form != "sopk":
                text, bits = inline(rng, k)
            else:
                first = register(k)
                self.sources.append((k, first, None))
                texts.append(span("s", first, k.dwords))
                continue
            self.sources.append((k, None, bits))
            texts.append(text)
        self.text = f"{mnemonic} {', '.join(texts)}"

    def state(self):
        rng = self.rng
        s = State.random(rng, self.lanes)
        if self.lanes == 32:
            s.s[0, EXEC + 1] = 0
        if self.row.form in ("saveexec", "wrexec") and rng.random() < 0.2:
            s.s[0, EXEC] = 0
        for k, first, _ in self.sources + ([(self.row.to[0], self.to, 0)] if self.row.reads_to else []):
            if first is not None:
                bits = pattern(rng, k)
                for d in range(k.dwords):
                    s.s[0, first + d] = bits >> 32 * d & 0xffffffff
        return s

    def check(self, before, got):
        want = before.copy()

        def read(k, first):
            bits = sum(int(before.s[0, first + d]) << 32 * d for d in range(k.dwords)) & mask(k.bits)
            return sign_extend(bits, k.bits) if k.signed else bits

        operands = [read(k, first) if first is not None else
                    sign_extend(bits, k.bits) if k.signed else bits & mask(k.bits) for k, first, bits in self.sources]
        inputs = list(operands)
        row = self.row
        to = row.to[0] if row.to else None
        if row.form in ("saveexec", "wrexec"):
            old = read(to, EXEC)
            new = row.meaning(operands[0], old) & mask(to.bits)
            result, scc = old if row.form == "saveexec" else new, new != 0
            for d in range(to.dwords):
                want.s[0, EXEC + d] = new >> 32 * d & 0xffffffff
        else:
            if row.reads_to:
                operands.append(read(to, self.to))
            if row.takes_scc:
                operands.append(int(before.scc[0]))
            result, scc = row.meaning(*operands), int(before.scc[0])
            if row.scc == "own":
                result, scc = result if to else (None, result)
            if row.scc == "nonzero":
                scc = result & mask(to.bits) != 0
        inputs = ", ".join(hex(x) for x in inputs) + f", scc {before.scc[0]}"
        if to:
            value = sum(int(got.s[0, self.to + d]) << 32 * d for d in range(to.dwords))
            if isinstance(result, Accept):
                if not result.holds(value):
                    return f"{value:#x}, not {result}; {inputs}"
                result = value
            result &= mask(max(32, to.bits)) if to.float is None else mask(to.bits)
            for d in range(to.dwords):
                want.s[0, self.to + d] = result >> 32 * d & 0xffffffff
        want.scc[0] = scc
        if (want.s != got.s).any():
            i = int((want.s != got.s).nonzero()[1][0])
            return f"s{i}: {int(got.s[0, i]):#x}, not {int(want.s[0, i]):#x}; {inputs}"
        if want.scc[0] != got.scc[0]:
            return f"scc {got.scc[0]}; {inputs}"
        if (want.v != got.v).any() or (want.mode != got.mode).any():
            return "it wrote VGPRs or MODE"
        return None
