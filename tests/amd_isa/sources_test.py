"""Hand-written assembly: what `doorbell asm` makes of sources_test.s and what llvm-mc-19 makes of it, section by section
and symbol by symbol; and that each mistake that llvm-mc-19 refuses is refused here, where it is.

sources_test.s is cut at lines of `//// NAME [GPU ...] [wave64]`; a case that ends with `!MISTAKE: LINE:COLUMN words` must be
refused by both, with these words in our line."""

import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOORBELL = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"
GPUS = ("gfx1030", "gfx1100", "gfx1151")
ABS64, REL32, REL64, ABS32, REL32_LO, REL32_HI, ABS32_LO, ABS32_HI = 3, 4, 5, 6, 10, 11, 1, 2
UNDEFINED, ABSOLUTE, COMMON = 0, 0xFFF1, 0xFFF2


class Elf:
    """As much of a file as there is to compare."""

    def __init__(self, path):
        self.bytes = path.read_bytes()
        _, at = struct.unpack_from("<QQ", self.bytes, 32)
        count, names = struct.unpack_from("<HH", self.bytes, 60)
        rows = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, at + 64 * i) for i in range(count)]
        strings = rows[names][4]
        self.sections = []
        for name, kind, flags, va, offset, size, link, info, align, _ in rows:
            content = b"" if kind == 8 else self.bytes[offset:offset + size]
            self.sections.append({"name": self.text(strings + name), "kind": kind, "flags": flags, "va": va, "size": size,
                                  "bytes": content, "link": link, "info": info, "align": align})
        self.symbols = []
        for s in self.sections:
            if s["kind"] != 2:
                continue
            strings = rows[s["link"]][4]
            for name, info, other, section, value, size in struct.iter_unpack("<IBBHQQ", s["bytes"]):
                self.symbols.append({"name": self.text(strings + name), "type": info & 15, "binding": info >> 4, "visibility": other & 3,
                                     "section": section, "value": value, "size": size})

    def text(self, at):
        return self.bytes[at:self.bytes.index(b"\0", at)].decode()

    def section(self, name):
        return next(s for s in self.sections if s["name"] == name)

    def relocations(self, kind):
        for s in self.sections:
            if s["kind"] == kind:
                for row in struct.iter_unpack("<QQq", s["bytes"]):
                    yield s, row


class Case:
    def __init__(self, head, text):
        words = head.split()
        self.name, self.wave64 = words[0], "wave64" in words
        self.gpus = [w for w in words if w.startswith("gfx")] or GPUS
        self.text, *mistake = text.split("!MISTAKE:")
        self.mistake = mistake[0].strip() if mistake else None


def cases():
    parts = re.split(r"^//// (.*)\n", (HERE / "sources_test.s").read_text(), flags=re.M)[1:]
    return [Case(head, text) for head, text in zip(parts[::2], parts[1::2])]


