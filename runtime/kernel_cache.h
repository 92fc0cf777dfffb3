// Compiled kernels on disk, one file each under the cache folder, named by content hash and version. A file
// that is cut off, damaged or of another version is as good as absent. Safe under concurrent processes: files
// appear whole.
#pragma once

#include <string>
#include <vector>

#include "codegen/node.h"
#include "hal/commands.h"
#include "hal/program.h"

namespace doorbell {

struct CachedKernel {
  ProgramImage image;
  Grid grid{1, 1, 1};
  std::vector<uint32_t> symbols;
};

// False where there is no such entry, or CACHE=off.
bool load_kernel(const Hash128& key, CachedKernel* kernel);
// Failure to store is not an error: the next process compiles again.
void store_kernel(const Hash128& key, const CachedKernel& kernel);

// "r_64_576_k1536" for what a Sink computes: r reduces, e does not; then its loops' extents.
std::string kernel_name(const Node* sink);

}  // namespace doorbell
