// GGUF, the model file of llama.cpp, versions 2 and 3, little-endian: a header, metadata pairs, tensor
// descriptions, and tensor data that is read where it lies in the mapped file. Source: ggml/docs/gguf.md and,
// for what the text leaves open, llama.cpp's reader (ggml/src/gguf.cpp).
//
// A file is data from strangers. Everything is checked when the file is opened, each error is one line
//     <path>: at byte <offset>: found <this>, expected <that>
// and nothing is reserved before the bytes that justify it have been seen: all tables together are smaller
// than twice the file. The reader is stricter than llama.cpp's in that tensors may not overlap, and in that a
// bool is 0 or 1.
//
// Views (names, strings, tensor data) point into the file's bytes: they live as long as the Gguf, also when
// that is moved. A Gguf is immutable; any thread may read it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/file.h"
#include "hal/base/result.h"

namespace doorbell {

// The types of metadata values, with GGUF's numbers.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

// A tensor's element type: ggml's number and name, and how many elements share a block of how many bytes.
// Types that exist but cannot be read here have no block.
struct GgufTensorType {
  uint32_t id;
  std::string_view name;
  uint32_t block_elements;
  uint32_t block_bytes;
};
// All of ggml's types, by number.
std::span<const GgufTensorType> gguf_tensor_types();

struct GgufTensor {
  std::string_view name;
  // In ggml's order: dims[0] is the one whose elements lie side by side, so that a matrix of `rows` x
  // `columns` has dims {columns, rows}. Dimensions from `rank` on are 1; none is 0, and their product fits 63
  // bits.
  std::array<uint64_t, 4> dims;
  uint32_t rank;
  const GgufTensorType* type;
  std::span<const std::byte> data;

  [[nodiscard]] uint64_t elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
};

class Gguf;

// One metadata value. It refers to its Gguf, which must stay where it is. Each accessor names key, place and
// both types when the value is of another type.
class GgufValue {
 public:
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] GgufType type() const { return type_; }
  [[nodiscard]] GgufType element_type() const { return element_type_; }  // an array's; otherwise type()
  [[nodiscard]] uint64_t size() const { return size_; }      // an array's element count; otherwise 1
  [[nodiscard]] uint64_t offset() const { return offset_; }  // in the file

  // Any integer type, within [low, high].
  [[nodiscard]] Result<uint64_t> as_unsigned(uint64_t low = 0,
                                             uint64_t high = std::numeric_limits<uint64_t>::max()) const;
  [[nodiscard]] Result<double> as_float() const;  // f32 or f64, finite
  [[nodiscard]] Result<bool> as_bool() const;
  [[nodiscard]] Result<std::string_view> as_string() const;
  [[nodiscard]] Result<std::vector<std::string_view>> as_strings() const;
  [[nodiscard]] Result<std::vector<float>> as_floats() const;      // an array of f32 or i32
  [[nodiscard]] Result<std::vector<int32_t>> as_integers() const;  // an array of i32 or u32
  // What is wrong with the value, in the form above.
  [[nodiscard]] Error fail(std::string_view found, std::string_view expected) const;

 private:
  friend class Gguf;
  const Gguf* file_ = nullptr;
  std::string_view key_;
  GgufType type_ = GgufType::u8, element_type_ = GgufType::u8;
  uint64_t size_ = 0, offset_ = 0;
};

class Gguf {
 public:
  static Result<Gguf> open(const std::filesystem::path& path);
  // The same for bytes that the caller keeps alive; `name` stands for the path in errors.
  static Result<Gguf> parse(std::span<const std::byte> bytes, std::string name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] uint32_t version() const { return version_; }
  [[nodiscard]] uint64_t alignment() const { return alignment_; }

  // Metadata in alphabetical order.
  [[nodiscard]] size_t metadata_size() const { return metadata_.size(); }
  [[nodiscard]] GgufValue metadata(size_t index) const;
  [[nodiscard]] std::optional<GgufValue> find(std::string_view key) const;
  [[nodiscard]] Result<GgufValue> require(
      std::string_view key) const;  // an error that names the key if it is absent

  // Tensors in the file's order.
  [[nodiscard]] std::span<const GgufTensor> tensors() const { return tensors_; }
  [[nodiscard]] const GgufTensor* find_tensor(std::string_view name) const;
  [[nodiscard]] Result<const GgufTensor*> require_tensor(std::string_view name) const;

  // Where a view into the file begins, for errors.
  [[nodiscard]] uint64_t offset_of(const void* view) const {
    return static_cast<uint64_t>(static_cast<const std::byte*>(view) - bytes_.data());
  }
  [[nodiscard]] Error fail(uint64_t offset, std::string_view found, std::string_view expected) const;

 private:
  struct Pair {  // small, so that a file of tiny pairs does not cost a multiple of its size
    uint64_t key_offset;
    uint32_t key_size;
    uint32_t type;
  };
  Status read();
  [[nodiscard]] std::string_view key_of(const Pair& pair) const;
  [[nodiscard]] GgufValue value_of(const Pair& pair) const;

  Mapping mapping_;
  std::span<const std::byte> bytes_;
  std::string name_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 0;
  std::vector<Pair> metadata_;  // by key
  std::vector<GgufTensor> tensors_;
  std::vector<uint32_t> tensors_by_name_;
};

}  // namespace doorbell
