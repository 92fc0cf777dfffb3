"""`doorbell asm` and `doorbell disasm` from outside: what clang-19 compiles, what LLVM's tools say, mistakes.

Programs are those of tests/amd_kernels: one combination of processor and level each, another one with each commit;
DOORBELL_NIGHTLY=1 takes all processors and levels."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "amd_kernels/programs"
DOORBELL = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"
GPUS, LEVELS = ("gfx1030", "gfx1100", "gfx1151"), ("0", "1", "3")
TOOLS = ("clang-19", "llvm-mc-19", "llvm-objdump-19", "llvm-readobj-19", "llvm-objcopy-19", "ld.lld-19")
MISSING = [t for t in TOOLS if not shutil.which(t)]
NIGHTLY = os.environ.get("DOORBELL_NIGHTLY") == "1"


def call(*command, **more):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **more)
    return result.returncode, result.stdout, result.stderr


def good(*command, **more):
    status, out, err = call(*command, **more)
    if status != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {err}")
    return out


def compile_it(program, gpu, level, output, *more):
    if program.suffix == ".cl":
        command = ["clang-19", "-target", "amdgcn-amd-amdhsa", f"-mcpu={gpu}", "-x", "cl", "-cl-std=CL2.0", "-Xclang",
                   "-finclude-default-header"]
    else:
        command = ["clang++-19", "-x", "hip", "--cuda-device-only", "--no-gpu-bundle-output", f"--offload-arch={gpu}", "-nogpuinc"]
    good(*command, f"-O{level}", "-nogpulib", "-ffp-contract=off", *more, program, "-o", output)
    return output


def combinations():
    count = good("git", "rev-list", "--count", "HEAD", cwd=HERE) if shutil.which("git") else "0"
    for i, program in enumerate(sorted(p for p in PROGRAMS.iterdir() if p.suffix in (".cl", ".hip"))):
        arch = re.search(r"^//! arch (\w+)", program.read_text(), re.M)
        every = [(g, level) for g in GPUS if g.startswith(arch[1] if arch else "") for level in LEVELS]
        for g, level in every if NIGHTLY else [every[(i + int(count)) % len(every)]]:
            yield program, g, level


def sections(path):
    """Name to (address, bytes) of what is loaded and not written by a linker."""
    said = json.loads(good("llvm-readobj-19", "--sections", "--section-data", "--elf-output-style=JSON", path))
    found = {}
    for s in (s["Section"] for s in said[0]["Sections"]):
        if s["Type"]["Name"] == "SHT_PROGBITS" and "SHF_ALLOC" in [f["Name"] for f in s["Flags"]["Flags"]]:
            found[s["Name"]["Name"]] = s["Address"], bytes(s["SectionData"]["Bytes"])
    return found


def instructions(path):
    text = good("llvm-objdump-19", "-d", "--no-show-raw-insn", path)
    return [line for line in text.splitlines() if not line.startswith(str(path))]


def symbols(path):
    said = json.loads(good("llvm-readobj-19", "--dyn-symbols", "--elf-output-style=JSON", path))
    return sorted((s["Symbol"]["Name"]["Name"], s["Symbol"]["Value"], s["Symbol"]["Size"], s["Symbol"]["Binding"]["Name"],
                   s["Symbol"]["Type"]["Name"]) for s in said[0]["DynamicSymbols"])


def notes(path):
    return re.search(r"AMDGPU Metadata:? ?(.*)", good("llvm-readobj-19", "--notes", path), re.S)[1]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if MISSING:
            message = f"missing: {', '.join(MISSING)} (Debian: apt-get install clang-19 lld-19 llvm-19)"
            if os.environ.get("CI") == "true":
                raise AssertionError(message)
            raise unittest.SkipTest(message)
        cls.folder = Path(tempfile.mkdtemp(prefix="doorbell-amd-isa."))
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def assemble(self, source, *options):
        path = self.folder / "source.s"
        path.write_text(source)
        return call(DOORBELL, "asm", path, "-o", self.folder / "out.hsaco", *options)


class RoundTrip(Case):
    def test_compiled_kernels_come_back_byte_for_byte(self):
        for program, gpu, level in combinations():
            with self.subTest(program=program.name, gpu=gpu, level=level):
                compiled = compile_it(program, gpu, level, self.folder / "compiled")
                source, again = self.folder / "again.s", self.folder / "again"
                source.write_text(good(DOORBELL, "disasm", compiled))
                good(DOORBELL, "asm", source, "-o", again)
                wanted, got = sections(compiled), sections(again)
                self.assertEqual(wanted.keys(), got.keys())
                for name in wanted:
                    if name != ".data.rel.ro" and name != ".got":  # hold what relocations write
                        self.assertEqual(got[name], wanted[name], name)
                self.assertEqual(symbols(again), symbols(compiled))
                self.assertEqual(notes(again), notes(compiled))
                self.assertEqual(instructions(again), instructions(compiled))
                self.assertEqual(good(DOORBELL, "disasm", again), source.read_text())

    def test_no_instruction_of_a_compiler_is_listed_as_data(self):
        for program in sorted(PROGRAMS.glob("*.hip")):
            compiled = compile_it(program, "gfx1100", "1", self.folder / "compiled")
            code = good(DOORBELL, "disasm", compiled).split(".text,")[1].split("\t.section")[0]
            self.assertNotIn("\t.long", code, program.name)
            self.assertIn("s_endpgm", code)


class AgainstLlvm(Case):
    def test_what_clang_writes_assembles_to_the_code_of_llvm(self):
        for name in ("vector_add.cl", "matmul_lds.cl", "scan_dpp.cl", "function_pointers.hip", "recursion.hip"):
            for gpu in GPUS:
                with self.subTest(name=name, gpu=gpu):
                    source = compile_it(PROGRAMS / name, gpu, "2", self.folder / "clang.s", "-S")
                    ours, theirs, object_file = (self.folder / n for n in ("ours", "theirs", "theirs.o"))
                    good("llvm-mc-19", "-triple=amdgcn-amd-amdhsa", f"-mcpu={gpu}", "-filetype=obj", source, "-o", object_file)
                    good("ld.lld-19", "-shared", object_file, "-o", theirs)
                    good(DOORBELL, "asm", source, "-o", ours)
                    # Linkers choose addresses; what depends on them is the same once it is named.
                    listings = [re.sub(r"\s+//.*|\t\.address.*|\.L[0-9a-f]+", "", good(DOORBELL, "disasm", f)) for f in (ours, theirs)]
                    ours_set, theirs_set = (sorted(text.splitlines()) for text in listings)
                    self.assertEqual(ours_set, theirs_set)

    def test_llvm_assembles_our_listing(self):
        for name in ("vector_add.cl", "transcendental.cl", "sort_quick.hip"):
            for gpu in GPUS:
                with self.subTest(name=name, gpu=gpu):
                    compiled = compile_it(PROGRAMS / name, gpu, "1", self.folder / "compiled")
                    listing = good(DOORBELL, "disasm", compiled)
                    source, theirs = self.folder / "listing.s", self.folder / "theirs.o"
                    # .address is ours; the count of SGPRs means nothing from gfx10 on, and LLVM has no directive for it.
                    source.write_text(re.sub(r"\t\.address.*|\t\t\.amdhsa_granulated_wavefront_sgpr_count.*", "", listing))
                    good("llvm-mc-19", "-triple=amdgcn-amd-amdhsa", f"-mcpu={gpu}", "-filetype=obj", source, "-o", theirs)
                    wanted, got = bytearray(sections(compiled)[".text"][1]), sections(theirs)[".text"][1]
                    # A distance to another section is a linker's to write.
                    start = sections(compiled)[".text"][0]
                    for line in re.findall(r"@rel32@.*// ([0-9A-F]+):", listing):
                        at = int(line, 16) - start + 4
                        wanted[at:at + 4] = got[at:at + 4]
                    self.assertEqual(bytes(wanted), got)

    def test_descriptors_read_as_in_llvm(self):
        source = self.folder / "kernel.s"
        fields = {"group_segment_fixed_size": 256, "private_segment_fixed_size": 16, "kernarg_size": 24, "next_free_vgpr": 40,
                  "next_free_sgpr": 20, "user_sgpr_kernarg_segment_ptr": 1, "user_sgpr_dispatch_ptr": 1, "user_sgpr_dispatch_id": 1,
                  "system_sgpr_workgroup_id_y": 1, "system_vgpr_workitem_id": 2, "float_round_mode_32": 1, "float_denorm_mode_32": 3,
                  "dx10_clamp": 0, "ieee_mode": 0, "fp16_overflow": 1, "workgroup_processor_mode": 0, "memory_ordered": 0,
                  "forward_progress": 1, "exception_fp_ieee_overflow": 1, "exception_int_div_zero": 1, "uses_dynamic_stack": 1}
        for gpu in GPUS:
            for wave in ("", "\t.amdhsa_wavefront_size32 0\n\t.amdhsa_shared_vgpr_count 1\n"):
                source.write_text(f'\t.amdgcn_target "amdgcn-amd-amdhsa--{gpu}"\n\t.globl k\n\t.p2align 8\nk:\n\ts_endpgm\n'
                                  f'\t.section .rodata,"a",@progbits\n\t.p2align 6\n\t.amdhsa_kernel k\n{wave}'
                                  + "".join(f"\t.amdhsa_{k} {v}\n" for k, v in fields.items()) + "\t.end_amdhsa_kernel\n")
                theirs, ours = self.folder / "theirs.o", self.folder / "ours"
                good("llvm-mc-19", "-triple=amdgcn-amd-amdhsa", f"-mcpu={gpu}", "-filetype=obj", source, "-o", theirs,
                     *(["-mattr=+wavefrontsize64"] if wave else []))
                good(DOORBELL, "asm", source, "-o", ours)
                wanted, got = (bytearray(sections(f)[".rodata"][1]) for f in (theirs, ours))
                wanted[16:24] = got[16:24]  # the distance to the code
                self.assertEqual(got.hex(), wanted.hex(), (gpu, wave))

    def test_objects_are_read_without_a_warning(self):
        status, _, err = self.assemble(EXAMPLE)
        self.assertEqual((status, err), (0, ""))
        status, out, err = call("llvm-readobj-19", "--all", "--hash-table", self.folder / "out.hsaco")
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("EF_AMDGPU_MACH_AMDGCN_GFX1100", out)


EXAMPLE = """
.amdgcn_target "amdgcn-amd-amdhsa--gfx1100"
.globl store
.p2align 8
.type store,@function
store:                      ; a comment
  /* another
     one */ one = 1
  s_load_b64 s[0:1], s[0:1], 0x0
  v_mov_b32 v1, one         // and /* one more
  s_waitcnt lgkmcnt(0)
  global_store_b32 v0, v1, s[0:1]
