"""`doorbell emu` from outside: what programs that nobody here wrote see of the emulated machine, how the launcher
behaves, and what becomes of clients that die."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ["DOORBELL_BUILD"])
PROGRAM, KILLED = BUILD / "tools/doorbell", BUILD / "tests/amd_kernel/amd-kernel-killed"


def need(program, package):
    """Skips a test whose oracle is missing; in CI that is a failure."""
    def decide(test):
        if shutil.which(program) is None and os.environ.get("CI") == "true":
            def missing(self, *_):
                self.fail(f"there is no {program}; install {package}")
            return missing
        return unittest.skipIf(shutil.which(program) is None, f"there is no {program} (Debian package {package})")(test)
    return decide


class Case(unittest.TestCase):
    def emu(self, *command, options=(), timeout=120, environment=None, status=0):
        result = subprocess.run([PROGRAM, "emu", *options, "--", *command], capture_output=True, text=True, timeout=timeout,
                                check=False, stdin=subprocess.DEVNULL,
                                env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1",
                                     **(environment or {})})
        if status is not None:
            self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def python(self, text, *arguments, **more):
        return self.emu(sys.executable, "-c", textwrap.dedent(text), *arguments, **more)


class Rocminfo(Case):
    """AMD's rocminfo, unmodified, from Debian."""

    def agents(self, **more):
        text = self.emu("rocminfo", **more).stdout
        return [dict(re.findall(r"^  (?:  )?([A-Z][\w .()]*?): +(\S.*?) *$", agent, re.M))
                for agent in re.split(r"^Agent \d+ +$", text, flags=re.M)[1:]]

    @need("rocminfo", "rocminfo")
    def test_lists_the_gpu(self):
        for variable in ({}, {"HSA_ENABLE_SDMA": "0"}, {"HSA_ENABLE_INTERRUPT": "0"}, {"GPU_MAX_HW_QUEUES": "1"}):
            with self.subTest(variable):
                agents = self.agents(environment=variable)
                self.assertEqual([agent["Device Type"] for agent in agents], ["CPU", "GPU"])
                gpu = agents[1]
                self.assertEqual(gpu["Marketing Name"], "AMD Radeon RX 6900 XT")
                self.assertEqual(gpu["Compute Unit"], "80")
                self.assertEqual(gpu["Chip ID"], "29631(0x73bf)")
                self.assertEqual(gpu["Wavefront Size"], "32(0x20)")

    @need("rocminfo", "rocminfo")
    def test_names_its_instruction_set(self):
        self.assertIn("amdgcn-amd-amdhsa--gfx1030", self.emu("rocminfo").stdout)
        self.assertIn("ROCk module is loaded", self.emu("rocminfo").stdout)

    @need("rocminfo", "rocminfo")
    def test_lists_every_card_it_supports(self):
        # This runtime ignores gfx11.
        agents = self.agents(options=["--gpu", "gfx1030,gfx1100,gfx1030", "--vram", "1G"])
        self.assertEqual([agent["Device Type"] for agent in agents], ["CPU", "GPU", "GPU"])
        self.assertIn("Size:                    1048576(0x100000) KB",
                      self.emu("rocminfo", options=["--vram", "1G"]).stdout)

    @need("rocminfo", "rocminfo")
    def test_leaves_nothing_behind(self):
        self.assertEqual(self.emu("rocminfo").stderr, "")


