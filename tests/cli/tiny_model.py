"""A language model of one layer that fits in 60 kB and says nothing sensible, as a GGUF file: valid as it stands, and
with any part of it made wrong. The format's pieces are those of tests/load/make_corpus.py."""

import random
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "load"))
from make_corpus import ARRAY, F32, STRING, U32, pair, spm, tensor  # noqa: E402

WIDTH, HIDDEN, HEADS, VOCABULARY = 32, 64, 2, 263

KEYS = {
    "general.architecture": (STRING, "llama"),
    "llama.block_count": (U32, 1),
    "llama.embedding_length": (U32, WIDTH),
    "llama.feed_forward_length": (U32, HIDDEN),
    "llama.attention.head_count": (U32, HEADS),
    "llama.attention.head_count_kv": (U32, 1),
    "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
    "llama.context_length": (U32, 64),
    "llama.rope.dimension_count": (U32, WIDTH // HEADS),
    "llama.rope.freq_base": (F32, 10000.0),
}
# GGUF writes the fastest dimension first.
TENSORS = {
    "token_embd.weight": [WIDTH, VOCABULARY],
    "output_norm.weight": [WIDTH],
    "blk.0.attn_norm.weight": [WIDTH],
    "blk.0.attn_q.weight": [WIDTH, WIDTH],
    "blk.0.attn_k.weight": [WIDTH, WIDTH // HEADS],
    "blk.0.attn_v.weight": [WIDTH, WIDTH // HEADS],
    "blk.0.attn_output.weight": [WIDTH, WIDTH],
    "blk.0.ffn_norm.weight": [WIDTH],
    "blk.0.ffn_gate.weight": [WIDTH, HIDDEN],
    "blk.0.ffn_up.weight": [WIDTH, HIDDEN],
    "blk.0.ffn_down.weight": [HIDDEN, WIDTH],
}


def elements(dims):
    count = 1
    for dim in dims:
        count *= dim
    return count


# Type number, and a block of 32 random weights of a size that matrices have: scale, perhaps offset, numbers.
BLOCKS = {
    "Q4_0": (2, lambda numbers: struct.pack("<e", numbers.uniform(0.01, 0.1)) + numbers.randbytes(16)),
    "Q4_1": (3, lambda numbers: struct.pack("<ee", numbers.uniform(0.01, 0.1), numbers.uniform(-1, 0)) + numbers.randbytes(16)),
    "Q8_0": (8, lambda numbers: struct.pack("<e", numbers.uniform(0.001, 0.01)) + numbers.randbytes(32)),
}


def tiny_model(keys=None, tensors=None, fill=None, blocks=None):
    """The file's bytes. `keys` and `tensors` replace entries, or add them; None as a value removes one. `fill` is the
    value of every weight; without it they are random. `blocks` is the type of the matrices."""
    keys = {**KEYS, **(keys or {})}
    tensors = {**TENSORS, **(tensors or {})}
    pairs = [pair(key, *content) for key, content in keys.items() if content is not None] + spm()
    numbers = random.Random(1)
    descriptions, data = [], b""
    for name, dims in tensors.items():
        if dims is None:
            continue
        count = elements(dims)
        if blocks and len(dims) == 2:
            number, block = BLOCKS[blocks]
            descriptions.append(tensor(name, dims, number, len(data)))
            data += b"".join(block(numbers) for _ in range(count // 32))
        else:
            descriptions.append(tensor(name, dims, 0, len(data)))
            values = [numbers.uniform(-1, 1) if fill is None else fill for _ in range(count)]
            data += struct.pack(f"<{count}f", *values)
        data += bytes(-len(data) % 32)
    body = b"GGUF" + struct.pack("<IQQ", 3, len(descriptions), len(pairs)) + b"".join(pairs) + b"".join(descriptions)
    return body + bytes(-len(body) % 32) + data


__all__ = ["ARRAY", "BLOCKS", "F32", "STRING", "U32", "TENSORS", "tiny_model"]

if __name__ == "__main__":  # tiny_model.py FILE TYPE
    Path(sys.argv[1]).write_bytes(tiny_model(blocks=sys.argv[2]))
