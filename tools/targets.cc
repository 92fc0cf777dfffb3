#include "tools/targets.h"

#include "codegen/decompose.h"
#include "codegen/target/x86/compile.h"
#include "codegen/target/x86/supported.h"
#include "hal/base/file.h"

namespace doorbell {

namespace {

// The compiler's revision: what this program's own bytes are. Kernels that another build compiled are not
// trusted.
const std::string& revision() {
  static const std::string hash = [] {
    auto self = map_file("/proc/self/exe");
    return self ? Hash128{}.add(self->bytes()).hex() : std::string();
  }();
  return hash;
}

Result<Target> x86_target(const Limits& limits) {
  const x86::Features features = x86::features_of(limits.features);
  TRY(x86::check_floor(features));
  Target t;
  t.isa = "x86-64";
  t.version = fmt::format("{} {}", revision(), fmt::join(limits.features, " "));
  t.tiling.lanes = x86::vector_lanes(features);
  t.tiling.registers = x86::vector_registers(features);
  t.tiling.local_bytes = 256 << 10;  // half of the smallest private second-level cache among current cores
  t.tiling.units = x86::matrix_rows(features);
  t.tiling.decompose = [native = x86::supported_by(features)](Graph& graph, Simplifier& simplify,
                                                              const Node* sink) {
    return decompose(graph, simplify, sink, native);
  };
  t.compile = [features](const Lowered& kernel) { return x86::compile(kernel, features); };
  t.disassemble = x86::disassemble;
  return t;
}

}  // namespace

Result<Target> target_for(const Limits& limits) {
  if (limits.isa == "x86-64") return x86_target(limits);
  return error("no target makes code for ISA {}", limits.isa);
}

}  // namespace doorbell
