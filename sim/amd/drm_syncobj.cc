// Drm: synchronisation objects, and the descriptors that stand for them and for single fences. Both are good
// within this process: another one that is passed such a descriptor is told that it is none.
// Source: Linux 6.12, drivers/gpu/drm/drm_syncobj.c, drivers/dma-buf/sync_file.c.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/amd/drm.h"
#include "sim/amd/raw.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace drm = doorbell::amd::drm;

namespace {

constexpr auto submit_patience = std::chrono::seconds(5);  // DRM_SYNCOBJ_WAIT_FOR_SUBMIT_TIMEOUT

// drm_timeout_abs_to_jiffies: 0 and below is a look.
Deadline deadline(int64_t nanoseconds) {
  return nanoseconds <= 0 ? HostTime() : deadline_of(static_cast<uint64_t>(nanoseconds));
}

}  // namespace

int Drm::find_fence(DrmFile& file, Lock& lock, uint32_t handle, uint64_t point, uint64_t flags,
                    FencePtr& fence) {
  if (flags & ~uint64_t{drm::wait_flag::for_submit}) return -EINVAL;
  SyncobjPtr object = file.syncobjs.find(handle);
  if (!object) return -ENOENT;
  auto there = [&] { return find_point(object->fence, point, fence); };
  if (there()) return 0;
  if (!(flags & drm::wait_flag::for_submit)) return -EINVAL;
  return wait(lock, from_now(submit_patience), there) ? 0 : -ETIME;
}

int Drm::find_syncobjs(DrmFile& file, uint64_t handles, uint32_t count, std::vector<SyncobjPtr>& found) {
  // All are read before one is looked up: an address that is none comes before a number that is none.
  std::vector<uint32_t> numbers;
  constexpr uint32_t piece = 4096;
  for (uint32_t at = 0; at < count; at += std::min(piece, count - at)) {
    const uint32_t part = std::min(piece, count - at);
    numbers.resize(at + part);
    if (!copy_from_user(&numbers[at], handles + uint64_t{at} * 4, uint64_t{part} * 4)) return -EFAULT;
  }
  for (uint32_t number : numbers) {
    found.push_back(file.syncobjs.find(number));
    if (!found.back()) return -ENOENT;
  }
  return 0;
}

int Drm::syncobj_create(DrmFile& file, drm::SyncobjCreate& args) {
  if (args.flags & ~drm::syncobj_create_signaled) return -EINVAL;
  auto object = std::make_shared<Syncobj>();
  if (args.flags) object->fence = signalled_fence();
  args.handle = file.syncobjs.add(std::move(object));
  return 0;
}

int Drm::syncobj_destroy(DrmFile& file, drm::SyncobjDestroy& args) {
  if (args.pad != 0) return -EINVAL;
  return file.syncobjs.take(args.handle) ? 0 : -EINVAL;
}

int Drm::syncobj_handle_to_fd(DrmFile& file, drm::SyncobjHandle& args) {
  if (args.pad != 0 || (args.flags & ~drm::syncobj_sync_file)) return -EINVAL;
  SyncobjPtr object = file.syncobjs.find(args.handle);
  if (args.flags == 0) return object ? give(std::move(object), nullptr, args.fd) : -EINVAL;
  if (!object) return -ENOENT;
  if (!object->fence) return -EINVAL;
  return give(nullptr, object->fence, args.fd);
}

int Drm::syncobj_fd_to_handle(DrmFile& file, drm::SyncobjHandle& args) {
  if (args.pad != 0 || (args.flags & ~drm::syncobj_sync_file)) return -EINVAL;
  Given* behind = given(args.fd);
  if (args.flags == 0) {
    if (!behind || !behind->syncobj) return -EINVAL;
    args.handle = file.syncobjs.add(behind->syncobj);
    return 0;
  }
  if (!behind || !behind->fence) return -EINVAL;
  SyncobjPtr object = file.syncobjs.find(args.handle);
  if (!object) return -ENOENT;
  object->fence = behind->fence;
  announce();
  return 0;
}

