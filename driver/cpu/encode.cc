#include "driver/cpu/encode.h"

#include <cstring>

namespace doorbell {
namespace {

struct Encoder {
  CpuInstance& out;

  CpuPacket& add(CpuOp op) {
    out.packets.push_back({});
    out.packets.back().op = op;
    return out.packets.back();
  }
  void operator()(const WaitCommand& command) {
    CpuPacket& packet = add(CpuOp::wait);
    packet.word = &command.signal->word();
    packet.value = command.value;
  }
  // Each packet is finished before the next begins, with all its writes visible: nothing is left to wait for.
  // The packet is kept so that a fault report counts commands as the caller does.
  void operator()(const BarrierCommand&) { add(CpuOp::barrier); }
  void operator()(const DispatchCommand& command) {
    CpuPacket& packet = add(CpuOp::dispatch);
    packet.grid = command.grid;
    packet.code = static_cast<CpuCode*>(command.program->storage().get());
    packet.entry = reinterpret_cast<KernelEntry>(command.program->entry().value);
    packet.value = command.first_argument;
  }
  void operator()(const CopyCommand& command) {
    CpuPacket& packet = add(CpuOp::copy);
    packet.to = command.to.value;
    packet.from = command.from.value;
    packet.value = command.bytes.value;
  }
  void operator()(const TimestampCommand& command) { add(CpuOp::timestamp).to = command.to.value; }
  void operator()(const SignalCommand& command) {
    CpuPacket& packet = add(CpuOp::signal);
    packet.word = &command.signal->word();
    packet.value = command.value;
  }
};

CpuPatch resolve(const Patch& patch, const Command& command, const Limits& limits) {
  auto in_packet = [&](size_t field, uint8_t width, uint64_t limit) {
    return CpuPatch{false, width, static_cast<uint32_t>(patch.command * sizeof(CpuPacket) + field), limit,
                    patch.value};
  };
  switch (patch.field) {
    case Field::argument: {
      uint32_t slot = std::get<DispatchCommand>(command).first_argument + patch.index;
      return {true, 8, slot * 8, UINT64_MAX, patch.value};
    }
    case Field::grid:
      return in_packet(offsetof(CpuPacket, grid) + 4 * size_t{patch.index}, 4, limits.max_grid[patch.index]);
    case Field::to: return in_packet(offsetof(CpuPacket, to), 8, UINT64_MAX);
    case Field::from: return in_packet(offsetof(CpuPacket, from), 8, UINT64_MAX);
    case Field::value:
    case Field::bytes: break;
  }
  return in_packet(offsetof(CpuPacket, value), 8, UINT64_MAX);
}

}  // namespace

CpuEncoded::CpuEncoded(const Commands& commands, const Properties& properties)
    : variables_(commands.variables()), device_(properties.name) {
  pristine_.arguments.assign(commands.arguments().begin(), commands.arguments().end());
  pristine_.packets.reserve(commands.list().size());
  for (const Command& command : commands.list()) std::visit(Encoder{pristine_}, command);
  for (const Patch& patch : commands.patches())
    patches_.push_back(resolve(patch, commands.list()[patch.command], properties.limits));
}

Status CpuEncoded::apply(CpuInstance& instance, std::span<const uint64_t> values) const {
  auto* packets = reinterpret_cast<std::byte*>(instance.packets.data());
  auto* arguments = reinterpret_cast<std::byte*>(instance.arguments.data());
  for (const CpuPatch& patch : patches_) {
    uint64_t value = patch.value.evaluate(values);
    if (value > patch.limit)
      return error("{}: a patch gives {} workgroups along one axis, of at most {}", device_, value,
                   patch.limit);
    std::memcpy((patch.in_arguments ? arguments : packets) + patch.offset, &value, patch.width);
  }
  return success();
}

Result<CpuInstance*> CpuEncoded::prepare(const std::shared_ptr<CpuEncoded>& encoded,
                                         std::span<const uint64_t> values) {
  if (values.size() < encoded->variables_)
    return error("{}: a recording with {} variables was submitted with {} values", encoded->device_,
                 encoded->variables_, values.size());
  CpuInstance* chosen = nullptr;
  {
    std::lock_guard lock(encoded->mutex_);
    auto& instances = encoded->instances_;
    // Acquire: the command processor has read the last packet of the earlier submission.
    if (!instances.empty() && !instances[encoded->oldest_]->busy.load(std::memory_order_acquire)) {
      chosen = instances[encoded->oldest_].get();
      encoded->oldest_ = (encoded->oldest_ + 1) % instances.size();
    } else {
      instances.push_back(std::make_unique<CpuInstance>());
      chosen = instances.back().get();
      chosen->packets = encoded->pristine_.packets;
      chosen->arguments = encoded->pristine_.arguments;
    }
    chosen->busy.store(true, std::memory_order_relaxed);
  }
  if (Status applied = encoded->apply(*chosen, values); !applied.ok()) {
    chosen->busy.store(false, std::memory_order_release);
    return applied.error();
  }
  chosen->keep = encoded;
  return chosen;
}

void CpuEncoded::release(CpuInstance& instance) {
  std::shared_ptr<void> keep = std::move(instance.keep);
  instance.busy.store(false, std::memory_order_release);
}

}  // namespace doorbell
