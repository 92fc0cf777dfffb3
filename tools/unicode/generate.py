#!/usr/bin/env python3
"""Writes runtime/load/unicode_table.h: the classes of code points that pre-tokenizers tell apart.

    python3.13 tools/unicode/generate.py > runtime/load/unicode_table.h

The Unicode version is part of a tokenizer's behaviour: a character that became a letter splits text differently. The
version is llama.cpp's (src/unicode-data.cpp holds 15.1: U+2EBF0, a letter since 15.1, is one there), and Python carries
exactly that one from 3.13 on. Classes are general categories, except white space, which is the property White_Space of
PropList.txt.
"""

import sys
import unicodedata

VERSION = "15.1.0"
WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
CLASSES = {"L": "letter", "N": "number", "P": "punctuation"}


def classify(code_point):
    if code_point in WHITE_SPACE:
        return "space"
    return CLASSES.get(unicodedata.category(chr(code_point))[0], "other")


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"{sys.argv[0]}: this Python has Unicode {unicodedata.unidata_version}, the table is of {VERSION}")
    rows = []
    for code_point in range(0x110000):
        char_class = classify(code_point)
        if not rows or rows[-1][1] != char_class:
            rows.append((code_point, char_class))
    print(f"// Written by tools/unicode/generate.py from Unicode {VERSION}: where a class of code points begins.")
    print("#pragma once\n")
    print('#include "runtime/load/unicode.h"\n')
    print("namespace doorbell {\n")
    print("struct CharRange {\n  char32_t first;\n  CharClass char_class;\n};\n")
    print("// clang-format off")
    print("inline constexpr CharRange char_ranges[] = {")
    for i in range(0, len(rows), 4):
        cells = (f"{{0x{first:x}, CharClass::{char_class}}}," for first, char_class in rows[i : i + 4])
        print("    " + " ".join(cells))
    print("};\n// clang-format on\n")
    print("}  // namespace doorbell")


main()
