// The model device: an accelerator that is as unlike a host CPU as the HAL allows, for tests. It has 32
// lanes, memory of its own at addresses that are no host pointers, a clock of its own, and a queue that takes
// its time. What a real device may do, it does, at random but repeatably: workgroups run in any order, and so
// do dispatches and copies that no barrier separates. Whatever leans on more than the contract fails here
// first.
//
// It cannot execute anything by itself: a KernelLoader gives its programs meaning (the evaluator, or a test's
// own functions). isa is "lanes".
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "hal/device.h"
#include "tests/model_device/memory.h"

namespace doorbell::model {

// One workgroup.
struct KernelCall {
  std::span<const uint64_t> arguments;
  Grid group;
  std::span<std::byte> local;  // image.local_bytes, filled with DeviceMemory::kFresh
  DeviceMemory& memory;
  const std::atomic<bool>& stop;  // a kernel that does not end by itself must end when this is set
};
// An error is a fault: it loses the device.
using KernelRunner = std::function<Status(const KernelCall&)>;
// Called once per load; an error refuses the image. Runners are called on the device's thread.
using KernelLoader = std::function<Result<KernelRunner>(const ProgramImage&)>;

struct ModelOptions {
  uint64_t seed = 1;
  std::chrono::microseconds latency{20};      // the longest pause before a submission begins
  std::chrono::milliseconds patience{10000};  // with a running command when its queue ends
};

std::unique_ptr<Device> open_model_device(KernelLoader loader, const ModelOptions& options = {});

}  // namespace doorbell::model
