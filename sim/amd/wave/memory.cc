// Loads, stores and atomics: DS, FLAT, GLOBAL, SCRATCH, MUBUF, and scalar loads. What a row does is read off
// its name, which the manuals compose regularly (space, operation, type, d16); how many registers it moves
// comes from its operands. Sources: RDNA2 ISA and RDNA3 ISA, chapters "Vector Memory Operations", "Flat
// Memory Instructions", "Data Share Operations", "Scalar Memory Operations"; buffer descriptors: RDNA2
// ISA 8.1.5, RDNA3 ISA 9.1.5.
//
// Loads are done at once; that their registers may not be touched before s_waitcnt is bookkeeping
// (Wave::vm_due and kin). Unaligned loads and stores are allowed, as amdhsa configures the hardware; atomics
// must be aligned.
#include <bit>
#include <cstring>

#include "sim/amd/wave/context.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Format;
using doorbell::amd::Operand;
using doorbell::amd::Row;
using doorbell::amd::Slot;

// ---- what a row does ----

enum class Do : uint8_t {
  none,
  load,
  store,
  swap,
  compare_swap,
  add,
  sub,
  reverse_sub,
  min,
  max,
  bit_and,
  bit_or,
  bit_xor,
  inc,
  dec,
  csub,
  mask_or,
  wrap,
};