class Launcher(Case):
    def test_passes_the_exit_status_on(self):
        self.emu("true")
        self.emu("sh", "-c", "exit 7", status=7)
        self.emu("sh", "-c", "kill -9 $$", status=128 + signal.SIGKILL)

    def test_passes_arguments_on_as_they_are(self):
        self.assertEqual(self.emu("printf", "%s|", "--gpu", "a b", "", "--", "-h").stdout, "--gpu|a b||--|-h|")

    def test_says_what_is_wrong_in_a_line(self):
        for options, command, words in (([], ["/does/not/exist"], "cannot start /does/not/exist"),
                                        (["--gpu", "gfx9"], ["true"], "known are gfx1030"),
                                        (["--gpu", ""], ["true"], "known are gfx1030"),
                                        (["--gpu", ",".join(["gfx1030"] * 9)], ["true"], "9 GPUs are too many"),
                                        (["--vram", "much"], ["true"], "is not a size"),
                                        (["--vram", "1K"], ["true"], "from 16M to 1T"),
                                        (["--lenient", "gravity"], ["true"], "gravity")):
            result = self.emu(*command, options=options, status=1)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn(words, result.stderr)
            self.assertTrue(result.stderr.startswith("doorbell: "), result.stderr)

    def test_lists_the_checks_that_can_be_switched_off(self):
        lines = subprocess.run([PROGRAM, "emu", "--checks"], capture_output=True, text=True, check=True).stdout.splitlines()
        names = [line.split()[0] for line in lines[::2]]
        self.assertIn("load-use", names)
        self.assertTrue(all(line.lstrip().startswith("(") for line in lines[1::2]), lines)
        self.emu("true", options=["--lenient", ",".join(names)])

    def test_passes_signals_on(self):
        child = subprocess.Popen([PROGRAM, "emu", "--", "sh", "-c", "trap 'echo got it; kill $!; exit 3' TERM; sleep 100 & echo ready; wait"],
                                 stdout=subprocess.PIPE, text=True)
        self.assertEqual(child.stdout.readline(), "ready\n")
        child.terminate()
        self.assertEqual(child.stdout.readline(), "got it\n")
        child.stdout.close()
        self.assertEqual(child.wait(20), 3)

    def test_takes_its_program_with_it(self):
        child = subprocess.Popen([PROGRAM, "emu", "--", "sh", "-c", "echo $$; exec sleep 100"], stdout=subprocess.PIPE, text=True)
        pid = int(child.stdout.readline())
        child.stdout.close()
        child.kill()
        child.wait()
        for _ in range(200):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        self.fail("the program outlived its launcher")

    def test_leaves_no_files(self):
        # Other launchers may be at work: this one's folder is where the file is said to lie.
        where = """
            import os, sys
            file = open("/sys/class/kfd/kfd/topology/generation_id")
            print(os.readlink(f"/proc/self/fd/{file.fileno()}"), flush=True)
            os.open("/dev/kfd", 0)
            """
        for end, status in (("", 0), ("os.kill(os.getpid(), 9)", 128 + signal.SIGKILL)):
            found = self.python(textwrap.dedent(where) + end, status=status).stdout
            folder = re.match(r"(/.+/doorbell-emu-\w+)/sys/", found)
            self.assertTrue(folder, found)
            self.assertFalse(os.path.exists(folder[1]), found)

    def test_traces_ioctls(self):
        with tempfile.TemporaryDirectory() as folder:
            self.python("import kfd_client; kfd_client.Kfd().version()", options=["--trace", f"{folder}/trace"])
            lines = Path(folder, "trace").read_text().splitlines()
        self.assertEqual([line.split()[1:3] for line in lines],
                         [["AMDKFD_IOC_ACQUIRE_VM", "0"], ["AMDKFD_IOC_GET_VERSION", "0"]])
        self.assertEqual(lines[1].split()[3:], ["1", "11"])

    def test_waits_for_clients_that_outlive_the_program(self):
        with tempfile.TemporaryDirectory() as folder:
            script = """
                import os, sys, time
                if os.fork(): sys.exit(5)
                os.setsid()
                import kfd_client
                kfd = kfd_client.Kfd()
                time.sleep(1)
                handle, _ = kfd.allocate(1 << 30, 4096, kfd_client.VRAM)
                kfd.free(handle)
                open(sys.argv[1], "w").write("done")
            """
            done = Path(folder, "done")
            # The program waits until its child has become a client.
            self.python(script.replace("if os.fork(): sys.exit(5)", "if os.fork(): time.sleep(0.5); sys.exit(5)"), str(done), status=5)
            self.assertEqual(done.read_text(), "done")


