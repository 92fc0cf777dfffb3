// See compile.h.
#include "codegen/target/x86/compile.h"

#include "codegen/machine/allocate.h"
#include "codegen/machine/liveness.h"
#include "codegen/machine/schedule.h"
#include "codegen/target/x86/assemble.h"
#include "codegen/target/x86/selector.h"
#include "codegen/target/x86/supported.h"

namespace doorbell::x86 {

Result<ProgramImage> compile(const Lowered& kernel, Features features, Trace* trace) {
  TRY(check_floor(features));
  features = usable(features);
  if (Status s = check_supported(kernel, features); !s) return s.error();
  const machine::Machine machine = target::describe(features);
  // Each pass leaves a program that keeps the rules.
  auto dump = [&](char pass, const machine::Program& program) {
    if (trace && trace->after) trace->after(pass, program);
    Status s = machine::verify(program, machine, pass == 'r');
    DOORBELL_CHECK(s.ok(), "after pass {}: {}", pass, s.error().message);
  };
  target::Selector selector(kernel, features);
  machine::Program program = TRY(selector.run());
  dump('s', program);
  machine::remove_dead(program);
  machine::coalesce(program, machine);
  machine::fold_loads(program, machine);
  dump('c', program);
  std::vector<size_t> budget;
  for (const machine::RegisterFile& f : machine.files) budget.push_back(f.order.size());
  if (trace && !trace->budget.empty()) budget = trace->budget;
  machine::schedule(program, machine, budget);
  dump('h', program);
  machine::Allocation allocation = TRY(machine::allocate(program, machine, budget));
  dump('r', program);
  if (trace) trace->spilled = allocation.spilled;
  target::finish(program, allocation);

  ProgramImage image;
  image.name = kernel.name;
  image.isa = "x86-64";
  Features used = floor_features;
  image.code = target::encode(program, features, used);
  image.lanes = static_cast<uint32_t>(kernel.lanes);
  image.local_bytes = selector.local_bytes();
  image.arguments.assign(kernel.params.size(), ArgumentKind::buffer);
  image.arguments.insert(image.arguments.end(), kernel.symbols.size(), ArgumentKind::value);
  image.features = names(used);
  return image;
}

std::string disassemble(const ProgramImage& image) {
  std::string out;
  for (size_t at = image.entry; at < image.code.size();) {
    auto decoded = decode(std::span(image.code).subspan(at));
    if (!decoded) return out + fmt::format("at {}: {}\n", at, decoded.error().message);
    if (decoded->inst.op == op("int3")) break;
    out += print(decoded->inst) + "\n";
    at += decoded->length;
    if (decoded->inst.op == op("ret")) break;
  }
  return out;
}

}  // namespace doorbell::x86
