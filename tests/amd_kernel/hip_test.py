"""HIP programs, built by Debian's hipcc for gfx1030 and run on the emulated GPU by Debian's HIP, ROCr and thunk, all
unmodified. The programs compare with what the host computes; what they print is compared here."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"
VARIANTS = ({}, {"HSA_ENABLE_SDMA": "0"}, {"HSA_ENABLE_INTERRUPT": "0"}, {"GPU_MAX_HW_QUEUES": "1"})


class Hip(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("hipcc") is None:
            if os.environ.get("CI") == "true":
                raise AssertionError("there is no hipcc; install hipcc")
            raise unittest.SkipTest("there is no hipcc (Debian package hipcc)")
        folder = tempfile.mkdtemp(prefix="doorbell-hip.")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.programs = Path(folder, "programs")
        subprocess.run(["hipcc", "-O2", "--offload-arch=gfx1030", "-x", "hip", HERE / "programs.hip", "-o", cls.programs],
                       check=True, stdin=subprocess.DEVNULL, cwd=folder)

    def run_them(self, *names, options=(), status=0, environment=None):
        result = subprocess.run([PROGRAM, "emu", *options, "--", self.programs, *names], capture_output=True, text=True,
                                timeout=300, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def assert_right(self, *names):
        for variant in VARIANTS:
            with self.subTest(variant):
                result = self.run_them(*names, environment=variant)
                self.assertEqual(result.stdout, "".join(f"{name} ok\n" for name in names))
                self.assertNotIn("emulated gfx1030", result.stderr)

    def test_vector_addition(self):
        self.assert_right("vectors")

    def test_matrix_product_through_lds(self):
        self.assert_right("matrices")

    def test_reduction_through_shared_memory(self):
        self.assert_right("reduction")

    def test_atomics(self):
        self.assert_right("atomics")

    def test_copies_and_fills_in_all_directions(self):
        self.assert_right("copies")

    def test_events_and_elapsed_time(self):
        self.assert_right("events")

    def test_streams(self):
        self.assert_right("streams")

    def test_managed_memory(self):
        self.assert_right("managed")

    def test_limits_and_budgets(self):
        self.assert_right("limits", "too_much")

    def test_everything_in_one_process(self):
        self.assert_right("vectors", "streams", "copies", "matrices", "managed", "atomics", "reduction", "events", "vectors")

    def test_properties(self):
        self.assertEqual(self.run_them("properties", options=["--vram", "2G"]).stdout,
                         "1 x AMD Radeon RX 6900 XT gfx1030 warp 32, 2048 MiB\nproperties ok\n")
        self.assertIn("2 x AMD Radeon", self.run_them("properties", options=["--gpu", "gfx1030,gfx1030"]).stdout)

    def test_printf_from_a_kernel(self):
        for variant in VARIANTS:
            with self.subTest(variant):
                lines = self.run_them("printing", environment=variant).stdout.splitlines()
                self.assertEqual(sorted(lines[:-1]),
                                 sorted(f"block {block} thread {thread} says 42 and {1.5 * thread:.2f} hello"
                                        for block in range(2) for thread in range(3)))
                self.assertEqual(lines[-1], "printing ok")

    def test_a_kernel_that_faults_is_reported_by_the_runtime_and_named_by_the_emulator(self):
        for variant in VARIANTS:
            if "HSA_ENABLE_INTERRUPT" in variant:
                continue  # without interrupts this runtime asks for no fault events, and waits for ever
            with self.subTest(variant):
                error = self.run_them("fault", status=134, environment=variant).stderr
                self.assertRegex(error, r"Memory access fault by GPU node-1 .* on address 0x123456789000")
                self.assertRegex(error, r"emulated gfx1030: unmapped: AQL queue \d+, packet \d+, kernel .*, workgroup 0,0,0 wave 0, "
                                        r"lane 0, address 0x123456789000, pc 0x[0-9a-f]+ `global_store_dword")

    def test_a_kernel_that_gives_up_is_an_error_of_its_queue(self):
        error = self.run_them("trap", status=134).stderr
        self.assertIn("HSA_STATUS_ERROR_EXCEPTION", error)
        self.assertRegex(error, r"emulated gfx1030: trap: .* `s_trap 2`")


if __name__ == "__main__":
    unittest.main(verbosity=2)
