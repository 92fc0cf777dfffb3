#!/usr/bin/env python3
"""Holds every #include to the dependency arrows between the folders: who may include whom.

Prints `file:line: what is wrong` and exits with 1 if anything is. An include of ours is written from the root, in
quotes, and names a file that exists; the system's are in angle brackets and are not looked at."""

import argparse
import re
import sys
from pathlib import Path

# (who, whom): a file belongs to the first row whose prefix it has, so special places come before their folder.
# A folder may always include itself. To allow one more arrow is a decision about the design.
ARROWS = [
    ("hal/base/", []),
    ("hal/", ["hal/base/"]),
    ("codegen/isa/", ["hal/base/"]),
    ("codegen/", ["hal/base/", "hal/program.h", "codegen/isa/"]),
    ("driver/", ["hal/"]),
    ("sim/", ["hal/base/", "driver/kernel.h", "driver/*/abi/", "codegen/isa/", "rtl/"]),
    ("runtime/", ["hal/", "codegen/"]),
    ("rtl/", []),
    ("tools/", ["hal/", "codegen/", "driver/", "sim/", "runtime/"]),
    ("tests/", ["hal/", "codegen/", "driver/", "sim/", "runtime/", "tools/", "rtl/"]),
]
# One file of the tools names every backend; the others see devices through it. The commands of the emulated machines
# are about nothing else.
BACKENDS = (("tools/backends.cc", "tools/cmd_emu.cc", "tools/bench/emu.cc"), ["driver/", "sim/"])

SOURCES = {".h", ".hh", ".hpp", ".inc", ".c", ".cc", ".cpp", ".sv", ".svh", ".v"}
INCLUDE = re.compile(r'^\s*[#`]\s*include\s*"([^"]+)"')
VERILATED = re.compile(r"^V\w+\.h$|^verilated\w*\.h$")  # generated from rtl/, without a folder


def below(path, prefix):
    """`driver/*/abi/` stands for any one vendor."""
    return re.match(re.escape(prefix).replace(r"\*", "[^/]+") + ("" if prefix.endswith("/") else "$"), path)


def complaint(root, source, included):
    if VERILATED.match(included):
        return None if source.startswith(("sim/", "tests/")) else f"only sim/ and tests/ may include {included}"
    if not (root / included).is_file():
        return f'"{included}" is not a file below the root; includes are written from the root'
    owner = next((row for row in ARROWS if below(source, row[0])), None)
    if owner is None:
        return f"{source.split('/')[0]}/ is not a folder that the arrows know"
    target = next((prefix for prefix, _ in ARROWS if below(included, prefix)), None)
    if target is None or (target != owner[0] and not any(below(included, prefix) for prefix in owner[1])):
        allowed = ", ".join(owner[1]) or "nothing but itself"
        return f"{owner[0]} may not include {included} (it may include: {allowed})"
    if source.startswith("tools/") and source not in BACKENDS[0] and included.startswith(tuple(BACKENDS[1])):
        return f"only {' and '.join(BACKENDS[0])} may include {included}"
    return None


def check(root):
    found, looked_at = [], 0
    for prefix in sorted({row[0].split("/")[0] for row in ARROWS}):
        for path in sorted((root / prefix).rglob("*")):
            if path.suffix not in SOURCES or not path.is_file():
                continue
            looked_at += 1
            source = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if match := INCLUDE.match(line):
                    if why := complaint(root, source, match[1]):
                        found.append(f"{source}:{number}: {why}")
    return found, looked_at


def main():
    parser = argparse.ArgumentParser(description="Holds every #include to the arrows between the folders.")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    found, looked_at = check(parser.parse_args().root)
    print("\n".join(found) if found else f"{looked_at} files keep to the arrows")
    sys.exit(bool(found) or looked_at == 0)


if __name__ == "__main__":
    main()
