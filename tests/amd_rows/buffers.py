"""What scalar loads and the rows of MUBUF and MTBUF do: addresses, what is out of range, formats.

Sources: RDNA3 ISA 8.1 (scalar addresses and sizes), 9.3 (which data format and DST_SEL count), 9.4 (addresses, swizzle,
OOB_SELECT), 9.6 (descriptors; one without a data format is unbound), "Buffer Image Format Table"; the OOB_SELECT of
gfx10: Mesa, src/amd/common/ac_descriptors.c. Components of a format are named from the most significant down (Mesa,
gfx10_format_table.py: R11G11B10 is 10_11_11). Numbers of formats are those that llvm-mc-19 encodes.

Left out, because no guide says what happens: integers that do not fit their format or a half, stores of fewer
components than the format has, accesses that gfx10 begins in range and ends outside."""

import functools

import gmpy2

from floats import F16, F32, Accept, convert
from machine import assemble
from memory import FLAT_OPS, MASK32, WINDOW, Access, Transfer
from names import mnemonic
from operands import kind, pattern, sign_extend
from valu import span


class ScalarLoad(Access):
    def __init__(self, rng, name, machine, window, lanes):
        super().__init__(rng, name, machine, window, lanes)
        self.uses_global = True
        self.n = int(name.rsplit("b", 1)[1]) // 32
        self.buffer = "buffer" in name
        self.to = int(rng.integers(16 // 4, 64 // 4)) * 4
        base = int(rng.integers(80 // 4, 96 // 4)) * 4
        low = 4 * int(rng.integers(0, (WINDOW - 64) // 8))
        imm = int(rng.integers(0, low // 4 + 1)) * 4
        form = ("imm", "sgpr", "both", "m0")[int(rng.integers(0, 4))]
        soffset = 0 if form == "imm" else int(rng.integers(0, (low - imm) // 4 + 1)) * 4
        if form in ("sgpr", "m0"):
            imm = 0
        elif form == "both" and not self.buffer and rng.random() < 0.5:  # the sum may not be negative
            imm, soffset = -imm, soffset + imm
        offset = imm + soffset
        start = window + low - offset  # of what is loaded: window + low
        text = {"imm": f"{imm:#x}", "sgpr": "s70", "m0": "m0", "both": f"s70 offset:{imm:#x}"}[form]
        if form == "m0":
            self.m0 = soffset
        self.at = low
        self.count = self.n
        self.scalars = {70: soffset}
        odd = int(rng.integers(0, 4)) if rng.random() < 0.3 else 0  # ignored
        self.scalars[base], self.scalars[base + 1] = start + odd & MASK32, start >> 32
        if self.buffer:
            stride = int(rng.choice([0, 0, 4, 12, 64]))
            inside = int(rng.integers(0, 2 * self.n + 2))  # dwords of the buffer from where is loaded
            bytes_ = offset + 4 * inside
            if stride:
                bytes_ = bytes_ // stride * stride
            self.count = max(0, min(self.n, (bytes_ - offset) // 4))
            self.scalars[base + 1] |= stride << 16
            self.scalars[base + 2] = bytes_ // (stride or 1)
            self.scalars[base + 3] = 4 | 5 << 3 | 6 << 6 | 7 << 9 | 22 << 12 | (0 if not self.gfx10 else 1 << 24)
        self.finish(f"{mnemonic(name, self.gpu)} {span('s', self.to, self.n)}, {span('s', base, 4 if self.buffer else 2)}, {text}")

    def fill(self, s):
        pass

    def effect(self, before, want, memory):
        for i in range(self.n):
            want.s[0, self.to + i] = self.peek(None, memory, "global", 0, self.at + 4 * i, 4) if i < self.count else 0


# ---- formats ----

KINDS = ("UNORM", "SNORM", "USCALED", "SSCALED", "UINT", "SINT", "FLOAT")
SIZES = ("8", "16", "8_8", "32", "16_16", "10_11_11", "11_11_10", "10_10_10_2", "2_10_10_10", "8_8_8_8", "32_32", "16_16_16_16",
         "32_32_32", "32_32_32_32")


class Format:
    def __init__(self, number, sizes, kind_):
        self.number, self.kind, self.name = number, kind_, f"{sizes}_{kind_}"
        self.bits = [int(b) for b in sizes.split("_")][::-1]  # of X, Y, Z, W
        self.shifts = [sum(self.bits[:i]) for i in range(len(self.bits))]
        self.nbytes = sum(self.bits) // 8
        self.whole = kind_ in ("UINT", "SINT")


@functools.cache
def formats(gpu):
    """Those that llvm-mc-19 knows, with the numbers of its encodings."""
    names = [(s, k) for s in SIZES for k in KINDS]
    codes = assemble([f"tbuffer_load_format_x v1, off, s[4:7], 0 format:[BUF_FMT_{s}_{k}]" for s, k in names], gpu, 32)
    return [Format(int.from_bytes(code[:4], "little") >> 19 & 127, s, k) for (s, k), code in zip(names, codes) if code]


def small_float(bits, n):
    """An unsigned float of 10 or 11 bits as a half."""
    return bits << (10 - (n - 5))


def one_ulp(f, exact):
    return f.near(gmpy2.mpfr(exact, 300), 1)


def loaded(fmt, c, raw, half):
    """Component c as a register's 32 or 16 bits."""
    n, f = fmt.bits[c], F16 if half else F32
    if fmt.kind == "UINT":
        return raw
    if fmt.kind == "SINT":
        return sign_extend(raw, n) & (0xffff if half else MASK32)
    if fmt.kind == "FLOAT":
        if n == 32:
            if not half:
                return raw
            return F16.any_nan if F32.is_nan(raw) else one_ulp(F16, F32.mpfr(raw)) if not F32.is_inf(raw) else convert(raw, F32, F16)
        bits = raw if n == 16 else small_float(raw, n)
        if F16.is_nan(bits):
            return Accept("a NaN", f.is_nan)
        return bits if half else convert(bits, F16, F32)
    value = sign_extend(raw, n) if fmt.kind[0] == "S" else raw
    if fmt.kind.endswith("SCALED"):
        return one_ulp(f, value)
    return one_ulp(f, max(gmpy2.mpq(value, (1 << n) - 1 if fmt.kind[0] == "U" else (1 << n - 1) - 1), gmpy2.mpq(-1)))


def stored(fmt, c, register, half):
    """What component c in memory may be."""
    n, f = fmt.bits[c], F16 if half else F32
    if fmt.whole:
        return register & (1 << n) - 1
    if fmt.kind == "FLOAT":
        if n == 32:
            return register if not half else convert(register, F16, F32) if not F16.is_nan(register) else Accept("a NaN", F32.is_nan)
        if f.is_nan(register):
            return Accept("a NaN", lambda b: F16.is_nan(b if n == 16 else small_float(b, n)))
        if n == 16:
            return register if half else one_ulp(F16, F32.mpfr(register))
        value = f.value(register)
        return Accept(f"{value}", lambda b: abs(F16.value(small_float(b, n)) - value) <= abs(value) * 2.0 ** -(n - 5))
    value = f.exactly(register)
    low, high, scale = {"UNORM": (0, 1, (1 << n) - 1), "SNORM": (-1, 1, (1 << n - 1) - 1), "USCALED": (0, (1 << n) - 1, 1),
                        "SSCALED": (-(1 << n - 1), (1 << n - 1) - 1, 1)}[fmt.kind]
    exact = max(low, min(high, value)) * scale
    return Accept(f"{float(exact)}, rounded", lambda b: abs((sign_extend(b, n) if fmt.kind[0] == "S" else b) - exact) < 1)


def storable(rng, fmt, c, half):
    """A register's bits of which it is said what becomes of them."""
    n, f = fmt.bits[c], F16 if half else F32
    if fmt.whole:
        n = min(n, 16 if half else 32)
        value = int(rng.integers(0, 1 << n))
        return (sign_extend(value, n) if fmt.kind == "SINT" else value) & (0xffff if half else MASK32)
    if fmt.kind == "FLOAT" and n in (16, 32):
        while True:
            bits = pattern(rng, kind(f"f{f.bits}"))
            if half or n == 32 or f.is_nan(bits) or abs(f.value(bits)) < 65000:
                return bits
    if fmt.kind == "FLOAT":
        return f.round(float(2.0 ** rng.uniform(-8, 15)))
    limit = {"UNORM": 1.2, "SNORM": 1.2}.get(fmt.kind, 1.1 * (1 << min(n, 15)))
    return f.round(float(rng.uniform(-limit, limit)))


# ---- descriptors ----


class Descriptor:
    def __init__(self, rng, gfx10, window):
        self.gfx10 = gfx10
        self.base = window + 16 * int(rng.integers(0, 32))
        self.stride = int(rng.choice([0, 4, 8, 16, 16, 32, 48, 64]))
        self.element = int(rng.choice([0, 0, 4] if gfx10 else [0, 0, 4, 16]))
        if self.element and self.stride % self.element:
            self.element = 0
        self.oob = int(rng.integers(0, 4))
        if gfx10 and self.oob == 3 and self.element:
            self.oob = 1
        self.add_tid = rng.random() < 0.15
        self.index_stride = int(rng.choice([8, 16, 32, 64]))
        self.records = 4 * int(rng.integers(0, 600)) if self.raw() else int(rng.integers(0, 80))
        if rng.random() < 0.05:
            self.records = 0
        self.select = [4, 5, 6, 7]
        self.format = 0

    def raw(self):
        return self.oob == 3 and not (self.element and self.stride)

    def words(self):
        high = self.base >> 32 | self.stride << 16
        last = sum(x << 3 * i for i, x in enumerate(self.select)) | self.format << 12 | self.oob << 28 | int(self.add_tid) << 23
        last |= (8, 16, 32, 64).index(self.index_stride) << 21
        if self.gfx10:
            high |= int(self.element > 0) << 31
            last |= 1 << 24  # RESOURCE_LEVEL
        else:
            high |= {0: 0, 4: 1, 16: 3}[self.element] << 30
        return self.base & MASK32, high, self.records, last

    def outside(self, index, offset, soffset, payload):
        """Whether it is out of range; None where the guides leave it open."""
        if self.oob == 1:
            return index >= self.records
        if self.oob == 2:
            return self.records == 0
        if self.oob == 0 or self.element and self.stride:
            ends = [index >= self.records or offset + payload > self.stride, index >= self.records or offset >= self.stride]
        else:
            ends = [offset + soffset + payload > self.records, offset + soffset >= self.records]
        return ends[0] if not self.gfx10 or ends[0] == ends[1] else None

    def address(self, index, offset, soffset):
        if not self.element:
            return self.base + soffset + index * self.stride + offset
        n, e = self.index_stride, self.element
        return self.base + soffset + (index // n * self.stride + offset // e * e) * n + index % n * e + offset % e


class BufferAccess(Transfer):
    """Descriptor, index and offsets of any buffer instruction: derived classes have `pieces`, the (byte, bytes) that are
    checked each on its own."""

    def __init__(self, rng, name, op, machine, window, lanes):
        super().__init__(rng, name, op, machine, window, lanes)
        self.uses_global = True
        self.resource = Descriptor(rng, self.gfx10, window)
        self.idxen, self.offen = bool(rng.random() < 0.6), bool(rng.random() < 0.6)
        self.s = int(rng.integers(2, 20)) * 4
        self.soffset_register = None
        which = rng.random()
        if which < 0.4:
            self.soffset, self.soffset_text = 0, "0"
        elif which < 0.6:
            self.soffset = int(rng.integers(0, 17)) * 4
            self.soffset_text = str(self.soffset)
        else:
            self.soffset, self.soffset_register = int(rng.integers(0, 64)) * 4, 90
            self.soffset_text = "s90"
        self.offset = 0 if rng.random() < 0.5 else 4 * int(rng.integers(0, 6 if rng.random() < 0.8 else 1024))
        self.address = self.vgprs(self.idxen + self.offen) if self.idxen or self.offen else None
        self.align = 4
        self.exclusive = op.what != "load"

    def address_text(self):
        return "off" if self.address is None else span("v", self.address, self.idxen + self.offen)

    def modifiers(self):
        return (f", {span('s', self.s, 4)}, {self.soffset_text}" + self.format_text() + (" idxen" if self.idxen else "")
                + (" offen" if self.offen else "") + (f" offset:{self.offset}" if self.offset else ""))

    def format_text(self):
        return ""

    def propose(self, lane):
        """Index and offset of one lane with where each piece lies: None out of range; or nothing, if that is no good."""
        rng, d = self.rng, self.resource
        index = int(rng.integers(0, 100)) if self.idxen else 0
        low = self.offset
        offset = 0
        if self.offen:
            offset = self.align * int(rng.integers(0, (d.stride or 64) // self.align + 2) if rng.random() < 0.7 else rng.integers(0, 700))
            if rng.random() < 0.4:  # near the end of what is in range
                end = d.records - self.soffset if d.raw() else d.stride
                offset = max(0, end - low - self.align * int(rng.integers(0, self.pieces[-1][0] // 4 + 3))) // self.align * self.align
            elif rng.random() < 0.03:
                offset = int(rng.integers(0, 1 << 32)) // self.align * self.align
        full = index + (lane if d.add_tid else 0)
        where = []
        for first, nbytes in self.pieces:
            at = offset + low + first
            outside = d.outside(full, at, self.soffset, nbytes)
            if outside is None:
                return None
            if d.element and at % d.element + nbytes > d.element:
                return None
            place = None if outside else d.address(full, at, self.soffset) - self.window
            if place is not None and not 0 <= place <= WINDOW - nbytes:
                return None
            where.append(place)
        if d.element and len(self.pieces) > 1 and (offset + low) // d.element != (offset + low + self.pieces[-1][0]) // d.element:
            return None  # a unit larger than an element
        return index, offset, where

    def fill(self, s):
        d, taken = self.resource, set()
        for i, word in enumerate(d.words()):
            self.scalars[self.s + i] = word
        if self.soffset_register:
            self.scalars[self.soffset_register] = self.soffset
        self.where = {}
        for lane in self.enabled():
            for _ in range(12):
                found = self.propose(lane)
                if not found:
                    continue
                index, offset, where = found
                mine = {x for at, (_, n) in zip(where, self.pieces) if at is not None for x in range(at, at + n)}
                if self.exclusive and mine & taken:
                    continue
                taken |= mine
                self.where[lane] = where
                if self.idxen:
                    s.v[0, self.address, lane] = index
                if self.offen:
                    s.v[0, self.address + self.idxen, lane] = offset
                break
            else:
                self.exec &= ~(1 << lane)
        s.s[0, 100], s.s[0, 101] = self.exec & MASK32, self.exec >> 32
        self.bound = d.format != 0
        self.data_of(s)


class BufferCase(BufferAccess):
    """What has the data format of its name. A load or store is checked dword by dword."""

    def __init__(self, rng, name, op, machine, window, lanes):
        super().__init__(rng, name, op, machine, window, lanes)
        n = op.nbytes
        self.pieces = [(i, 4) for i in range(0, n, 4)] if op.what != "atomic" and n > 4 else [(0, n)]
        self.align = n if op.what == "atomic" else min(n, 4)
        if n > 4 and self.resource.element:  # no unit is larger than an element
            self.resource.element = 0 if self.gfx10 else 16
            self.resource.stride = self.resource.stride // 16 * 16
            self.align = 8 if n == 8 else 16
        self.offset = self.offset // self.align * self.align
        if op.what == "atomic" and n == 8:
            self.resource.stride = self.resource.stride // 8 * 8
            self.soffset = self.soffset // 8 * 8
            self.soffset_text = self.soffset_text if self.soffset_register else str(self.soffset)
        self.resource.format = 0 if rng.random() < 0.04 else 22
        if self.resource.add_tid and not self.resource.format:
            self.resource.add_tid = False
        self.operands(False)
        self.lds = name.startswith("buffer_load_lds_") or (
            self.gfx10 and op.what == "load" and n <= 4 and "d16" not in name and rng.random() < 0.2)
        self.returns = op.what == "load" or op.what == "atomic" and rng.random() < 0.6
        tail = self.modifiers() + (" glc" if op.what == "atomic" and self.returns else "")
        if self.lds:
            self.uses_lds, self.m0 = True, 0
            self.origin = 256 * int(rng.integers(16, 100))
            self.m0 = self.origin + 4 * lanes * int(rng.integers(0, 16)) - self.offset | int(rng.integers(0, 1 << 16)) << 16
            operands = self.address_text()
            tail += " lds" if self.gfx10 else ""
        else:
            if op.what == "atomic":
                self.to = self.data
                operands = f"{self.data_text(False)}, {self.address_text()}"
            elif op.what == "load":
                self.to = self.destination()
                operands = f"{span('v', self.to, op.result)}, {self.address_text()}"
            else:
                operands = f"{self.data_text(False)}, {self.address_text()}"
        self.finish(f"{mnemonic(name, self.gpu)} {operands}{tail}")

    def data_of(self, s):
        inside = {lane: where[0] for lane, where in self.where.items() if where[0] is not None}
        if self.op.what == "atomic":
            saved = self.exec
            self.exec = sum(1 << lane for lane in inside)
            self.fill_data(s, {lane: "global" for lane in inside}, inside)
            self.exec = saved

    def effect(self, before, want, memory):
        op = self.op
        for lane, where in self.where.items():
            where = where if self.bound else [None] * len(where)
            if op.what == "load":
                value = sum(self.peek(None, memory, "global", lane, at, n) << 8 * first
                            for at, (first, n) in zip(where, self.pieces) if at is not None)
                if self.lds:
                    self.poke(want, None, "lds", lane, (self.m0 & 0xffff) + self.offset + 4 * lane, 4, op.meaning(value, 0))
                else:
                    self.put(want, self.to, lane, op.result, op.meaning(value, self.get(before, self.to, lane, op.result)))
            elif op.what == "store":
                value = op.meaning(self.get(before, self.data, lane, op.data))
                for at, (first, n) in zip(where, self.pieces):
                    if at is not None:
                        self.poke(None, memory, "global", lane, at, n, value >> 8 * first)
            elif where[0] is not None:
                self.act(before, want, memory, lane, "global", where[0])
            elif self.returns:
                self.put(want, self.to, lane, op.result, 0)


class FormatCase(BufferAccess):
    """What converts, by the format of the descriptor (MUBUF) or of the instruction (MTBUF). All or nothing is in range."""

    def __init__(self, rng, name, op, machine, window, lanes):
        super().__init__(rng, name, op, machine, window, lanes)
        self.typed, self.half = name.startswith("tbuffer"), "d16" in name
        self.high, self.to_lds = "d16_hi" in name, "_lds_" in name
        self.n = len(name) - 1 - name.rindex("_")
        load = op.what == "load"
        fits = [f for f in formats(self.gpu) if (load or len(f.bits) == self.n) and not (self.half and f.whole and f.bits[0] == 32)]
        self.fmt = fits[int(rng.integers(0, len(fits)))]
        self.pieces = [(0, self.fmt.nbytes)]
        self.align = min(self.fmt.nbytes, 4)
        d = self.resource
        if d.element and self.fmt.nbytes > d.element:
            d.element = 0 if self.gfx10 else 16
            d.stride = d.stride // 16 * 16
            self.align = 16
            self.offset = self.offset // 16 * 16
        if self.gfx10 and d.oob == 3 and d.element:
            d.oob = 1
        d.format = 22 if self.typed else self.fmt.number
        if not self.typed and load and rng.random() < 0.4:
            d.select = [int(x) for x in rng.choice([0, 1, 4, 5, 6, 7], 4)]
        elif rng.random() < 0.05:  # unbound
            d.format, d.add_tid = 0, False
        dwords = -(-self.n // 2) if self.half else self.n
        self.registers = self.vgprs(dwords)
        self.lds = self.to_lds or self.gfx10 and name == "buffer_load_format_x" and rng.random() < 0.2
        operands = f"{span('v', self.registers, dwords)}, {self.address_text()}"
        tail = self.modifiers()
        if self.lds:
            self.uses_lds = True
            self.origin = 256 * int(rng.integers(16, 100))
            self.m0 = self.origin + 4 * lanes * int(rng.integers(0, 16)) - self.offset
            operands = self.address_text()
            tail += " lds" if self.gfx10 else ""
        self.finish(f"{mnemonic(name, self.gpu)} {operands}{tail}")

    def format_text(self):
        return f" format:[BUF_FMT_{self.fmt.name}]" if self.typed else ""

    def register(self, c):
        """Register and shift of component c."""
        if not self.half:
            return self.registers + c, 0
        return self.registers + c // 2, 16 if self.high or c % 2 else 0

    def data_of(self, s):
        if self.op.what == "store":
            for lane in self.where:
                for c in range(self.n):
                    r, shift = self.register(c)
                    bits = storable(self.rng, self.fmt, c, self.half)
                    old = int(s.v[0, r, lane]) & ~((0xffff if self.half else MASK32) << shift) & MASK32
                    s.v[0, r, lane] = old | bits << shift

    def effect(self, before, want, memory):
        fmt, width = self.fmt, 0xffff if self.half else MASK32
        one = 1 if fmt.whole else (F16 if self.half else F32).one
        for lane, (at,) in self.where.items():
            at = at if self.bound else None
            what = f"lane {lane}, {fmt.name}"
            if self.op.what == "store":
                if at is None:
                    continue
                actual = self.peek(None, self.got_memory, "global", lane, at, fmt.nbytes)
                value = 0
                for c in range(self.n):
                    r, shift = self.register(c)
                    part = (1 << fmt.bits[c]) - 1
                    bits = int(before.v[0, r, lane]) >> shift & width
                    value |= self.settle(stored(fmt, c, bits, self.half), actual >> fmt.shifts[c] & part,
                                         f"{what}, component {c} of {bits:#x}") << fmt.shifts[c]
                self.poke(None, memory, "global", lane, at, fmt.nbytes, value)
                continue
            raw = 0 if at is None else self.peek(None, memory, "global", lane, at, fmt.nbytes)
            for c in range(self.n):
                select = c + 4 if self.typed else self.resource.select[c]
                if select < 4:
                    bits = select and one
                elif at is None:
                    bits = 0
                elif select - 4 < len(fmt.bits):
                    bits = loaded(fmt, select - 4, raw >> fmt.shifts[select - 4] & (1 << fmt.bits[select - 4]) - 1, self.half)
                else:  # absent from the format: XY00 where the selection is the identity, else not said
                    bits = 0 if self.typed else Accept("0 or 1", lambda b: b in (0, one))
                if self.lds:
                    place = (self.m0 & 0xffff) + self.offset + 4 * lane
                    actual = self.peek(self.got, None, "lds", lane, place, 4)
                    self.poke(want, None, "lds", lane, place, 4, self.settle(bits, actual, what))
                    continue
                r, shift = self.register(c)
                actual = int(self.got.v[0, r, lane]) >> shift & width
                bits = self.settle(bits, actual, f"{what}, component {c} of {raw:#x}")
                want.v[0, r, lane] = int(want.v[0, r, lane]) & ~(width << shift) & MASK32 | bits << shift


def names():
    found = {f"s_{b}load_b{bits}": (ScalarLoad, None) for b in ("", "buffer_") for bits in (32, 64, 128, 256, 512)}
    for name, op in FLAT_OPS.items():
        found["buffer_" + name] = BufferCase, op
    for type_ in ("u8", "i8", "u16", "i16", "b32"):
        found["buffer_load_lds_" + type_] = BufferCase, FLAT_OPS["load_" + type_]
    for what in ("load", "store"):
        op = FLAT_OPS[what + "_b32"]
        for n in ("x", "xy", "xyz", "xyzw"):
            for half in ("", "d16_"):
                found[f"buffer_{what}_{half}format_{n}"] = found[f"tbuffer_{what}_{half}format_{n}"] = FormatCase, op
        found[f"buffer_{what}_d16_hi_format_x"] = FormatCase, op
    found["buffer_load_lds_format_x"] = FormatCase, FLAT_OPS["load_b32"]
    return found


ROWS = names()
