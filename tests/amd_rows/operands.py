"""Kinds of operands: their edge cases, their constants, and what modifiers do to them."""

import functools

import numpy as np

from floats import BF16, F16, F32, F64, FORMATS


class Kind:
    """u32, i16, b64, f32, m (a lane mask), 2f16 (a packed pair), 4u8, ..."""

    def __init__(self, name):
        self.name = name
        rest = name.lstrip("0123456789")
        self.count = int(name[:len(name) - len(rest)] or 1)
        self.mask = name == "m"
        letters = rest.rstrip("0123456789")
        self.letter = "f" if letters == "bf" else letters
        self.bits = 1 if self.mask else int(rest[len(letters):])
        self.float = FORMATS.get(rest) if letters == "f" else BF16 if rest == "bf16" else None
        self.signed = letters == "i"
        self.total = self.bits * self.count
        self.dwords = max(1, self.total // 32)
        self.packed = self.count > 1

    def low_high(self):
        return (-(1 << self.bits - 1), (1 << self.bits - 1) - 1) if self.signed else (0, (1 << self.bits) - 1)


@functools.cache
def kind(name):
    return Kind(name)


def sign_extend(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


@functools.cache
def edges(bits, is_float):
    if is_float:
        f = {16: F16, 32: F32, 64: F64}[bits]
        some = [0, 1, 2, f.min_normal - 1, f.min_normal, f.min_normal + 1, f.one, f.one - 1, f.one + 1, f.max, f.max - 1,
                f.inf, f.nan, f.inf | 1, f.inf | f.quiet >> 1, f.inf | f.quiet | 5, f.round(0.5), f.round(0.5) - 1,
                f.round(1.5), f.round(2.5), f.round(3.5), f.round(255.5), f.round(100.25), f.round(2.0), f.round(0.25),
                f.round(65504), f.round(2048.5), f.one + (10 << f.mantissa)]
        if bits > 16:
            some += [f.round(x) for x in (2**31, 2**31 - 1, 2**32, 2**32 - 1, 65519, 65520, 65536, 2.0**-24, 2.0**-25, 2.0**-14,
                                          8388607.5, 8388608.5, 32767.5, 1e-40)]
        some += [b | f.sign for b in some]
    else:
        top = 1 << bits - 1
        some = [0, 1, 2, 3, top - 1, top, top + 1, 2 * top - 1, 2 * top - 2, bits - 1, bits, bits + 1]
        some += [x % (2 * top) for x in (0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffff, 0x800000,
                                         0xffffff)]
    return np.array(some, np.uint64)


def elements(rng, k, n):
    """n elements' bits: edge cases, numbers of common size, or anything."""
    bits = k.bits if k.bits >= 16 else 8
    which = rng.random(n)
    value = rng.integers(0, 1 << bits, n, np.uint64, endpoint=False) if bits < 64 else rng.integers(0, (1 << 64) - 1, n, np.uint64)
    some = edges(bits, k.letter == "f") if bits >= 16 else value
    if k.letter == "f":
        f = k.float
        common = value & np.uint64(f.mantissa_mask | f.sign) | (rng.integers(-8, 9, n) + f.bias).astype(np.uint64) << np.uint64(f.mantissa)
        value = np.where(which < 0.65, common, value)
    else:
        value = np.where(which < 0.5, value % np.uint64(40), value)
    return np.where(which < 0.35, some[rng.integers(0, len(some), n)], value)


def patterns(rng, k, n):
    """The bits of n operands."""
    width = k.bits if k.bits >= 16 else 8
    if k.mask:
        return [int(x) for x in rng.integers(0, (1 << 64) - 1, n, np.uint64, endpoint=True)]
    total = [0] * n
    for part in range(0, max(k.total, width), width):
        total = [t | x << part for t, x in zip(total, elements(rng, k, n).tolist())]
    return total


def pattern(rng, k):
    return patterns(rng, k, 1)[0]


# Inline constants (RDNA3 ISA, "Scalar ALU operands"): integers from -16 to 64 and these.
INLINE_FLOATS = {"0.5": 0.5, "-0.5": -0.5, "1.0": 1.0, "-1.0": -1.0, "2.0": 2.0, "-2.0": -2.0, "4.0": 4.0, "-4.0": -4.0}
INVERSE_TWO_PI = {16: 0x3118, 32: 0x3e22f983, 64: 0x3fc45f306dc9c882}


def inline(rng, k):
    """The text and the bits of an inline constant as an operand of this kind."""
    bits = 64 if k.bits == 64 else 32
    which = rng.random()
    if k.letter == "f" and which < 0.6:
        if which < 0.05:
            return "0.15915494309189532", INVERSE_TWO_PI[k.bits]
        text = list(INLINE_FLOATS)[int(rng.integers(0, len(INLINE_FLOATS)))]
        return text, k.float.round(INLINE_FLOATS[text])
    n = int(rng.integers(-16, 65))
    return str(n), n & (1 << bits) - 1


def literal(rng, k):
    """A literal of 32 bits: the upper half of an f64, extended to 64 bits for integers."""
    value = pattern(rng, kind("u32" if k.bits == 64 else k.name)) & (0xffff if k.bits == 16 else 0xffffffff)
    if k.bits == 64:  # not one that is an inline constant, nor one that would be extended by its sign
        value = value & 0x7fffffff | 0x100
    if k.float is F64:
        return f"{value:#x}", value << 32
    return f"{value:#x}", value
