// Fences of the DRM side: promises that work will be done, points of timelines, and the objects that name
// them to clients (syncobjs).
//
// Nothing here locks: whoever owns the fences has one mutex for all of them. Source: Linux 6.12,
// include/linux/dma-fence.h, drivers/dma-buf/dma-fence-chain.c, drivers/gpu/drm/drm_syncobj.c.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hal/base/file.h"

namespace doorbell::sim::amd {

struct Fence;
using FencePtr = std::shared_ptr<Fence>;

struct Fence {
  bool done = false;
  int error = 0;       // 0 or -errno, final when done
  uint64_t owner = 0;  // the file whose work it is; 0: nobody's
  FencePtr scheduled;  // of a job's fence: signalled when the job begins

  // Of a point of a timeline (a dma_fence_chain): it is signalled when `of` and all before it are.
  FencePtr of, before;
  uint64_t sequence = 0, before_sequence = 0, timeline = 0;

  Fence() = default;
  ~Fence();  // chains are as long as clients make them
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;
  [[nodiscard]] bool is_point() const { return of != nullptr; }
};

FencePtr signalled_fence();
[[nodiscard]] bool is_signalled(const Fence& fence);
// One that is signalled when this one is, and that no point hangs on (dma_fence_unwrap_merge): points of
// points of points would be as deep as clients make them.
[[nodiscard]] FencePtr merged(const FencePtr& fence);

// An eventfd that a client wants to be told by (DRM_IOCTL_SYNCOBJ_EVENTFD).
struct Telling {
  Fd eventfd;
  uint64_t point = 0;
  bool available = false;  // tell when the point is there, not when it is signalled
  FencePtr fence;          // once the point is there
};

struct Syncobj {
  FencePtr fence;  // null: nothing was submitted
  std::vector<Telling> tellings;
};
using SyncobjPtr = std::shared_ptr<Syncobj>;

// drm_syncobj_add_point.
void add_point(Syncobj& object, FencePtr fence, uint64_t point);
// dma_fence_chain_find_seqno: whether the point is there, and its fence. Point 0 is the object's fence
// itself.
[[nodiscard]] bool find_point(const FencePtr& fence, uint64_t point, FencePtr& found);
// What DRM_IOCTL_SYNCOBJ_QUERY says.
[[nodiscard]] uint64_t reached(const FencePtr& fence, bool last_submitted);
// Writes to the eventfds whose time has come.
void tell(Syncobj& object);

}  // namespace doorbell::sim::amd
