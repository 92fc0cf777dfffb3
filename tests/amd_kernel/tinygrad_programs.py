"""Programs for tinygrad, whose AMD backend is a driver of its own: it opens /dev/kfd, makes compute and SDMA queues, and
writes their packets itself. Each compares with numpy; run with their names, they print `NAME ok` one after the other."""

import sys
import tempfile

import numpy
from tinygrad import Device, Tensor, TinyJit, dtypes
from tinygrad.device import Compiled
from tinygrad.helpers import ProfileRangeEvent

RANDOM = numpy.random.default_rng(1)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(numpy.float32)


def close(tensor, expected, tolerance=1e-5):
    numpy.testing.assert_allclose(tensor.numpy(), expected, rtol=tolerance, atol=tolerance)


def elementwise():
    a, b = floats(1000), floats(1000)
    ta, tb = Tensor(a), Tensor(b)
    close((ta * 2 - tb).maximum(0) + ta.exp(), numpy.maximum(a * 2 - b, 0) + numpy.exp(a))
    i, j = (RANDOM.integers(1, limit, 500, dtype=numpy.int32) for limit in (2**31 - 1, 1000))
    numpy.testing.assert_array_equal((Tensor(i) // Tensor(j)).numpy(), i // j)


def reductions():
    a = floats(129, 65)
    close(Tensor(a).sum(1), a.sum(1), 1e-4)
    close(Tensor(a).argmax(0), a.argmax(0))
    e = numpy.exp(a - a.max(1, keepdims=True))
    close(Tensor(a).softmax(1), e / e.sum(1, keepdims=True))


def products():
    """Through WMMA: tinygrad takes tensor cores wherever type and shape allow."""
    a, b = floats(32, 32).astype(numpy.float16), floats(32, 32).astype(numpy.float16)
    close(Tensor(a).matmul(Tensor(b), dtype=dtypes.float32), a.astype(numpy.float32) @ b.astype(numpy.float32), 1e-3)


def copies():
    """In and out, and from a file, by SDMA; sizes off every boundary."""
    for size in (1, 5, 4097, (1 << 20) + 3):
        a = RANDOM.integers(0, 256, size, dtype=numpy.uint8)
        numpy.testing.assert_array_equal(Tensor(a).contiguous().realize().numpy(), a)
    with tempfile.NamedTemporaryFile() as file:
        a.tofile(file.name)
        copied = Tensor.empty(a.size, dtype=dtypes.uint8, device=f"disk:{file.name}").to(Device.DEFAULT).realize()
        numpy.testing.assert_array_equal(copied.numpy(), a)


def training():
    """A network learns its batch by heart; from the third step on, steps are replayed command buffers."""
    kernel, matrix = (Tensor(floats(*shape) * 0.2).realize() for shape in ((4, 1, 3, 3), (4 * 36, 4)))
    images, labels = Tensor(floats(8, 1, 8, 8)).realize(), Tensor(RANDOM.integers(0, 4, 8).astype(numpy.int32)).realize()

    @TinyJit
    def step():
        loss = (images.conv2d(kernel).relu().flatten(1) @ matrix).sparse_categorical_crossentropy(labels)
        slopes = loss.gradient(kernel, matrix)
        Tensor.realize(loss, *(weights.assign(weights - slope * 0.1) for weights, slope in zip((kernel, matrix), slopes)))
        return loss

    losses = [step().item() for _ in range(8)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0] / 2, losses


def timestamps():
    """Each kernel and copy ends after it began, and what one queue does comes one after the other."""
    Device[Device.DEFAULT].synchronize()
    Device[Device.DEFAULT]._at_profile_finalize()
    ranges = {}
    for event in Compiled.profile_events:
        if isinstance(event, ProfileRangeEvent) and event.device.startswith("AMD"):
            ranges.setdefault(event.device, []).append((event.st, event.en))
    assert len(ranges) == 2 and all(len(times) > 3 for times in ranges.values()), ranges.keys()
    for times in ranges.values():
        at = 0
        for begin, end in times:
            assert at <= begin < end, times
            at = end


def two_devices():
    """Copies between the cards, sums over both, and a replayed step that needs them."""
    cards = tuple(f"{Device.DEFAULT}:{i}" for i in range(2))
    a, w = floats(16, 64), floats(64, 8)
    there = Tensor(a).to(cards[1]).realize()
    close(there.to(cards[0]), a)
    weights = Tensor(w).shard(cards).realize()

    @TinyJit
    def step(x):
        return (x @ weights).relu().sum(0).realize()

    for _ in range(4):
        a = floats(16, 64)
        close(step(Tensor(a).shard(cards, axis=0).realize()), numpy.maximum(a @ w, 0).sum(0), 1e-4)


for name in sys.argv[1:]:
    globals()[name]()
    print(name, "ok", flush=True)
