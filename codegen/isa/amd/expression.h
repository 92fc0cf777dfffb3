// Expressions of assembly files, in operands as in directives: integers, characters, names, and the operators
// of LLVM's MC with its precedence, which is GNU as's and not C's. Arithmetic is of 64 bits and wraps; right
// shifts are logical; a comparison that holds is -1. max(), or() and alignto() are LLVM's AMDGPU back end's.
// Source: LLVM, lib/MC/MCParser/AsmParser.cpp, getGNUBinOpPrecedence; AMDGPUMCExpr.cpp; what llvm-mc-19
// assembles.
#pragma once

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/names.h"

namespace doorbell::amd {

// The value of the expression that begins at `in.at`, which is behind it then. An error says the column.
Result<Names::Value> parse_expression(names::Text& in, const Names* = nullptr);

// `1b` or `1f`: the numeric label before, or behind.
bool is_numeric_label(std::string_view word);

}  // namespace doorbell::amd