class Files(Case):
    """Python's calls of the C library, on what belongs to the machine."""

    def values(self, text, **more):
        return json.loads(self.python(text, **more).stdout)

    def test_device_nodes_are_character_devices(self):
        self.assertEqual(self.values("""
            import json, os, stat
            kfd, render = os.open("/dev/kfd", os.O_RDWR), os.open("/dev/dri/renderD128", os.O_RDWR)
            def kind(s): return [stat.S_ISCHR(s.st_mode), os.major(s.st_rdev), os.minor(s.st_rdev)]
            print(json.dumps([kind(os.stat("/dev/kfd")), kind(os.fstat(kfd)), kind(os.stat("/dev/dri/renderD128")),
                              kind(os.fstat(render)), kind(os.fstat(os.dup(render))), kind(os.lstat("/dev/dri/card0"))]))
            """), [[True, 234, 0]] * 2 + [[True, 226, 128]] * 3 + [[True, 226, 0]])

    def test_folders_list_what_is_there(self):
        self.assertEqual(self.values("""
            import json, os
            print(json.dumps([sorted(os.listdir(path)) for path in
                              ("/dev/dri", "/sys/class/kfd/kfd/topology/nodes", "/sys/dev/char/226:129/device/drm")]))
            """, options=["--gpu", "gfx1030,gfx1100"]),
            [["card0", "card1", "renderD128", "renderD129"], ["0", "1", "2"], ["card1", "renderD129"]])

    def test_links_resolve_to_names_of_the_machine(self):
        self.assertEqual(self.values("""
            import ctypes, json, os
            libc = ctypes.CDLL(None)
            libc.realpath.restype = ctypes.c_char_p
            found = libc.realpath(b"/sys/dev/char/226:128/device", None).decode()
            print(json.dumps([found, os.path.basename(os.readlink("/sys/dev/char/226:128")),
                              open("/sys/bus/pci/devices/0000:03:00.0/device").read().strip()]))
            """), ["/sys/devices/pci0000:00/0000:00:01.1/0000:03:00.0", "renderD128", "0x73bf"])

    def test_what_is_not_there_is_missing(self):
        self.assertEqual(self.values("""
            import errno, json, os
            def problem(function, *arguments):
                try: function(*arguments)
                except OSError as e: return errno.errorcode[e.errno]
            print(json.dumps([problem(os.stat, "/dev/dri/renderD129"), problem(os.open, "/dev/dri/card7", 0),
                              problem(open, "/sys/class/kfd/kfd/topology/nodes/9/gpu_id"), problem(os.listdir, "/dev/kfd"),
                              problem(open, "/sys/class/drm/card0/vendor2")]))
            """), ["ENOENT", "ENOENT", "ENOENT", "ENOTDIR", "ENOENT"])

    def test_everything_else_is_the_hosts(self):
        self.assertEqual(self.values("""
            import json, os
            print(json.dumps([os.path.exists("/sys/devices/system/cpu"), os.path.exists("/dev/null"), os.stat("/dev/null").st_rdev]))
            """), [os.path.exists("/sys/devices/system/cpu"), True, os.stat("/dev/null").st_rdev])

    def test_spellings_of_a_path_mean_the_same(self):
        self.assertEqual(self.values("""
            import json
            print(json.dumps([open(path).read().strip() for path in
                              ("/sys//class/kfd/kfd/topology/nodes/1/gpu_id", "/sys/class/kfd/./kfd/topology/nodes/1/gpu_id",
                               "/sys/devices/virtual/kfd/kfd/topology/nodes/1/gpu_id")]))
            """), ["17185"] * 3)

    def test_ip_discovery_tells_versions_and_base_addresses(self):
        """Registers' addresses are counted from these: the HDP flush at 0xd20 + 0x106 (nbio_4_3_0_offset.h, BASE_IDX 2), the
        configuration space of PCIe at 0x1a340000 / 4 = 0x4040000 + 0x2890000 (BASE_IDX 5)."""
        self.assertEqual(self.values("""
            import json, os
            root, result = "/sys/class/drm/renderD128/device/ip_discovery/die/0", {}
            for name in ("GC", "SDMA0", "NBIF"):
                ip = f"{root}/{name}/0"
                read = lambda what: open(f"{ip}/{what}").read().split()
                version = [int(read(part)[0]) for part in ("major", "minor", "revision")]
                bases = [int(base, 16) for base in read("base_addr")]
                same = os.path.samefile(ip, f"{root}/{read('hw_id')[0]}/0") and len(bases) == int(read("num_base_addresses")[0])
                result[name] = [version, bases, same]
            print(json.dumps(result))
            """), {"GC": [[10, 3, 0], [0x1260, 0xa000, 0x1c000, 0x2402c00], True],
                   "SDMA0": [[5, 2, 0], [0x1260, 0xa000, 0x1c000, 0x2402c00], True],
                   "NBIF": [[3, 3, 1], [0, 0x14, 0xd20, 0x10400, 0x241b000, 0x4040000], True]})

    def test_the_topology_agrees_with_itself(self):
        found = self.values("""
            import json, os
            root = "/sys/devices/virtual/kfd/kfd/topology/nodes"
            result = []
            for node in sorted(os.listdir(root)):
                values = dict(line.split() for line in open(f"{root}/{node}/properties"))
                for count, folder in (("caches_count", "caches"), ("io_links_count", "io_links"), ("mem_banks_count", "mem_banks"),
                                      ("p2p_links_count", "p2p_links")):
                    there = os.listdir(f"{root}/{node}/{folder}") if os.path.isdir(f"{root}/{node}/{folder}") else []
                    result.append([node, count, int(values[count]), len(there)])
                for link in os.listdir(f"{root}/{node}/io_links"):
                    link = dict(line.split() for line in open(f"{root}/{node}/io_links/{link}/properties"))
                    result.append([node, "node_from", int(link["node_from"]), int(node)])
            print(json.dumps(result))
            """, options=["--gpu", "gfx1030,gfx1100,gfx1151"])
        self.assertGreater(len(found), 20)
        for node, what, said, there in found:
            self.assertEqual(said, there, f"node {node}, {what}")


