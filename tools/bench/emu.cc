#include "tools/bench/emu.h"

#include <cstring>
#include <ctime>

#include "codegen/isa/amd/amd.h"
#include "hal/base/file.h"
#include "sim/amd/dispatch.h"
#include "sim/amd/gpu.h"

namespace doorbell::bench {
namespace {

namespace emulated = sim::amd;

constexpr uint64_t code_address = uint64_t{1} << 40, from_address = uint64_t{2} << 40,
                   to_address = uint64_t{3} << 40;
constexpr size_t copied = size_t{64} << 20;

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Machine {
  const emulated::Gpu& gpu = *emulated::find_gpu("gfx1100");
  emulated::Vm vm;
  std::vector<Mapping> memory;
  emulated::Dispatch dispatch;

  Result<std::byte*> map(uint64_t va, size_t bytes, bool window = false) {
    memory.push_back(TRY(map_anonymous(bytes)));
    emulated::Region region;
    region.va = va;
    region.bytes = bytes;
    region.host = memory.back().data();
    region.access = emulated::access_all;
    region.fresh = true;
    region.window = window;
    vm.hold_host_stores(window);
    std::memset(region.host, 1, bytes);
    TRY(vm.map(region));
    return region.host;
  }

  // Lines of a program; a branch's distance counts dwords from behind it.
  Status load(const std::vector<std::string>& lines, uint32_t vgprs) {
    doorbell::amd::Target target{gpu.arch, 32};
    std::vector<std::byte> code;
    for (const std::string& line : lines) {
      if (line == "loop") {  // back to the first line behind "begin"
        auto dwords = static_cast<int>((code.size() - begin) / 4 + 1);
        TRY(doorbell::amd::encode(
            TRY(doorbell::amd::parse(fmt::format("s_cbranch_scc1 {}", 65536 - dwords), target)), target,
            code));
      } else if (line == "begin") {
        begin = code.size();
      } else {
        TRY(doorbell::amd::encode(TRY(doorbell::amd::parse(line, target)), target, code));
      }
    }
    std::byte* at = TRY(map(code_address, 1 << 16));
    std::memcpy(at, code.data(), code.size());
    dispatch.code = code_address;
    dispatch.wave32 = true;
    dispatch.rsrc1 = (vgprs / 8 - 1) | 0xf0 << 12 | 1 << 23;  // denormals, IEEE
    dispatch.rsrc2 = 4 << 1 | 1 << 7;                         // s[0:3], workgroup id x
    dispatch.user_sgprs = {0, static_cast<uint32_t>(from_address >> 32), 0,
                           static_cast<uint32_t>(to_address >> 32)};
    return success();
  }

  // Seconds of one dispatch, after one untimed.
  Result<double> seconds(uint32_t items, uint32_t group) {
    dispatch.grid[0] = items;
    dispatch.workgroup[0] = group;
    double taken = 0;
    for (int i = 0; i < 2; ++i) {
      double start = thread_seconds();
      emulated::Outcome outcome = emulated::run(gpu, vm, dispatch, {});
      vm.write_back();
      taken = thread_seconds() - start;
      if (outcome.status != emulated::Outcome::Status::done) return error("{}", describe(outcome.fault));
    }
    return taken;
  }

 private:
  size_t begin = 0;
};

}  // namespace

Result<Figures> emulated_vector_instructions() {
  constexpr int passes = 20'000, waves = 8;
  const char* body[] = {
      "v_add_f32 v3, v1, v2",          "v_mul_f32 v4, v3, v1",
      "v_fma_f32 v5, v3, v4, v2",      "v_lshlrev_b32 v6, 3, v0",
      "v_add_nc_u32 v7, v6, v0",       "v_xor_b32 v8, v7, v6",
      "v_fmac_f32 v2, 0x3a83126f, v5", "v_max_f32 v9, v5, v4",
      "v_cmp_lt_f32 vcc_lo, v9, v3",   "v_cndmask_b32 v10, v8, v7, vcc_lo",
      "v_and_b32 v11, 0xff, v10",      "v_mad_u32_u24 v12, v11, v0, v7",
      "v_sub_nc_u32 v13, v12, v11",    "v_lshl_add_u32 v14, v13, 2, v8",
      "v_cvt_f32_u32 v15, v11",        "v_mul_f32 v1, 0.5, v15",
  };
  std::vector<std::string> lines = {"v_cvt_f32_u32 v1, v0", "v_mov_b32 v2, 1.0",
                                    fmt::format("s_movk_i32 s8, {}", passes), "begin"};
  int each = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    for (const char* line : body) lines.emplace_back(line), ++each;
  }
  for (const char* line : {"s_sub_u32 s8, s8, 1", "s_cmp_lg_u32 s8, 0", "loop", "s_endpgm"})
    lines.emplace_back(line);
  Machine m;
  TRY(m.load(lines, 16));
  double seconds = TRY(m.seconds(32 * waves, 32));
  return Figures{{"million", 1e-6 * each * passes * waves / seconds}};
}

