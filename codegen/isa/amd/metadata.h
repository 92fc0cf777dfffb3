// The metadata of a code object as the text between .amdgpu_metadata and .end_amdgpu_metadata: the part of
// YAML that LLVM writes there (maps and lists by indentation, plain and quoted scalars, and JSON's notation
// for what stands in one line), to and from JSON, which is what the note's MessagePack holds. Source: LLVM,
// "User Guide for AMDGPU Backend", "Code Object Metadata".
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "hal/base/result.h"

namespace doorbell::amd {

std::string metadata_to_text(const nlohmann::json&);
// An error says "line L, column C" of the text.
Result<nlohmann::json> metadata_from_text(std::string_view);
// What the note holds: a map in MessagePack; an error where it is none, or nests deeper than any metadata
// does.
Result<nlohmann::json> metadata_from_note(std::span<const std::byte>);

}  // namespace doorbell::amd
