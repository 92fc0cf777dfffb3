"""HIP programs, built by Debian's hipcc for gfx1030 and run on the emulated GPU by Debian's HIP, ROCr and thunk, all
unmodified. The programs compare with what the host computes; what they print is compared here.

A process costs half a second before its first kernel, so all programs run in one, once for each setting of the
runtime, two settings at a time; each test then looks at its program in every one of them."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"
VARIANTS = ("", "HSA_ENABLE_SDMA=0", "HSA_ENABLE_INTERRUPT=0", "GPU_MAX_HW_QUEUES=1")
# The first one again at the end: what the others leave behind does no harm.
PROGRAMS = ("vectors", "matrices", "reduction", "atomics", "copies", "events", "streams", "managed", "host", "scratch", "printing",
            "limits", "too_much", "again")


def setUpModule():
    if shutil.which("hipcc") is None:
        if os.environ.get("CI") == "true":
            raise AssertionError("there is no hipcc; install hipcc")
        raise unittest.SkipTest("there is no hipcc (Debian package hipcc)")
    folder = tempfile.mkdtemp(prefix="doorbell-hip.")
    unittest.addModuleCleanup(shutil.rmtree, folder)
    Hip.programs = Path(folder, "programs")
    subprocess.run(["hipcc", "-O2", "--offload-arch=gfx1030", "-x", "hip", HERE / "programs.hip", "-o", Hip.programs],
                   check=True, stdin=subprocess.DEVNULL, cwd=folder)


class Hip(unittest.TestCase):
    programs = None

    @classmethod
    def start(cls, *names, options=(), variant=""):
        environment = {**os.environ, **dict([variant.split("=")] if variant else [])}
        return subprocess.Popen([PROGRAM, "emu", *options, "--", cls.programs, *names], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    @classmethod
    def run_them(cls, *names, **more):
        """status, stdout, stderr"""
        with cls.start(*names, **more) as child:
            try:
                output, errors = child.communicate(timeout=300)
            except subprocess.TimeoutExpired:
                child.kill()
                output, errors = child.communicate()
                errors += "\nran for more than 300 s\n"
            return child.returncode, output, errors


class Programs(Hip):
    @classmethod
    def setUpClass(cls):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            names = ["vectors" if name == "again" else name for name in PROGRAMS]
            cls.results = dict(zip(VARIANTS, pool.map(lambda variant: cls.run_them(*names, variant=variant), VARIANTS)))

    def printed(self, name):
        """What the program printed before its verdict, in each variant; it is right in all of them."""
        found = []
        for variant, (status, output, errors) in self.results.items():
            with self.subTest(variant):
                text, sections = "", []
                for line in output.splitlines(keepends=True):
                    text += line
                    if re.match(r"\w+ (ok|WRONG)$", line):
                        sections.append(text)
                        text = ""
                at = PROGRAMS.index(name)
                verdict = f"{'vectors' if name == 'again' else name} ok\n"
                self.assertGreater(len(sections), at, f"exit status {status}\n{output}{errors}")
                self.assertTrue(sections[at].endswith(verdict), f"{sections[at]}{errors}")
                found.append(sections[at][:-len(verdict)])
        return found

    def assert_right(self, *names):
        for name in names:
            for text in self.printed(name):
                self.assertEqual(text, "")

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

    def test_memory_of_the_host(self):
        self.assert_right("host")

    def test_more_scratch_than_a_queue_has(self):
        self.assert_right("scratch")

    def test_limits_and_budgets(self):
        self.assert_right("limits", "too_much")

    def test_everything_in_one_process(self):
        self.assert_right("again")
        for variant, (status, _, errors) in self.results.items():
            with self.subTest(variant):
                self.assertEqual(status, 0)
                self.assertNotIn("emulated gfx1030", errors)

    def test_printf_from_a_kernel(self):
        for text in self.printed("printing"):
            self.assertEqual(sorted(text.splitlines()),
                             sorted(f"block {block} thread {thread} says 42 and {1.5 * thread:.2f} hello"
                                    for block in range(2) for thread in range(3)))


class Devices(Hip):
    def test_properties(self):
        self.assertEqual(self.run_them("properties", options=["--vram", "2G"])[:2],
                         (0, "1 x AMD Radeon RX 6900 XT gfx1030 warp 32, 2048 MiB\nproperties ok\n"))

    def test_a_barrier_of_the_whole_grid(self):
        """In a process of its own: a queue waits meanwhile, which is said where the machine is busy for ten seconds."""
        status, output, errors = self.run_them("cooperative")
        self.assertEqual((status, output), (0, "cooperative ok\n"), errors)

    def test_two_devices_work_copy_and_see_each_other(self):
        for variant in ("", "HSA_ENABLE_SDMA=0"):
            with self.subTest(variant):
                status, output, errors = self.run_them("properties", "peers", options=["--gpu", "gfx1030,gfx1030"], variant=variant)
                self.assertEqual(status, 0, output + errors)
                self.assertRegex(output, r"^2 x AMD Radeon.*\nproperties ok\npeers ok\n$")
                self.assertNotIn("emulated gfx1030", errors)


class Faults(Hip):
    NAMED = (r"emulated gfx1030: unmapped: AQL queue \d+, packet \d+, kernel .*, workgroup 0,0,0 wave 0, "
             r"lane 0, address 0x123456789000, pc 0x[0-9a-f]+ `global_store_dword")

    def test_a_kernel_that_faults_is_reported_by_the_runtime_and_named_by_the_emulator(self):
        variants = [variant for variant in VARIANTS if "INTERRUPT" not in variant]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for variant, (status, _, errors) in zip(variants, pool.map(lambda each: self.run_them("fault", variant=each), variants)):
                with self.subTest(variant):
                    self.assertEqual(status, 134, errors)
                    self.assertRegex(errors, r"Memory access fault by GPU node-1 .* on address 0x123456789000")
                    self.assertRegex(errors, self.NAMED)

    def test_without_interrupts_the_runtime_waits_for_ever_and_the_emulator_names_the_fault(self):
        # [rocr 5.2] Runtime::BindVmFaultHandler asks for fault events only if it waits for interrupts.
        with self.start("fault", variant="HSA_ENABLE_INTERRUPT=0") as child:
            try:
                self.assertRegex(child.stderr.readline(), self.NAMED)
                self.assertIsNone(child.poll())
            finally:
                child.terminate()
            self.assertEqual(child.wait(30), 128 + 15)

    def test_memory_that_its_owner_has_freed_is_a_fault_of_the_kernel(self):
        status, output, errors = self.run_them("freed")
        self.assertEqual(status, 134, output + errors)
        self.assertRegex(errors, r"emulated gfx1030: unmapped: AQL queue .*`global_store_dword.*not mapped")
        self.assertRegex(errors, r"Memory access fault by GPU node-1")

    def test_memory_that_its_owner_frees_meanwhile_is_a_fault_of_the_kernel(self):
        ways = {"loads": ("load_dword", 5), "stores": ("store_dword", 0), "adds": ("atomic_add", 0), "waves": ("load_dword", 0),
                "scalars": ("s_load_dword", None)}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for (way, (row, lane)), (status, output, errors) in zip(
                    ways.items(), pool.map(lambda way: self.run_them("freeing_" + way), ways)):
                with self.subTest(way):
                    self.assertEqual(status, 134, output + errors)
                    at = "" if lane is None else f"lane {lane}, "
                    self.assertRegex(errors, r"emulated gfx1030: unmapped: AQL queue .*, packet \d+, kernel .*, "
                                             rf"workgroup 0,0,0 wave 0, {at}address 0x[0-9a-f]+, "
                                             rf"pc 0x[0-9a-f]+ `\w*{row}.*its owner has unmapped it")
                    self.assertRegex(errors, r"Memory access fault by GPU node-1")

    def test_a_kernel_that_gives_up_is_an_error_of_its_queue(self):
        status, _, errors = self.run_them("trap")
        self.assertEqual(status, 134, errors)
        self.assertIn("HSA_STATUS_ERROR_EXCEPTION", errors)
        self.assertRegex(errors, r"emulated gfx1030: trap: .* `s_trap 2`")

    def test_a_kernel_that_can_never_end_is_an_error_of_its_queue(self):
        status, _, errors = self.run_them("hang")
        self.assertEqual(status, 134, errors)
        self.assertIn("HSA_STATUS_ERROR_EXCEPTION", errors)
        self.assertRegex(errors, r"emulated gfx1030: hang: AQL queue \d+, packet \d+, kernel .*, workgroup 0,0,0 wave 0, "
                                 r"lane 0, address 0x[0-9a-f]+, pc 0x[0-9a-f]+ `flat_load_dword")

    def test_a_kernel_that_waits_for_the_host_or_another_stream_is_none(self):
        status, output, errors = self.run_them("released")
        self.assertEqual((status, output), (0, "released ok\n"), errors)
        self.assertNotIn("emulated gfx1030", errors)


if __name__ == "__main__":
    unittest.main(verbosity=2)
