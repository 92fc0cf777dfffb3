// /dev/kfd: what it answers, and what it refuses with which errno.
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "driver/amd/abi/drm.h"
#include "driver/amd/abi/pm4.h"
#include "driver/amd/abi/sdma.h"
#include "tests/amd_kernel/rig.h"

namespace doorbell::test {
namespace {

using namespace std::chrono_literals;

//---------------------------------------------------------------------------------------------- ioctls

TEST(Ioctl, VersionIsTheOneOfTheHeader) {
  Client client;
  kfd::GetVersion version{};
  ASSERT_EQ(client.call(kfd::get_version, version), 0);
  EXPECT_EQ(version.major, 1u);
  EXPECT_EQ(version.minor, 17u);
}

TEST(Ioctl, UnknownNumbersAreNotTypewriters) {
  Client client;
  char room[64] = {};
  EXPECT_EQ(client.kernel().ioctl(client.fd, 0xc0084b00, room), -ENOTTY);
  EXPECT_EQ(client.kernel().ioctl(client.fd, 0xc0084b27, room), -ENOTTY);
  EXPECT_EQ(client.kernel().ioctl(client.fd, 0xc0084b82, room), -ENOTTY);
  EXPECT_EQ(client.kernel().ioctl(client.fd, 0xc0084c01, room), 0) << "nobody looks at the letter";
}

TEST(Ioctl, WrongPointersAreFaults) {
  Client client;
  for (uint64_t pointer : {uint64_t{0}, uint64_t{8}, client.reserve(page), ~uint64_t{0}, uint64_t{1} << 60}) {
    EXPECT_EQ(client.kernel().ioctl(client.fd, kfd::get_version.request, reinterpret_cast<void*>(pointer)),
              -EFAULT);
    EXPECT_EQ(client.kernel().ioctl(client.fd, kfd::alloc_memory.request, reinterpret_cast<void*>(pointer)),
              -EFAULT);
  }
}

TEST(Ioctl, ShorterAndLongerStructsAreTakenBySize) {
  Client client;
  client.acquire();
  QueueParts parts(client);
  // KFD before 1.17 has no engine id at the end; what lies behind the caller's struct is not touched.
  uint32_t before = (kfd::create_queue.request & ~(0x3fffu << 16)) | 88u << 16;
  struct {
    kfd::CreateQueue args;
    uint64_t behind = 0x1234;
  } old{parts.args};
  old.args.sdma_engine_id = old.args.pad = 0xdead;
  ASSERT_EQ(client.kernel().ioctl(client.fd, before, &old), 0);
  EXPECT_EQ(old.args.sdma_engine_id, 0xdeadu);
  uint32_t later = (kfd::create_queue.request & ~(0x3fffu << 16)) | 104u << 16;
  QueueParts more(client);
  old.args = more.args;
  ASSERT_EQ(client.kernel().ioctl(client.fd, later, &old), 0);
  EXPECT_EQ(old.behind, 0x1234u);
  EXPECT_EQ(old.args.queue_id, 1u);
}

TEST(Ioctl, TheOldDebuggerIsGone) {
  Client client;
  EXPECT_EQ(client.call(kfd::debug_register, kfd::DebugGpu{gpu_id(0), 0}), -EPERM);
  EXPECT_EQ(client.call(kfd::debug_wave_control, kfd::DebugContent{}), -EPERM);
}

TEST(Ioctl, AParentsDescriptorIsBadInTheChild) {
  Client client;
  pid_t child = fork();
  if (child == 0) {
    kfd::GetVersion version{};
    _exit(client.call(kfd::get_version, version) == -EBADF ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Ioctl, DuplicatesMadeBehindTheKernelsBackWork) {
  Client client;
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
  int copy = dup(client.fd);
  kfd::GetVersion version{};
  EXPECT_EQ(client.kernel().ioctl(copy, kfd::get_version.request, &version), 0);
  EXPECT_EQ(client.kernel().ioctl(pair[0], kfd::get_version.request, &version), -ENOTTY)
      << "a socket is the host's";
  close(copy);
  EXPECT_EQ(client.kernel().ioctl(copy, kfd::get_version.request, &version), -EBADF);
  close(pair[0]);
  close(pair[1]);
}

TEST(Ioctl, ClocksRun) {
  Client client;
  kfd::GetClockCounters first{0, 0, 0, 0, gpu_id(0), 0}, second = first, cpu = first;
  ASSERT_EQ(client.call(kfd::get_clock_counters, first), 0);
  std::this_thread::sleep_for(10ms);
  ASSERT_EQ(client.call(kfd::get_clock_counters, second), 0);
  EXPECT_EQ(first.system_clock_freq, 1'000'000'000u);
  uint64_t gpu = second.gpu_clock_counter - first.gpu_clock_counter;
  uint64_t system = second.system_clock_counter - first.system_clock_counter;
  EXPECT_GE(gpu, 1'000'000u) << "100 MHz";
  EXPECT_NEAR(static_cast<double>(gpu) * 10, static_cast<double>(system), 1e6);
  cpu.gpu_id = 0;
  ASSERT_EQ(client.call(kfd::get_clock_counters, cpu), 0) << "a node without a GPU has the others";
  EXPECT_EQ(cpu.gpu_clock_counter, 0u);
}

TEST(Ioctl, AperturesLieAboveTheAddressSpace) {
  Client client("gfx1100,gfx1030");
  kfd::GetAperturesNew count{};
  ASSERT_EQ(client.call(kfd::get_apertures_new, count), 0);
  ASSERT_EQ(count.num_of_nodes, 2u);
  kfd::Apertures apertures[2] = {};
  kfd::GetAperturesNew all{reinterpret_cast<uint64_t>(apertures), 2, 0};
  ASSERT_EQ(client.call(kfd::get_apertures_new, all), 0);
  for (size_t card = 0; card < 2; ++card) {
    EXPECT_EQ(apertures[card].gpu_id, gpu_id(card));
    EXPECT_EQ(apertures[card].gpuvm_limit, (uint64_t{1} << 47) - 1);
    EXPECT_GT(apertures[card].lds_base, apertures[card].gpuvm_limit);
    EXPECT_GT(apertures[card].scratch_base, apertures[card].lds_limit);
    // Where waves find them, and Linux's own values.
    EXPECT_EQ(apertures[card].lds_base, sim::amd::shared_aperture);
    EXPECT_EQ(apertures[card].scratch_base, sim::amd::private_aperture);
    EXPECT_EQ(apertures[card].lds_base >> 48, 1u);
    EXPECT_EQ(apertures[card].scratch_base >> 48, 2u);
  }
  all.num_of_nodes = 4;
  EXPECT_EQ(client.call(kfd::get_apertures_new, all), -EINVAL) << "more than there are nodes";
  all = {8, 2, 0};
  EXPECT_EQ(client.call(kfd::get_apertures_new, all), -EFAULT);
}

TEST(Sysfs, TheModuleTellsItsParameters) {
  Client client;
  for (auto [name, value] : {std::pair{"noretry", "-1\n"}, {"emu_mode", "0\n"}, {"cwsr_enable", "1\n"}}) {
    Result<std::string> text = client.os().read_file(std::string("/sys/module/amdgpu/parameters/") + name);
    ASSERT_TRUE(text) << name;
    EXPECT_EQ(*text, value) << name;
  }
}

TEST(Ioctl, AnAddressSpaceBelongsToOneRenderNode) {
  Client client("gfx1030,gfx1100");
  auto acquire = [&](int fd, uint32_t gpu) {
    return client.call(kfd::acquire_vm, kfd::AcquireVm{static_cast<uint32_t>(fd), gpu});
  };
  EXPECT_EQ(acquire(client.render[0], 1), -EINVAL);
  EXPECT_EQ(acquire(client.fd, gpu_id(0)), -EINVAL) << "not a render node";
  EXPECT_EQ(acquire(client.render[1], gpu_id(0)), -EINVAL) << "another card's";
  EXPECT_EQ(acquire(12345, gpu_id(0)), -EINVAL);
  uint64_t handle = 0;
  EXPECT_EQ(client.allocate(client.reserve(page), page, alloc::gtt, handle), -ENODEV) << "none acquired yet";
  EXPECT_EQ(acquire(client.render[0], gpu_id(0)), 0);
  EXPECT_EQ(acquire(client.render[0], gpu_id(0)), 0) << "again";
  int other = client.kernel().open("/dev/dri/renderD128", O_RDWR);
  EXPECT_EQ(acquire(other, gpu_id(0)), -EBUSY);
  int copy = dup(client.render[0]);
  client.kernel().duplicated(client.render[0], copy);
  EXPECT_EQ(acquire(copy, gpu_id(0)), 0) << "a duplicate is the same file";
  client.kernel().close(other);
  client.kernel().close(copy);
}

//---------------------------------------------------------------------------------------------- memory

TEST(Memory, WhatTheGpuSeesTheClientSees) {
  Client client;
  client.acquire();
  for (uint32_t kind : {alloc::vram | alloc::is_public, alloc::gtt}) {
    Shared memory(client, 2 * page, kind);
    *memory.at<uint32_t>(page) = 77;
    EXPECT_EQ(*memory.at<uint32_t>(page), 77u);
  }
}

TEST(Memory, FreshMemoryIsNeverZero) {
  Client client;
  client.acquire();
  for (uint32_t kind : {alloc::vram | alloc::is_public, alloc::gtt}) {
    Shared memory(client, 2 * page, kind);
    for (uint64_t word = 0; word < 2 * page; word += 4) ASSERT_NE(*memory.at<uint32_t>(word), 0u);
  }
}

TEST(Memory, AllocationIsRefusedAsTheKernelRefusesIt) {
  Client client;
  client.acquire();
  uint64_t handle = 0, va = client.reserve(1 << 20);
  EXPECT_EQ(client.allocate(va, 0, alloc::gtt, handle), -EINVAL);
  EXPECT_EQ(client.allocate(va, page, 0, handle), -EINVAL) << "no kind of memory";
  EXPECT_EQ(client.allocate(va, page, alloc::doorbell, handle), -EINVAL)
      << "a process has 8 KiB of doorbells";
  EXPECT_EQ(client.allocate(va, 8192, alloc::doorbell, handle), 0);
  EXPECT_EQ(client.allocate(va, 8192, alloc::mmio_remap, handle), -EINVAL);
  EXPECT_EQ(client.allocate(va, page, alloc::mmio_remap, handle), 0);
  EXPECT_EQ(client.allocate(va, page, alloc::userptr, handle), -EINVAL) << "no address";
  uint64_t hole = client.reserve(page);
  munmap(reinterpret_cast<void*>(hole), page);
  EXPECT_EQ(client.allocate(va, page, alloc::userptr, handle, &hole), -EFAULT);
  kfd::AllocMemory args{va, page, 0, 0, 0x1111, alloc::gtt};
  EXPECT_EQ(client.call(kfd::alloc_memory, args), -EINVAL) << "no such GPU";
}

TEST(Memory, ReadOnlyPagesCannotBePinnedForWriting) {
  Client client;
  client.acquire();
  void* memory = mmap(nullptr, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t handle = 0, address = reinterpret_cast<uint64_t>(memory), again = address;
  EXPECT_EQ(client.allocate(address, page, alloc::userptr | alloc::writable, handle, &address), -EFAULT);
  EXPECT_EQ(client.allocate(address, page, alloc::userptr, handle, &again), 0);
}

TEST(Memory, TheCardsMemoryIsABudget) {
  Client client("gfx1030", 64 << 20);
  client.acquire();
  uint64_t before = client.available(), handle = 0, first = 0;
  EXPECT_EQ(before, 64u << 20);
  uint64_t va = client.reserve(256 << 20);
  EXPECT_EQ(client.allocate(va, 65 << 20, alloc::vram, handle), -ENOMEM);
  ASSERT_EQ(client.allocate(va, 40 << 20, alloc::vram, first), 0);
  EXPECT_EQ(client.available(), 24u << 20);
  EXPECT_EQ(client.allocate(va + (64 << 20), 25 << 20, alloc::vram, handle), -ENOMEM);
  ASSERT_EQ(client.allocate(va + (64 << 20), 24 << 20, alloc::vram, handle), 0);
  EXPECT_EQ(client.allocate(va + (128 << 20), page, alloc::gtt, handle), 0)
      << "system memory is another budget";
  EXPECT_EQ(client.release(first), 0);
  EXPECT_EQ(client.available(), 40u << 20);
  EXPECT_EQ(client.allocate(va, ~uint64_t{0}, alloc::vram, handle), -ENOMEM);
  EXPECT_EQ(client.allocate(va, uint64_t{1} << 50, alloc::gtt, handle), -ENOMEM);
}

TEST(Memory, MappedBuffersAreNotFreed) {
  Client client;
  client.acquire();
  uint64_t handle = 0, va = client.reserve(page);
  ASSERT_EQ(client.allocate(va, page, alloc::vram, handle), 0);
  EXPECT_EQ(client.unmap(handle), -EINVAL) << "not mapped";
  ASSERT_EQ(client.map(handle), 0);
  EXPECT_EQ(client.map(handle), 0) << "mapping again changes nothing";
  EXPECT_EQ(client.release(handle), -EBUSY);
  EXPECT_EQ(client.unmap(handle), 0);
  EXPECT_EQ(client.release(handle), 0);
  EXPECT_EQ(client.release(handle), -EINVAL);
  EXPECT_EQ(client.map(handle), -ENOMEM) << "no such buffer";
}

TEST(Memory, MappingIsRefusedAsTheKernelRefusesIt) {
  Client client;
  client.acquire();
  uint64_t first = 0, second = 0, va = client.reserve(4 * page);
  ASSERT_EQ(client.allocate(va, 2 * page, alloc::gtt, first), 0);
  ASSERT_EQ(client.allocate(va + page, 2 * page, alloc::gtt, second), 0);
  ASSERT_EQ(client.map(first), 0);
  EXPECT_EQ(client.map(second), -EINVAL) << "two buffers at one address";
  EXPECT_EQ(client.map(first, {}), -EINVAL);
  EXPECT_EQ(client.map(first, {gpu_id(0), 0x99}), -EINVAL) << "no such GPU";
  uint32_t id = gpu_id(0);
  kfd::MapMemory args{first, reinterpret_cast<uint64_t>(&id), 1, 2};
  EXPECT_EQ(client.call(kfd::map_memory, args), -EINVAL) << "more done than there is";
  args = {first, 16, 1, 0};
  EXPECT_EQ(client.call(kfd::map_memory, args), -EFAULT);
  args = {uint64_t{7} << 32, reinterpret_cast<uint64_t>(&id), 1, 0};
  EXPECT_EQ(client.call(kfd::map_memory, args), -EINVAL) << "a handle of no GPU";
  uint64_t high = 0, odd = 0;
  ASSERT_EQ(client.allocate(uint64_t{1} << 47, page, alloc::gtt, high), 0);
  EXPECT_EQ(client.map(high), -EINVAL) << "in the hole of the address space";
  ASSERT_EQ(client.allocate(va + 3 * page + 8, page, alloc::gtt, odd), 0);
  EXPECT_EQ(client.map(odd), -EINVAL) << "not on a page";
}

TEST(Memory, MapSaysHowFarItCame) {
  Client client;
  client.acquire();
  uint64_t handle = 0;
  ASSERT_EQ(client.allocate(client.reserve(page), page, alloc::gtt, handle), 0);
  uint32_t ids[2] = {gpu_id(0), 0x99};
  kfd::MapMemory args{handle, reinterpret_cast<uint64_t>(ids), 2, 0};
  EXPECT_EQ(client.call(kfd::map_memory, args), -EINVAL);
  EXPECT_EQ(args.n_success, 1u);
}

TEST(Memory, AClientMapsWhatIsItsOwn) {
  Client client;
  client.acquire();
  uint64_t handle = 0, offset = 0;
  ASSERT_EQ(
      client.allocate(client.reserve(4 * page), 2 * page, alloc::vram | alloc::is_public, handle, &offset),
      0);
  auto map = [&](int fd, uint64_t bytes, uint64_t at) {
    return client.kernel().mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
  };
  EXPECT_EQ(map(client.render[0], 4 * page, offset), -EINVAL) << "longer than the buffer";
  EXPECT_EQ(map(client.render[0], page, offset + page), -EINVAL) << "not from its start";
  EXPECT_EQ(map(client.render[0], page, 0), -EINVAL);
  EXPECT_EQ(map(client.fd, page, 0x123000), -ENODEV);
  EXPECT_EQ(map(client.fd, page, sim::amd::kfd_file::doorbells(0)), -EINVAL) << "doorbells come as a whole";
  intptr_t address = map(client.render[0], 2 * page, offset);
  ASSERT_GT(address, 0);
  EXPECT_EQ(client.kernel().munmap(reinterpret_cast<void*>(address), 2 * page), 0);
}

TEST(Memory, QueueMemoryAppearsTwice) {
  Client client;
  client.acquire();
  uint64_t handle = 0, va = client.reserve(4 * page), before = client.available();
  ASSERT_EQ(client.allocate(va, 2 * page, alloc::vram | alloc::aql_queue_mem, handle), 0);
  EXPECT_EQ(client.map(handle), 0);
  uint64_t second = 0;
  ASSERT_EQ(client.allocate(va + page, page, alloc::vram, second), 0);
  EXPECT_EQ(client.map(second), -EINVAL) << "the second copy is there";
  EXPECT_EQ(client.unmap(handle), 0);
  EXPECT_EQ(client.map(second), 0);
  EXPECT_LE(before - client.available(), 2u << 20);
}

TEST(Memory, OneBufferOnSeveralCards) {
  Client client("gfx1030,gfx1100,gfx1151");
  client.acquire();
  uint64_t handle = 0;
  ASSERT_EQ(client.allocate(client.reserve(page), page, alloc::vram, handle, nullptr, 1), 0);
  EXPECT_EQ(handle >> 32, gpu_id(1));
  EXPECT_EQ(client.map(handle, {gpu_id(0), gpu_id(1), gpu_id(2)}), 0);
  EXPECT_EQ(client.unmap(handle, {gpu_id(0)}), 0);
  EXPECT_EQ(client.release(handle), -EBUSY);
  EXPECT_EQ(client.unmap(handle, {gpu_id(1), gpu_id(2)}), 0);
  EXPECT_EQ(client.release(handle), 0);
}

// Whoever has a descriptor of a DMA-buf has the buffer, freed or not.
TEST(Memory, ADmabufKeepsItsBuffer) {
  Client client;
  client.acquire();
  constexpr uint64_t bytes = 4 << 20;
  const uint64_t before = client.available();
  auto given = std::make_unique<Shared>(client, bytes, alloc::vram | alloc::is_public);
  *given->at<uint32_t>(bytes - 4) = 77;
  kfd::ExportDmabuf exported{given->handle, O_CLOEXEC, 0};
  ASSERT_EQ(client.call(kfd::export_dmabuf, exported), 0);
  auto fd = static_cast<int>(exported.dmabuf_fd);
  EXPECT_EQ(lseek(fd, 0, SEEK_END), static_cast<off_t>(bytes));
  EXPECT_EQ(client.unmap(given->handle), 0);
  EXPECT_EQ(client.release(given->handle), 0);
  EXPECT_EQ(before - client.available(), bytes);

  kfd::GetDmabufInfo info{};
  info.dmabuf_fd = exported.dmabuf_fd;
  ASSERT_EQ(client.call(kfd::get_dmabuf_info, info), 0);
  EXPECT_EQ(info.size, bytes);
  kfd::ImportDmabuf imported{client.reserve(bytes), 0, gpu_id(0), exported.dmabuf_fd};
  ASSERT_EQ(client.call(kfd::import_dmabuf, imported), 0);
  int other = dup(fd);
  close(fd);
  EXPECT_EQ(client.release(imported.handle), 0);
  EXPECT_EQ(before - client.available(), bytes) << "the duplicate still has it";
  info.dmabuf_fd = static_cast<uint32_t>(other);
  EXPECT_EQ(client.call(kfd::get_dmabuf_info, info), 0);

  imported = {client.reserve(bytes), 0, gpu_id(0), static_cast<uint32_t>(other)};
  ASSERT_EQ(client.call(kfd::import_dmabuf, imported), 0);
  close(other);
  EXPECT_EQ(before - client.available(), bytes) << "who imported it has it himself";
  kfd::IpcExportHandle shared{imported.handle, {}, gpu_id(0), 0x2001};
  ASSERT_EQ(client.call(kfd::ipc_export_handle, shared), 0);
  kfd::IpcImportHandle seen{};
  seen.va_addr = client.reserve(bytes);
  seen.gpu_id = gpu_id(0);
  std::memcpy(seen.share_handle, shared.share_handle, sizeof(seen.share_handle));
  ASSERT_EQ(client.call(kfd::ipc_import_handle, seen), 0);
  EXPECT_EQ(seen.flags, 0x2001u) << "what the exporter said";
  intptr_t mapped = client.os().mmap(reinterpret_cast<void*>(seen.va_addr), bytes, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_FIXED, client.render[0], seen.mmap_offset);
  ASSERT_EQ(mapped, static_cast<intptr_t>(seen.va_addr));
  EXPECT_EQ(reinterpret_cast<uint32_t*>(mapped)[bytes / 4 - 1], 77u);
  EXPECT_EQ(client.release(imported.handle), 0);
  EXPECT_EQ(client.release(seen.handle), 0);
  EXPECT_EQ(client.available(), before);
}

//---------------------------------------------------------------------------------------------- events

class Events : public testing::Test {
 protected:
  void SetUp() override { client.acquire(); }
  kfd::CreateEvent create(kfd::EventType type, bool auto_reset = true) {
    kfd::CreateEvent args{};
    args.event_type = static_cast<uint32_t>(type);
    args.auto_reset = auto_reset;
    EXPECT_EQ(client.call(kfd::create_event, args), 0);
    return args;
  }
  int wait(std::vector<kfd::EventData>& events, uint32_t timeout, uint32_t& result, bool all = false) {
    kfd::WaitEvents args{reinterpret_cast<uint64_t>(events.data()), static_cast<uint32_t>(events.size()), all,
                         timeout, 99};
    int returned = client.call(kfd::wait_events, args);
    result = args.wait_result;
    return returned;
  }
  static kfd::EventData of(uint32_t id, uint64_t age = 0) {
    kfd::EventData data{};
    data.event_id = id;
    data.last_event_age = age;
    return data;
  }
  int set(uint32_t id) { return client.call(kfd::set_event, kfd::EventId{id, 0}); }
  Client client;
  uint32_t result = 99;
};

TEST_F(Events, TheirPageComesFromTheClient) {
  uint64_t small = 0, page_handle = 0, vram = 0;
  ASSERT_EQ(client.allocate(client.reserve(page), page, alloc::gtt, small), 0);
  ASSERT_EQ(client.allocate(client.reserve(8 * page), 8 * page, alloc::gtt, page_handle), 0);
  ASSERT_EQ(client.allocate(client.reserve(8 * page), 8 * page, alloc::vram, vram), 0);
  auto with = [&](uint64_t handle) {
    kfd::CreateEvent args{};
    args.event_page_offset = handle;
    args.event_type = static_cast<uint32_t>(kfd::EventType::signal);
    int returned = client.call(kfd::create_event, args);
    EXPECT_TRUE(returned != 0 || args.event_page_offset != 0) << "0 would mean that there is no mailbox";
    return returned;
  };
  EXPECT_EQ(with(small), -EINVAL) << "4096 events take 32 KiB";
  EXPECT_EQ(with(vram), -EINVAL) << "not in system memory";
  EXPECT_EQ(with(uint64_t{1} << 32 | 9), -EINVAL);
  EXPECT_EQ(with(page_handle), 0);
  EXPECT_EQ(with(page_handle), -EINVAL) << "there is one already";
  EXPECT_EQ(client.release(page_handle), -EPERM);
}

TEST_F(Events, SignalsHaveSlotsAndOthersHaveNot) {
  EXPECT_EQ(create(kfd::EventType::signal).event_id, 1u) << "0 is what an interrupt without an event carries";
  EXPECT_EQ(create(kfd::EventType::signal).event_slot_index, 2u);
  EXPECT_EQ(create(kfd::EventType::memory).event_id, 4096u);
  EXPECT_EQ(create(kfd::EventType::hardware_exception).event_id, 4097u);
}

TEST_F(Events, OldClientsHave256) {
  for (int i = 1; i < 256; ++i) create(kfd::EventType::signal);
  kfd::CreateEvent args{};
  EXPECT_EQ(client.call(kfd::create_event, args), -ENOSPC);
  EXPECT_EQ(client.call(kfd::destroy_event, kfd::EventId{7, 0}), 0);
  EXPECT_EQ(client.call(kfd::create_event, args), 0);
  EXPECT_EQ(args.event_id, 7u);
}

TEST_F(Events, WaitingTimesOut) {
  std::vector<kfd::EventData> events = {of(create(kfd::EventType::signal).event_id)};
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(wait(events, 30, result), 0);
  EXPECT_EQ(result, kfd::wait_timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 29ms);
  EXPECT_EQ(wait(events, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_timeout);
}

TEST_F(Events, AnEventThatResetsItselfWakesOnce) {
  uint32_t id = create(kfd::EventType::signal).event_id;
  std::vector<kfd::EventData> events = {of(id)};
  ASSERT_EQ(set(id), 0);
  EXPECT_EQ(wait(events, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_complete);
  EXPECT_EQ(wait(events, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_timeout);
}

TEST_F(Events, OneThatDoesNotStaysSetUntilReset) {
  uint32_t id = create(kfd::EventType::signal, false).event_id;
  std::vector<kfd::EventData> events = {of(id)};
  ASSERT_EQ(set(id), 0);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(wait(events, 0, result), 0);
    EXPECT_EQ(result, kfd::wait_complete);
  }
  EXPECT_EQ(client.call(kfd::reset_event, kfd::EventId{id, 0}), 0);
  EXPECT_EQ(wait(events, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_timeout);
}

TEST_F(Events, AllMeansAll) {
  uint32_t first = create(kfd::EventType::signal).event_id, second = create(kfd::EventType::signal).event_id;
  std::vector<kfd::EventData> events = {of(first), of(second)};
  ASSERT_EQ(set(first), 0);
  std::thread later([&] {
    std::this_thread::sleep_for(20ms);
    set(second);
  });
  EXPECT_EQ(wait(events, 5000, result, true), 0);
  EXPECT_EQ(result, kfd::wait_complete);
  later.join();
}

TEST_F(Events, AgesMissNothingBetweenTwoWaits) {
  uint32_t id = create(kfd::EventType::signal).event_id;
  std::vector<kfd::EventData> events = {of(id, 1)};
  EXPECT_EQ(wait(events, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_timeout) << "age 1: never set";
  ASSERT_EQ(set(id), 0);
  // Another waiter takes the signal away; the age tells all the same.
  std::vector<kfd::EventData> thief = {of(id)};
  EXPECT_EQ(wait(thief, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_complete);
  EXPECT_EQ(wait(events, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_complete);
  EXPECT_EQ(events[0].last_event_age, 2u);
  EXPECT_EQ(wait(events, 0, result), 0);
  EXPECT_EQ(result, kfd::wait_timeout) << "the age is known now";
}

TEST_F(Events, DestroyingWakesWaitersWithAnError) {
  uint32_t id = create(kfd::EventType::signal).event_id;
  std::vector<kfd::EventData> events = {of(id)};
  std::thread later([&] {
    std::this_thread::sleep_for(20ms);
    client.call(kfd::destroy_event, kfd::EventId{id, 0});
  });
  EXPECT_EQ(wait(events, 5000, result), -EIO);
  EXPECT_EQ(result, kfd::wait_fail);
  later.join();
}

TEST_F(Events, MistakesAreRefused) {
  uint32_t memory = create(kfd::EventType::memory).event_id;
  EXPECT_EQ(set(3), -EINVAL);
  EXPECT_EQ(set(memory), -EINVAL) << "only the kernel sets those";
  EXPECT_EQ(client.call(kfd::destroy_event, kfd::EventId{3, 0}), -EINVAL);
  EXPECT_EQ(client.call(kfd::reset_event, kfd::EventId{memory, 0}), -EINVAL);
  std::vector<kfd::EventData> events = {of(3)};
  EXPECT_EQ(wait(events, 0, result), -EINVAL);
  kfd::WaitEvents args{16, 1, 0, 0, 0};
  EXPECT_EQ(client.call(kfd::wait_events, args), -EFAULT);
  args = {16, ~0u, 0, 0, 0};
  EXPECT_EQ(client.call(kfd::wait_events, args), -ENOMEM);
}

//---------------------------------------------------------------------------------------------- queues

class Queues : public testing::Test {
 protected:
  void SetUp() override { client.acquire(); }
  Client client;
};

TEST_F(Queues, OneOfEachTypeIsCreatedAndDestroyed) {
  for (auto type :
       {kfd::QueueType::aql, kfd::QueueType::pm4, kfd::QueueType::sdma, kfd::QueueType::sdma_by_engine}) {
    QueueParts parts(client, type);
    ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
    EXPECT_EQ(parts.args.queue_id, 0u) << "the lowest free number";
    EXPECT_EQ(parts.args.doorbell_offset & 0xffffe000, 0u) << "old runtimes need 4 GiB of alignment";
    EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0);
    EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), -EINVAL);
  }
}

struct Mistake {
  const char* name;
  int errno_;
  void (*make)(QueueParts&);
};
void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

class QueueMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(QueueMistakes, IsRefusedAndItsCorrectTwinIsNot) {
  Client client;
  client.acquire();
  QueueParts parts(client);
  kfd::CreateQueue right = parts.args;
  GetParam().make(parts);
  EXPECT_EQ(client.call(kfd::create_queue, parts.args), -GetParam().errno_);
  EXPECT_EQ(client.call(kfd::create_queue, right), 0);
}

// clang-format off
constexpr Mistake mistakes[] = {
  {"percentage",          EINVAL, [](QueueParts& q) { q.args.queue_percentage = 101; }},
  {"priority",            EINVAL, [](QueueParts& q) { q.args.queue_priority = 16; }},
  {"ring_not_power_of_2", EINVAL, [](QueueParts& q) { q.args.ring_size = 3 * page; }},
  {"ring_other_size",     EINVAL, [](QueueParts& q) { q.args.ring_size /= 2; }},
  {"ring_inside_buffer",  EINVAL, [](QueueParts& q) { q.args.ring_base_address += page; }},
  {"ring_missing",        EINVAL, [](QueueParts& q) { q.args.ring_base_address = 0; }},
  {"ring_out_of_reach",   EFAULT, [](QueueParts& q) { q.args.ring_base_address = uint64_t{1} << 47; }},
  {"read_out_of_reach",   EFAULT, [](QueueParts& q) { q.args.read_pointer_address = ~uint64_t{0}; }},
  {"write_out_of_reach",  EFAULT, [](QueueParts& q) { q.args.write_pointer_address = ~uint64_t{0}; }},
  {"read_pointer_in_ring", EINVAL, [](QueueParts& q) { q.args.read_pointer_address = q.ring.va; }},
  {"write_pointer_unmapped", EINVAL, [](QueueParts& q) { q.args.write_pointer_address = 64 * page; }},
  {"type",                524,    [](QueueParts& q) { q.args.queue_type = 5; }},
  {"gpu",                 EINVAL, [](QueueParts& q) { q.args.gpu_id = 1; }},
  {"eop_size",            EINVAL, [](QueueParts& q) { q.args.eop_buffer_size = 2 * page; }},
  {"eop_elsewhere",       EINVAL, [](QueueParts& q) { q.args.eop_buffer_address = q.ring.va; }},
  {"control_stack",       EINVAL, [](QueueParts& q) { q.args.ctl_stack_size -= page; }},
  {"save_area_small",     EINVAL, [](QueueParts& q) { q.args.ctx_save_restore_size -= page; }},
  {"save_area_elsewhere", EINVAL, [](QueueParts& q) { q.args.ctx_save_restore_address = q.ring.va; }},
  {"engine",              EINVAL, [](QueueParts& q) { q.args.queue_type = 4; q.args.sdma_engine_id = 4; }},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(All, QueueMistakes, testing::ValuesIn(mistakes),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(Queues, TheirMemoryStaysMappedAsLongAsTheyLive) {
  QueueParts parts(client);
  ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
  for (uint64_t handle :
       {parts.ring.handle, parts.read.handle, parts.write.handle, parts.eop->handle, parts.save->handle}) {
    EXPECT_EQ(client.unmap(handle), -EBUSY);
  }
  ASSERT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0);
  EXPECT_EQ(client.unmap(parts.ring.handle), 0);
}

TEST_F(Queues, SdmaQueuesRunOut) {
  const auto& gpu = *client.kernel().resources().machine().cards[0].gpu;
  int queues = gpu.sdma_engines * gpu.sdma_queues_per_engine;
  std::vector<std::unique_ptr<QueueParts>> parts;
  // One set of memory serves all: KFD does not mind.
  QueueParts one(client, kfd::QueueType::sdma);
  for (int i = 0; i < queues; ++i) {
    kfd::CreateQueue args = one.args;
    ASSERT_EQ(client.call(kfd::create_queue, args), 0) << i;
  }
  kfd::CreateQueue args = one.args;
  EXPECT_EQ(client.call(kfd::create_queue, args), -ENOMEM);
  EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{3, 0}), 0);
  args = one.args;
  EXPECT_EQ(client.call(kfd::create_queue, args), 0);
  EXPECT_EQ(args.queue_id, 3u);
}

// The L2 of the GPU holds what it stores to memory that is not coherent; the host reads its own, and the
// card's through a window, past it.
TEST_F(Queues, WhatTheyStoreIsTheHostsWhenItIsWrittenBack) {
  namespace pm4 = doorbell::amd::pm4;
  using doorbell::amd::high_dword, doorbell::amd::low_dword;
  enum class Way { none, coherent, request, unmap, exported };
  struct Memory {
    uint32_t flags;
    bool late = false;  // the host maps it when the GPU has it already
  };
  for (Way way : {Way::none, Way::coherent, Way::request, Way::unmap, Way::exported}) {
    for (Memory memory : {Memory{alloc::gtt}, Memory{alloc::userptr}, Memory{alloc::vram | alloc::is_public},
                          Memory{alloc::vram}, Memory{alloc::vram, true}}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(way) << " " << memory.flags << memory.late);
      bool own = memory.flags == alloc::userptr;
      if (own && way == Way::exported) continue;
      QueueParts parts(client, kfd::QueueType::pm4);
      ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
      alignas(page) static std::array<uint32_t, page / 4> owned;
      uint64_t va = own ? reinterpret_cast<uint64_t>(owned.data()) : client.reserve(page), handle = 0;
      uint64_t offset = va;
      uint32_t flags = memory.flags | rw | (way == Way::coherent ? alloc::coherent : 0);
      ASSERT_EQ(client.allocate(va, page, flags, handle, &offset), 0);
      if (memory.late) { ASSERT_EQ(client.map(handle), 0); }
      if (!own) {
        ASSERT_EQ(client.os().mmap(reinterpret_cast<void*>(va), page, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_FIXED, client.render[0], offset),
                  static_cast<intptr_t>(va));
      }
      if (!memory.late) { ASSERT_EQ(client.map(handle), 0); }
      kfd::ExportDmabuf shared{handle, O_CLOEXEC, 0};
      if (way == Way::exported) { ASSERT_EQ(client.call(kfd::export_dmabuf, shared), 0); }
      auto* word = reinterpret_cast<uint32_t*>(va);
      std::atomic_ref(*word).store(1);
      Shared fence(client, page);
      *fence.at<uint32_t>() = 0;
      std::vector<uint32_t> words = {
          pm4::Header::make(pm4::DMA_DATA, pm4::dma_data::dwords).word,
          uint32_t{pm4::dma_data::dst_l2} << 20 | uint32_t{pm4::dma_data::src_data} << 29,
          7,
          0,
          low_dword(va),
          high_dword(va),
          page};
      words.insert(words.end(), {pm4::Header::make(pm4::RELEASE_MEM, pm4::release_mem::dwords).word,
                                 0x14 | 5 << 8 | (way == Way::request ? pm4::release_mem::gcr_gl2_wb : 0),
                                 uint32_t{pm4::release_mem::data32} << 29, low_dword(fence.va),
                                 high_dword(fence.va), 5, 0, 0});
      std::memcpy(parts.ring.at<uint32_t>(), words.data(), words.size() * 4);
      std::atomic_ref(*parts.write.at<uint64_t>()).store(words.size());
      testing::internal::CaptureStderr();
      *parts.doorbell(client) = words.size();
      auto end = std::chrono::steady_clock::now() + 10s;
      while (std::atomic_ref(*fence.at<uint32_t>()).load() != 5 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(1ms);
      bool held = way == Way::none || way == Way::unmap;
      EXPECT_EQ(std::atomic_ref(*word).load(), held ? 1u : 7u);
      if (way == Way::unmap) {
        EXPECT_EQ(client.unmap(handle), 0);
        EXPECT_EQ(std::atomic_ref(*word).load(), 7u);
      }
      EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0);
      std::string told = testing::internal::GetCapturedStderr();
      EXPECT_EQ(told.find("missing-release: PM4 queue ") != std::string::npos, held) << told;
      if (way == Way::exported) close(static_cast<int>(shared.dmabuf_fd));
      if (way != Way::unmap) { EXPECT_EQ(client.unmap(handle), 0); }
      EXPECT_EQ(client.release(handle), 0);
    }
  }
}

TEST_F(Queues, ListenersHearOfFaultsAndMigrationsThatTheyAskedFor) {
  kfd::SmiEvents all{gpu_id(0), 0}, faults{gpu_id(0), 0};
  ASSERT_EQ(client.call(kfd::smi_events, all), 0);
  ASSERT_EQ(client.call(kfd::smi_events, faults), 0);
  char text[256] = {};
  auto hear = [&](const kfd::SmiEvents& listener) {
    ssize_t count = read(static_cast<int>(listener.anon_fd), text, sizeof(text) - 1);
    return count < 0 ? std::string(std::strerror(errno)) : std::string(text, text + count);
  };
  uint64_t fault = 1, any = ~uint64_t{0};
  ASSERT_EQ(write(static_cast<int>(all.anon_fd), &any, 8), 8);
  ASSERT_EQ(write(static_cast<int>(faults.anon_fd), &fault, 8), 8);
  EXPECT_EQ(hear(all), "Resource temporarily unavailable");

  void* owned = ::mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(owned, MAP_FAILED);
  auto va = reinterpret_cast<uint64_t>(owned);
  auto prefetch = [&](uint32_t where) {
    struct {
      kfd::Svm args;
      kfd::SvmAttribute attributes[2];
    } request{{va, 3 * page, kfd::svm_set_attr, 2},
              {{static_cast<uint32_t>(kfd::SvmAttributeType::preferred_location), 0},
               {static_cast<uint32_t>(kfd::SvmAttributeType::prefetch_location), where}}};
    uint32_t number = (kfd::svm.request & ~(0x3fffu << 16)) | uint32_t{sizeof request} << 16;
    return client.os().ioctl(client.fd, number, &request);
  };
  ASSERT_EQ(prefetch(0), 0);
  EXPECT_EQ(hear(all), "Resource temporarily unavailable") << "they are there";
  ASSERT_EQ(prefetch(gpu_id(0)), 0);
  std::string heard = hear(all), pages = fmt::format("-{} @{:x}(3) ", getpid(), va / page);
  std::string there = fmt::format("0->{:x}", gpu_id(0));
  EXPECT_TRUE(heard.starts_with("5 ")) << heard;
  EXPECT_NE(heard.find(pages + there + fmt::format(" {:x}:0 0\n6 ", gpu_id(0))), std::string::npos) << heard;
  EXPECT_TRUE(heard.ends_with(pages + there + " 0\n")) << heard;
  ASSERT_EQ(prefetch(0), 0);
  EXPECT_NE(hear(all).find(pages + fmt::format("{:x}->0 0:0 0\n6 ", gpu_id(0))), std::string::npos) << text;
  EXPECT_EQ(hear(faults), "Resource temporarily unavailable") << "nobody asked for migrations";

  namespace sdma = doorbell::amd::sdma;
  QueueParts parts(client, kfd::QueueType::sdma);
  ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
  const uint32_t words[] = {sdma::FENCE | 3 << 16, 0x1000, 0, 1};  // nothing is mapped there
  std::memcpy(parts.ring.at<uint32_t>(), words, sizeof(words));
  std::atomic_ref(*parts.write.at<uint64_t>()).store(sizeof(words));
  testing::internal::CaptureStderr();
  *parts.doorbell(client) = sizeof(words);
  auto end = std::chrono::steady_clock::now() + 10s;
  while ((heard = hear(faults)).starts_with("Resource") && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(heard.starts_with(fmt::format("1 {:x}:", getpid()))) << heard;
  EXPECT_TRUE(heard.ends_with("\n")) << heard;
  EXPECT_EQ(hear(all), heard);
  EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0);
  testing::internal::GetCapturedStderr();
  close(static_cast<int>(all.anon_fd));
  close(static_cast<int>(faults.anon_fd));
  ::munmap(owned, 3 * page);
}

// To be prefetched moves no page here, and evicts no queue either: whoever works there notices nothing.
TEST_F(Queues, MemoryThatIsPrefetchedIsNeverGone) {
  namespace pm4 = doorbell::amd::pm4;
  using doorbell::amd::high_dword, doorbell::amd::low_dword;
  constexpr uint64_t bytes = 256 << 10;
  constexpr uint32_t fills = 1000;
  QueueParts parts(client, kfd::QueueType::pm4);
  ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
  void* owned = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(owned, MAP_FAILED);
  auto va = reinterpret_cast<uint64_t>(owned);
  auto set = [&](kfd::SvmAttributeType type, uint32_t value) {
    struct {
      kfd::Svm args;
      kfd::SvmAttribute attribute;
    } request{{va, bytes, kfd::svm_set_attr, 1}, {static_cast<uint32_t>(type), value}};
    uint32_t number = (kfd::svm.request & ~(0x3fffu << 16)) | uint32_t{sizeof request} << 16;
    return client.os().ioctl(client.fd, number, &request);
  };
  ASSERT_EQ(set(kfd::SvmAttributeType::access, gpu_id(0)), 0);
  Shared fence(client, page);
  *fence.at<uint32_t>() = 0;
  std::vector<uint32_t> words;
  for (uint32_t i = 0; i < fills; ++i) {
    words.insert(words.end(),
                 {pm4::Header::make(pm4::DMA_DATA, pm4::dma_data::dwords).word,
                  uint32_t{pm4::dma_data::dst_l2} << 20 | uint32_t{pm4::dma_data::src_data} << 29, i, 0,
                  low_dword(va), high_dword(va), bytes});
  }
  words.insert(words.end(),
               {pm4::Header::make(pm4::RELEASE_MEM, pm4::release_mem::dwords).word,
                0x14 | 5 << 8 | pm4::release_mem::gcr_gl2_wb, uint32_t{pm4::release_mem::data32} << 29,
                low_dword(fence.va), high_dword(fence.va), 5, 0, 0});
  ASSERT_LE(words.size() * 4, parts.ring.bytes);
  std::memcpy(parts.ring.at<uint32_t>(), words.data(), words.size() * 4);
  std::atomic_ref(*parts.write.at<uint64_t>()).store(words.size());
  *parts.doorbell(client) = words.size();
  auto done = [&] { return std::atomic_ref(*fence.at<uint32_t>()).load() == 5; };
  auto end = std::chrono::steady_clock::now() + 10s;
  while (!done() && std::chrono::steady_clock::now() < end)
    ASSERT_EQ(set(kfd::SvmAttributeType::prefetch_location, gpu_id(0)), 0);
  EXPECT_TRUE(done());
  EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0);
  EXPECT_EQ(*static_cast<uint32_t*>(owned), fills - 1);
  ::munmap(owned, bytes);
}

// Memory of one's own, far below all else, so that nothing else is mapped into a hole; above the sanitizers'
// shadow. Mapped and unmapped as the C library does it: nobody is asked.
struct Owned {
  static constexpr uint64_t pages = 4;
  explicit Owned(int file = -1)
      : memory(static_cast<std::byte*>(
            ::mmap(reinterpret_cast<void*>(0x2000'0000'0000), pages * page, PROT_READ | PROT_WRITE,
                   (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_FIXED_NOREPLACE, file, 0))) {
    EXPECT_NE(memory, MAP_FAILED);
  }
  ~Owned() { ::munmap(memory, pages * page); }
  [[nodiscard]] uint64_t va() const { return reinterpret_cast<uint64_t>(memory); }
  std::byte* memory;
};

// A PM4 queue that fills memory of the client's from its L2, and tells a fence when it has.
struct Filler {
  explicit Filler(Client& client_) : client(client_) {
    EXPECT_EQ(client.call(kfd::create_queue, parts.args), 0);
    doorbell = parts.doorbell(client);
    kfd::CreateEvent args{};
    args.event_type = static_cast<uint32_t>(kfd::EventType::memory);
    EXPECT_EQ(client.call(kfd::create_event, args), 0);
    event = args.event_id;
    *fence.at<uint32_t>() = *fence.at<uint32_t>(4) = 0;
  }
  void give(Owned& owned, bool svm) {
    if (svm) {
      kfd_svm(owned.va(), Owned::pages * page);
      return;
    }
    uint64_t offset = owned.va();
    ASSERT_EQ(client.allocate(owned.va(), Owned::pages * page, alloc::userptr | rw, handle, &offset), 0);
    ASSERT_EQ(client.map(handle), 0);
  }
  void kfd_svm(uint64_t start, uint64_t bytes) {
    struct {
      kfd::Svm head;
      kfd::SvmAttribute attributes[2];
    } args{{start, bytes, kfd::svm_set_attr, 2},
           {{static_cast<uint32_t>(kfd::SvmAttributeType::access), gpu_id(0)},
            {static_cast<uint32_t>(kfd::SvmAttributeType::clear_flags), kfd::svm_flag::coherent}}};
    constexpr uint32_t size_at = 16;
    ASSERT_EQ(
        client.os().ioctl(
            client.fd, (kfd::svm.request & ~(0x3fffu << size_at)) | uint32_t{sizeof args} << size_at, &args),
        0);
  }
  // `waits`: before that, until the host has stored the value behind the fence.
  void start(uint64_t to, uint32_t value, bool waits = false, uint32_t release = 0) {
    namespace pm4 = doorbell::amd::pm4;
    using doorbell::amd::high_dword, doorbell::amd::low_dword;
    std::vector<uint32_t> words;
    if (waits)
      words = {pm4::Header::make(pm4::WAIT_REG_MEM, pm4::wait_reg_mem::dwords).word,
               uint32_t{pm4::wait_reg_mem::equal} | 1 << 4,
               low_dword(fence.va + 4),
               high_dword(fence.va + 4),
               value,
               ~0u,
               4};
    words.insert(
        words.end(),
        {pm4::Header::make(pm4::DMA_DATA, pm4::dma_data::dwords).word,
         uint32_t{pm4::dma_data::dst_l2} << 20 | uint32_t{pm4::dma_data::src_data} << 29, value, 0,
         low_dword(to), high_dword(to), page,
         pm4::Header::make(pm4::RELEASE_MEM, pm4::release_mem::dwords).word, 0x14 | 5 << 8 | release,
         uint32_t{pm4::release_mem::data32} << 29, low_dword(fence.va), high_dword(fence.va), value, 0, 0});
    std::memcpy(parts.ring.at<uint32_t>(at * 4), words.data(), words.size() * 4);
    at += words.size();
    std::atomic_ref(*parts.write.at<uint64_t>()).store(at);
    *doorbell = at;
  }
  bool ends(uint32_t value) {
    auto end = std::chrono::steady_clock::now() + 10s;
    while (std::atomic_ref(*fence.at<uint32_t>()).load() != value && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(1ms);
    return std::atomic_ref(*fence.at<uint32_t>()).load() == value;
  }
  // The page of the memory fault that comes, or 0.
  uint64_t faults() {
    kfd::EventData data{};
    data.event_id = event;
    kfd::WaitEvents args{reinterpret_cast<uint64_t>(&data), 1, 1, 10'000, 99};
    EXPECT_EQ(client.call(kfd::wait_events, args), 0);
    return args.wait_result == kfd::wait_complete ? data.memory_exception.va : 0;
  }
  bool fill(uint64_t to, uint32_t value) {
    start(to, value);
    return ends(value);
  }
  Client& client;
  QueueParts parts{client, kfd::QueueType::pm4};
  Shared fence{client, page};
  volatile uint64_t* doorbell = nullptr;
  uint32_t event = 0;
  uint64_t handle = 0, at = 0;
};

// The C library unmaps what is freed without asking anybody. Linux takes the whole of a buffer from the GPU
// then; of a range, what is gone.
TEST_F(Queues, MemoryThatItsOwnerHasFreedIsAFaultOfTheGpuAlone) {
  for (bool svm : {false, true}) {
    SCOPED_TRACE(svm);
    Client own;
    own.acquire();
    Filler filler(own);
    Owned owned;
    filler.give(owned, svm);
    testing::internal::CaptureStderr();
    EXPECT_TRUE(filler.fill(owned.va() + page, 1)) << "the cache holds a page";
    ASSERT_EQ(::munmap(owned.memory + page, 2 * page), 0);
    if (svm) { EXPECT_TRUE(filler.fill(owned.va() + 3 * page, 3)) << "what is left"; }
    uint64_t lost = owned.va() + (svm ? 2 : 3) * page;
    filler.start(lost, 4);
    EXPECT_EQ(filler.faults(), lost);
    if (!svm) { EXPECT_EQ(own.unmap(filler.handle), 0); }
    std::string told = testing::internal::GetCapturedStderr();
    EXPECT_NE(told.find("unmapped: PM4 queue "), std::string::npos) << told;
    EXPECT_NE(told.find(fmt::format("{:#x}", lost)), std::string::npos) << told;
  }
}

// The same while the GPU is about to store there: Linux stops the queues until it has taken the memory away.
TEST_F(Queues, MemoryThatItsOwnerTakesAwayMeanwhileIsAFaultOfTheGpuAlone) {
  enum class Way { unmapped, protected_from_stores, protected_whole, cut_short, svm, held };
  for (Way way : {Way::unmapped, Way::protected_from_stores, Way::protected_whole, Way::cut_short, Way::svm,
                  Way::held}) {
    SCOPED_TRACE(static_cast<int>(way));
    Client own;
    own.acquire();
    Filler filler(own);
    Fd file(memfd_create("owned", MFD_CLOEXEC));
    ASSERT_EQ(ftruncate(file.get(), Owned::pages * page), 0);
    Owned owned(way == Way::cut_short ? file.get() : -1);
    filler.give(owned, way == Way::svm);
    uint64_t last = owned.va() + 3 * page;
    testing::internal::CaptureStderr();
    ASSERT_TRUE(filler.fill(owned.va(), 1));
    if (way == Way::held) { ASSERT_TRUE(filler.fill(last, 2)); }
    filler.start(last, 3, true, doorbell::amd::pm4::release_mem::gcr_gl2_wb);
    // The doorbell was taken, and soon the packet is read and waits.
    while (*filler.doorbell != ~uint64_t{0}) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    switch (way) {
      case Way::protected_from_stores: ASSERT_EQ(::mprotect(owned.memory, 4 * page, PROT_READ), 0); break;
      case Way::protected_whole: ASSERT_EQ(::mprotect(owned.memory, 4 * page, PROT_NONE), 0); break;
      case Way::cut_short: ASSERT_EQ(ftruncate(file.get(), page), 0); break;
      default: ASSERT_EQ(::munmap(owned.memory + 3 * page, page), 0);
    }
    std::atomic_ref(*filler.fence.at<uint32_t>(4)).store(3);
    EXPECT_EQ(filler.faults(), last);
    EXPECT_NE(std::atomic_ref(*filler.fence.at<uint32_t>()).load(), 3u);
    std::string told = testing::internal::GetCapturedStderr();
    EXPECT_NE(told.find("unmapped: PM4 queue "), std::string::npos) << told;
    EXPECT_NE(told.find(fmt::format("{:#x}", last)), std::string::npos) << told;
    EXPECT_NE(told.find("its owner has unmapped it"), std::string::npos) << told;
    // Nothing of the emulator's stays there.
    std::byte any{};
    iovec here{&any, 1}, there{owned.memory + 3 * page, 1};
    ssize_t readable = way == Way::protected_from_stores ? 1 : -1;
    if (way != Way::cut_short) { EXPECT_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0), readable); }
    EXPECT_EQ(process_vm_writev(getpid(), &here, 1, &there, 1, 0), way == Way::cut_short ? 1 : -1);
    if (way == Way::protected_from_stores) { EXPECT_EQ(owned.memory[3 * page + 9], std::byte{0}); }
  }
}

// What libdrm does for ROCr's hipMemMap: memory without an address, mapped twice where the client says.
TEST_F(Queues, StoreToWhatTheRenderNodeHasMapped) {
  namespace drm = doorbell::amd::drm;
  namespace pm4 = doorbell::amd::pm4;
  using doorbell::amd::high_dword, doorbell::amd::low_dword;
  const int node = client.render[0];
  const auto call = [&](const auto& ioctl, auto& args) {
    return client.os().ioctl(node, ioctl.request, &args);
  };
  uint64_t handle = 0;
  ASSERT_EQ(client.allocate(0, 4 * page, alloc::vram | rw, handle), 0);
  uint32_t gem = 0;
  for (int again = 0; again < 2; ++again) {
    kfd::ExportDmabuf shared{handle, O_CLOEXEC, 0};
    ASSERT_EQ(client.call(kfd::export_dmabuf, shared), 0);
    drm::PrimeHandle args{0, 0, static_cast<int32_t>(shared.dmabuf_fd)};
    EXPECT_EQ(lseek(args.fd, 0, SEEK_END), static_cast<off_t>(4 * page));
    ASSERT_EQ(call(drm::prime_fd_to_handle, args), 0);
    if (again) { EXPECT_EQ(args.handle, gem) << "a buffer has one handle on a file"; }
    gem = args.handle;
    close(args.fd);
  }
  drm::GemMmap place{gem};
  ASSERT_EQ(call(drm::gem_mmap, place), 0);
  intptr_t seen =
      client.os().mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, node, place.handle_or_offset);
  ASSERT_GT(seen, 0);
  auto* words = reinterpret_cast<uint32_t*>(seen);
  const uint64_t va = client.reserve(8 * page);
  const auto va_call = [&](drm::VaOperation operation, uint64_t at, uint64_t offset, uint64_t bytes) {
    drm::GemVa args{
        gem,    0,    static_cast<uint32_t>(operation), drm::va_flag::readable | drm::va_flag::writeable, at,
        offset, bytes};
    return call(drm::gem_va, args);
  };
  ASSERT_EQ(va_call(drm::VaOperation::map, va, 0, 4 * page), 0);
  ASSERT_EQ(va_call(drm::VaOperation::map, va + 4 * page, 2 * page, 2 * page), 0);

  QueueParts parts(client, kfd::QueueType::pm4);
  ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
  volatile uint64_t* doorbell = parts.doorbell(client);
  uint32_t at = 0;
  const auto write = [&](uint64_t to, uint32_t value) {
    const uint32_t packet[] = {pm4::Header::make(pm4::WRITE_DATA, 5).word, 5 << 8 | 1 << 20, low_dword(to),
                               high_dword(to), value};
    std::memcpy(parts.ring.at<uint32_t>(at * 4), packet, sizeof packet);
    at += 5;
    std::atomic_ref(*parts.write.at<uint64_t>()).store(at);
    *doorbell = at;
    auto end = std::chrono::steady_clock::now() + 10s;
    while (std::atomic_ref(*parts.read.at<uint32_t>()).load() != at && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(1ms);
    EXPECT_EQ(std::atomic_ref(*parts.read.at<uint32_t>()).load(), at);
  };
  write(va + 3 * page, 7);
  EXPECT_EQ(words[3 * page / 4], 7u);
  write(va + 4 * page, 9);
  EXPECT_EQ(words[2 * page / 4], 9u);

  // Cut in two; KFD's own hold on the buffer is gone as well by now.
  EXPECT_EQ(client.release(handle), 0);
  EXPECT_EQ(va_call(drm::VaOperation::clear, va + page, 0, page), 0);
  write(va + 2 * page, 11);
  EXPECT_EQ(words[2 * page / 4], 11u);
  EXPECT_EQ(va_call(drm::VaOperation::map, va + page, 0, page), 0);
  write(va + page, 13);
  EXPECT_EQ(words[0], 13u);
  EXPECT_EQ(va_call(drm::VaOperation::unmap, va + 2 * page, 0, 0), 0);
  EXPECT_EQ(va_call(drm::VaOperation::unmap, va + 2 * page, 0, 0), -ENOENT);

  EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0);
  drm::GemClose done{gem, 0};
  EXPECT_EQ(call(drm::gem_close, done), 0);
  EXPECT_EQ(va_call(drm::VaOperation::unmap, va, 0, 0), -ENOENT);
}

TEST_F(Queues, UpdatesAndMasksAreChecked) {
  QueueParts parts(client);
  ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
  uint32_t id = parts.args.queue_id;
  auto update = [&](uint32_t queue, uint32_t percentage, uint32_t priority) {
    return client.call(kfd::update_queue,
                       kfd::UpdateQueue{parts.ring.va, queue, parts.args.ring_size, percentage, priority});
  };
  EXPECT_EQ(update(id, 50, 15), 0);
  EXPECT_EQ(update(id, 101, 0), -EINVAL);
  EXPECT_EQ(update(id, 50, 16), -EINVAL);
  EXPECT_EQ(update(id + 1, 50, 0), -EFAULT);
  uint32_t mask[2] = {0x0000000f, 0}, half[2] = {0x5, 0};
  auto set = [&](uint32_t queue, uint32_t bits, uint32_t* words) {
    return client.call(kfd::set_cu_mask, kfd::SetCuMask{queue, bits, reinterpret_cast<uint64_t>(words)});
  };
  EXPECT_EQ(set(id, 64, mask), 0);
  EXPECT_EQ(set(id, 64, half), -EINVAL) << "CUs come in pairs";
  EXPECT_EQ(set(id, 33, mask), -EINVAL);
  EXPECT_EQ(set(id, 0, mask), -EINVAL);
  EXPECT_EQ(set(id + 1, 64, mask), -EFAULT);
  EXPECT_EQ(set(id, 64, reinterpret_cast<uint32_t*>(16)), -EFAULT);
  kfd::AllocQueueGws gws{id, 1, 9, 0}, none{id, 0, 0, 0};
  EXPECT_EQ(client.call(kfd::alloc_queue_gws, kfd::AllocQueueGws{id + 1, 1, 0, 0}), -EINVAL);
  EXPECT_EQ(client.call(kfd::alloc_queue_gws, none), -EINVAL) << "it has none to give back";
  EXPECT_EQ(client.call(kfd::alloc_queue_gws, gws), 0);
  EXPECT_EQ(gws.first_gws, 0u);
  EXPECT_EQ(client.call(kfd::alloc_queue_gws, gws), -EBUSY) << "one queue of a process has it";
  EXPECT_EQ(client.call(kfd::alloc_queue_gws, none), 0);
  EXPECT_EQ(client.call(kfd::alloc_queue_gws, gws), 0);
  EXPECT_EQ(client.call(kfd::set_xnack_mode, kfd::SetXnackMode{0}), -EBUSY) << "not while there are queues";
}

TEST_F(Queues, WaveStateIsThatOfASuspendedQueue) {
  QueueParts parts(client);
  ASSERT_EQ(client.call(kfd::create_queue, parts.args), 0);
  kfd::GetQueueWaveState args{parts.save->va, 9, 9, parts.args.queue_id, 0};
  EXPECT_EQ(client.call(kfd::get_queue_wave_state, args), -EINVAL) << "on the hardware";
  ASSERT_EQ(client.call(kfd::update_queue,
                        kfd::UpdateQueue{parts.ring.va, args.queue_id, parts.args.ring_size, 0, 7}),
            0);
  EXPECT_EQ(client.call(kfd::get_queue_wave_state, args), 0);
  EXPECT_EQ(args.ctl_stack_used_size, 0u);
}

TEST_F(Queues, XnackIsNotToBeHad) {
  kfd::SetXnackMode ask{-1};
  EXPECT_EQ(client.call(kfd::set_xnack_mode, ask), 0);
  EXPECT_EQ(ask.xnack_enabled, 0);
  EXPECT_EQ(client.call(kfd::set_xnack_mode, kfd::SetXnackMode{1}), -EPERM);
}

}  // namespace
}  // namespace doorbell::test
