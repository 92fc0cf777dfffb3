// Kernels that clang-19 compiled, dispatched by AQL packets and by PM4 registers: what compilers take for
// granted of a kernel's first instruction is what the packets brought there.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "codegen/isa/amd/code_object.h"
#include "tests/amd_packets/rig.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::high_dword;
using doorbell::amd::low_dword;

// Everything that a kernel can learn of its dispatch, written by every work-item.
constexpr const char* ids_source = R"(
ulong dispatch_id(void) __asm("llvm.amdgcn.dispatch.id");
kernel void ids(global uint* out, uint width, uint height) {
  uint lx = __builtin_amdgcn_workitem_id_x(), ly = __builtin_amdgcn_workitem_id_y(), lz = __builtin_amdgcn_workitem_id_z();
  uint gx = __builtin_amdgcn_workgroup_id_x(), gy = __builtin_amdgcn_workgroup_id_y(), gz = __builtin_amdgcn_workgroup_id_z();
  constant ushort* packet = (constant ushort*)__builtin_amdgcn_dispatch_ptr();
  constant uint* words = (constant uint*)packet;
  constant ulong* queue = (constant ulong*)__builtin_amdgcn_queue_ptr();
  uint x = gx * packet[2] + lx, y = gy * packet[3] + ly, z = gz * packet[4] + lz;
  global uint* to = out + ((z * height + y) * width + x) * 8;
  to[0] = lx | ly << 10 | lz << 20;
  to[1] = gx | gy << 10 | gz << 20;
  to[2] = packet[1];      // setup
  to[3] = words[3];       // grid x
  to[4] = (uint)queue[1];  // the ring's address
  to[5] = (uint)dispatch_id();
  to[6] = (uint)(ulong)__builtin_amdgcn_kernarg_segment_ptr();
  to[7] = packet[3];
}
)";

// A private array that no compiler can keep in registers: insertion sort of 64 numbers a work-item.
constexpr const char* scratch_source = R"(
kernel void sort(global uint* data, uint rounds) {
  uint id = __builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x();
  volatile uint box[64];
  for (uint i = 0; i < 64; ++i) box[i] = data[id * 64 + i];
  for (uint i = 1; i < rounds; ++i)
    for (uint j = i; j > 0 && box[j - 1] > box[j]; --j) { uint t = box[j]; box[j] = box[j - 1]; box[j - 1] = t; }
  for (uint i = 0; i < 64; ++i) data[id * 64 + i] = box[i];
}
)";

// Group memory: some of the kernel's own, the rest of the dispatch's choice.
constexpr const char* local_source = R"(
kernel void reverse(global uint* data, local uint* box) {
  local uint fixed[64];
  uint id = __builtin_amdgcn_workitem_id_x(), at = __builtin_amdgcn_workgroup_id_x() * 256;
  box[id] = data[at + id];
  if (id < 64) fixed[id] = id;
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
  data[at + id] = box[255 - id] + fixed[id & 63];
}
)";

