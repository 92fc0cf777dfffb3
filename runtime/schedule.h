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

// One kernel in the scheduler's form (kernel.h), or a copy of a whole slot to another slot.
struct Item {
  const Node* kernel = nullptr;  // Sink of Stores over Param nodes; null for a copy (slots: from, to)
  std::vector<uint32_t> slots;   // Param i is slots[i]
  int device = 0;
};

struct Schedule {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();  // owns the kernels
  std::vector<Slot> slots;
  std::vector<Item> items;
  std::vector<uint32_t> outputs;  // the slot of each output, in order
};

// `outputs` are tensor-graph nodes; each ends contiguous in a slot of its own (the last version of a buffer:
// in the buffer's slot). Old versions that are read after they were replaced are copied before (order.h). The
// error: two assigns replace one version.
Result<Schedule> schedule(std::span<const Node* const> outputs);

// Does the node's value lie in memory already, so that a kernel reads it and computes nothing behind it?
bool lies_in_memory(const Node* node);
// What a schedule of these outputs looks at, sources first: not what stands behind a value in memory.
std::vector<const Node*> scheduled_nodes(std::span<const Node* const> outputs);

std::string print(const Schedule& schedule);

}  // namespace doorbell
