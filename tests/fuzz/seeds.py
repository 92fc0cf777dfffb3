#!/usr/bin/env python3
"""First inputs for the fuzzers: the corpus of malformed and valid files, a packet of each kind of the AMD rings, and what
clang-19, which the fuzzers are built with, makes of small kernels.

    seeds.py FOLDER     fills FOLDER/fuzz-gguf, FOLDER/fuzz-safetensors, FOLDER/fuzz-amd_packets, FOLDER/fuzz-amd_isa ...
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))
import make_corpus  # noqa: E402

LARGEST = 16384
TEXT = "abc xyz\n 123 don't \u4f60\u597d <s>|<|end|>".encode()


# Where the rings' memory lies and what they may point at (amd_packets_fuzzer.cc).
SPOT, SIGNAL, BUFFER, KERNEL = 0x5A002000, 0x5A003000, 0x5A004000, 0x5A005000


def dwords(*words):
    return b"".join(struct.pack("<I", word & 0xFFFFFFFF) for word in words)


# v_mov_b32 v1, 0; v_add_nc_u32 v2, v0, v1 (gfx10's encoding and gfx11's); s_endpgm of both.
CODE = dwords(0x7E020280, 0x4A040300, 0xBF810000, 0xBFB00000)


def pm4(op, *body):
    return dwords(3 << 30 | (len(body) - 1) << 16 | op << 8 | 2, *body)


def amd_rings():
    """(name, kind, doorbell, ring)"""
    low, high = SPOT, 0
    packets = {
        "write": pm4(0x37, 5 << 8, low, high, 1, 2), "wait": pm4(0x3C, 0x13, low, high, 0, -1, 4),
        "release": pm4(0x49, 0x514, 2 << 24 | 2 << 29, low, high, 1, 0, 3), "atomic": pm4(0x1E, 47, low, high, 1, 0, 0, 0, 0),
        "copy": pm4(0x40, 0x10205, 1, 2, low, high), "buffer": pm4(0x3F, BUFFER, 0, 1 << 23 | 8),
        "event": pm4(0x46, 0x407), "dma": pm4(0x50, 0x60300000, low, high, low + 64, high, 32),
        "acquire": pm4(0x58, 0, -1, -1, 0, 0, 0, 0x3F1), "nop": pm4(0x10, 0, 0), "cond": pm4(0x22, low, high, 0, 2) + bytes(8),
        "dispatch": pm4(0x76, 0x20C, KERNEL >> 8, 0) + pm4(0x76, 0x212, 0, 4) + pm4(0x76, 0x207, 32, 1, 1)
        + pm4(0x15, 1, 1, 1, 0x8005),
    }
    for name, ring in packets.items():
        yield "pm4-" + name, 1, len(ring) // 4 - 1, ring
    packets = {
        "copy": dwords(1, 63, 0, low, high, low + 64, high), "two": dwords(1 | 1 << 27, 63, 0, low, 0, low, 0, low, 0),
        "box": dwords(0x401 | 2 << 29, low, 0, 0, 7 << 13, 63, low + 512, 0, 0, 7 << 13, 63, 3 | 3 << 16, 1),
        "write": dwords(2, low, high, 1, 1, 2), "fence": dwords(5 | 3 << 16, low, high, 1), "trap": dwords(6, 5),
        "poll": dwords(8 | 3 << 28 | 1 << 31, low, high, 0, -1, 4 | 3 << 16), "atomic": dwords(10 | 47 << 25, low, 0, 1, 0, 0, 0, 0),
        "fill": dwords(11 | 2 << 30, low, high, 7, 63), "time": dwords(0x20D, low, high), "gcr": dwords(0x111, 0, 0, 0, 0),
        "buffer": dwords(0, 0, 4, BUFFER, 0, 8, 0, 0), "cond": dwords(9, low, high, 0, 1, 0), "nop": dwords(1 << 16, 0),
    }
    for name, ring in packets.items():
        yield "sdma-" + name, 2, len(ring) // 4 - 1, ring
    dispatch = struct.pack("<HHHHHHIIIIIQQQQ", 0x1502, 1, 32, 1, 1, 0, 64, 1, 1, 0, 0, KERNEL, SPOT, 0, SIGNAL)
    barrier = struct.pack("<HHIQQQQQQQ", 0x1503, 0, 0, SIGNAL, 0, 0, 0, 0, 0, SIGNAL)
    vendor = dwords(0x1500 | 1 << 16, 0xC0023F00, BUFFER, 0, 1 << 23 | 8, 10) + bytes(32) + struct.pack("<Q", SIGNAL)
    value = struct.pack("<HBBIQqqIIQQQ", 0x1500, 2, 0, 0, SIGNAL, 0, -1, 0, 0, 0, 0, SIGNAL)
    for name, packet in {"dispatch": dispatch, "and": barrier, "or": b"\5" + barrier[1:], "vendor": vendor, "value": value}.items():
        memory = bytearray(packet.ljust(0x6000, b"\0"))
        memory[SIGNAL & 0xFFFF: (SIGNAL & 0xFFFF) + 8] = struct.pack("<q", 1)  # its kind: a user's
        memory[0x10C0:0x10C8] = struct.pack("<Q", SIGNAL)  # the queue's inactive signal
        memory[BUFFER & 0xFFFF: (BUFFER & 0xFFFF) + 32] = pm4(0x37, 5 << 8, low, high, 1) + dwords(*[0x80000000] * 3)
        descriptor = struct.pack("<IIIIq20xIIIHH4x", 0, 0, 0, 0, 0x100, 0, 0, 4, 0x408, 0)
        memory[KERNEL & 0xFFFF: (KERNEL & 0xFFFF) + 64] = descriptor
        memory[(KERNEL & 0xFFFF) + 0x100:] = CODE
        yield "aql-" + name, 0, 0, bytes(memory)


KERNEL_SOURCE = """#pragma OPENCL EXTENSION cl_khr_fp16 : enable
__constant int table[] = {3, 1, 4, 1, 5};
__kernel void k(__global float* out, __global const half* in, int n) {
  __local float shared[64];
  int i = __builtin_amdgcn_workitem_id_x();
  shared[i] = in[i] * 2.5f + table[i % 5];
  __builtin_amdgcn_s_barrier();
  for (int j = 0; j < n; ++j) out[i + j] += shared[j ^ i] / (j + 1);
}
"""
ASSEMBLY = b""".amdgcn_target "amdgcn-amd-amdhsa--gfx1100"
.globl k
.type k,@function
k: s_branch k ; comment
  s_add_u32 s0, s0, t@rel32@lo+4 // and
  v_dual_mov_b32 v0, 1.0 :: v_dual_add_f32 v1, v2, v3 /* block
*/ v_mov_b32_dpp v0, v1 quad_perm:[0,1,2,3] row_mask:0xf bank_mask:0xf
x = (1<<4)|~3
.size k, .-k
.section .rodata,"a",@progbits
.p2align 6
.amdhsa_kernel k
.amdhsa_next_free_vgpr .amdgcn.next_free_vgpr
.amdhsa_next_free_sgpr 16
.amdhsa_wavefront_size32 1
.end_amdhsa_kernel
t: .long 1, t-k, x
.quad k+4
.byte 1
.asciz "a\\n\\101"
.fill 3, 4, 0x7f
.zero 5
.balign 8
.data
.address 0x4000
.short 5
.bss
.skip 100
.amdgpu_metadata
---
amdhsa.kernels:
  - .args:
      - .offset: 0
        .name: "a"
    .name: 'k'
    .list: [1, {"b": null}]
