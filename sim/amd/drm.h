// A DRM render node of an emulated card, for those who ask it what the card is. Buffers and submissions go
// through KFD; a client that wants them from here learns that it may not have them. Source: Linux
// drivers/gpu/drm/amd/amdgpu/amdgpu_kms.c (amdgpu_info_ioctl), drm_ioctl.c.
#pragma once

#include <cstdint>

#include "sim/amd/resources.h"

namespace doorbell::sim::amd {

// 0 or -errno. `argument` is a pointer of the client's. Threads: any.
int drm_ioctl(Resources& resources, size_t card, uint32_t request, uint64_t argument);

}  // namespace doorbell::sim::amd
