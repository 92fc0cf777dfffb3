"""The launcher, held to what a user meets: on a bare machine, in another folder, interrupted, twice at once.

Each test lays a miniature checkout (the real launcher, a two-line program, a Meson file) and a cache folder of its
own. Where packages are concerned, fake dpkg-query, apt-get and sudo stand first in PATH and one row of the package
table names a tool that does not exist."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """#include <cstdio>
int main(int argc, char** argv) { for (int i = 1; i < argc; ++i) std::puts(argv[i]); return 7; }
"""
MESON = """project('mini', 'cpp', default_options: ['buildtype=release'])
subdir('tools')
if get_option('tests')
  test('mini', executable('test-mini', 'mini_test.cc'))
endif
if get_option('fuzzers')
  executable('fuzz-amd-mini', 'mini_fuzzer.cc', link_args: '-fsanitize=fuzzer')
endif
"""
# It fails on an input that libFuzzer finds at once.
FUZZER = """#include <cstddef>
#include <cstdint>
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { if (size > 2 && data[0] == 'b') BAD; return 0; }
"""
TOOLS_MESON = """alias_target('bench_peers', executable('doorbell', 'main.cc'))
message('widget', find_program('widget', required: false).found())
"""
# Stands for the script that makes oracles: it prints the interpreter and nothing needs to be fetched.
ORACLES = "#!/bin/sh\ncommand -v python3\n"

# Installing is recorded, and makes the tool that the test's row of the table asks for.
APT_GET = """#!/bin/bash
echo "$*" >>"$FAKE/apt.log"
env | grep -i _proxy >>"$FAKE/apt.environment"
case "$FAKE_APT $*" in
  offline*install*) echo "E: Failed to fetch http://d/x  Temporary failure resolving 'd'"; exit 100 ;;
  unknown*install*) echo "E: Unable to locate package doorbell-widget"; exit 100 ;;
  full*install*) echo "E: You don't have enough free space in /var/cache/apt/archives/."; exit 100 ;;
  *install*) printf '#!/bin/sh\\n' >"$FAKE/widget"; chmod +x "$FAKE/widget" ;;
