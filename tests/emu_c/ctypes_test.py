"""libdoorbell-emu.so loads in Python and nothing else is needed: assemble, disassemble, run, fault."""

import ctypes
import os
import unittest

SOURCE = b"""
.globl fill
.p2align 8
fill:
  s_load_b64 s[0:1], s[0:1], 0x0
  v_mov_b32 v1, 42
  v_lshlrev_b32 v0, 2, v0
  s_waitcnt lgkmcnt(0)
  global_store_b32 v0, v1, s[0:1]
  s_endpgm
.section .rodata,"a"
.p2align 6
.amdhsa_kernel fill
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_kernarg_size 8
  .amdhsa_next_free_vgpr 2
  .amdhsa_next_free_sgpr 4
.end_amdhsa_kernel
"""


class Launch(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_uint32), ("kernel", ctypes.c_char_p), ("kernarg", ctypes.c_char_p),
                ("kernarg_bytes", ctypes.c_uint32), ("code", ctypes.c_uint64), ("rsrc", ctypes.c_uint32 * 3),
                ("wave64", ctypes.c_uint32), ("user_sgprs", ctypes.c_void_p), ("user_sgpr_count", ctypes.c_uint32),
                ("private_bytes", ctypes.c_uint32), ("grid", ctypes.c_uint32 * 3), ("workgroup", ctypes.c_uint32 * 3)]


class Ctypes(unittest.TestCase):
    def setUp(self):
        self.lib = lib = ctypes.CDLL(os.environ["DOORBELL_EMU"])
        lib.doorbell_emu_create.restype = lib.doorbell_emu_assemble.restype = ctypes.c_void_p
        lib.doorbell_emu_error.restype = ctypes.c_char_p
        lib.doorbell_emu_alloc.restype = ctypes.c_uint64
        lib.doorbell_emu_disassemble.restype = ctypes.c_size_t
        self.gpu = ctypes.c_void_p(lib.doorbell_emu_create(b"gfx1151", None, ctypes.c_size_t(0)))
        self.assertTrue(self.gpu)
        self.addCleanup(lib.doorbell_emu_destroy, self.gpu)

    def assemble(self, source):
        size = ctypes.c_size_t()
        at = self.lib.doorbell_emu_assemble(self.gpu, source, ctypes.byref(size))
        return at and ctypes.string_at(at, size.value)

    def test_an_assembled_kernel_runs(self):
        code = self.assemble(SOURCE)
        self.assertTrue(code, self.lib.doorbell_emu_error(self.gpu))
        self.assertEqual(self.lib.doorbell_emu_load(self.gpu, code, ctypes.c_size_t(len(code))), 0)
        at = self.lib.doorbell_emu_alloc(self.gpu, ctypes.c_uint64(256))
        launch = Launch(struct_bytes=ctypes.sizeof(Launch), kernel=b"fill", kernarg=at.to_bytes(8, "little"), kernarg_bytes=8,
                        grid=(64, 1, 1), workgroup=(64, 1, 1))
        self.assertEqual(self.lib.doorbell_emu_run(self.gpu, ctypes.byref(launch), None), 0, self.lib.doorbell_emu_error(self.gpu))
        got = ctypes.create_string_buffer(256)
        self.assertEqual(self.lib.doorbell_emu_read(self.gpu, ctypes.c_uint64(at), got, ctypes.c_uint64(256)), 0)
        self.assertEqual(got.raw, (42).to_bytes(4, "little") * 64)

    def test_instructions_are_texts_and_mistakes_have_a_place(self):
        text = ctypes.create_string_buffer(100)

        def disassemble(code, lanes=32):
            return self.lib.doorbell_emu_disassemble(self.gpu, code, ctypes.c_size_t(len(code)), lanes, text,
                                                     ctypes.c_size_t(len(text)))
        self.assertEqual((disassemble(bytes.fromhex("ff0080be00010000")), text.value), (8, b"s_mov_b32 s0, 0x100"))
        self.assertEqual(disassemble(bytes.fromhex("ff0080be")), 0)
        self.assertIn(b"ends within", self.lib.doorbell_emu_error(self.gpu))
        self.assertIsNone(self.assemble(b"\n  s_movv_b32 s0, 1\n"))
        self.assertRegex(self.lib.doorbell_emu_error(self.gpu), rb"^2:3: expected an instruction of gfx1151")


if __name__ == "__main__":
    unittest.main()
