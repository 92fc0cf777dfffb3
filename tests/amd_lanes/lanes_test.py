"""The copies of the code for lanes agree bit for bit (lanes.cc). Where this processor has no AVX-512, the emulated one of
tests/x86/processor.py executes that copy in the memory of this process: its page tables map each page to itself."""

import ctypes
import mmap
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "x86"))

PAGE = 4096
CASES = int(os.environ.get("DOORBELL_LANE_FORMS", 40 if os.environ.get("DOORBELL_NIGHTLY") else 2))
SEED = int(os.environ.get("DOORBELL_SEED", struct.unpack("<I", os.urandom(4))[0]))


def pages():
    """Of this process, those that can be read."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            where, access, *rest = line.split(maxsplit=5)
            if access[0] == "r" and not (rest[-1:] or [""])[0].startswith("[v"):
                start, end = (int(x, 16) for x in where.split("-"))
                yield from range(start, end, PAGE)


def here(processor):
    """An emulated processor in this process's memory."""

    class Here(processor.Cpu):
        def __init__(self):
            processor.mend()
            super().__init__(PAGE)
            self.tables = mmap.mmap(-1, 1 << 26)
            self.at = ctypes.addressof(ctypes.c_char.from_buffer(self.tables))
            self.below, self.used = {}, 0
            self.next = len(self.tables) // PAGE + 1  # the number of the first page that is no table
            self.root = self.table()
            thread = ctypes.c_ulong()
            ctypes.CDLL(None).syscall(158, 0x1003, ctypes.byref(thread))  # arch_prctl(ARCH_GET_FS)
            self.state.fs = self.segment(0x18, 0xc93, thread.value)
            self.memory = ctypes.create_string_buffer(b"\xf4", 1 << 20)  # hlt, and a stack
            start = ctypes.addressof(self.memory)
            self.stack = (start + (1 << 20) - 64 & -64) - 8
            self.stop = struct.pack("<Q", start)

        def table(self):
            processor.memory.page_insert((self.used + 1) * PAGE, self.at + self.used * PAGE)
            self.used += 1
            return self.used - 1

        def map(self):
            """What has come since the last time, too."""
            for address in pages():
                table = self.root
                for level in (39, 30, 21):
                    key = level, address >> level
                    if key not in self.below:
                        self.below[key] = self.table()
                        self.enter(table, address >> level, self.below[key] + 1)
                    table = self.below[key]
                if (12, address) not in self.below:
                    self.below[12, address] = self.next
                    processor.memory.page_insert(self.next * PAGE, address)
                    self.enter(table, address >> 12, self.next)
                    self.next += 1

        def enter(self, table, index, page):
            struct.pack_into("<Q", self.tables, table * PAGE + (index & 511) * 8, page * PAGE | processor.PRESENT)

        def call(self, function, *arguments):
            ctypes.memmove(self.stack, self.stop, 8)
            return self.run(function, *arguments)
    return Here()


class Lanes(unittest.TestCase):
    def test_copies_give_the_same_bits(self):
        lib = ctypes.CDLL(os.environ["DOORBELL_LANES"])
        lib.lanes_table.restype = ctypes.c_void_p
        lib.lanes_prepare.restype = ctypes.c_size_t
        lib.lanes_prepare.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint64]
        lib.lanes_run.argtypes = [ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)]
        lib.lanes_difference.argtypes = [ctypes.c_size_t]
        lib.lanes_difference.restype = ctypes.c_char_p
        processor = None
        if not lib.lanes_here():
            try:
                import processor
            except SystemExit:
                if os.environ.get("CI") == "true":
                    self.fail("the Python package bochscpu-python is missing")
                self.skipTest("the Python package bochscpu-python is missing")
            cpu = here(processor)
            cpu.map()
            call = cpu.call
        else:
            kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)

            def call(function, wave=None, instruction=None):
                return kind(function)(wave, instruction)
        table = call(lib.lanes_table())
        found = (ctypes.c_void_p * 3)()
        total, wrong = 0, []
        for gpu, wave in (b"gfx1030", 32), (b"gfx1030", 64), (b"gfx1100", 32), (b"gfx1100", 64):
            count = lib.lanes_prepare(table, gpu, wave, CASES, SEED)
            if processor:
                cpu.map()
            self.assertGreater(count, 500)
            for i in range(count):
                lib.lanes_run(i, found)
                call(*found)
                if difference := lib.lanes_difference(i):
                    wrong.append(f"{gpu.decode()} wave{wave} {difference.decode()}")
            total += count
        print(f"{total} instructions, seed {SEED}, {'emulated' if processor else 'here'}", flush=True)
        self.assertFalse(wrong, f"DOORBELL_SEED={SEED}\n" + f"{len(wrong)} differ\n" + "\n".join(wrong[:40]))


if __name__ == "__main__":
    # The package does not survive Python's end.
    result = unittest.main(exit=False, verbosity=2).result
    sys.stderr.flush()
    os._exit(not result.wasSuccessful())
