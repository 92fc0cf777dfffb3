// The devices that tests of whole graphs run on: every row of tools/backends, and the model device, whose
// kernels the evaluator runs. A graph goes all the way: schedule, lowering, code, queue, memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codegen/eval.h"
#include "runtime/engine.h"
#include "tools/backends.h"

namespace doorbell {

// What the model device is to the code generator: 32 lanes, and no arithmetic beyond what decompose.h
// requires of every target. Its code is the lowered kernel's text.
Target lanes_target(int lanes = 32);
// The model device that understands it.
std::unique_ptr<Device> open_lanes_device(uint64_t seed = 1);

struct TestDevice {
  std::string name;
  std::unique_ptr<Device> device;
  std::unique_ptr<Engine> engine;
};
// Opens a row of a list of backends; the model's rows have a target of their own.
Result<TestDevice> open_test_device(const Backend& row);
// Every backend, then MODEL; opened once. Kernels do not come from the disk.
std::vector<TestDevice>& test_devices();
// Anew, since a device that has faulted stays lost. Nothing may be left of what lay in their memory.
void reopen_test_devices();

// A buffer of the tensor graph that holds these bytes, in the array's shape. Ids are never given twice.
NodeRef buffer_of(const Array& array);
// Ids and bytes of the buffers below the roots.
Environment environment_of(std::span<const Node* const> roots);

using Symbols = std::vector<SymbolValue>;
// The graph evaluator's values; to be asked before a device has taken the buffers' bytes.
Result<std::vector<Array>> expected_values(std::span<const Node* const> outputs, const Symbols& symbols = {});
// Work that a device is at, or has done.
struct Submitted {
  Engine* engine;
  Captured work;
  std::vector<Array> values;  // of the outputs; their bytes come with finish()
};
Result<Submitted> submit_to(Engine& engine, std::span<const Node* const> outputs,
                            const Symbols& symbols = {});
Result<std::vector<Array>> finish(Submitted submitted);
// Both. What the device computes; an error names the stage.
Result<std::vector<Array>> compute_on(Engine& engine, std::span<const Node* const> outputs,
                                      const Symbols& symbols = {});

// Edges of the type and random patterns, some small numbers among them.
Array random_array(DType type, std::vector<int64_t> shape, uint64_t seed);
// Where two arrays differ, bit for bit with NaNs equal; empty where they do not. `live`: the extents that
// count.
std::string difference(const Array& expected, const Array& found, const std::vector<int64_t>& live = {});

}  // namespace doorbell