struct Transfer {
  Do what = Do::none;
  uint8_t bytes = 0;  // of one element in memory
  char type = 'b';    // b, u, i, f
  bool d16 = false, high = false;
  bool two = false;            // DS: two addresses
  bool stride64 = false;       // ... whose offsets count 64 elements
  bool returns = false;        // the destination receives the old value
  bool compare_first = false;  // gfx10's ds_cmpst: the expected value stands before the new one
  bool addtid = false;
  bool format = false;
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Reads "global_atomic_add_u32", "ds_load_u8_d16_hi" ... Rows that are none of these give Do::none.
Transfer parse(const Row& row) {
  Transfer t;
  std::string_view name = row.name;
  size_t start = name.find('_');
  if (start == std::string_view::npos) return t;
  std::string_view rest = name.substr(start + 1);
  t.two = row.two_offsets;
  t.stride64 = contains(rest, "stride64");
  t.d16 = contains(rest, "d16");
  t.high = contains(rest, "d16_hi");
  t.addtid = contains(rest, "addtid");
  t.format = contains(rest, "format") || contains(rest, "_lds_");
  // The type is the last word that looks like one.
  for (size_t at = rest.size(); at > 0;) {
    size_t begin = rest.rfind('_', at - 1);
    begin = begin == std::string_view::npos ? 0 : begin + 1;
    std::string_view word = rest.substr(begin, at - begin);
    if (word.size() > 1 && contains("buif", word.substr(0, 1)) && word[1] >= '0' && word[1] <= '9') {
      unsigned bits = 0;
      for (char c : word.substr(1)) bits = bits * 10 + static_cast<unsigned>(c - '0');
      t.type = word[0];
      t.bytes = static_cast<uint8_t>(bits / 8);
      break;
    }
    if (begin == 0) return t;
    at = begin - 1;
  }
  if (rest.starts_with("atomic_")) rest.remove_prefix(7);
  struct Word {
    std::string_view name;
    Do what;
  };
  constexpr Word words[] = {
      {"load_", Do::load},
      {"storexchg_", Do::swap},
      {"store_", Do::store},
      {"swap_", Do::swap},
      {"cmpswap_", Do::compare_swap},
      {"cmpst_", Do::compare_swap},
      {"cmpstore_", Do::compare_swap},
      {"add_", Do::add},
      {"sub_", Do::sub},
      {"rsub_", Do::reverse_sub},
      {"min_", Do::min},
      {"max_", Do::max},
      {"and_", Do::bit_and},
      {"or_", Do::bit_or},
      {"xor_", Do::bit_xor},
      {"inc_", Do::inc},
      {"dec_", Do::dec},
      {"csub_", Do::csub},
      {"mskor_", Do::mask_or},
      {"wrap_", Do::wrap},
  };
  for (const Word& word : words) {
    if (rest.starts_with(word.name)) t.what = word.what;
  }
  t.compare_first = rest.starts_with("cmpst_");
  if (contains(name, "gs_reg")) t.what = Do::none;
  for (unsigned i = 0; i < row.count; ++i) t.returns |= row.operands[i].writes && !row.operands[i].optional;
  return t;
}

const Transfer& transfer(uint16_t row) {
  static const std::vector<Transfer> all = [] {
    std::vector<Transfer> made;
    for (const Row& r : doorbell::amd::rows()) {
      bool memory = r.format >= Format::ds;
      made.push_back(memory ? parse(r) : Transfer{});
    }
    return made;
  }();
  return all[row];
}

template <class T>
T as(uint64_t bits) {
  if constexpr (sizeof(T) == 4) {
    return std::bit_cast<T>(static_cast<uint32_t>(bits));
  } else {
    return std::bit_cast<T>(bits);
  }
}
template <class T>
uint64_t bits_of(T value) {
  if constexpr (sizeof(T) == 4) {
    return std::bit_cast<uint32_t>(value);
  } else {
    return std::bit_cast<uint64_t>(value);
  }
}

// The new value in memory. `data2` is what a comparing swap expects, or the second operand.
template <class U, class I, class F>
uint64_t combine(const Transfer& t, uint64_t old_bits, uint64_t data_bits, uint64_t data2_bits) {
  U old = static_cast<U>(old_bits), data = static_cast<U>(data_bits), data2 = static_cast<U>(data2_bits);
  switch (t.what) {
    case Do::swap: return data;
    case Do::compare_swap:
      if (t.type == 'f') return as<F>(old_bits) == as<F>(data2_bits) ? data : old;
      return old == data2 ? data : old;
    case Do::add:
      if (t.type == 'f') return bits_of(as<F>(old_bits) + as<F>(data_bits));
      return static_cast<U>(old + data);
    case Do::sub: return static_cast<U>(old - data);
    case Do::reverse_sub: return static_cast<U>(data - old);
    case Do::min:
      if (t.type == 'f') return as<F>(data_bits) < as<F>(old_bits) ? data : old;
      if (t.type == 'i') return static_cast<I>(data) < static_cast<I>(old) ? data : old;
      return data < old ? data : old;
    case Do::max:
      if (t.type == 'f') return as<F>(data_bits) > as<F>(old_bits) ? data : old;
      if (t.type == 'i') return static_cast<I>(data) > static_cast<I>(old) ? data : old;
      return data > old ? data : old;
    case Do::bit_and: return old & data;
    case Do::bit_or: return old | data;
    case Do::bit_xor: return old ^ data;
    case Do::inc: return old >= data ? U{0} : static_cast<U>(old + 1);
    case Do::dec: return old == 0 || old > data ? data : static_cast<U>(old - 1);
    case Do::csub: return old < data ? U{0} : static_cast<U>(old - data);
    case Do::mask_or: return static_cast<U>((old & ~data) | data2);
    case Do::wrap: return old >= data ? static_cast<U>(old - data) : static_cast<U>(old + data2);
    default: return old;
  }
}
uint64_t combine(const Transfer& t, uint64_t old, uint64_t data, uint64_t data2) {
  return t.bytes == 8 ? combine<uint64_t, int64_t, double>(t, old, data, data2)
                      : combine<uint32_t, int32_t, float>(t, old, data, data2);
}

// ---- places ----

enum class Space : uint8_t { global, scratch, lds };

// What a lane reaches: `address` is a GPU address, or an offset within scratch or LDS.
struct Where {
  uint64_t address;
  Space space;
};

// True if the aligned dword at `va` and a neighbour of it are marked as never written.
bool hole(const Region& region, uint64_t va) {
  if (!region.fresh) return false;
  va &= ~uint64_t{3};
  uint32_t word = 0;
  std::memcpy(&word, region.at(va), 4);
  if (word != fresh_word) [[likely]]
    return false;
  auto marked = [&](uint64_t at) {
    if (!region.covers(at, 4)) return false;
    std::memcpy(&word, region.at(at), 4);
    return word == fresh_word;
  };
  return marked(va + 4) || marked(va - 4);
}

std::string bytes_text(uint64_t bytes) { return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s"); }

// The host memory of a global access, or null after a report; `stop` says whether the wave stops for it.
std::byte* global(Wave& w, const Instruction& s, int lane, uint64_t va, uint64_t bytes, bool write,
                  bool& stop, const Region** which = nullptr) {
  Context& c = *w.context;
  const Region* region = c.region(va, bytes);
  Access need = write ? access_write : access_read;
  if (region && (region->access & need)) [[likely]] {
    if (which) *which = region;
    return region->at(va);
  }
  Check check = region ? Check::permission : Check::unmapped;
  stop = !violates_at(w, s, check,
                      fmt::format("{} of {}: {}", write ? "store" : "load", bytes_text(bytes),
                                  c.reader.vm().explain(va, bytes, need)),
                      lane, va, write);
  return nullptr;
}

// Scratch is interleaved by dwords: dword i of every lane lies together.
uint64_t scratch_address(const Wave& w, uint32_t lane, uint64_t offset) {
  return w.scratch + (offset >> 2) * 4 * w.stride + 4 * lane + (offset & 3);
}
bool scratch_inside(Wave& w, const Instruction& s, int lane, uint64_t offset, uint64_t bytes, bool write,
                    bool& stop) {
  uint64_t size = w.scratch_bytes / w.stride;
  if (offset + bytes <= size) return true;
  stop = !violates_at(w, s, Check::scratch_bounds,
                      fmt::format("{} of {} at scratch offset {:#x}; each lane has {} bytes",
                                  write ? "store" : "load", bytes_text(bytes), offset, size),
                      lane, offset, write);
  return false;
}
bool lds_inside(Wave& w, const Instruction& s, int lane, uint64_t offset, uint64_t bytes, bool write,
                bool& stop) {
  if (offset + bytes <= w.group->lds_bytes) [[likely]]
    return true;
  stop = !violates_at(w, s, Check::lds_bounds,
                      fmt::format("{} of {} at LDS offset {:#x}; the workgroup has {} bytes",
                                  write ? "store" : "load", bytes_text(bytes), offset, w.group->lds_bytes),
                      lane, offset, write);
  return false;
}

// Reads an element. `known` gets a bit for each dword of it.
bool read(Wave& w, const Instruction& s, uint32_t lane, Where at, unsigned bytes, uint32_t* to,
          uint32_t& known) {
  bool stop = false;
  int l = static_cast<int>(lane);
  known = ~uint32_t{0};
  switch (at.space) {
    case Space::global: {
      const Region* region = nullptr;
      if (const std::byte* p = global(w, s, l, at.address, bytes, false, stop, &region)) {
        std::memcpy(to, p, bytes);
        for (unsigned i = 0; i < bytes; i += 4) {
          if (hole(*region, at.address + i)) known &= ~(1u << i / 4);
        }
      }
      break;
    }
    case Space::scratch: {
      if (!scratch_inside(w, s, l, at.address, bytes, false, stop)) break;
      auto* out = reinterpret_cast<std::byte*>(to);
      for (unsigned i = 0; i < bytes;) {  // dwords where aligned, bytes elsewhere
        uint64_t offset = at.address + i;
        unsigned part = offset % 4 == 0 && bytes - i >= 4 ? 4 : 1;
        const Region* region = nullptr;
        const std::byte* p = global(w, s, l, scratch_address(w, lane, offset), part, false, stop, &region);
        if (!p) return !stop;
        std::memcpy(out + i, p, part);
        if (hole(*region, scratch_address(w, lane, offset))) known &= ~(1u << i / 4);
        i += part;
      }
      break;
    }
    case Space::lds: {
      if (!lds_inside(w, s, l, at.address, bytes, false, stop)) break;
      Group& g = *w.group;
      std::memcpy(to, reinterpret_cast<const std::byte*>(g.lds.data()) + at.address, bytes);
      for (unsigned i = 0; i < bytes; i += 4) {
        uint64_t dword = (at.address + i) / 4;
        if (!(g.lds_valid[dword / 32] >> dword % 32 & 1)) known &= ~(1u << i / 4);
      }
      break;
    }
  }
  return !stop;
}

bool write(Wave& w, const Instruction& s, uint32_t lane, Where at, unsigned bytes, const uint32_t* from,
           uint32_t known) {
  bool stop = false;
  int l = static_cast<int>(lane);
  switch (at.space) {
    case Space::global:
      if (std::byte* p = global(w, s, l, at.address, bytes, true, stop)) std::memcpy(p, from, bytes);
      break;
    case Space::scratch: {
      if (!scratch_inside(w, s, l, at.address, bytes, true, stop)) break;
      const auto* in = reinterpret_cast<const std::byte*>(from);
      for (unsigned i = 0; i < bytes;) {
        uint64_t offset = at.address + i;
        unsigned part = offset % 4 == 0 && bytes - i >= 4 ? 4 : 1;
        std::byte* p = global(w, s, l, scratch_address(w, lane, offset), part, true, stop);
        if (!p) return !stop;
        std::memcpy(p, in + i, part);
        i += part;
      }
      break;
    }
    case Space::lds: {
      if (!lds_inside(w, s, l, at.address, bytes, true, stop)) break;
      Group& g = *w.group;
      std::memcpy(reinterpret_cast<std::byte*>(g.lds.data()) + at.address, from, bytes);
      for (uint64_t dword = at.address / 4; dword <= (at.address + bytes - 1) / 4; ++dword) {
        bool hole_stored = bytes >= 4 && !(known >> (dword - at.address / 4) & 1);
        uint32_t bit = 1u << dword % 32;
        g.lds_valid[dword / 32] =
            hole_stored ? g.lds_valid[dword / 32] & ~bit : g.lds_valid[dword / 32] | bit;
      }
      break;
    }
  }
  return !stop;
}

// Atomically, also against other host threads and the host itself.
template <class U>
uint64_t exchange(std::byte* p, const Transfer& t, uint64_t data, uint64_t data2) {
  std::atomic_ref<U> memory(*reinterpret_cast<U*>(p));
  U old = memory.load();
  while (!memory.compare_exchange_weak(old, static_cast<U>(combine(t, old, data, data2)))) {}
  return old;
}

bool atomic(Wave& w, const Instruction& s, const Transfer& t, uint32_t lane, Where at, uint64_t data,
            uint64_t data2, uint64_t& old, bool& old_known) {
  bool stop = false;
  int l = static_cast<int>(lane);
  old = 0;
  old_known = true;
  if (at.address % t.bytes != 0) {
    if (!violates_at(
            w, s, Check::misaligned,
            fmt::format("an atomic of {} at an address that is no multiple of that", bytes_text(t.bytes)), l,
            at.address, true)) {
      return false;
    }
    at.address -= at.address % t.bytes;
  }
  std::byte* p = nullptr;
  const Region* region = nullptr;
  switch (at.space) {
    case Space::global: p = global(w, s, l, at.address, t.bytes, true, stop, &region); break;
    case Space::scratch:
      if (scratch_inside(w, s, l, at.address, t.bytes, true, stop)) {
        p = global(w, s, l, scratch_address(w, lane, at.address), t.bytes, true, stop, &region);
      }
      break;
    case Space::lds: {
      if (!lds_inside(w, s, l, at.address, t.bytes, true, stop)) break;
      Group& g = *w.group;
      p = reinterpret_cast<std::byte*>(g.lds.data()) + at.address;
      uint64_t dword = at.address / 4;
      old_known = g.lds_valid[dword / 32] >> dword % 32 & 1;
      if (t.what == Do::swap || t.what == Do::compare_swap) {
        for (unsigned i = 0; i < t.bytes / 4u; ++i) g.lds_valid[(dword + i) / 32] |= 1u << (dword + i) % 32;
      }
    }
  }
  if (!p) return !stop;
  if (region) old_known = !hole(*region, at.address);
  old = t.bytes == 8 ? exchange<uint64_t>(p, t, data, data2) : exchange<uint32_t>(p, t, data, data2);
  return true;
}

// ---- operands ----

const Operand* operand(const Instruction& s, const Row& row, Slot slot, bool written) {
  for (unsigned i = 0; i < row.count; ++i) {
    if (row.operands[i].slot == slot && (written ? row.operands[i].writes : row.operands[i].reads)) {
      const Operand& x = s.inst->operands[i];
      return x.kind == Operand::Kind::none ? nullptr : &x;
    }
  }
  return nullptr;
}
const Operand* any_operand(const Instruction& s, const Row& row, Slot slot) {
  for (unsigned i = 0; i < row.count; ++i) {
    if (row.operands[i].slot == slot) {
      const Operand& x = s.inst->operands[i];
      return x.kind == Operand::Kind::none ? nullptr : &x;
    }
  }
  return nullptr;
}

int first_lane(uint64_t lanes) { return static_cast<int>(std::countr_zero(lanes)); }

// A scalar that becomes part of an address.
bool scalar_base(Wave& w, const Instruction& s, const Operand* x, unsigned dwords, uint64_t& value) {
  value = 0;
  if (!x) return true;
  if (x->kind == Operand::Kind::constant) {
    value = x->index <= 192 ? static_cast<uint64_t>(x->index - 128)
                            : static_cast<uint64_t>(-static_cast<int64_t>(x->index - 192));
    value &= 0xffffffff;
    return true;
  }
  if (x->kind == Operand::Kind::literal) {
    value = static_cast<uint32_t>(x->value);
    return true;
  }
  if (x->index == reg::null) return true;
  bool known = w.sv[x->index] == ~uint32_t{0} && (dwords == 1 || w.sv[x->index + 1] == ~uint32_t{0});
  if (!known &&
      !violates(w, s, Check::invalid_address, fmt::format("s{} holds data that nobody wrote", x->index)))
    return false;
  value = dwords == 1 ? w.s[x->index] : w.scalar64(x->index);
  return true;
}

bool lanes_known(Wave& w, const Instruction& s, const Operand* x, uint64_t exec) {
  if (!x) return true;
  uint64_t known = w.valid[x->index];
  if (x->dwords > 1) known &= w.valid[x->index + 1];
  uint64_t unknown = exec & ~known;
  return unknown == 0 ||
         violates(w, s, Check::invalid_address,
                  fmt::format("the address in v{} is data that nobody wrote", x->index), first_lane(unknown));
}

// The V# of a buffer instruction.
struct Resource {
  uint64_t base = 0;
  uint32_t stride = 0, records = 0, index_stride = 0, element = 0, oob = 0;
  bool swizzle = false, add_tid = false;
};

bool resource(Wave& w, const Instruction& s, const Operand& x, Resource& r) {
  uint32_t known = ~uint32_t{0}, word[4];
  for (int i = 0; i < 4; ++i) {
    word[i] = w.s[x.index + i];
    known &= w.sv[x.index + i];
  }
  if (known != ~uint32_t{0} &&
      !violates(w, s, Check::invalid_scalar,
                fmt::format("the buffer descriptor in s[{}:{}] holds data that nobody wrote", x.index,
                            x.index + 3))) {
    return false;
  }
  r.base = word[0] | static_cast<uint64_t>(word[1] & 0xffff) << 32;
  r.stride = word[1] >> 16 & 0x3fff;
  r.records = word[2];
  constexpr uint32_t index_strides[] = {8, 16, 32, 64};
  r.index_stride = index_strides[word[3] >> 21 & 3];
  r.add_tid = word[3] >> 23 & 1;
  r.oob = word[3] >> 28 & 3;
  if (w.context->gfx10()) {
    r.swizzle = word[1] >> 31;
    r.element = 4;
  } else {
    uint32_t swizzle = word[1] >> 30;
    r.swizzle = swizzle != 0;
    r.element = swizzle == 2 ? 8 : swizzle == 3 ? 16 : 4;
  }
  return true;
}

// The address of a lane, or false if it is out of range: then loads give 0 and stores are dropped, as on
// silicon.
bool buffer_address(const Resource& r, uint64_t index, uint64_t offset, uint64_t soffset, unsigned bytes,
                    uint64_t& address) {
  switch (r.oob) {
    case 0:
      if (index >= r.records || (r.stride != 0 && offset + bytes > r.stride)) return false;
      break;
    case 1:
      if (index >= r.records) return false;
      break;
    case 2:
      if (r.records == 0) return false;
      break;
    default:
      if (offset + soffset + bytes > r.records && !r.swizzle) return false;
      if (r.swizzle && r.stride != 0 && (index >= r.records || offset + bytes > r.stride)) return false;
  }
  if (!r.swizzle) {
    address = r.base + soffset + index * r.stride + offset;
    return true;
  }
  uint64_t index_high = index / r.index_stride, index_low = index % r.index_stride;
  uint64_t offset_high = offset / r.element, offset_low = offset % r.element;
  address = r.base + soffset + (index_high * r.stride + offset_high * r.element) * r.index_stride +
            index_low * r.element + offset_low;
  return true;
}

// ---- execution ----

// The addresses of all lanes of `exec`. Lanes that a buffer's range excludes are taken out of `exec` and put
// into `zero`.
bool addresses(Wave& w, const Instruction& s, const Row& row, const Transfer& t, uint64_t& exec,
               uint64_t& zero, Where* at) {
  const doorbell::amd::Modifiers& mods = s.inst->mods;
  const Operand* vaddr = any_operand(s, row, Slot::vaddr);
  zero = 0;
  if (!lanes_known(w, s, vaddr, exec)) return false;
  const uint32_t* v = vaddr ? w.vgpr(vaddr->index) : nullptr;
  auto for_each = [&](auto f) {
    for (uint64_t left = exec; left; left &= left - 1) f(static_cast<uint32_t>(std::countr_zero(left)));
  };
  auto offset = static_cast<uint64_t>(static_cast<int64_t>(mods.offset));
  switch (row.format) {
    case Format::ds:
      if (t.addtid) {
        uint64_t base = (w.s[reg::m0] & 0xffff) + offset;
        for_each([&](uint32_t lane) { at[lane] = {base + 4 * lane, Space::lds}; });
        return true;
      }
      for_each([&](uint32_t lane) {
        at[lane] = {static_cast<uint32_t>(v[lane] + (t.two ? 0 : offset)), Space::lds};
      });
      return true;
    case Format::global: {
      const Operand* saddr = any_operand(s, row, Slot::saddr);
      uint64_t base = 0;
      if (saddr && saddr->index != reg::null) {
        if (!scalar_base(w, s, saddr, 2, base)) return false;
        if (t.addtid) {
          for_each([&](uint32_t lane) { at[lane] = {base + offset + 4 * lane, Space::global}; });
        } else {
          for_each([&](uint32_t lane) { at[lane] = {base + v[lane] + offset, Space::global}; });
        }
        return true;
      }
      if (t.addtid) {
        for_each([&](uint32_t lane) { at[lane] = {offset + 4 * lane, Space::global}; });
        return true;
      }
      for_each([&](uint32_t lane) {
        at[lane] = {(v[lane] | static_cast<uint64_t>(v[lane + w.stride]) << 32) + offset, Space::global};
      });
      return true;
    }
    case Format::flat:
      for_each([&](uint32_t lane) {
        uint64_t address = (v[lane] | static_cast<uint64_t>(v[lane + w.stride]) << 32) + offset;
        uint64_t aperture = address & 0xffffffff00000000;
        at[lane] = aperture == shared_aperture    ? Where{address & 0xffffffff, Space::lds}
                   : aperture == private_aperture ? Where{address & 0xffffffff, Space::scratch}
                                                  : Where{address, Space::global};
      });
      return true;
    case Format::scratch: {
      const Operand* saddr = any_operand(s, row, Slot::saddr);
      uint64_t base = 0;
      if (saddr && !scalar_base(w, s, saddr, 1, base)) return false;
      for_each([&](uint32_t lane) {
        at[lane] = {static_cast<uint32_t>(base + (v ? v[lane] : 0) + offset), Space::scratch};
      });
      return true;
    }
    case Format::mubuf:
    case Format::mtbuf: {
      Resource r;
      if (!resource(w, s, *any_operand(s, row, Slot::srsrc), r)) return false;
      uint64_t soffset = 0;
      if (!scalar_base(w, s, any_operand(s, row, Slot::soff), 1, soffset)) return false;
      const uint32_t* index = mods.idxen ? v : nullptr;
      const uint32_t* off = mods.offen ? (mods.idxen ? v + w.stride : v) : nullptr;
      for_each([&](uint32_t lane) {
        uint64_t i = (index ? index[lane] : 0) + (r.add_tid ? lane : 0);
        uint64_t o = (off ? off[lane] : 0) + static_cast<uint64_t>(mods.offset);
        uint64_t address = 0;
        if (buffer_address(r, i, o, soffset, t.bytes, address)) {
          at[lane] = {address, Space::global};
        } else {
          zero |= uint64_t{1} << lane;
        }
      });
      exec &= ~zero;
      return true;
    }
    default: return true;
  }
}

uint32_t extend(const Transfer& t, uint32_t value) {
  if (t.bytes == 1) return t.type == 'i' ? static_cast<uint32_t>(static_cast<int8_t>(value)) : value & 0xff;
  if (t.bytes == 2)
    return t.type == 'i' ? static_cast<uint32_t>(static_cast<int16_t>(value)) : value & 0xffff;
  return value;
}

void set_lane(Wave& w, uint32_t vgpr, uint32_t lane, uint32_t value, bool known) {
  w.vgpr(vgpr)[lane] = value;
  uint64_t bit = uint64_t{1} << lane;
  w.valid[vgpr] = known ? w.valid[vgpr] | bit : w.valid[vgpr] & ~bit;
}

void put(Wave& w, const Transfer& t, uint32_t vgpr, uint32_t lane, const uint32_t* value, uint32_t known) {
  if (t.d16) {
    uint32_t old = w.vgpr(vgpr)[lane], x = extend(t, value[0]) & 0xffff;
    bool was = w.valid[vgpr] >> lane & 1;
    set_lane(w, vgpr, lane, t.high ? (old & 0xffff) | x << 16 : (old & 0xffff0000) | x, was || (known & 1));
    return;
  }
  for (unsigned i = 0; i < (t.bytes + 3u) / 4; ++i) {
    set_lane(w, vgpr + i, lane, t.bytes < 4 ? extend(t, value[0]) : value[i], known >> i & 1);
  }
}

void take(Wave& w, const Transfer& t, uint32_t vgpr, uint32_t lane, uint32_t* value, uint32_t& known) {
  known = 0;
  for (unsigned i = 0; i < (t.bytes + 3u) / 4; ++i) {
    value[i] = w.vgpr(vgpr + i)[lane];
    known |= static_cast<uint32_t>(w.valid[vgpr + i] >> lane & 1) << i;
  }
  if (t.high) value[0] >>= 16;
}

uint64_t word64(const uint32_t* value, unsigned bytes) {
  return bytes == 8 ? value[0] | static_cast<uint64_t>(value[1]) << 32 : value[0];
}

// Counts the instruction, and remembers what it fills.
void count(Wave& w, const Row& row, bool fills, uint32_t first, unsigned dwords, bool stores) {
  bool ds = row.format == Format::ds, flat = row.format == Format::flat;
  if (ds || flat) ++w.lds.issued;
  if (!ds) ++(stores ? w.vs : w.vm).issued;
  if (fills) {
    for (unsigned i = 0; i < dwords; ++i) {
      if (ds || flat) w.lds_due[first + i] = w.lds.issued;
      if (!ds) w.vm_due[first + i] = w.vm.issued;
    }
  }
  if (fills || ds || flat) w.outstanding = 1;
}

bool simple(Wave& w, const Instruction& s, const Row& row, const Transfer& t) {
  uint64_t exec = w.exec(), zero = 0;
  Where at[64];
  if (!addresses(w, s, row, t, exec, zero, at)) return false;
  bool buffer = row.format == Format::mubuf || row.format == Format::mtbuf;
  const Operand* d = buffer ? any_operand(s, row, Slot::vdata) : operand(s, row, Slot::vdst, true);
  const Operand* data = buffer ? d : operand(s, row, Slot::data0, false);
  const Operand* data1 = operand(s, row, Slot::data1, false);
  unsigned dwords = (t.bytes + 3u) / 4;
  bool returns = t.what == Do::load || (t.returns && (!buffer && row.format == Format::ds)) ||
                 (row.atomic && s.inst->mods.glc);
  for (uint64_t left = zero; left && returns; left &= left - 1) {
    uint32_t none[4] = {};
    put(w, t, d->index, static_cast<uint32_t>(std::countr_zero(left)), none, ~0u);
  }
  unsigned pieces = t.two ? 2 : 1;
  unsigned unit = t.bytes * (t.stride64 ? 64 : 1);
  uint32_t offset[2] = {0, 0};
  if (t.two) {
    offset[0] = (static_cast<uint32_t>(s.inst->mods.offset) & 0xff) * unit;
    offset[1] = (static_cast<uint32_t>(s.inst->mods.offset) >> 8 & 0xff) * unit;
  }
  for (uint64_t left = exec; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    for (unsigned piece = 0; piece < pieces; ++piece) {
      Where where = at[lane];
      if (t.two) where.address += offset[piece];
      const Operand* from = piece == 0 ? data : data1;
      uint32_t value[4] = {}, known = 0;
      switch (t.what) {
        case Do::load:
          if (!read(w, s, lane, where, t.bytes, value, known)) return false;
          put(w, t, d->index + piece * dwords, lane, value, known);
          break;
        case Do::store:
          take(w, t, from->index, lane, value, known);
          if (!write(w, s, lane, where, t.bytes, value, known)) return false;
          break;
        default: {
          uint32_t second[4] = {}, ignored = 0;
          take(w, t, from->index, lane, value, known);
          if (!t.two) {
            // A comparing swap of FLAT and MUBUF has the new value and the expected one in one tuple; DS has
            // them apart.
            if (data1) take(w, t, data1->index, lane, second, ignored);
            else if (t.what == Do::compare_swap) take(w, t, from->index + dwords, lane, second, ignored);
          }
          uint64_t a = word64(value, t.bytes), b = word64(second, t.bytes), old = 0;
          if (t.compare_first) std::swap(a, b);
          bool old_known = true;
          if (!atomic(w, s, t, lane, where, a, b, old, old_known)) return false;
          if (returns) {
            uint32_t out[2] = {static_cast<uint32_t>(old), static_cast<uint32_t>(old >> 32)};
            put(w, t, d->index + piece * dwords, lane, out, old_known ? ~0u : 0);
          }
        }
      }
    }
  }
  count(w, row, returns, returns ? d->index : 0, dwords * pieces, !returns);
  return true;
}

// ---- LDS without memory: lanes trade values through its crossbar ----

// Within halves of 32 lanes.
bool permute(Wave& w, const Instruction& s, bool backward) {
  const Row& row = doorbell::amd::rows()[s.row];
  const Operand* d = operand(s, row, Slot::vdst, true);
  const Operand* a = any_operand(s, row, Slot::vaddr);
  const Operand* x = operand(s, row, Slot::data0, false);
  uint64_t exec = w.exec();
  if (!lanes_known(w, s, a, exec)) return false;
  uint32_t out[64] = {};
  uint64_t known = ~uint64_t{0};
  const uint32_t* address = w.vgpr(a->index);
  const uint32_t* value = w.vgpr(x->index);
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    if (!(exec >> lane & 1)) continue;
    uint32_t other = (lane & 32) | ((address[lane] + static_cast<uint32_t>(s.inst->mods.offset)) / 4 & 31);
    uint32_t to = backward ? lane : other, from = backward ? other : lane;
    if (backward && !(exec >> from & 1)) continue;
    out[to] = value[from];
    uint64_t bit = uint64_t{1} << to;
    known = w.valid[x->index] >> from & 1 ? known | bit : known & ~bit;
  }
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    if (exec >> lane & 1) set_lane(w, d->index, lane, out[lane], known >> lane & 1);
  }
  count(w, row, true, d->index, 1, false);
  return true;
}
bool ds_permute(Wave& w, const Instruction& s) { return permute(w, s, false); }
bool ds_bpermute(Wave& w, const Instruction& s) { return permute(w, s, true); }