amdhsa.version:
  - 1
  - 2
...
.end_amdgpu_metadata
"""


def compiled(gpu, *options):
    command = ["clang-19", "-target", "amdgcn-amd-amdhsa", f"-mcpu={gpu}", "-x", "cl", "-cl-std=CL2.0", "-Xclang",
               "-finclude-default-header", "-nogpulib", *options, "-", "-o"]
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "out"
        subprocess.run([*command, output], input=KERNEL_SOURCE.encode(), check=True)
        return output.read_bytes()


def amd_programs(folder):
    def write(target, name, content):
        place = folder / f"fuzz-{target}"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)

    write("amd_assembly", "all", ASSEMBLY)
    sources = pathlib.Path(__file__).resolve().parent.parent / "amd_isa/sources_test.s"
    for case in sources.read_text().split("//// ")[1:]:
        head, text = case.split("\n", 1)
        gpu = next((w for w in head.split() if w.startswith("gfx")), "gfx1100")
        target = f'.amdgcn_target "amdgcn-amd-amdhsa--{gpu}"\n'
        write("amd_assembly", "source-" + head.split()[0], (target + text.split("!MISTAKE")[0]).encode())
    for number, gpu in enumerate(("gfx1030", "gfx1100", "gfx1151")):
        write("amd_assembly", gpu, compiled(gpu, "-O1", "-S"))
        code_object = compiled(gpu, "-O1")
        write("amd_code_object", gpu, code_object)
        write("amd_code_object", gpu + "-relocatable", compiled(gpu, "-O1", "-c"))
        # Its code begins at a page's multiple of 256, with the first byte for the target.
        for at in range(0, len(code_object) - 12, 52):
            write("amd_isa", f"{gpu}-{at:x}", bytes([number | (at & 4) << 5]) + code_object[at:at + 12])
    for number, text in enumerate((b"v_fma_f32 v0, |v1|, -s2, 0.5 clamp mul:2", b"s_waitcnt vmcnt(0) & lgkmcnt(1)",
                                   b"ds_swizzle_b32 v0, v1 offset:swizzle(SWAP,1)", b"s_getreg_b32 s0, hwreg(HW_REG_MODE, 4, 2)",
                                   b"buffer_load_b32 v0, v1, s[4:7], s0 offen offset:16 glc", b"s_sendmsg sendmsg(MSG_INTERRUPT)",
                                   b"tbuffer_load_format_x v0, v1, s[4:7], format:[BUF_FMT_32_FLOAT], s0 idxen",
                                   b"v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]", b"s_mov_b64 [s2,s3], (1<<4)|3")):
        write("amd_isa", f"text-{number}", b"\1" + text)


def amd_calls():
    """(name, input) for amd_ioctls_fuzzer.cc: queues of each kind with a doorbell that is rung, and calls of every row."""
    bell, ring = bytes([0, 0xD1, 0, 0]), bytes([3, 0, 0, 3, 0])
    for card in range(2):
        for kind in range(5):
            for name, word in (("zero", 0), ("trap", 6), ("barrier", 3)):
                queue = bytes([6, card, kind, 255, 16]) + dwords(word, *[0] * 15)
                yield f"queue-{card}-{kind}-{name}", b"\1" + queue + bell + ring + bytes([8, 6, 0, 0, 0, 0])
    for row in range(38):
        for fill in (0, 1, 0x60):
            yield f"call-{row}-{fill}", b"\1" + (bytes([8, row]) + bytes([fill]) * 24) * 3


def main():
    folder = pathlib.Path(sys.argv[1])
    for reader, name, content, _ in make_corpus.all_cases():
        target = folder / ("fuzz-" + {"block_count": "gguf"}.get(reader, reader))
        if reader == "tokenizer":
            content = struct.pack("<I", len(content)) + content + TEXT
        if len(content) <= LARGEST:
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
    amd_programs(folder)
    target = folder / "fuzz-amd_packets"
    target.mkdir(parents=True, exist_ok=True)
    for name, kind, doorbell, ring in amd_rings():
        for chip in range(3):
            (target / f"{name}-{chip}").write_bytes(bytes([kind + chip * 3, doorbell]) + ring)
    target = folder / "fuzz-amd_ioctls"
    target.mkdir(parents=True, exist_ok=True)
    for name, content in amd_calls():
        (target / name).write_bytes(content)


main()
