"""Vector instructions on random operands: proposes texts of a row in every encoding, and works out from the row's
meaning what all registers hold afterwards."""

from floats import Accept
from machine import DX10_CLAMP, EXEC, VCC, State
from operands import inline, kind, literal, pattern, patterns, sign_extend

class Row:
    def __init__(self, name, form, signature, meaning, **notes):
        self.name, self.form, self.meaning, self.notes = name, form, meaning, notes
        left, right = signature.split("=")
        self.accumulates = left.startswith("+")
        self.to = [kind(t) for t in left.strip("+ ").split()]
        self.sources = [kind(t) for t in right.split()]
        self.mnemonic = name


class Source:
    """One source operand as written."""

    def __init__(self, k, text, register=None, scalar=None, constant=None):
        self.kind, self.text, self.register, self.scalar, self.constant = k, text, register, scalar, constant
        self.neg = self.abs = self.sext = False
        self.high = 0  # op_sel
        self.select = None  # SDWA: shift, bits


SELECTS = {"BYTE_0": (0, 8), "BYTE_1": (8, 8), "BYTE_2": (16, 8), "BYTE_3": (24, 8), "WORD_0": (0, 16), "WORD_1": (16, 16),
           "DWORD": (0, 32)}


def span(letter, first, dwords):
    return f"{letter}{first}" if dwords == 1 else f"{letter}[{first}:{first + dwords - 1}]"


