// The render node by itself: buffers, contexts, submissions and fences, by raw ioctls. What is expected is
// what Linux 6.12 does, in the function of drivers/gpu/drm that a row or a comment names.
#include "driver/amd/abi/drm.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/amd_kernel/rig.h"

namespace doorbell::test {
namespace {

namespace drm = doorbell::amd::drm;
using drm::HwIp;

constexpr uint64_t forever = ~uint64_t{0} >> 1;
constexpr uint32_t nop = 0xffff1000;

struct Node;

// A buffer that is mapped for the host and for the GPU.
struct Buffer {
  Buffer(Node& node, uint64_t size = page, uint64_t domains = drm::domain::gtt);
  uint32_t* words(uint64_t at = 0) const { return host + at; }
  uint32_t handle = 0;
  uint64_t va = 0;
  uint32_t* host = nullptr;
};

// One open render node, of a machine of its own.
struct Node {
  explicit Node(const std::string& gpus = "gfx1030", uint64_t vram = 256 << 20, uint32_t lockup_ms = 0) {
    auto description = sim::amd::Machine::make(gpus, vram);
    EXPECT_TRUE(description);
    description->lockup_ms = lockup_ms;
    os = std::move(*EmulatedKernel::make(std::move(*sim::amd::local_resources(*description))));
    fd = open();
  }
  ~Node() {
    for (auto [address, bytes] : mapped) os->munmap(address, bytes);
    if (fd >= 0) os->close(fd);
  }
  int open() { return os->open("/dev/dri/renderD128", O_RDWR); }
  template <class Args>
  int call(const Ioctl<Args>& ioctl, Args& args) {
    return os->ioctl(fd, ioctl.request, &args);
  }
  template <class Args>
  int call(const Ioctl<Args>& ioctl, Args&& args) {
    return os->ioctl(fd, ioctl.request, &args);
  }
  int create(drm::GemCreate args, uint32_t* handle = nullptr) {
    int result = call(drm::gem_create, args);
    if (handle) *handle = static_cast<uint32_t>(args.bytes);
    return result;
  }
  uint32_t buffer(uint64_t bytes = page, uint64_t domains = drm::domain::gtt, uint64_t flags = 0) {
    uint32_t handle = 0;
    EXPECT_EQ(create({bytes, 0, domains, flags}, &handle), 0);
    return handle;
  }
  int va(uint32_t handle, uint64_t at, uint64_t bytes = page,
         drm::VaOperation operation = drm::VaOperation::map, uint64_t offset = 0, uint32_t flags = 0) {
    using namespace drm::va_flag;
    return call(drm::gem_va,
                drm::GemVa{handle, 0, static_cast<uint32_t>(operation),
                           flags ? flags : readable | writeable | executable, at, offset, bytes});
  }
  uint64_t place(uint64_t bytes) {
    next_va += (bytes + page - 1) / page * page + page;
    return next_va - (bytes + page - 1) / page * page - page;
  }
  uint64_t memory(drm::Query which) {
    uint64_t value = 0;
    drm::Info args{};
    args.return_pointer = reinterpret_cast<uint64_t>(&value);
    args.return_size = sizeof(value);
    args.query = static_cast<uint32_t>(which);
    EXPECT_EQ(call(drm::info, args), 0);
    return value;
  }
  uint32_t context(int32_t priority = 0) {
    drm::Context args{1, 0, 0, priority};
    EXPECT_EQ(call(drm::context, args), 0);
    return args.operation;
  }
  int context_call(drm::ContextOperation operation, uint32_t id, uint32_t flags, drm::Context& args) {
    args = {static_cast<uint32_t>(operation), flags, id, 0};
    return call(drm::context, args);
  }

  struct Chunk {
    drm::ChunkId id;
    const void* data;
    uint64_t bytes;
  };
  template <class T>
  static Chunk chunk(drm::ChunkId id, const T& data) {
    return {id, &data, sizeof(data)};
  }
  int submit(uint32_t context, std::vector<Chunk> parts, uint64_t* sequence = nullptr, uint32_t list = 0) {
    std::vector<drm::Chunk> chunks;
    std::vector<uint64_t> pointers;
    for (const Chunk& part : parts)
      chunks.push_back({static_cast<uint32_t>(part.id), static_cast<uint32_t>(part.bytes / 4),
                        reinterpret_cast<uint64_t>(part.data)});
    for (const drm::Chunk& one : chunks) pointers.push_back(reinterpret_cast<uint64_t>(&one));
    drm::Submit args{context, list, static_cast<uint32_t>(chunks.size()), 0,
                     reinterpret_cast<uint64_t>(pointers.data())};
    int result = call(drm::submit, args);
    if (result == 0 && sequence) std::memcpy(sequence, &args, 8);
    return result;
  }
  static drm::ChunkIb ib(HwIp ip, uint64_t va, size_t dwords, uint32_t ring = 0, uint32_t flags = 0) {
    return {0, flags, va, static_cast<uint32_t>(dwords * 4), static_cast<uint32_t>(ip), 0, ring};
  }
  // 0 done, 1 busy, or -errno.
  int wait(uint32_t context, HwIp ip, uint64_t sequence, uint64_t timeout = forever, uint32_t ring = 0) {
    drm::WaitSubmission args{sequence, timeout, static_cast<uint32_t>(ip), 0, ring, context};
    int result = call(drm::wait_submission, args);
    return result != 0 ? result : static_cast<int>(args.sequence);
  }
  uint32_t syncobj(uint32_t flags = 0) {
    drm::SyncobjCreate args{0, flags};
    EXPECT_EQ(call(drm::syncobj_create, args), 0);
    return args.handle;
  }
  uint64_t query(uint32_t handle, uint32_t flags = 0) {
    uint64_t point = ~uint64_t{0};
    EXPECT_EQ(
        call(drm::syncobj_query, drm::SyncobjTimelineArray{reinterpret_cast<uint64_t>(&handle),
                                                           reinterpret_cast<uint64_t>(&point), 1, flags}),
        0);
    return point;
  }
  int signal(uint32_t handle, uint64_t point) {
    return call(drm::syncobj_timeline_signal,
                drm::SyncobjTimelineArray{reinterpret_cast<uint64_t>(&handle),
                                          reinterpret_cast<uint64_t>(&point), 1, 0});
  }
  int wait_point(uint32_t handle, uint64_t point, uint32_t flags, int64_t timeout = 0) {
    drm::SyncobjTimelineWait args{
        reinterpret_cast<uint64_t>(&handle), reinterpret_cast<uint64_t>(&point), timeout, 1, flags, 0, 0, 0};
    return call(drm::syncobj_timeline_wait, args);
  }