uint32_t reversed5(uint32_t x) {
  uint32_t out = 0;
  for (int i = 0; i < 5; ++i) out |= (x >> i & 1) << (4 - i);
  return out;
}

// offset: 0xe000 and up: FFT; 0xc000: rotate; bit 15: quad permutation; else and, or, xor masks on the lane
// number.
bool ds_swizzle(Wave& w, const Instruction& s) {
  const Row& row = doorbell::amd::rows()[s.row];
  const Operand* d = operand(s, row, Slot::vdst, true);
  const Operand* x = any_operand(s, row, Slot::data0);
  if (!x) x = any_operand(s, row, Slot::vaddr);
  auto offset = static_cast<uint32_t>(s.inst->mods.offset);
  uint64_t exec = w.exec(), valid = w.valid[x->index];
  uint32_t copy[64];
  std::memcpy(copy, w.vgpr(x->index), w.stride * 4);
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    if (!(exec >> lane & 1)) continue;
    uint32_t in = lane & 31, from = 0;
    if (offset >= 0xe000) {
      uint32_t mask = offset & 31;
      from = (reversed5(in) >> std::popcount(mask)) | (in & mask);
    } else if (offset >= 0xc000) {
      uint32_t by = offset >> 5 & 31, keep = offset & 31;
      from =
          offset >> 10 & 1 ? (in & keep) | ((in - by) & ~keep & 31) : (in & keep) | ((in + by) & ~keep & 31);
    } else if (offset & 0x8000) {
      from = (in & ~3u) | (offset >> 2 * (in & 3) & 3);
    } else {
      from = ((in & (offset & 31)) | (offset >> 5 & 31)) ^ (offset >> 10 & 31);
    }
    from |= lane & 32;
    bool readable = exec >> from & 1;
    set_lane(w, d->index, lane, readable ? copy[from] : 0, !readable || (valid >> from & 1));
  }
  count(w, row, true, d->index, 1, false);
  return true;
}

