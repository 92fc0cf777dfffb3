#include "sim/amd/bus.h"

#include <algorithm>
#include <cstring>

namespace doorbell::sim::amd {
namespace {

// Between two looks at whether memory was unmapped or the queue removed.
constexpr uint64_t chunk_bytes = 256 << 10;

}  // namespace

bool Bus::refuse(Check check, std::string text) {
  if (!strict_.on(check)) return false;
  if (failed()) return true;
  fault_.kind = check_row(check).kind;
  fault_.check = check;
  fault_.text = *purpose_ ? fmt::format("{}: {}", purpose_, text) : std::move(text);
  return true;
}

bool Bus::refuse_at(Check check, uint64_t address, std::string text) {
  bool first = !failed();
  if (!refuse(check, std::move(text))) return false;
  if (first) {
    fault_.address = address;
    fault_.has_address = true;
  }
  return true;
}

void Bus::miss(uint64_t va, uint64_t bytes, Access access) {
  if (failed()) return;
  const Region* region = va >> va_bits ? nullptr : reader_.find(va);
  Check check = region && (region->access & access) != access ? Check::permission : Check::unmapped;
  refuse_at(check, va,
            fmt::format("{} of {} bytes: {}", access & access_write ? "write" : "read", bytes,
                        reader_.vm().explain(va, bytes, access)));
  fault_.write = (access & access_write) != 0;
}

void Bus::miss_lost(uint64_t bytes, Access access) {
  std::optional<uint64_t> at = reader_.vm().lost();
  if (!at || failed()) return;
  refuse_at(
      Check::unmapped, *at,
      fmt::format("{} of {} bytes: {}", access & access_write ? "write" : "read", bytes, Vm::lost_text));
  fault_.write = (access & access_write) != 0;
}

const Region* Bus::locate(uint64_t& va, uint64_t bytes, Access access) {
  if (failed()) return nullptr;
  if (va % bytes != 0) {
    if (refuse_at(Check::misaligned, va,
                  fmt::format("{} bytes at an address that is no multiple of that", bytes)))
      return nullptr;
    va -= va % bytes;  // hardware drops the bits
  }
  const Region* region = reader_.find(va, bytes, access);
  if (region) {
    if (access & access_write) caches_.written(va, bytes);
    return region;
  }
  miss(va, bytes, access);
  return nullptr;
}

void Bus::read(uint64_t va, std::span<std::byte> to) {
  uint64_t missing = va;
  if (!failed() && reader_.read(va, to, &missing)) return still_there(to.size(), access_read);
  std::fill(to.begin(), to.end(), std::byte{0});
  miss(missing, va + to.size() - missing, access_read);
}

const Region* Bus::stretch(uint64_t va, Access access, uint64_t& bytes) {
  const Region* region = reader_.find(va, 1, access);
  if (!region) {
    miss(va, bytes, access);
    return nullptr;
  }
  bytes = std::min(bytes, region->end() - va);
  if (access & access_write) caches_.written(va, bytes);
  return region;
}

void Bus::move(const Region& there, uint64_t to, const Region& here, uint64_t from, uint64_t bytes) {
  const std::byte* source = here.shadow ? here.shadow->fresh(here.at(from), bytes) : here.at(from);
  put(there, to, bytes, [&](std::byte* target) { std::memmove(target, source, bytes); });
}

bool Bus::copy(uint64_t to, uint64_t from, uint64_t bytes, const std::atomic<bool>& stop, bool backwards) {
  while (bytes != 0 && !failed() && !stop.load(std::memory_order_relaxed)) {
    uint64_t part = std::min(bytes, chunk_bytes);
    if (backwards) {
      // The last part that lies in one region on both sides.
      uint64_t at = bytes - part;
      uint64_t whole = part;
      const Region* here = stretch(from + at, access_read, whole);
      const Region* there = here ? stretch(to + at, access_write, whole) : nullptr;
      if (!there) return false;
      if (whole < part) {
        // Regions meet inside: go byte by byte from the end.
        at = bytes - 1;
        whole = part = 1;
        here = stretch(from + at, access_read, whole);
        there = stretch(to + at, access_write, whole);
        if (!here || !there) return false;
      }
      move(*there, to + at, *here, from + at, part);
      still_there(part, access_write);
    } else {
      const Region* here = stretch(from, access_read, part);
      const Region* there = here ? stretch(to, access_write, part) : nullptr;
      if (!there) return false;
      // An engine that reads ahead of its writes: a forward copy onto a later, overlapping range is garbage
      // on hardware too, memmove's answer is one of the possible ones.
      move(*there, to, *here, from, part);
      still_there(part, access_write);
      from += part;
      to += part;
    }
    bytes -= part;
    reader_.quiesce();
  }
  return bytes == 0;
}

void Bus::fill(uint64_t to, std::span<const std::byte> pattern, uint64_t bytes,
               const std::atomic<bool>& stop) {
  uint64_t done = 0;
  while (done != bytes && !failed() && !stop.load(std::memory_order_relaxed)) {
    uint64_t part = std::min(bytes - done, chunk_bytes);
    const Region* region = stretch(to + done, access_write, part);
    if (!region) return;
    put(*region, to + done, part, [&](std::byte* target) {
      if (pattern.size() == 1) {
        std::memset(target, std::to_integer<int>(pattern[0]), part);
      } else if (pattern.size() == 4 && done % 4 == 0) {
        uint32_t word;
        std::memcpy(&word, pattern.data(), 4);
        for (uint64_t i = 0; i + 4 <= part; i += 4) std::memcpy(target + i, &word, 4);
        std::memcpy(target + part / 4 * 4, &word, part % 4);
      } else {
        for (uint64_t i = 0; i < part; ++i) target[i] = pattern[(done + i) % pattern.size()];
      }
    });
    still_there(part, access_write);
    done += part;
    reader_.quiesce();
  }
}

}  // namespace doorbell::sim::amd
