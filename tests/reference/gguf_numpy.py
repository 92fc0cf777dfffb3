"""A GGUF file as numpy arrays: the reader that the numpy reference stands on.

It shares nothing with the C++ reader, so that the two can be held against each other. It trusts its input:
hostile files are the C++ reader's subject, not this one's.

Facts: the layout of the file is ggml's docs/gguf.md (versions 2 and 3); type numbers and block layouts are
`enum ggml_type` and the block structs of ggml/src/ggml-common.h:
    F32, F16, BF16   plain elements
    Q4_0 (18 bytes)  f16 d; 16 bytes, low nibbles are elements 0..15, high nibbles 16..31; (q - 8) * d
    Q4_1 (20 bytes)  f16 d, f16 m; nibbles as above; q * d + m
    Q8_0 (34 bytes)  f16 d; 32 int8; q * d
"""

import struct

import numpy as np

_SCALARS = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8",
            12: "<f8"}
_STRING, _ARRAY = 8, 9


def _nibbles(packed):
    return np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float64)


def _column(block, offset):
    """The f16 at `offset` of every block, as a column of float64."""
    return np.ascontiguousarray(block[:, offset:offset + 2]).view("<f2").astype(np.float64)


# type number: (name, elements a block, bytes a block, blocks as rows of bytes -> float64 values)
TYPES = {
    0: ("F32", 1, 4, lambda b: b.view("<f4").astype(np.float64)),
    1: ("F16", 1, 2, lambda b: b.view("<f2").astype(np.float64)),
    2: ("Q4_0", 32, 18, lambda b: (_nibbles(b[:, 2:]) - 8) * _column(b, 0)),
    3: ("Q4_1", 32, 20, lambda b: _nibbles(b[:, 4:]) * _column(b, 0) + _column(b, 2)),
    8: ("Q8_0", 32, 34, lambda b: b[:, 2:].view("i1").astype(np.float64) * _column(b, 0)),
    30: ("BF16", 1, 2, lambda b: (b.view("<u2").astype("<u4") << 16).view("<f4").astype(np.float64)),
}


class Gguf:
    """`meta` maps keys to values, `tensors` maps names to (type name, shape in numpy's order, block bytes)."""

    def __init__(self, path):
        self.data = np.memmap(path, dtype=np.uint8, mode="r")
        self.at = 0
        magic, version, tensor_count, pair_count = self._unpack("<4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"{path}: not a GGUF file of version 2 or 3: {magic!r}, {version}")
        self.meta = {}
        for _ in range(pair_count):
            key = self._string()
            self.meta[key] = self._value(*self._unpack("<I"))
        self.pairs_end = self.at
        infos = []
        for _ in range(tensor_count):
            name = self._string()
            shape = self._unpack(f"<{self._unpack('<I')[0]}Q")
            infos.append((name, shape, *self._unpack("<IQ")))
        alignment = self.meta.get("general.alignment", 32)
        self.infos_end = self.at
        self.base = base = -(-self.at // alignment) * alignment
        self.tensors = {}
        for name, shape, type_number, offset in infos:
            if type_number not in TYPES:
                raise ValueError(f"{path}: tensor {name} has type {type_number}, which this reader does not know")
            type_name, elements, size, _ = TYPES[type_number]
            count = int(np.prod(shape)) // elements
            raw = self.data[base + offset:base + offset + count * size].reshape(count, size)
            # GGUF lists the fastest dimension first; numpy lists it last.
            self.tensors[name] = (type_name, tuple(int(n) for n in reversed(shape)), raw)

    def tensor(self, name):
        """The dequantised tensor as float64. Exact for every type: an f16 times 15, plus an f16, spans 44 bits."""
        type_name, shape, raw = self.tensors[name]
        decode = next(row[3] for row in TYPES.values() if row[0] == type_name)
        return decode(np.array(raw)).reshape(shape)

    def _unpack(self, layout):
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def _string(self):
        length, = self._unpack("<Q")
        return self._unpack(f"<{length}s")[0].decode("utf-8", "surrogateescape")

    def _value(self, type_number):
        if type_number == _STRING:
            return self._string()
        if type_number == _ARRAY:
            element, count = self._unpack("<IQ")
            if element in _SCALARS:
                dtype = np.dtype(_SCALARS[element])
                values = np.frombuffer(self.data, dtype, count, self.at)
                self.at += count * dtype.itemsize
                return values
            return [self._value(element) for _ in range(count)]
        dtype = np.dtype(_SCALARS[type_number])
        value = np.frombuffer(self.data, dtype, 1, self.at)[0].item()
        self.at += dtype.itemsize
        return value


def extended(path, pairs, tensors):
    """The bytes of the file at `path` with more in it: `pairs` maps keys to strings, floats or integers, `tensors`
    names to arrays, which become F32."""
    def string(text):
        return struct.pack("<Q", len(text)) + text.encode()

    old = Gguf(path)
    raw = old.data.tobytes()
    alignment = old.meta.get("general.alignment", 32)
    def typed(value):
        if isinstance(value, str):
            return struct.pack("<I", _STRING) + string(value)
        return struct.pack("<If", 6, value) if isinstance(value, float) else struct.pack("<II", 4, value)

    more_pairs = b"".join(string(key) + typed(value) for key, value in pairs.items())
    data, infos = raw[old.base:], b""
    for name, array in tensors.items():
        data += bytes(-len(data) % alignment)
        infos += string(name) + struct.pack(f"<I{array.ndim}QIQ", array.ndim, *reversed(array.shape), 0, len(data))
        data += array.astype("<f4").tobytes()
    version, tensor_count, pair_count = struct.unpack_from("<IQQ", raw, 4)
    head = (b"GGUF" + struct.pack("<IQQ", version, tensor_count + len(tensors), pair_count + len(pairs)) +
            raw[24:old.pairs_end] + more_pairs + raw[old.pairs_end:old.infos_end] + infos)
    return head + bytes(-len(head) % alignment) + data
