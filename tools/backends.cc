#include "tools/backends.h"

#include "driver/cpu/device.h"
#include "hal/base/env.h"

namespace doorbell {
namespace {

// clang-format off
constexpr Backend kBackends[] = {
    {"CPU", "the host's processor, x86-64", [] { return open_cpu_device(); }},
};
// clang-format on

}  // namespace

std::span<const Backend> backends() { return kBackends; }

Result<std::unique_ptr<Device>> open_device(std::string_view name) {
  std::string names;
  for (const Backend& backend : kBackends) {
    if (name == backend.name) {
      std::unique_ptr<Device> device = TRY(backend.open());
      if (debug_level() >= 1)
        fmt::print(stderr, "{}: {}\n", device->properties().name, device->properties().description);
      return device;
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", backend.name);
  }
  return error("no device is named {} (DEV=); there is {}", name, names);
}

Result<std::unique_ptr<Device>> open_device() { return open_device(env_text(Env::dev)); }

}  // namespace doorbell
