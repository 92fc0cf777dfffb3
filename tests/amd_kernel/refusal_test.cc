// What the kernel refuses. Each row is a sequence of calls with one mistake in it, which gets the errno that
// the kernel gives; without the mistake the same sequence passes. Source: Linux 6.12, drivers/gpu/drm/amd, in
// the files and functions that each row names.
#include <cerrno>
#include <cstring>
#include <utility>

#include "driver/amd/abi/drm.h"
#include "tests/amd_kernel/rig.h"

namespace doorbell::test {
namespace {

namespace drm = doorbell::amd::drm;

// What a row's sequence works with. `bad` is true for the mutant.
struct Case {
  Client& client;
  bool bad;

  uint64_t allocated(uint64_t bytes = page, uint32_t flags = alloc::gtt | rw, size_t card = 0) {
    uint64_t handle = 0;
    EXPECT_EQ(client.allocate(client.reserve(bytes), bytes, flags, handle, nullptr, card), 0);
    return handle;
  }
  uint64_t mapped() {
    uint64_t handle = allocated();
    EXPECT_EQ(client.map(handle), 0);
    return handle;
  }
  int allocate(uint64_t va, uint64_t bytes, uint32_t flags, uint64_t mmap_offset = 0,
               uint32_t gpu = gpu_id(0)) {
    kfd::AllocMemory args{va, bytes, 0, mmap_offset, gpu, flags};
    return client.call(kfd::alloc_memory, args);
  }
  int map(uint64_t handle, std::vector<uint32_t> cards, uint32_t done = 0,
          const Ioctl<kfd::MapMemory>& way = kfd::map_memory) {
    kfd::MapMemory args{handle, reinterpret_cast<uint64_t>(cards.data()), static_cast<uint32_t>(cards.size()),
                        done};
    return client.call(way, args);
  }
  // Memory of the client's own.
  uint64_t pages(int protection = PROT_READ | PROT_WRITE, uint64_t bytes = page) {
    return reinterpret_cast<uint64_t>(mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  int svm(uint64_t start, uint64_t bytes, uint32_t op, kfd::SvmAttribute attribute) {
    struct {
      kfd::Svm args;
      kfd::SvmAttribute attribute;
    } request{{start, bytes, op, 1}, attribute};
    uint32_t number = (kfd::svm.request & ~(0x3fffu << 16)) | uint32_t{sizeof request} << 16;
    return client.os().ioctl(client.fd, number, &request);
  }
  int see(uint64_t start, uint64_t bytes = page) {
    return svm(start, bytes, kfd::svm_set_attr,
               {static_cast<uint32_t>(kfd::SvmAttributeType::access), gpu_id(0)});
  }
  // The save area is memory of the client's own: two ranges with these flags, and without the last bytes.
  int queue_saved_in(uint32_t flags, uint64_t missing) {
    QueueParts parts(client);
    uint64_t bytes = (parts.area.save_bytes + parts.area.debug_bytes + page - 1) / page * page;
    uint64_t memory = pages(PROT_READ | PROT_WRITE, bytes), first = bytes / page / 2 * page;
    for (auto [start, end] : {std::pair{uint64_t{0}, first}, {first, bytes - missing}}) {
      EXPECT_EQ(svm(memory + start, end - start, kfd::svm_set_attr,
                    {static_cast<uint32_t>(kfd::SvmAttributeType::set_flags), flags}),
                0);
      EXPECT_EQ(see(memory + start, end - start), 0);
    }
    parts.args.ctx_save_restore_address = memory;
    int result = client.call(kfd::create_queue, parts.args);
    if (result == 0) { EXPECT_EQ(client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0); }
    munmap(reinterpret_cast<void*>(memory), bytes);
    return result;
  }
  // A buffer of the card's by its name on the render node.
  uint32_t gem(uint64_t bytes = 2 * page) {
    uint64_t handle = 0;
    EXPECT_EQ(client.allocate(0, bytes, alloc::vram, handle), 0);
    kfd::ExportDmabuf given{handle, O_CLOEXEC, 0};
    EXPECT_EQ(client.call(kfd::export_dmabuf, given), 0);
    drm::PrimeHandle args{0, 0, static_cast<int32_t>(given.dmabuf_fd)};
    EXPECT_EQ(drm_call(drm::prime_fd_to_handle, args), 0);
    close(args.fd);
    return args.handle;
  }
  template <class Args>
  int drm_call(const Ioctl<Args>& ioctl, Args& args) {
    return client.os().ioctl(client.render[0], ioctl.request, &args);
  }
  int gem_va(drm::GemVa args) { return drm_call(drm::gem_va, args); }
  drm::GemVa mapping(uint32_t handle, uint64_t va) {
    return {handle, 0, 1, drm::va_flag::readable | drm::va_flag::writeable, va, 0, 2 * page};
  }
  uint32_t event(kfd::EventType type = kfd::EventType::signal) {
    kfd::CreateEvent args{};
    args.event_type = static_cast<uint32_t>(type);
    EXPECT_EQ(client.call(kfd::create_event, args), 0);
    return args.event_id;
  }
  int event_page(uint64_t handle) {
    kfd::CreateEvent args{};
    args.event_page_offset = handle;
    return client.call(kfd::create_event, args);
  }
  int wait(uint32_t event_id, uint64_t array = 0) {
    kfd::EventData data{};
    data.event_id = event_id;
    kfd::WaitEvents args{array ? array : reinterpret_cast<uint64_t>(&data), 1, 0, 0, 0};
    return client.call(kfd::wait_events, args);
  }
  uint32_t queue(kfd::QueueType type = kfd::QueueType::aql) {
    QueueParts parts(client, type);
    EXPECT_EQ(client.call(kfd::create_queue, parts.args), 0);
    return parts.args.queue_id;
  }
  int info(drm::Query query, uint32_t bytes, uint64_t to, uint32_t first_argument = 0) {
    drm::Info args{};
    args.return_pointer = to;
    args.return_size = bytes;
    args.query = static_cast<uint32_t>(query);
    args.arguments[0] = first_argument;
    return client.os().ioctl(client.render[0], drm::info.request, &args);
  }
  uint64_t room = 0;  // for what info() answers
};

struct Refusal {
  const char* name;
  int errno_;
  const char* source;
  int (*run)(Case&);
  bool fresh = false;  // two cards, of which nothing is acquired yet
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name << ": " << refusal.source; }

constexpr uint32_t no_gpu = 0x99;
constexpr uint64_t vram = 32 << 20;
constexpr bool fresh = true;

// clang-format off
constexpr Refusal refusals[] = {
  //-------------------------------------------------------------------------------------- the device itself
  {"ioctl_number", ENOTTY, "amdkfd/kfd_chardev.c, kfd_ioctl", [](Case& c) {
    uint64_t room[8] = {};
    return c.client.os().ioctl(c.client.fd, c.bad ? 0xc0084b27 : kfd::get_version.request, room); }},
  {"ioctl_pointer", EFAULT, "amdkfd/kfd_chardev.c, kfd_ioctl", [](Case& c) {
    uint64_t room = 0;
    return c.client.os().ioctl(c.client.fd, kfd::get_version.request, c.bad ? reinterpret_cast<void*>(16) : &room); }},
  {"apertures_of_too_many_nodes", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_get_process_apertures_new", [](Case& c) {
    kfd::Apertures room[4];
    return c.client.call(kfd::get_apertures_new, kfd::GetAperturesNew{reinterpret_cast<uint64_t>(room), c.bad ? 3u : 2u, 0}); }},
  {"apertures_nowhere", EFAULT, "amdkfd/kfd_chardev.c, kfd_ioctl_get_process_apertures_new", [](Case& c) {
    kfd::Apertures room[1];
    return c.client.call(kfd::get_apertures_new, kfd::GetAperturesNew{c.bad ? 16 : reinterpret_cast<uint64_t>(room), 1, 0}); }},
  {"acquire_for_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_acquire_vm", [](Case& c) {
    return c.client.call(kfd::acquire_vm, kfd::AcquireVm{static_cast<uint32_t>(c.client.render[0]), c.bad ? no_gpu : gpu_id(0)}); }, fresh},
  {"acquire_no_render_node", EINVAL, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_acquire_process_vm", [](Case& c) {
    return c.client.call(kfd::acquire_vm, kfd::AcquireVm{static_cast<uint32_t>(c.bad ? c.client.fd : c.client.render[0]), gpu_id(0)}); }, fresh},
  {"acquire_closed_descriptor", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_acquire_vm", [](Case& c) {
    return c.client.call(kfd::acquire_vm, kfd::AcquireVm{static_cast<uint32_t>(c.bad ? 9999 : c.client.render[0]), gpu_id(0)}); }, fresh},
  {"acquire_another_cards_node", EINVAL, "amdkfd/kfd_process.c, kfd_process_device_init_vm", [](Case& c) {
    return c.client.call(kfd::acquire_vm, kfd::AcquireVm{static_cast<uint32_t>(c.client.render[c.bad]), gpu_id(0)}); }, fresh},
  {"acquire_twice", EBUSY, "amdkfd/kfd_chardev.c, kfd_ioctl_acquire_vm", [](Case& c) {
    int other = c.client.os().open("/dev/dri/renderD128", O_RDWR);
    int result = c.client.call(kfd::acquire_vm, kfd::AcquireVm{static_cast<uint32_t>(c.bad ? other : c.client.render[0]), gpu_id(0)});
    c.client.os().close(other);
    return result; }},
  {"policy_default", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_set_memory_policy", [](Case& c) {
    return c.client.call(kfd::set_memory_policy, kfd::SetMemoryPolicy{0, 0, gpu_id(0), c.bad ? 2u : 1u, 0, 0}); }},
  {"policy_alternate", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_set_memory_policy", [](Case& c) {
    return c.client.call(kfd::set_memory_policy, kfd::SetMemoryPolicy{0, 0, gpu_id(0), 0, c.bad ? 2u : 1u, 0}); }},
  {"policy_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_set_memory_policy", [](Case& c) {
    return c.client.call(kfd::set_memory_policy, kfd::SetMemoryPolicy{0, 0, c.bad ? no_gpu : gpu_id(0), 0, 0, 0}); }},
  {"policy_before_acquire", ESRCH, "amdkfd/kfd_chardev.c, kfd_ioctl_set_memory_policy", [](Case& c) {
    if (!c.bad) c.client.acquire();
    return c.client.call(kfd::set_memory_policy, kfd::SetMemoryPolicy{0, 0, gpu_id(0), 0, 0, 0}); }, fresh},
  {"trap_handler_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_set_trap_handler", [](Case& c) {
    return c.client.call(kfd::set_trap_handler, kfd::SetTrapHandler{0, 0, c.bad ? no_gpu : gpu_id(0), 0}); }},
  {"trap_handler_before_acquire", ESRCH, "amdkfd/kfd_chardev.c, kfd_ioctl_set_trap_handler", [](Case& c) {
    if (!c.bad) c.client.acquire();
    return c.client.call(kfd::set_trap_handler, kfd::SetTrapHandler{0, 0, gpu_id(0), 0}); }, fresh},
  {"scratch_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_set_scratch_backing_va", [](Case& c) {
    return c.client.call(kfd::set_scratch_backing_va, kfd::SetScratchBackingVa{0, c.bad ? no_gpu : gpu_id(0), 0}); }},
  {"scratch_before_acquire", ENODEV, "amdkfd/kfd_process.c, kfd_bind_process_to_device", [](Case& c) {
    if (!c.bad) c.client.acquire();
    return c.client.call(kfd::set_scratch_backing_va, kfd::SetScratchBackingVa{0, gpu_id(0), 0}); }, fresh},
  {"tiles_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_get_tile_config", [](Case& c) {
    kfd::GetTileConfig args{};
    args.gpu_id = c.bad ? no_gpu : gpu_id(0);
    return c.client.call(kfd::get_tile_config, args); }},
  {"available_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_get_available_memory", [](Case& c) {
    return c.client.call(kfd::available_memory, kfd::AvailableMemory{0, c.bad ? no_gpu : gpu_id(0), 0}); }},
  {"smi_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_smi_events", [](Case& c) {
    kfd::SmiEvents args{c.bad ? no_gpu : gpu_id(0), 0};
    int result = c.client.call(kfd::smi_events, args);
    if (result == 0) close(static_cast<int>(args.anon_fd));
    return result; }},
  {"runtime_twice", EBUSY, "amdkfd/kfd_chardev.c, runtime_enable", [](Case& c) {
    EXPECT_EQ(c.client.call(kfd::runtime_enable_ioctl, kfd::RuntimeEnable{0, kfd::runtime_enable, 0}), 0);
    if (!c.bad) { EXPECT_EQ(c.client.call(kfd::runtime_enable_ioctl, kfd::RuntimeEnable{}), 0); }
    return c.client.call(kfd::runtime_enable_ioctl, kfd::RuntimeEnable{0, kfd::runtime_enable, 0}); }},
  {"runtime_after_queues", EEXIST, "amdkfd/kfd_chardev.c, runtime_enable", [](Case& c) {
    uint32_t id = c.queue(kfd::QueueType::sdma);
    if (!c.bad) { EXPECT_EQ(c.client.call(kfd::destroy_queue, kfd::QueueId{id, 0}), 0); }
    return c.client.call(kfd::runtime_enable_ioctl, kfd::RuntimeEnable{0, kfd::runtime_enable, 0}); }},
  {"xnack_beside_queues", EBUSY, "amdkfd/kfd_chardev.c, kfd_ioctl_set_xnack_mode", [](Case& c) {
    if (c.bad) c.queue(kfd::QueueType::sdma);
    return c.client.call(kfd::set_xnack_mode, kfd::SetXnackMode{0}); }},
  {"xnack_on_rdna", EPERM, "amdkfd/kfd_chardev.c, kfd_ioctl_set_xnack_mode", [](Case& c) {
    return c.client.call(kfd::set_xnack_mode, kfd::SetXnackMode{c.bad}); }},

  //--------------------------------------------------------------------------------------------- allocations
  {"alloc_nothing", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_alloc_memory_of_gpu", [](Case& c) {
    return c.allocate(c.client.reserve(page), c.bad ? 0 : page, alloc::gtt); }},
  {"alloc_on_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_alloc_memory_of_gpu", [](Case& c) {
    return c.allocate(c.client.reserve(page), page, alloc::gtt, 0, c.bad ? no_gpu : gpu_id(0)); }},
  {"alloc_before_acquire", ENODEV, "amdkfd/kfd_process.c, kfd_bind_process_to_device", [](Case& c) {
    if (!c.bad) c.client.acquire();
    return c.allocate(c.client.reserve(page), page, alloc::gtt); }, fresh},
  {"alloc_of_no_kind", EINVAL, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu", [](Case& c) {
    return c.allocate(c.client.reserve(page), page, c.bad ? rw : alloc::gtt | rw); }},
  {"alloc_beyond_vram", ENOMEM, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_reserve_mem_limit", [](Case& c) {
    return c.allocate(c.client.reserve(64 << 20), vram + (c.bad ? page : 0), alloc::vram); }},
  {"alloc_beyond_system_memory", ENOMEM, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_reserve_mem_limit", [](Case& c) {
    uint64_t limit = c.client.kernel().resources().machine().system_memory;
    return c.allocate(c.client.reserve(page), c.bad ? limit + page : page, alloc::gtt); }},
  {"alloc_doorbells_in_part", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_alloc_memory_of_gpu", [](Case& c) {
    return c.allocate(c.client.reserve(2 * page), c.bad ? page : 2 * page, alloc::doorbell); }},
  {"alloc_registers_twice_the_size", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_alloc_memory_of_gpu", [](Case& c) {
    return c.allocate(c.client.reserve(2 * page), c.bad ? 2 * page : page, alloc::mmio_remap); }},
  {"userptr_null", EINVAL, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu", [](Case& c) {
    return c.allocate(c.client.reserve(page), page, alloc::userptr | rw, c.bad ? 0 : c.pages()); }},
  {"userptr_unmapped", EFAULT, "amdgpu/amdgpu_amdkfd_gpuvm.c, init_user_pages", [](Case& c) {
    uint64_t memory = c.pages();
    if (c.bad) munmap(reinterpret_cast<void*>(memory), page);
    return c.allocate(c.client.reserve(page), page, alloc::userptr | rw, memory); }},
  {"userptr_to_constants", EFAULT, "amdgpu/amdgpu_amdkfd_gpuvm.c, init_user_pages", [](Case& c) {
    return c.allocate(c.client.reserve(page), page, alloc::userptr | (c.bad ? alloc::writable : 0), c.pages(PROT_READ)); }},
  {"userptr_beyond_user_space", EFAULT, "amdgpu/amdgpu_amdkfd_gpuvm.c, init_user_pages", [](Case& c) {
    return c.allocate(c.client.reserve(page), page, alloc::userptr | rw, c.bad ? uint64_t{1} << 47 : c.pages()); }},
  {"alloc_over_shared_virtual_memory", EADDRINUSE, "amdkfd/kfd_chardev.c, kfd_ioctl_alloc_memory_of_gpu", [](Case& c) {
    uint64_t memory = c.pages();
    EXPECT_EQ(c.see(memory), 0);
    return c.allocate(c.bad ? memory : c.client.reserve(page), page, alloc::gtt | rw); }},
  {"userptr_to_shared_virtual_memory", EADDRINUSE, "amdkfd/kfd_chardev.c, kfd_ioctl_alloc_memory_of_gpu", [](Case& c) {
    uint64_t memory = c.pages();
    EXPECT_EQ(c.see(memory), 0);
    return c.allocate(c.client.reserve(page), page, alloc::userptr | rw, c.bad ? memory : c.pages()); }},
  {"free_twice", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_free_memory_of_gpu", [](Case& c) {
    uint64_t handle = c.allocated();
    if (c.bad) { EXPECT_EQ(c.client.release(handle), 0); }
    return c.client.release(handle); }},
  {"free_mapped", EBUSY, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_free_memory_of_gpu", [](Case& c) {
    uint64_t handle = c.mapped();
    if (!c.bad) { EXPECT_EQ(c.client.unmap(handle), 0); }
    return c.client.release(handle); }},
  {"free_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_free_memory_of_gpu", [](Case& c) {
    uint64_t handle = c.allocated();
    return c.client.release(c.bad ? uint64_t{no_gpu} << 32 | (handle & 0xffffffff) : handle); }},
  {"free_the_events_page", EPERM, "amdkfd/kfd_chardev.c, kfd_ioctl_free_memory_of_gpu", [](Case& c) {
    uint64_t handle = c.allocated(8 * page), other = c.allocated();
    EXPECT_EQ(c.event_page(handle), 0);
    return c.client.release(c.bad ? handle : other); }},

  //------------------------------------------------------------------------------------------------ mappings
  {"map_on_nothing", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_map_memory_to_gpu", [](Case& c) {
    return c.map(c.allocated(), c.bad ? std::vector<uint32_t>{} : std::vector{gpu_id(0)}); }},
  {"map_more_done_than_there_is", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_map_memory_to_gpu", [](Case& c) {
    return c.map(c.allocated(), {gpu_id(0)}, c.bad ? 2 : 1); }},
  {"map_array_nowhere", EFAULT, "amdkfd/kfd_chardev.c, kfd_ioctl_map_memory_to_gpu", [](Case& c) {
    uint32_t id = gpu_id(0);
    return c.client.call(kfd::map_memory, kfd::MapMemory{c.allocated(), c.bad ? 16 : reinterpret_cast<uint64_t>(&id), 1, 0}); }},
  {"map_handle_of_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_map_memory_to_gpu", [](Case& c) {
    uint64_t handle = c.allocated();
    return c.map(c.bad ? uint64_t{no_gpu} << 32 : handle, {gpu_id(0)}); }},
  {"map_no_handle", ENOMEM, "amdkfd/kfd_chardev.c, kfd_ioctl_map_memory_to_gpu", [](Case& c) {
    uint64_t handle = c.allocated();
    return c.map(c.bad ? handle + 7 : handle, {gpu_id(0)}); }},
  {"map_on_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_map_memory_to_gpu", [](Case& c) {
    return c.map(c.allocated(), {c.bad ? no_gpu : gpu_id(0)}); }},
  {"map_on_a_gpu_not_acquired", ENODEV, "amdkfd/kfd_process.c, kfd_bind_process_to_device", [](Case& c) {
    for (uint32_t card = 0; card < (c.bad ? 1 : 2); ++card)
      EXPECT_EQ(c.client.call(kfd::acquire_vm, kfd::AcquireVm{static_cast<uint32_t>(c.client.render[card]), gpu_id(card)}), 0);
    return c.map(c.allocated(), {gpu_id(1)}); }, fresh},
  {"map_over_another", EINVAL, "amdgpu/amdgpu_vm.c, amdgpu_vm_bo_map", [](Case& c) {
    uint64_t va = c.client.reserve(4 * page), first = 0, second = 0;
    EXPECT_EQ(c.client.allocate(va, 2 * page, alloc::gtt, first), 0);
    EXPECT_EQ(c.client.map(first), 0);
    EXPECT_EQ(c.client.allocate(va + (c.bad ? 1 : 2) * page, 2 * page, alloc::gtt, second), 0);
    return c.map(second, {gpu_id(0)}); }},
  {"map_between_pages", EINVAL, "amdgpu/amdgpu_vm.c, amdgpu_vm_verify_parameters", [](Case& c) {
    uint64_t handle = 0;
    EXPECT_EQ(c.client.allocate(c.client.reserve(2 * page) + (c.bad ? 8 : 0), page, alloc::gtt, handle), 0);
    return c.map(handle, {gpu_id(0)}); }},
  {"map_in_the_hole", EINVAL, "amdgpu/amdgpu_vm.c, amdgpu_vm_verify_parameters", [](Case& c) {
    uint64_t handle = 0;
    EXPECT_EQ(c.client.allocate(c.bad ? uint64_t{1} << 47 : c.client.reserve(page), page, alloc::gtt, handle), 0);
    return c.map(handle, {gpu_id(0)}); }},
  {"map_the_second_copy_over_another", EINVAL, "amdgpu/amdgpu_amdkfd_gpuvm.c, kfd_mem_attach", [](Case& c) {
    uint64_t va = c.client.reserve(4 * page), first = 0, second = 0;
    EXPECT_EQ(c.client.allocate(va + 2 * page, page, alloc::gtt, first), 0);
    EXPECT_EQ(c.client.map(first), 0);
    // Twice the memory in addresses: the ring of an AQL queue.
    EXPECT_EQ(c.client.allocate(va + (c.bad ? page : 0), 2 * page, alloc::gtt | alloc::aql_queue_mem, second), 0);
    return c.map(second, {gpu_id(0)}); }},
  {"unmap_what_is_not_mapped", EINVAL, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu", [](Case& c) {
    return c.map(c.bad ? c.allocated() : c.mapped(), {gpu_id(0)}, 0, kfd::unmap_memory); }},
  {"unmap_from_no_gpu", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_unmap_memory_from_gpu", [](Case& c) {
    return c.map(c.mapped(), {c.bad ? no_gpu : gpu_id(0)}, 0, kfd::unmap_memory); }},
  {"unmap_no_handle", ENOMEM, "amdkfd/kfd_chardev.c, kfd_ioctl_unmap_memory_from_gpu", [](Case& c) {
    return c.map(c.mapped() + (c.bad ? 9 : 0), {gpu_id(0)}, 0, kfd::unmap_memory); }},
  {"unmap_a_queues_ring", EBUSY, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu", [](Case& c) {
    QueueParts parts(c.client, kfd::QueueType::sdma);
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    if (!c.bad) { EXPECT_EQ(c.client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}), 0); }
    return c.map(parts.ring.handle, {gpu_id(0)}, 0, kfd::unmap_memory); }},
  {"mmap_more_than_the_buffer", EINVAL, "drm/drm_gem.c, drm_gem_mmap", [](Case& c) {
    uint64_t handle = 0, offset = 0;
    EXPECT_EQ(c.client.allocate(c.client.reserve(page), page, alloc::gtt, handle, &offset), 0);
    intptr_t at = c.client.os().mmap(nullptr, c.bad ? 2 * page : page, PROT_READ, MAP_SHARED, c.client.render[0], offset);
    return static_cast<int>(std::min<intptr_t>(at, 0)); }},
  {"mmap_from_the_middle", EINVAL, "drm/drm_vma_manager.c, drm_vma_offset_exact_lookup_locked", [](Case& c) {
    uint64_t handle = 0, offset = 0;
    EXPECT_EQ(c.client.allocate(c.client.reserve(2 * page), 2 * page, alloc::gtt, handle, &offset), 0);
    intptr_t at = c.client.os().mmap(nullptr, page, PROT_READ, MAP_SHARED, c.client.render[0], offset + (c.bad ? page : 0));
    return static_cast<int>(std::min<intptr_t>(at, 0)); }},
  {"mmap_doorbells_in_part", EINVAL, "amdkfd/kfd_doorbell.c, kfd_doorbell_mmap", [](Case& c) {
    intptr_t at = c.client.os().mmap(nullptr, c.bad ? page : 2 * page, PROT_READ, MAP_SHARED, c.client.fd, sim::amd::kfd_file::doorbells(0));
    return static_cast<int>(std::min<intptr_t>(at, 0)); }},
  {"mmap_registers_of_no_gpu", ENODEV, "amdkfd/kfd_chardev.c, kfd_mmap", [](Case& c) {
    intptr_t at = c.client.os().mmap(nullptr, page, PROT_READ, MAP_SHARED, c.client.fd, c.bad ? 0x123000 : sim::amd::kfd_file::mmio(0));
    return static_cast<int>(std::min<intptr_t>(at, 0)); }},

  //------------------------------------------------------------------------------------------------- sharing
  {"export_no_handle", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_export_dmabuf", [](Case& c) {
    kfd::ExportDmabuf args{c.allocated() + (c.bad ? 5 : 0), O_CLOEXEC, 0};
    int result = c.client.call(kfd::export_dmabuf, args);
    if (result == 0) close(static_cast<int>(args.dmabuf_fd));
    return result; }},
  {"export_memory_of_the_clients_own", EPERM, "amdgpu/amdgpu_dma_buf.c, amdgpu_gem_prime_export", [](Case& c) {
    uint64_t handle = 0, address = c.pages();
    EXPECT_EQ(c.client.allocate(c.client.reserve(page), page, (c.bad ? alloc::userptr : alloc::gtt) | rw, handle, &address), 0);
    kfd::ExportDmabuf args{handle, O_CLOEXEC, 0};
    int result = c.client.call(kfd::export_dmabuf, args);
    if (result == 0) close(static_cast<int>(args.dmabuf_fd));
    return result; }},
  {"import_a_closed_descriptor", EBADF, "dma-buf/dma-buf.c, dma_buf_get", [](Case& c) {
    kfd::ExportDmabuf given{c.allocated(), O_CLOEXEC, 0};
    EXPECT_EQ(c.client.call(kfd::export_dmabuf, given), 0);
    if (c.bad) close(static_cast<int>(given.dmabuf_fd));
    int result = c.client.call(kfd::import_dmabuf, kfd::ImportDmabuf{c.client.reserve(page), 0, gpu_id(0), given.dmabuf_fd});
    if (!c.bad) close(static_cast<int>(given.dmabuf_fd));
    return result; }},
  {"import_what_is_no_dmabuf", EINVAL, "dma-buf/dma-buf.c, dma_buf_get", [](Case& c) {
    kfd::ExportDmabuf given{c.allocated(), O_CLOEXEC, 0};
    EXPECT_EQ(c.client.call(kfd::export_dmabuf, given), 0);
    uint32_t fd = c.bad ? static_cast<uint32_t>(c.client.render[0]) : given.dmabuf_fd;
    int result = c.client.call(kfd::import_dmabuf, kfd::ImportDmabuf{c.client.reserve(page), 0, gpu_id(0), fd});
    close(static_cast<int>(given.dmabuf_fd));
    return result; }},
  {"ask_about_what_is_no_dmabuf", EINVAL, "amdgpu/amdgpu_amdkfd.c, amdgpu_amdkfd_get_dmabuf_info", [](Case& c) {
    kfd::ExportDmabuf given{c.allocated(), O_CLOEXEC, 0};
    EXPECT_EQ(c.client.call(kfd::export_dmabuf, given), 0);
    kfd::GetDmabufInfo args{};
    args.dmabuf_fd = c.bad ? static_cast<uint32_t>(c.client.fd) : given.dmabuf_fd;
    int result = c.client.call(kfd::get_dmabuf_info, args);
    close(static_cast<int>(given.dmabuf_fd));
    return result; }},

  //---------------------------------------------------------------------------------- shared virtual memory
  {"svm_between_pages", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_svm", [](Case& c) {
    return c.see(c.pages() + (c.bad ? 8 : 0)); }},
  {"svm_of_nothing", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_svm", [](Case& c) {
    return c.see(c.pages(), c.bad ? 0 : page); }},
  {"svm_without_memory", EFAULT, "amdkfd/kfd_svm.c, svm_range_is_valid", [](Case& c) {
    uint64_t memory = c.pages();
    if (c.bad) munmap(reinterpret_cast<void*>(memory), page);
    return c.see(memory); }},
  {"svm_operation", EINVAL, "amdkfd/kfd_svm.c, svm_ioctl", [](Case& c) {
    return c.svm(c.pages(), page, c.bad ? 2u : uint32_t{kfd::svm_set_attr}, {static_cast<uint32_t>(kfd::SvmAttributeType::granularity), 9}); }},
  {"svm_attribute", EINVAL, "amdkfd/kfd_svm.c, svm_range_check_attr", [](Case& c) {
    return c.svm(c.pages(), page, kfd::svm_set_attr, {c.bad ? 99u : static_cast<uint32_t>(kfd::SvmAttributeType::granularity), 9}); }},
  {"svm_for_no_gpu", EINVAL, "amdkfd/kfd_svm.c, svm_range_check_attr", [](Case& c) {
    return c.svm(c.pages(), page, kfd::svm_set_attr, {static_cast<uint32_t>(kfd::SvmAttributeType::access), c.bad ? no_gpu : gpu_id(0)}); }},
  {"queue_saved_where_the_gpu_may_lose_it", EINVAL, "amdkfd/kfd_queue.c, kfd_queue_buffer_svm_get", [](Case& c) {
    return c.queue_saved_in(c.bad ? uint32_t{kfd::svm_flag::gpu_executable} : uint32_t{kfd::svm_flag::gpu_always_mapped}, 0); }},
  {"queue_saved_beyond_what_the_gpu_sees", EINVAL, "amdkfd/kfd_queue.c, kfd_queue_buffer_svm_get", [](Case& c) {
    return c.queue_saved_in(kfd::svm_flag::gpu_always_mapped, c.bad ? page : 0); }},
  {"svm_over_a_buffer", EADDRINUSE, "amdkfd/kfd_svm.c, svm_range_check_vm", [](Case& c) {
    uint64_t memory = c.pages(), handle = 0;
    if (c.bad) {
      EXPECT_EQ(c.client.allocate(memory, page, alloc::gtt, handle), 0);
      EXPECT_EQ(c.client.map(handle), 0);
    }
    return c.see(memory); }},

  //-------------------------------------------------------------------------------------------------- events
  {"events_page_too_small", EINVAL, "amdkfd/kfd_events.c, kfd_event_page_set", [](Case& c) {
    return c.event_page(c.allocated(c.bad ? page : 8 * page)); }},
  {"events_page_of_the_clients_own", EINVAL, "amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_map_gtt_bo_to_kernel", [](Case& c) {
    uint64_t handle = 0, address = c.pages(PROT_READ | PROT_WRITE, 8 * page);
    EXPECT_EQ(c.client.allocate(c.client.reserve(8 * page), 8 * page, (c.bad ? alloc::userptr : alloc::gtt) | rw, handle, &address), 0);
    return c.event_page(handle); }},
  {"events_page_twice", EINVAL, "amdkfd/kfd_events.c, kfd_kmap_event_page", [](Case& c) {
    if (c.bad) { EXPECT_EQ(c.event_page(c.allocated(8 * page)), 0); }
    return c.event_page(c.allocated(8 * page)); }},
  {"events_page_after_events", EINVAL, "amdkfd/kfd_events.c, kfd_kmap_event_page", [](Case& c) {
    if (c.bad) c.event();
    return c.event_page(c.allocated(8 * page)); }},
  {"events_page_of_no_gpu", EINVAL, "amdkfd/kfd_events.c, kfd_kmap_event_page", [](Case& c) {
    uint64_t handle = c.allocated(8 * page);
    return c.event_page(c.bad ? uint64_t{no_gpu} << 32 : handle); }},
  {"too_many_events", ENOSPC, "amdkfd/kfd_events.c, create_signal_event", [](Case& c) {
    for (int i = 1; i < (c.bad ? 256 : 255); ++i) c.event();
    return c.client.call(kfd::create_event, kfd::CreateEvent{}); }},
  {"set_no_event", EINVAL, "amdkfd/kfd_events.c, kfd_set_event", [](Case& c) {
    return c.client.call(kfd::set_event, kfd::EventId{c.event() + c.bad, 0}); }},
  {"set_a_fault", EINVAL, "amdkfd/kfd_events.c, kfd_set_event", [](Case& c) {
    return c.client.call(kfd::set_event, kfd::EventId{c.event(c.bad ? kfd::EventType::memory : kfd::EventType::signal), 0}); }},
  {"set_a_debug_event", EINVAL, "amdkfd/kfd_events.c, kfd_set_event", [](Case& c) {
    return c.client.call(kfd::set_event, kfd::EventId{c.event(c.bad ? kfd::EventType::debug : kfd::EventType::signal), 0}); }},
  {"reset_no_event", EINVAL, "amdkfd/kfd_events.c, kfd_reset_event", [](Case& c) {
    return c.client.call(kfd::reset_event, kfd::EventId{c.event() + c.bad, 0}); }},
  {"reset_a_fault", EINVAL, "amdkfd/kfd_events.c, kfd_reset_event", [](Case& c) {
    return c.client.call(kfd::reset_event, kfd::EventId{c.event(c.bad ? kfd::EventType::hardware_exception : kfd::EventType::signal), 0}); }},
  {"destroy_an_event_twice", EINVAL, "amdkfd/kfd_events.c, kfd_event_destroy", [](Case& c) {
    uint32_t id = c.event();
    if (c.bad) { EXPECT_EQ(c.client.call(kfd::destroy_event, kfd::EventId{id, 0}), 0); }
    return c.client.call(kfd::destroy_event, kfd::EventId{id, 0}); }},
  {"wait_for_no_event", EINVAL, "amdkfd/kfd_events.c, init_event_waiter", [](Case& c) {
    return c.wait(c.event() + c.bad); }},
  {"wait_array_nowhere", EFAULT, "amdkfd/kfd_events.c, kfd_wait_on_events", [](Case& c) {
    return c.wait(c.event(), c.bad ? 16 : 0); }},

  //-------------------------------------------------------------------------------------------------- queues
  {"queue_before_acquire", ESRCH, "amdkfd/kfd_chardev.c, kfd_ioctl_create_queue", [](Case& c) {
    // Its memory is another card's; what counts comes later.
    kfd::CreateQueue args{};
    args.gpu_id = gpu_id(0);
    args.ring_size = page;
    if (c.bad) return c.client.call(kfd::create_queue, args);
    c.client.acquire();
    return c.client.call(kfd::create_queue, QueueParts(c.client, kfd::QueueType::sdma).args); }, fresh},
  {"sdma_queues_run_out", ENOMEM, "amdkfd/kfd_device_queue_manager.c, allocate_sdma_queue", [](Case& c) {
    const auto& gpu = *c.client.cards[0];
    QueueParts parts(c.client, kfd::QueueType::sdma);
    for (int left = gpu.sdma_engines * gpu.sdma_queues_per_engine - !c.bad; left > 0; --left)
      EXPECT_EQ(c.client.call(kfd::create_queue, kfd::CreateQueue(parts.args)), 0);
    return c.client.call(kfd::create_queue, parts.args); }},
  {"destroy_a_queue_twice", EINVAL, "amdkfd/kfd_process_queue_manager.c, pqm_destroy_queue", [](Case& c) {
    uint32_t id = c.queue(kfd::QueueType::sdma);
    if (c.bad) { EXPECT_EQ(c.client.call(kfd::destroy_queue, kfd::QueueId{id, 0}), 0); }
    return c.client.call(kfd::destroy_queue, kfd::QueueId{id, 0}); }},
  {"update_no_queue", EFAULT, "amdkfd/kfd_process_queue_manager.c, pqm_update_queue_properties", [](Case& c) {
    QueueParts parts(c.client);
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::update_queue, kfd::UpdateQueue{parts.ring.va, parts.args.queue_id + c.bad, parts.args.ring_size, 100, 7}); }},
  {"update_percentage", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_update_queue", [](Case& c) {
    QueueParts parts(c.client);
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::update_queue, kfd::UpdateQueue{parts.ring.va, parts.args.queue_id, parts.args.ring_size, c.bad ? 101u : 100u, 7}); }},
  {"update_priority", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_update_queue", [](Case& c) {
    QueueParts parts(c.client);
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::update_queue, kfd::UpdateQueue{parts.ring.va, parts.args.queue_id, parts.args.ring_size, 100, c.bad ? 16u : 15u}); }},
  {"update_ring_size", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_update_queue", [](Case& c) {
    QueueParts parts(c.client);
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::update_queue, kfd::UpdateQueue{parts.ring.va, parts.args.queue_id, parts.args.ring_size - c.bad, 100, 7}); }},
  {"update_ring_unmapped", EFAULT, "amdkfd/kfd_process_queue_manager.c, pqm_update_queue_properties", [](Case& c) {
    QueueParts parts(c.client);
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::update_queue, kfd::UpdateQueue{parts.ring.va + (c.bad ? page : 0), parts.args.queue_id, parts.args.ring_size, 100, 7}); }},
  {"update_ring_out_of_reach", EFAULT, "amdkfd/kfd_chardev.c, kfd_ioctl_update_queue", [](Case& c) {
    QueueParts parts(c.client);
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::update_queue, kfd::UpdateQueue{c.bad ? uint64_t{1} << 47 : parts.ring.va, parts.args.queue_id, parts.args.ring_size, 100, 7}); }},
  {"mask_of_no_queue", EFAULT, "amdkfd/kfd_process_queue_manager.c, pqm_update_mqd", [](Case& c) {
    uint32_t mask = 3;
    return c.client.call(kfd::set_cu_mask, kfd::SetCuMask{c.queue() + c.bad, 32, reinterpret_cast<uint64_t>(&mask)}); }},
  {"mask_of_half_a_word", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_set_cu_mask", [](Case& c) {
    uint32_t mask[2] = {3, 3};
    return c.client.call(kfd::set_cu_mask, kfd::SetCuMask{c.queue(), c.bad ? 48u : 64u, reinterpret_cast<uint64_t>(mask)}); }},
  {"mask_of_nothing", EINVAL, "amdkfd/kfd_chardev.c, kfd_ioctl_set_cu_mask", [](Case& c) {
    uint32_t mask = 3;
    return c.client.call(kfd::set_cu_mask, kfd::SetCuMask{c.queue(), c.bad ? 0u : 32u, reinterpret_cast<uint64_t>(&mask)}); }},
  {"mask_of_half_a_workgroup_processor", EINVAL, "amdkfd/kfd_process_queue_manager.c, pqm_update_mqd", [](Case& c) {
    uint32_t mask = c.bad ? 7 : 15;
    return c.client.call(kfd::set_cu_mask, kfd::SetCuMask{c.queue(), 32, reinterpret_cast<uint64_t>(&mask)}); }},
  {"mask_nowhere", EFAULT, "amdkfd/kfd_chardev.c, kfd_ioctl_set_cu_mask", [](Case& c) {
    uint32_t mask = 3;
    return c.client.call(kfd::set_cu_mask, kfd::SetCuMask{c.queue(), 32, c.bad ? 16 : reinterpret_cast<uint64_t>(&mask)}); }},
  {"waves_of_no_queue", EFAULT, "amdkfd/kfd_process_queue_manager.c, pqm_get_wave_state", [](Case& c) {
    QueueParts parts(c.client);
    parts.args.queue_percentage = 0;
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::get_queue_wave_state, kfd::GetQueueWaveState{parts.save->va, 0, 0, parts.args.queue_id + c.bad, 0}); }},
  {"waves_of_a_running_queue", EINVAL, "amdkfd/kfd_device_queue_manager.c, get_wave_state", [](Case& c) {
    QueueParts parts(c.client);
    parts.args.queue_percentage = c.bad ? 100 : 0;
    EXPECT_EQ(c.client.call(kfd::create_queue, parts.args), 0);
    return c.client.call(kfd::get_queue_wave_state, kfd::GetQueueWaveState{parts.save->va, 0, 0, parts.args.queue_id, 0}); }},

  //----------------------------------------------------------------------------------------- the render node
  {"drm_info_into_nothing", EINVAL, "amdgpu/amdgpu_kms.c, amdgpu_info_ioctl", [](Case& c) {
    return c.info(drm::Query::accel_working, c.bad ? 0 : 4, reinterpret_cast<uint64_t>(&c.room)); }},
  {"drm_info_nowhere", EFAULT, "amdgpu/amdgpu_kms.c, amdgpu_info_ioctl", [](Case& c) {
    return c.info(drm::Query::accel_working, 4, c.bad ? 16 : reinterpret_cast<uint64_t>(&c.room)); }},
  {"drm_info_query", EINVAL, "amdgpu/amdgpu_kms.c, amdgpu_info_ioctl", [](Case& c) {
    return c.info(c.bad ? static_cast<drm::Query>(0x99) : drm::Query::accel_working, 4, reinterpret_cast<uint64_t>(&c.room)); }},
  {"drm_info_engine", EINVAL, "amdgpu/amdgpu_kms.c, amdgpu_hw_ip_info", [](Case& c) {
    return c.info(drm::Query::hw_ip_count, 4, reinterpret_cast<uint64_t>(&c.room), c.bad ? 99 : 0); }},
  {"drm_info_sensor", EINVAL, "amdgpu/amdgpu_kms.c, amdgpu_info_ioctl", [](Case& c) {
    return c.info(drm::Query::sensor, 4, reinterpret_cast<uint64_t>(&c.room), c.bad ? 99 : 1); }},
  {"drm_number_of_the_drivers", EINVAL, "drm/drm_ioctl.c, drm_ioctl", [](Case& c) {
    uint64_t room[8] = {};
    return c.client.os().ioctl(c.client.render[0], c.bad ? 0xc010645f : drm::version.request, room); }},
  {"drm_for_masters", EACCES, "drm/drm_ioctl.c, drm_ioctl_permit", [](Case& c) {
    uint64_t room[8] = {};
    return c.client.os().ioctl(c.client.render[0], c.bad ? 0x641e : drm::version.request, room); }},
  {"drm_unique_of_a_render_node", EACCES, "drm/drm_ioctl.c, drm_ioctls, drm_ioctl_permit", [](Case& c) {
    uint64_t room[8] = {};
    return c.client.os().ioctl(c.client.render[0], c.bad ? drm::get_unique.request : drm::version.request, room); }},
  {"drm_client_of_a_render_node", EACCES, "drm/drm_ioctl.c, drm_ioctls, drm_ioctl_permit", [](Case& c) {
    uint64_t room[8] = {};
    return c.client.os().ioctl(c.client.render[0], c.bad ? drm::get_client.request : drm::version.request, room); }},
  {"gem_import_of_no_dmabuf", EINVAL, "dma-buf/dma-buf.c, dma_buf_get", [](Case& c) {
    if (!c.bad) return c.gem() != 0 ? 0 : -1;
    drm::PrimeHandle args{0, 0, c.client.fd};
    return c.drm_call(drm::prime_fd_to_handle, args); }},
  {"gem_export_no_handle", ENOENT, "drm/drm_prime.c, drm_gem_prime_handle_to_dmabuf", [](Case& c) {
    drm::PrimeHandle args{c.gem() + (c.bad ? 7 : 0), O_CLOEXEC, -1};
    int result = c.drm_call(drm::prime_handle_to_fd, args);
    if (result == 0) close(args.fd);
    return result; }},
  {"gem_mmap_no_handle", ENOENT, "amdgpu/amdgpu_gem.c, amdgpu_mode_dumb_mmap", [](Case& c) {
    drm::GemMmap args{c.gem() + (c.bad ? 7 : 0)};
    return c.drm_call(drm::gem_mmap, args); }},
  {"gem_close_twice", EINVAL, "drm/drm_gem.c, drm_gem_handle_delete", [](Case& c) {
    drm::GemClose args{c.gem(), 0};
    if (c.bad) { EXPECT_EQ(c.drm_call(drm::gem_close, args), 0); }
    return c.drm_call(drm::gem_close, args); }},
  {"gem_va_no_handle", ENOENT, "amdgpu/amdgpu_gem.c, amdgpu_gem_va_ioctl", [](Case& c) {
    return c.gem_va(c.mapping(c.gem() + (c.bad ? 7 : 0), c.client.reserve(2 * page))); }},
  {"gem_va_at_the_bottom", EINVAL, "amdgpu/amdgpu_gem.c, amdgpu_gem_va_ioctl", [](Case& c) {
    return c.gem_va(c.mapping(c.gem(), c.bad ? 0xf000 : c.client.reserve(2 * page))); }},
  {"gem_va_into_the_hole", EINVAL, "amdgpu/amdgpu_gem.c, amdgpu_gem_va_ioctl", [](Case& c) {
    return c.gem_va(c.mapping(c.gem(), c.bad ? uint64_t{1} << 47 : c.client.reserve(2 * page))); }},
  {"gem_va_flags", EINVAL, "amdgpu/amdgpu_gem.c, amdgpu_gem_va_ioctl", [](Case& c) {
    drm::GemVa args = c.mapping(c.gem(), c.client.reserve(2 * page));
    args.flags |= c.bad ? 1u << 20 : drm::va_flag::mtype_uc;
    return c.gem_va(args); }},
  {"gem_va_operation", EINVAL, "amdgpu/amdgpu_gem.c, amdgpu_gem_va_ioctl", [](Case& c) {
    drm::GemVa args = c.mapping(c.gem(), c.client.reserve(2 * page));
    args.operation = c.bad ? 5 : 4;
    return c.gem_va(args); }},
  {"gem_va_between_pages", EINVAL, "amdgpu/amdgpu_vm.c, amdgpu_vm_verify_parameters", [](Case& c) {
    drm::GemVa args = c.mapping(c.gem(), c.client.reserve(2 * page));
    args.bytes -= c.bad ? 8 : page;
    return c.gem_va(args); }},
  {"gem_va_beyond_the_buffer", EINVAL, "amdgpu/amdgpu_vm.c, amdgpu_vm_verify_parameters", [](Case& c) {
    drm::GemVa args = c.mapping(c.gem(), c.client.reserve(2 * page));
    args.offset = c.bad ? page : 0;
    return c.gem_va(args); }},
  {"gem_va_over_another", EINVAL, "amdgpu/amdgpu_vm.c, amdgpu_vm_bo_map", [](Case& c) {
    uint64_t va = c.client.reserve(4 * page);
    uint32_t gem = c.gem();
    EXPECT_EQ(c.gem_va(c.mapping(gem, va)), 0);
    return c.gem_va(c.mapping(gem, va + (c.bad ? 1 : 2) * page)); }},
  {"gem_va_unmap_from_the_middle", ENOENT, "amdgpu/amdgpu_vm.c, amdgpu_vm_bo_unmap", [](Case& c) {
    drm::GemVa args = c.mapping(c.gem(), c.client.reserve(2 * page));
    EXPECT_EQ(c.gem_va(args), 0);
    args.operation = 2;
    args.va += c.bad ? page : 0;
    return c.gem_va(args); }},
  {"drm_capability", EINVAL, "drm/drm_ioctl.c, drm_getcap", [](Case& c) {
    drm::Capability args{c.bad ? 0x99u : 0x5u, 0};
    return c.client.os().ioctl(c.client.render[0], drm::get_cap.request, &args); }},
};
// clang-format on

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, MeetTheMistakeAndNotItsTwin) {
  for (bool bad : {true, false}) {
    Client client(GetParam().fresh ? "gfx1030,gfx1100" : "gfx1030", vram);
    if (!GetParam().fresh) client.acquire();
    Case one{client, bad};
    EXPECT_EQ(GetParam().run(one), bad ? -GetParam().errno_ : 0)
        << (bad ? "with" : "without") << " the mistake";
  }
}

INSTANTIATE_TEST_SUITE_P(All, Refusals, testing::ValuesIn(refusals),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace doorbell::test
