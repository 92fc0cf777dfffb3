#include "hal/commands.h"

#include <algorithm>

#include "hal/device.h"

namespace doorbell {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

bool has_field(const Command& command, Field field, uint32_t index) {
  return std::visit(Overloaded{
                        [&](const WaitCommand&) { return field == Field::value && index == 0; },
                        [&](const BarrierCommand&) { return false; },
                        [&](const DispatchCommand& dispatch) {
                          return (field == Field::argument && index < dispatch.program->arguments().size()) ||
                                 (field == Field::grid && index < 3);
                        },
                        [&](const CopyCommand&) {
                          return (field == Field::to || field == Field::from || field == Field::bytes) &&
                                 index == 0;
                        },
                        [&](const TimestampCommand&) { return field == Field::to && index == 0; },
                        [&](const SignalCommand&) { return field == Field::value && index == 0; },
                    },
                    command);
}

constexpr const char* kFields[] = {"argument", "grid", "value", "to", "from", "bytes"};
constexpr const char* kScopes[] = {"queue", "device", "system"};

std::string affine_text(const Affine& affine) {
  std::string out = fmt::format("{:#x}", affine.constant);
  for (const Affine::Term& term : affine.terms) out += fmt::format(" + {} * ${}", term.scale, term.variable);
  return out;
}

}  // namespace

Commands& Commands::wait(const Signal& signal, uint64_t value, Scope scope) {
  list_.push_back(WaitCommand{&signal, value, scope});
  return *this;
}
Commands& Commands::barrier() {
  list_.push_back(BarrierCommand{});
  return *this;
}
Commands& Commands::dispatch(const Program& program, Grid grid, std::span<const uint64_t> arguments) {
  DOORBELL_CHECK(arguments.size() == program.arguments().size(), "kernel {} takes {} arguments, not {}",
                 program.name(), program.arguments().size(), arguments.size());
  list_.push_back(DispatchCommand{&program, grid, static_cast<uint32_t>(arguments_.size())});
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
  return *this;
}
Commands& Commands::copy(GpuAddr to, GpuAddr from, Bytes bytes) {
  list_.push_back(CopyCommand{to, from, bytes});
  return *this;
}
Commands& Commands::timestamp(GpuAddr to) {
  list_.push_back(TimestampCommand{to});
  return *this;
}
Commands& Commands::signal(const Signal& signal, uint64_t value, Scope scope) {
  list_.push_back(SignalCommand{&signal, value, scope});
  return *this;
}

Commands& Commands::patch(Field field, uint32_t index, Affine affine) {
  DOORBELL_CHECK(!list_.empty() && has_field(list_.back(), field, index),
                 "the last of {} commands has no field {} {}", list_.size(),
                 kFields[static_cast<size_t>(field)], index);
  for (const Affine::Term& term : affine.terms) variables_ = std::max<size_t>(variables_, term.variable + 1);
  patches_.push_back({static_cast<uint32_t>(list_.size() - 1), field, index, std::move(affine)});
  return *this;
}

std::string Commands::text() const {
  std::string out;
  size_t next_patch = 0;
  for (size_t i = 0; i < list_.size(); ++i) {
    out += std::visit(
        Overloaded{
            [](const WaitCommand& c) {
              return fmt::format("wait {} >= {} {}", static_cast<const void*>(&c.signal->word()), c.value,
                                 kScopes[static_cast<size_t>(c.scope)]);
            },
            [](const BarrierCommand&) { return std::string("barrier"); },
            [&](const DispatchCommand& c) {
              std::string line =
                  fmt::format("dispatch {} [{} {} {}]", c.program->name(), c.grid[0], c.grid[1], c.grid[2]);
              for (size_t a = 0; a < c.program->arguments().size(); ++a)
                line += fmt::format(" {:#x}", arguments_[c.first_argument + a]);
              return line;
            },
            [](const CopyCommand& c) {
              return fmt::format("copy {:#x} <- {:#x}, {} bytes", c.to.value, c.from.value, c.bytes.value);
            },
            [](const TimestampCommand& c) { return fmt::format("timestamp {:#x}", c.to.value); },
            [](const SignalCommand& c) {
              return fmt::format("signal {} = {} {}", static_cast<const void*>(&c.signal->word()), c.value,
                                 kScopes[static_cast<size_t>(c.scope)]);
            },
        },
        list_[i]);
    for (; next_patch < patches_.size() && patches_[next_patch].command == i; ++next_patch) {
      const Patch& patch = patches_[next_patch];
      out += fmt::format("; {} {} := {}", kFields[static_cast<size_t>(patch.field)], patch.index,
                         affine_text(patch.value));
    }
    out += '\n';
  }
  return out;
}

}  // namespace doorbell
