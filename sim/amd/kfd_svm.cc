// KfdProcess: shared virtual memory. Ranges of the client's own memory get attributes; a card with access
// sees them at the CPU's addresses, and loses them when the client unmaps them. No page ever moves: card
// memory that is used this way would look the same to everyone. Source: Linux amdkfd/kfd_svm.c.
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "sim/amd/kfd.h"
#include "sim/amd/raw.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace kfd = doorbell::amd::kfd;
using Type = kfd::SvmAttributeType;

// Makes `at` a border between ranges, if it lies inside of one.
void KfdProcess::svm_split(uint64_t at) {
  auto next = svm_.upper_bound(at);
  if (next == svm_.begin()) return;
  auto range = std::prev(next);
  if (range->first == at || range->second.end <= at) return;
  SvmRange upper = range->second;
  range->second.end = at;
  svm_.emplace(at, upper);
}

int KfdProcess::svm_map(uint64_t start, SvmRange& range) {
  uint32_t wanted = range.access | range.in_place;
  uint64_t bytes = range.end - start;
  bool writable = !(range.flags & kfd::svm_flag::gpu_read_only);
  for (auto& on : devices_) {
    uint32_t bit = 1u << on->index;
    // A queue may be working there: what stays as it is (a prefetch moves no page) is not gone for a moment.
    if ((range.mapped & wanted & bit) && range.mapped_flags == range.flags && range.writable == writable)
      continue;
    if (range.mapped & bit) {
      on->vm->write_back();  // the memory stays, with other attributes
      on->vm->unmap(start, bytes);
    }
    range.mapped &= ~bit;
    if (!(wanted & bit)) continue;
    if (!bound(*on)) return -EINVAL;
    if (writable && pin_user(start, bytes, true) != 0) writable = false;
    if (!writable && pin_user(start, bytes, false) != 0) return -EFAULT;
    Region region;
    region.va = start;
    region.bytes = bytes;
    region.host = reinterpret_cast<std::byte*>(start);
    region.access = access_read;
    if (writable) region.access = region.access | access_write;
    if (range.flags & kfd::svm_flag::gpu_executable) region.access = region.access | access_execute;
    region.kind = MemoryKind::userptr;
    region.mtype =
        range.flags & (kfd::svm_flag::coherent | kfd::svm_flag::ext_coherent) ? Mtype::uc : Mtype::nc;
    if (!on->vm->map(region)) return -EADDRINUSE;
    range.mapped |= bit;
  }
  range.mapped_flags = range.flags;
  range.writable = writable;
  return 0;
}

void KfdProcess::svm_unmap(uint64_t start, uint64_t end, bool gone) {
  start = start / page_bytes * page_bytes;
  end = (end + page_bytes - 1) / page_bytes * page_bytes;
  // Linux asks whole ranges, whichever of their pages are gone.
  for (const auto& [first, range] : svm_)
    if (gone && range.queues != 0 && first < end && start < range.end) evict_queues(first);
  svm_split(start);
  svm_split(end);
  auto range = svm_.lower_bound(start);
  if (range == svm_.end() || range->first >= end) return;
  for (; range != svm_.end() && range->first < end; range = svm_.erase(range)) {
    for (auto& on : devices_) {
      if (range->second.mapped >> on->index & 1)
        on->vm->unmap(range->first, range->second.end - range->first);
    }
  }
  publish_client_memory();
}

// The whole range must be mapped by the client, and be no buffer of the GPU's.
int KfdProcess::svm_check(uint64_t start, uint64_t end) {
  if (!user_has(start, end - start)) return -EFAULT;
  for (auto& on : devices_) {
    for (auto& [id, buffer] : on->buffers) {
      if (buffer.va < end && start < buffer.va + buffer.va_bytes()) return -EADDRINUSE;
    }
  }
  return 0;
}

int KfdProcess::svm_set(uint64_t start, uint64_t end, std::span<const kfd::SvmAttribute> attributes) {
  for (const kfd::SvmAttribute& attribute : attributes) {
    auto type = static_cast<Type>(attribute.type);
    if (type > Type::granularity) return -EINVAL;
    bool location = type == Type::preferred_location || type == Type::prefetch_location;
    bool nowhere = attribute.value == kfd::svm_system_memory ||
                   (type == Type::preferred_location && attribute.value == kfd::svm_undefined_location);
    bool names_gpu = (location && !nowhere) || (type >= Type::access && type <= Type::no_access);
    if (names_gpu && !device(attribute.value)) return -EINVAL;
  }
  if (int error = svm_check(start, end)) return error;
  uses_client_memory_ = true;
  svm_split(start);
  svm_split(end);
  for (uint64_t at = start; at < end;) {
    auto next = svm_.lower_bound(at);
    if (next == svm_.end() || next->first != at) {
      SvmRange range;
      range.end = next == svm_.end() ? end : std::min(end, next->first);
      next = svm_.emplace(at, range).first;
    }
    SvmRange& range = next->second;
    for (const kfd::SvmAttribute& attribute : attributes) {
      Device* on = device(attribute.value);
      uint32_t bit = on ? 1u << on->index : 0;
      switch (static_cast<Type>(attribute.type)) {
        case Type::preferred_location: range.preferred = attribute.value; break;
        case Type::prefetch_location: range.prefetch = attribute.value; break;
        case Type::access:
          range.access |= bit;
          range.in_place &= ~bit;
          break;
        case Type::access_in_place:
          range.access &= ~bit;
          range.in_place |= bit;
          break;
        case Type::no_access:
          range.access &= ~bit;
          range.in_place &= ~bit;
          break;
        case Type::set_flags: range.flags |= attribute.value; break;
        case Type::clear_flags: range.flags &= ~attribute.value; break;
        case Type::granularity: range.granularity = std::min(attribute.value, 0x3fu); break;
      }
    }
    int error = svm_map(at, range);
    publish_client_memory();
    if (error) return error;
    // No page moves, but who asks for it is told as if it did (svm_range_trigger_migration).
    if (range.prefetch != kfd::svm_undefined_location && range.prefetch != range.location) {
      uint32_t gpu = range.prefetch != kfd::svm_system_memory ? range.prefetch : range.location;
      smi_.prefetched(gpu, at, range.end - at, range.location, range.prefetch, range.prefetch,
                      range.preferred);
      range.location = range.prefetch;
    }
    at = range.end;
  }
  return 0;
}