  std::unique_ptr<EmulatedKernel> os;
  int fd = -1;
  uint64_t next_va = 1 << 20;
  std::vector<std::pair<void*, size_t>> mapped;
};

Buffer::Buffer(Node& node, uint64_t size, uint64_t domains)
    : handle(node.buffer(size, domains)), va(node.place(size)) {
  drm::GemMmap where{handle};
  EXPECT_EQ(node.call(drm::gem_mmap, where), 0);
  intptr_t at =
      node.os->mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, node.fd, where.handle_or_offset);
  EXPECT_GT(at, 0);
  host = reinterpret_cast<uint32_t*>(at);
  node.mapped.emplace_back(host, size);
  EXPECT_EQ(node.va(handle, va, (size + page - 1) / page * page), 0);
}

uint64_t now() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                               std::chrono::nanoseconds(1));
}

void put(Buffer& to, const std::vector<uint32_t>& words) {
  std::memcpy(to.host, words.data(), words.size() * 4);
}
uint32_t low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t high(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

std::vector<uint32_t> write_data(uint64_t va, uint32_t value) {
  return {0xc0033700, 5 << 8 | 1 << 20, low(va), high(va), value};
}
std::vector<uint32_t> sdma_write(uint64_t va, uint32_t value) { return {2, low(va), high(va), 0, value}; }
// Until the dword is not zero.
std::vector<uint32_t> wait_reg_mem(uint64_t va) {
  return {0xc0053c00, 1 << 4 | 4, low(va), high(va), 0, ~0u, 4};
}

TEST(DrmGem, IsZeroedCountedAndGivenBack) {
  Node node;
  const uint64_t before = node.memory(drm::Query::vram_usage);
  uint32_t first = node.buffer(3 * page, drm::domain::vram);
  EXPECT_EQ(first, 1u);
  EXPECT_EQ(node.memory(drm::Query::vram_usage), before + 3 * page);
  Buffer seen(node, 2 * page, drm::domain::vram);
  EXPECT_EQ(seen.handle, 2u);
  for (uint32_t i = 0; i < page / 2; ++i) ASSERT_EQ(seen.host[i], 0u);
  drm::GemClose args{first, 0};
  EXPECT_EQ(node.call(drm::gem_close, args), 0);
  EXPECT_EQ(node.memory(drm::Query::vram_usage), before + 2 * page);
  EXPECT_EQ(node.buffer(), 1u) << "the lowest free number";
}

TEST(DrmGem, GoesToGttWhereVramIsFull) {
  Node node("gfx1030", 16 << 20);
  auto domains_of = [&](uint32_t handle) {
    drm::GemCreate info{};
    EXPECT_EQ(node.call(drm::gem_op, drm::GemOp{handle, 0, reinterpret_cast<uint64_t>(&info)}), 0);
    EXPECT_EQ(info.bytes, 12u << 20);
    EXPECT_EQ(info.flags, drm::gem_flag::vram_cleared | drm::gem_flag::vram_wipe_on_release);
    return info.domains;
  };
  EXPECT_EQ(domains_of(node.buffer(12 << 20, drm::domain::vram)), drm::domain::vram);
  EXPECT_EQ(domains_of(node.buffer(12 << 20, drm::domain::vram)), drm::domain::vram | drm::domain::gtt);
  EXPECT_EQ(node.create({uint64_t{1} << 50, 0, drm::domain::vram, 0}), -ENOMEM);
}

TEST(DrmGem, EndsWithItsFile) {
  Node node;
  const uint64_t before = node.memory(drm::Query::vram_usage);
  int other = node.open();
  drm::GemCreate args{8 * page, 0, drm::domain::vram, 0};
  ASSERT_EQ(node.os->ioctl(other, drm::gem_create.request, &args), 0);
  int twin = dup(other);
  node.os->duplicated(other, twin);
  node.os->close(other);
  EXPECT_EQ(node.memory(drm::Query::vram_usage), before + 8 * page) << "another descriptor holds the file";
  node.os->close(twin);
  EXPECT_EQ(node.memory(drm::Query::vram_usage), before);
}

TEST(DrmGem, KeepsItsMetadata) {
  Node node;
  uint32_t handle = node.buffer();
  drm::GemMetadata args{};
  args.handle = handle;
  args.operation = 1;
  args.flags = 7;
  args.tiling = 0x123;
  args.bytes = 4;
  args.data[0] = 0xdeadbeef;
  EXPECT_EQ(node.call(drm::gem_metadata, args), 0);
  drm::GemMetadata back{};
  back.handle = handle;
  back.operation = 2;
  EXPECT_EQ(node.call(drm::gem_metadata, back), 0);
  EXPECT_EQ(std::tuple(back.flags, back.tiling, back.bytes, back.data[0]),
            std::tuple(7u, 0x123u, 4u, 0xdeadbeefu));
}

TEST(DrmGem, IsSharedByTwoFiles) {
  Node node;
  uint32_t handle = node.buffer();
  drm::PrimeHandle out{handle, O_CLOEXEC, -1};
  ASSERT_EQ(node.call(drm::prime_handle_to_fd, out), 0);
  drm::PrimeHandle same{0, 0, out.fd};
  ASSERT_EQ(node.call(drm::prime_fd_to_handle, same), 0);
  EXPECT_EQ(same.handle, handle);
  int other = node.open();
  drm::PrimeHandle in{0, 0, out.fd};
  ASSERT_EQ(node.os->ioctl(other, drm::prime_fd_to_handle.request, &in), 0);
  close(out.fd);
  drm::GemMetadata set{};
  set.handle = handle;
  set.operation = 1;
  set.tiling = 5;
  EXPECT_EQ(node.call(drm::gem_metadata, set), 0);
  set = {};
  set.handle = in.handle;
  set.operation = 2;
  EXPECT_EQ(node.os->ioctl(other, drm::gem_metadata.request, &set), 0);
  EXPECT_EQ(set.tiling, 5u) << "one object, two names";
  node.os->close(other);
}

struct Ring {
  HwIp ip;
  uint32_t number;
};
class DrmRings : public testing::TestWithParam<Ring> {};

TEST_P(DrmRings, RunWhatIsSubmittedAndSignal) {
  for (const char* gpu : {"gfx1030", "gfx1100"}) {
    Node node(gpu);
    auto [ip, ring] = GetParam();
    Buffer code(node), data(node), fence(node);
    uint32_t context = node.context();
    EXPECT_EQ(node.wait(context, ip, 0, 0, ring), 0) << "nothing was submitted";
    for (uint32_t round = 1; round <= 40; ++round) {
      auto words = ip == HwIp::dma ? sdma_write(data.va, round) : write_data(data.va, round);
      put(code, words);
      drm::ChunkIb ib = Node::ib(ip, code.va, words.size(), ring);
      drm::ChunkFence user{fence.handle, 64};
      uint64_t sequence = 0;
      ASSERT_EQ(
          node.submit(context, {Node::chunk(drm::ChunkId::ib, ib), Node::chunk(drm::ChunkId::fence, user)},
                      &sequence),
          0);
      ASSERT_EQ(sequence, round) << "amdgpu_ctx_add_fence counts from 1";
      ASSERT_EQ(node.wait(context, ip, sequence, forever, ring), 0);
      ASSERT_EQ(data.host[0], round);
      ASSERT_EQ(*reinterpret_cast<uint64_t*>(fence.words(16)), sequence);
    }
    EXPECT_EQ(node.wait(context, ip, 1, 0, ring), 0) << "long ago";
    EXPECT_EQ(node.wait(context, ip, 41, 0, ring), -EINVAL) << "not yet";
    EXPECT_EQ(node.wait(context, ip, ~uint64_t{0}, 0, ring), 0) << "the latest";
  }
}
std::string ring_name(const testing::TestParamInfo<Ring>& info) {
  constexpr const char* names[] = {"gfx", "compute", "dma"};
  return names[static_cast<size_t>(info.param.ip)] + std::to_string(info.param.number);
}
INSTANTIATE_TEST_SUITE_P(All, DrmRings,
                         testing::Values(Ring{HwIp::gfx, 0}, Ring{HwIp::compute, 0}, Ring{HwIp::compute, 3},
                                         Ring{HwIp::dma, 0}, Ring{HwIp::dma, 1}),
                         ring_name);

TEST(DrmSubmit, RunsAKernelOnBothKindsOfRing) {
  for (HwIp ip : {HwIp::gfx, HwIp::compute}) {
    Node node;
    Buffer code(node, 2 * page), data(node);
    // llvm-mc-19 -mcpu=gfx1030: v_mov_b32 v0, s0; v_mov_b32 v1, s1; v_mov_b32 v2, 42; global_store_dword
    // v[0:1], v2, off; s_endpgm
    const uint32_t kernel[] = {0x7e000200, 0x7e020201, 0x7e0402aa, 0xdc708000, 0x007d0200, 0xbf810000};
    std::memcpy(code.words(page / 4), kernel, sizeof(kernel));
    const uint64_t at = code.va + page;
    put(code, {0xc0027602,
               0x20c,
               low(at >> 8),
               high(at >> 8),  // COMPUTE_PGM
               0xc0027602,
               0x212,
               0x000c0040,
               0x00000004,  // RSRC1, RSRC2: two user SGPRs
               0xc0027602,
               0x240,
               low(data.va),
               high(data.va),  // USER_DATA
               0xc0037602,
               0x207,
               1,
               1,
               1,  // NUM_THREAD
               0xc0031502,
               1,
               1,
               1,
               0x00008005});  // DISPATCH_DIRECT, wave32
    uint32_t context = node.context();
    drm::ChunkIb ib = Node::ib(ip, code.va, 22);
    uint64_t sequence = 0;
    ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}, &sequence), 0);
    EXPECT_EQ(node.wait(context, ip, sequence), 0);
    EXPECT_EQ(data.host[0], 42u);
  }
}

