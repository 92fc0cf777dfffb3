// Every backend there is: the one place that names them all. A new device is a driver folder and a row here.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "hal/device.h"

namespace doorbell {

struct Backend {
  const char* name;  // as DEV= spells it
  const char* help;
  Result<std::unique_ptr<Device>> (*open)();
};

std::span<const Backend> backends();

// The device of that name; an error lists the names there are. DEBUG=1 prints what was opened.
Result<std::unique_ptr<Device>> open_device(std::string_view name);
// The device that DEV names.
Result<std::unique_ptr<Device>> open_device();

}  // namespace doorbell
