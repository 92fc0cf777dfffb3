"""Compiled programs go through `doorbell disasm` and `doorbell asm`, and still do what their host twins do: tables,
function pointers, recursion and branches lie where the code looks for them, and the file loads."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import emulator
import program

DOORBELL = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"


class Reassembled(unittest.TestCase):
    def test_programs_equal_their_twins(self):
        programs = {p.name: p for p in program.programs()}
        for name, gpu, level in (("hash_sha256", "gfx1030", "1"), ("function_pointers", "gfx1100", "1"),
                                 ("recursion", "gfx1151", "0"), ("matmul_lds", "gfx1100", "3"), ("virtual_machine", "gfx1030", "0")):
            with self.subTest(name=name, gpu=gpu), tempfile.TemporaryDirectory() as folder, emulator.Emulator(gpu) as emu:
                p, folder = programs[name], Path(folder)
                compiled, source, again = p.compile(gpu, level, folder / "code.hsaco"), folder / "code.s", folder / "again.hsaco"
                source.write_bytes(subprocess.run([DOORBELL, "disasm", compiled], check=True, capture_output=True).stdout)
                subprocess.run([DOORBELL, "asm", source, "-o", again], check=True)
                got = emu.run(p, again, lambda addresses: program.kernarg(p, again, addresses))
                self.assertIsNone(p.difference(got, p.expected(folder)))


if __name__ == "__main__":
    unittest.main()
