// From tensors to numbers in the program: realize() and what follows it.
#include <cstring>

#include "runtime/call.h"
#include "runtime/create.h"
#include "runtime/realize.h"

namespace doorbell {

Status Tensor::realize() {
  Tensor* one[] = {this};
  return doorbell::realize(one);
}

template <class T>
Result<std::vector<T>> Tensor::to_vector() {
  if (!ok()) return error("{}", error_text());
  if (!std::is_same_v<T, double> && dtype_of<T>() != dtype())
    return error("to_vector: the tensor is {}, asked for {}", describe(*this), name(dtype_of<T>()));
  const DType type = dtype();
  auto bytes = TRY(read_bytes(*this));
  const auto width = static_cast<size_t>(type.bytes());
  std::vector<T> values(bytes.size() / width);
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t pattern = 0;
    std::memcpy(&pattern, bytes.data() + i * width, width);
    if constexpr (std::is_floating_point_v<T>) values[i] = static_cast<T>(decode(type, pattern));
    else values[i] = static_cast<T>(pattern);
  }
  return values;
}

template <class T>
Result<T> Tensor::item() {
  if (ok() && elements() != 1) return error("item: the tensor is {}, expected one element", describe(*this));
  auto values = TRY(to_vector<T>());
  return T(values[0]);
}

// clang-format off
#define DOORBELL_VALUES(T)                        \
  template Result<std::vector<T>> Tensor::to_vector<T>(); \
  template Result<T> Tensor::item<T>();
DOORBELL_VALUES(bool) DOORBELL_VALUES(float) DOORBELL_VALUES(double)
DOORBELL_VALUES(int8_t) DOORBELL_VALUES(int16_t) DOORBELL_VALUES(int32_t) DOORBELL_VALUES(int64_t)
DOORBELL_VALUES(uint8_t) DOORBELL_VALUES(uint16_t) DOORBELL_VALUES(uint32_t) DOORBELL_VALUES(uint64_t)
// clang-format on

}  // namespace doorbell