Result<Figures> emulated_matrix_products() {
  constexpr int passes = 4'000, each = 8, waves = 4;
  std::vector<std::string> lines = {fmt::format("s_movk_i32 s8, {}", passes)};
  for (int r = 1; r < 17; ++r) lines.push_back(fmt::format("v_mov_b32 v{}, 0x2e002c00", r));
  for (int r = 32; r < 96; ++r) lines.push_back(fmt::format("v_mov_b32 v{}, 0", r));
  lines.emplace_back("begin");
  for (int i = 0; i < each; ++i) {
    int c = 32 + 8 * i;
    lines.push_back(fmt::format("v_wmma_f32_16x16x16_f16 v[{0}:{1}], v[1:8], v[9:16], v[{0}:{1}]", c, c + 7));
  }
  for (const char* line : {"s_sub_u32 s8, s8, 1", "s_cmp_lg_u32 s8, 0", "loop", "s_endpgm"})
    lines.emplace_back(line);
  Machine m;
  TRY(m.load(lines, 96));
  double seconds = TRY(m.seconds(32 * waves, 32));
  return Figures{{"gflops", 1e-9 * 2 * 16 * 16 * 16 * each * passes * waves / seconds}};
}

Result<Figures> emulated_copy(bool window) {
  // Each workgroup of 256 copies 64 KiB, 4 KiB at a time.
  std::vector<std::string> lines = {"s_lshl_b32 s4, s4, 16", "v_lshl_add_u32 v0, v0, 4, s4"};
  for (int part = 0; part < 16; part += 4) {
    for (int i = 0; i < 3; ++i)
      lines.push_back(fmt::format("v_add_nc_u32 v{}, 0x{:x}, v0", 1 + i, 0x1000 * (i + 1)));
    for (int i = 0; i < 4; ++i)
      lines.push_back(fmt::format("global_load_b128 v[{}:{}], v{}, s[0:1]", 4 + 4 * i, 7 + 4 * i, i));
    lines.emplace_back("s_waitcnt vmcnt(0)");
    for (int i = 0; i < 4; ++i)
      lines.push_back(fmt::format("global_store_b128 v{}, v[{}:{}], s[2:3]", i, 4 + 4 * i, 7 + 4 * i));
    lines.emplace_back("v_add_nc_u32 v0, 0x4000, v0");
  }
  lines.emplace_back("s_endpgm");
  Machine m;
  TRY(m.load(lines, 24));
  (void)TRY(m.map(from_address, copied, window));
  (void)TRY(m.map(to_address, copied, window));
  double seconds = TRY(m.seconds(copied / 256, 256));
  return Figures{{"gb_per_s", 2e-9 * static_cast<double>(copied) / seconds}};
}

Result<Figures> host_copy() {
  Mapping from = TRY(map_anonymous(copied)), to = TRY(map_anonymous(copied));
  std::memset(from.data(), 1, copied);
  double seconds = 0;
  for (int i = 0; i < 3; ++i) {
    double start = thread_seconds();
    std::memcpy(to.data(), from.data(), copied);
    asm volatile("" ::"r"(to.data()) : "memory");
    seconds = thread_seconds() - start;
  }
  return Figures{{"gb_per_s", 2e-9 * static_cast<double>(copied) / seconds}};
}

}  // namespace doorbell::bench
