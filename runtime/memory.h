// What a leaf of the tensor graph holds as its node's memo: host bytes until a device has them, device memory
// after.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace doorbell {

struct Storage;  // engine.h

struct Memory {
  std::span<const std::byte> host;
  std::shared_ptr<const void> owner;  // keeps the host bytes alive; nobody changes them
  std::shared_ptr<Storage> storage;
  bool stale = false;  // an assign has written a later version over this one
};

}  // namespace doorbell