int Drm::wait_syncobjs(DrmFile& file, Lock& lock, uint64_t handles, uint64_t user_points, int64_t timeout,
                       uint32_t count, uint32_t flags, uint32_t& first) {
  namespace flag = drm::wait_flag;
  if (count == 0) return 0;
  std::vector<SyncobjPtr> objects;
  if (int error = find_syncobjs(file, handles, count, objects)) return error;
  std::vector<uint64_t> points(count);
  if (user_points != 0 && !copy_from_user(points.data(), user_points, points.size() * 8)) return -EFAULT;
  std::vector<FencePtr> fences(count);
  auto find = [&](size_t i) { return fences[i] || find_point(objects[i]->fence, points[i], fences[i]); };
  for (size_t i = 0; i < count; ++i) {
    if (find(i)) continue;
    fences[i] = nullptr;
    if (!(flags & (flag::for_submit | flag::available))) return -EINVAL;
  }
  const bool all = flags & flag::all;
  bool looked = false;
  auto over = [&] {
    uint32_t signalled = 0, earliest = ~0u;
    for (uint32_t i = 0; i < count; ++i) {
      if (!find(i)) {
        fences[i] = nullptr;
        continue;
      }
      if (!(flags & flag::available) && !is_signalled(*fences[i])) continue;
      ++signalled;
      earliest = std::min(earliest, i);
    }
    // With all wanted, the first that was there at the beginning is told as the first.
    if (!all || !std::exchange(looked, true)) first = earliest;
    return all ? signalled == count : signalled != 0;
  };
  first = ~0u;
  return wait(lock, deadline(timeout), over) ? 0 : -ETIME;
}

int Drm::syncobj_wait(DrmFile& file, Lock& lock, drm::SyncobjWait& args) {
  namespace flag = drm::wait_flag;
  if (args.flags & ~(flag::all | flag::for_submit | flag::deadline)) return -EINVAL;
  uint32_t first = args.first_signaled;
  int error = wait_syncobjs(file, lock, args.handles, 0, args.timeout, args.count, args.flags, first);
  if (error == 0) args.first_signaled = first;
  return error;
}

int Drm::syncobj_timeline_wait(DrmFile& file, Lock& lock, drm::SyncobjTimelineWait& args) {
  namespace flag = drm::wait_flag;
  if (args.flags & ~(flag::all | flag::for_submit | flag::available | flag::deadline)) return -EINVAL;
  uint32_t first = args.first_signaled;
  int error =
      wait_syncobjs(file, lock, args.handles, args.points, args.timeout, args.count, args.flags, first);
  if (error == 0) args.first_signaled = first;
  return error;
}

int Drm::syncobj_reset(DrmFile& file, drm::SyncobjArray& args) {
  if (args.pad != 0 || args.count == 0) return -EINVAL;
  std::vector<SyncobjPtr> objects;
  if (int error = find_syncobjs(file, args.handles, args.count, objects)) return error;
  for (const SyncobjPtr& object : objects) object->fence = nullptr;
  return 0;
}

int Drm::syncobj_signal(DrmFile& file, drm::SyncobjArray& args) {
  if (args.pad != 0 || args.count == 0) return -EINVAL;
  std::vector<SyncobjPtr> objects;
  if (int error = find_syncobjs(file, args.handles, args.count, objects)) return error;
  for (const SyncobjPtr& object : objects) object->fence = signalled_fence();
  announce();
  return 0;
}

int Drm::syncobj_timeline_signal(DrmFile& file, drm::SyncobjTimelineArray& args) {
  if (args.flags != 0 || args.count == 0) return -EINVAL;
  std::vector<SyncobjPtr> objects;
  if (int error = find_syncobjs(file, args.handles, args.count, objects)) return error;
  std::vector<uint64_t> points(objects.size());
  if (args.points != 0 && !copy_from_user(points.data(), args.points, points.size() * 8)) return -EFAULT;
  for (size_t i = 0; i < objects.size(); ++i) add_point(*objects[i], signalled_fence(), points[i]);
  announce();
  return 0;
}

