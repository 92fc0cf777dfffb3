"""A processor that this machine need not have: runs kernels on Bochs' Sapphire Rapids (AVX-512 with VNNI and FP16,
AVX-VNNI), out of the Python package bochscpu-python. tests/x86/processor.h asks, through standard input and output:

    asked     u64: bytes of code, entry, bytes of local memory, grid x, y, z, parameters, symbols;
              the code; per parameter u64 bytes and the bytes; per symbol u64
    answered  u64: 0; the parameters' bytes. Or u64: length, and that long a reason

The first answer is the names of what the processor has, u64 length and words. Each parameter ends where its last page
does, 16 bytes being a unit, so that what is read or written beyond it is a page fault.

Exit status 77: the package is not there.
"""

import ctypes
import mmap
import os
import struct
import sys

try:
    # The package was built against a later C library than Debian 12's, and names two functions of it that nothing here
    # calls: bound as late as can be, they are not missed.
    sys.setdlopenflags(os.RTLD_LAZY)
    import bochscpu
    import bochscpu.cpu
    from bochscpu import memory
except ImportError as e:
    print(f"{sys.argv[0]}: {e}", file=sys.stderr)
    sys.exit(77)

PAGE, SLOT = 4096, 1 << 21  # a slot is what one page table maps
SLOTS, BASE = 256, 1 << 30  # slots from 1 GiB on
TABLES = 3 + SLOTS          # pages of page tables: one each of three levels, then the slots'
PAGES = 1 << 14
PRESENT = 7
# name, register of CPUID's leaf 7 (0: ebx, ecx, edx; 1: eax), bit. Intel SDM volume 2A, CPUID
NAMES = [("avx512f", 0, 16), ("avx512dq", 0, 17), ("avx512cd", 0, 28), ("avx512bw", 0, 30), ("avx512vl", 0, 31),
         ("avx512_vnni", 1, 11), ("avx512_fp16", 2, 23), ("avx_vnni", 3, 4)]
FLOOR = ["popcnt", "lzcnt", "bmi1", "bmi2", "avx", "avx2", "fma", "f16c"]


def mend():
    """Changes the package's code in memory, since it offers no choice of the model and has an error."""
    library = ctypes.CDLL(bochscpu._bochscpu.__file__)
    libc = ctypes.CDLL(None)

    def address(symbol):
        return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value

    def write(at, code):
        if libc.mprotect(ctypes.c_void_p(at & -PAGE), ctypes.c_size_t(2 * PAGE), 7) != 0:
            raise OSError("mprotect")
        ctypes.memmove(at, code, len(code))

    # Whatever model is made becomes a Sapphire Rapids.
    to = address("_Z28create_sapphire_rapids_cpuidP8BX_CPU_C")
    for name in ["create_corei3_cnl_cpuid", "create_corei7_icelake_u_cpuid", "create_tigerlake_cpuid"]:
        write(address(f"_Z{len(name)}{name}P8BX_CPU_C"), b"\x48\xb8" + struct.pack("<Q", to) + b"\xff\xe0")
    # vpsravq fills with the sign from a count of 64 on (Intel SDM volume 2C, VPSRAVW/VPSRAVD/VPSRAVQ), Bochs' from 65 on
    # (cpu/simd_int.h, xmm_psravq). Its comparisons are cmp rcx, 65 with cmovae, and cmp rcx, 64 with cmova: one less each.
    for handler, size in [("14HANDLE_AVX_2OP", 0x324), ("31HANDLE_AVX512_2OP_QWORD_EL_MASK", 0x22a)]:
        start = address(f"_ZN8BX_CPU_C{handler}IXadL_Z10xmm_psravqP12bx_xmm_reg_tPKS1_EEEEvP15bxInstruction_c")
        code = ctypes.string_at(start, size)
        assert [code.count(b"\x48\x83\xf9" + count) for count in (b"\x40", b"\x41")] == [2, 6], "another bochscpu"
        for count in b"\x40", b"\x41":
            code = code.replace(b"\x48\x83\xf9" + count, b"\x48\x83\xf9" + bytes([count[0] - 1]))
        write(start, code)


class Stopped(Exception):
    pass


class Cpu:
    """Calls functions. Which memory it has, and that `stack` holds the address of a hlt, is for others to see to."""

    def __init__(self, tables):
        self.session = bochscpu.Session()
        self.session.missing_page_handler = self.missing
        self.hook = bochscpu.Hook()
        self.hook.exception = self.exception
        self.hook.hlt = self.halted
        self.stack = 0
        state = self.state = bochscpu.State()
        bochscpu.cpu.set_long_mode(state)
        state.cr0 |= 2                           # monitor coprocessor
        state.cr4 |= 1 << 18 | 1 << 10 | 1 << 9  # XSAVE and vectors for the operating system
        state.xcr0 = 0xe7                        # x87, SSE, AVX, AVX-512
        state.cr3 = tables
        state.mxcsr, state.mxcsr_mask, state.rflags = 0x1f80, 0xffff, 2
        state.fpcw, state.fptw = 0x37f, 0xffff
        state.cs = self.segment(0x10, 0x209b)
        state.ds = state.es = state.fs = state.gs = state.ss = self.segment(0x18, 0xc93)

    @staticmethod
    def segment(selector, attributes, base=0):
        s = bochscpu.Segment()
        s.present, s.selector, s.base, s.limit, s.attr = True, selector, base, 0xffffffff, attributes
        return s

    def missing(self, address):
        self.reason = f"no memory at physical address {address:#x}"
        self.session.stop()

    def exception(self, session, cpu, vector, error):
        self.reason = f"exception {int(vector)}, error code {int(error):#x}, at {session.cpu.state.cr2:#x}"
        session.stop()

    def halted(self, session, cpu):
        self.reason = ""
        session.stop()

    def run(self, rip, rdi=0, rsi=0, rdx=0, rcx=0, r8=0):
        """What the function gives. Its return address lies at `self.stack`."""
        s = self.state
        s.rip, s.rsp, s.rdi, s.rsi, s.rdx, s.rcx, s.r8 = rip, self.stack, rdi, rsi, rdx, rcx, r8
        self.session.cpu.state = s
        self.reason = "it did not halt"
        self.session.run([self.hook])
        after = self.session.cpu.state
        if self.reason:
            raise Stopped(f"{self.reason}, code offset {after.rip - rip:#x} from the entry")
        return after.rax


