// The client's memory as a kernel sees it: any pointer may be wrong, and a wrong one is EFAULT, not a crash.
// The copies go through process_vm_readv(2) and process_vm_writev(2), which answer for every page.
#pragma once

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "sim/amd/raw.h"

namespace doorbell::sim::amd {

namespace detail {
inline bool copy_user(uint64_t user, void* own, size_t bytes, bool to_user) {
  if (bytes == 0) return true;
  if (user >> 47 || (user + bytes) >> 47) return false;
  iovec here{own, bytes}, there{reinterpret_cast<void*>(user), bytes};
  ssize_t done = to_user ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
                         : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
  if (done == static_cast<ssize_t>(bytes)) return true;
  // Some sandboxes forbid the calls: then a wrong pointer is the client's own fault.
  if (done >= 0 || (errno != ENOSYS && errno != EPERM)) return false;
  if (to_user) {
    std::memcpy(there.iov_base, own, bytes);
  } else {
    std::memcpy(own, there.iov_base, bytes);
  }
  return true;
}
}  // namespace detail

inline bool copy_from_user(void* to, uint64_t user, size_t bytes) {
  return detail::copy_user(user, to, bytes, false);
}
inline bool copy_to_user(uint64_t user, const void* from, size_t bytes) {
  return detail::copy_user(user, const_cast<void*>(from), bytes, true);
}

// Whether all pages of a range, which starts on one, are mapped. Asks for no page, but for the mappings.
inline bool user_has(uint64_t address, uint64_t bytes) {
  return raw::call(SYS_msync, static_cast<long>(address), static_cast<long>(bytes), MS_ASYNC) != -ENOMEM;
}

// Whether pin_user() can tell: Linux 5.14.
inline bool can_pin() {
  static const bool supported = [] {
    alignas(4096) static std::byte own[4096];
    return raw::advise(own, sizeof(own), MADV_POPULATE_READ) == 0;
  }();
  return supported;
}

// Brings in the pages of a range, as the kernel does before a GPU may use them: 0, or -EFAULT if one is
// missing, or cannot be written where `writable` asks for it.
inline int pin_user(uint64_t address, uint64_t bytes, bool writable) {
  if (!can_pin()) return 0;
  int advice = writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
  return raw::advise(reinterpret_cast<void*>(address), bytes, advice) == 0 ? 0 : -EFAULT;
}

}  // namespace doorbell::sim::amd
