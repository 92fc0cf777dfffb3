#!/usr/bin/env python3
"""Runs the test programs of a build folder and adds up their tests.

`meson test` counts programs; what a reader wants to know is how many tests passed, which failed and why, and
which were skipped and why. The programs come from meson-info/intro-tests.json, longest first, side by side. A
program is a GoogleTest one, a Python unittest, or anything else, which counts as one test that passes when it exits
with 0; what it is is seen from what it prints. A test that was running when its program died has failed.
"""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

LIMIT_S = 1200  # for one program; none with DOORBELL_NIGHTLY=1, whose sweeps take hours

GTEST_RUN = re.compile(r"\[ RUN      \] (\S+)$")
GTEST_END = re.compile(r"\[(?:       (OK)|  (FAILED) |  (SKIPPED)) \] ([^\s,]+).*\(\d+ ms\)$")
GTEST_RAN = re.compile(r"^\[==========\] (\d+) tests? from \d+ test suites? ran\.", re.M)
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in .*\n\n(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$", re.M)


class Outcome:
    """The tests of one program: how many passed; (name, output) of those that failed and of those skipped."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped, self.seconds = name, 0, [], [], 0.0

    def __str__(self):
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"{self.name}: {self.passed} passed, {len(self.failed)} failed{skipped} ({self.seconds:.1f} s)"


def ending(status):
    if status is None:
        return f"ran past {LIMIT_S} s"
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def read_gtest(outcome, output, status):
    running, lines, seen = None, [], 0
    for line in output.splitlines():
        if match := GTEST_RUN.search(line):
            running, lines = match[1], []
        elif running and (match := GTEST_END.search(line)) and match[4] == running:
            seen += 1
            if match[1]:
                outcome.passed += 1
            else:
                (outcome.failed if match[2] else outcome.skipped).append((running, "\n".join(lines)))
            running = None
        else:
            lines.append(line)
    if running:
        outcome.failed.append((f"{running} ({ending(status)})", "\n".join(lines)))
    elif (ran := GTEST_RAN.search(output)) is None or int(ran[1]) != seen:
        outcome.failed.append((f"{outcome.name} ({ending(status)}, {seen} tests were seen to end)", "\n".join(lines)))
    elif status != 0 and not outcome.failed:
        outcome.failed.append((f"{outcome.name} ({ending(status)} after its tests)", "\n".join(lines)))


def read_unittest(outcome, output, status, ran):
    counts = {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", ran[3] or "")}
    bad = counts.get("failures", 0) + counts.get("errors", 0)
    if int(ran[1]) == 0 and not bad and not counts.get("skipped"):  # -k picked none, which newer versions end with status 5
        return
    skipped = [line for line in output.splitlines() if " ... skipped " in line]
    outcome.skipped = [tuple(line.split(" ... skipped ", 1)) for line in skipped]
    blocks = re.findall(r"^={70}\n(?:FAIL|ERROR): (.+)\n(?:.*\n)??-{70}\n((?:.*\n)*?)(?=^={70}$|^-{70}$)", output, re.M)
    outcome.failed = [(name, text.rstrip()) for name, text in blocks]
    if bad != len(outcome.failed) or (status != 0) != bool(bad):
        outcome.failed = [(f"{outcome.name} ({ending(status)})", output)] * max(bad, 1)
    # Of a test, several parts may fail; what is done for a whole class is no test, yet fails or skips as one.
    ended = {name.partition(")")[0] for name, _ in outcome.failed + outcome.skipped}
    outcome.passed = max(int(ran[1]) - sum(not name.startswith(("setUp", "tearDown")) for name in ended), 0)


def run(test, arguments, environment, running):
    outcome = Outcome(test["name"])
    command = list(test["cmd"])
    python = os.path.basename(command[0]).startswith("python") or command[0].endswith(".py")
    if arguments.k:
        command += ["-k", arguments.k] if python else [f"--gtest_filter=*{arguments.k}*"]
    start = time.monotonic()
    try:
        child = subprocess.Popen(command, cwd=test["workdir"] or arguments.build, stdin=subprocess.DEVNULL,
                                 env={**environment, **test["env"]},
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as failure:
        outcome.failed = [(f"{outcome.name} (cannot be started: {failure})", "")]
        return outcome, ""
    running[child.pid] = child
    try:
        raw, status = child.communicate(timeout=None if os.environ.get("DOORBELL_NIGHTLY") else LIMIT_S)[0], child.returncode
    except subprocess.TimeoutExpired:
        child.kill()
        raw, status = child.communicate()[0], None
    del running[child.pid]
    output = raw.decode(errors="replace")
    if ran := UNITTEST_RAN.search(output):
        read_unittest(outcome, output, status, ran)
    elif "[==========]" in output:
        read_gtest(outcome, output, status)
    elif status == 0:
        outcome.passed = 1
    else:
        outcome.failed = [(f"{outcome.name} ({ending(status)})", output)]
    outcome.seconds = time.monotonic() - start
    return outcome, output


def show_matrix(tests, environment):
    for test in tests:
        if test["name"] == "matrix":
            return subprocess.run([*test["cmd"], "--matrix"], env={**environment, **test["env"]}, check=False).returncode
    sys.exit("doorbell: test --matrix: this build has no test program named 'matrix'")


def show_coverage(tests, environment):
    """How often each row of the instruction tables was executed on each emulated GPU; status 1 if one never was."""
    for test in tests:
        if test["name"] == "amd-rows":
            environment = {**environment, **test["env"], "DOORBELL_COVERAGE": "1"}
            ran = subprocess.run(test["cmd"], cwd=test["workdir"], env=environment, capture_output=True, text=True, check=False)
            counts, gpus = {}, []
            for gpu, row, count in re.findall(r"^(gfx\w+) (\w+) (\d+)$", ran.stdout, re.M):
                counts.setdefault(row, {})[gpu] = count
                gpus += [gpu] if gpu not in gpus else []
            for row, columns in counts.items():
                print(f"{row:36}" + "".join(f"{gpu} {columns[gpu]:>8}   " if gpu in columns else 18 * " " for gpu in gpus).rstrip())
            if ran.returncode:
                print(ran.stdout + ran.stderr, file=sys.stderr)
            return ran.returncode
    sys.exit("doorbell: test --coverage: this build has no test program named 'amd-rows'")


def main():
    parser = argparse.ArgumentParser(prog="doorbell test", description="Runs the tests and adds them up.",
                                     epilog="DOORBELL_NIGHTLY=1 makes the sweeps exhaustive (hours). "
                                            "Examples: ./doorbell test -k Ring   ./doorbell test --matrix")
    parser.add_argument("-k", metavar="PATTERN", help="run only tests whose name contains PATTERN")
    parser.add_argument("-j", metavar="N", type=int, default=len(os.sched_getaffinity(0)), help="programs side by side")
    parser.add_argument("-v", action="store_true", help="print all that the programs print")
    parser.add_argument("--matrix", action="store_true", help="print the table of op x dtype x device")
    parser.add_argument("--coverage", action="store_true",
                        help="print how often the rows of the AMD instruction tables are executed")
    parser.add_argument("--share", metavar="I/N", help="only every Nth of the compiled programs, beginning with the Ith; "
                                                       "they are built first")
    parser.add_argument("--list", action="store_true", help="print the test programs")
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    tests = json.loads((arguments.build / "meson-info/intro-tests.json").read_text())
    environment = dict(os.environ)
    # An oracle in Python finds numpy and ml_dtypes under the name python3.
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["DOORBELL_PYTHON"] = sys.executable
    environment["DOORBELL_BUILD"] = str(arguments.build)
    if arguments.matrix:
        sys.exit(show_matrix(tests, environment))
    if arguments.coverage:
        sys.exit(show_coverage(tests, environment))
    if arguments.list:
        sys.exit(print("\n".join(sorted(test["name"] for test in tests))))

    if arguments.share:
        index, count = map(int, arguments.share.split("/"))
        compiled = [test for test in tests if Path(test["cmd"][0]).is_relative_to(arguments.build)]
        count = min(count, max(len(compiled), 1))
        tests = sorted(compiled, key=lambda test: test["name"])[index % count::count]
        targets = sorted({str(Path(test["cmd"][0]).relative_to(arguments.build)) for test in tests})
        if subprocess.run(["ninja", "-C", arguments.build, *targets], check=False).returncode != 0:
            sys.exit("doorbell: test: building the share failed")

    times_file = arguments.build / "test-times.json"
    try:
        times = json.loads(times_file.read_text())
    except (OSError, ValueError):
        times = {}
    tests.sort(key=lambda test: -times.get(test["name"], 1e9))
    together = [test for test in tests if test.get("is_parallel", True)]
    alone = [test for test in tests if not test.get("is_parallel", True)]

    outcomes, running, screen = [], {}, threading.Lock()
    terminal = sys.stdout.isatty()

    def finish(test):
        outcome, output = run(test, arguments, environment, running)
        with screen:
            outcomes.append(outcome)
            if outcome.passed or outcome.failed or outcome.skipped:
                print(("\r\033[K" if terminal else "") + str(outcome))
            if arguments.v:
                print(output)
            for name, text in outcome.failed:
                print(f"FAILED {name}\n{text}\n")
            if terminal:
                print(f"[{len(outcomes)}/{len(tests)}]", end="")
            sys.stdout.flush()

    try:
        for group, width in ((together, max(arguments.j, 1)), (alone, 1)):
            with concurrent.futures.ThreadPoolExecutor(width) as pool:
                try:
                    for done in concurrent.futures.as_completed([pool.submit(finish, test) for test in group]):
                        done.result()
                except KeyboardInterrupt:
                    pool.shutdown(wait=False, cancel_futures=True)
                    for child in list(running.values()):
                        child.kill()
                    raise
    except KeyboardInterrupt:
        sys.exit("\ndoorbell: test: interrupted")

    if not arguments.k and not arguments.share:
        times_file.write_text(json.dumps({o.name: o.seconds for o in outcomes}))
    passed = sum(o.passed for o in outcomes)
    failed = [name for o in outcomes for name, _ in o.failed]
    skipped = [entry for o in outcomes for entry in o.skipped]
    print(("\r\033[K" if terminal else "") + "\n", end="")
    for name, reason in skipped:
        print(f"skipped: {name}: {' '.join(reason.split())}")
    for name in failed:
        print(f"FAILED: {name}")
    label = f"share {arguments.share} of the programs: " if arguments.share else ""
    print(f"{label}{passed} passed, {len(failed)} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    if passed + len(failed) + len(skipped) == 0:
        sys.exit(f"doorbell: test: no test's name contains {arguments.k}" if arguments.k else "doorbell: test: no tests")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
