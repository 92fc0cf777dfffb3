#!/usr/bin/env python3
"""Random UTF-8 strings that are hard on tokenizers: scripts side by side, emoji with joiners and modifiers, runs of white
space, digits of many scripts, control characters, combining marks, contractions, names of special tokens.

    random_text.py SEED COUNT > records      each: u32 little-endian length, bytes
"""

import random
import struct
import sys

RANGES = {
    "ascii": [(0x20, 0x7E)],
    "latin": [(0xC0, 0x24F), (0x1E00, 0x1EFF)],
    "greek_cyrillic": [(0x370, 0x52F)],
    "semitic": [(0x590, 0x6FF)],
    "indic_thai": [(0x900, 0xE7F)],
    "cjk": [(0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x3400, 0x4DBF), (0x2EBF0, 0x2EC10)],
    "emoji": [(0x1F300, 0x1FAFF), (0x2600, 0x27BF), (0x1F1E6, 0x1F1FF)],
    "marks": [(0x300, 0x36F), (0x1AB0, 0x1AFF), (0xFE00, 0xFE0F), (0x200B, 0x200F)],
    "numbers": [(0x30, 0x39), (0xB2, 0xB3), (0xBC, 0xBE), (0x660, 0x669), (0x966, 0x96F), (0x2150, 0x2189), (0x1D7CE, 0x1D7FF)],
    "symbols": [(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0x2000, 0x206F), (0x20A0, 0x22FF)],
    "control": [(0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0xE000, 0xE010)],
    "anything": [(0x00, 0xD7FF), (0xE000, 0x10FFFF)],
}
SPACES = [" ", " ", " ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u202f", "\u3000"]
WORDS = [
    "hello", "world", "The", " quick", " brown", "don't", "I'll", "WE'RE", "'s", "'S", "'tis", "'ve", "'LL", "'re", "'", "''d",
    "token", "ization", "\u2581", "\u2581\u2581the", "e\u0301", "na\u00efve", "1st", "2024-01-31", "3.14159", "0x1F", "1,000,000",
    "def f(x):\n    return x", "</div>", "{\"a\": [1, 2]}", "http://a.b/c?d=e&f", "foo_bar", "::", "==", "!!", "...", "\u2026",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\u4f60\u597d\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f",
    "\u043f\u0440\u0438\u0432\u0435\u0442", "\u0645\u0631\u062d\u0628\u0627", "\ud55c\uad6d\uc5b4", "Stra\u00dfe", "\u017f", "\u212a",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|begin_of_text|>", "<s>", "</s>", "<unk>", "<0x0A>", "<|", "|>",
]


def piece(rng):
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(WORDS)
    if kind < 0.40:
        return rng.choice(SPACES) * rng.choice([1, 1, 1, 2, 3, 5, 9])
    if kind < 0.48:
        return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 6)))
    if kind < 0.55:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 12)))
    if kind < 0.60:
        return rng.choice(["a", "'", "\n", "-", "\u0301", "\u4e00", "\U0001f600", "x "]) * rng.randint(2, 40)
    ranges = RANGES[rng.choice(list(RANGES))]
    low, high = rng.choice(ranges)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 10)))


def main():
    seed, count = (int(argument) for argument in sys.argv[1:])
    rng = random.Random(seed)
    for _ in range(count):
        text = "".join(piece(rng) for _ in range(rng.choice([1, 1, 2, 3, 5, 8, 13, 30])))
        data = "".join(c for c in text if not 0xD800 <= ord(c) <= 0xDFFF).encode()
        sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)


main()
