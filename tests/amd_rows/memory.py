"""What each row of DS, FLAT, GLOBAL and SCRATCH does to memory and registers, from the pseudocode of AMD's "RDNA2" and
"RDNA3 Instruction Set Architecture" reference guides: chapters "Instructions", "Data Share Operations", "Float Memory
Atomics" (NaNs, zeros and denormals), "Global, Scratch and Flat Address Space".

Each case runs one instruction between two others' work: LDS and scratch are filled from registers before it and read
back into registers behind it, by dwords, so that all of both is compared; global memory is written and read by the host.
Every lane has bytes of its own, except where the order of lanes makes no difference."""

import numpy as np

from floats import F32, F64, Accept
from machine import EXEC, M0, State
from names import mnemonic
from operands import kind, pattern, patterns, sign_extend
from valu import span

IMAGE = 16  # dwords of LDS and of scratch per lane
LDS, SCRATCH, LANE = 40, 24, 23  # registers that hold them, and 4 * lane
USED = 23  # registers that instructions choose from
WINDOW = 8192  # bytes of global memory
LDS_BYTES = 65536
MASK32 = 0xffffffff


def mask(bits):
    return (1 << bits) - 1


# ---- meanings ----
# Of loads: what becomes of a register of so many dwords, given its old value. Of stores: the data that is stored.

PART = {"u8": (1, lambda m: m), "i8": (1, lambda m: sign_extend(m, 8)), "u16": (2, lambda m: m),
        "i16": (2, lambda m: sign_extend(m, 16)), "b16": (2, lambda m: m)}


def low_half(f):
    return lambda m, old: old & 0xffff0000 | f(m) & 0xffff


def high_half(f):
    return lambda m, old: old & 0xffff | (f(m) & 0xffff) << 16


LOADS = {"load_" + n: (size, 1, lambda m, old, f=f: f(m) & MASK32) for n, (size, f) in PART.items() if n != "b16"}
WIDE = {f"b{32 * n}": n for n in (1, 2, 3, 4)}
LOADS |= {"load_" + n: (4 * dwords, dwords, lambda m, old: m) for n, dwords in WIDE.items()}
STORES = {"store_b8": (1, 1, lambda d: d & 0xff), "store_b16": (2, 1, lambda d: d & 0xffff)}
STORES |= {"store_" + n: (4 * dwords, dwords, lambda d: d) for n, dwords in WIDE.items()}
DS_LOADS, DS_STORES = dict(LOADS), dict(STORES)
for n in ("u8", "i8", "b16"):
    size, f = PART[n]
    LOADS["load_d16_" + n], LOADS["load_d16_hi_" + n] = (size, 1, low_half(f)), (size, 1, high_half(f))
    n = n.replace("b16", "u16")
    DS_LOADS[f"load_{n}_d16"], DS_LOADS[f"load_{n}_d16_hi"] = (size, 1, low_half(f)), (size, 1, high_half(f))
for to, (a, b) in ((STORES, ("store_d16_hi_b8", "store_d16_hi_b16")), (DS_STORES, ("store_b8_d16_hi", "store_b16_d16_hi"))):
    to[a], to[b] = (1, 1, lambda d: d >> 16 & 0xff), (2, 1, lambda d: d >> 16)


class Denormals:
    """What MODE says of the denormals of an operation in `space`: whether operands and sums of them become zero."""

    def __init__(self, mode, f, lds):
        allowed = mode >> (4 if f is F32 else 6) & 3
        self.operands = not allowed & 1
        self.sum_operands = self.operands if lds else True
        self.sums = not allowed & 2 if lds else None  # not said


def nan_or(f, old, data, rest):
    """Of a signaling NaN comes a quiet one; of a quiet one, the other operand."""
    if f.is_snan(old) or f.is_snan(data) or f.is_nan(old) and f.is_nan(data):
        return f.any_nan
    return data if f.is_nan(old) else old if f.is_nan(data) else rest()


def extreme(sign):
    def meaning(f, old, data, denormals):
        def pick():
            a, b = (f.flush(x) if denormals.operands else x for x in (old, data))
            order = [(sign * f.value(x), sign * (0 if f.negative(x) else 1)) for x in (a, b)]
            if order[0] == order[1]:
                return Accept("either", lambda x: x in (old, data))
            return old if order[0] < order[1] else data
        return nan_or(f, old, data, pick)
    return meaning


def float_sum(f, old, data, denormals):
    a, b = (f.flush(x) if denormals.sum_operands else x for x in (old, data))
    if f.is_nan(a) or f.is_nan(b):
        return f.any_nan
    result = f.add(a, b)
    if isinstance(result, Accept) or not f.is_denormal(result) or denormals.sums is False:
        return result
    return f.flush(result) if denormals.sums else Accept("a denormal or zero", lambda x: x in (result, f.flush(result)))