class Processor(Cpu):
    """With memory of its own, for kernels."""

    def __init__(self):
        mend()
        super().__init__(PAGE)
        self.memory = mmap.mmap(-1, PAGES * PAGE)
        self.host = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for page in range(PAGES):
            memory.page_insert((page + 1) * PAGE, self.host + page * PAGE)
        self.entry(0, 0, 1)
        self.entry(1, 1, 2)
        for slot in range(SLOTS):
            self.entry(2, slot, 3 + slot)
        self.reset()

    def entry(self, table, index, page):
        struct.pack_into("<Q", self.memory, table * PAGE + 8 * index, (page + 1) * PAGE | PRESENT)

    def reset(self):
        """Nothing mapped."""
        ctypes.memset(self.host + 3 * PAGE, 0, SLOTS * PAGE)
        self.slot, self.free = 0, TABLES

    def place(self, size, contents=b""):
        """Room in slots of its own, up to the end of its last page; its address there and its place in the memory."""
        room = -(-size // 16) * 16
        pages = max(1, -(-room // PAGE))
        if self.free + pages > PAGES or self.slot + pages // 512 + 2 > SLOTS:
            raise Stopped(f"{size} bytes do not fit into the emulated memory any more")
        first = self.slot * 512 + 1  # the page before is not there
        for i in range(pages):
            self.entry(3 + (first + i) // 512, (first + i) % 512, self.free + i)
        offset = pages * PAGE - room
        at = self.free * PAGE + offset
        self.memory[at:at + len(contents)] = contents
        self.free += pages
        self.slot += (first % 512 + pages) // 512 + 1
        return BASE + first * PAGE + offset, at

    def prepare(self):
        self.reset()
        stop, _ = self.place(1, b"\xf4")  # hlt
        self.stack, at = self.place(1 << 16)
        self.stack += (1 << 16) - 64 - 8  # as after a call from an aligned stack
        struct.pack_into("<Q", self.memory, at + (1 << 16) - 64 - 8, stop)
        self.copier, _ = self.place(3, b"\xf3\xa4\xc3")  # rep movsb; ret

    def code(self, code):
        """Code is written by the processor itself, which otherwise would not see that it is new."""
        at, _ = self.place(len(code))
        staged, _ = self.place(len(code), code)
        self.run(self.copier, at, staged, 0, len(code))
        return at

    def names(self):
        self.prepare()
        # CPUID 7.0 and 7.1, pushed to the array at rdi: mov eax, 7; xor ecx, ecx; cpuid; mov [rdi], ebx; ...
        code = bytes.fromhex("b807000000 31c9 0fa2 891f 894f04 895708 b807000000 b901000000 0fa2 89470c c3")
        rip = self.code(code)
        out, at = self.place(16)
        self.run(rip, out)
        found = struct.unpack_from("<4I", self.memory, at)
        return FLOOR + [name for name, register, bit in NAMES if found[register] >> bit & 1]

    def kernel(self, code, entry, local_bytes, grid, parameters, symbols):
        self.prepare()
        rip = self.code(code)
        local, _ = self.place(-(-max(local_bytes, 1) // 64) * 64)
        placed = [self.place(len(p), p) for p in parameters]
        values = struct.pack(f"<{len(placed) + len(symbols)}Q", *[a for a, _ in placed], *symbols)
        arguments, _ = self.place(max(len(values), 8), values)
        for z in range(grid[2]):
            for y in range(grid[1]):
                for x in range(grid[0]):
                    self.run(rip + entry, arguments, x, y, z, local)
        return [self.memory[at:at + len(p)] for (_, at), p in zip(placed, parameters)]


def main():
    # What the package prints must not come between the answers.
    ask, answer = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def number():
        return struct.unpack("<Q", ask.read(8))[0]
    processor = Processor()
    text = " ".join(processor.names()).encode()
    answer.write(struct.pack("<Q", len(text)) + text)
    answer.flush()
    while header := ask.read(64):
        size, entry, local, x, y, z, parameters, symbols = struct.unpack("<8Q", header)
        code = ask.read(size)
        parameters = [ask.read(number()) for _ in range(parameters)]
        symbols = [number() for _ in range(symbols)]
        try:
            found = processor.kernel(code, entry, local, (x, y, z), parameters, symbols)
            answer.write(struct.pack("<Q", 0) + b"".join(found))
        except Stopped as e:
            text = str(e).encode()
            answer.write(struct.pack("<Q", len(text)) + text)
        answer.flush()
    os._exit(0)  # the package does not survive Python's end


if __name__ == "__main__":
    main()