// Adds the number of enabled lanes to one dword of LDS, or subtracts it; every lane gets the old value.
bool append(Wave& w, const Instruction& s, bool up) {
  const Row& row = doorbell::amd::rows()[s.row];
  const Operand* d = operand(s, row, Slot::vdst, true);
  uint64_t exec = w.exec();
  if (exec != 0) {
    Where at{(w.s[reg::m0] & 0xffff) + static_cast<uint64_t>(s.inst->mods.offset), Space::lds};
    auto lane = static_cast<uint32_t>(first_lane(exec));
    uint32_t value[4] = {}, known = 0;
    if (!read(w, s, lane, at, 4, value, known)) return false;
    auto lanes = static_cast<uint32_t>(std::popcount(exec));
    uint32_t now = up ? value[0] + lanes : value[0] - lanes;
    if (!write(w, s, lane, at, 4, &now, known)) return false;
    for (uint64_t left = exec; left; left &= left - 1) {
      set_lane(w, d->index, static_cast<uint32_t>(std::countr_zero(left)), value[0], known & 1);
    }
  }
  count(w, row, true, d->index, 1, false);
  return true;
}
bool ds_append(Wave& w, const Instruction& s) { return append(w, s, true); }
bool ds_consume(Wave& w, const Instruction& s) { return append(w, s, false); }