class Sources(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("llvm-mc-19"):
            if os.environ.get("CI") == "true":
                raise AssertionError("missing: llvm-mc-19 (Debian: apt-get install llvm-19)")
            raise unittest.SkipTest("missing: llvm-mc-19 (Debian: apt-get install llvm-19)")
        cls.folder = Path(tempfile.mkdtemp(prefix="doorbell-amd-sources."))
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def both(self, case, gpu):
        source, theirs, ours = self.folder / "source.s", self.folder / "theirs.o", self.folder / "ours"
        for file in (theirs, ours):
            file.unlink(missing_ok=True)
        source.write_text(case.text)
        wave = ["-mattr=+wavefrontsize64"] if case.wave64 else []
        run = lambda *command: subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: E731
        return (run("llvm-mc-19", "-triple=amdgcn-amd-amdhsa", f"-mcpu={gpu}", *wave, "-filetype=obj", source, "-o", theirs),
                run(DOORBELL, "asm", "--arch", gpu, source, "-o", ours))

    def test_sources_assemble_to_the_bytes_and_symbols_of_llvm(self):
        for case in cases():
            for gpu in case.gpus if case.mistake is None else ():
                with self.subTest(case=case.name, gpu=gpu):
                    theirs, ours = self.both(case, gpu)
                    self.assertEqual(theirs.returncode, 0, theirs.stderr)
                    self.assertEqual(ours.returncode, 0, ours.stderr)
                    self.assertEqual(len(ours.stderr.splitlines()), len(re.findall(r"^\S.*: warning:", theirs.stderr, re.M)), ours.stderr)
                    self.compare(Elf(self.folder / "theirs.o"), Elf(self.folder / "ours"))

    def compare(self, theirs, ours):
        place = {s["name"]: s for s in ours.sections}
        wanted = {s["name"]: bytearray(s["bytes"]) for s in theirs.sections if s["kind"] in (1, 8) and s["size"] and not s["name"].startswith((".debug", ".comment"))}
        got = {name: bytearray(place[name]["bytes"]) if name in place else None for name in wanted}
        pointers = {offset: addend for _, (offset, _, addend) in ours.relocations(4)}

        def address(symbol):
            if symbol["section"] == ABSOLUTE:
                return symbol["value"]
            if symbol["section"] == COMMON:
                return next(s["value"] for s in ours.symbols if s["name"] == symbol["name"])
            return place[theirs.sections[symbol["section"]]["name"]]["va"] + symbol["value"]

        for section, (offset, info, addend) in theirs.relocations(4):
            name = theirs.sections[section["info"]]["name"]
            if name not in wanted:
                continue
            symbol, kind = theirs.symbols[info >> 32], info & 0xFFFFFFFF
            here = place[name]["va"] + offset
            value = address(symbol) + addend - (here if kind in (REL32, REL64, REL32_LO, REL32_HI) else 0)
            size = 8 if kind in (ABS64, REL64) else 4
            if kind in (ABS32_HI, REL32_HI):
                value >>= 32
            if kind == ABS64:
                self.assertEqual(pointers.pop(here), value)
                value = 0
            wanted[name][offset:offset + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        self.assertEqual(pointers, {})
        for name in wanted:
            self.assertIsNotNone(got[name], name)
            self.assertEqual(got[name].hex(" ", 4), wanted[name].hex(" ", 4), name)
            of_theirs = theirs.section(name)
            if of_theirs["flags"] & 2:
                self.assertEqual(place[name]["flags"] & 7, of_theirs["flags"] & 7, name)
                if name != ".bss":  # which has common symbols in a linked file
                    self.assertEqual(place[name]["align"], of_theirs["align"], name)
                self.assertEqual(place[name]["va"] % place[name]["align"], 0, name)

        def said(elf, s, linked):
            hidden = s["visibility"] in (1, 2)
            section = elf.sections[s["section"]] if s["section"] < len(elf.sections) else None
            common = s["section"] == COMMON
            return s["name"], {
                "section": ".bss" if common else section["name"] if section else s["section"],
                "value": None if common or (section and section["name"] == ".bss") else s["value"] - (section["va"] if section else 0),
                "size": s["size"], "type": s["type"], "binding": 0 if hidden else s["binding"], "visibility": s["visibility"]}

        wanted = dict(said(theirs, s, False) for s in theirs.symbols if s["section"] != UNDEFINED and s["type"] != 3
                      and not s["name"].startswith(".amdgcn."))
        got = dict(said(ours, s, True) for s in ours.symbols if s["section"] != UNDEFINED and s["type"] != 3)
        for name, symbol in wanted.items():
            if symbol["type"] != got.get(name, {}).get("type") and name.startswith("alias"):
                symbol["type"], symbol["size"] = got[name]["type"], got[name]["size"]  # LLVM's has those of what it stands for
        self.assertEqual(got, wanted)

    def test_mistakes_are_refused_as_by_llvm_and_named_where_they_are(self):
        seen = 0
        for case in cases():
            for gpu in case.gpus[:1] if case.mistake is not None else ():
                with self.subTest(case=case.name):
                    seen += 1
                    theirs, ours = self.both(case, gpu)
                    self.assertNotEqual(theirs.returncode, 0, "llvm-mc-19 takes it")
                    self.assertEqual(ours.returncode, 1, ours.stderr)
                    self.assertEqual(len(ours.stderr.splitlines()), 1, ours.stderr)
                    at, words = case.mistake.split(" ", 1)
                    self.assertIn(f"source.s:{at}: ", ours.stderr)
                    self.assertIn(words, ours.stderr)
        self.assertGreaterEqual(seen, 60)

    def test_every_directive_stands_in_a_source_that_assembles(self):
        tables = [(HERE.parent.parent / "codegen/isa/amd" / f).read_text() for f in ("directives.cc", "source.cc")]
        known = {n for t in tables for n in re.findall(r'\{"(\.[a-z0-9_.]+)",\s+(?:&Assembler|Act)::', t)}
        self.assertGreater(len(known), 90)
        used = {w.lower() for c in cases() if c.mistake is None for w in re.findall(r"(?<![\w.])\.[a-zA-Z0-9_.]+", c.text)}
        self.assertEqual(known - used - {".address"}, set())  # which is ours

    def test_endless_expansion_ends_with_an_error(self):
        head = '.amdgcn_target "amdgcn-amd-amdhsa--gfx1100"\n'
        for source, *words in (
                (".macro m\nm\n.endm\nm\n", ":3:1: ", "more than 20 macros and loops within each other", "in macro `m` at 5:1"),
                (".macro m x\nm \\x\\x\\x\\x\\x\\x\\x\\x\n.endm\nm abcdefgh\n", ":3:", "too much text"),
                (".macro m\nm\nm\nm\nm\n.endm\nm\n", "more than 20"),
                ("".join(f".macro m{i}\n{f'm{i + 1}' + chr(10)}{f'm{i + 1}' + chr(10)}{f'm{i + 1}' + chr(10)}.endm\n" for i in range(18)) +
                 ".macro m18\n.byte 1\n.endm\nm0\n", "too many lines"),
                (".rept 1000000000000\n.byte 1\n.endr\n", ":2:1: ", "too many lines"),
                (".rept 1000000\n.rept 1000000\n.byte 1\n.endr\n.endr\n", ":3:1: ", "too many lines", "in .rept at 2:1"),
                (".rept 1000000000000\n.endr\n.byte 1", ""),
                (".zero 1000000000000\n", ":2:", "more than 268435456 bytes"),
                ("a: .skip b - a + 1\nb:\n", "depends on itself")):
            with self.subTest(source=source[:60]):
                path = self.folder / "endless.s"
                path.write_text(head + source)
                done = subprocess.run([DOORBELL, "asm", path, "-o", self.folder / "out"], capture_output=True, text=True, check=False, timeout=60)
                for word in words:
                    self.assertIn(word, done.stderr)
                self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1) if words[0] else (0, 0), done.stderr)


if __name__ == "__main__":
    unittest.main()
