"""IEEE floats of 16, 32 and 64 bits as bit patterns, computed by MPFR."""

import functools
import math
import struct

import gmpy2

RNE, UP, DOWN, ZERO = gmpy2.RoundToNearest, gmpy2.RoundUp, gmpy2.RoundDown, gmpy2.RoundToZero
_exact = gmpy2.context(precision=4096)
_MPFR = type(gmpy2.mpfr(0))


@functools.cache
def _rounding(precision, mode):
    return gmpy2.context(precision=precision, round=mode)


class Accept:
    """A result that is not one pattern of bits: `holds(bits)` says whether it is right."""

    def __init__(self, what, holds):
        self.what, self.holds = what, holds

    def __repr__(self):
        return self.what


class Float:
    def __init__(self, bits, precision, pack):
        self.bits, self.precision = bits, precision
        self.mantissa = precision - 1
        self.exponent_bits = bits - precision
        self.bias = (1 << self.exponent_bits - 1) - 1
        self.sign = 1 << bits - 1
        self.mantissa_mask = (1 << precision - 1) - 1
        self.all = (1 << bits) - 1
        self.inf = ((1 << self.exponent_bits) - 1) << self.mantissa
        self.quiet = 1 << self.mantissa - 1
        self.nan = self.inf | self.quiet
        self.max = self.inf - 1
        self.one = self.bias << self.mantissa
        self.min_normal = 1 << self.mantissa
        self.rounding = RNE
        self._float, self._int = struct.Struct("<" + pack[0]), struct.Struct("<" + pack[1])
        # Sums and products are exact in so many bits, and quotients and roots no tie where they are not.
        self._exact = gmpy2.context(precision=64 + 4 * (self.bias + precision))
        self.any_nan = Accept("a quiet NaN", lambda b: self.is_nan(b) and b & self.quiet)

    # Classes of bits.
    def magnitude(self, b):
        return b & (self.sign - 1)

    def is_nan(self, b):
        return self.magnitude(b) > self.inf

    def is_snan(self, b):
        return self.is_nan(b) and not b & self.quiet

    def is_inf(self, b):
        return self.magnitude(b) == self.inf

    def is_zero(self, b):
        return self.magnitude(b) == 0

    def is_denormal(self, b):
        return 0 < self.magnitude(b) < self.min_normal

    def negative(self, b):
        return bool(b & self.sign)

    def exponent(self, b):
        """The field."""
        return (b & self.inf) >> self.mantissa

    def signed(self, b, negative):
        return self.magnitude(b) | (self.sign if negative else 0)

    def flush(self, b):
        return b & self.sign if self.is_denormal(b) else b

    # Values. Every finite value of the three formats is a double.
    def value(self, b):
        return self._float.unpack(self._int.pack(b))[0]

    def mpfr(self, b):
        return gmpy2.mpfr(self.value(b), 53)

    def exactly(self, b):
        """A finite one as a fraction."""
        return gmpy2.mpq(self.value(b))

    def pattern(self, value):
        """The bits of what is representable."""
        if gmpy2.is_nan(value):
            return self.any_nan
        return self._int.unpack(self._float.pack(float(value)))[0]

    def round(self, value, mode=None):
        """The bits of a number rounded to this format: once, with as many bits as a denormal has."""
        mode = self.rounding if mode is None else mode
        value = gmpy2.mpfr(value) if isinstance(value, int) and abs(value) < 1 << 53 else value
        if not isinstance(value, _MPFR):
            value = gmpy2.mpfr(value, 1024)
        if gmpy2.is_nan(value):
            return self.any_nan
        sign = self.sign if gmpy2.is_signed(value) else 0
        if value == 0 or gmpy2.is_infinite(value):
            return sign | (0 if value == 0 else self.inf)
        away = mode == (DOWN if sign else UP)
        normal = 2 - self.bias  # the exponent of the least normal number, its mantissa below 1
        precision = min(self.precision, self.precision - (normal - gmpy2.get_exp(value)))
        if precision <= 0:
            half = _exact.exp2(normal - self.precision - 1)
            return sign | int(away or mode == RNE and abs(value) > half)
        rounded = _rounding(precision, mode).plus(value)
        if gmpy2.get_exp(rounded) > self.bias + 1:
            return sign | (self.inf if away or mode == RNE else self.max)
        return self.pattern(rounded)

    def _do(self, name, operands, mode):
        if any(self.is_nan(b) for b in operands):
            return self.any_nan
        mode = self.rounding if mode is None else mode
        operands = [self.mpfr(b) for b in operands]
        result = getattr(self._exact, name)(*operands)
        if name in ("add", "fma") and result == 0:  # exact, so that its sign is of the mode
            result = getattr(_rounding(53, mode), name)(*operands)
        return self.round(result, mode)

    def add(self, a, b, mode=None):
        return self._do("add", (a, b), mode)

    def sub(self, a, b, mode=None):
        return self.add(a, b ^ self.sign, mode)

    def mul(self, a, b, mode=None):
        return self._do("mul", (a, b), mode)

    def fma(self, a, b, c, mode=None):
        return self._do("fma", (a, b, c), mode)

    def div(self, a, b, mode=None):
        return self._do("div", (a, b), mode)

    def sqrt(self, a, mode=None):
        return self._do("sqrt", (a,), mode)

    def ldexp(self, a, n, mode=None):
        if self.is_nan(a):
            return self.any_nan
        if self.is_inf(a) or self.is_zero(a):
            return a
        n = max(-5000, min(5000, n))
        return self.round(_exact.mul(self.mpfr(a), _exact.exp2(n)), mode)

    def near(self, exact, ulps, mode=None):
        """`exact` (an mpfr of many bits) to within `ulps` of this format."""
        if gmpy2.is_nan(exact):
            return self.any_nan
        best = self.round(exact, mode)
        if gmpy2.is_infinite(exact) or self.is_zero(best) and exact == 0:
            return best

        def holds(b):
            if b == best:
                return True
            if self.is_nan(b):
                return False
            # An infinity stands for the number after the greatest.
            v = self.mpfr(b) if not self.is_inf(b) else math.copysign(2.0 ** (self.bias + 1), -1 if b & self.sign else 1) \
                if self.bits < 64 else gmpy2.mpfr(self.value(b))
            e = max(gmpy2.get_exp(exact) - self.precision, 2 - self.bias - self.precision)
            return abs(_exact.sub(gmpy2.mpfr(v), exact)) <= _exact.mul(gmpy2.mpfr(ulps), _exact.exp2(e))

        return Accept(f"{float(exact)!r} ({best:#x}) within {ulps} ulp", holds)

    def less(self, a, b):
        return self.value(a) < self.value(b)


F16 = Float(16, 11, "eH")
F32 = Float(32, 24, "fI")
F64 = Float(64, 53, "dQ")
FORMATS = {"f16": F16, "f32": F32, "f64": F64}


class BFloat(Float):
    """The upper half of an f32."""

    def __init__(self):
        super().__init__(16, 8, "eH")

    def value(self, b):
        return F32.value(b << 16)

    def exactly(self, b):
        """A finite one as a fraction."""
        return gmpy2.mpq(self.value(b))

    def pattern(self, value):
        b = F32.pattern(value)
        return self.any_nan if isinstance(b, Accept) else b >> 16


BF16 = BFloat()


def convert(a, source, to, mode=None):
    """A float of one format as another."""
    if source.is_nan(a):
        return to.any_nan
    if source.is_inf(a) or source.is_zero(a):
        return (to.inf if source.is_inf(a) else 0) | (to.sign if source.negative(a) else 0)
    return to.round(source.mpfr(a), mode)


def to_integer(a, source, low, high, rounding=math.trunc):
    """Saturating; NaN is 0."""
    if source.is_nan(a):
        return 0
    if source.is_inf(a):
        return low if source.negative(a) else high
    return max(low, min(high, rounding(source.value(a))))
