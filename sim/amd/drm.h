// A DRM render node of an emulated card, for those who ask it what the card is, or map what KFD has
// allocated. New buffers and submissions go through KFD; a client that wants them from here learns that it
// may not have them. Source: Linux drivers/gpu/drm/amd/amdgpu/amdgpu_kms.c (amdgpu_info_ioctl), drm_ioctl.c.
#pragma once

#include <cstdint>

#include "sim/amd/kfd.h"

namespace doorbell::sim::amd {

// 0 or -errno. `process`: whose buffers the node names, or null. `file` differs between opens. `argument` is
// a pointer of the client's. Threads: any.
int drm_ioctl(Resources& resources, KfdProcess* process, size_t card, uint64_t file, uint32_t request,
              uint64_t argument);

}  // namespace doorbell::sim::amd