TEST(DrmSubmit, WaitsForWhatItDependsOn) {
  Node node;
  Buffer code(node), data(node);
  std::vector<uint32_t> first = wait_reg_mem(data.va), second = sdma_write(data.va + 8, 5);
  for (uint32_t word : write_data(data.va + 4, 1)) first.push_back(word);
  std::memcpy(code.words(), first.data(), first.size() * 4);
  std::memcpy(code.words(64), second.data(), second.size() * 4);
  uint32_t one = node.context(), two = node.context();
  drm::ChunkIb ib = Node::ib(HwIp::compute, code.va, first.size());
  uint64_t sequence = 0, later = 0;
  ASSERT_EQ(node.submit(one, {Node::chunk(drm::ChunkId::ib, ib)}, &sequence), 0);
  drm::ChunkIb dma = Node::ib(HwIp::dma, code.va + 256, second.size());
  drm::ChunkDependency on{1, 0, 0, one, sequence};
  ASSERT_EQ(
      node.submit(two, {Node::chunk(drm::ChunkId::ib, dma), Node::chunk(drm::ChunkId::dependencies, on)},
                  &later),
      0);
  EXPECT_EQ(node.wait(two, HwIp::dma, later, now() + 50'000'000), 1) << "busy";
  EXPECT_EQ(data.host[2], 0u);
  drm::GemWaitIdle idle{data.handle, 0, 0};
  EXPECT_EQ(node.call(drm::gem_wait_idle, idle), 0);
  EXPECT_EQ(idle.handle, 0u) << "no list named the buffer";
  data.host[0] = 1;
  EXPECT_EQ(node.wait(two, HwIp::dma, later), 0);
  EXPECT_EQ(data.host[1], 1u);
  EXPECT_EQ(data.host[2], 5u);
}

TEST(DrmSubmit, KeepsTheBuffersOfItsListBusy) {
  Node node;
  Buffer code(node), data(node);
  put(code, wait_reg_mem(data.va));
  drm::BoListEntry entry{data.handle, 0};
  drm::BoList list{0, 0, 1, sizeof(entry), reinterpret_cast<uint64_t>(&entry)};
  ASSERT_EQ(node.call(drm::bo_list, list), 0);
  uint32_t context = node.context(), handle = list.operation;
  drm::ChunkIb ib = Node::ib(HwIp::compute, code.va, 7);
  uint64_t sequence = 0;
  ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}, &sequence, handle), 0);
  drm::GemWaitIdle busy{data.handle, 0, 0};
  EXPECT_EQ(node.call(drm::gem_wait_idle, busy), 0);
  EXPECT_EQ(busy.handle, 1u);
  data.host[0] = 1;
  busy = {data.handle, 0, forever};
  EXPECT_EQ(node.call(drm::gem_wait_idle, busy), 0);
  EXPECT_EQ(busy.handle, 0u);
}

