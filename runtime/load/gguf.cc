// The reader walks the file twice: once to see that every length and count is covered by bytes, then to fill
// tables of just the size that this walk has shown to be needed.
#include "runtime/load/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "runtime/load/utf8.h"

namespace doorbell {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF's numbers are read as they lie");

constexpr uint64_t header_bytes = 24;
constexpr uint64_t default_alignment = 32;
constexpr uint32_t most_dims = 4;  // GGML_MAX_DIMS
// The specification's limit for keys; tensor names get the same one.
constexpr uint64_t most_name_bytes = 65535;
// The shortest metadata pair: length, one byte of key, type, a one-byte value.
constexpr uint64_t least_pair_bytes = 8 + 1 + 4 + 1;
// The shortest tensor description: length, one byte of name, dimension count, one dimension, type, offset.
constexpr uint64_t least_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8;

// Names and numbers: enum ggml_type in ggml.h; block sizes: type_traits in ggml.c and the structs of
// ggml-common.h. An empty name is a number that was never used or is retired.
// clang-format off
constexpr GgufTensorType tensor_types[] = {
    {0, "F32", 1, 4},      {1, "F16", 1, 2},      {2, "Q4_0", 32, 18},   {3, "Q4_1", 32, 20},
    {4, "Q4_2", 0, 0},     {5, "Q4_3", 0, 0},     {6, "Q5_0", 0, 0},     {7, "Q5_1", 0, 0},
    {8, "Q8_0", 32, 34},   {9, "Q8_1", 0, 0},     {10, "Q2_K", 0, 0},    {11, "Q3_K", 0, 0},
    {12, "Q4_K", 0, 0},    {13, "Q5_K", 0, 0},    {14, "Q6_K", 0, 0},    {15, "Q8_K", 0, 0},
    {16, "IQ2_XXS", 0, 0}, {17, "IQ2_XS", 0, 0},  {18, "IQ3_XXS", 0, 0}, {19, "IQ1_S", 0, 0},
    {20, "IQ4_NL", 0, 0},  {21, "IQ3_S", 0, 0},   {22, "IQ2_S", 0, 0},   {23, "IQ4_XS", 0, 0},
    {24, "I8", 0, 0},      {25, "I16", 0, 0},     {26, "I32", 0, 0},     {27, "I64", 0, 0},
    {28, "F64", 0, 0},     {29, "IQ1_M", 0, 0},   {30, "BF16", 1, 2},    {31, "Q4_0_4_4", 0, 0},
    {32, "Q4_0_4_8", 0, 0}, {33, "Q4_0_8_8", 0, 0}, {34, "TQ1_0", 0, 0}, {35, "TQ2_0", 0, 0},
    {36, "IQ4_NL_4_4", 0, 0}, {37, "IQ4_NL_4_8", 0, 0}, {38, "IQ4_NL_8_8", 0, 0}, {39, "MXFP4", 0, 0},
    {40, "NVFP4", 0, 0},   {41, "Q1_0", 0, 0},    {42, "Q2_0", 0, 0},
};

struct ValueType {
  std::string_view name;
  uint32_t bytes;  // 0: carries its own length
};
constexpr ValueType value_types[] = {
    {"uint8", 1}, {"int8", 1}, {"uint16", 2}, {"int16", 2}, {"uint32", 4}, {"int32", 4}, {"float32", 4},
    {"bool", 1}, {"string", 0}, {"array", 0}, {"uint64", 8}, {"int64", 8}, {"float64", 8},
};
// clang-format on
constexpr bool numbered_by_position() {
  for (uint32_t i = 0; i < std::size(tensor_types); ++i) {
    if (tensor_types[i].id != i) return false;
  }
  return std::size(value_types) == static_cast<size_t>(GgufType::f64) + 1;
}
static_assert(numbered_by_position());

const ValueType& row(GgufType type) { return value_types[static_cast<size_t>(type)]; }

std::string supported_types() {
  std::string list;
  for (const GgufTensorType& type : tensor_types) {
    if (type.block_elements) list += (list.empty() ? "" : " ") + std::string(type.name);
  }
  return list;
}

bool multiply(uint64_t a, uint64_t b, uint64_t& product) { return !__builtin_mul_overflow(a, b, &product); }
bool add(uint64_t a, uint64_t b, uint64_t& sum) { return !__builtin_add_overflow(a, b, &sum); }

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::string_view text_at(std::span<const std::byte> bytes, uint64_t offset, uint64_t size) {
  return {reinterpret_cast<const char*>(bytes.data() + offset), static_cast<size_t>(size)};
}

// A description as the file has it; `offset` is relative to the data section.
struct TensorRecord {
  GgufTensor tensor;
  uint64_t begin, offset_field, offset, data_bytes;
};

// What a field is, put into words only when it is missing.
struct Noun {
  std::string_view text, name = {};
  [[nodiscard]] std::string str() const {
    return name.data() ? fmt::format("{} {}", text, in_quotes(name)) : std::string(text);
  }
};

// A position in the file that only moves over bytes that are there.
struct Cursor {
  const Gguf& file;
  uint64_t at = 0;