int KfdProcess::svm_get(uint64_t start, uint64_t end, std::span<kfd::SvmAttribute> attributes) {
  if (int error = svm_check(start, end)) return error;
  SvmRange found;
  uint32_t flags_or = found.flags;
  bool any = false;
  auto range = svm_.upper_bound(start);
  if (range != svm_.begin() && std::prev(range)->second.end > start) --range;
  for (; range != svm_.end() && range->first < end; ++range) {
    const SvmRange& part = range->second;
    if (!any) {
      found = part;
      flags_or = part.flags;
      any = true;
      continue;
    }
    // What differs between parts has no value for the whole.
    if (found.preferred != part.preferred) found.preferred = kfd::svm_undefined_location;
    if (found.prefetch != part.prefetch) found.prefetch = kfd::svm_undefined_location;
    found.access &= part.access;
    found.in_place &= part.in_place;
    found.flags &= part.flags;
    flags_or |= part.flags;
    found.granularity = std::min(found.granularity, part.granularity);
  }
  for (kfd::SvmAttribute& attribute : attributes) {
    switch (static_cast<Type>(attribute.type)) {
      case Type::preferred_location: attribute.value = found.preferred; break;
      case Type::prefetch_location: attribute.value = found.prefetch; break;
      case Type::access: {
        Device* on = device(attribute.value);
        if (!on) return -EINVAL;
        Type is = found.access >> on->index & 1     ? Type::access
                  : found.in_place >> on->index & 1 ? Type::access_in_place
                                                    : Type::no_access;
        attribute.type = static_cast<uint32_t>(is);
        break;
      }
      case Type::set_flags: attribute.value = found.flags; break;
      case Type::clear_flags: attribute.value = ~flags_or; break;
      case Type::granularity: attribute.value = found.granularity; break;
      default: return -EINVAL;
    }
  }
  return 0;
}

int KfdProcess::svm(kfd::Svm& args) {
  if (args.start_addr % page_bytes != 0 || args.size % page_bytes != 0) return -EINVAL;
  if (args.start_addr == 0 || args.size == 0) return -EINVAL;
  uint64_t end = args.start_addr + args.size;
  if (end <= args.start_addr || end >> 47) return -EFAULT;
  std::lock_guard lock(mutex_);
  std::span<kfd::SvmAttribute> attributes(reinterpret_cast<kfd::SvmAttribute*>(&args + 1), args.nattr);
  switch (args.op) {
    case kfd::svm_set_attr: return svm_set(args.start_addr, end, attributes);
    case kfd::svm_get_attr: return svm_get(args.start_addr, end, attributes);
    default: return -EINVAL;
  }
}

// Whether any of these pages belongs to a range. The end may lie beyond the address space.
bool KfdProcess::svm_overlaps(uint64_t start, uint64_t bytes) const {
  uint64_t first = start / page_bytes, last = (start + bytes - 1) / page_bytes;
  return std::any_of(svm_.begin(), svm_.end(), [&](const auto& range) {
    return range.first / page_bytes <= last && first < range.second.end / page_bytes;
  });
}

// kfd_queue_buffer_svm_get: mapped for this card, and never to be unmapped behind the queue's back.
bool KfdProcess::svm_holds(uint64_t va, uint64_t bytes, const Device& on) const {
  uint64_t at = va, end = va + bytes;
  while (at < end) {
    auto range = svm_.upper_bound(at);
    if (range == svm_.begin()) return false;
    const auto& [start, part] = *--range;
    if (part.end <= at || !(part.mapped >> on.index & 1) || !(part.flags & kfd::svm_flag::gpu_always_mapped))
      return false;
    at = part.end;
  }
  return true;
}

// kfd_queue_buffer_svm_get, kfd_queue_buffer_svm_put. Parts may be gone meanwhile.
void KfdProcess::svm_hold(const Queue& queue, bool held) {
  for (auto& [start, range] : svm_) {
    if (start >= queue.save + queue.save_bytes || queue.save >= range.end) continue;
    if (held) ++range.queues;
    else if (range.queues != 0) --range.queues;
  }
}

}  // namespace doorbell::sim::amd