TEST(DrmSubmit, WritesToMemoryOfTheClient) {
  Node node;
  Buffer code(node);
  auto* own =
      static_cast<uint32_t*>(mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  drm::GemUserptr args{reinterpret_cast<uint64_t>(own), page,
                       drm::userptr_flag::registered | drm::userptr_flag::validate, 0};
  ASSERT_EQ(node.call(drm::gem_userptr, args), 0);
  const uint64_t va = node.place(page);
  ASSERT_EQ(node.va(args.handle, va), 0);
  put(code, sdma_write(va, 77));
  uint32_t context = node.context();
  drm::ChunkIb ib = Node::ib(HwIp::dma, code.va, 5);
  uint64_t sequence = 0;
  ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}, &sequence), 0);
  EXPECT_EQ(node.wait(context, HwIp::dma, sequence), 0);
  EXPECT_EQ(own[0], 77u);
  drm::GemMmap where{args.handle};
  EXPECT_EQ(node.call(drm::gem_mmap, where), -EPERM);
  node.os->munmap(own, page);
  ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}, &sequence), 0);
  EXPECT_EQ(node.wait(context, HwIp::dma, sequence), -ECANCELED) << "the GPU has lost what the client has";
}

// amdgpu_job_timedout, amdgpu_device_gpu_recover, amdgpu_ctx_query2.
TEST(DrmHang, ResetsTheCardAndNamesTheGuilty) {
  Node node("gfx1030", 256 << 20, 100);
  Buffer code(node), data(node);
  put(code, wait_reg_mem(data.va));
  std::memcpy(code.words(64), write_data(data.va + 4, 3).data(), 20);
  uint32_t guilty = node.context(), innocent = node.context();
  drm::ChunkIb hang = Node::ib(HwIp::gfx, code.va, 7), fine = Node::ib(HwIp::gfx, code.va + 256, 5);
  uint64_t sequence = 0, behind = 0;
  ASSERT_EQ(node.submit(guilty, {Node::chunk(drm::ChunkId::ib, hang)}, &sequence), 0);
  ASSERT_EQ(node.submit(innocent, {Node::chunk(drm::ChunkId::ib, fine)}, &behind), 0);
  EXPECT_EQ(node.wait(guilty, HwIp::gfx, sequence), -ECANCELED);
  EXPECT_EQ(node.wait(innocent, HwIp::gfx, behind), -ECANCELED) << "VRAM is lost: nothing is taken up again";
  EXPECT_EQ(data.host[1], 0u);
  drm::Context state;
  namespace flag = drm::query2_flag;
  EXPECT_EQ(node.context_call(drm::ContextOperation::query_state2, guilty, 0, state), 0);
  EXPECT_EQ(state.operation, flag::reset | flag::vram_lost | flag::guilty);
  EXPECT_EQ(node.context_call(drm::ContextOperation::query_state2, innocent, 0, state), 0);
  EXPECT_EQ(state.operation, flag::reset | flag::vram_lost);
  EXPECT_EQ(node.context_call(drm::ContextOperation::query_state, innocent, 0, state), 0);
  EXPECT_EQ(state.priority, static_cast<int32_t>(drm::ResetStatus::unknown));
  EXPECT_EQ(node.context_call(drm::ContextOperation::query_state, innocent, 0, state), 0);
  EXPECT_EQ(state.priority, static_cast<int32_t>(drm::ResetStatus::none)) << "told once";
  for (uint32_t old : {guilty, innocent})
    EXPECT_EQ(node.submit(old, {Node::chunk(drm::ChunkId::ib, fine)}), -ECANCELED);
  uint32_t fresh = node.context();
  ASSERT_EQ(node.submit(fresh, {Node::chunk(drm::ChunkId::ib, fine)}, &sequence), 0);
  EXPECT_EQ(node.wait(fresh, HwIp::gfx, sequence), 0);
  EXPECT_EQ(data.host[1], 3u);
}

TEST(DrmHang, IsAnAddressWithoutMemoryToo) {
  for (HwIp ip : {HwIp::gfx, HwIp::compute, HwIp::dma}) {
    Node node;
    uint32_t context = node.context();
    drm::ChunkIb ib = Node::ib(ip, 0x7000000, 8);
    uint64_t sequence = 0;
    testing::internal::CaptureStderr();
    ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}, &sequence), 0);
    EXPECT_EQ(node.wait(context, ip, sequence), -ECANCELED);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("unmapped: ring "), std::string::npos) << said;
    EXPECT_NE(said.find("address 0x7000000"), std::string::npos) << said;
  }
}

TEST(DrmHang, TakesNoMoreJobsThanAnEntityHasAndNoneOnceItsFileIsClosed) {
  Node node;
  Buffer code(node), data(node);
  put(code, wait_reg_mem(data.va));
  const uint32_t context = node.context();
  const drm::ChunkIb ib = Node::ib(HwIp::gfx, code.va, 7);
  constexpr int jobs = 32;  // amdgpu.sched_jobs
  for (int i = 0; i < jobs; ++i) ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}), 0);
  std::atomic<int> result{1};
  std::thread one_more([&] { result = node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(result, 1) << "waits for room";
  node.os->close(node.fd);
  one_more.join();
  EXPECT_EQ(result, -EBADF);
  node.fd = -1;
}

TEST(DrmHang, EndsWithTheFileThatMadeIt) {
  Node node;
  Buffer code(node), data(node);
  put(code, wait_reg_mem(data.va));
  uint32_t context = node.context();
  drm::ChunkIb ib = Node::ib(HwIp::compute, code.va, 7);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib)}), 0);
  node.os->close(std::exchange(node.fd, -1));
  node.fd = node.open();
  EXPECT_EQ(node.memory(drm::Query::gtt_usage), 0u);
}

