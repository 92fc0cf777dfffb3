"""libdoorbell-emu.so (sim/emu.h) through ctypes: programs run on the emulated GPU."""

import ctypes
import os
from ctypes import c_char, c_char_p, c_int32, c_uint32, c_uint64, c_void_p


class Fault(ctypes.Structure):
    _fields_ = [("struct_bytes", c_uint32), ("kind", c_uint32), ("check", c_char * 48), ("pc", c_uint64),
                ("instruction", c_char * 160), ("workgroup", c_uint32 * 3), ("wave", c_uint32), ("lane", c_int32),
                ("has_address", c_uint32), ("address", c_uint64), ("write", c_uint32), ("text", c_char * 512),
                ("line", c_char * 1024)]


class Launch(ctypes.Structure):
    _fields_ = [("struct_bytes", c_uint32), ("kernel", c_char_p), ("kernarg", c_char_p), ("kernarg_bytes", c_uint32),
                ("code", c_uint64), ("rsrc1", c_uint32), ("rsrc2", c_uint32), ("rsrc3", c_uint32), ("wave64", c_uint32),
                ("user_sgprs", c_void_p), ("user_sgpr_count", c_uint32), ("private_bytes", c_uint32),
                ("grid", c_uint32 * 3), ("workgroup", c_uint32 * 3), ("lds_bytes", c_uint32), ("begin", c_void_p),
                ("end", c_void_p), ("context", c_void_p)]


def library():
    lib = ctypes.CDLL(os.environ["DOORBELL_EMU"])
    lib.doorbell_emu_create.restype = c_void_p
    lib.doorbell_emu_alloc.restype = lib.doorbell_emu_row_count.restype = c_uint64
    lib.doorbell_emu_error.restype = lib.doorbell_emu_row_name.restype = c_char_p
    lib.doorbell_emu_rows.restype = ctypes.c_size_t
    return lib


class Emulator:
    def __init__(self, gpu, lenient=None):
        self.lib = library()
        reason = ctypes.create_string_buffer(256)
        self.handle = c_void_p(self.lib.doorbell_emu_create(gpu.encode(), reason, ctypes.c_size_t(len(reason))))
        assert self.handle, reason.value.decode()
        if lenient:
            self.check(self.lib.doorbell_emu_lenient(self.handle, lenient.encode()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.doorbell_emu_destroy(self.handle)

    def check(self, status):
        assert status == 0, self.lib.doorbell_emu_error(self.handle).decode()

    def memory(self, data):
        """The GPU address of memory that holds `data`."""
        at = self.lib.doorbell_emu_alloc(self.handle, c_uint64(len(data)))
        assert at, self.lib.doorbell_emu_error(self.handle).decode()
        self.check(self.lib.doorbell_emu_write(self.handle, c_uint64(at), data, c_uint64(len(data))))
        return at

    def run(self, program, code_object, kernarg):
        """The buffers after one dispatch of the program's kernel k. `kernarg` makes the segment from their addresses."""
        code = code_object.read_bytes()
        self.check(self.lib.doorbell_emu_load(self.handle, code, ctypes.c_size_t(len(code))))
        buffers = program.buffers()
        addresses = [self.memory(b.tobytes()) for b in buffers]
        segment = kernarg(addresses)
        launch = Launch(struct_bytes=ctypes.sizeof(Launch), kernel=b"k", kernarg=segment, kernarg_bytes=len(segment),
                        grid=tuple(program.grid), workgroup=tuple(program.group))
        fault = Fault(struct_bytes=ctypes.sizeof(Fault))
        status = self.lib.doorbell_emu_run(self.handle, ctypes.byref(launch), ctypes.byref(fault))
        if status == 1:
            raise RuntimeError(fault.line.decode())
        self.check(status)
        for buffer, at in zip(buffers, addresses):
            self.check(self.lib.doorbell_emu_read(self.handle, c_uint64(at), c_void_p(buffer.ctypes.data),
                                                  c_uint64(buffer.nbytes)))
        return buffers
