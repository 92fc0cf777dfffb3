#!/usr/bin/env python3
"""First inputs for the fuzzers that read files: the corpus of malformed and valid ones.

    seeds.py FOLDER     fills FOLDER/fuzz-gguf, FOLDER/fuzz-safetensors, FOLDER/fuzz-tokenizer
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))
import make_corpus  # noqa: E402

LARGEST = 16384
TEXT = "abc xyz\n 123 don't \u4f60\u597d <s>|<|end|>".encode()


def main():
    folder = pathlib.Path(sys.argv[1])
    for reader, name, content, _ in make_corpus.all_cases():
        target = folder / ("fuzz-" + {"block_count": "gguf"}.get(reader, reader))
        if reader == "tokenizer":
            content = struct.pack("<I", len(content)) + content + TEXT
        if len(content) <= LARGEST:
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)


main()