TEST(DrmRefusal, NamesPacketsThatDraw) {
  Node node;
  Buffer code(node);
  put(code, {0xc0016900, 0x1, 0x1, nop, 0xc0012d00, 3, 2});  // SET_CONTEXT_REG, NOP, DRAW_INDEX_AUTO
  uint32_t context = node.context();
  drm::ChunkIb state = Node::ib(HwIp::gfx, code.va, 4), draw = Node::ib(HwIp::gfx, code.va, 7);
  uint64_t sequence = 0;
  ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, state)}, &sequence), 0);
  EXPECT_EQ(node.wait(context, HwIp::gfx, sequence), 0);
  testing::internal::CaptureStderr();
  ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, draw)}, &sequence), 0);
  EXPECT_EQ(node.wait(context, HwIp::gfx, sequence), -ECANCELED);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("DRAW_INDEX_AUTO"), std::string::npos);
}

TEST(DrmSyncobj, CountsPointsOfATimeline) {
  Node node;
  uint32_t line = node.syncobj();
  EXPECT_EQ(node.query(line), 0u);
  EXPECT_EQ(node.wait_point(line, 1, 0), -EINVAL) << "nobody has submitted that";
  EXPECT_EQ(node.wait_point(line, 1, drm::wait_flag::for_submit), -ETIME);
  EXPECT_EQ(node.signal(line, 5), 0);
  EXPECT_EQ(node.query(line), 5u);
  EXPECT_EQ(node.wait_point(line, 3, 0), 0);
  EXPECT_EQ(node.wait_point(line, 6, 0), -EINVAL);
  EXPECT_EQ(node.signal(line, 4), 0);
  EXPECT_EQ(node.query(line), 5u) << "dma_fence_chain_init never goes back";
  // A job in between.
  Buffer code(node), data(node);
  put(code, wait_reg_mem(data.va));
  uint32_t context = node.context();
  drm::ChunkIb ib = Node::ib(HwIp::compute, code.va, 7);
  drm::ChunkSyncobj point{line, 0, 8};
  ASSERT_EQ(node.submit(context, {Node::chunk(drm::ChunkId::ib, ib),
                                  Node::chunk(drm::ChunkId::syncobj_timeline_signal, point)}),
            0);
  EXPECT_EQ(node.signal(line, 9), 0);
  EXPECT_EQ(node.query(line), 5u);
  EXPECT_EQ(node.query(line, drm::syncobj_last_submitted), 9u);
  EXPECT_EQ(node.wait_point(line, 8, drm::wait_flag::available), 0);
  EXPECT_EQ(node.wait_point(line, 9, 0), -ETIME);
  int event = eventfd(0, EFD_NONBLOCK);
  EXPECT_EQ(node.call(drm::syncobj_eventfd, drm::SyncobjEventfd{line, 0, 9, event, 0}), 0);
  uint64_t count = 0;
  EXPECT_LT(read(event, &count, 8), 0);
  data.host[0] = 1;
  EXPECT_EQ(node.wait_point(line, 9, 0, static_cast<int64_t>(forever)), 0);
  EXPECT_EQ(read(event, &count, 8), 8);
  close(event);
  EXPECT_EQ(node.query(line), 9u);
  uint32_t plain = node.syncobj();
  EXPECT_EQ(node.call(drm::syncobj_transfer, drm::SyncobjTransfer{line, plain, 9, 3, 0, 0}), 0);
  EXPECT_EQ(node.query(plain), 3u);
}

