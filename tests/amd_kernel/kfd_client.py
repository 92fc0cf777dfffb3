"""A client of /dev/kfd in plain Python: fcntl.ioctl, mmap and struct, as small drivers are written.

Programs import it inside of `doorbell emu`. Formats: Linux include/uapi/linux/kfd_ioctl.h."""

import fcntl
import mmap
import os
import struct

VRAM, GTT, WRITABLE, EXECUTABLE, PUBLIC = 1, 2, 1 << 31, 1 << 30, 1 << 29


class Kfd:
    def __init__(self, card=0):
        self.fd = os.open("/dev/kfd", os.O_RDWR | os.O_CLOEXEC)
        node = f"/sys/devices/virtual/kfd/kfd/topology/nodes/{card + 1}"
        with open(f"{node}/gpu_id") as file:
            self.gpu = int(file.read())
        with open(f"{node}/properties") as file:
            self.properties = {key: int(value) for key, value in map(str.split, file)}
        self.render = os.open(f"/dev/dri/renderD{self.properties['drm_render_minor']}", os.O_RDWR | os.O_CLOEXEC)
        self.call(1, 0x15, "II", self.render, self.gpu)
        # ctypes would do for reserving addresses; an anonymous mapping that is never touched does as well.
        self.kept = []

    def call(self, direction, number, layout, *values):
        arguments = bytearray(struct.pack("<" + layout, *values))
        fcntl.ioctl(self.fd, direction << 30 | len(arguments) << 16 | ord("K") << 8 | number, arguments)
        return struct.unpack("<" + layout, arguments)

    def version(self):
        return self.call(2, 0x01, "II", 0, 0)

    def available(self):
        return self.call(3, 0x23, "QII", 0, self.gpu, 0)[0]

    def allocate(self, address, size, flags):
        _, _, handle, offset, _, _ = self.call(3, 0x16, "QQQQII", address, size, 0, 0, self.gpu, flags)
        return handle, offset

    def map(self, handle):
        ids = bytearray(struct.pack("<I", self.gpu))
        address = address_of(ids)
        self.call(3, 0x18, "QQII", handle, address, 1, 0)

    def unmap(self, handle):
        ids = bytearray(struct.pack("<I", self.gpu))
        self.call(3, 0x19, "QQII", handle, address_of(ids), 1, 0)

    def free(self, handle):
        self.call(1, 0x17, "Q", handle)

    def view(self, offset, size):
        return mmap.mmap(self.render, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def create_event(self):
        return self.call(3, 0x08, "QIIIIII", 0, 0, 0, 1, 0, 0, 0)[5]

    def set_event(self, event):
        self.call(1, 0x0A, "II", event, 0)


def address_of(buffer):
    import ctypes
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
