// System calls that nothing stands between: in the preloaded object the C library's names are the door's own.
// They return what the kernel returns, -errno included.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace doorbell::sim::amd::raw {

// The six-argument form of the kernel's calling convention: errno stays as it is.
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#else
#error "the emulated machine's door knows x86-64's system calls only"
#endif
}
inline long pointer(const volatile void* address) {
  return static_cast<long>(reinterpret_cast<intptr_t>(address));
}

inline int open(const char* path, int flags, int mode = 0) {
  return static_cast<int>(call(SYS_openat, AT_FDCWD, pointer(path), flags, mode));
}
inline int close(int fd) { return static_cast<int>(call(SYS_close, fd)); }
inline long write(int fd, const void* data, size_t bytes) {
  return call(SYS_write, fd, pointer(data), static_cast<long>(bytes));
}
namespace detail {
// Mappings of the emulator's own lie apart from those that Linux places by itself, from the top down: what
// the client has unmapped, and a GPU may still know, must not become ours. Each address is given once.
inline std::atomic<uint64_t> next_place{0x4000'0000'0000};
inline std::byte* place(size_t bytes, int flags, int fd, uint64_t offset) {
  uint64_t unit = bytes < 2 << 20 ? 4096 : 2 << 20;  // large pages
  uint64_t at = next_place.fetch_add((bytes + 4095) / 4096 * 4096 + unit);
  at = (at + unit - 1) / unit * unit;
  long result = call(SYS_mmap, static_cast<long>(at), static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                     flags | MAP_NORESERVE, fd, static_cast<long>(offset));
  return result < 0 && result > -4096 ? nullptr : reinterpret_cast<std::byte*>(result);
}
}  // namespace detail

// Shared, readable and writable; null on failure.
inline std::byte* map(size_t bytes, int fd, uint64_t offset) {
  return detail::place(bytes, MAP_SHARED, fd, offset);
}
// Zeroes of one's own, which take memory where they are written; null on failure.
inline std::byte* reserve(size_t bytes) { return detail::place(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
inline void unmap(void* address, size_t bytes) {
  call(SYS_munmap, pointer(address), static_cast<long>(bytes));
}
inline int protect(void* address, size_t bytes, int protection) {
  return static_cast<int>(call(SYS_mprotect, pointer(address), static_cast<long>(bytes), protection));
}
inline int advise(void* address, size_t bytes, int advice) {
  return static_cast<int>(call(SYS_madvise, pointer(address), static_cast<long>(bytes), advice));
}
inline int stat(int fd, struct ::stat& info) { return static_cast<int>(call(SYS_fstat, fd, pointer(&info))); }

}  // namespace doorbell::sim::amd::raw