TEST(DrmSyncobj, PassesAsDescriptors) {
  Node node;
  Buffer code(node), data(node);
  put(code, wait_reg_mem(data.va));
  uint32_t context = node.context(), object = node.syncobj();
  drm::ChunkIb ib = Node::ib(HwIp::compute, code.va, 7);
  ASSERT_EQ(node.submit(context,
                        {Node::chunk(drm::ChunkId::ib, ib), Node::chunk(drm::ChunkId::syncobj_out, object)}),
            0);
  drm::SyncobjHandle file{object, drm::syncobj_sync_file, -1, 0}, whole{object, 0, -1, 0};
  ASSERT_EQ(node.call(drm::syncobj_handle_to_fd, file), 0);
  ASSERT_EQ(node.call(drm::syncobj_handle_to_fd, whole), 0);
  pollfd wait{file.fd, POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  drm::SyncobjHandle twin{0, 0, whole.fd, 0}, into{node.syncobj(), drm::syncobj_sync_file, file.fd, 0};
  ASSERT_EQ(node.call(drm::syncobj_fd_to_handle, twin), 0);
  EXPECT_NE(twin.handle, object) << "each import is a new name";
  ASSERT_EQ(node.call(drm::syncobj_fd_to_handle, into), 0);
  drm::SyncobjHandle wrong{0, 0, file.fd, 0};
  EXPECT_EQ(node.call(drm::syncobj_fd_to_handle, wrong), -EINVAL) << "a sync file is no syncobj";
  data.host[0] = 1;
  EXPECT_EQ(poll(&wait, 1, 10'000), 1);
  EXPECT_EQ(node.wait_point(into.handle, 0, 0), 0);
  EXPECT_EQ(node.wait_point(twin.handle, 0, 0), 0);
  close(file.fd);
  close(whole.fd);
}

TEST(DrmContext, KeepsOneStablePowerStateAtATime) {
  Node node;
  uint32_t one = node.context(), two = node.context();
  drm::Context args;
  using drm::ContextOperation;
  EXPECT_EQ(node.context_call(ContextOperation::set_stable_pstate, one, 4, args), 0);
  EXPECT_EQ(node.context_call(ContextOperation::get_stable_pstate, two, 0, args), 0);
  EXPECT_EQ(args.operation, 4u);
  EXPECT_EQ(node.context_call(ContextOperation::set_stable_pstate, two, 1, args), -EBUSY);
  EXPECT_EQ(node.context_call(ContextOperation::free, one, 0, args), 0);
  EXPECT_EQ(node.context_call(ContextOperation::get_stable_pstate, two, 0, args), 0);
  EXPECT_EQ(args.operation, 0u);
  EXPECT_EQ(node.context_call(ContextOperation::set_stable_pstate, two, 1, args), 0);
}

// Pairs of a mistake and the same call without it.
struct Case {
  Node& node;
  bool bad;
};
struct Refusal {
  const char* name;
  int errno_;
  const char* source;
  int (*run)(Case&);
};
int submitted(Case& c, drm::ChunkIb ib, std::vector<Node::Chunk> more = {}, uint32_t list = 0) {
  std::vector<Node::Chunk> chunks = {Node::chunk(drm::ChunkId::ib, ib)};
  for (const Node::Chunk& one : more) chunks.push_back(one);
  return c.node.submit(c.node.context(), chunks, nullptr, list);
}
drm::ChunkIb good_ib(Node& node, HwIp ip = HwIp::compute) {
  Buffer code(node);
  put(code, {ip == HwIp::dma ? 0 : nop});
  return Node::ib(ip, code.va, 1);
}
// clang-format off
const Refusal refusals[] = {
  {"create_in_doorbells", EINVAL, "amdgpu_gem.c, amdgpu_gem_create_ioctl", [](Case& c) {
    return c.node.create({page, 0, c.bad ? drm::domain::doorbell : drm::domain::vram, 0}); }},
  {"create_flags", EINVAL, "amdgpu_gem.c, amdgpu_gem_create_ioctl", [](Case& c) {
    return c.node.create({page, 0, drm::domain::gtt, c.bad ? drm::gem_flag::vram_contiguous : drm::gem_flag::cpu_gtt_uswc}); }},
  {"create_encrypted", EINVAL, "amdgpu_gem.c, amdgpu_gem_create_ioctl", [](Case& c) {
    return c.node.create({page, 0, drm::domain::gtt, c.bad ? drm::gem_flag::encrypted : drm::gem_flag::explicit_sync}); }},
  {"create_gds_always_valid", EINVAL, "amdgpu_gem.c, amdgpu_gem_create_ioctl", [](Case& c) {
    return c.node.create({16, 0, drm::domain::gds, c.bad ? drm::gem_flag::vm_always_valid : 0}); }},
  {"create_as_large_as_gtt", ENOMEM, "amdgpu_object.c, amdgpu_bo_validate_size", [](Case& c) {
    return c.node.create({c.bad ? uint64_t{1} << 52 : page, 0, drm::domain::gtt, 0}); }},
  {"map_what_the_host_may_not_see", EPERM, "amdgpu_gem.c, amdgpu_mode_dumb_mmap", [](Case& c) {
    drm::GemMmap args{c.node.buffer(page, drm::domain::vram, c.bad ? drm::gem_flag::no_cpu_access : 0)};
    return c.node.call(drm::gem_mmap, args); }},
  {"userptr_between_pages", EINVAL, "amdgpu_gem.c, amdgpu_gem_userptr_ioctl", [](Case& c) {
    alignas(4096) static uint8_t own[page];
    drm::GemUserptr args{reinterpret_cast<uint64_t>(own) + (c.bad ? 8 : 0), page, drm::userptr_flag::registered, 0};
    return c.node.call(drm::gem_userptr, args); }},
  {"userptr_unwatched", EACCES, "amdgpu_gem.c, amdgpu_gem_userptr_ioctl", [](Case& c) {
    alignas(4096) static uint8_t own[page];
    drm::GemUserptr args{reinterpret_cast<uint64_t>(own), page, c.bad ? 0 : drm::userptr_flag::read_only, 0};
    return c.node.call(drm::gem_userptr, args); }},
  {"userptr_of_nothing", EFAULT, "amdgpu_ttm.c, amdgpu_ttm_tt_get_user_pages", [](Case& c) {
    alignas(4096) static uint8_t own[page];
    drm::GemUserptr args{c.bad ? page : reinterpret_cast<uint64_t>(own), page,
                         drm::userptr_flag::registered | drm::userptr_flag::validate, 0};
    return c.node.call(drm::gem_userptr, args); }},
  {"export_a_per_vm_buffer", EPERM, "amdgpu_dma_buf.c, amdgpu_gem_prime_export", [](Case& c) {
    drm::PrimeHandle args{c.node.buffer(page, drm::domain::gtt, c.bad ? drm::gem_flag::vm_always_valid : 0), O_CLOEXEC, -1};
    int result = c.node.call(drm::prime_handle_to_fd, args);
    if (args.fd >= 0) close(args.fd);
    return result; }},
  {"va_over_the_top", EINVAL, "amdgpu_gem.c, amdgpu_gem_va_ioctl", [](Case& c) {
    return c.node.va(c.node.buffer(), uint64_t{0} - (c.bad ? 0x402000 : 0x403000)); }},
  {"metadata_too_long", EINVAL, "amdgpu_gem.c, amdgpu_gem_metadata_ioctl", [](Case& c) {
    drm::GemMetadata args{};
    args.handle = c.node.buffer();
    args.operation = 1;
    args.bytes = c.bad ? 257 : 256;
    return c.node.call(drm::gem_metadata, args); }},
  {"place_a_user_pointer", EPERM, "amdgpu_gem.c, amdgpu_gem_op_ioctl", [](Case& c) {
    alignas(4096) static uint8_t own[page];
    drm::GemUserptr args{reinterpret_cast<uint64_t>(own), page, drm::userptr_flag::registered, 0};
    EXPECT_EQ(c.node.call(drm::gem_userptr, args), 0);
    return c.node.call(drm::gem_op, drm::GemOp{c.bad ? args.handle : c.node.buffer(), 1, drm::domain::gtt}); }},
  {"context_flags", EINVAL, "amdgpu_ctx.c, amdgpu_ctx_ioctl", [](Case& c) {
    return c.node.call(drm::context, drm::Context{1, c.bad ? 1u : 0, 0, 0}); }},
  {"context_freed_twice", EINVAL, "amdgpu_ctx.c, amdgpu_ctx_free", [](Case& c) {
    uint32_t id = c.node.context();
    if (c.bad) { EXPECT_EQ(c.node.call(drm::context, drm::Context{2, 0, id, 0}), 0); }
    return c.node.call(drm::context, drm::Context{2, 0, id, 0}); }},
  {"context_power_state", EINVAL, "amdgpu_ctx.c, amdgpu_ctx_ioctl", [](Case& c) {
    return c.node.call(drm::context, drm::Context{6, c.bad ? 5u : 3u, c.node.context(), 0}); }},
  {"vm_flags", EINVAL, "amdgpu_vm.c, amdgpu_vm_ioctl", [](Case& c) {
    return c.node.call(drm::vm_operation, drm::VmOperation{1, c.bad ? 1u : 0}); }},
  {"list_of_no_buffer", ENOENT, "amdgpu_bo_list.c, amdgpu_bo_list_create", [](Case& c) {
    drm::BoListEntry entry{c.node.buffer() + (c.bad ? 1 : 0), 0};
    return c.node.call(drm::bo_list, drm::BoList{0, 0, 1, 8, reinterpret_cast<uint64_t>(&entry)}); }},
  {"list_from_nowhere", EFAULT, "amdgpu_bo_list.c, amdgpu_bo_create_list_entry_array", [](Case& c) {
    drm::BoListEntry entry{c.node.buffer(), 0};
    return c.node.call(drm::bo_list, drm::BoList{0, 0, 1, 8, c.bad ? 16 : reinterpret_cast<uint64_t>(&entry)}); }},
  {"list_update_of_none", ENOENT, "amdgpu_bo_list.c, amdgpu_bo_list_ioctl", [](Case& c) {
    drm::BoList made{0, 0, 0, 8, 0};
    EXPECT_EQ(c.node.call(drm::bo_list, made), 0);
    return c.node.call(drm::bo_list, drm::BoList{2, made.operation + (c.bad ? 1 : 0), 0, 8, 0}); }},
  {"submit_nothing", EINVAL, "amdgpu_cs.c, amdgpu_cs_parser_init", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node);
    return c.node.submit(c.node.context(), c.bad ? std::vector<Node::Chunk>{} : std::vector<Node::Chunk>{Node::chunk(drm::ChunkId::ib, ib)}); }},
  {"submit_without_a_context", EINVAL, "amdgpu_cs.c, amdgpu_cs_parser_init", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node);
    return c.node.submit(c.node.context() + (c.bad ? 1 : 0), {Node::chunk(drm::ChunkId::ib, ib)}); }},
  {"submit_from_nowhere", EFAULT, "amdgpu_cs.c, amdgpu_cs_pass1", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node);
    return c.node.submit(c.node.context(), {{drm::ChunkId::ib, c.bad ? reinterpret_cast<void*>(16) : &ib, sizeof(ib)}}); }},
  {"submit_a_short_chunk", EINVAL, "amdgpu_cs.c, amdgpu_cs_pass1", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node);
    return c.node.submit(c.node.context(), {{drm::ChunkId::ib, &ib, sizeof(ib) - (c.bad ? 4 : 0)}}); }},
  {"submit_an_unknown_chunk", EINVAL, "amdgpu_cs.c, amdgpu_cs_pass1", [](Case& c) {
    uint64_t shadow[4] = {};
    return submitted(c, good_ib(c.node), {{c.bad ? drm::ChunkId{11} : drm::ChunkId::cp_gfx_shadow, shadow, sizeof(shadow)}}); }},
  {"submit_no_buffer_of_commands", EINVAL, "amdgpu_cs.c, amdgpu_cs_pass1", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node);
    uint32_t object = c.node.syncobj(1);
    std::vector<Node::Chunk> chunks = {Node::chunk(drm::ChunkId::syncobj_in, object)};
    if (!c.bad) chunks.push_back(Node::chunk(drm::ChunkId::ib, ib));
    return c.node.submit(c.node.context(), chunks); }},
  {"submit_to_a_ring_too_many", EINVAL, "amdgpu_ctx.c, amdgpu_ctx_get_entity", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node);
    ib.ring = c.bad ? 4 : 3;
    return submitted(c, ib); }},
  {"submit_to_an_engine_that_is_not_there", EINVAL, "amdgpu_cs.c, amdgpu_cs_job_idx", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node);
    ib.ip = c.bad ? 6 : 1;
    return submitted(c, ib); }},
  {"submit_too_many_at_once", EINVAL, "amdgpu_ring.c, amdgpu_ring_max_ibs", [](Case& c) {
    drm::ChunkIb ib = good_ib(c.node, HwIp::dma);
    return submitted(c, ib, std::vector<Node::Chunk>(c.bad ? 49 : 48, Node::chunk(drm::ChunkId::ib, ib))); }},
  {"submit_a_gang_of_five", EINVAL, "amdgpu_cs.c, amdgpu_cs_job_idx", [](Case& c) {
    drm::ChunkIb ibs[5];
    std::vector<Node::Chunk> more;
    for (uint32_t i = 0; i < 5; ++i) {
      ibs[i] = good_ib(c.node, i < 4 ? HwIp::compute : HwIp::gfx);
      ibs[i].ring = i % 4;
      if (i > 0 && (i < 4 || c.bad)) more.push_back(Node::chunk(drm::ChunkId::ib, ibs[i]));
    }
    return submitted(c, ibs[0], more); }},
  {"submit_with_a_large_user_fence", EINVAL, "amdgpu_cs.c, amdgpu_cs_p1_user_fence", [](Case& c) {
    drm::ChunkFence fence{c.node.buffer(c.bad ? 2 * page : page), 0};
    return submitted(c, good_ib(c.node), {Node::chunk(drm::ChunkId::fence, fence)}); }},
  {"submit_with_a_user_fence_over_the_end", EINVAL, "amdgpu_cs.c, amdgpu_cs_p1_user_fence", [](Case& c) {
    drm::ChunkFence fence{c.node.buffer(), static_cast<uint32_t>(page) - (c.bad ? 4 : 8)};
    return submitted(c, good_ib(c.node), {Node::chunk(drm::ChunkId::fence, fence)}); }},
  {"submit_with_two_lists", EINVAL, "amdgpu_cs.c, amdgpu_cs_parser_bos", [](Case& c) {
    drm::BoList made{0, 0, 0, 8, 0}, inside{0, 0, 0, 8, 0};
    EXPECT_EQ(c.node.call(drm::bo_list, made), 0);
    return submitted(c, good_ib(c.node), {Node::chunk(drm::ChunkId::bo_handles, inside)}, c.bad ? made.operation : 0); }},
  {"submit_with_a_list_that_is_not_there", ENOENT, "amdgpu_bo_list.c, amdgpu_bo_list_get", [](Case& c) {
    return submitted(c, good_ib(c.node), {}, c.bad ? 9 : 0); }},
  {"submit_after_what_is_not_there", EINVAL, "amdgpu_ctx.c, amdgpu_ctx_get_fence", [](Case& c) {
    drm::ChunkDependency on{1, 0, 0, c.node.context(), c.bad ? 1u : 0};
    return submitted(c, good_ib(c.node), {Node::chunk(drm::ChunkId::dependencies, on)}); }},
  {"submit_after_an_empty_syncobj", EINVAL, "drm_syncobj.c, drm_syncobj_find_fence", [](Case& c) {
    uint32_t object = c.node.syncobj(c.bad ? 0 : 1);
    return submitted(c, good_ib(c.node), {Node::chunk(drm::ChunkId::syncobj_in, object)}); }},
  {"submit_after_no_syncobj", ENOENT, "drm_syncobj.c, drm_syncobj_find_fence", [](Case& c) {
    uint32_t object = c.node.syncobj(1) + (c.bad ? 1 : 0);
    return submitted(c, good_ib(c.node), {Node::chunk(drm::ChunkId::syncobj_in, object)}); }},
  {"submit_for_no_syncobj", EINVAL, "amdgpu_cs.c, amdgpu_cs_p2_syncobj_out", [](Case& c) {
    uint32_t object = c.node.syncobj() + (c.bad ? 1 : 0);
    return submitted(c, good_ib(c.node), {Node::chunk(drm::ChunkId::syncobj_out, object)}); }},
  {"submit_for_syncobjs_twice", EINVAL, "amdgpu_cs.c, amdgpu_cs_p2_syncobj_timeline_signal", [](Case& c) {
    uint32_t object = c.node.syncobj();
    drm::ChunkSyncobj point{object, 0, 1};
    std::vector<Node::Chunk> more = {Node::chunk(drm::ChunkId::syncobj_out, object)};
    if (c.bad) more.push_back(Node::chunk(drm::ChunkId::syncobj_timeline_signal, point));
    return submitted(c, good_ib(c.node), more); }},
  {"wait_for_any_of_none", EINVAL, "dma-fence.c, dma_fence_wait_any_timeout", [](Case& c) {
    return c.node.call(drm::wait_fences, drm::WaitFences{0, 0, c.bad ? 0u : 1u, 0}); }},
  {"fence_to_what", EINVAL, "amdgpu_cs.c, amdgpu_cs_fence_to_handle_ioctl", [](Case& c) {
    drm::FenceToHandle args{{c.node.context(), 1, 0, 0, 0}, c.bad ? 3u : 0u, 0};
    return c.node.call(drm::fence_to_handle, args); }},
  {"syncobj_create_flags", EINVAL, "drm_syncobj.c, drm_syncobj_create_ioctl", [](Case& c) {
    return c.node.call(drm::syncobj_create, drm::SyncobjCreate{0, c.bad ? 2u : 1u}); }},
  {"syncobj_destroy_padding", EINVAL, "drm_syncobj.c, drm_syncobj_destroy_ioctl", [](Case& c) {
    return c.node.call(drm::syncobj_destroy, drm::SyncobjDestroy{c.node.syncobj(), c.bad ? 1u : 0}); }},
  {"syncobj_reset_of_none", EINVAL, "drm_syncobj.c, drm_syncobj_reset_ioctl", [](Case& c) {
    uint32_t object = c.node.syncobj();
    return c.node.call(drm::syncobj_reset, drm::SyncobjArray{reinterpret_cast<uint64_t>(&object), c.bad ? 0u : 1u, 0}); }},
  {"syncobj_signal_of_none", ENOENT, "drm_syncobj.c, drm_syncobj_array_find", [](Case& c) {
    uint32_t object = c.node.syncobj() + (c.bad ? 1 : 0);
    return c.node.call(drm::syncobj_signal, drm::SyncobjArray{reinterpret_cast<uint64_t>(&object), 1, 0}); }},
  {"syncobj_wait_flags", EINVAL, "drm_syncobj.c, drm_syncobj_wait_ioctl", [](Case& c) {
    uint32_t object = c.node.syncobj(1);
    return c.node.call(drm::syncobj_wait, drm::SyncobjWait{reinterpret_cast<uint64_t>(&object), 0, 1, c.bad ? 4u : 1u, 0, 0, 0}); }},
  {"syncobj_export_of_an_empty_one", EINVAL, "drm_syncobj.c, drm_syncobj_export_sync_file", [](Case& c) {
    drm::SyncobjHandle args{c.node.syncobj(c.bad ? 0 : 1), 1, -1, 0};
    int result = c.node.call(drm::syncobj_handle_to_fd, args);
    if (args.fd >= 0) close(args.fd);
    return result; }},
  {"syncobj_from_another_descriptor", EINVAL, "drm_syncobj.c, drm_syncobj_fd_to_handle", [](Case& c) {
    drm::SyncobjHandle out{c.node.syncobj(), 0, -1, 0};
    EXPECT_EQ(c.node.call(drm::syncobj_handle_to_fd, out), 0);
    int result = c.node.call(drm::syncobj_fd_to_handle, drm::SyncobjHandle{0, 0, c.bad ? 0 : out.fd, 0});
    close(out.fd);
    return result; }},
  {"syncobj_eventfd_of_none", EBADF, "eventfd.c, eventfd_ctx_fdget", [](Case& c) {
    int event = eventfd(0, 0);
    int result = c.node.call(drm::syncobj_eventfd, drm::SyncobjEventfd{c.node.syncobj(), 0, 1, c.bad ? 999 : event, 0});
    close(event);
    return result; }},
  {"priority_of_processes", EACCES, "drm_ioctl.c, drm_ioctl_permit: AMDGPU_SCHED is for masters", [](Case& c) {
    uint64_t args[2] = {c.bad ? 1u : 0x13u, 0};
    return c.node.os->ioctl(c.node.fd, c.bad ? 0x40106455 : drm::get_cap.request, args); }},
};
// clang-format on

class DrmRefusals : public testing::TestWithParam<Refusal> {};

TEST_P(DrmRefusals, MeetTheMistakeAndNotItsTwin) {
  for (bool bad : {true, false}) {
    Node node;
    Case one{node, bad};
    EXPECT_EQ(GetParam().run(one), bad ? -GetParam().errno_ : 0)
        << (bad ? "with" : "without") << " the mistake";
  }
}
INSTANTIATE_TEST_SUITE_P(All, DrmRefusals, testing::ValuesIn(refusals),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace doorbell::test