  [[nodiscard]] uint64_t left() const { return file.bytes().size() - at; }

  [[nodiscard]] Error cut_off(uint64_t bytes, Noun what) const {
    return file.fail(at, fmt::format("the end of the file after {} bytes", left()),
                     fmt::format("{} bytes of {}", bytes, what.str()));
  }

  template <class T>
  Result<T> number(Noun what) {
    if (left() < sizeof(T)) return cut_off(sizeof(T), what);
    T value = load<T>(file.bytes().data() + at);
    at += sizeof(T);
    return value;
  }

  Result<std::string_view> string(Noun what) {
    uint64_t begin = at;
    if (left() < 8) return cut_off(8, what);
    uint64_t size = load<uint64_t>(file.bytes().data() + at);
    at += 8;
    if (size > left()) {
      return file.fail(begin, fmt::format("a length of {} for {}", size, what.str()),
                       fmt::format("at most the {} bytes that follow", left()));
    }
    std::string_view text = text_at(file.bytes(), at, size);
    at += size;
    return text;
  }

  Result<std::string_view> name(Noun what) {
    uint64_t begin = at;
    std::string_view text = TRY(string(what));
    if (text.empty() || text.size() > most_name_bytes) {
      return file.fail(begin, fmt::format("{} of {} bytes", what.str(), text.size()),
                       fmt::format("1 to {} bytes", most_name_bytes));
    }
    if (size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
      return file.fail(begin + 8 + bad,
                       fmt::format("byte 0x{:02x} in {}", static_cast<uint8_t>(text[bad]), what.str()),
                       "valid UTF-8");
    }
    return text;
  }

  Result<GgufType> value_type(std::string_view key) {
    uint64_t begin = at;
    uint32_t type = TRY(number<uint32_t>({"the type of", key}));
    if (type >= std::size(value_types)) {
      return file.fail(begin, fmt::format("value type {} for {}", type, in_quotes(key)),
                       fmt::format("0 to {}", std::size(value_types) - 1));
    }
    return static_cast<GgufType>(type);
  }

  // Moves past one scalar or string.
  Status skip(GgufType type, std::string_view key) {
    if (type == GgufType::string) {
      TRY(string({"the string", key}));
      return success();
    }
    if (left() < row(type).bytes) return cut_off(row(type).bytes, {"the value of", key});
    if (type == GgufType::boolean) {
      if (uint8_t value = load<uint8_t>(file.bytes().data() + at); value > 1) {
        return file.fail(at, fmt::format("bool {} in {}", value, in_quotes(key)), "0 or 1");
      }
    }
    at += row(type).bytes;
    return success();
  }

  Status skip_array(std::string_view key) {
    uint64_t begin = at;
    GgufType element = TRY(value_type(key));
    if (element == GgufType::array) {
      return file.fail(begin, fmt::format("an array of arrays in {}", in_quotes(key)),
                       "an array of scalars or strings");
    }
    uint64_t count_at = at;
    uint64_t count = TRY(number<uint64_t>({"the length of array", key}));
    uint64_t least = element == GgufType::string ? 8 : row(element).bytes;
    if (count > left() / least) {
      return file.fail(count_at, fmt::format("{} elements in array {}", count, in_quotes(key)),
                       fmt::format("at most {}, for {} bytes that follow", left() / least, left()));
    }
    if (element == GgufType::string || element == GgufType::boolean) {
      for (uint64_t i = 0; i < count; ++i) TRY(skip(element, key));
    } else {
      at += count * row(element).bytes;
    }
    return success();
  }