again:
  s_cbranch_scc1 again
  s_endpgm
.section .rodata,"a"
.p2align 6
.amdhsa_kernel store
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_next_free_vgpr 2
  .amdhsa_next_free_sgpr 2
.end_amdhsa_kernel
text: .asciz "a\\tb"
numbers: .long 1, -1, numbers-text
.quad store+4
.amdgpu_metadata
---
amdhsa.version: [1, 2]
amdhsa.kernels:
  - .name: store
    .symbol: 'store.kd'
...
.end_amdgpu_metadata
"""


class Commands(Case):
    def test_labels_data_and_metadata(self):
        self.assertEqual(self.assemble(EXAMPLE)[0], 0)
        out = json.loads(good(DOORBELL, "disasm", "--json", self.folder / "out.hsaco"))
        self.assertEqual(out["processor"], "gfx1100")
        self.assertEqual(out["metadata"]["amdhsa.kernels"], [{".name": "store", ".symbol": "store.kd"}])
        self.assertEqual([k["name"] for k in out["kernels"]], ["store"])
        self.assertEqual(out["kernels"][0]["descriptor"]["user_sgpr_count"], 2)
        code = next(s for s in out["sections"] if s["name"] == ".text")["instructions"]
        branch = next(i for i in code if "s_cbranch_scc1" in i["text"])
        self.assertEqual(branch["target"], branch["address"])
        data = sections(self.folder / "out.hsaco")[".rodata"][1][64:]
        self.assertEqual(data[:16], b"a\tb\0" + bytes.fromhex("01000000ffffffff04000000"))
        text = good(DOORBELL, "disasm", self.folder / "out.hsaco")
        self.assertIn("v_mov_b32_e32 v1, 1", text)
        self.assertRegex(text, r"\.quad\tstore\+4")

    def test_bare_code(self):
        path = self.folder / "code.bin"
        path.write_bytes(bytes.fromhex("800284be" "0000b0bf" "ffffffff"))
        out = good(DOORBELL, "disasm", "--arch", "gfx1100", path)
        self.assertRegex(out, r"s_endpgm\s+// 000000000004: BFB00000")
        self.assertRegex(out, r"\.long 0xffffffff\s+// 000000000008: FFFFFFFF is no instruction")
        self.assert_one_line(call(DOORBELL, "disasm", path), "offset 0: not an ELF file", "--arch")

    def assert_one_line(self, result, *words):
        status, _, err = result
        self.assertEqual(status, 1, err)
        self.assertEqual(len(err.splitlines()), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_mistakes_name_file_line_and_column(self):
        head = '.amdgcn_target "amdgcn-amd-amdhsa--gfx1100"\n'
        for source, *words in (
                ("  v_add_f32 v0, v1\n", "source.s:2:19:", "expected `,`", "found the end"),
                ("a: v_add_f32 v0, v1, s300\n", "source.s:2:", "expected registers of s0 to s105", "found `s300`"),
                ("  s_mov_b32 s0, nowhere\n", "source.s:2:17:", "found `nowhere`"),
                ("  s_branch nowhere\n", "source.s:2:12:", "found `nowhere`"),
                ("  s_addd_u32 s0, s0, s0\n", "source.s:2:3:", "expected an instruction of gfx1100, found `s_addd_u32`"),
                ("a:\na:\n", "source.s:3:1:", "`a` is defined twice"),
                ("  .bite 3\n", "source.s:2:3:", "found `.bite`"),
                (".byte 256\n", "source.s:2:7:", "expected a number of 8 bits, found 256"),
                (".amdhsa_kernel k\n.amdhsa_speed 9\n", "source.s:3:1:", "found `.amdhsa_speed`"),
                (".amdhsa_kernel k\n.end_amdhsa_kernel\n", "source.s:3:1:", "expected .amdhsa_next_free_vgpr"),
                (".amdhsa_kernel k\n", "source.s:2:1:", "expected .end_amdhsa_kernel"),
                (".amdgpu_metadata\na: [1\n.end_amdgpu_metadata\n", "source.s:3:", "expected a string, list or map"),
                (".amdgpu_metadata\n- - 1\n  - 2\n.end_amdgpu_metadata\n", "source.s:3:", "the metadata is no map"),
                (".amdgpu_metadata\na:\n  - " + "[" * 31 + "]" * 31 + "\n.end_amdgpu_metadata\n", "source.s:3:",
                 "nests too deeply"),
                ("  v_dual_add_f32 v0, v1, v2 :: v_dual_add_f32 v3, v5, v4\n", "source.s:2:3:", "share a bank")):
            with self.subTest(source=source):
                self.assert_one_line(self.assemble(head + source), *words)
        self.assert_one_line(self.assemble("s_endpgm\n"), "source.s:1:1:", "expected .amdgcn_target")
        self.assertEqual(self.assemble("s_endpgm\n", "--arch", "gfx1030")[0], 0)
        self.assert_one_line(self.assemble(head, "--arch", "gfx1030"), "source.s:1:16:", "the target is gfx1100")
        self.assert_one_line(call(DOORBELL, "asm", self.folder / "absent.s"), "absent.s", "No such file")

    def test_help_has_examples(self):
        for command in ("asm", "disasm"):
            self.assertIn(f"doorbell {command} ", good(DOORBELL, command, "--help"))

    def test_the_kernel_of_the_help_assembles(self):
        text = good(DOORBELL, "asm", "--help").split("A kernel:\n")[1]
        self.assertEqual(self.assemble(text)[1:], ("", ""))


if __name__ == "__main__":
    unittest.main()
