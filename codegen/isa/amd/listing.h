// Code objects as text that assembles again: sections, symbols, instructions with labels where branches go,
// kernel descriptors as directives, data, metadata. The bytes that assemble() makes of it are those that were
// read: what a row of the table, or a directive, would not give back stands as data, with its meaning beside
// it. Source of the form: llvm-objdump, and clang's own assembly.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "codegen/isa/amd/code_object.h"

namespace doorbell::amd {

std::string disassemble(const CodeObject&);
// The same as one value: processor, kernels with descriptors and metadata, symbols, sections, instructions.
nlohmann::json disassemble_to_json(const CodeObject&);

// Bytes that are code and nothing else, the first one at `va`.
std::string disassemble_code(std::span<const std::byte>, uint64_t va, Target);
nlohmann::json disassemble_code_to_json(std::span<const std::byte>, uint64_t va, Target);

}  // namespace doorbell::amd
