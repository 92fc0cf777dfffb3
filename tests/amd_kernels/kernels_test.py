"""Programs that nobody wrote for the emulator, compiled by clang-19, equal their host twins on the emulated GPU.

All of them, at -O0, -O1 and -O3 for each GPU, is a long sweep: a run takes every third combination, another third
with each commit; DOORBELL_NIGHTLY=1 takes all. DOORBELL_ONLY=program[:gpu[:level]] picks."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import emulator
import program

GPUS = ("gfx1030", "gfx1100", "gfx1151")
LEVELS = ("0", "1", "3")
# What fails, and why. A combination that passes although it stands here fails.
KNOWN_FAILURES = {}
SHARE = 3


def combinations():
    every = [(p, gpu, level) for p in program.programs() for gpu in GPUS if gpu.startswith(p.arch) for level in LEVELS]
    only = os.environ.get("DOORBELL_ONLY", "").split(":")
    if only != [""]:
        return [c for c in every if all(str(x) == w for x, w in zip((c[0].name, c[1], c[2]), only))]
    if os.environ.get("DOORBELL_NIGHTLY") == "1":
        return every
    count = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=program.FOLDER, capture_output=True, text=True, check=False)
    turn = int(count.stdout or 0)
    return [c for i, c in enumerate(every) if (i + i // SHARE) % SHARE == turn % SHARE]


class Kernels(unittest.TestCase):
    pass


def check(self, p, gpu, level):
    with tempfile.TemporaryDirectory(prefix="doorbell-kernels-") as folder, emulator.Emulator(gpu) as emu:
        code_object = p.compile(gpu, level, Path(folder) / "code.hsaco")
        got = emu.run(p, code_object, lambda addresses: program.kernarg(p, code_object, addresses))
        self.assertIsNone(p.difference(got, p.expected(Path(folder))))


def add(p, gpu, level):
    reason = KNOWN_FAILURES.get((p.name, gpu, level)) or KNOWN_FAILURES.get((p.name, "", level))

    def test(self):
        if not reason:
            return check(self, p, gpu, level)
        with self.assertRaises(Exception, msg="passes, and is listed as a known failure"):
            check(self, p, gpu, level)
        return self.skipTest(f"known failure: {reason}")
    setattr(Kernels, f"test_{p.name}_on_{gpu}_at_O{level}", test)


for combination in combinations():
    add(*combination)

if __name__ == "__main__":
    unittest.main()
