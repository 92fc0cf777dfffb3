// The header is read by events, not into a tree: a tree costs many times the text, and forgets repeated keys.
#include "runtime/load/safetensors.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "runtime/load/utf8.h"

namespace doorbell {
namespace {

constexpr uint64_t most_header_bytes = 100'000'000;
constexpr size_t most_dims = 8;

// enum Dtype of tensor.rs; those without bytes are known, but not read here.
// clang-format off
constexpr SafetensorsType types[] = {
    {"BOOL", 1}, {"U8", 1}, {"I8", 1}, {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
    {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4}, {"F64", 8}, {"I64", 8}, {"U64", 8},
    {"F8_E8M0", 0}, {"F6_E2M3", 0}, {"F6_E3M2", 0}, {"F4", 0}, {"C64", 0},
};
// clang-format on

// Characters for the JSON reader, which leave behind how far it has come.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** furthest;

  reference operator*() const { return *at; }
  CountingIterator& operator++() {
    *furthest = ++at;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at == other.at; }
};

// A tensor's entry while it is read.
struct Entry {
  std::string name;
  const SafetensorsType* type = nullptr;
  std::vector<uint64_t> shape, range;
  bool has_shape = false, has_range = false;
};

struct HeaderReader {
  std::string_view path;
  std::span<const std::byte> data;
  uint64_t data_begin;
  std::deque<SafetensorsTensor>& tensors;
  std::deque<std::pair<std::string, std::string>>& metadata;
  const char* header;
  const char* furthest;

  enum State {
    start,
    top,
    metadata_start,
    in_metadata,
    tensor_start,
    in_tensor,
    in_type,
    shape_start,
    in_shape,
    range_start,
    in_range,
    done
  } state = start;
  Entry entry = {};
  std::unordered_set<std::string> names = {};
  std::unordered_set<std::string> metadata_keys = {};
  std::optional<Error> failure = {};

  bool fail(std::string_view found, std::string_view expected) {
    uint64_t offset = 8 + static_cast<uint64_t>(furthest - header);
    failure = error("{}: at byte {}: found {}, expected {}", path, offset, found, expected);
    return false;
  }
  bool unexpected(std::string_view found) {
    constexpr std::string_view expected[] = {
        "an object of tensors",
        "a name",
        "an object of strings",
        "a string",
        "an object with dtype, shape and data_offsets",
        "dtype, shape or data_offsets",
        "the name of a dtype",
        "an array of dimensions",
        "a dimension from 0 to 2^64-1",
        "an array of two offsets",
        "an offset from 0 to 2^64-1",
        "the end of the header",
    };
    std::string where =
        entry.name.empty() || state < tensor_start ? "" : " in tensor " + in_quotes(entry.name);
    return fail(std::string(found) + where, expected[state]);
  }

  bool start_object(size_t) {
    if (state == start) return state = top, true;
    if (state == metadata_start) return state = in_metadata, true;
    if (state == tensor_start) return state = in_tensor, true;
    return unexpected("an object");
  }
  bool key(std::string& text) {
    if (state == top) {
      if (!names.insert(text).second) return fail(in_quotes(text) + " again", "each name once");
      if (text == "__metadata__") return state = metadata_start, true;
      entry = Entry{};
      entry.name = text;
      return state = tensor_start, true;
    }
    if (state == in_metadata) {
      if (!metadata_keys.insert(text).second)
        return fail("metadata key " + in_quotes(text) + " again", "each key once");
      metadata.emplace_back(text, "");
      return true;
    }
    bool again = (text == "dtype" && entry.type) || (text == "shape" && entry.has_shape) ||
                 (text == "data_offsets" && entry.has_range);
    if (again) return unexpected(in_quotes(text) + " again");
    if (text == "dtype") return state = in_type, true;
    if (text == "shape") return state = shape_start, entry.has_shape = true;
    if (text == "data_offsets") return state = range_start, entry.has_range = true;
    return unexpected("key " + in_quotes(text));
  }
  bool end_object() {
    if (state == in_tensor) return finish_entry() && (state = top, true);
    state = state == in_metadata ? top : done;
    return true;
  }
  bool start_array(size_t) {
    if (state == shape_start) return state = in_shape, true;
    if (state == range_start) return state = in_range, true;
    return unexpected("an array");
  }
  bool end_array() {
    if (state == in_range && entry.range.size() != 2)
      return unexpected(fmt::format("{} offsets", entry.range.size()));
    state = in_tensor;
    return true;
  }
  bool string(std::string& text) {
    if (state == in_metadata) return metadata.back().second = text, true;
    if (state != in_type) return unexpected("string " + in_quotes(text));
    auto row = std::ranges::find(types, std::string_view(text), &SafetensorsType::name);
    if (row == std::end(types) || !row->bytes) {
      std::string known;
      for (const SafetensorsType& type : types) known += type.bytes ? " " + std::string(type.name) : "";
      return fail(fmt::format("dtype {} in tensor {}, which is not supported", in_quotes(text),
                              in_quotes(entry.name)),
                  "one of" + known);
    }
    entry.type = &*row;
    state = in_tensor;
    return true;
  }
  bool number_unsigned(uint64_t value) {
    if (state == in_shape) {
      if (entry.shape.size() == most_dims) {
        return fail(fmt::format("a dimension after {} in tensor {}", most_dims, in_quotes(entry.name)),
                    fmt::format("at most {}", most_dims));
      }
      return entry.shape.push_back(value), true;
    }
    if (state == in_range) {
      if (entry.range.size() == 2) return unexpected("a third offset");
      return entry.range.push_back(value), true;
    }
    return unexpected(fmt::to_string(value));
  }
  bool number_integer(int64_t value) { return unexpected(fmt::to_string(value)); }
  bool number_float(double, const std::string& text) { return unexpected(in_quotes(text)); }
  bool boolean(bool value) { return unexpected(value ? "true" : "false"); }
  bool null() { return unexpected("null"); }
  bool binary(std::vector<uint8_t>&) { return unexpected("binary data"); }
  bool parse_error(size_t, const std::string& token, const nlohmann::json::exception&) {
    return fail("malformed JSON at " + in_quotes(token), "a JSON header in UTF-8");
  }

