"""The checks themselves: the arrows catch what they must, and the sum of tests counts what went wrong."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

GTEST_OUTPUT = """[==========] Running 3 tests from 1 test suite.
[ RUN      ] A.Passes
chatter[       OK ] A.Passes (0 ms)
[ RUN      ] A.Skips
a_test.cc:5: Skipped
no oracle
[  SKIPPED ] A.Skips (0 ms)
[ RUN      ] A.Fails/3
a_test.cc:9: Failure
1 is not 2
[  FAILED  ] A.Fails/3, where GetParam() = 4 (1 ms)
[==========] 3 tests from 1 test suite ran. (1 ms total)
[  PASSED  ] 1 test.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.Skips
[  FAILED  ] 1 test, listed below:
[  FAILED  ] A.Fails/3, where GetParam() = 4
"""


class Temporary(unittest.TestCase):
    def setUp(self):
        self.temp = Path(tempfile.mkdtemp(prefix="check-"))
        self.addCleanup(shutil.rmtree, self.temp)


class Arrows(Temporary):
    def complaints(self, **files):
        for name in ("hal/base/result.h", "hal/program.h", "hal/queue.h", "driver/kernel.h", "driver/amd/abi/kfd.h",
                     "driver/amd/device.h", "codegen/isa/x86/table.h", "runtime/tensor.h", "tools/backends.cc"):
            (self.temp / name).parent.mkdir(parents=True, exist_ok=True)
            (self.temp / name).write_text("")
        for name, text in files.items():
            path = self.temp / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        result = subprocess.run([sys.executable, ROOT / "tools/arrows.py", self.temp], text=True, capture_output=True,
                                check=False)
        self.assertEqual(result.returncode != 0, "may" in result.stdout or "below the root" in result.stdout)
        return [line for line in result.stdout.splitlines() if ": " in line]

    def assert_refused(self, source, included):
        found = self.complaints(**{source: f'// first\n#include "{included}"\n'})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(source.replace("__", "/").replace("_dot_", ".") + ":2: "), found)
        self.assertIn(included, found[0])

    def assert_allowed(self, source, included):
        self.assertEqual(self.complaints(**{source: f'#include "{included}"\n#include <vector>\n'}), [])

    def test_runtime_never_includes_a_driver(self):
        self.assert_refused("runtime__a_dot_cc", "driver/amd/device.h")

    def test_hal_does_not_know_codegen(self):
        self.assert_refused("hal__a_dot_cc", "codegen/isa/x86/table.h")

    def test_base_includes_nothing_but_itself(self):
        self.assert_refused("hal__base__a_dot_h", "hal/queue.h")

    def test_codegen_sees_programs_but_not_queues(self):
        self.assert_refused("codegen__a_dot_cc", "hal/queue.h")

    def test_codegen_may_include_program(self):
        self.assert_allowed("codegen__a_dot_cc", "hal/program.h")

    def test_instruction_tables_are_a_leaf(self):
        self.assert_refused("codegen__isa__a_dot_cc", "hal/program.h")

    def test_sim_sees_the_abi_of_any_vendor(self):
        self.assert_allowed("sim__a_dot_cc", "driver/amd/abi/kfd.h")

    def test_sim_does_not_see_drivers(self):
        self.assert_refused("sim__a_dot_cc", "driver/amd/device.h")

    def test_nobody_includes_tests(self):
        self.complaints(tests__x_dot_h="")
        self.assert_refused("tools__a_dot_cc", "tests/x.h")

    def test_one_tool_names_the_backends(self):
        self.assert_refused("tools__a_dot_cc", "driver/amd/device.h")

    def test_that_one_tool_may(self):
        self.assert_allowed("tools__backends_dot_cc", "driver/amd/device.h")

    def test_includes_are_written_from_the_root(self):
        self.complaints(hal__near_dot_h="")
        found = self.complaints(hal__a_dot_cc='#include "near.h"\n')
        self.assertEqual(len(found), 1)
        self.assertIn("below the root", found[0])

    def test_verilog_includes_only_verilog(self):
        self.assert_refused("rtl__a_dot_sv", "hal/queue.h")
        self.assertEqual(len(self.complaints(rtl__a_dot_sv='`include "hal/queue.h"\n')), 1)

    def test_this_checkout_keeps_to_them(self):
        result = subprocess.run([sys.executable, ROOT / "tools/arrows.py"], text=True, capture_output=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)


class Sum(Temporary):
    def run_programs(self, *scripts, arguments=()):
        tests = []
        for number, script in enumerate(scripts):
            path = self.temp / f"program{number}"
            path.write_text(script)
            path.chmod(0o755)
            tests.append({"name": path.name, "cmd": [str(path)], "env": {}, "workdir": None, "is_parallel": True})
        (self.temp / "meson-info").mkdir()
        (self.temp / "meson-info/intro-tests.json").write_text(json.dumps(tests))
        result = subprocess.run([sys.executable, ROOT / "tools/test.py", "--build", self.temp, *arguments], text=True,
                                capture_output=True, check=False, env={**os.environ, "DOORBELL_NIGHTLY": ""})
        return result.returncode, result.stdout.splitlines(), result.stdout

    @staticmethod
    def prints(text, ending="exit 1"):
        return f"#!/bin/bash\ncat <<'E'\n{text}E\n{ending}\n"

    def test_counts_passed_failed_and_skipped(self):
        status, lines, output = self.run_programs(self.prints(GTEST_OUTPUT))
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed, 1 skipped"), output)
        self.assertIn("FAILED: A.Fails/3", lines)
        self.assertIn("1 is not 2", lines)
        self.assertTrue(any(line.startswith("skipped: A.Skips: ") and "no oracle" in line for line in lines), output)

    def test_adds_programs_up(self):
        fine = "#!/bin/sh\nexit 0\n"
        status, lines, output = self.run_programs(fine, fine)
        self.assertEqual((status, lines[-1]), (0, "2 passed, 0 failed"), output)

    def test_a_test_that_kills_its_program_has_failed(self):
        started = "[==========] Running 2 tests\n[ RUN      ] A.Lives\n[       OK ] A.Lives (0 ms)\n[ RUN      ] A.Dies\n"
        status, lines, output = self.run_programs(self.prints(started, "kill -SEGV $$"))
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"), output)
        self.assertIn("FAILED: A.Dies (killed by SIGSEGV)", lines)

    def test_a_program_that_leaves_early_has_failed(self):
        started = "[==========] Running 2 tests\n[ RUN      ] A.Lives\n[       OK ] A.Lives (0 ms)\n"
        status, lines, output = self.run_programs(self.prints(started, "exit 0"))
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"), output)

    def test_an_exit_status_after_passing_tests_is_a_failure(self):
        ran = "[==========]\n[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n[==========] 1 test from 1 test suite ran. (0 ms total)\n"
        status, lines, output = self.run_programs(self.prints(ran, "exit 3"))
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"), output)

    def test_python_tests_are_counted_one_by_one(self):
        script = ("#!/usr/bin/env python3\nimport unittest\nclass T(unittest.TestCase):\n"
                  " def test_a(self): pass\n def test_b(self): self.assertEqual(1, 2)\n"
                  " def test_c(self): self.skipTest('no reason')\n def test_d(self): raise ValueError('odd')\n"
                  "unittest.main(verbosity=2)\n")
        status, lines, output = self.run_programs(script)
        self.assertEqual((status, lines[-1]), (1, "1 passed, 2 failed, 1 skipped"), output)
        self.assertTrue(any(line.startswith("FAILED: test_b") for line in lines), output)

    def test_a_class_that_cannot_be_set_up_has_failed(self):
        script = ("#!/usr/bin/env python3\nimport unittest\nclass T(unittest.TestCase):\n"
                  " @classmethod\n def setUpClass(cls): raise ValueError('no oracle')\n"
                  " def test_a(self): pass\nunittest.main(verbosity=2)\n")
        status, lines, output = self.run_programs(script)
        self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed"), output)

    def test_a_class_that_is_skipped_is_counted(self):
        script = ("#!/usr/bin/env python3\nimport unittest\nclass T(unittest.TestCase):\n"
                  " @classmethod\n def setUpClass(cls): raise unittest.SkipTest('no oracle')\n"
                  " def test_a(self): pass\nclass U(unittest.TestCase):\n def test_b(self):\n"
                  "  for i in range(3):\n   with self.subTest(i): self.assertEqual(i, 2)\n"
                  " def test_c(self): pass\nunittest.main(verbosity=2)\n")
        status, lines, output = self.run_programs(script)
        self.assertEqual((status, lines[-1]), (1, "1 passed, 2 failed, 1 skipped"), output)

    def test_a_program_that_cannot_be_started_has_failed(self):
        status, lines, output = self.run_programs("#!/no/such/interpreter\n", "#!/bin/sh\n")
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"), output)

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(self.run_programs()[0], 1)


if __name__ == "__main__":
    unittest.main()
