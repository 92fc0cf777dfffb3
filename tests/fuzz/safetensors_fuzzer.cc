// The safetensors reader on any bytes.
#include "hal/base/result.h"
#include "runtime/load/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file = doorbell::Safetensors::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file.ok()) {
    DOORBELL_CHECK(file.error().message.find('\n') == std::string::npos, "{}", file.error().message);
    return 0;
  }
  unsigned sum = 0;
  for (const doorbell::SafetensorsTensor& tensor : file->tensors()) {
    DOORBELL_CHECK(file->find_tensor(tensor.name) == &tensor, "a tensor that is not found");
    for (std::byte byte : tensor.data) sum += static_cast<unsigned>(byte);
  }
  volatile unsigned sink = sum;
  (void)sink;
  return 0;
}
