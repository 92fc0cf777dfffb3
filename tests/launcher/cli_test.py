"""The program's command line, as a user types it: help, mistakes, debug variables."""

import os
import re
import subprocess
import unittest
from pathlib import Path

PROGRAM = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"


def doorbell(*arguments, **environment):
    return subprocess.run([PROGRAM, *arguments], env={**os.environ, **environment}, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=60, check=False)


def commands():
    listed = doorbell("--help").stdout.split("Subcommands:")[1]
    return re.findall(r"^  ([a-z]+)\b", listed, re.M)


class CommandLine(unittest.TestCase):
    def assert_one_line(self, result, *words):
        self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for word in ("doorbell: ", *words):
            self.assertIn(word, result.stderr)

    def test_help_of_every_command_shows_an_example(self):
        self.assertTrue({"env", "fetch"} <= set(commands()))
        for command in commands():
            result = doorbell(command, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertRegex(result.stdout, r"(?s)Examples?:\n.*doorbell " + command)

    def test_unknown_command_is_one_line(self):
        self.assert_one_line(doorbell("frobnicate"), "frobnicate", "--help")

    def test_no_command_is_one_line(self):
        self.assert_one_line(doorbell(), "--help")

    def test_unknown_option_of_every_command_is_one_line(self):
        for command in commands():
            self.assert_one_line(doorbell(command, "--frobnicate"), "--frobnicate", f"doorbell {command} --help")

    def test_debug_variable_out_of_range_is_one_line(self):
        self.assert_one_line(doorbell("env", DEBUG="loud"), "DEBUG=loud", "integer")

    def test_processor_below_the_emulators_floor_is_one_line(self):
        self.assert_one_line(doorbell("emu", "--", "/bin/true", FEATURES="-avx2,-f16c"), "lacks f16c, avx2")
        self.assert_one_line(doorbell("emu", "--", "/bin/true", FEATURES="-avx3"), "FEATURES=-avx3")

    def test_env_prints_each_variable_with_its_value(self):
        result = doorbell("env", DEBUG="2")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"(?m)^DEBUG +2 ")


if __name__ == "__main__":
    unittest.main()