bool ds_nop(Wave&, const Instruction&) { return true; }

// Two dwords; each is replaced by 31 bits of data if the data's top bit is set.
bool ds_condxchg32(Wave& w, const Instruction& s) {
  const Row& row = doorbell::amd::rows()[s.row];
  const Operand* d = operand(s, row, Slot::vdst, true);
  const Operand* a = any_operand(s, row, Slot::vaddr);
  const Operand* x = operand(s, row, Slot::data0, false);
  uint64_t exec = w.exec();
  if (!lanes_known(w, s, a, exec)) return false;
  for (uint64_t left = exec; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    uint64_t address = (w.vgpr(a->index)[lane] + static_cast<uint32_t>(s.inst->mods.offset)) & 0xfff8;
    for (unsigned i = 0; i < 2; ++i) {
      Where at{address + 4 * i, Space::lds};
      uint32_t old[4] = {}, known = 0, data = w.vgpr(x->index + i)[lane];
      if (!read(w, s, lane, at, 4, old, known)) return false;
      if (data >> 31) {
        data &= 0x7fffffff;
        if (!write(w, s, lane, at, 4, &data, 1)) return false;
      }
      set_lane(w, d->index + i, lane, old[0], known & 1);
    }
  }
  count(w, row, true, d->index, 2, false);
  return true;
}

