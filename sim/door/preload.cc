// The door for programs that nobody here wrote: a shared object that, preloaded into a dynamically linked
// program, serves the C library's calls for /dev/kfd, /dev/dri and the files below /sys that describe GPUs
// from the emulated kernel. Everything else goes through untouched.
//
// Paths. The launcher writes the emulated files below a folder when the first client comes; calls that take a
// path get it rewritten, and the C library does the rest (folders, links, streams). The device nodes are
// empty files there, which only stat() sees.
//
// Doorbells. A store to a sleeping doorbell page faults; the handler of SIGSEGV wakes the GPU and returns,
// and the store is retried. The GPU's threads fault on memory that the program has unmapped behind our back
// (SIGSEGV, SIGBUS). Programs that handle these signals themselves are called for their own faults as if
// nobody stood before them, and nobody may block them: on silicon a doorbell never faults.
//
// Processes. A child starts without an emulated kernel of its own, as a child of a KFD client does; its
// parent's /dev/kfd is of no use to it. A program that is started by exec finds the door by LD_PRELOAD.
//
// Until a program asks for something of the emulated machine, nothing is connected, mapped or started.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>
#include <string_view>

#include "sim/amd/fault_signal.h"
#include "sim/amd/kernel.h"
#include "sim/amd/raw.h"
#include "sim/door/door.h"

namespace doorbell::sim::door {
namespace {

using amd::EmulatedKernel;
namespace raw = amd::raw;

// True while this thread is inside the emulated kernel, whose own calls of the C library come by here as
// well.
thread_local bool inside = false;
struct Inside {
  bool before = inside;
  Inside() { inside = true; }
  ~Inside() { inside = before; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

std::mutex mutex;
std::atomic<EmulatedKernel*> current{nullptr};
std::atomic<bool> failed{false};
// Inodes of the ancestors' /dev/kfd.
ino_t inherited[16];
std::atomic<size_t> inherited_count{0};

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}
// The C library's function of that name, looked up once.
#define REAL(name)                                             \
  ([]() -> decltype(&::name) {                                 \
    static auto found_##name = real<decltype(&::name)>(#name); \
    return found_##name;                                       \
  }())

//---------------------------------------------------------------------------------------------- signals

const sigset_t* without_fault(int how, const sigset_t* set, sigset_t& copy) {
  if (!set || inside || how == SIG_UNBLOCK || !amd::catching_faults()) return set;
  copy = *set;
  for (int signal : amd::fault_signals) sigdelset(&copy, signal);
  return &copy;
}

//---------------------------------------------------------------------------------------------- the kernel

void in_child() {
  EmulatedKernel* parents = current.exchange(nullptr);
  // The lock may have been taken by a thread that is not in this process.
  new (&mutex) std::mutex;
  if (!parents) return;
  Inside guard;
  size_t count = inherited_count;
  if (parents->kfd_inode() != 0 && count < std::size(inherited)) {
    inherited[count] = parents->kfd_inode();
    inherited_count = count + 1;
  }
  amd::release_faults(parents);
  parents->abandon();
}

EmulatedKernel* kernel() {
  if (EmulatedKernel* known = current.load(std::memory_order_acquire)) return known;
  if (failed) return nullptr;
  const char* name = getenv(socket_variable);
  if (!name) return nullptr;
  std::lock_guard lock(mutex);
  if (EmulatedKernel* known = current.load()) return known;
  Inside guard;
  auto resources = amd::remote_resources(name);
  auto made = resources ? EmulatedKernel::make(std::move(*resources))
                        : Result<std::unique_ptr<EmulatedKernel>>(resources.error());
  if (!made) {
    // Programs see a machine without a GPU from here on.
    fmt::print(stderr, "doorbell emu: {}\n", made.error().message);
    failed = true;
    return nullptr;
  }
  static bool registered = false;
  if (!registered) pthread_atfork(nullptr, nullptr, in_child);
  registered = true;
  // Never destroyed: threads of the program, and the GPU's, use it until the very end of the process.
  current = made->release();
  return current;
}

// The kernel if this thread is outside of it and `fd` may be one of its own: cheap, for calls on any
// descriptor.
EmulatedKernel* kernel_of(int fd) {
  if (inside || fd < 0) return nullptr;
  return current.load(std::memory_order_acquire);
}

bool is_inherited_kfd(int fd) {
  if (inherited_count == 0) return false;
  struct stat info{};
  if (raw::stat(fd, info) != 0) return false;
  for (size_t i = 0; i < inherited_count; ++i) {
    if (inherited[i] == info.st_ino) return true;
  }
  return false;
}

//---------------------------------------------------------------------------------------------- paths

// A path as it is to be looked at: rewritten if it belongs to the emulated machine.
class Path {
 public:
  explicit Path(const char* path) : path_(path) {
    if (!path || path[0] != '/' || inside) return;
    std::string_view view(path);
    bool whole = view.starts_with("/dev/") || view.starts_with("/sys/") || view.starts_with("/proc/modules");
    if (!whole) return;
    std::string collapsed;
    if (view.find("//") != std::string_view::npos || view.find("/./") != std::string_view::npos) {
      collapsed = collapse(view);
      view = collapsed;
    }
    bool belongs = amd::belongs_to_machine(view);
    // PCI devices stand beside the host's own.
    bool perhaps = view.starts_with("/sys/bus/pci/devices/") || view.starts_with("/sys/devices/pci");
    if (!belongs && !perhaps) return;
    EmulatedKernel* on = kernel();
    if (!on) return;
    std::string rewritten = on->resources().folder() + std::string(view);
    if (!belongs) {
      struct stat info{};
      if (raw::call(SYS_newfstatat, AT_FDCWD, raw::pointer(rewritten.c_str()), raw::pointer(&info),
                    AT_SYMLINK_NOFOLLOW) != 0)
        return;
    }
    if (view.starts_with("/dev/")) device_ = std::string(view);
    rewritten_ = std::move(rewritten);
    path_ = rewritten_.c_str();
  }
  [[nodiscard]] const char* get() const { return path_; }
  [[nodiscard]] bool is_ours() const { return !rewritten_.empty(); }
  // Opens the device, if the path is one: a descriptor or -errno, -ENOENT if it is none.
  [[nodiscard]] int open_device(int flags) const {
    if (device_.empty()) return -ENOENT;
    EmulatedKernel* on = kernel();
    Inside guard;
    int fd = on->open_device(device_, flags);
    if (fd >= 0) amd::catch_faults(on);
    return fd;
  }
  // Gives a device node its type and number.
  template <class Stat>
  void patch(Stat& info) const {
    if (device_.empty() || !S_ISREG(info.st_mode)) return;
    patch_device(info, device_ == "/dev/kfd" ? makedev(234, 0) : number());
  }
  template <class Stat>
  static void patch_device(Stat& info, dev_t device) {
    info.st_mode = S_IFCHR | 0666;
    info.st_rdev = device;
    info.st_size = 0;
    info.st_blocks = 0;
  }
  [[nodiscard]] bool is_device() const { return !device_.empty(); }
  [[nodiscard]] dev_t number() const {
    size_t digits = device_.find_last_not_of("0123456789") + 1;
    return makedev(amd::drm_major, static_cast<unsigned>(atoi(device_.c_str() + digits)));
  }