// The code object, or an empty string: then the test was skipped or has failed.
std::string compile_anew(const char* source, const std::string& chip, const std::string& flags) {
  static const bool there = std::system("clang-19 --version > /dev/null 2>&1") == 0;
  if (!there) {
    const char* ci = std::getenv("CI");
    EXPECT_FALSE(ci && std::string_view(ci) == "true") << "clang-19 is missing";
    return "";
  }
  std::string folder = std::filesystem::temp_directory_path() / fmt::format("amd-packets-{}", getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/k.cl") << source;
  std::string command = fmt::format(
      "clang-19 -target amdgcn-amd-amdhsa -mcpu={} -O2 -nogpulib -mcode-object-version=4 {} -x cl "
      "-cl-std=CL2.0 "
      "-Xclang -finclude-default-header {}/k.cl -o {}/k.hsaco",
      chip, flags, folder, folder);
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream file(folder + "/k.hsaco", std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::filesystem::remove_all(folder);
  return bytes;
}

std::string compile(const char* source, const std::string& chip, const std::string& flags) {
  static std::map<std::tuple<const char*, std::string, std::string>, std::string> made;
  auto [found, fresh] = made.try_emplace({source, chip, flags});
  if (fresh) found->second = compile_anew(source, chip, flags);
  return found->second;
}

struct Loaded {
  uint64_t descriptor = 0;  // address of the first kernel's
  aql::KernelDescriptor content{};
};

Loaded load(Rig& rig, const std::string& bytes) {
  rig.instructions = true;
  auto object = doorbell::amd::CodeObject::parse(std::as_bytes(std::span(bytes)));
  EXPECT_TRUE(object.ok()) << object.error().message;
  uint64_t end = 0;
  for (const auto& segment : object->segments())
    if (segment.type == doorbell::amd::segment_load) end = std::max(end, segment.va + segment.memory_size);
  uint64_t at = rig.take(end, 4096);
  for (const auto& segment : object->segments()) {
    if (segment.type != doorbell::amd::segment_load) continue;
    std::memcpy(rig.at(at + segment.va), bytes.data() + segment.file_offset, segment.file_size);
  }
  EXPECT_EQ(object->kernels().size(), 1u);
  Loaded loaded;
  loaded.descriptor = at + object->kernels()[0].descriptor_va;
  loaded.content = *rig.at<aql::KernelDescriptor>(loaded.descriptor);
  return loaded;
}

class Code : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  const char* chip() const { return std::get<0>(GetParam()); }
  const char* flags() const { return std::get<1>(GetParam()); }
};

TEST_P(Code, FindsItsIdsAndItsPacketByAql) {
  std::string bytes = compile(ids_source, chip(), flags());
  if (bytes.empty()) GTEST_SKIP() << "clang-19 is missing";
  Rig rig(chip());
  AqlRing ring(rig);
  Loaded kernel = load(rig, bytes);
  constexpr uint32_t width = 37, height = 6, depth = 3;
  struct Arguments {
    uint64_t out;
    uint32_t width, height;
  };
  uint64_t arguments = rig.take(256, 64), out = rig.take(width * height * depth * 32);
  *rig.at<Arguments>(arguments) = {out, width, height};
  aql::KernelDispatch packet = AqlRing::dispatch(kernel.descriptor, rig.signal(1), width, 16);
  packet.setup = 3;
  packet.workgroup_size[1] = 4;
  packet.workgroup_size[2] = 2;
  packet.grid_size[1] = height;
  packet.grid_size[2] = depth;
  packet.kernarg_address = arguments;
  ring.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
  ring.submit(packet);
  ASSERT_TRUE(ring.done()) << (rig.lines.empty() ? "" : rig.lines[0]);
  EXPECT_EQ(rig.count(rig.lines), 0u);
  for (uint32_t z = 0; z < depth; ++z)
    for (uint32_t y = 0; y < height; ++y)
      for (uint32_t x = 0; x < width; ++x) {
        const uint32_t* seen = rig.at<uint32_t>(out) + ((z * height + y) * width + x) * 8;
        ASSERT_EQ(seen[0], x % 16 | (y % 4) << 10 | (z % 2) << 20) << x << " " << y << " " << z;
        ASSERT_EQ(seen[1], x / 16 | (y / 4) << 10 | (z / 2) << 20);
        ASSERT_EQ(seen[2], 3u);
        ASSERT_EQ(seen[3], width);
        ASSERT_EQ(seen[4], low_dword(ring.config.ring));
        ASSERT_EQ(seen[5], 1u);
        ASSERT_EQ(seen[6], low_dword(arguments));
        ASSERT_EQ(seen[7], 4u);
      }
}

TEST_P(Code, SortsInScratchThatTheHostProvidesWhenAsked) {
  std::string bytes = compile(scratch_source, chip(), flags());
  if (bytes.empty()) GTEST_SKIP() << "clang-19 is missing";
  Rig rig(chip());
  AqlRing ring(rig);
  Loaded kernel = load(rig, bytes);
  constexpr uint32_t items = 256;
  struct Arguments {
    uint64_t data;
    uint32_t rounds;
  };
  uint64_t arguments = rig.take(256, 64), data = rig.take(items * 256);
  *rig.at<Arguments>(arguments) = {data, 64};
  std::vector<uint32_t> numbers(items * 64);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<uint32_t>(i * 2654435761u);
  std::memcpy(rig.at(data), numbers.data(), numbers.size() * 4);
  aql::KernelDispatch packet = AqlRing::dispatch(kernel.descriptor, rig.signal(1), items, 64);
  packet.kernarg_address = arguments;
  packet.private_segment_size = kernel.content.private_segment_fixed_size;
  ASSERT_GE(packet.private_segment_size, 256u);
  ring.submit(packet);
  // The host's part (amd_aql_queue.cpp, HandleInsufficientScratch): memory for some waves, its descriptor, go
  // on.
  ASSERT_TRUE(eventually([&] { return rig.value(ring.inactive) != 0; }));
  bool wave32 = rig.value(ring.inactive) == 0x400;
  bool gfx11 = rig.gpu.target_version >= 110000;
  uint32_t lanes = wave32 ? 32 : 64, unit = gfx11 ? 256 : 1024,
           slots = gfx11 ? rig.gpu.shader_engines * 2u : 8;
  uint32_t lane_bytes = (packet.private_segment_size + unit / lanes - 1) / (unit / lanes) * (unit / lanes);
  uint32_t wave_bytes = lane_bytes * lanes;
  uint64_t memory = rig.take(uint64_t{wave_bytes} * slots, 4096);
  aql::Queue& queue = ring.queue();
  queue.scratch_backing_memory_location = memory;
  queue.scratch_backing_memory_byte_size = uint64_t{wave_bytes} * slots;
  queue.scratch_wave64_lane_byte_size = lane_bytes * lanes / 64;
  queue.compute_tmpring_size = (wave_bytes / unit) << 12 | (gfx11 ? 2 : slots);
  queue.scratch_resource_descriptor[0] = low_dword(memory);
  queue.scratch_resource_descriptor[1] = high_dword(memory) | (gfx11 ? 1u << 30 : 1u << 31);
  queue.scratch_resource_descriptor[2] = static_cast<uint32_t>(queue.scratch_backing_memory_byte_size);
  queue.scratch_resource_descriptor[3] = gfx11 ? 0x20814fac : 0x21814fac;
  __atomic_store_n(&rig.at<aql::Signal>(ring.inactive)->value, 0, __ATOMIC_RELEASE);
  ASSERT_TRUE(ring.done()) << (rig.lines.empty() ? "" : rig.lines[0]);
  for (uint32_t item = 0; item < items; ++item)
    std::sort(numbers.begin() + item * 64, numbers.begin() + item * 64 + 64);
  EXPECT_EQ(std::memcmp(rig.at(data), numbers.data(), numbers.size() * 4), 0);
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

TEST_P(Code, UsesGroupMemoryOfTheDispatchsSize) {
  std::string bytes = compile(local_source, chip(), flags());
  if (bytes.empty()) GTEST_SKIP() << "clang-19 is missing";
  for (bool enough : {true, false}) {
    Rig rig(chip());
    AqlRing ring(rig);
    Loaded kernel = load(rig, bytes);
    struct Arguments {
      uint64_t data;
      uint32_t box;  // offset in group memory
    };
    uint64_t arguments = rig.take(256, 64), data = rig.take(2048);
    *rig.at<Arguments>(arguments) = {data, kernel.content.group_segment_fixed_size};
    for (uint32_t i = 0; i < 512; ++i) rig.at<uint32_t>(data)[i] = i * 3;
    aql::KernelDispatch packet = AqlRing::dispatch(kernel.descriptor, rig.signal(1), 512, 256);
    packet.kernarg_address = arguments;
    packet.group_segment_size = kernel.content.group_segment_fixed_size + (enough ? 1024 : 1020);
    ring.submit(packet);
    if (!enough) {
      EXPECT_NE(rig.line("lds-bounds").find("packet 0"), std::string::npos);
      EXPECT_TRUE(eventually([&] { return rig.value(ring.inactive) == 0x20000000; }));
      continue;
    }
    ASSERT_TRUE(ring.done()) << (rig.lines.empty() ? "" : rig.lines[0]);
    for (uint32_t i = 0; i < 512; ++i)
      ASSERT_EQ(rig.at<uint32_t>(data)[i], (i / 256 * 256 + 255 - i % 256) * 3 + i % 64) << i;
  }
}

TEST_P(Code, FindsItsIdsByPm4Registers) {
  std::string bytes = compile(ids_source, chip(), flags());
  if (bytes.empty()) GTEST_SKIP() << "clang-19 is missing";
  Rig rig(chip());
  Pm4Ring ring(rig);
  Loaded kernel = load(rig, bytes);
  // The driver builds what AQL would have given: a packet for the dispatch pointer, a queue for the queue
  // pointer.
  uint64_t arguments = rig.take(256, 64), out = rig.take(32 * 8 * 4 * 32), queue = rig.take(256, 64);
  struct Arguments {
    uint64_t out;
    uint32_t width, height;
  };
  *rig.at<Arguments>(arguments) = {out, 32, 8};
  aql::KernelDispatch packet = AqlRing::dispatch(0, 0, 32, 16);
  packet.workgroup_size[1] = packet.workgroup_size[2] = 2;
  uint64_t packet_va = rig.take(64, 64);
  *rig.at<aql::KernelDispatch>(packet_va) = packet;
  std::vector<uint32_t> user;
  uint32_t properties = kernel.content.kernel_code_properties;
  auto push = [&](uint64_t value) {
    user.push_back(low_dword(value));
    user.push_back(high_dword(value));
  };
  if (properties & aql::enable_private_segment_buffer) push(0), push(0);
  if (properties & aql::enable_dispatch_ptr) push(packet_va);
  if (properties & aql::enable_queue_ptr) push(queue);
  if (properties & aql::enable_kernarg_segment_ptr) push(arguments);
  if (properties & aql::enable_dispatch_id) push(77);
  if (properties & aql::enable_flat_scratch_init) push(0);
  if (properties & aql::enable_private_segment_size) user.push_back(0);
  uint64_t code = kernel.descriptor + static_cast<uint64_t>(kernel.content.kernel_code_entry_byte_offset);
  auto set = [&](uint32_t first, std::vector<uint32_t> values) {
    ring.push(
        {pm4::Header::make(pm4::SET_SH_REG, static_cast<uint32_t>(values.size()) + 2).word, first - 0x2c00});
    ring.push(values);
  };
  set(pm4::reg::COMPUTE_PGM_LO, {low_dword(code >> 8), high_dword(code >> 8)});
  set(pm4::reg::COMPUTE_PGM_RSRC1, {kernel.content.compute_pgm_rsrc1, kernel.content.compute_pgm_rsrc2});
  set(pm4::reg::COMPUTE_PGM_RSRC3_GFX10, {kernel.content.compute_pgm_rsrc3});
  set(pm4::reg::COMPUTE_USER_DATA_0, user);
  set(pm4::reg::COMPUTE_START_X, {0, 0, 0, 16, 2, 2});
  bool wave32 = (properties & aql::enable_wavefront_size32) != 0;
  ring.packet(pm4::DISPATCH_DIRECT, {2, 4, 2, 1u | 1 << 2 | (wave32 ? 1u << 15 : 0)});
  ring.submit();
  ASSERT_TRUE(ring.done()) << (rig.lines.empty() ? "" : rig.lines[0]);
  EXPECT_EQ(rig.count(rig.lines), 0u);
  for (uint32_t z = 0; z < 4; ++z)
    for (uint32_t y = 0; y < 8; ++y)
      for (uint32_t x = 0; x < 32; ++x) {
        const uint32_t* seen = rig.at<uint32_t>(out) + ((z * 8 + y) * 32 + x) * 8;
        ASSERT_EQ(seen[0], x % 16 | (y % 2) << 10 | (z % 2) << 20);
        ASSERT_EQ(seen[1], x / 16 | (y / 2) << 10 | (z / 2) << 20);
        ASSERT_EQ(seen[5], 77u);
      }
}

INSTANTIATE_TEST_SUITE_P(Chips, Code,
                         testing::Combine(testing::Values("gfx1030", "gfx1100", "gfx1151"),
                                          testing::Values("-mno-wavefrontsize64", "-mwavefrontsize64")),
                         [](const auto& info) {
                           std::string wave = std::string(std::get<1>(info.param)) == "-mwavefrontsize64"
                                                  ? "wave64"
                                                  : "wave32";
                           return std::string(std::get<0>(info.param)) + wave;
                         });

}  // namespace
}  // namespace doorbell::sim::amd
