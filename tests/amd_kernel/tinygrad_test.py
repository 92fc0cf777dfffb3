"""tinygrad from PyPI on the emulated GPU: a driver nobody here wrote, which speaks to /dev/kfd itself, with LLVM 19 as its
compiler, and clang 19 for what its command buffers have the host do. The programs are in tinygrad_programs.py. A process
costs seconds of compiling, so few processes do much."""

import concurrent.futures
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOORBELL = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"
PYTHON = os.environ.get("DOORBELL_PYTHON", "python3")
COMMON = ("elementwise", "reductions", "products", "copies", "training")
RUNS = {  # --gpu, environment, programs
    "pm4": ("gfx1100", {"PROFILE": "1"}, (*COMMON, "timestamps")),
    "aql": ("gfx1100,gfx1100", {"AMD_AQL": "1"}, ("elementwise", "products", "two_devices")),
    "rdna3.5": ("gfx1151", {}, ("reductions", "products")),
}
if os.environ.get("DOORBELL_NIGHTLY"):
    RUNS |= {f"{gpu} {queue}": (gpu, {"AMD_AQL": queue, "PROFILE": "1"}, (*COMMON, "timestamps"))
             for gpu in ("gfx1100", "gfx1151") for queue in "01"}


def setUpModule():
    library = next(Path("/usr/lib").glob("*-linux-gnu/libLLVM.so.19*"), None)  # Debian's libllvm19
    missing = None
    if subprocess.run([PYTHON, "-c", "import numpy, tinygrad"], capture_output=True, check=False).returncode:
        missing = f"{PYTHON} has no tinygrad or numpy (tools/oracles.sh installs them)"
    elif not library or not shutil.which("clang-19"):
        missing = "there is no LLVM 19 (Debian packages libllvm19 and clang-19)"
    if missing and os.environ.get("CI") == "true":
        raise AssertionError(missing)
    if missing:
        raise unittest.SkipTest(missing)
    folder = tempfile.mkdtemp(prefix="doorbell-tinygrad.")
    unittest.addModuleCleanup(shutil.rmtree, folder)
    # Each run has an empty cache, so that it compiles what it runs, and leaves nothing at home.
    Tinygrad.environment = {**os.environ, "DEV": "KFD+AMD:LLVM", "CC": "clang-19", "LLVM_PATH": str(library), "HOME": folder}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        Tinygrad.results = dict(zip(RUNS, pool.map(lambda name: Tinygrad.run_it(folder, *RUNS[name]), RUNS)))


class Tinygrad(unittest.TestCase):
    @classmethod
    def run_it(cls, folder, gpus, environment, programs):
        environment = {**cls.environment, **environment, "XDG_CACHE_HOME": tempfile.mkdtemp(dir=folder)}
        command = [DOORBELL, "emu", "--gpu", gpus, "--", PYTHON, HERE / "tinygrad_programs.py", *programs]
        try:
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=300, check=False)
            return done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            return 124, (late.stdout or b"").decode(), (late.stderr or b"").decode() + "\nran for more than 300 s\n"

    def test_results_are_those_of_numpy(self):
        for name, (status, output, errors) in self.results.items():
            with self.subTest(name):
                self.assertEqual((status, output), (0, "".join(f"{each} ok\n" for each in RUNS[name][2])), errors)

    def test_no_check_finds_fault_with_a_driver_that_works_on_silicon(self):
        for name, (_, _, errors) in self.results.items():
            with self.subTest(name):
                self.assertNotIn("emulated gfx", errors)


if __name__ == "__main__":
    unittest.main(verbosity=2)