// ---- scalar loads ----

bool scalar_load(Wave& w, const Instruction& s) {
  const Row& row = doorbell::amd::rows()[s.row];
  const Operand* sbase = any_operand(s, row, Slot::sbase);
  const Operand* soffset = any_operand(s, row, Slot::soffset);
  uint64_t base = 0, add = 0;
  bool buffer = row.operands[1].count == 4;
  if (!scalar_base(w, s, soffset, 1, add)) return false;
  uint64_t offset = add + static_cast<uint64_t>(static_cast<int64_t>(s.inst->mods.offset));
  unsigned dwords = s.d_dwords;
  uint64_t limit = ~uint64_t{0};
  if (buffer) {
    Resource r;
    if (!resource(w, s, *sbase, r)) return false;
    base = r.base;
    limit = r.stride ? static_cast<uint64_t>(r.stride) * r.records : r.records;
  } else if (!scalar_base(w, s, sbase, 2, base)) {
    return false;
  }
  uint64_t address = (base + offset) & ~uint64_t{3};  // the low bits are ignored
  bool stop = false;
  const Region* region = nullptr;
  uint32_t value[16] = {}, known = 0xffff;
  if (!buffer || offset + 4 <= limit) {
    unsigned inside =
        buffer ? static_cast<unsigned>(std::min<uint64_t>(dwords, (limit - offset) / 4)) : dwords;
    const std::byte* p = global(w, s, no_lane, address, inside * 4, false, stop, &region);
    if (!p && stop) return false;
    if (p) {
      std::memcpy(value, p, inside * 4);
      for (unsigned i = 0; i < inside; ++i) {
        if (hole(*region, address + 4 * i)) known &= ~(1u << i);
      }
    }
  }
  for (unsigned i = 0; i < dwords; ++i) {
    w.s[s.d + i] = value[i];
    w.sv[s.d + i] = known >> i & 1 ? ~uint32_t{0} : 0;
    w.smem_due[s.d + i] = 1;
  }
  ++w.smem;
  w.outstanding = 1;
  return true;
}