def float_compare(f, old, new, expected, denormals):
    a, b = (f.flush(x) if denormals.operands else x for x in (old, expected))
    result = new if not f.is_nan(a) and not f.is_nan(b) and f.value(a) == f.value(b) else old
    return Accept("perhaps flushed", lambda x: x in (result, f.flush(result))) if denormals.operands else result


def signed(bits, f):
    return lambda old, data: f(sign_extend(old, bits), sign_extend(data, bits))


def integer_atomics(bits):
    u, i, b = f"u{bits}", f"i{bits}", f"b{bits}"
    return {
        f"add_{u}": lambda old, data: old + data, f"sub_{u}": lambda old, data: old - data,
        f"inc_{u}": lambda old, data: 0 if old >= data else old + 1,
        f"dec_{u}": lambda old, data: data if old == 0 or old > data else old - 1,
        f"min_{i}": signed(bits, min), f"max_{i}": signed(bits, max), f"min_{u}": min, f"max_{u}": max,
        f"and_{b}": lambda old, data: old & data, f"or_{b}": lambda old, data: old | data,
        f"xor_{b}": lambda old, data: old ^ data, f"rsub_{u}": lambda old, data: data - old}


ORDERLESS = ("add_u", "sub_u", "min_", "max_", "and_", "or_", "xor_")  # whatever the order of lanes, the same in the end

# ---- cases ----