esac
"""

# Every package is installed but the test's own: what this machine lacks is no concern of these tests.
DPKG_QUERY = """#!/bin/bash
for name; do [[ $name == -* || $name == doorbell-widget ]] || echo "ii $name"; done
"""


class Launcher(unittest.TestCase):
    def setUp(self):
        self.temp = Path(tempfile.mkdtemp(prefix="launcher-"))
        self.addCleanup(shutil.rmtree, self.temp, ignore_errors=True)
        self.checkout, self.cache, self.fake = (self.temp / n for n in ("check out", "cache", "fake"))
        for folder in (self.checkout / "tools", self.cache, self.fake):
            folder.mkdir(parents=True)
        shutil.copy(ROOT / "doorbell", self.checkout / "doorbell")
        (self.checkout / "meson.build").write_text(MESON)
        (self.checkout / "meson_options.txt").write_text(
            "".join(f"option('{name}', type: 'boolean', value: false)\n" for name in ("tests", "fuzzers")))
        (self.checkout / "tools/meson.build").write_text(TOOLS_MESON)
        (self.checkout / "tools/main.cc").write_text(PROGRAM)
        (self.checkout / "mini_test.cc").write_text("int main() {}\n")
        shutil.copy(ROOT / "tools/test.py", self.checkout / "tools/test.py")
        (self.checkout / "tools/oracles.sh").write_text(ORACLES)
        (self.checkout / "tools/oracles.sh").chmod(0o755)
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.cache), "FAKE": str(self.fake), "FAKE_APT": "",
                            "CCACHE_DISABLE": "1", "PATH": f"{self.fake}:{os.environ['PATH']}"}

    def launch(self, *arguments, program=None, **options):
        program = program or self.checkout / "doorbell"
        return subprocess.run([program, *arguments], env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=120, check=False, **options)

    def start(self, *arguments):
        child = subprocess.Popen([self.checkout / "doorbell", *arguments], env=self.environment, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 start_new_session=True)
        self.addCleanup(lambda: (child.stdout.close(), child.stderr.close(), child.wait()))
        return child

    def slow_down(self, seconds=3):
        """Makes compiling take long enough to be interrupted."""
        slow = self.checkout / "slow.sh"
        slow.write_text(f"#!/bin/sh\ntouch '{self.temp}/compiling'\nsleep {seconds}\ntouch \"$1\"\n")
        slow.chmod(0o755)
        (self.checkout / "tools/meson.build").write_text(
            "slow = custom_target('slow', output: 'slow.h', command: [files('../slow.sh'), '@OUTPUT@'])\n"
            "executable('doorbell', 'main.cc', slow)\n")

    def wait_for(self, condition, what):
        for _ in range(600):
            if condition():
                return
            time.sleep(0.05)
        self.fail(f"waited in vain for {what}")

    def need_widget(self, row="doorbell-widget|command widget|proving this test|all"):
        launcher = self.checkout / "doorbell"
        launcher.write_text(launcher.read_text().replace("packages=(\n", f'packages=(\n  "{row}"\n', 1))
        for name, text in (("apt-get", APT_GET), ("dpkg", "#!/bin/sh\n"), ("sudo", '#!/bin/sh\nexec "$@"\n'),
                           ("dpkg-query", DPKG_QUERY)):
            (self.fake / name).write_text(text)
            (self.fake / name).chmod(0o755)

    def builds(self):
        return [p for p in (self.cache / "doorbell").glob("build-*") if p.is_dir()]

    def assert_ran(self, result, *printed):
        self.assertEqual((result.returncode, result.stdout), (7, "".join(f"{p}\n" for p in printed)), result.stderr)

    def assert_one_line(self, result, *words):
        self.assertEqual(result.returncode, 1, result.stderr)
        last = result.stderr.strip().splitlines()[-1]
        for word in words:
            self.assertIn(word, last)
        return last


class Starting(Launcher):
    def test_hands_over_arguments_and_exit_status(self):
        self.assert_ran(self.launch("run", "a b", "*", ""), "run", "a b", "*", "")

    def test_says_nothing_and_starts_quickly_when_nothing_changed(self):
        self.launch("env")
        start = time.monotonic()
        result = self.launch("env")
        seconds = time.monotonic() - start
        self.assert_ran(result, "env")
        self.assertEqual(result.stderr, "")
        self.assertLess(seconds, 1.0)  # 0.04 s when idle; the bound bears a busy machine

    def test_works_from_another_folder_and_through_a_symlink(self):
        link = self.temp / "link"
        link.symlink_to("check out/doorbell")
        self.assert_ran(self.launch("env", program=link, cwd="/"), "env")
        self.assert_ran(self.launch("env", program="./doorbell", cwd=self.checkout), "env")
        self.assertEqual(len(self.builds()), 1)

    def test_leaves_a_read_only_checkout_alone(self):
        before = sorted(self.checkout.rglob("*"))
        for path in before:
            path.chmod(path.stat().st_mode & ~0o222)
        self.assert_ran(self.launch("env"), "env")
        self.assertEqual(sorted(self.checkout.rglob("*")), before)

    def test_two_checkouts_have_two_builds(self):
        self.launch("env")
        shutil.copytree(self.checkout, self.temp / "second")
        self.assert_ran(self.launch("env", program=self.temp / "second/doorbell"), "env")
        self.assertEqual(len(self.builds()), 2)

    def test_rebuilds_after_a_change(self):
        self.launch("env")
        (self.checkout / "tools/main.cc").write_text(PROGRAM.replace("return 7", "return 8"))
        self.assertEqual(self.launch("env").returncode, 8)

    def test_reconfigures_after_a_change_of_a_meson_file(self):
        self.launch("env")
        (self.checkout / "tools/other.cc").write_text(PROGRAM.replace("return 7", "return 9"))
        (self.checkout / "tools/meson.build").write_text("executable('doorbell', 'other.cc')\n")
        self.assertEqual(self.launch("env").returncode, 9)

    def test_compile_error_is_shown_and_ends_in_one_line(self):
        (self.checkout / "tools/main.cc").write_text("int main() { return nonsense; }\n")
        result = self.launch("env")
        self.assertIn("nonsense", result.stderr)
        self.assert_one_line(result, "building failed")

    def test_test_builds_the_tests_and_ends_with_their_sum(self):
        self.launch("env")
        result = self.launch("test")
        self.assertEqual((result.returncode, result.stdout.splitlines()[-1]), (0, "1 passed, 0 failed"), result.stderr)
        (self.checkout / "mini_test.cc").write_text("int main() { return 1; }\n")
        result = self.launch("test")
        self.assertEqual((result.returncode, result.stdout.splitlines()[-1]), (1, "0 passed, 1 failed"), result.stderr)

    def test_a_build_with_tests_serves_the_program_as_it_is(self):
        self.launch("test")
        result = self.launch("env")
        self.assert_ran(result, "env")
        self.assertEqual(result.stderr, "")

    def test_help_needs_no_build(self):
        result = self.launch("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("examples:", result.stdout)
        self.assertEqual(self.builds(), [])

    def test_unknown_option_is_a_usage_error(self):
        result = self.launch("--frobnicate")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--frobnicate", result.stderr)

    def test_cache_folder_that_cannot_be_made_is_one_line(self):
        self.environment["XDG_CACHE_HOME"] = "/proc/none"
        self.assert_one_line(self.launch("env"), "/proc/none", "XDG_CACHE_HOME")

    def test_relative_cache_folder_is_ignored_as_xdg_demands(self):
        self.environment["XDG_CACHE_HOME"] = "relative"
        self.environment["HOME"] = str(self.temp / "home")
        self.assert_ran(self.launch("env"), "env")
        self.assertTrue((self.temp / "home/.cache/doorbell").is_dir())


class Packages(Launcher):
    def test_missing_package_without_terminal_names_it_its_reason_and_the_way_out(self):
        self.need_widget()
        result = self.launch("env")
        self.assert_one_line(result, "doorbell-widget", "--yes", "apt-get install")
        self.assertRegex(result.stderr, r"doorbell-widget +proving this test")
        self.assertFalse((self.fake / "apt.log").exists())

    def test_yes_installs_then_runs(self):
        self.need_widget()
        self.assert_ran(self.launch("env", "--yes", "x"), "env", "x")
        update, install = (self.fake / "apt.log").read_text().splitlines()
        self.assertRegex(update, r"\bupdate$")
        self.assertRegex(install, r"\binstall\b.* doorbell-widget$")
        self.assert_ran(self.launch("env"), "env")
        self.assertEqual(len((self.fake / "apt.log").read_text().splitlines()), 2)

    def test_yes_in_a_prompt_stays_there(self):
        self.assert_ran(self.launch("run", "-p", "--yes"), "run", "-p", "--yes")
        self.assert_ran(self.launch("run", "--", "--yes"), "run", "--", "--yes")

    def test_package_of_another_command_is_not_asked_for(self):
        self.need_widget("doorbell-widget|command widget|proving this test|bench")
        self.assert_ran(self.launch("env"), "env")
        self.assert_one_line(self.launch("bench"), "doorbell-widget")

    def test_what_was_installed_later_is_looked_for_again(self):
        self.need_widget("doorbell-widget|command widget|proving this test|bench")
        self.launch("env")
        log = self.builds()[0] / "configure.log"
        self.assertIn("Message: widget false", log.read_text())
        self.assert_ran(self.launch("bench", "--yes"), "bench")
        self.assertIn("Message: widget true", log.read_text())

    def test_asks_on_a_terminal_and_takes_no_for_an_answer(self):
        self.need_widget()
        status, screen = self.on_terminal(b"n\n", "env")
        self.assertIn("[y/N]", screen)
        self.assertEqual(status, 1)
        self.assertFalse((self.fake / "apt.log").exists())

    def test_asks_on_a_terminal_and_installs_after_yes(self):
        self.need_widget()
        status, screen = self.on_terminal(b"y\n", "env")
        self.assertEqual(status, 7, screen)
        self.assertIn("doorbell-widget", (self.fake / "apt.log").read_text())

    def test_proxies_reach_apt(self):
        self.need_widget()
        self.environment["http_proxy"] = "http://proxy.example:1"
        (self.fake / "sudo").write_text('#!/bin/sh\nexec env -i PATH="$PATH" FAKE="$FAKE" "$@"\n')
        self.launch("env", "--yes")
        self.assertIn("http_proxy=http://proxy.example:1", (self.fake / "apt.environment").read_text())

    def test_failures_of_apt_are_one_line_each(self):
        self.need_widget()
        for kind, word in (("offline", "no network"), ("unknown", "Unable to locate package doorbell-widget"),
                           ("full", "disk is full")):
            self.environment["FAKE_APT"] = kind
            self.assert_one_line(self.launch("env", "--yes"), "cannot install packages", word)
            self.assertEqual(self.builds(), [])

    def test_other_systems_are_told_what_to_install(self):
        self.need_widget()
        tools = self.temp / "tools"
        tools.mkdir()
        for name in ("bash", "env", "readlink", "sha256sum", "mkdir", "flock", "sed", "tr", "pkg-config", "python3"):
            (tools / name).symlink_to(shutil.which(name))
        self.environment["PATH"] = str(tools)
        self.assert_one_line(self.launch("env"), "no apt-get", "doorbell-widget", "meson")

    def on_terminal(self, answer, *arguments):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(self.checkout / "doorbell", ["doorbell", *arguments], self.environment)
        screen = b""
        while True:
            try:
                ready, _, _ = select.select([terminal], [], [], 60)
                chunk = os.read(terminal, 4096) if ready else b""
            except OSError:
                break
            if not chunk:
                break
            screen += chunk
            if answer and b"[y/N]" in screen:
                os.write(terminal, answer)
                answer = b""
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode()


class Interruption(Launcher):
    def interrupt(self, how):
        self.slow_down()
        child = self.start("env")
        self.wait_for((self.temp / "compiling").exists, "compiling")
        os.killpg(child.pid, how)
        child.wait()
        self.assertNotEqual(child.returncode, 7)
        self.slow_down(0)
        self.assert_ran(self.launch("env"), "env")

    def test_build_goes_on_after_ctrl_c(self):
        self.interrupt(signal.SIGINT)

    def test_build_goes_on_after_kill(self):
        self.interrupt(signal.SIGKILL)

    def test_orphaned_build_keeps_the_lock(self):
        self.slow_down()
        child = self.start("env")
        self.wait_for((self.temp / "compiling").exists, "compiling")
        child.kill()  # the launcher alone: Ninja lives on
        child.wait()
        lock = next((self.cache / "doorbell").glob("build-*.lock"))
        with lock.open() as file, self.assertRaises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.assert_ran(self.launch("env"), "env")

    def test_configuring_that_was_cut_off_is_done_again(self):
        self.launch("env")
        build = self.builds()[0]
        (build / "options").unlink()
        (build / "build.ninja").write_text("rule cut o")
        self.assert_ran(self.launch("env"), "env")

    def test_damaged_logs_of_ninja_do_no_harm(self):
        self.launch("env")
        build = self.builds()[0]
        for name in (".ninja_deps", ".ninja_log"):
            content = (build / name).read_bytes()
            (build / name).write_bytes(content[:len(content) // 2])
        self.assert_ran(self.launch("env"), "env")

    def test_two_at_once_build_once(self):
        self.slow_down(2)
        first, second = self.start("env"), self.start("env")
        outputs = [child.communicate(timeout=100) for child in (first, second)]
        self.assertEqual([child.returncode for child in (first, second)], [7, 7], outputs)
        told = "".join(error for _, error in outputs)
        self.assertEqual(told.count("building tools/doorbell"), 1)
        self.assertIn("waiting for another doorbell", told)


class Cleaning(Launcher):
    def fill(self):
        self.launch("env")
        for path in ("models/m.gguf", "kernels/k", "build-000000000000/x"):
            (self.cache / "doorbell" / path).parent.mkdir(exist_ok=True)
            (self.cache / "doorbell" / path).write_text("x")

    def left(self):
        return sorted(p.name for p in (self.cache / "doorbell").iterdir()) if (self.cache / "doorbell").exists() else []

    def test_removes_this_build_and_kernels_and_keeps_models(self):
        self.fill()
        result = self.launch("clean")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.left(), ["build-000000000000", "models"])
        self.assertEqual(len(re.findall(r"removed .*/kernels|removed .*/build-\w{12} ", result.stderr)), 2)
        self.assertIn("kept", result.stderr)
        self.assert_ran(self.launch("env"), "env")

    def test_all_leaves_nothing(self):
        self.fill()
        self.launch("clean", "--all")
        self.assertFalse((self.cache / "doorbell").exists(), self.left())

    def test_nothing_to_remove_is_no_failure(self):
        result = self.launch("clean")
        self.assertEqual(result.returncode, 0)
        self.assertIn("nothing to remove", result.stderr)

    def test_waits_for_a_build(self):
        self.slow_down(2)
        child = self.start("env")
        self.wait_for((self.temp / "compiling").exists, "compiling")
        self.assertEqual(self.launch("clean").returncode, 0)
        self.assertEqual(child.wait(), 7)


class Checks(Launcher):
    """tools/check and .ci/run, end to end on the miniature."""

    def setUp(self):
        super().setUp()
        for name in ("tools/check", "tools/arrows.py", ".ci/run"):
            (self.checkout / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.checkout / name)
        (self.checkout / "mini_fuzzer.cc").write_text(FUZZER.replace("BAD", "return -1"))
        (self.checkout / "tests/fuzz").mkdir(parents=True)
        (self.checkout / "tests/fuzz/seeds.py").touch()
        self.environment["DOORBELL_FUZZ_SECONDS"] = "1"
        git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", self.checkout]
        for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "m"]):
            subprocess.run([*git, *command], check=True)

    def test_ci_ends_with_the_sum(self):
        result = self.launch(program=self.checkout / ".ci/run")
        self.assertEqual((result.returncode, result.stdout.splitlines()[-1]), (0, "1 passed, 0 failed"),
                         result.stdout + result.stderr)
        self.assertIn("== sanitizer_share: ok", result.stdout)
        self.assertIn("fuzz-amd-mini: Done", result.stdout)

    def test_ci_fails_when_a_fuzzer_finds_something_though_the_tests_pass(self):
        fuzzer = self.checkout / "mini_fuzzer.cc"
        fuzzer.write_text(FUZZER.replace("BAD", "__builtin_trap()"))
        result = self.launch(program=self.checkout / ".ci/run")
        self.assertEqual((result.returncode, result.stdout.splitlines()[-1]), (1, "1 passed, 0 failed"),
                         result.stdout + result.stderr)
        self.assertIn("fuzz-amd-mini: exit status", result.stdout)
        self.assertIn("tools/check: FAILED: fuzz_share", result.stdout)

    def test_ci_fails_when_a_sanitizer_objects_though_the_tests_pass(self):
        (self.checkout / "mini_test.cc").write_text(
            "int main(int argc, char**) { int* p = new int[2]; int v = p[argc * 2]; delete[] p; return v & 0; }\n")
        (self.checkout / "meson.build").write_text(
            MESON.replace("buildtype=release'", "buildtype=release', 'cpp_args=-fno-builtin -Wno-all'"))
        result = self.launch(program=self.checkout / ".ci/run")
        self.assertEqual((result.returncode, result.stdout.splitlines()[-1]), (1, "1 passed, 0 failed"),
                         result.stdout + result.stderr)
        self.assertIn("runtime error: load of address", result.stdout)
        self.assertIn("tools/check: FAILED: sanitizer_share", result.stdout)

    def test_check_names_what_failed_and_runs_the_rest(self):
        (self.checkout / "tools/main.cc").write_text('#include "nowhere.h"\n' + PROGRAM)
        result = self.launch("arrows", "build", program=self.checkout / "tools/check")
        self.assertEqual(result.returncode, 1)
        self.assertIn("tools/main.cc:1:", result.stdout)
        self.assertEqual(result.stdout.splitlines()[-1], "tools/check: FAILED: arrows build")

    def test_unknown_step_is_refused(self):
        self.assertEqual(self.launch("frobnicate", program=self.checkout / "tools/check").returncode, 2)


if __name__ == "__main__":
    unittest.main()
