// Instructions on random registers, once by the copy of the lanes' code for AVX2 and once by that for AVX-512
// (sim/amd/wave/valu.h). lanes_test.py has the second run by a processor that can.
#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "sim/amd/gpu.h"
#include "sim/amd/vm.h"
#include "sim/amd/wave/context.h"
#include "sim/amd/wave/semantics.h"
#include "sim/amd/wave/simd.h"
#include "tests/amd_isa/cases.h"

namespace doorbell::sim::amd {

namespace {

namespace isa = doorbell::amd;

struct State {
  Wave wave;
  std::vector<uint32_t> v;
};

struct Pair {
  const Instruction* here;
  Instruction there;
};

struct Machine {
  isa::Target target;
  Vm vm;
  std::unique_ptr<Vm::Reader> reader;
  std::unique_ptr<CodeCache> code;
  std::vector<std::byte> memory;
  std::vector<Pair> pairs;
  State first, second;
  std::mt19937_64 random;
  std::string text;

  uint32_t lane_value() {
    constexpr uint32_t edges[] = {0,          1,          0x80000000, 0x7fffffff, 0xffffffff,
                                  0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7f7fffff,
                                  0x00000001, 0x00800000, 0x7fc00000, 0x3c003c00, 0x7c000001,
                                  0x00018000, 0x4b800000, 0x7fefffff, 0x3ff00000, 0x33800000};
    const auto x = static_cast<uint32_t>(random());
    switch (random() % 4) {
      case 0: return edges[random() % std::size(edges)];
      case 1:
        return (x & 0x807fffff) | (0x3f800000 + (static_cast<uint32_t>(random() % 16) << 23) - (8u << 23));
      case 2: return x >> random() % 32;
      default: return x;
    }
  }

