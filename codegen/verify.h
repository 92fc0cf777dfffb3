// The specs of the node's program forms. Each checks one form at a seam; an error names the first node that
// breaks a rule, in print_list()'s numbering of the walk, and the rule. (struct Lowered has verify() in
// kernel.h.)
#pragma once

#include <span>
#include <string>

#include "codegen/node.h"
#include "hal/base/result.h"

namespace doorbell {

// Tensor graph: leaves, arithmetic on equal shapes, movement, Reduce, Contiguous, Assign, Copy, Sink.
Status verify_tensor(std::span<const Node* const> roots);

// A kernel as the scheduler cuts it and as the tiler leaves it (kernel.h, form 1): a Sink of Stores.
Status verify_kernel(const Node* sink);

// The rule of arithmetic that a node breaks, or "": operand types, operators defined on them, equal element
// counts. Shapes, and the widths of a Bitcast, are each form's own matter.
std::string broken_alu_rule(const Node* node);
// The same for Contract. Before lowering lanes are not counted: 0.
std::string broken_contract_rule(const Node* node, int lanes = 0);
// The same for constants, which stand in every form.
std::string broken_const_rule(const Node* node);

}  // namespace doorbell