int Drm::syncobj_query(DrmFile& file, drm::SyncobjTimelineArray& args) {
  if ((args.flags & ~drm::syncobj_last_submitted) || args.count == 0) return -EINVAL;
  std::vector<SyncobjPtr> objects;
  if (int error = find_syncobjs(file, args.handles, args.count, objects)) return error;
  for (size_t i = 0; i < objects.size(); ++i) {
    const uint64_t point = reached(objects[i]->fence, args.flags & drm::syncobj_last_submitted);
    if (!copy_to_user(args.points + i * 8, &point, sizeof(point))) return -EFAULT;
  }
  return 0;
}

int Drm::syncobj_transfer(DrmFile& file, Lock& lock, drm::SyncobjTransfer& args) {
  if (args.pad != 0) return -EINVAL;
  SyncobjPtr to = file.syncobjs.find(args.to);
  if (!to) return -ENOENT;
  FencePtr fence;
  if (int error = find_fence(file, lock, args.from, args.from_point, args.flags, fence)) return error;
  if (args.to_point != 0) add_point(*to, merged(fence), args.to_point);
  else to->fence = std::move(fence);
  announce();
  return 0;
}

int Drm::syncobj_eventfd(DrmFile& file, drm::SyncobjEventfd& args) {
  if ((args.flags & ~drm::wait_flag::available) || args.pad != 0) return -EINVAL;
  SyncobjPtr object = file.syncobjs.find(args.handle);
  if (!object) return -ENOENT;
  char name[64] = {};
  const std::string link = fmt::format("/proc/self/fd/{}", args.fd);
  if (raw::call(SYS_readlink, raw::pointer(link.c_str()), raw::pointer(name), sizeof(name) - 1) < 0)
    return -EBADF;
  if (std::strcmp(name, "anon_inode:[eventfd]") != 0) return -EINVAL;
  Fd own(static_cast<int>(raw::call(SYS_fcntl, args.fd, F_DUPFD_CLOEXEC, 0)));
  if (!own) return -EMFILE;
  object->tellings.push_back({std::move(own), args.point, (args.flags & drm::wait_flag::available) != 0, {}});
  told_.push_back(object);
  announce();
  return 0;
}

int Drm::give(SyncobjPtr syncobj, FencePtr fence, int32_t& fd) {
  drop_closed();
  int ends[2];
  if (long error = raw::call(SYS_pipe2, raw::pointer(ends), O_CLOEXEC | O_NONBLOCK); error < 0)
    return static_cast<int>(error);
  Given made;
  made.end = Fd(ends[1]);
  struct stat info{};
  raw::stat(ends[0], info);
  made.inode = info.st_ino;
  made.syncobj = std::move(syncobj);
  made.fence = std::move(fence);
  given_.push_back(std::move(made));
  fd = ends[0];
  announce();
  return 0;
}

Drm::Given* Drm::given(int fd) {
  drop_closed();
  struct stat info{};
  if (raw::stat(fd, info) != 0 || !S_ISFIFO(info.st_mode)) return nullptr;
  auto found = std::ranges::find(given_, info.st_ino, &Given::inode);
  return found == given_.end() ? nullptr : &*found;
}

void Drm::drop_closed() {
  std::erase_if(given_, [](const Given& one) {
    pollfd end{one.end.get(), 0, 0};
    return raw::call(SYS_poll, raw::pointer(&end), 1, 0) == 1 && (end.revents & POLLERR);
  });
}

void Drm::signal(Fence& fence, int error) {
  if (fence.done) return;
  fence.error = error;
  fence.done = true;
}

void Drm::announce() {
  changed_.notify_all();
  // A sync file becomes readable (sync_file_poll).
  for (Given& one : given_) {
    if (one.told || !one.fence || !is_signalled(*one.fence)) continue;
    one.told = true;
    const char byte = 0;
    raw::write(one.end.get(), &byte, 1);
  }
  std::erase_if(told_, [](const std::weak_ptr<Syncobj>& one) {
    SyncobjPtr object = one.lock();
    if (object) tell(*object);
    return !object || object->tellings.empty();
  });
}

}  // namespace doorbell::sim::amd