  void fill(const Instruction& s) {
    Wave& w = first.wave;
    w = Wave();
    w.v = first.v.data();
    w.stride = static_cast<uint32_t>(target.wave);
    w.all_lanes = target.wave == 32 ? 0xffffffff : ~uint64_t{0};
    for (uint32_t& x : first.v) x = lane_value();
    for (uint32_t& x : w.s) x = lane_value();
    uint64_t exec = ~uint64_t{0};
    if (random() % 2) exec = random() & (random() % 2 ? ~uint64_t{0} : random());
    w.s[reg::exec] = static_cast<uint32_t>(exec & w.all_lanes);
    w.s[reg::exec + 1] = static_cast<uint32_t>((exec & w.all_lanes) >> 32);
    const bool holes = s.m != reg::exec && random() % 4 == 0;
    for (uint64_t& x : w.valid) x = holes ? random() | random() : ~uint64_t{0};
    w.valid[reg::always_valid] = ~uint64_t{0};
    for (uint32_t& x : w.sv) x = ~uint32_t{0};
    w.scc_valid = true;
    w.scc = random() % 2;
    set_wave_mode(w, random() % 2 ? 0x2f0 : 0x100 | static_cast<uint32_t>(random() & 0x8002ff));
    second.v = first.v;
    second.wave = w;
    second.wave.v = second.v.data();
  }
};

// Of several NaNs any may come out, as the compiler has put the operands. `upper` are the dwords above these
// two, of 64-bit numbers.
bool same(const Instruction& s, uint32_t a, uint32_t b, const uint32_t upper[2]) {
  auto is_nan = [](uint32_t x, uint32_t half) { return (x >> half & 0x7fff) > 0x7c00; };
  const bool is_float = s.d_float || isa::row(*s.inst).name.ends_with("bf16");
  if (a == b || !is_float) return a == b;
  if (s.d_bits == 32) return (a & 0x7fffffff) > 0x7f800000 && (b & 0x7fffffff) > 0x7f800000;
  if (s.d_bits == 64) return (upper[0] & upper[1] & 0x7ff80000) == 0x7ff80000;
  for (uint32_t half : {0u, 16u})
    if (((a ^ b) >> half & 0xffff) && !(is_nan(a, half) && is_nan(b, half))) return false;
  return true;
}

std::unique_ptr<Machine> machine;

}  // namespace

extern "C" {

// Whether this processor runs it by itself.
int lanes_here() { return simds()->front()->name == std::string_view("avx512"); }
const void* lanes_table() { return reinterpret_cast<const void*>(avx512::table); }

// How many instructions there are: of every row and encoding of vector arithmetic `forms` of its forms.
size_t lanes_prepare(const Simd* other, const char* gpu, int wave, size_t forms, uint64_t seed) {
  const Simd& here = avx2::table();
  std::map<std::string_view, const LaneRow*> rows;
  for (const LaneRows& family : other->families)
    for (size_t i = 0; i < family.count; ++i) rows[family.rows[i].name] = &family.rows[i];

  machine = std::make_unique<Machine>();
  Machine& m = *machine;
  m.random.seed(seed);
  m.target = {find_gpu(gpu)->arch, static_cast<uint8_t>(wave)};
  for (const isa::Row& row : isa::rows()) {
    if (!isa::is_vop(row.format) || row.format == isa::Format::vopd) continue;
    for (isa::Encoding encoding : isa::encodings_of(row, m.target)) {
      std::vector<isa::Inst> all = isa::cases(row, encoding, m.target);
      std::ranges::shuffle(all, m.random);
      for (size_t i = 0; i < std::min(forms, all.size()); ++i)
        DOORBELL_CHECK(isa::encode(all[i], m.target, m.memory).ok(), "{}", row.name);
    }
  }
  // What ends a block, s_endpgm, ends the last one.
  const std::byte end[] = {std::byte{0}, std::byte{0},
                           std::byte{static_cast<uint8_t>(m.target.arch == isa::Arch::gfx1030 ? 0x81 : 0xb0)},
                           std::byte{0xbf}};
  m.memory.insert(m.memory.end(), std::begin(end), std::end(end));
  const size_t used = m.memory.size();
  m.memory.resize((used + page_bytes - 1) / page_bytes * page_bytes);
  Region region;
  region.va = 1 << 20;
  region.bytes = m.memory.size();
  region.host = m.memory.data();
  region.access = access_all;
  DOORBELL_CHECK(m.vm.map(region).ok(), "the code is not mapped");
  m.reader = std::make_unique<Vm::Reader>(m.vm);
  m.reader->online();
  m.code = std::make_unique<CodeCache>(m.target);
  for (uint64_t pc = region.va; pc < region.va + used;) {
    CodeCache::Missing missing;
    const Block* block = m.code->find(*m.reader, pc, false, missing);
    DOORBELL_CHECK(block, "{}", missing.text);
    for (uint32_t i = 0; i < block->count; ++i) {
      const Instruction& s = block->instructions[i];
      auto row = rows.find(isa::row(*s.inst).name);
      if (!s.lanes || row == rows.end() || (s.run != here.valu && s.run != s.fused)) continue;
      Pair& pair = m.pairs.emplace_back(Pair{&s, s});
      pair.there.lanes = row->second->code.lanes;
      pair.there.fused = row->second->code.fused;
      if (s.saturating) pair.there.saturating = row->second->saturating.lanes;
      pair.there.run = s.run == s.fused ? pair.there.fused : other->valu;
    }
    pc += block->bytes;
  }
  m.first.v.resize(size_t{256} * static_cast<size_t>(wave));
  m.second.v = m.first.v;
  return m.pairs.size();
}

// Runs one here, and says what the other copy is to be called with: function, wave, instruction.
void lanes_run(size_t i, const void* call[3]) {
  Pair& pair = machine->pairs[i];
  machine->fill(*pair.here);
  pair.here->run(machine->first.wave, *pair.here);
  call[0] = reinterpret_cast<const void*>(pair.there.run);
  call[1] = &machine->second.wave;
  call[2] = &pair.there;
}

// What the copies disagree about; null if nothing.
const char* lanes_difference(size_t i) {
  Machine& m = *machine;
  const Wave &a = m.first.wave, &b = m.second.wave;
  std::string what;
  const Instruction& s = *m.pairs[i].here;
  for (size_t r = 0; r < m.first.v.size(); ++r) {
    const size_t lane = r % a.stride, high = (size_t{s.d} + 1) * a.stride + lane;
    const bool wide = s.d_bits == 64 && r / a.stride - s.d < 2;
    const uint32_t upper[] = {wide ? m.first.v[high] : 0, wide ? m.second.v[high] : 0};
    if (!same(s, m.first.v[r], m.second.v[r], upper) && what.size() < 400)
      what += fmt::format(" v{} lane {}: {:#x}, {:#x};", r / a.stride, lane, m.first.v[r], m.second.v[r]);
  }
  for (size_t r = 0; r < std::size(a.s); ++r)
    if (a.s[r] != b.s[r] || a.sv[r] != b.sv[r])
      what += fmt::format(" s{}: {:#x} of {:#x}, {:#x} of {:#x};", r, a.s[r], a.sv[r], b.s[r], b.sv[r]);
  for (size_t r = 0; r < std::size(a.valid); ++r)
    if (a.valid[r] != b.valid[r])
      what += fmt::format(" known of v{}: {:#x}, {:#x};", r, a.valid[r], b.valid[r]);
  if (a.scc != b.scc || a.scc_valid != b.scc_valid) what += " scc;";
  if (what.empty()) return nullptr;
  m.text =
      fmt::format("{}, exec {:#x}, mode {:#x}:{}", isa::print(*s.inst, m.target), a.exec(), a.mode, what);
  return m.text.c_str();
}

}  // extern "C"

}  // namespace doorbell::sim::amd