  Result<TensorRecord> tensor() {
    TensorRecord record{};
    GgufTensor& tensor = record.tensor;
    record.begin = at;
    tensor.name = TRY(name({"a tensor's name"}));
    std::string who = "tensor " + in_quotes(tensor.name);
    uint64_t begin = at;
    tensor.rank = TRY(number<uint32_t>({"the dimension count of tensor", tensor.name}));
    if (tensor.rank < 1 || tensor.rank > most_dims) {
      return file.fail(begin, fmt::format("{} dimensions in {}", tensor.rank, who),
                       fmt::format("1 to {}", most_dims));
    }
    tensor.dims.fill(1);
    uint64_t elements = 1;
    for (uint32_t i = 0; i < tensor.rank; ++i) {
      begin = at;
      tensor.dims[i] = TRY(number<uint64_t>({"the dimensions of tensor", tensor.name}));
      if (tensor.dims[i] == 0) {
        return file.fail(begin, fmt::format("dimension {} of {} = 0", i, who), "at least 1");
      }
      if (!multiply(elements, tensor.dims[i], elements) || elements > uint64_t(INT64_MAX)) {
        return file.fail(begin, fmt::format("dimension {} of {} = {}", i, who, tensor.dims[i]),
                         "an element count below 2^63");
      }
    }
    begin = at;
    uint32_t type = TRY(number<uint32_t>({"the type of tensor", tensor.name}));
    bool known = type < std::size(tensor_types);
    if (!known || !tensor_types[type].block_elements) {
      return file.fail(begin,
                       fmt::format("{}: type {} ({}), which is not supported", who,
                                   known ? tensor_types[type].name : "unknown", type),
                       fmt::format("one of {}", supported_types()));
    }
    tensor.type = &tensor_types[type];
    if (tensor.dims[0] % tensor.type->block_elements) {
      return file.fail(
          begin, fmt::format("{}: rows of {} elements of type {}", who, tensor.dims[0], tensor.type->name),
          fmt::format("a multiple of {}", tensor.type->block_elements));
    }
    // Rounded up to the alignment later, hence the margin.
    if (!multiply(elements / tensor.type->block_elements, tensor.type->block_bytes, record.data_bytes) ||
        record.data_bytes > uint64_t(INT64_MAX)) {
      return file.fail(begin, fmt::format("{} with {} elements of type {}", who, elements, tensor.type->name),
                       "fewer than 2^63 bytes");
    }
    record.offset_field = at;
    record.offset = TRY(number<uint64_t>({"the offset of tensor", tensor.name}));
    if (record.offset % file.alignment()) {
      return file.fail(record.offset_field, fmt::format("{} at offset {}", who, record.offset),
                       fmt::format("a multiple of the alignment, {}", file.alignment()));
    }
    return record;
  }
};

Status check_count(const Cursor& cursor, std::string_view what, uint64_t field, uint64_t count,
                   uint64_t least) {
  if (count <= cursor.left() / least) return success();
  return cursor.file.fail(
      field, fmt::format("{} {}", count, what),
      fmt::format("at most {}, for {} bytes that follow", cursor.left() / least, cursor.left()));
}

}  // namespace

std::span<const GgufTensorType> gguf_tensor_types() { return tensor_types; }

Error Gguf::fail(uint64_t offset, std::string_view found, std::string_view expected) const {
  return error("{}: at byte {}: found {}, expected {}", name_, offset, found, expected);
}

Result<Gguf> Gguf::open(const std::filesystem::path& path) {
  Mapping mapping = TRY(map_file(path));
  Gguf file = TRY(parse(mapping.bytes(), path.string()));
  file.mapping_ = std::move(mapping);
  return file;
}

Result<Gguf> Gguf::parse(std::span<const std::byte> bytes, std::string name) {
  Gguf file;
  file.bytes_ = bytes;
  file.name_ = std::move(name);
  TRY(file.read());
  return file;
}

