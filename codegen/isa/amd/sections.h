// The sections that an assembly file writes: which one is at hand, and what is put there. An error does not
// say where in the source; the caller does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/isa/amd/object.h"

namespace doorbell::amd {

class Sections {
 public:
  struct Place {
    size_t part = 0;
    uint64_t offset = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };

  // Writes into the parts of `object`, none of which gets more than `most` bytes.
  Sections(Object& object, uint64_t most) : object_(object), most_(most) {}

  // All empty again, .text at hand.
  Status restart();
  [[nodiscard]] Place here() const { return {part_, part().size}; }
  [[nodiscard]] Object::Part& part() { return object_.parts[part_]; }
  [[nodiscard]] const Object::Part& part() const { return object_.parts[part_]; }

  // The flags are what the name means where the source does not say it.
  struct Kind {
    uint64_t flags;
    bool has_bytes;
  };
  Status enter(const std::string& name, std::optional<Kind> kind = {});
  Status push();  // remembers the section at hand
  Status pop();
  Status previous();  // the one before

  Status put(std::span<const std::byte> bytes);
  Status put(uint64_t value, size_t size);
  Status put(uint64_t value, size_t size, uint64_t times);
  // Up to a multiple of `to`, unless more than `most` bytes are missing. In code, `nop` is what does nothing.
  Status align(uint64_t to, std::optional<uint64_t> fill, size_t fill_size, uint64_t most, uint32_t nop);

 private:
  struct Level {
    size_t part;
    std::optional<size_t> before;
  };
  Object& object_;
  uint64_t most_;
  size_t part_ = 0;
  std::optional<size_t> before_;
  std::vector<Level> stack_;
};

}  // namespace doorbell::amd
