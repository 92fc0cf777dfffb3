// The host CPU as an honest queue device: a ring of packets in memory, a doorbell, and a command processor,
// which is a thread of its own that shares workgroups out to helper threads. Nothing runs on the thread that
// submits.
#pragma once

#include <chrono>
#include <memory>

#include "hal/device.h"

namespace doorbell {

struct CpuOptions {
  unsigned threads = 0;  // the command processor included; 0: as many as this process may run on
  // How long the end of a queue waits for a running command before it calls it hung.
  std::chrono::milliseconds patience{10000};
};

Result<std::unique_ptr<Device>> open_cpu_device(const CpuOptions& options = {});

}  // namespace doorbell