  bool finish_entry() {
    std::string who = "tensor " + in_quotes(entry.name);
    if (!entry.type || !entry.has_shape || !entry.has_range) {
      return fail(who + " without " +
                      (!entry.type        ? "dtype"
                       : !entry.has_shape ? "shape"
                                          : "data_offsets"),
                  "all three");
    }
    uint64_t bytes = entry.type->bytes;
    for (uint64_t dim : entry.shape) {
      if (__builtin_mul_overflow(bytes, dim, &bytes)) return fail(who + " of 2^64 bytes or more", "less");
    }
    uint64_t begin = entry.range[0], end = entry.range[1];
    if (begin > end || end > data.size()) {
      return fail(fmt::format("{} at data_offsets [{}, {}]", who, begin, end),
                  fmt::format("a rising pair within the {} bytes of data that begin at byte {}", data.size(),
                              data_begin));
    }
    if (end - begin != bytes) {
      return fail(fmt::format("{} with {} bytes at data_offsets [{}, {}]", who, end - begin, begin, end),
                  fmt::format("{}, for its shape and {}", bytes, entry.type->name));
    }
    tensors.push_back(
        {std::move(entry.name), entry.type, std::move(entry.shape), data.subspan(begin, bytes)});
    return true;
  }
};

}  // namespace

std::span<const SafetensorsType> safetensors_types() {
  auto end = std::ranges::find(types, 0U, &SafetensorsType::bytes);
  return {std::begin(types), end};
}

Result<Safetensors> Safetensors::open(const std::filesystem::path& path) {
  Mapping mapping = TRY(map_file(path));
  Safetensors file = TRY(parse(mapping.bytes(), path.string()));
  file.mapping_ = std::move(mapping);
  return file;
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> bytes, std::string name) {
  auto fail = [&](uint64_t offset, std::string_view found, std::string_view expected) {
    return error("{}: at byte {}: found {}, expected {}", name, offset, found, expected);
  };
  if (bytes.size() < 8) return fail(0, fmt::format("{} bytes", bytes.size()), "8 bytes of header length");
  uint64_t header_bytes;
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > most_header_bytes) {
    return fail(0, fmt::format("a header of {} bytes", header_bytes),
                fmt::format("at most {}", most_header_bytes));
  }
  if (header_bytes > bytes.size() - 8) {
    return fail(0, fmt::format("a header of {} bytes", header_bytes),
                fmt::format("at most the {} that follow", bytes.size() - 8));
  }
  const char* header = reinterpret_cast<const char*>(bytes.data() + 8);
  if (!header_bytes || *header != '{') {
    return fail(8, header_bytes ? in_quotes({header, 1}) : "an empty header", "'{'");
  }
  Safetensors file;
  uint64_t data_begin = 8 + header_bytes;
  HeaderReader reader{.path = name,
                      .data = bytes.subspan(data_begin),
                      .data_begin = data_begin,
                      .tensors = file.tensors_,
                      .metadata = file.metadata_,
                      .header = header,
                      .furthest = header};
  CountingIterator first{header, &reader.furthest}, last{header + header_bytes, &reader.furthest};
  if (!nlohmann::json::sax_parse(first, last, &reader)) {
    DOORBELL_CHECK(reader.failure, "a header of {} bytes failed without a reason", header_bytes);
    return *reader.failure;
  }
  std::ranges::sort(file.tensors_, [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
    return std::pair(a.data.data(), a.data.data() + a.data.size()) <
           std::pair(b.data.data(), b.data.data() + b.data.size());
  });
  uint64_t at = data_begin;
  for (const SafetensorsTensor& tensor : file.tensors_) {
    auto begin = static_cast<uint64_t>(tensor.data.data() - bytes.data());
    if (begin != at) {
      return fail(begin, fmt::format("the data of tensor {}", in_quotes(tensor.name)),
                  fmt::format("it at byte {}, without gap or overlap", at));
    }
    at += tensor.data.size();
  }
  if (at != bytes.size())
    return fail(at, fmt::format("{} bytes of no tensor", bytes.size() - at), "the end of the file");
  return file;
}

const SafetensorsTensor* Safetensors::find_tensor(std::string_view name) const {
  auto found = std::ranges::find(tensors_, name, &SafetensorsTensor::name);
  return found == tensors_.end() ? nullptr : &*found;
}

}  // namespace doorbell
