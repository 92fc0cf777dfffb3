#!/usr/bin/python3
"""The packaged llama.cpp, asked from Python: tokens, logits, log-probabilities, greedy ids.

    llama_cpp_logprobs.py MODEL.gguf IDS.txt OUT.f64   log-probability of ids 1.. given all ids before each, under
                                                       llama.cpp's default CPU path on one thread

The default path is what its users get: activations quantised to 8 bits in products with quantised weights, keys and
values kept as f16. The work is done by bin/llama_cpp, which tools/oracle/fetch-oracles.sh builds; its versions are
pinned there and printed by version().
"""

import json
import os
import pathlib
import struct
import subprocess
import sys

import numpy as np

from llama_reference import read_ids, text_log_probabilities, write_array


def oracles():
    """The folder that fetch-oracles.sh fills; its default is written there."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("DOORBELL_ORACLES") or f"{cache}/doorbell/oracles")


def _ask(command, *words, stdin=b""):
    program = oracles() / "bin/llama_cpp"
    if not program.exists():
        sys.exit(f"{program} is missing: run tools/oracle/fetch-oracles.sh")
    answer = subprocess.run([program, command, *map(str, words)], input=stdin, capture_output=True, check=False)
    if answer.returncode != 0:
        sys.exit(answer.stderr.decode(errors="replace").strip() or f"{program} {command} failed")
    return answer.stdout


def _ids(text):
    return [int(word) for word in text.split()]


def version():
    return json.loads(_ask("version"))


def tokenize(model, texts, bos=False, special=False):
    """The ids of each text (bytes). bos adds what the model's file asks for; special reads <|...|> as one token."""
    records = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    flags = [name for name, on in (("bos", bos), ("special", special)) if on]
    return [_ids(line) for line in _ask("tokenize", model, *flags, stdin=records).decode().splitlines()]


def detokenize(model, ids, special=False):
    """The text (bytes) of the ids; special spells <|...|> out."""
    raw = _ask("detokenize", model, *(["special"] if special else []), stdin=" ".join(map(str, ids)).encode() + b"\n")
    return raw[4:]


def logits(model, ids, threads=1, one_by_one=False):
    """Float32 logits of every position, fed as one batch or token by token."""
    raw = _ask("steps" if one_by_one else "logits", model, threads, stdin=" ".join(map(str, ids)).encode())
    return np.frombuffer(raw, "<f4").reshape(len(ids), -1)


def greedy(model, ids, count, threads=1):
    """The ids and `count` more."""
    return _ids(_ask("greedy", model, threads, count, stdin=" ".join(map(str, ids)).encode()).decode())


def quantize(source, destination, type_name):
    """Writes the model anew with every matrix as F16, BF16, Q8_0, Q4_0 or Q4_1."""
    _ask("quantize", source, destination, type_name)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, ids = sys.argv[1], read_ids(sys.argv[2])
    write_array(sys.argv[3], text_log_probabilities(logits(model, ids), ids))


if __name__ == "__main__":
    main()