 private:
  static std::string collapse(std::string_view path) {
    std::string result;
    while (!path.empty()) {
      size_t start = path.find_first_not_of('/');
      if (start == std::string_view::npos) break;
      path.remove_prefix(start);
      std::string_view part = path.substr(0, path.find('/'));
      path.remove_prefix(part.size());
      if (part == ".") continue;
      result += '/';
      result += part;
    }
    return result;
  }

  const char* path_;
  std::string rewritten_;
  std::string device_;
};

// What the C library found below the emulated folder, by its name on the emulated machine.
std::string without_folder(const char* path) {
  EmulatedKernel* on = current.load();
  std::string_view view(path);
  if (on && !on->resources().folder().empty() && view.starts_with(on->resources().folder())) {
    view.remove_prefix(on->resources().folder().size());
  }
  return std::string(view);
}

int fail(int error) {
  errno = -error;
  return -1;
}

}  // namespace
}  // namespace doorbell::sim::door

using namespace doorbell::sim::door;  // NOLINT(google-build-using-namespace)

#define EXPORT extern "C" __attribute__((visibility("default")))

// The C library declares some of these with attributes and macros of its own; what matters is the symbol.
#pragma GCC diagnostic ignored "-Wmissing-declarations"
#pragma GCC diagnostic ignored "-Wattributes"
#pragma GCC diagnostic ignored "-Wredundant-decls"

//------------------------------------------------------------------------------------------------- open

namespace {

mode_t mode_argument(int flags, va_list arguments) {
  return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(arguments, mode_t) : 0;
}

// One body for all spellings of open: `pass_on` opens the path that is left.
template <class PassOn>
int open_any(const char* path, int flags, PassOn&& pass_on) {
  Path at(path);
  if (at.is_device()) {
    int fd = at.open_device(flags);
    if (fd != -ENOENT) return fd >= 0 ? fd : fail(fd);
  }
  return pass_on(at.get());
}

}  // namespace

#define DEFINE_OPEN(name)                                                                      \
  EXPORT int name(const char* path, int flags, ...) {                                          \
    va_list arguments;                                                                         \
    va_start(arguments, flags);                                                                \
    mode_t mode = mode_argument(flags, arguments);                                             \
    va_end(arguments);                                                                         \
    return open_any(path, flags, [&](const char* at) { return REAL(name)(at, flags, mode); }); \
  }
#define DEFINE_OPENAT(name)                                                                            \
  EXPORT int name(int folder, const char* path, int flags, ...) {                                      \
    va_list arguments;                                                                                 \
    va_start(arguments, flags);                                                                        \
    mode_t mode = mode_argument(flags, arguments);                                                     \
    va_end(arguments);                                                                                 \
    return open_any(path, flags, [&](const char* at) { return REAL(name)(folder, at, flags, mode); }); \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

// What programs that were compiled with _FORTIFY_SOURCE call.
EXPORT int __open_2(const char* path, int flags) { return open(path, flags); }
EXPORT int __open64_2(const char* path, int flags) { return open64(path, flags); }
EXPORT int __openat_2(int folder, const char* path, int flags) { return openat(folder, path, flags); }
EXPORT int __openat64_2(int folder, const char* path, int flags) { return openat64(folder, path, flags); }

namespace {

template <class PassOn>
FILE* fopen_any(const char* path, const char* mode, PassOn&& pass_on) {
  Path at(path);
  if (at.is_device()) {
    int fd = at.open_device(strchr(mode, 'e') ? O_CLOEXEC : 0);
    if (fd >= 0) return fdopen(fd, mode);
    if (fd != -ENOENT) {
      errno = -fd;
      return nullptr;
    }
  }
  return pass_on(at.get());
}

}  // namespace

EXPORT FILE* fopen(const char* path, const char* mode) {
  return fopen_any(path, mode, [&](const char* at) { return REAL(fopen)(at, mode); });
}
EXPORT FILE* fopen64(const char* path, const char* mode) {
  return fopen_any(path, mode, [&](const char* at) { return REAL(fopen64)(at, mode); });
}

//------------------------------------------------------------------------------------- paths, otherwise

EXPORT DIR* opendir(const char* path) { return REAL(opendir)(Path(path).get()); }
EXPORT int scandir(const char* path, dirent*** names, int (*filter)(const dirent*),
                   int (*compare)(const dirent**, const dirent**)) {
  return REAL(scandir)(Path(path).get(), names, filter, compare);
}
EXPORT int scandir64(const char* path, dirent64*** names, int (*filter)(const dirent64*),
                     int (*compare)(const dirent64**, const dirent64**)) {
  return REAL(scandir64)(Path(path).get(), names, filter, compare);
}
EXPORT int access(const char* path, int mode) { return REAL(access)(Path(path).get(), mode); }
EXPORT int euidaccess(const char* path, int mode) { return REAL(euidaccess)(Path(path).get(), mode); }
EXPORT int eaccess(const char* path, int mode) { return REAL(eaccess)(Path(path).get(), mode); }
EXPORT int faccessat(int folder, const char* path, int mode, int flags) {
  return REAL(faccessat)(folder, Path(path).get(), mode, flags);
}
EXPORT ssize_t readlink(const char* path, char* buffer, size_t size) {
  return REAL(readlink)(Path(path).get(), buffer, size);
}
EXPORT ssize_t readlinkat(int folder, const char* path, char* buffer, size_t size) {
  return REAL(readlinkat)(folder, Path(path).get(), buffer, size);
}
EXPORT ssize_t __readlink_chk(const char* path, char* buffer, size_t size, size_t) {
  return readlink(path, buffer, size);
}

EXPORT char* realpath(const char* path, char* resolved) {
  Path at(path);
  if (!at.is_ours()) return REAL(realpath)(path, resolved);
  char* found = REAL(realpath)(at.get(), nullptr);
  if (!found) return nullptr;
  std::string name = without_folder(found);
  free(found);
  return resolved ? strcpy(resolved, name.c_str()) : strdup(name.c_str());
}
EXPORT char* __realpath_chk(const char* path, char* resolved, size_t) { return realpath(path, resolved); }
EXPORT char* canonicalize_file_name(const char* path) { return realpath(path, nullptr); }

#define DEFINE_STAT(name, type)                          \
  EXPORT int name(const char* path, struct type* info) { \
    Path at(path);                                       \
    int result = REAL(name)(at.get(), info);             \
    if (result == 0) at.patch(*info);                    \
    return result;                                       \
  }
#define DEFINE_FSTAT(name, type)                  \
  EXPORT int name(int fd, struct type* info) {    \
    int result = REAL(name)(fd, info);            \
    if (result == 0) patch_descriptor(fd, *info); \
    return result;                                \
  }
#define DEFINE_FSTATAT(name, type)                                              \
  EXPORT int name(int folder, const char* path, struct type* info, int flags) { \
    Path at(path);                                                              \
    int result = REAL(name)(folder, at.get(), info, flags);                     \
    if (result == 0) at.patch(*info);                                           \
    if (result == 0 && path[0] == 0) patch_descriptor(folder, *info);           \
    return result;                                                              \
  }

namespace {

template <class Stat>
void patch_descriptor(int fd, Stat& info) {
  EmulatedKernel* on = kernel_of(fd);
  if (!on || !S_ISREG(info.st_mode)) return;
  Inside guard;
  if (dev_t device = on->device_of(fd)) Path::patch_device(info, device);
}

}  // namespace

DEFINE_STAT(stat, stat)
DEFINE_STAT(stat64, stat64)
DEFINE_STAT(lstat, stat)
DEFINE_STAT(lstat64, stat64)
DEFINE_FSTAT(fstat, stat)
DEFINE_FSTAT(fstat64, stat64)
DEFINE_FSTATAT(fstatat, stat)
DEFINE_FSTATAT(fstatat64, stat64)

EXPORT int statx(int folder, const char* path, int flags, unsigned mask, struct statx* info) {
  Path at(path);
  int result = REAL(statx)(folder, at.get(), flags, mask, info);
  EmulatedKernel* on = path[0] == 0 ? kernel_of(folder) : nullptr;
  dev_t device = 0;
  if (on) {
    Inside guard;
    device = on->device_of(folder);
  }
  if (at.is_device()) device = strcmp(path, "/dev/kfd") == 0 ? makedev(234, 0) : at.number();
  if (result == 0 && device != 0 && S_ISREG(info->stx_mode)) {
    info->stx_mode = S_IFCHR | 0666;
    info->stx_rdev_major = major(device);
    info->stx_rdev_minor = minor(device);
    info->stx_size = 0;
  }
  return result;
}

// The names under which programs of before glibc 2.33 call stat.
#define DEFINE_XSTAT(name, now, type) \
  EXPORT int name(int, const char* path, struct type* info) { return now(path, info); }
DEFINE_XSTAT(__xstat, stat, stat)
DEFINE_XSTAT(__xstat64, stat64, stat64)
DEFINE_XSTAT(__lxstat, lstat, stat)
DEFINE_XSTAT(__lxstat64, lstat64, stat64)
EXPORT int __fxstat(int, int fd, struct stat* info) { return fstat(fd, info); }
EXPORT int __fxstat64(int, int fd, struct stat64* info) { return fstat64(fd, info); }
EXPORT int __fxstatat(int, int folder, const char* path, struct stat* info, int flags) {
  return fstatat(folder, path, info, flags);
}
EXPORT int __fxstatat64(int, int folder, const char* path, struct stat64* info, int flags) {
  return fstatat64(folder, path, info, flags);
}

//------------------------------------------------------------------------------------------- descriptors

EXPORT int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  unsigned type = request >> 8 & 0xff;
  if ((type == 'K' || type == 'd') && !inside) {
    if (is_inherited_kfd(fd)) return fail(-EBADF);
    EmulatedKernel* on = kernel_of(fd);
    bool ours = false;
    if (on) {
      Inside guard;
      ours = on->device_of(fd) != 0;
      if (ours) {
        int result = on->ioctl(fd, static_cast<uint32_t>(request), argument);
        return result >= 0 ? result : fail(result);
      }
    }
  }
  return REAL(ioctl)(fd, request, argument);
}

EXPORT int close(int fd) {
  if (EmulatedKernel* on = kernel_of(fd)) {
    Inside guard;
    on->forget(fd);
  }
  return REAL(close)(fd);
}

namespace {

int duplicated(int from, int to) {
  EmulatedKernel* on = to >= 0 ? kernel_of(from) : nullptr;
  if (on) {
    int saved = errno;
    Inside guard;
    on->duplicated(from, to);
    errno = saved;
  }
  return to;
}

}  // namespace

EXPORT int dup(int fd) noexcept { return duplicated(fd, REAL(dup)(fd)); }
EXPORT int dup2(int fd, int to) noexcept { return duplicated(fd, REAL(dup2)(fd, to)); }
EXPORT int dup3(int fd, int to, int flags) noexcept { return duplicated(fd, REAL(dup3)(fd, to, flags)); }

#define DEFINE_FCNTL(name)                                                                     \
  EXPORT int name(int fd, int command, ...) {                                                  \
    va_list arguments;                                                                         \
    va_start(arguments, command);                                                              \
    void* argument = va_arg(arguments, void*);                                                 \
    va_end(arguments);                                                                         \
    int result = REAL(name)(fd, command, argument);                                            \
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, result) : result; \
  }
