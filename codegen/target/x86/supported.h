// Which ops this target selects, by dtype: what must have been spelled otherwise before a kernel comes here.
// Narrow types (fewer than 32 bits) only move: they are loaded, stored, reinterpreted, chosen between, and
// cast to and from the 32-bit type of their sign, f16 to and from f32.
#pragma once

#include "codegen/decompose.h"
#include "codegen/kernel.h"
#include "codegen/target/x86/features.h"

namespace doorbell::x86 {

// Types are those of the operands (Where: of its two values) and of the result. By every processor:
bool supported(doorbell::Op op, DType from, DType to);
// By one of these features: those with FP16 compute in f16, too.
Native supported_by(Features features);

// The rows of matrix_units[] that a machine of these features has, best first.
std::vector<size_t> matrix_rows(Features features);

// An error that names the first node of the kernel that is not, or whose matrix unit this processor lacks.
Status check_supported(const Lowered& kernel, Features features);
bool has_unit(size_t row, Features features);  // of matrix_unit.h

}  // namespace doorbell::x86
