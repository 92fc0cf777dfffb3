// The schedule: a tensor graph cut into kernels, in order. What is materialised is decided here, and nowhere
// else; movement ops become index arithmetic and never force a kernel by themselves.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "codegen/kernel.h"
#include "codegen/node.h"

namespace doorbell {

// A piece of memory that kernels name by its place in Schedule::slots.
struct Slot {
  enum class Kind { External, Temporary, Output };
  Kind kind = Kind::Temporary;
  const Node* node =
      nullptr;  // External: the Buffer, or the node whose memo holds the memory. Else: what it holds
  DType dtype;
  int64_t elements = 0;
  [[nodiscard]] int64_t bytes() const { return elements * dtype.bytes(); }
};

// One kernel in the scheduler's form (kernel.h), or a copy of a whole slot to a slot of another device.
struct Item {
  const Node* kernel = nullptr;  // Sink of Stores over Param nodes; null for a copy (slots: from, to)
  std::vector<uint32_t> slots;   // Param i is slots[i]
  int device = 0;
};

struct Schedule {
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  std::vector<Slot> slots;
  std::vector<Item> items;
  std::vector<uint32_t> outputs;  // the slot of each output, in order
};

// `outputs` are tensor-graph nodes; each ends contiguous in a slot of its own (an Assign: in the slot of its
// buffer). The error names what cannot be ordered: a value that needs both an old and a new version of a
// buffer.
Result<Schedule> schedule(std::span<const Node* const> outputs);

std::string print(const Schedule& schedule);

}  // namespace doorbell
