"""One wave's registers before and after a few instructions on the emulated GPU. llvm-mc-19 makes the bytes, so that
nothing of ours has a say in what is run."""

import ctypes
import os
import re
import subprocess
import sys
from ctypes import c_uint32, c_uint64, c_void_p

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "amd_kernels"))
from emulator import Emulator, Fault, Launch  # noqa: E402

VGPRS = 64  # that a wave has
VCC, M0, EXEC = 106, 125, 126  # in the order of sim/emu.h
# MODE: round to nearest even, denormals kept, DX10_CLAMP, IEEE: what amdhsa kernels start with (LLVM, AMDGPUUsage,
# "Code Object V3 Kernel Descriptor"; the fields: RDNA2 and RDNA3 ISA, "Mode register").
IEEE, DX10_CLAMP = 1 << 9, 1 << 8
MODE = 0xf0 | DX10_CLAMP | IEEE


class Registers(ctypes.Structure):
    _fields_ = [("workgroup", c_uint32 * 3), ("wave", c_uint32), ("lanes", c_uint32), ("vgprs", c_uint32),
                ("vgpr", c_void_p), ("sgpr", c_void_p), ("scc", c_void_p), ("mode", c_void_p)]


Callback = ctypes.CFUNCTYPE(None, c_void_p, ctypes.POINTER(Registers))


class State:
    """Registers of `waves` waves."""

    def __init__(self, waves, lanes):
        self.lanes = lanes
        self.v = np.zeros((waves, VGPRS, lanes), np.uint32)
        self.s = np.zeros((waves, 128), np.uint32)
        self.scc = np.zeros(waves, np.uint32)
        self.mode = np.full(waves, MODE, np.uint32)

    @classmethod
    def random(cls, rng, lanes):
        """One wave's, with anything in its registers and SCC."""
        s = cls(1, lanes)
        s.v[:] = rng.integers(0, 1 << 32, s.v.shape)
        s.s[:] = rng.integers(0, 1 << 32, s.s.shape)
        s.scc[:] = rng.integers(0, 2)
        return s

    def copy(self):
        other = State.__new__(State)
        other.lanes = self.lanes
        other.v, other.s, other.scc, other.mode = self.v.copy(), self.s.copy(), self.scc.copy(), self.mode.copy()
        return other

    def mask(self, wave, register):
        """A lane mask held by scalar registers."""
        low = int(self.s[wave, register])
        return low | int(self.s[wave, register + 1]) << 32 if self.lanes == 64 else low

    def set_mask(self, wave, register, value):
        self.s[wave, register] = value & 0xffffffff
        if self.lanes == 64:
            self.s[wave, register + 1] = value >> 32

    def get64(self, wave, register):
        return int(self.s[wave, register]) | int(self.s[wave, register + 1]) << 32

    def set64(self, wave, register, value):
        self.s[wave, register] = value & 0xffffffff
        self.s[wave, register + 1] = value >> 32 & 0xffffffff


def assemble(lines, gpu, lanes):
    """The bytes of each line, which may hold several instructions; None for those that llvm-mc-19 refuses."""
    text = "".join(f"L{i}:\n{line}\n" for i, line in enumerate(lines))
    wave = "+wavefrontsize64,-wavefrontsize32" if lanes == 64 else "+wavefrontsize32,-wavefrontsize64"
    done = subprocess.run(["llvm-mc-19", "-triple=amdgcn-amd-amdhsa", f"-mcpu={gpu}", f"-mattr={wave}",
                           "-show-encoding"], input=text, capture_output=True, text=True)
    refused = {int(n) for n in re.findall(r"^<stdin>:(\d+):\d+: error", done.stderr, re.M)}
    found, at = [b""] * len(lines), None
    for line in done.stdout.splitlines():
        if label := re.match(r"L(\d+):", line):
            at = int(label[1])
        elif encoding := re.search(r"encoding: \[([^\]]*)\]", line):
            found[at] += bytes(int(b, 16) for b in encoding[1].split(","))
        elif word := re.match(r"\s*\.long\s+(\S+)", line):
            found[at] += int(word[1], 0).to_bytes(4, "little")
    number = 1
    for i, line in enumerate(lines):
        ends = number + 1 + line.count("\n") + 1
        if not found[i] or any(n in refused for n in range(number, ends)):
            found[i] = None
        number = ends
    return found