Status Gguf::read() {
  Cursor cursor{*this};
  std::string_view magic = text_at(bytes_, 0, std::min<uint64_t>(4, bytes_.size()));
  if (magic != "GGUF") return fail(0, in_quotes(magic), "the magic 'GGUF'");
  cursor.at = 4;
  version_ = TRY(cursor.number<uint32_t>({"the version"}));
  if (version_ != 2 && version_ != 3) {
    uint32_t swapped = __builtin_bswap32(version_);
    if (swapped >= 1 && swapped <= 3) {
      return fail(4, fmt::format("version {} with its bytes reversed: a big-endian file", swapped),
                  "a little-endian one (convert it with gguf_convert_endian.py of llama.cpp)");
    }
    return fail(4, fmt::format("GGUF version {}", version_), "2 or 3");
  }
  uint64_t tensor_count = TRY(cursor.number<uint64_t>({"the tensor count"}));
  uint64_t pair_count = TRY(cursor.number<uint64_t>({"the metadata count"}));
  TRY(check_count(cursor, "tensors", 8, tensor_count, least_tensor_bytes));
  TRY(check_count(cursor, "metadata pairs", 16, pair_count, least_pair_bytes));

  metadata_.reserve(pair_count);
  for (uint64_t i = 0; i < pair_count; ++i) {
    std::string_view key = TRY(cursor.name({"a metadata key"}));
    uint64_t key_offset = offset_of(key.data());
    GgufType type = TRY(cursor.value_type(key));
    TRY(type == GgufType::array ? cursor.skip_array(key) : cursor.skip(type, key));
    metadata_.push_back({key_offset, static_cast<uint32_t>(key.size()), static_cast<uint32_t>(type)});
  }
  std::ranges::sort(metadata_, [&](const Pair& a, const Pair& b) {
    return std::pair(key_of(a), a.key_offset) < std::pair(key_of(b), b.key_offset);
  });
  for (size_t i = 1; i < metadata_.size(); ++i) {
    if (key_of(metadata_[i]) == key_of(metadata_[i - 1])) {
      return fail(metadata_[i].key_offset,
                  fmt::format("metadata key {} again", in_quotes(key_of(metadata_[i]))),
                  fmt::format("each key once (first at byte {})", metadata_[i - 1].key_offset));
    }
  }
  alignment_ = default_alignment;
  if (auto value = find("general.alignment")) {
    alignment_ = TRY(value->as_unsigned());
    if (!std::has_single_bit(alignment_) || alignment_ < 8 || alignment_ > UINT32_MAX) {
      return value->fail(fmt::to_string(alignment_), "a power of two from 8 to 2^31");
    }
  }

  // The first walk over the tensors shows that their descriptions are there, and that their data can be.
  Cursor descriptions = cursor;
  uint64_t padded_bytes = 0;
  for (uint64_t i = 0; i < tensor_count; ++i) {
    TensorRecord record = TRY(cursor.tensor());
    uint64_t padded = (record.data_bytes + alignment_ - 1) & ~(alignment_ - 1);
    if (!add(padded_bytes, padded, padded_bytes)) {
      return fail(
          record.begin,
          fmt::format("tensor {} after {} bytes of others", in_quotes(record.tensor.name), padded_bytes),
          "tensors of less than 2^64 bytes together");
    }
  }
  if (!tensor_count) return success();
  uint64_t data_begin = (cursor.at + alignment_ - 1) & ~(alignment_ - 1);
  uint64_t available = bytes_.size() - std::min<uint64_t>(data_begin, bytes_.size());
  // The last tensor need not be padded.
  uint64_t least = padded_bytes - (alignment_ - 1);
  if (available < least) {
    return fail(data_begin, fmt::format("{} bytes of tensor data", available),
                fmt::format("at least {} for {} tensors (is the file cut off?)", least, tensor_count));
  }

  tensors_.reserve(tensor_count);
  for (uint64_t i = 0; i < tensor_count; ++i) {
    TensorRecord record = TRY(descriptions.tensor());
    uint64_t end;
    if (!add(record.offset, record.data_bytes, end) || end > available) {
      return fail(
          record.offset_field,
          fmt::format("tensor {} with {} bytes at offset {}", in_quotes(record.tensor.name),
                      record.data_bytes, record.offset),
          fmt::format("an end within the {} bytes of tensor data from byte {}", available, data_begin));
    }
    record.tensor.data = bytes_.subspan(data_begin + record.offset, record.data_bytes);
    tensors_.push_back(record.tensor);
  }

  tensors_by_name_.resize(tensors_.size());
  for (uint32_t i = 0; i < tensors_.size(); ++i) tensors_by_name_[i] = i;
  std::vector<uint32_t>& order = tensors_by_name_;
  std::ranges::sort(order, {}, [&](uint32_t i) { return tensors_[i].data.data(); });
  for (size_t i = 1; i < order.size(); ++i) {
    const GgufTensor &first = tensors_[order[i - 1]], &second = tensors_[order[i]];
    if (first.data.data() + first.data.size() > second.data.data()) {
      return fail(offset_of(second.data.data()), fmt::format("the data of tensor {}", in_quotes(second.name)),
                  fmt::format("the rest of tensor {}, which ends at byte {}", in_quotes(first.name),
                              offset_of(first.data.data()) + first.data.size()));
    }
  }
  std::ranges::sort(order, [&](uint32_t a, uint32_t b) {
    return std::pair(tensors_[a].name, a) < std::pair(tensors_[b].name, b);
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const GgufTensor &first = tensors_[order[i - 1]], &second = tensors_[order[i]];
    if (first.name == second.name) {
      return fail(offset_of(second.name.data()), fmt::format("tensor {} again", in_quotes(second.name)),
                  fmt::format("each name once (first at byte {})", offset_of(first.name.data())));
    }
  }
  return success();
}

std::string_view Gguf::key_of(const Pair& pair) const {
  return text_at(bytes_, pair.key_offset, pair.key_size);
}

GgufValue Gguf::value_of(const Pair& pair) const {
  GgufValue value;
  value.file_ = this;
  value.key_ = key_of(pair);
  value.type_ = value.element_type_ = static_cast<GgufType>(pair.type);
  value.size_ = 1;
  value.offset_ = pair.key_offset + pair.key_size + 4;
  if (value.type_ == GgufType::array) {
    value.element_type_ = static_cast<GgufType>(load<uint32_t>(bytes_.data() + value.offset_));
    value.size_ = load<uint64_t>(bytes_.data() + value.offset_ + 4);
    value.offset_ += 12;
  }
  return value;
}

GgufValue Gguf::metadata(size_t index) const {
  DOORBELL_CHECK(index < metadata_.size(), "{} of {}", index, metadata_.size());
  return value_of(metadata_[index]);
}

std::optional<GgufValue> Gguf::find(std::string_view key) const {
  auto found = std::ranges::lower_bound(metadata_, key, {}, [&](const Pair& pair) { return key_of(pair); });
  if (found == metadata_.end() || key_of(*found) != key) return std::nullopt;
  return value_of(*found);
}

Result<GgufValue> Gguf::require(std::string_view key) const {
  if (auto value = find(key)) return *value;
  return fail(header_bytes, fmt::format("{} metadata pairs without key {}", metadata_.size(), in_quotes(key)),
              "that key");
}

const GgufTensor* Gguf::find_tensor(std::string_view name) const {
  auto found =
      std::ranges::lower_bound(tensors_by_name_, name, {}, [&](uint32_t i) { return tensors_[i].name; });
  if (found == tensors_by_name_.end() || tensors_[*found].name != name) return nullptr;
  return &tensors_[*found];
}

Result<const GgufTensor*> Gguf::require_tensor(std::string_view name) const {
  if (const GgufTensor* tensor = find_tensor(name)) return tensor;
  return fail(header_bytes, fmt::format("{} tensors without {}", tensors_.size(), in_quotes(name)),
              "that tensor");
}

Error GgufValue::fail(std::string_view found, std::string_view expected) const {
  return file_->fail(offset_, fmt::format("{} in metadata key {}", found, in_quotes(key_)), expected);
}

namespace {

std::string describe(const GgufValue& value) {
  if (value.type() != GgufType::array) return fmt::format("a value of type {}", row(value.type()).name);
  return fmt::format("an array of {} {}", value.size(), row(value.element_type()).name);
}

// The number at `from`, converted; signed integers below 0 give false for an unsigned T.
template <class T>
bool integer_at(const std::byte* from, GgufType type, T& out) {
  auto fits = [&](auto value) {
    out = static_cast<T>(value);
    return std::in_range<T>(value);
  };
  switch (type) {
    case GgufType::u8: return fits(load<uint8_t>(from));
    case GgufType::i8: return fits(load<int8_t>(from));
    case GgufType::u16: return fits(load<uint16_t>(from));
    case GgufType::i16: return fits(load<int16_t>(from));
    case GgufType::u32: return fits(load<uint32_t>(from));
    case GgufType::i32: return fits(load<int32_t>(from));
    case GgufType::u64: return fits(load<uint64_t>(from));
    case GgufType::i64: return fits(load<int64_t>(from));
    default: return false;
  }
}

bool is_integer(GgufType type) {
  return type < GgufType::f32 || type == GgufType::u64 || type == GgufType::i64;
}

}  // namespace

Result<uint64_t> GgufValue::as_unsigned(uint64_t low, uint64_t high) const {
  if (!is_integer(type_)) return fail(describe(*this), "an integer");
  const std::byte* from = file_->bytes().data() + offset_;
  uint64_t value = 0;
  bool fits = integer_at(from, type_, value);
  if (!fits || value < low || value > high) {
    std::string shown = fits ? fmt::to_string(value) : fmt::to_string(static_cast<int64_t>(value));
    return fail(shown, fmt::format("{} to {}", low, high));
  }
  return value;
}

Result<double> GgufValue::as_float() const {
  const std::byte* from = file_->bytes().data() + offset_;
  if (type_ != GgufType::f32 && type_ != GgufType::f64) return fail(describe(*this), "a float32 or float64");
  double value = type_ == GgufType::f32 ? static_cast<double>(load<float>(from)) : load<double>(from);
  if (!std::isfinite(value)) return fail(fmt::to_string(value), "a finite number");
  return value;
}

Result<bool> GgufValue::as_bool() const {
  if (type_ != GgufType::boolean) return fail(describe(*this), "a bool");
  return load<uint8_t>(file_->bytes().data() + offset_) == 1;
}

Result<std::string_view> GgufValue::as_string() const {
  if (type_ != GgufType::string) return fail(describe(*this), "a string");
  return text_at(file_->bytes(), offset_ + 8, load<uint64_t>(file_->bytes().data() + offset_));
}

Result<std::vector<std::string_view>> GgufValue::as_strings() const {
  if (type_ != GgufType::array || element_type_ != GgufType::string)
    return fail(describe(*this), "an array of strings");
  std::vector<std::string_view> strings(size_);
  uint64_t at = offset_;
  for (std::string_view& string : strings) {
    string = text_at(file_->bytes(), at + 8, load<uint64_t>(file_->bytes().data() + at));
    at += 8 + string.size();
  }
  return strings;
}

Result<std::vector<float>> GgufValue::as_floats() const {
  bool floats = element_type_ == GgufType::f32;
  if (type_ != GgufType::array || (!floats && element_type_ != GgufType::i32)) {
    return fail(describe(*this), "an array of float32 or int32");
  }
  std::vector<float> values(size_);
  const std::byte* from = file_->bytes().data() + offset_;
  for (float& value : values) {
    value = floats ? load<float>(from) : static_cast<float>(load<int32_t>(from));
    from += 4;
  }
  return values;
}

Result<std::vector<int32_t>> GgufValue::as_integers() const {
  bool known = element_type_ == GgufType::i32 || element_type_ == GgufType::u32;
  if (type_ != GgufType::array || !known) return fail(describe(*this), "an array of int32");
  std::vector<int32_t> values(size_);
  const std::byte* from = file_->bytes().data() + offset_;
  for (int32_t& value : values) {
    if (!integer_at(from, element_type_, value)) {
      return file_->fail(file_->offset_of(from),
                         fmt::format("{} in metadata key {}", load<uint32_t>(from), in_quotes(key_)),
                         "below 2^31");
    }
    from += 4;
  }
  return values;
}

}  // namespace doorbell
