// safetensors, the tensor file of Hugging Face: a length, a JSON header, tensor data. It says what a model's
// weights are, not what model they belong to. Source: github.com/huggingface/safetensors, README.md
// ("Format") and safetensors/src/tensor.rs, whose checks are repeated here: a header of at most 100 MB, data
// without gaps or overlaps from the header to the end of the file. Beyond them, at most 8 dimensions, and no
// key twice.
//
// Errors are one line, <path>: at byte <offset>: found <this>, expected <that>. An offset inside the header
// is that of the end of the JSON token in question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hal/base/file.h"
#include "hal/base/result.h"

namespace doorbell {

struct SafetensorsType {
  std::string_view name;
  uint32_t bytes;
};
std::span<const SafetensorsType> safetensors_types();

struct SafetensorsTensor {
  std::string name;
  const SafetensorsType* type;
  std::vector<uint64_t> shape;  // outermost first; may be empty (a scalar) or hold zeros
  // Lies in the file, at any alignment.
  std::span<const std::byte> data;
};

// Immutable; any thread may read it. Tensor data lives as long as the object, also when that is moved.
class Safetensors {
 public:
  static Result<Safetensors> open(const std::filesystem::path& path);
  // The same for bytes that the caller keeps alive; `name` stands for the path in errors.
  static Result<Safetensors> parse(std::span<const std::byte> bytes, std::string name);

  [[nodiscard]] const std::deque<SafetensorsTensor>& tensors() const {
    return tensors_;
  }  // by place in the file
  [[nodiscard]] const SafetensorsTensor* find_tensor(std::string_view name) const;
  [[nodiscard]] const std::deque<std::pair<std::string, std::string>>& metadata() const { return metadata_; }

 private:
  Mapping mapping_;
  std::deque<SafetensorsTensor> tensors_;
  std::deque<std::pair<std::string, std::string>> metadata_;
};

}  // namespace doorbell