class Case:
    """An instruction in one encoding, with operands chosen."""

    def __init__(self, rng, row, encoding, gpu, lanes):
        self.name = row.name
        self.rng, self.row, self.encoding, self.lanes, self.gpu = rng, row, encoding, lanes, gpu
        self.clamp = False
        self.half = 0  # of the result
        # Bits of the first two words that llvm-mc-19 has no text for: gfx11's choice of halves, which it knows of few rows.
        self.more = [0, 0]
        self.dst_select = self.dst_unused = None
        self.dpp = None
        self.row_mask = self.bank_mask = 15
        self.bound = self.fetch = True
        self.to = []
        used = set()

        def vgprs(dwords):
            while True:
                first = int(rng.integers(0, 64 - dwords))
                if not used & set(range(first, first + dwords)):
                    used.update(range(first, first + dwords))
                    return first

        def sgprs(dwords):
            while True:
                step = 2 if dwords > 1 else 1
                first = int(rng.integers(1, (104 - dwords) // step)) * step
                if not used & {1000 + i for i in range(first, first + dwords)}:
                    used.update(1000 + i for i in range(first, first + dwords))
                    return first

        e64 = encoding.startswith("e64")
        mask_dwords = lanes // 32
        vcc = "vcc" if lanes == 64 else "vcc_lo"
        texts = []
        for k in row.to:
            if k.mask:
                free = e64 or encoding == "vop3" or encoding == "sdwa" and row.form == "vopc"
                first = sgprs(mask_dwords) if free and rng.random() < 0.7 else VCC
                self.to.append(first)
                texts.append(vcc if first == VCC else span("s", first, mask_dwords))
            else:
                first = vgprs(k.dwords)
                self.to.append(first)
                texts.append(span("v", first, k.dwords))
        self.sources = []
        dpp = encoding.endswith("dpp") or encoding.endswith("dpp8")
        scalars = 0
        for i, k in enumerate(row.sources):
            choice = rng.random()
            free = (e64 or encoding == "vop3" or i == 0) and not (dpp and (i == 0 or gpu.startswith("gfx11"))) \
                and "vgpr" not in row.notes
            if row.notes.get("literal") == i:
                text, bits = literal(rng, k)
                source = Source(k, text, constant=bits)
            elif k.mask:
                first = sgprs(mask_dwords) if (e64 or encoding == "vop3") and rng.random() < 0.7 else VCC
                source = Source(k, vcc if first == VCC else span("s", first, mask_dwords), scalar=first)
            elif encoding == "sdwa" and choice < 0.2:
                first = sgprs(1)
                source = Source(k, span("s", first, 1), scalar=first)
            elif encoding == "sdwa" or not free or choice < 0.5 or k.packed and k.bits != 8:
                first = vgprs(k.dwords)
                source = Source(k, span("v", first, k.dwords), register=first)
            elif choice < 0.7:
                first = sgprs(k.dwords)
                source = Source(k, span("s", first, k.dwords), scalar=first)
            elif choice < 0.88 and "constants" not in row.notes:
                text, bits = inline(rng, k if not k.packed else kind("u32"))
                source = Source(k, text, constant=bits)
            elif not dpp and not scalars and "constants" not in row.notes:
                text, bits = literal(rng, k if not k.packed else kind("u32"))
                source = Source(k, text, constant=bits)
            else:
                first = vgprs(k.dwords)
                source = Source(k, span("v", first, k.dwords), register=first)
            scalars += source.register is None
            self.sources.append(source)
        self.tail = ""
        modifiers = e64 or encoding in ("vop3", "sdwa") or encoding in ("dpp", "vop3_dpp")
        if modifiers and "nomod" not in row.notes:
            for s in self.sources:
                if s.kind.letter == "f" and rng.random() < 0.35:
                    s.neg, s.abs = bool(rng.integers(0, 2)), bool(rng.integers(0, 2))
                    if s.constant is not None and s.neg:
                        s.abs = False
        if (e64 or encoding in ("vop3", "vop3_dpp")) and "clamp" not in row.notes and rng.random() < 0.3:
            self.clamp = True
        narrow = [k.bits == 16 and not k.packed for k in row.sources + row.to[:1]]
        if (e64 or encoding in ("vop3", "vop3_dpp")) and any(narrow) and "opsel" not in row.notes and rng.random() < 0.4:
            bits = [int(n and rng.random() < 0.5) for n in narrow]
            for s, b in zip(self.sources, bits):
                s.high = b if s.register is not None or s.scalar is not None else 0
            self.half = bits[-1]
            if gpu.startswith("gfx11"):
                for i, high in enumerate([s.high for s in self.sources] + [0] * (3 - len(self.sources)) + [self.half]):
                    self.more[0] |= high << 11 + i
            else:
                halves = [s.high for s in self.sources] + [self.half] * (1 + row.accumulates)
                self.tail += f" op_sel:[{','.join(map(str, halves))}]"
        if gpu.startswith("gfx11") and encoding in ("e32", "dpp", "dpp8") and "opsel" not in row.notes:
            self._short_halves(rng, narrow)
        if encoding == "sdwa":
            for i, s in enumerate(self.sources):
                if s.kind.mask:
                    continue
                name = list(SELECTS)[int(rng.integers(0, 7))]
                s.select = SELECTS[name]
                self.tail += f" src{i}_sel:{name}"
                if s.kind.letter != "f" and s.kind.float is None and rng.random() < 0.4 and "nosext" not in row.notes:
                    s.sext = True
            if row.form != "vopc":
                names = list(SELECTS)
                if row.to[0].bits == 16:
                    names = names[:6]
                if row.to[0].float:
                    names = names[4:]
                name = names[int(rng.integers(0, len(names)))]
                unused = ("UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE")[int(rng.integers(0, 3))]
                if row.accumulates:
                    name, unused = "DWORD", "UNUSED_PRESERVE"
                self.dst_select, self.dst_unused = SELECTS[name], unused
                self.tail = f" dst_sel:{name} dst_unused:{unused}" + self.tail
        if dpp:
            self._permute(rng, encoding)
        if self.clamp:
            self.tail = " clamp" + self.tail
        for s in self.sources:
            t = s.text
            if s.sext:
                t = f"sext({t})"
            elif s.constant is not None and (s.neg or s.abs):
                t = f"neg({t})" if s.neg else f"abs({t})"
            else:
                t = ("-" if s.neg else "") + (f"|{t}|" if s.abs else t)
            texts.append(t)
        suffix = {"e32": "_e32", "e64": "_e64", "sdwa": "_sdwa", "dpp": "_dpp", "dpp8": "_dpp", "e64_dpp": "_e64_dpp",
                  "e64_dpp8": "_e64_dpp", "vop3": "", "vop3_dpp": "_e64_dpp", "vop3_dpp8": "_e64_dpp"}[encoding]
        self.text = f"{row.mnemonic}{suffix} {', '.join(texts)}{self.tail}"

    def _short_halves(self, rng, narrow):
        """Bit 7 of a register's number in the short encodings (RDNA3 ISA, "16-bit Operands")."""
        for i, (s, at) in enumerate(zip(self.sources, (7, 16))):
            if narrow[i] and s.register is not None and rng.random() < 0.4:
                s.high = 1
                self.more[int(i == 0 and self.encoding != "e32")] |= 1 << at
        if self.row.to and narrow[len(self.row.sources)] and not self.row.to[0].mask and rng.random() < 0.4:
            self.half = 1
            self.more[0] |= 1 << 24

    def _permute(self, rng, encoding):
        lanes = range(self.lanes)
        full = any(k.mask for k in self.row.to) or not self.row.to  # masks: all lanes take part
        self.fetch = rng.random() < 0.5
        if encoding.endswith("dpp8"):
            order = [int(x) for x in rng.integers(0, 8, 8)]
            self.dpp = [lane & ~7 | order[lane & 7] for lane in lanes]
            self.tail += f" dpp8:[{','.join(map(str, order))}]" + (" fi:1" if self.fetch else "")
            return
        n = int(rng.integers(1, 16))
        quad = [int(x) for x in rng.integers(0, 4, 4)]
        kinds = {
            f"quad_perm:[{','.join(map(str, quad))}]": lambda i: i & ~3 | quad[i & 3],
            f"row_shl:{n}": lambda i: i + n if (i & 15) + n < 16 else None,
            f"row_shr:{n}": lambda i: i - n if (i & 15) >= n else None,
            f"row_ror:{n}": lambda i: i & ~15 | (i - n) & 15,
            "row_mirror": lambda i: i ^ 15,
            "row_half_mirror": lambda i: i ^ 7,
            f"row_share:{n}": lambda i: i & ~15 | n,
            f"row_xmask:{n}": lambda i: i ^ n}
        name = list(kinds)[int(rng.integers(0, len(kinds)))]
        self.dpp = [kinds[name](lane) for lane in lanes]
        self.bound = full or rng.random() < 0.5
        if not full and rng.random() < 0.5:
            self.row_mask, self.bank_mask = int(rng.integers(0, 16)), int(rng.integers(0, 16))
        self.tail += f" {name} row_mask:{self.row_mask:#x} bank_mask:{self.bank_mask:#x}"
        self.tail += (" bound_ctrl:1" if self.bound else "") + (" fi:1" if self.fetch else "")

    def state(self):
        rng = self.rng
        s = State.random(rng, self.lanes)
        for source in self.sources:
            k = source.kind
            if source.register is not None:
                bits = patterns(rng, k, self.lanes)
                if k.total < 32 and self.encoding != "sdwa":
                    other = patterns(rng, k, self.lanes)
                    bits = [o | b << 16 if source.high else b | o << 16 for b, o in zip(bits, other)]
                for d in range(k.dwords):
                    s.v[0, source.register + d] = [b >> 32 * d & 0xffffffff for b in bits]
            elif source.scalar is not None and not k.mask:
                bits = pattern(rng, k)
                if source.high:
                    bits = bits << 16 | pattern(rng, k)
                for d in range(k.dwords):
                    s.s[0, source.scalar + d] = bits >> 32 * d & 0xffffffff
        if "same" in self.row.notes and self.sources[0].register is not None:  # the first is one of the others
            first = self.sources[0]
            for lane in range(self.lanes):
                other = self.sources[1 + lane % 2]
                bits = self._raw(s, other)[lane]
                for d in range(first.kind.dwords):
                    s.v[0, first.register + d, lane] = bits >> 32 * d & 0xffffffff
        exec_mask = (1 << self.lanes) - 1
        if rng.random() < 0.6:
            exec_mask &= pattern(rng, kind("m"))
        if self.lanes == 32:
            s.s[0, EXEC + 1] = 0
        s.set_mask(0, EXEC, exec_mask)
        return s

    def _raw(self, s, source):
        """The bits of an operand in every lane; DPP aside."""
        k = source.kind
        if source.constant is not None:
            return [source.constant] * self.lanes
        if k.mask:
            mask = s.mask(0, source.scalar)
            return [mask >> lane & 1 for lane in range(self.lanes)]
        if source.scalar is not None:
            return [sum(int(s.s[0, source.scalar + d]) << 32 * d for d in range(k.dwords))] * self.lanes
        bits = s.v[0, source.register].tolist()
        for d in range(1, k.dwords):
            bits = [b | x << 32 * d for b, x in zip(bits, s.v[0, source.register + d].tolist())]
        return bits

    def _operand(self, source, bits):
        """What the operation sees."""
        k = source.kind
        if k.mask:
            return bits
        if source.select:
            shift, n = source.select
            bits = bits >> shift & (1 << n) - 1
            if source.sext:
                bits = sign_extend(bits, n) & 0xffffffff
        if source.high:
            bits >>= 16
        bits &= (1 << k.total) - 1
        if k.letter == "f":
            if source.abs:
                bits &= k.float.sign - 1
            if source.neg:
                bits ^= k.float.sign
        return sign_extend(bits, k.bits) if k.signed and not k.packed else bits

    def meaning_of(self, operands):
        return self.row.meaning(*operands)

    def accumulator(self, old):
        return old

    def _finish(self, k, result):
        """The bits that are written of what the meaning returned."""
        if isinstance(result, Accept):
            if not self.clamp:
                return result
            if k.float and result is k.float.any_nan:
                return 0 if self.mode & DX10_CLAMP else result
            return Accept(f"clamped {result}", lambda b: any(result.holds(x) and self._finish(k, x) == b
                                                             for x in range(b - 4, b + 5)) or b in (0, k.float.one))
        if k.float:
            if self.clamp:
                if k.float.is_nan(result):
                    return 0 if self.mode & DX10_CLAMP else result
                if k.float.negative(result) or k.float.is_zero(result):
                    return 0
                return min(result, k.float.one)
            return result
        if self.clamp and k.letter in "iu":
            low, high = k.low_high()
            result = max(low, min(high, result))
        return result & (1 << k.total) - 1

    def expect(self, before):
        """The registers after it, and a list of (register, lane, shift, bits, Accept) for what is not one value."""
        after, open_ends = before.copy(), []
        self.mode = int(before.mode[0])
        exec_mask = before.mask(0, EXEC)
        masks = {i: 0 for i, k in enumerate(self.row.to) if k.mask}
        unknown, new_exec = {i: 0 for i in masks}, 0
        vcc = before.mask(0, VCC)
        raw = [self._raw(before, s) for s in self.sources]
        if self.row.accumulates:
            olds = self._raw(before, Source(self.row.to[0], "", register=self.to[0]))
        for lane in range(self.lanes):
            if not exec_mask >> lane & 1:
                continue
            first = lane
            if self.dpp:
                first = self.dpp[lane]
                if first is not None and not exec_mask >> first & 1 and not self.fetch:
                    first = None
                if not self.encoding.endswith("dpp8") and (first is None and not self.bound or not
                        (self.row_mask >> lane // 16 & 1 and self.bank_mask >> lane // 4 % 4 & 1)):
                    continue
            operands = self._operands(raw, lane, first)
            if self.row.accumulates:
                k = self.row.to[0]
                old = olds[lane] >> (16 * self.half) & (1 << k.total) - 1
                operands.append(self.accumulator(sign_extend(old, k.bits) if k.signed else old))
            if "vcc" in self.row.notes:
                operands.append(vcc >> lane & 1)
            results = self.meaning_of(operands)
            if not self.row.to:  # v_cmpx
                new_exec |= int(results) << lane
                continue
            for i, (k, result) in enumerate(zip(self.row.to, results if isinstance(results, tuple) else (results,))):
                if k.mask:
                    if result is None:
                        unknown[i] |= 1 << lane
                    masks[i] |= int(result or 0) << lane
                    continue
                register, result = self.to[i], self._finish(k, result)
                if isinstance(result, Accept):
                    shift = self.dst_select[0] if self.dst_select else 16 * self.half if k.total == 16 else 0
                    open_ends.append((register, lane, shift, k.total, result, self.dst_select, self.dst_unused))
                    continue
                if self.dst_select:
                    shift, n = self.dst_select
                    result &= (1 << n) - 1
                    old = int(before.v[0, register, lane])
                    if self.dst_unused == "UNUSED_PRESERVE":
                        result = old & ~((1 << n) - 1 << shift) | result << shift
                    elif self.dst_unused == "UNUSED_SEXT":
                        result = (sign_extend(result, n) << shift) & 0xffffffff
                    else:
                        result <<= shift
                    after.v[0, register, lane] = result
                elif k.total == 16:
                    old = int(before.v[0, register, lane])
                    after.v[0, register, lane] = old & (0xffff if self.half else 0xffff0000) | result << 16 * self.half
                else:
                    for d in range(k.dwords):
                        after.v[0, register + d, lane] = result >> 32 * d & 0xffffffff
        self.unknown = unknown
        for i, mask in masks.items():
            after.set_mask(0, self.to[i], mask)
        if not self.row.to and self.row.form == "vopc":
            after.set_mask(0, EXEC, new_exec)
        return after, open_ends

    def check(self, before, got):
        """Nothing, or the first difference in words."""
        want, open_ends = self.expect(before)
        for i, unknown in self.unknown.items():
            mask = want.mask(0, self.to[i]) & ~unknown | got.mask(0, self.to[i]) & unknown
            want.set_mask(0, self.to[i], mask)
        for register, lane, shift, bits, accept, select, unused in open_ends:
            dwords = max(1, bits // 32)
            whole = sum(int(got.v[0, register + d, lane]) << 32 * d for d in range(dwords))
            value = whole >> shift & (1 << bits) - 1
            if select and select[1] < bits:
                want.v[0, register, lane] = whole  # a part of a float says nothing
                continue
            if not accept.holds(value):
                return f"v{register} lane {lane}: {value:#x}, not {accept}; {self._inputs(before, lane)}"
            keep = (1 << bits) - 1 << shift
            old = int(want.v[0, register, lane])
            if select:
                old = 0 if unused == "UNUSED_PAD" else old
                if unused == "UNUSED_SEXT":
                    old = (sign_extend(value, bits) << shift) & 0xffffffff
            if bits >= 32:
                for d in range(dwords):
                    want.v[0, register + d, lane] = got.v[0, register + d, lane]
            else:
                want.v[0, register, lane] = old & ~keep | value << shift
        if (want.v != got.v).any():
            _, register, lane = (int(x[0]) for x in (want.v != got.v).nonzero())
            return (f"v{register} lane {lane}: {int(got.v[0, register, lane]):#x}, not "
                    f"{int(want.v[0, register, lane]):#x} (before {int(before.v[0, register, lane]):#x}); "
                    f"{self._inputs(before, lane)}")
        if (want.s != got.s).any():
            _, register = (int(x[0]) for x in (want.s != got.s).nonzero())
            wrong = int(got.s[0, register]) ^ int(want.s[0, register])
            lane = (wrong & -wrong).bit_length() - 1 + (32 if register % 2 and self.lanes == 64 else 0)
            return (f"s{register}: {int(got.s[0, register]):#x}, not {int(want.s[0, register]):#x}; "
                    f"lane {lane}: {self._inputs(before, min(lane, self.lanes - 1))}")
        if (want.scc != got.scc).any() or (want.mode != got.mode).any():
            return f"scc {got.scc[0]}, mode {got.mode[0]:#x}, not {want.scc[0]}, {want.mode[0]:#x}"
        return None

    def _operands(self, raw, lane, first):
        found = []
        for i, source in enumerate(self.sources):
            bits = raw[i][lane] if i or not self.dpp else 0 if first is None else raw[i][first]
            found.append(self._operand(source, bits))
        return found

    def _inputs(self, s, lane):
        raw = [self._raw(s, x) for x in self.sources]
        return ", ".join(hex(x) if isinstance(x, int) else str(x) for x in self._operands(raw, lane, self.dpp[lane] if self.dpp else lane))


# The encodings of each form. llvm-mc-19 says which of them a row has.
ENCODINGS = {
    "vop1": ("e32", "e64", "dpp", "dpp8", "sdwa", "e64_dpp", "e64_dpp8"),
    "vop2": ("e32", "e64", "dpp", "dpp8", "sdwa", "e64_dpp", "e64_dpp8"),
    "vopc": ("e32", "e64", "dpp", "dpp8", "sdwa", "e64_dpp", "e64_dpp8"),
    "vop3": ("vop3", "vop3_dpp", "vop3_dpp8"),
}
