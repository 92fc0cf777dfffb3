"""A program of tests/amd_kernels: what its `//!` lines say, its code object, its arguments, its host twin.

The lines, in the order of the kernel's parameters:
  //! grid X [Y [Z]] group X [Y [Z]]     work-items of the grid and of a workgroup
  //! arch PREFIX                        only for processors of that name (default: all)
  //! error E                            floats may differ by the factor 1 +- E (default: equal, NaN equals NaN)
  //! NAME TYPE[COUNT] [FILL]            a buffer; filled with `bits` (any), `uniform LOW HIGH`, `integers LOW HIGH`,
                                         `iota`, `zero`; without one, it is only written
  //! NAME TYPE VALUE                    a value

The twin gets the arguments as a C structure, which is how a kernel gets them: kernarg segments have C's layout."""

import ctypes
import re
import subprocess
import zlib
from pathlib import Path

import numpy

FOLDER = Path(__file__).resolve().parent / "programs"
TYPES = {"uchar": "u1", "ushort": "u2", "uint": "u4", "ulong": "u8", "int": "i4", "long": "i8",
         "half": "f2", "float": "f4", "double": "f8"}
UNWRITTEN = 0x5B  # the byte with which a buffer without a FILL starts on both sides


class Argument:
    def __init__(self, program, name, kind, count, words):
        self.name, self.count = name, count
        self.type = numpy.dtype(TYPES[kind])
        self.initial = numpy.array([float(words[0]) if self.type.kind == "f" else int(words[0], 0)], self.type) \
            if count is None else self.fill(numpy.random.default_rng(zlib.crc32(f"{program} {name}".encode())), words)

    def fill(self, random, words):
        how, *bounds = words or ["unwritten"]
        low, high = map(float, bounds or (0, 0))
        if how == "unwritten":
            return numpy.frombuffer(bytes([UNWRITTEN]) * (self.count * self.type.itemsize), self.type)
        if how == "uniform":
            return random.uniform(low, high, self.count).astype(self.type)
        if how == "integers":
            return random.integers(int(low), int(high), self.count).astype(self.type)
        if how == "iota":
            return numpy.arange(self.count).astype(self.type)
        if how == "zero":
            return numpy.zeros(self.count, self.type)
        assert how == "bits", how
        values = numpy.frombuffer(random.bytes(self.count * self.type.itemsize), self.type).copy()
        if self.type.kind == "f":  # what random bits seldom are
            info = numpy.finfo(self.type)
            special = [0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 1.0, -1.0, info.max, info.tiny, info.smallest_subnormal]
            at = random.choice(self.count, self.count // 4, replace=False)
            values[at] = numpy.resize(numpy.array(special, self.type), at.size)
        return values


class Program:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        self.arch, self.error, self.arguments = "", 0.0, []
        for words in (line[3:].split() for line in path.read_text().splitlines() if line.startswith("//!")):
            if words[0] == "grid":
                at = words.index("group")
                self.grid, self.group = ([int(x) for x in (part + ["1", "1"])[:3]] for part in (words[1:at], words[at + 1:]))
            elif words[0] == "arch":
                self.arch = words[1]
            elif words[0] == "error":
                self.error = float(words[1])
            else:
                kind, count = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", words[1]).groups()
                self.arguments.append(Argument(self.name, words[0], kind, count and int(count), words[2:]))

    def compile(self, arch, level, output):
        if self.path.suffix == ".cl":
            command = ["clang-19", "-target", "amdgcn-amd-amdhsa", f"-mcpu={arch}", "-x", "cl", "-cl-std=CL2.0", "-Xclang",
                       "-finclude-default-header", "-cl-fp32-correctly-rounded-divide-sqrt"]
        else:
            command = ["clang++-19", "-x", "hip", "--cuda-device-only", "--no-gpu-bundle-output", f"--offload-arch={arch}",
                       "-nogpuinc", "-fhip-fp32-correctly-rounded-divide-sqrt"]
        subprocess.run(command + [f"-O{level}", "-nogpulib", "-ffp-contract=off", "-fwrapv", self.path, "-o", output], check=True,
                       stdin=subprocess.DEVNULL)
        return output

    def segment(self, addresses):
        """The kernel's explicit arguments: an address for each buffer, in order, and the values."""
        data, addresses = b"", iter(addresses)
        for a in self.arguments:
            value = next(addresses).to_bytes(8, "little") if a.count else a.initial.tobytes()
            data += bytes(-len(data) % len(value)) + value
        return data

    def buffers(self):
        return [a.initial.copy() for a in self.arguments if a.count]

    def expected(self, folder):
        """What the buffers hold after the twin, which is compiled by the same clang for this host."""
        library = folder / f"{self.path.name}.so"
        subprocess.run(["clang-19", "-x", "c", "-std=c11", "-O1", "-ffp-contract=off", "-fwrapv", "-fPIC", "-shared",
                        self.path, "-o", library, "-lm"], check=True, stdin=subprocess.DEVNULL)
        buffers = self.buffers()
        segment = ctypes.create_string_buffer(self.segment([b.ctypes.data for b in buffers]))
        ctypes.CDLL(str(library)).twin(segment)
        return buffers

    def difference(self, got, wanted):
        """One line on the first element that differs, or None."""
        for argument, g, w in zip((a for a in self.arguments if a.count), got, wanted):
            same = g == w
            if argument.type.kind == "f":
                same |= numpy.isnan(g) & numpy.isnan(w)
                if not self.error:  # of equal floats only the zeros have two spellings
                    same &= numpy.isnan(w) | (numpy.signbit(g) == numpy.signbit(w))
                same |= numpy.abs(g.astype(float) - w) <= self.error * numpy.abs(w.astype(float)) if self.error else False
            if not same.all():
                i = int(numpy.flatnonzero(~same)[0])
                return f"{argument.name}[{i}] is {g[i]!r}, the twin has {w[i]!r} ({int((~same).sum())} of {same.size} differ)"
        return None


def hidden_arguments(code_object):
    """(offset, size, kind) of the arguments that the compiler added to kernel k, and the size of the whole segment:
    from the code object's notes, as LLVM prints them."""
    notes = subprocess.run(["llvm-readelf-19", "--notes", code_object], check=True, capture_output=True, text=True).stdout
    hidden = re.findall(r"\.offset: +(\d+)\s+\.size: +(\d+)\s+\.value_kind: +(hidden_\w+)", notes)
    return [(int(o), int(s), k) for o, s, k in hidden], int(re.search(r"\.kernarg_segment_size: +(\d+)", notes)[1])


def kernarg(program, code_object, addresses):
    hidden, size = hidden_arguments(code_object)
    data = bytearray(program.segment(addresses).ljust(size, b"\0"))
    for offset, width, kind in hidden:
        name, _, axis = kind.removeprefix("hidden_").rpartition("_")
        d = "xyz".find(axis)
        value = {"block_count": program.grid[d] // program.group[d], "group_size": program.group[d],
                 "remainder": program.grid[d] % program.group[d]}.get(name, 0) if d >= 0 else \
            3 if kind == "hidden_grid_dims" else 0
        data[offset:offset + width] = value.to_bytes(width, "little")
    return bytes(data)


def programs():
    return [Program(path) for path in sorted(FOLDER.iterdir()) if path.suffix in (".cl", ".hip")]