class Access:
    """An instruction with what it works on. Derived classes choose operands and say what happens."""

    encoding = "memory"

    def __init__(self, rng, name, machine, window, lanes):
        self.rng, self.name, self.machine, self.window, self.lanes = rng, name, machine, window, lanes
        self.gpu = machine.gpu
        self.gfx10 = self.gpu.startswith("gfx10")
        self.used = set()
        self.uses_lds = self.uses_scratch = self.uses_global = False
        self.origin = 0  # of the part of LDS that is compared
        self.mode = None
        self.m0 = None
        self.sizes = {}
        self.float = None
        self.pool = []  # of content, made many at a time
        self.scalars, self.vectors = {}, {}  # registers with what they hold

    def vgprs(self, dwords, keep=True):
        while True:
            first = int(self.rng.integers(0, USED - dwords + 1))
            taken = set(range(first, first + dwords))
            if not self.used & taken:
                if keep:
                    self.used |= taken
                return first

    def finish(self, line):
        """The whole program around the instruction."""
        wait = "s_waitcnt vmcnt(0) lgkmcnt(0)\ns_waitcnt_vscnt null, 0x0"
        before, after = [], []
        lds_store, lds_load = mnemonic("ds_store_b32", self.gpu), mnemonic("ds_load_b32", self.gpu)
        store, load = mnemonic("scratch_store_b32", self.gpu), mnemonic("scratch_load_b32", self.gpu)
        for i in range(IMAGE):
            if self.uses_lds:
                before.append(f"{lds_store} v{LANE}, v{LDS + i} offset:{4 * self.lanes * i}")
                after.append(f"{lds_load} v{LDS + i}, v{LANE} offset:{4 * self.lanes * i}")
            if self.uses_scratch:
                before.append(f"{store} off, v{SCRATCH + i}, off offset:{4 * i}")
                after.append(f"{load} v{SCRATCH + i}, off, off offset:{4 * i}")
        enable = "s_mov_b64 exec, s[100:101]" if self.lanes == 64 else "s_mov_b32 exec_lo, s100"
        disable = enable.split(",")[0] + ", -1"
        self.text = "\n".join(before + [wait, enable, line, wait, disable] + after + [wait])
        self.line = line
        self.sizes = {"lds_bytes": LDS_BYTES if self.uses_lds else 0, "private_bytes": 4 * IMAGE if self.uses_scratch else 0}

    def enabled(self):
        return [lane for lane in range(self.lanes) if self.exec >> lane & 1]

    def places(self, nbytes, align, low=0, high=None):
        """For each lane the offset of bytes of its own in [low, high)."""
        high = (64 * self.lanes) if high is None else high
        order = self.rng.permutation(self.lanes)
        step, first = align, -(-low // 16) * 16
        slot = (high - first) // self.lanes // step * step
        return [int(first + order[lane] * slot + self.rng.integers(0, (slot - nbytes) // step + 1) * step)
                for lane in range(self.lanes)]

    def alignment(self, nbytes):
        """Of a load or store: often as compilers have it, sometimes none."""
        return min(nbytes, 4) if self.rng.random() < 0.7 else 1

    def content(self, nbytes):
        """Bits for memory or data, often special ones: of a float row, floats."""
        if not self.pool:
            self.pool = patterns(self.rng, kind(f"{'f' if self.float else 'b'}{8 * nbytes}"), 3 * self.lanes)
        return self.pool.pop()

    def state(self):
        rng = self.rng
        s = State.random(rng, self.lanes)
        if self.mode is not None:
            s.mode[:] = self.mode
        full = mask(self.lanes)
        self.exec = full if rng.random() < 0.3 else pattern(rng, kind("m")) & full
        if rng.random() < 0.05:
            self.exec = 0
        s.set_mask(0, EXEC, full)
        if self.lanes == 32:
            s.s[0, EXEC + 1] = 0
        s.s[0, 100], s.s[0, 101] = self.exec & MASK32, self.exec >> 32
        if self.m0 is not None:
            s.s[0, M0] = self.m0
        s.v[0, LANE] = self.origin + 4 * np.arange(self.lanes)
        self.memory = np.frombuffer(bytearray(rng.bytes(WINDOW)), np.uint8).copy() if self.uses_global else None
        self.fill(s)
        for first, value in self.scalars.items():
            s.s[0, first] = value & MASK32
        if self.memory is not None:
            self.machine.write(self.window, self.memory)
        return s

    # Memory: of LDS, the dword at origin + 4 * (lanes * i + lane) is in register LDS + i.
    def peek(self, s, memory, space, lane, at, nbytes):
        if space == "global":
            return int.from_bytes(memory[at:at + nbytes].tobytes(), "little")
        return sum(self.byte(s, space, lane, at + i) << 8 * i for i in range(nbytes))

    def place(self, space, lane, at):
        """Register, lane and shift of a byte."""
        if space == "scratch":
            assert 0 <= at < 4 * IMAGE
            return SCRATCH + at // 4, lane, 8 * (at % 4)
        at -= self.origin
        assert 0 <= at < 64 * self.lanes, at
        return LDS + at // 4 // self.lanes, at // 4 % self.lanes, 8 * (at % 4)

    def byte(self, s, space, lane, at):
        register, lane, shift = self.place(space, lane, at)
        return int(s.v[0, register, lane]) >> shift & 0xff

    def poke(self, s, memory, space, lane, at, nbytes, value):
        value &= mask(8 * nbytes)
        if space == "global":
            memory[at:at + nbytes] = np.frombuffer(value.to_bytes(nbytes, "little"), np.uint8)
            return
        for i in range(nbytes):
            register, of, shift = self.place(space, lane, at + i)
            s.v[0, register, of] = int(s.v[0, register, of]) & ~(0xff << shift) & MASK32 | (value >> 8 * i & 0xff) << shift

    @staticmethod
    def get(s, register, lane, dwords=1):
        return sum(int(s.v[0, register + d, lane]) << 32 * d for d in range(dwords))

    @staticmethod
    def put(s, register, lane, dwords, value):
        for d in range(dwords):
            s.v[0, register + d, lane] = value >> 32 * d & MASK32

    def check(self, before, got):
        want, memory = before.copy(), None if self.memory is None else self.memory.copy()
        self.got, self.got_memory = got, None
        if self.memory is not None:
            self.got_memory = self.machine.read(self.window, np.empty(WINDOW, np.uint8))
        self.wrong = None
        self.effect(before, want, memory)
        if self.wrong:
            return self.wrong
        for what in ("v", "s", "scc", "mode"):
            a, b = getattr(want, what), getattr(got, what)
            if (a != b).any():
                i = tuple(int(x[0]) for x in (a != b).nonzero())
                return f"{what}{list(i[1:])}: {int(b[i]):#x}, not {int(a[i]):#x}, before {int(getattr(before, what)[i]):#x}"
        if memory is not None and (memory != self.got_memory).any():
            at = int((memory != self.got_memory).nonzero()[0][0])
            return (f"memory at +{at:#x}: {self.got_memory[at:at + 16].tobytes().hex()}, not "
                    f"{memory[at:at + 16].tobytes().hex()}, before {self.memory[at:at + 16].tobytes().hex()}")
        return None

    def settle(self, value, actual, what):
        """A value, or what was found if that is acceptable."""
        if not isinstance(value, Accept):
            return value
        if not value.holds(actual):
            self.wrong = self.wrong or f"{what}: {actual:#x}, not {value}"
        return actual


class Op:
    """What is done at an address: kind, bytes, dwords of data and of the result."""

    def __init__(self, what, meaning, nbytes, data, result, second=0, returns=False, f=None, orderless=False):
        self.what, self.meaning, self.nbytes, self.data, self.result = what, meaning, nbytes, data, result
        self.second, self.returns, self.float, self.orderless = second, returns, f, orderless


def load_op(size, dwords, f):
    return Op("load", f, size, 0, dwords)


def store_op(size, dwords, f):
    return Op("store", f, size, dwords, 0)


def atomic_ops(flat):
    """Name to Op, without prefix; `flat`: comparing swaps take a tuple."""
    found = {}
    for bits in (32, 64):
        n = bits // 32
        for name, f in integer_atomics(bits).items():
            if not (flat and name.startswith("rsub")):
                found[name] = Op("atomic", lambda old, data, _, __, f=f: f(old, data), 4 * n, n, n,
                                 orderless=name.startswith(ORDERLESS))
        found[f"swap_b{bits}"] = Op("atomic", lambda old, data, _, __: data, 4 * n, n, n)
        f = F32 if bits == 32 else F64
        found[f"min_f{bits}"] = Op("atomic", lambda old, data, _, d, f=f: extreme(1)(f, old, data, d), 4 * n, n, n, f=f)
        found[f"max_f{bits}"] = Op("atomic", lambda old, data, _, d, f=f: extreme(-1)(f, old, data, d), 4 * n, n, n, f=f)
        compare = lambda old, new, expected, _: new if old == expected else old  # noqa: E731
        float_swap = lambda old, new, expected, d, f=f: float_compare(f, old, new, expected, d)  # noqa: E731
        found[f"cmpswap_b{bits}"] = Op("atomic", compare, 4 * n, n, n, second=n)
        found[f"cmpswap_f{bits}"] = Op("atomic", float_swap, 4 * n, n, n, second=n, f=f)
    found["add_f32"] = Op("atomic", lambda old, data, _, d: float_sum(F32, old, data, d), 4, 1, 1, f=F32)
    found["csub_u32"] = Op("atomic", lambda old, data, _, __: max(old - data, 0), 4, 1, 1)
    return found


FLAT_OPS = {n: load_op(*x) for n, x in LOADS.items()} | {n: store_op(*x) for n, x in STORES.items()}
FLAT_OPS |= {"atomic_" + n: op for n, op in atomic_ops(True).items()}


def ds_ops():
    found = {n: load_op(*x) for n, x in DS_LOADS.items()} | {n: store_op(*x) for n, x in DS_STORES.items()}
    for name, op in atomic_ops(False).items():
        base, kind_ = name.rsplit("_", 1)
        if base == "cmpswap":
            # The first of the two values: gfx11 has the new one, gfx10 the expected one.
            found[f"cmpstore_{kind_}"], found[f"cmpstore_rtn_{kind_}"] = op, op
            flip = Op("atomic", lambda old, a, b, d, f=op.meaning: f(old, b, a, d), op.nbytes, op.data, op.result,
                      second=op.second, f=op.float)
            found[f"cmpst_{kind_}"], found[f"cmpst_rtn_{kind_}"] = flip, flip
        elif base == "swap":
            found[f"storexchg_rtn_{kind_}"] = op
        elif base != "csub":
            found[f"{base}_{kind_}"], found[f"{base}_rtn_{kind_}"] = op, op
    for bits in (32, 64):
        n = bits // 32
        mskor = Op("atomic", lambda old, data, data2, _: old & ~data | data2, 4 * n, n, n, second=n)
        found[f"mskor_b{bits}"], found[f"mskor_rtn_b{bits}"] = mskor, mskor
    found["wrap_rtn_b32"] = Op("atomic", lambda old, data, data2, _: old - data if old >= data else old + data2, 4, 1, 1, second=1)
    return found


DS_OPS = ds_ops()


class Transfer(Access):
    """A load, store or atomic of one address per lane; derived classes form the address."""

    def __init__(self, rng, name, op, machine, window, lanes):
        super().__init__(rng, name, machine, window, lanes)
        self.op, self.float = op, op.float
        self.orderless = op.orderless and rng.random() < 0.15
        self.returns = op.what == "load"
        # The expected value of a comparison lies behind the new one, or apart (DS).
        self.data = self.second = self.to = None

    def operands(self, apart):
        op = self.op
        if op.data:
            self.data = self.vgprs(op.data + (0 if apart else op.second))
            self.second = self.vgprs(op.second) if apart and op.second else self.data + op.data
        return op

    def destination(self):
        keep = self.rng.random() < 0.8  # else it may be one of the others
        return self.vgprs(self.op.result) if keep else int(self.rng.integers(0, USED - self.op.result + 1))

    def data_text(self, apart):
        op = self.op
        first = span("v", self.data, op.data + (0 if apart else op.second))
        return f"{first}, {span('v', self.second, op.second)}" if apart and op.second else first

    def fill_data(self, s, spaces, at):
        """Data, and memory that makes a difference."""
        op = self.op
        for lane in self.enabled():
            if op.what == "atomic":
                old, data = self.content(op.nbytes), self.content(op.nbytes)
                self.write_before(s, spaces[lane], lane, at[lane], op.nbytes, old)
                self.put(s, self.data, lane, op.data, data)
                if op.second:
                    second = self.content(op.nbytes)
                    if self.rng.random() < 0.5:  # comparisons that hold
                        self.put(s, self.data if self.rng.random() < 0.3 else self.second, lane, op.second, old)
                    else:
                        self.put(s, self.second, lane, op.second, second)

    def write_before(self, s, space, lane, at, nbytes, value):
        self.poke(s, self.memory, space, lane, at, nbytes, value)

    def effect(self, before, want, memory):
        for lane in self.enabled():
            self.act(before, want, memory, lane, self.space[lane], self.at[lane])
        if self.orderless and self.returns:  # who came first is not said
            for lane in self.enabled():
                self.put(want, self.to, lane, self.op.result, self.get(self.got, self.to, lane, self.op.result))

    def act(self, before, want, memory, lane, space, at):
        op = self.op
        old = self.peek(want, memory, space, lane, at, op.nbytes)
        if op.what == "load":
            self.put(want, self.to, lane, op.result, op.meaning(old, self.get(before, self.to, lane, op.result)))
        elif op.what == "store":
            self.poke(want, memory, space, lane, at, op.nbytes, op.meaning(self.get(before, self.data, lane, op.data)))
        else:
            data = self.get(before, self.data, lane, op.data)
            second = self.get(before, self.second, lane, op.second) if op.second else 0
            denormals = Denormals(int(before.mode[0]), op.float, space == "lds")
            new = op.meaning(old, data, second, denormals)
            if isinstance(new, Accept):
                new = self.settle(new, self.peek(self.got, self.got_memory, space, lane, at, op.nbytes),
                                  f"lane {lane} of {old:#x} and {data:#x}")
            self.poke(want, memory, space, lane, at, op.nbytes, new)
            if self.returns:
                self.put(want, self.to, lane, op.result, old)


class DsCase(Transfer):
    def __init__(self, rng, name, op, machine, window, lanes):
        super().__init__(rng, name, op, machine, window, lanes)
        self.uses_lds = True
        self.origin = int(rng.integers(0, (LDS_BYTES - 64 * lanes) // 256 + 1)) * 256
        self.offset = int(rng.integers(0, self.origin + 1)) if rng.random() < 0.6 else 0
        self.returns = op.what == "load" or "_rtn_" in name
        if op.float and not self.gfx10 and rng.random() < 0.3:
            self.mode = 0x300 | int(rng.integers(0, 16)) << 4
        self.address = self.vgprs(1)
        self.operands(True)
        texts = [f"v{self.address}"]
        if self.returns:
            self.to = self.destination()
            texts.insert(0, span("v", self.to, op.result))
        if op.data:
            texts.append(self.data_text(True))
        self.finish(f"{mnemonic(name, self.gpu)} {', '.join(texts)}" + (f" offset:{self.offset}" if self.offset else ""))

    def fill(self, s):
        op = self.op
        align = op.nbytes if op.what == "atomic" else self.alignment(op.nbytes)
        self.at = [self.origin + x for x in self.places(op.nbytes, align)]
        if self.orderless:
            self.at = [self.at[lane // 4] for lane in range(self.lanes)]
        for lane in self.enabled():
            s.v[0, self.address, lane] = self.at[lane] - self.offset
        self.space = ["lds"] * self.lanes
        self.fill_data(s, self.space, self.at)


class DsTwo(Access):
    """Two addresses, one register of offsets, each in units of the data or of 64 of it."""

    def __init__(self, rng, name, machine, window, lanes):
        super().__init__(rng, name, machine, window, lanes)
        self.uses_lds = True
        self.n = 2 if name.endswith("b64") else 1
        self.unit = 4 * self.n * (64 if "stride64" in name else 1)
        self.stores, self.returns = "store" in name, "load" in name or "rtn" in name
        self.origin = int(rng.integers(0, (LDS_BYTES - 64 * lanes) // 256 + 1)) * 256
        # Base addresses and offsets of which no two lanes and no two addresses meet.
        if "stride64" in name:
            a, b = (int(x) for x in rng.permutation(64 * lanes // self.unit)[:2])
            self.bases = [4 * self.n * int(x) for x in rng.permutation(64)[:lanes]]
        else:
            a, b = 2 * int(rng.integers(0, 8)), 2 * int(rng.integers(0, 8)) + 1
            self.bases = [8 * self.n * int(x) for x in rng.permutation(lanes)]
        if rng.random() < 0.5:
            a, b = b, a
        self.down = int(rng.integers(0, min(self.origin // self.unit, 255 - max(a, b)) + 1))  # further offsets, lower bases
        self.offsets = a + self.down, b + self.down
        self.address = self.vgprs(1)
        texts = [f"v{self.address}"]
        if self.stores:
            self.data = [self.vgprs(self.n) for _ in range(2)]
            texts += [span("v", x, self.n) for x in self.data]
        if self.returns:
            self.to = self.vgprs(2 * self.n)
            texts.insert(0, span("v", self.to, 2 * self.n))
        self.finish(f"{mnemonic(name, self.gpu)} {', '.join(texts)} offset0:{self.offsets[0]} offset1:{self.offsets[1]}")

    def fill(self, s):
        for lane in self.enabled():
            s.v[0, self.address, lane] = self.origin + self.bases[lane] - self.down * self.unit

    def effect(self, before, want, memory):
        nbytes = 4 * self.n
        for lane in self.enabled():
            for i, offset in enumerate(self.offsets):
                at = int(before.v[0, self.address, lane]) + offset * self.unit
                if self.returns:
                    self.put(want, self.to + i * self.n, lane, self.n, self.peek(before, None, "lds", lane, at, nbytes))
                if self.stores:
                    self.poke(want, None, "lds", lane, at, nbytes, self.get(before, self.data[i], lane, self.n))


class DsByLane(Access):
    """ds_load_addtid_b32, ds_store_addtid_b32: at M0 + offset + 4 * lane; ds_append, ds_consume: at M0 + offset."""

    def __init__(self, rng, name, machine, window, lanes):
        super().__init__(rng, name, machine, window, lanes)
        self.uses_lds = True
        self.origin = int(rng.integers(0, (LDS_BYTES - 64 * lanes) // 256 + 1)) * 256
        self.offset = int(rng.integers(0, self.origin // 4 + 1)) * 4
        self.by_lane = "addtid" in name
        self.at = self.origin + 4 * int(rng.integers(0, (IMAGE - 1 if self.by_lane else IMAGE) * lanes))
        self.m0 = self.at - self.offset
        if self.by_lane:  # only these bits of it count
            self.m0 |= int(rng.integers(0, 1 << 16)) << 16
        self.v = self.vgprs(1)
        self.finish(f"{mnemonic(name, self.gpu)} v{self.v}" + (f" offset:{self.offset}" if self.offset else ""))

    def fill(self, s):
        pass

    def effect(self, before, want, memory):
        lanes = self.enabled()
        if not self.by_lane:
            old = self.peek(before, None, "lds", 0, self.at, 4)
            if lanes:
                self.poke(want, None, "lds", 0, self.at, 4, old + (len(lanes) if self.name == "ds_append" else -len(lanes)))
            for lane in lanes:
                want.v[0, self.v, lane] = old
            return
        for lane in lanes:
            at = self.at + 4 * lane
            if "load" in self.name:
                want.v[0, self.v, lane] = self.peek(before, None, "lds", lane, at, 4)
            else:
                self.poke(want, None, "lds", lane, at, 4, int(before.v[0, self.v, lane]))


class DsExchange(Access):
    """ds_condxchg32_rtn_b64: two dwords, each replaced where the data's top bit is set; the address's low bits are ignored."""

    def __init__(self, rng, name, machine, window, lanes):
        super().__init__(rng, name, machine, window, lanes)
        self.uses_lds = True
        self.origin = int(rng.integers(0, (LDS_BYTES - 64 * lanes) // 256 + 1)) * 256
        self.offset = int(rng.integers(0, self.origin // 8 + 1)) * 8
        self.address, self.data, self.to = self.vgprs(1), self.vgprs(2), self.vgprs(2)
        self.finish(f"{name} {span('v', self.to, 2)}, v{self.address}, {span('v', self.data, 2)}"
                    + (f" offset:{self.offset}" if self.offset else ""))

    def fill(self, s):
        self.at = [self.origin + x for x in self.places(8, 8)]
        for lane in self.enabled():
            s.v[0, self.address, lane] = self.at[lane] - self.offset + int(self.rng.integers(0, 8))

    def effect(self, before, want, memory):
        for lane in self.enabled():
            for i in range(2):
                want.v[0, self.to + i, lane] = self.peek(before, None, "lds", lane, self.at[lane] + 4 * i, 4)
                data = int(before.v[0, self.data + i, lane])
                if data >> 31:
                    self.poke(want, None, "lds", lane, self.at[lane] + 4 * i, 4, data & 0x7fffffff)


class DsTrade(Access):
    """Lanes trade values, within halves of 32 (LLVM, AMDGPU/GCNSubtarget.h, supportsWaveWideBPermute)."""

    def __init__(self, rng, name, machine, window, lanes):
        super().__init__(rng, name, machine, window, lanes)
        self.to, self.address, self.data = self.vgprs(1), self.vgprs(1), self.vgprs(1)
        self.offset = int(rng.integers(0, 1 << 16)) if rng.random() < 0.7 else 0
        if name == "ds_swizzle_b32":
            self.offset = int(rng.integers(0, 1 << 16)) if rng.random() < 0.5 else int(rng.integers(0xc000, 0x10000))
        operands = f"v{self.data}" if name == "ds_swizzle_b32" else f"v{self.address}, v{self.data}"
        self.finish(f"{name} v{self.to}, {operands} offset:{self.offset}")

    def fill(self, s):
        if self.rng.random() < 0.5:  # near lanes
            s.v[0, self.address] = self.rng.integers(0, 128, self.lanes)

    def source(self, i):
        offset, lane = self.offset, i & 31
        if offset >= 0xe000:
            bits = offset & 31
            return int(f"{lane:05b}"[::-1], 2) >> bits.bit_count() | lane & bits
        if offset >= 0xc000:
            rotate, keep = offset >> 5 & 31, offset & 31
            return lane & keep | (lane + (-rotate if offset >> 10 & 1 else rotate)) & ~keep & 31
        if offset & 0x8000:
            return lane & ~3 | offset >> 2 * (lane & 3) & 3
        return (lane & offset & 31 | offset >> 5 & 31) ^ offset >> 10 & 31

    def effect(self, before, want, memory):
        found = [0] * self.lanes
        address = [int(x) + self.offset for x in before.v[0, self.address]]
        for lane in range(self.lanes):
            half, of = lane & 32, address[lane] // 4 % 32
            if self.name == "ds_permute_b32":
                if self.exec >> lane & 1:
                    found[half | of] = int(before.v[0, self.data, lane])
                continue
            source = half | (self.source(lane) if self.name == "ds_swizzle_b32" else of)
            found[lane] = int(before.v[0, self.data, source]) if self.exec >> source & 1 else 0
        for lane in self.enabled():
            want.v[0, self.to, lane] = found[lane]


class FlatCase(Transfer):
    """FLAT, GLOBAL and SCRATCH. A flat address lies in the window of LDS, in that of scratch, or in memory."""

    def __init__(self, rng, name, op, machine, window, lanes):
        super().__init__(rng, name, op, machine, window, lanes)
        self.segment = name.split("_")[0]
        reach = 2048 if self.gfx10 else 4096
        self.offset = 0 if rng.random() < 0.2 else int(rng.integers(-reach, reach)) if self.segment != "flat" else int(
            rng.integers(0, reach))
        self.returns = op.what == "load" or op.what == "atomic" and rng.random() < 0.6
        self.spaces = {"flat": ["global", "lds", "scratch"], "global": ["global"], "scratch": ["scratch"]}[self.segment]
        if op.what == "atomic" and self.segment == "flat":
            self.spaces = ["global", "lds"]  # no atomics on scratch
        if op.float and not self.gfx10 and rng.random() < 0.3:
            self.mode = 0x300 | int(rng.integers(0, 16)) << 4
        self.uses_global, self.uses_lds, self.uses_scratch = (x in self.spaces for x in ("global", "lds", "scratch"))
        if self.uses_lds:
            self.origin = int(rng.integers(0, (LDS_BYTES - 64 * lanes) // 256 + 1)) * 256
            self.origin = max(self.origin, 4096)  # offsets are of the address, not of LDS
        self.saddr = self.address = None
        forms = {"flat": ["v"], "global": ["v", "sv"], "scratch": ["v", "s", ""] + ([] if self.gfx10 else ["sv"])}[self.segment]
        self.form = forms[int(rng.integers(0, len(forms)))]
        if self.segment == "scratch" and self.form == "":
            self.offset = int(rng.integers(0, 4 * IMAGE - op.nbytes + 1))
        if self.segment == "scratch" and self.form != "":
            self.offset = int(rng.integers(-reach, 4 * IMAGE - op.nbytes + 1))
        address = "off"
        if "v" in self.form:
            wide = 1 if self.segment == "scratch" or self.form == "sv" else 2
            self.address = self.vgprs(wide)
            address = span("v", self.address, wide)
        self.operands(False)
        texts = [address]
        if self.returns:
            self.to = self.destination()
            texts.insert(0, span("v", self.to, op.result))
        if op.data:
            texts.append(self.data_text(False))
        if self.segment != "flat":
            wide = 1 if self.segment == "scratch" else 2
            self.saddr = int(rng.integers(5, 45)) * 2 if "s" in self.form else None
            texts.append("off" if self.saddr is None else span("s", self.saddr, wide))
        tail = f" offset:{self.offset}" if self.offset else ""
        tail += " glc" if op.what == "atomic" and self.returns else ""
        self.finish(f"{mnemonic(name, self.gpu)} {', '.join(texts)}{tail}")

    def fill(self, s):
        op, rng = self.op, self.rng
        align = op.nbytes if op.what == "atomic" else self.alignment(op.nbytes)
        self.space = [self.spaces[int(rng.integers(0, len(self.spaces)))] for _ in range(self.lanes)]
        if rng.random() < 0.3:
            self.space = [self.space[0]] * self.lanes
        at = {"global": self.places(op.nbytes, align, 0, WINDOW), "lds": [self.origin + x for x in self.places(op.nbytes, align)],
              "scratch": [int(rng.integers(0, (4 * IMAGE - op.nbytes) // align + 1)) * align for _ in range(self.lanes)]}
        common = 0
        if self.segment == "scratch" and self.form in ("s", ""):
            same = self.offset if self.form == "" else at["scratch"][0]
            at["scratch"] = [same] * self.lanes
        self.at = [at[space][lane] for lane, space in enumerate(self.space)]
        if self.orderless:
            self.at = [self.at[lane & ~3] for lane in range(self.lanes)]
            self.space = [self.space[lane & ~3] for lane in range(self.lanes)]
        if self.saddr is not None and self.segment == "global":
            common = self.window - int(rng.integers(1 << 13, 1 << 31))
            self.scalars = {self.saddr: common, self.saddr + 1: common >> 32}
        elif self.saddr is not None:
            common = self.at[0] - self.offset if self.form == "s" else int(
                rng.integers(0, max(0, min(self.at)) + 1)) if self.offset >= 0 else int(rng.integers(0, -self.offset + 1))
            if self.form == "sv":
                common = min(common, max(0, min(self.at) - self.offset))
            self.scalars = {self.saddr: common}
        base = {"global": self.window, "lds": self.machine.apertures[0], "scratch": self.machine.apertures[1]}
        for lane in self.enabled():
            address = self.at[lane] - self.offset - common
            if self.segment != "scratch":
                address += base[self.space[lane]]
            if "v" in self.form:
                self.put(s, self.address, lane, 2 if self.segment != "scratch" and self.form == "v" else 1, address)
        self.fill_data(s, self.space, self.at)


class GlobalByLane(Access):
    """global_load_addtid_b32 and its store: at the scalar address + offset + 4 * lane."""

    def __init__(self, rng, name, machine, window, lanes):
        super().__init__(rng, name, machine, window, lanes)
        self.uses_global = True
        self.offset = int(rng.integers(-512, 512)) * 4
        self.at = int(rng.integers(0, WINDOW // 4 - 64)) * 4
        self.v = self.vgprs(1)
        base = window + self.at - self.offset
        self.scalars = {20: base, 21: base >> 32}
        self.finish(f"{mnemonic(name, self.gpu)} v{self.v}, s[20:21]" + (f" offset:{self.offset}" if self.offset else ""))

    def fill(self, s):
        pass

    def effect(self, before, want, memory):
        for lane in self.enabled():
            if "load" in self.name:
                want.v[0, self.v, lane] = self.peek(None, memory, "global", lane, self.at + 4 * lane, 4)
            else:
                self.poke(None, memory, "global", lane, self.at + 4 * lane, 4, int(before.v[0, self.v, lane]))


def names():
    """Row to a class of cases, and what that takes."""
    found = {}
    for name, op in DS_OPS.items():
        found["ds_" + name] = DsCase, op
    for segment in ("flat", "global", "scratch"):
        for name, op in FLAT_OPS.items():
            if segment != "scratch" or op.what != "atomic":
                found[f"{segment}_{name}"] = FlatCase, op
    for bits in (32, 64):
        for stride in ("", "_stride64"):
            for name in (f"load_2addr{stride}", f"store_2addr{stride}", f"storexchg_2addr{stride}_rtn"):
                found[f"ds_{name}_b{bits}"] = DsTwo, None
    for name in ("ds_load_addtid_b32", "ds_store_addtid_b32", "ds_append", "ds_consume"):
        found[name] = DsByLane, None
    for name in ("ds_permute_b32", "ds_bpermute_b32", "ds_swizzle_b32"):
        found[name] = DsTrade, None
    for name in ("global_load_addtid_b32", "global_store_addtid_b32"):
        found[name] = GlobalByLane, None
    found["ds_condxchg32_rtn_b64"] = DsExchange, None
    return found


ROWS = names()