class Machine(Emulator):
    """An emulated GPU that runs programs on given registers."""

    def __init__(self, gpu, lenient=None):
        super().__init__(gpu, lenient)
        self.gpu = gpu
        self.begin = Callback(self._begin)
        self.end = Callback(self._end)
        self.row_of = {}
        names = self.lib.doorbell_emu_row_name
        for i in range(self.lib.doorbell_emu_rows()):
            if self.lib.doorbell_emu_row_known(self.handle, ctypes.c_size_t(i)):
                self.row_of[names(ctypes.c_size_t(i)).decode()] = i
        self.start = {name: self.total(name) for name in self.row_of}
        self.code = {}
        self.fault = Fault(struct_bytes=ctypes.sizeof(Fault))
        # Where flat addresses are of LDS and of scratch.
        code, = assemble(["s_mov_b64 s[10:11], src_shared_base\ns_mov_b64 s[12:13], src_private_base\ns_endpgm"], gpu, 32)
        state = State(1, 32)
        state.s[0, EXEC] = 0xffffffff
        s = self.execute(self.load([code])[0], state)
        self.apertures = s.get64(0, 10), s.get64(0, 12)

    def total(self, name):
        return self.lib.doorbell_emu_row_count(ctypes.c_size_t(self.row_of[name]))

    def count(self, name):
        """How often the row was executed since this machine was made."""
        return self.total(name) - self.start[name]

    def load(self, programs, align=256):
        """The addresses of several programs' bytes."""
        blob, at = bytearray(), []
        for code in programs:
            blob += b"\0" * (-len(blob) % align)
            at.append(len(blob))
            blob += code
        blob += b"\0" * 1024  # what is fetched ahead
        base = self.memory(bytes(blob))
        return [base + a for a in at]

    def _begin(self, _, wave):
        w = wave.contents
        i, s = w.workgroup[0] * self.group + w.wave, self.state
        ctypes.memmove(w.vgpr, s.v[i].ctypes.data, s.v[i].nbytes)
        ctypes.memmove(w.sgpr, s.s[i].ctypes.data, s.s[i].nbytes)
        ctypes.memmove(w.scc, s.scc[i:].ctypes.data, 4)
        ctypes.memmove(w.mode, s.mode[i:].ctypes.data, 4)

    def _end(self, _, wave):
        w = wave.contents
        i, s = w.workgroup[0] * self.group + w.wave, self.result
        ctypes.memmove(s.v[i].ctypes.data, w.vgpr, s.v[i].nbytes)
        ctypes.memmove(s.s[i].ctypes.data, w.sgpr, s.s[i].nbytes)
        ctypes.memmove(s.scc[i:].ctypes.data, w.scc, 4)
        ctypes.memmove(s.mode[i:].ctypes.data, w.mode, 4)

    def execute(self, address, state, lds_bytes=0, private_bytes=0, group=1):
        """The registers after the program at `address`, in workgroups of so many waves; a fault of it is a RuntimeError."""
        self.group = group
        self.state, self.result = state, state.copy()
        waves, lanes = state.v.shape[0], state.lanes
        rsrc1 = (VGPRS // (8 if lanes == 32 else 4) - 1) | 15 << 6 | 0xf0 << 12 | 1 << 21 | 1 << 23 | 1 << 29 | 1 << 30
        launch = Launch(struct_bytes=ctypes.sizeof(Launch), code=address, rsrc1=rsrc1,
                        rsrc2=(1 if private_bytes else 0) | 1 << 7, wave64=int(lanes == 64), grid=(waves * lanes, 1, 1),
                        workgroup=(group * lanes, 1, 1), lds_bytes=lds_bytes, private_bytes=private_bytes,
                        begin=ctypes.cast(self.begin, c_void_p), end=ctypes.cast(self.end, c_void_p))
        status = self.lib.doorbell_emu_run(self.handle, ctypes.byref(launch), ctypes.byref(self.fault))
        if status == 1:
            raise RuntimeError(self.fault.line.decode())
        self.check(status)
        return self.result

    def read(self, address, array):
        self.check(self.lib.doorbell_emu_read(self.handle, c_uint64(address), c_void_p(array.ctypes.data),
                                              c_uint64(array.nbytes)))
        return array

    def write(self, address, array):
        self.check(self.lib.doorbell_emu_write(self.handle, c_uint64(address), c_void_p(array.ctypes.data),
                                               c_uint64(array.nbytes)))