DEFINE_FCNTL(fcntl)
DEFINE_FCNTL(fcntl64)

//----------------------------------------------------------------------------------------------- memory

namespace {

template <class PassOn>
void* mmap_any(void* address, size_t bytes, int flags, int fd, off_t offset, PassOn&& pass_on) {
  EmulatedKernel* on = kernel_of((flags & MAP_ANONYMOUS) ? -1 : fd);
  EmulatedKernel* here = inside ? nullptr : current.load(std::memory_order_acquire);
  int refused = 1;
  if (here) {
    Inside guard;
    if (on) refused = on->check_map(fd, bytes, static_cast<uint64_t>(offset));
    if (refused < 0) {
      errno = -refused;
      return MAP_FAILED;
    }
    if (flags & MAP_FIXED) here->unmapping(address, bytes);
  }
  void* result = pass_on();
  if (here && (flags & MAP_FIXED)) {
    Inside guard;
    here->mapped(address, bytes);
  }
  if (refused == 0 && result != MAP_FAILED) {
    Inside guard;
    on->mapped(result, bytes, fd, static_cast<uint64_t>(offset));
  }
  return result;
}

}  // namespace

EXPORT void* mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  return mmap_any(address, bytes, flags, fd, offset,
                  [&] { return REAL(mmap)(address, bytes, protection, flags, fd, offset); });
}
EXPORT void* mmap64(void* address, size_t bytes, int protection, int flags, int fd, off64_t offset) noexcept {
  return mmap_any(address, bytes, flags, fd, offset,
                  [&] { return REAL(mmap64)(address, bytes, protection, flags, fd, offset); });
}
EXPORT int munmap(void* address, size_t bytes) noexcept {
  if (EmulatedKernel* here = inside ? nullptr : current.load(std::memory_order_acquire)) {
    Inside guard;
    here->unmapping(address, bytes);
  }
  return REAL(munmap)(address, bytes);
}

EXPORT int mprotect(void* address, size_t bytes, int protection) noexcept {
  EmulatedKernel* here = inside ? nullptr : current.load(std::memory_order_acquire);
  if (here) {
    Inside guard;
    here->unmapping(address, bytes, protection);
  }
  int result = REAL(mprotect)(address, bytes, protection);
  if (here) {
    Inside guard;
    here->mapped(address, bytes);
  }
  return result;
}

//---------------------------------------------------------------------------------------------- signals

EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  if (inside || !doorbell::sim::amd::catches(signal)) return REAL(sigaction)(signal, action, old);
  doorbell::sim::amd::replace_program_action(signal, action, old);
  return 0;
}
EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  if (inside || !doorbell::sim::amd::catches(number)) return REAL(signal)(number, handler);
  struct sigaction action = {}, old = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(number, &action, &old);
  return old.sa_handler;
}
EXPORT int sigprocmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  sigset_t copy;
  return REAL(sigprocmask)(how, without_fault(how, set, copy), old);
}
EXPORT int pthread_sigmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  sigset_t copy;
  return REAL(pthread_sigmask)(how, without_fault(how, set, copy), old);
}