constexpr RunRow rows[] = {
    {"s_load_b32", scalar_load},
    {"s_load_b64", scalar_load},
    {"s_load_b128", scalar_load},
    {"s_load_b256", scalar_load},
    {"s_load_b512", scalar_load},
    {"s_buffer_load_b32", scalar_load},
    {"s_buffer_load_b64", scalar_load},
    {"s_buffer_load_b128", scalar_load},
    {"s_buffer_load_b256", scalar_load},
    {"s_buffer_load_b512", scalar_load},
    {"ds_permute_b32", ds_permute},
    {"ds_bpermute_b32", ds_bpermute},
    {"ds_swizzle_b32", ds_swizzle},
    {"ds_append", ds_append},
    {"ds_consume", ds_consume},
    {"ds_nop", ds_nop},
    {"ds_condxchg32_rtn_b64", ds_condxchg32},
};

}  // namespace

std::span<const RunRow> memory_rows() { return rows; }

bool is_transfer(uint16_t row) {
  const Transfer& t = transfer(row);
  return t.what != Do::none && !t.format && t.bytes != 0;
}

bool run_memory(Wave& w, const Instruction& s) {
  return simple(w, s, doorbell::amd::rows()[s.row], transfer(s.row));
}

}  // namespace doorbell::sim::amd