class Processes(Case):
    def test_a_child_opens_the_device_for_itself(self):
        self.python("""
            import errno, os, kfd_client
            parent = kfd_client.Kfd()
            if os.fork() == 0:
                try: parent.version()
                except OSError as problem: assert problem.errno == errno.EBADF, problem
                else: os._exit(1)
                child = kfd_client.Kfd()
                handle, offset = child.allocate(1 << 30, 4096, kfd_client.VRAM | kfd_client.PUBLIC)
                child.view(offset, 4096)[:4] = b"abcd"
                child.free(handle)
                os._exit(0 if child.version() == (1, 17) else 2)
            assert os.wait()[1] == 0
            assert parent.version() == (1, 17)
            """)

    def test_exec_finds_the_machine_again(self):
        self.python("""
            import os, sys, kfd_client
            kfd = kfd_client.Kfd()
            kfd.allocate(1 << 30, 1 << 20, kfd_client.VRAM)
            os.execv(sys.executable, [sys.executable, "-c", '''
            import kfd_client
            kfd = kfd_client.Kfd()
            assert kfd.available() == 64 << 20, kfd.available()
            '''.replace("            ", "")])
            """, options=["--vram", "64M"])

    def test_leaks_are_reported(self):
        result = self.python("""
            import kfd_client
            kfd = kfd_client.Kfd()
            for i in range(3): kfd.allocate((1 << 30) + (i << 21), 1 << 20, kfd_client.VRAM)
            """)
        self.assertRegex(result.stderr, r"process \d+ ended with 3 buffers of 3072 KiB on the GPU")

    def test_processes_share_the_budget_and_not_the_memory(self):
        self.python("""
            import os, kfd_client
            first = kfd_client.Kfd()
            assert first.available() == 64 << 20
            ours, offset = first.allocate(1 << 30, 16 << 20, kfd_client.VRAM | kfd_client.PUBLIC)
            first.view(offset, 4096)[:4] = b"mine"
            if os.fork() == 0:
                second = kfd_client.Kfd()
                assert second.available() == 48 << 20
                _, other = second.allocate(1 << 30, 32 << 20, kfd_client.VRAM | kfd_client.PUBLIC)
                assert bytes(second.view(other, 4096)[:4]) != b"mine"
                try: second.allocate(2 << 30, 32 << 20, kfd_client.VRAM)
                except OSError as problem: assert problem.errno == 12
                else: os._exit(1)
                os._exit(0)
            assert os.wait()[1] == 0
            assert bytes(first.view(offset, 4096)[:4]) == b"mine"
            for _ in range(100):
                if first.available() == 48 << 20: break
                import time; time.sleep(0.05)
            assert first.available() == 48 << 20, "the dead have given back theirs"
            """, options=["--vram", "64M"])

    def test_a_hundred_killed_clients_leave_the_device_usable(self):
        seed = int(os.environ.get("DOORBELL_FUZZ_SEED", time.time_ns() % 2**32))
        print(f"seed {seed}", file=sys.stderr)
        result = self.emu(KILLED, str(seed), options=["--gpu", "gfx1100,gfx1030", "--vram", "256M"], timeout=400)
        steps, holding, usable = result.stdout.splitlines()
        self.assertEqual(usable, "usable")
        self.assertGreater(int(re.match(r"steps (\d+) beside \d+$", steps)[1]), 100)
        # Who had memory when it died is named, once, and nothing else is complained of.
        line = re.compile(r"doorbell emu: process (\d+) ended with \d+ buffers of \d+ KiB on the GPU; they are free again")
        named = [line.fullmatch(text) for text in result.stderr.splitlines()]
        self.assertNotIn(None, named, result.stderr)
        self.assertLessEqual({pid for pid in holding.split()[1:]}, {match[1] for match in named})
        self.assertGreater(len(holding.split()), 50)


if __name__ == "__main__":
    unittest.main(verbosity=2)
