#!/usr/bin/env python3
"""First inputs for the fuzzers: the corpus of malformed and valid files, and a packet of each kind of the AMD rings.

    seeds.py FOLDER     fills FOLDER/fuzz-gguf, FOLDER/fuzz-safetensors, FOLDER/fuzz-tokenizer, FOLDER/fuzz-amd_packets
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))
import make_corpus  # noqa: E402

LARGEST = 16384
TEXT = "abc xyz\n 123 don't \u4f60\u597d <s>|<|end|>".encode()


# Where the rings' memory lies and what they may point at (amd_packets_fuzzer.cc).
SPOT, SIGNAL, BUFFER, KERNEL = 0x5A002000, 0x5A003000, 0x5A004000, 0x5A005000


def dwords(*words):
    return b"".join(struct.pack("<I", word & 0xFFFFFFFF) for word in words)


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
        yield "aql-" + name, 0, 0, bytes(memory)


def main():
    folder = pathlib.Path(sys.argv[1])
    for reader, name, content, _ in make_corpus.all_cases():
        target = folder / ("fuzz-" + {"block_count": "gguf"}.get(reader, reader))
        if reader == "tokenizer":
            content = struct.pack("<I", len(content)) + content + TEXT
        if len(content) <= LARGEST:
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
    target = folder / "fuzz-amd_packets"
    target.mkdir(parents=True, exist_ok=True)
    for name, kind, doorbell, ring in amd_rings():
        for chip in range(3):
            (target / f"{name}-{chip}").write_bytes(bytes([kind + chip * 3, doorbell]) + ring)


main()
