#include "codegen/isa/amd/sections.h"

#include <algorithm>
#include <cstring>

namespace doorbell::amd {
namespace {

struct KnownName {
  std::string_view prefix;
  Sections::Kind kind;
};
constexpr KnownName known_names[] = {
    {".text", {flag_alloc | flag_execute, true}},
    {".rodata", {flag_alloc, true}},
    {".data", {flag_alloc | flag_write, true}},
    {".bss", {flag_alloc | flag_write, false}},
};

}  // namespace

Status Sections::restart() {
  for (Object::Part& p : object_.parts) {
    p.size = 0;
    p.bytes.clear();
  }
  object_.pointers.clear();
  stack_.clear();
  TRY(enter(".text"));
  before_.reset();
  return success();
}

Status Sections::enter(const std::string& name, std::optional<Kind> kind) {
  const auto found = std::find_if(object_.parts.begin(), object_.parts.end(),
                                  [&](const Object::Part& p) { return p.name == name; });
  const auto number = static_cast<size_t>(found - object_.parts.begin());
  if (found != object_.parts.end()) {
    if (kind && (kind->flags != found->flags || kind->has_bytes != found->has_bytes))
      return error("section {} had other flags before", name);
  } else {
    const auto* known = std::find_if(std::begin(known_names), std::end(known_names),
                                     [&](const KnownName& k) { return name.starts_with(k.prefix); });
    if (!kind) kind = known != std::end(known_names) ? known->kind : Kind{0, true};
    Object::Part part;
    part.name = name;
    part.flags = kind->flags;
    part.has_bytes = kind->has_bytes;
    if (name == ".text") part.align = 4;
    object_.parts.push_back(std::move(part));
  }
  before_ = part_;
  part_ = number;
  return success();
}

Status Sections::push() {
  if (stack_.size() == 1000) return error("more than 1000 sections on the stack");
  stack_.push_back({part_, before_});
  return success();
}
Status Sections::pop() {
  if (stack_.empty()) return error("expected .pushsection before .popsection");
  part_ = stack_.back().part;
  before_ = stack_.back().before;
  stack_.pop_back();
  return success();
}
Status Sections::previous() {
  if (!before_) return error("expected another section before .previous");
  std::swap(part_, *before_);
  return success();
}

Status Sections::put(std::span<const std::byte> bytes) {
  Object::Part& p = part();
  if (!p.has_bytes && std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{}; }))
    return error("section {} has no bytes in the file", p.name);
  if (p.size + bytes.size() > most_) return error("a section has more than {} bytes", most_);
  if (p.has_bytes) p.bytes.insert(p.bytes.end(), bytes.begin(), bytes.end());
  p.size += bytes.size();
  return success();
}
Status Sections::put(uint64_t value, size_t size) {
  std::byte bytes[8];
  std::memcpy(bytes, &value, 8);
  return put(std::span(bytes).first(size));
}
Status Sections::put(uint64_t value, size_t size, uint64_t times) {
  if (times > most_ || part().size + times * size > most_)
    return error("a section has more than {} bytes", most_);
  if (value == 0 && !part().has_bytes) {
    part().size += times * size;
    return success();
  }
  for (; times != 0; --times) TRY(put(value, size));
  return success();
}

Status Sections::align(uint64_t to, std::optional<uint64_t> fill, size_t fill_size, uint64_t most,
                       uint32_t nop) {
  Object::Part& p = part();
  const uint64_t missing = (to - p.size % to) % to;
  p.align = std::max(p.align, to);
  if (missing > most) return success();
  const bool is_code = (p.flags & flag_execute) && fill.value_or(0) == 0 && fill_size == 1;
  const size_t size = is_code ? 4 : fill_size;
  TRY(put(0, 1, missing % size));
  return put(is_code ? nop : fill.value_or(0), size, missing / size);
}

}  // namespace doorbell::amd
