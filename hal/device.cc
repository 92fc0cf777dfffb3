// What is the same on every device: the forwarding members and the checks that no driver should repeat.
#include "hal/device.h"

#include <algorithm>

namespace doorbell {

Status Signal::wait(uint64_t value, Deadline deadline) const { return device_->wait(*this, value, deadline); }
Status Signal::raise(uint64_t value) { return device_->raise(*this, value); }

Program::Program(const Device& device, const ProgramImage& image, GpuAddr entry,
                 std::shared_ptr<void> storage)
    : device_(&device),
      name_(image.name),
      arguments_(image.arguments),
      local_bytes_(image.local_bytes),
      entry_(entry),
      storage_(std::move(storage)) {}

Status Queue::submit(const Commands& commands) {
  DOORBELL_CHECK(commands.patches().empty(), "a list with {} patches needs record()",
                 commands.patches().size());
  Recording recording = TRY(record(commands));
  return submit(recording);
}

Status check_commands(const Device& device, const Commands& commands) {
  const Properties& properties = device.properties();
  auto foreign = [&](const char* what, size_t i) {
    return error("{}: command {} names a {} of another device", properties.name, i, what);
  };
  for (size_t i = 0; i < commands.list().size(); ++i) {
    const Command& command = commands.list()[i];
    if (const auto* dispatch = std::get_if<DispatchCommand>(&command)) {
      if (dispatch->program->device() != &device) return foreign("program", i);
      for (size_t axis = 0; axis < 3; ++axis)
        if (dispatch->grid[axis] > properties.limits.max_grid[axis])
          return error("{}: kernel {}: {} workgroups along axis {}, of at most {}", properties.name,
                       dispatch->program->name(), dispatch->grid[axis], axis,
                       properties.limits.max_grid[axis]);
    } else if (const auto* wait = std::get_if<WaitCommand>(&command)) {
      if (&wait->signal->device() != &device) return foreign("signal", i);
    } else if (const auto* signal = std::get_if<SignalCommand>(&command)) {
      if (&signal->signal->device() != &device) return foreign("signal", i);
    }
  }
  return success();
}

Status check_image(const Properties& properties, const ProgramImage& image) {
  const Limits& limits = properties.limits;
  auto refuse = [&](const std::string& why) {
    return error("{}: cannot load kernel {}: {}", properties.name, image.name, why);
  };
  if (image.isa != limits.isa)
    return refuse(fmt::format("it was built for {}, this device runs {}", image.isa, limits.isa));
  for (const std::string& feature : image.features)
    if (std::find(limits.features.begin(), limits.features.end(), feature) == limits.features.end())
      return refuse(fmt::format("it needs {}, which this device lacks", feature));
  if (image.entry >= image.code.size())
    return refuse(
        fmt::format("its entry {} lies outside of its {} bytes of code", image.entry, image.code.size()));
  if (image.lanes > *std::max_element(limits.lanes.begin(), limits.lanes.end()))
    return refuse(fmt::format("it is {} lanes wide, more than this device has", image.lanes));
  if (Bytes(image.local_bytes) > limits.local_memory)
    return refuse(fmt::format("it needs {} bytes of local memory, of at most {}", image.local_bytes,
                              limits.local_memory.value));
  if (Bytes(image.private_bytes) > limits.private_memory)
    return refuse(fmt::format("it needs {} bytes of private memory, of at most {}", image.private_bytes,
                              limits.private_memory.value));
  return success();
}

}  // namespace doorbell
