// libFuzzer target: a client that does anything to /dev/kfd, the render nodes, the mappings and the sysfs
// files of an emulated machine. Whatever it does, each call answers with 0 or an errno, no more of the
// client's memory is written than the call's own struct, and when the client is gone nothing is held in its
// name.
//
// Input: a list of operations. Ioctls are rows of a table that says what each field means, so that most calls
// carry handles, ids and addresses that earlier calls have given out, and some carry raw bytes there.
//
// A kernel writes where its caller says, and a GPU too: addresses of the host are either ones of an arena
// that belongs to the input, or ones that no process has.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "driver/amd/abi/drm.h"
#include "driver/amd/abi/kfd.h"
#include "sim/amd/kernel.h"
#include "sim/amd/save_area.h"
#include "sim/amd/user.h"

using namespace doorbell;
using namespace doorbell::sim::amd;
namespace kfd = doorbell::amd::kfd;
namespace drm = doorbell::amd::drm;
namespace alloc = doorbell::amd::kfd::alloc;

namespace {

constexpr uint64_t page = 4096, user_end = uint64_t{1} << 47;
// The arena: memory, memory that cannot be written, and addresses without memory.
constexpr uint64_t arena_bytes = 512 << 20, memory_bytes = 1 << 20, constant_bytes = 64 << 10;
constexpr uint32_t longest_wait_ms = 2;

struct Bytes {
  const uint8_t* at;
  size_t left;
  template <class T>
  T take() {
    T value{};
    size_t part = std::min(left, sizeof value);
    std::memcpy(&value, at, part);
    at += part;
    left -= part;
    return value;
  }
  uint8_t byte() { return take<uint8_t>(); }
};

// How an ioctl's struct is laid out, a letter for each field.
//   8 bytes: A address of the GPU, P pointer of the client's to data, M memory of the client's, S size, H
//   handle,
//            Q anything, V address of a render node's own, W a time soon
//   4 bytes: z zero, g GPU, f allocation flags, n small number, q queue, e event, d descriptor, w
//   milliseconds, r anything
struct Row {
  uint32_t request;
  const char* fields;
};
// clang-format off
constexpr Row kfd_rows[] = {
  {kfd::alloc_memory.request,           "ASHMgf"},
  {kfd::map_memory.request,             "HPnn"},
  {kfd::unmap_memory.request,           "HPnn"},
  {kfd::free_memory.request,            "H"},
  {kfd::create_queue.request,           "AAAQngnnnnASAnnnn"},
  {kfd::update_queue.request,           "Aqnnn"},
  {kfd::destroy_queue.request,          "qn"},
  {kfd::create_event.request,           "Hrnnnnn"},
  {kfd::set_event.request,              "en"},
  {kfd::reset_event.request,            "en"},
  {kfd::destroy_event.request,          "en"},
  {kfd::wait_events.request,            "Pnnwn"},
  {kfd::svm.request,                    "MSnn"},
  {kfd::export_dmabuf.request,          "Hrr"},
  {kfd::import_dmabuf.request,          "AHgd"},
  {kfd::get_dmabuf_info.request,        "QPnnnd"},
  {kfd::ipc_export_handle.request,      "Hrrrrgn"},
  {kfd::ipc_import_handle.request,      "HAQrrrrgn"},
  {kfd::acquire_vm.request,             "dg"},
  {kfd::get_version.request,            "nn"},
  {kfd::set_memory_policy.request,      "ASgnnn"},
  {kfd::get_clock_counters.request,     "QQQQgn"},
  {kfd::get_apertures.request,          ""},
  {kfd::get_apertures_new.request,      "Pnn"},
  {kfd::set_scratch_backing_va.request, "Agn"},
  {kfd::get_tile_config.request,        "PPnngnnn"},
  {kfd::set_trap_handler.request,       "AAgn"},
  {kfd::set_cu_mask.request,            "qnP"},
  {kfd::get_queue_wave_state.request,   "Pnnqn"},
  {kfd::alloc_queue_gws.request,        "qnnn"},
  {kfd::smi_events.request,             "gn"},
  {kfd::set_xnack_mode.request,         "n"},
  {kfd::criu.request,                   "PPPSnnnnnn"},
  {kfd::available_memory.request,       "Qgn"},
  {kfd::runtime_enable_ioctl.request,   "Prn"},
  {kfd::debug_trap.request,             "nnPPP"},
  {kfd::debug_register.request,         "gn"},
  {kfd::debug_wave_control.request,     "Pgn"},
};
constexpr Row drm_rows[] = {
  {drm::version.request,    "nnnnSPSPSP"},
  {drm::get_unique.request, "SP"},
  {drm::get_client.request, "nnQQQQ"},
  {drm::get_cap.request,    "QQ"},
  {drm::info.request,       "Pnnrrrr"},
  {drm::gem_close.request,          "nn"},
  {drm::prime_handle_to_fd.request, "nnn"},
  {drm::prime_fd_to_handle.request, "nnd"},
  {drm::gem_mmap.request,           "nn"},
  {drm::gem_va.request,             "nnnnASS"},
  {drm::gem_va.request,             "nnnnVSS"},
  {drm::gem_create.request,         "SSQQ"},
  {drm::gem_create.request,         "Snnnnnn"},
  {drm::gem_userptr.request,        "MSnn"},
  {drm::gem_wait_idle.request,      "nnW"},
  {drm::gem_metadata.request,       "nnQQn"},
  {drm::gem_op.request,             "nnP"},
  {drm::context.request,            "nnnn"},
  {drm::bo_list.request,            "nnnnP"},
  {drm::submit.request,             "nnnnP"},
  {drm::wait_submission.request,    "nnWnnnn"},
  {drm::wait_fences.request,        "PnnW"},
  {drm::fence_to_handle.request,    "nnnnnnnn"},
  {drm::vm_operation.request,       "nn"},
  {drm::syncobj_create.request,       "nn"},
  {drm::syncobj_destroy.request,      "nn"},
  {drm::syncobj_handle_to_fd.request, "nnnn"},
  {drm::syncobj_fd_to_handle.request, "nndn"},
  {drm::syncobj_wait.request,         "PWnnnn"},
  {drm::syncobj_reset.request,        "Pnn"},
  {drm::syncobj_signal.request,       "Pnn"},
  {drm::syncobj_timeline_wait.request,   "PPWnnnn"},
  {drm::syncobj_query.request,           "PPnn"},
  {drm::syncobj_timeline_signal.request, "PPnn"},
  {drm::syncobj_transfer.request,        "nnnnnnzn"},
  {drm::syncobj_eventfd.request,         "nnnndn"},
};
// clang-format on

// Counts what a client holds of the Pool.
class Counted final : public Resources {
 public:
  explicit Counted(std::unique_ptr<Resources> real) : real_(std::move(real)) {}
  ~Counted() override { DOORBELL_CHECK(holds_ == 0, "{} holds on memory outlive their client", holds_); }
  [[nodiscard]] const Machine& machine() const override { return real_->machine(); }
  [[nodiscard]] int file(size_t card) const override { return real_->file(card); }
  [[nodiscard]] const std::string& folder() const override { return real_->folder(); }
  Reply ask(const Request& request) override {
    Reply reply = real_->ask(request);
    if (reply.error != 0) return reply;
    if (request.kind == Request::Kind::allocate || request.kind == Request::Kind::open) ++holds_;
    if (request.kind == Request::Kind::release) --holds_;
    return reply;
  }

 private:
  std::unique_ptr<Resources> real_;
  std::atomic<int64_t> holds_{0};
};

uint64_t arena() {
  static const auto address = reinterpret_cast<uint64_t>(
      mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  return address;
}
void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

void renew_arena() {
  constexpr int fresh = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  mmap(pointer(arena()), memory_bytes, PROT_READ | PROT_WRITE, fresh, -1, 0);
  mmap(pointer(arena() + memory_bytes), constant_bytes, PROT_READ, fresh, -1, 0);
  uint64_t rest = memory_bytes + constant_bytes;
  mmap(pointer(arena() + rest), arena_bytes - rest, PROT_NONE, fresh, -1, 0);
}

class Session {
 public:
  explicit Session(Bytes input) : input_(input) {
    renew_arena();
    auto machine = sim::amd::Machine::make("gfx1030,gfx1100", 16 << 20);
    machine->lockup_ms = 20;
    machine->system_memory = 128 << 20;  // room for one queue of each card
    auto counted = std::make_unique<Counted>(std::move(*local_resources(*machine)));
    kernel_ = std::move(*EmulatedKernel::make(std::move(counted)));
    open("/dev/kfd");
    for (const char* node : {"/dev/dri/renderD128", "/dev/dri/renderD129"}) open(node);
    if (input_.byte() % 8 != 0) {
      for (uint32_t card = 0; card < 2; ++card) {
        kfd::AcquireVm args{static_cast<uint32_t>(files_[1 + card]), gpu_id(card)};
        kernel_->ioctl(files_[0], kfd::acquire_vm.request, &args);
      }
    }
  }
  ~Session() {
    for (int file : files_) kernel_->close(file);
    for (uint32_t file : descriptors_) close(static_cast<int>(file));
    for (auto [address, bytes] : mappings_) kernel_->munmap(pointer(address), bytes);
    // As when a process ends: its memory outlives the GPU's work.
    kernel_.reset();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void run() {
    for (int operations = 0; input_.left != 0 && operations < 64; ++operations) {
      uint8_t what = input_.byte();
      switch (what % 16) {
        case 0: map(); break;
        case 1: unmap(); break;
        case 2: write_memory(); break;
        case 3: ring(); break;
        case 4: look_at_files(); break;
        case 5: reopen(); break;
        case 6: make_queue(); break;
        case 7: graphics(); break;
        case 8: submit(); break;
        default: compute(); break;
      }
    }
  }

 private:
  int open(const char* path) {
    int file = kernel_->open(path, O_RDWR);
    if (file >= 0) files_.push_back(file);
    return file;
  }
  template <class T>
  T pick(const std::vector<T>& from, T otherwise = {}) {
    return from.empty() ? otherwise : from[input_.byte() % from.size()];
  }

  // An address in the arena, mostly of a page; or one that the client cannot have.
  uint64_t address(uint64_t bytes) {
    uint16_t word = input_.take<uint16_t>();
    switch (word >> 12) {
      case 0: return 0;
      case 1: return user_end - page;
      case 2: return user_end + word;
      case 3: return ~uint64_t{0} - word;
      case 4: return word;
      case 5: return arena() + (word * page + input_.byte()) % bytes;
      default: return arena() + word * page % bytes;
    }
  }
  // Words of the client's, mostly such as calls have given out.
  uint64_t data() {
    uint16_t selector = input_.take<uint16_t>();
    if (selector % 8 == 0) return address(arena_bytes);
    uint64_t at = arena() + selector % (memory_bytes / 64) * 64;
    uint32_t words[64];
    for (uint32_t& word : words)
      word = selector & 8 ? number('g') : selector & 16 ? number('e') : number('n');
    poke(at, words, sizeof words);
    return at;
  }
  // The input's own mappings may lie over the arena: what cannot be written is not.
  static void poke(uint64_t at, const void* from, size_t bytes) { copy_to_user(at, from, bytes); }

  uint32_t number(char kind) {
    uint8_t selector = input_.byte();
    if (selector == 0xff) return input_.take<uint32_t>();
    switch (kind) {
      case 'g': return selector < 0xf0 ? gpu_id(selector % 2) : selector;
      case 'f': {
        constexpr uint32_t kinds[] = {alloc::vram, alloc::gtt, alloc::userptr, alloc::doorbell,
                                      alloc::mmio_remap};
        return kinds[selector % 5] | uint32_t{input_.byte()} << 24;
      }
      case 'q': return pick(queues_, uint32_t{selector});
      case 'e': return pick(events_, uint32_t{selector});
      case 'd': return selector < 0x80 ? pick(descriptors_, 0u) : static_cast<uint32_t>(pick(files_, -1));
      case 'z': return 0;
      case 'w': return selector % (longest_wait_ms + 1);
      case 'r': return input_.take<uint32_t>();
      default: return selector < 0xe0 ? selector % 4 : uint32_t{1} << selector % 32;
    }
  }
  uint64_t wide(char kind) {
    switch (kind) {
      case 'A': return address(arena_bytes);
      case 'V': return (1 << 20) + input_.byte() * page;  // of a render node's own address space
      case 'W':
        return static_cast<uint64_t>(HostClock::now().time_since_epoch().count()) +
               input_.byte() % 3 * 1000000;
      case 'P': return data();
      case 'M': return address(memory_bytes + constant_bytes + 16 * page);
      case 'S': {
        uint8_t selector = input_.byte();
        if (selector < 0xd0) return uint64_t{1} << selector % 14 << 10;
        return selector < 0xf0 ? selector : input_.take<uint64_t>();
      }
      case 'H': {
        uint8_t selector = input_.byte();
        return selector < 0xf8 ? pick(handles_) : selector < 0xfc ? 0 : input_.take<uint64_t>();
      }
      default: return input_.take<uint64_t>();
    }
  }

  void fill(std::byte* args, size_t bytes, const char* fields) {
    std::byte* at = args;
    for (const char* field = fields; *field; ++field) {
      bool is_wide = *field >= 'A' && *field <= 'Z';
      if (is_wide) {
        uint64_t value = wide(*field);
        std::memcpy(at, &value, 8);
      } else {
        uint32_t value = number(*field);
        std::memcpy(at, &value, 4);
      }
      at += is_wide ? 8 : 4;
    }
    DOORBELL_CHECK(at <= args + bytes, "a row is longer than its struct");
  }

  // The struct lies in front of a canary, in the client's memory.
  int call(int file, uint32_t request, const char* fields) {
    constexpr uint64_t room = 1 << 14, canary = 0x6b6b6b6b6b6b6b6b;
    uint32_t size = request >> 16 & 0x3fff;
    uint8_t mutation = input_.byte();
    if (mutation == 1) size = input_.byte();
    if (mutation == 2) size = input_.take<uint16_t>() & 0x3fff;
    bool svm = request == kfd::svm.request;
    if (svm && mutation > 2) size += 8 * (mutation % 4);
    request = (request & ~(0x3fffu << 16)) | size << 16;
    std::vector<std::byte> args(room + 8);
    fill(args.data(), room, fields);
    if (svm) {
      for (uint32_t at = 24; at + 8 <= size; at += 8) {
        uint32_t attribute[2] = {input_.byte() % 10u, number(input_.byte() % 2 ? 'g' : 'n')};
        std::memcpy(&args[at], attribute, 8);
      }
    }
    std::memcpy(&args[size], &canary, 8);
    int result = kernel_->ioctl(file, request, args.data());
    DOORBELL_CHECK(result <= 0 && result > -4096, "ioctl {:#x} returned {}", request, result);
    DOORBELL_CHECK(std::memcmp(&args[size], &canary, 8) == 0, "ioctl {:#x} wrote behind its struct", request);
    if (result == 0) learn(request & 0xffff, args.data());
    return result;
  }

  void learn(uint32_t number, const std::byte* args) {
    auto read = [&]<class T>(T&& value) {
      std::memcpy(&value, args, sizeof value);
      return value;
    };
    auto is = [&](uint32_t request) { return (request & 0xffff) == number; };
    if (is(kfd::alloc_memory.request)) {
      auto made = read(kfd::AllocMemory{});
      handles_.push_back(made.handle);
      if (!(made.flags & alloc::userptr))
        offsets_.push_back({made.mmap_offset, made.size, made.gpu_id == gpu_id(1)});
    }
    if (is(kfd::import_dmabuf.request)) handles_.push_back(read(kfd::ImportDmabuf{}).handle);
    if (is(kfd::ipc_import_handle.request)) handles_.push_back(read(kfd::IpcImportHandle{}).handle);
    if (is(kfd::create_event.request)) events_.push_back(read(kfd::CreateEvent{}).event_id);
    if (is(kfd::export_dmabuf.request)) descriptors_.push_back(read(kfd::ExportDmabuf{}).dmabuf_fd);
    if (is(drm::prime_handle_to_fd.request))
      descriptors_.push_back(static_cast<uint32_t>(read(drm::PrimeHandle{}).fd));
    if (is(drm::syncobj_handle_to_fd.request))
      descriptors_.push_back(static_cast<uint32_t>(read(drm::SyncobjHandle{}).fd));
    if (is(drm::fence_to_handle.request))
      if (auto made = read(drm::FenceToHandle{}); made.what != 0) descriptors_.push_back(made.fence.context);
    if (is(kfd::smi_events.request)) descriptors_.push_back(read(kfd::SmiEvents{}).anon_fd);
    if (is(kfd::create_queue.request)) {
      auto made = read(kfd::CreateQueue{});
      queues_.push_back(made.queue_id);
      doorbells_.push_back(made.doorbell_offset);
    }
  }

  void compute() {
    uint8_t which = input_.byte();
    if (which < 0xf0) {
      const Row& row = kfd_rows[which % std::size(kfd_rows)];
      call(files_[0], row.request, row.fields);
    } else {  // a number that may not exist, with nothing in its struct
      call(files_[0], 0xc0004b00 | input_.byte() | 64u << 16, "");
    }
  }
  void graphics() {
    uint8_t which = input_.byte();
    int file = files_[1 + which / 128];
    if (which % 128 < 120) {
      const Row& row = drm_rows[which % std::size(drm_rows)];
      call(file, row.request, row.fields);
    } else {
      call(file, 0xc0006400 | input_.byte() | 32u << 16, "");
    }
  }

  // Words of the input as commands for a ring, between a buffer that is made for them and a context; and a
  // few more chunks, one of which may be anything.
  void submit() {
    int file = files_[1 + input_.byte() % 2];
    drm::Context context{1, 0, 0, 0};
    drm::GemCreate buffer{page, 0, drm::domain::gtt, 0};
    if (kernel_->ioctl(file, drm::gem_create.request, &buffer) != 0) return;
    uint64_t va = (1 << 20) + input_.byte() * page;
    drm::GemVa mapping{static_cast<uint32_t>(buffer.bytes), 0, 1, 14, va, 0, page};
    kernel_->ioctl(file, drm::gem_va.request, &mapping);
    drm::GemMmap where{buffer.bytes};
    kernel_->ioctl(file, drm::gem_mmap.request, &where);
    intptr_t host =
        kernel_->mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, where.handle_or_offset);
    uint8_t count = input_.byte() % 64;
    if (host > 0 || host < -4095) {
      for (uint8_t i = 0; i < count; ++i) reinterpret_cast<uint32_t*>(host)[i] = input_.take<uint32_t>();
      kernel_->munmap(reinterpret_cast<void*>(host), page);
    }
    if (input_.byte() % 4 != 0) kernel_->ioctl(file, drm::context.request, &context);
    drm::ChunkIb ib{0, 0, va, count * 4u, input_.byte() % 4u, 0, input_.byte() % 5u};
    uint32_t words[8];
    for (uint32_t& word : words) word = number('n');
    words[1] &= ~drm::wait_flag::for_submit;  // which would wait for seconds
    drm::Chunk chunks[2] = {{1, 8, reinterpret_cast<uint64_t>(&ib)},
                            {input_.byte() % 12u, input_.byte() % 9u, reinterpret_cast<uint64_t>(words)}};
    uint64_t pointers[2] = {reinterpret_cast<uint64_t>(&chunks[0]), reinterpret_cast<uint64_t>(&chunks[1])};
    drm::Submit args{context.operation, number('n') % 3, 1 + input_.byte() % 2u, 0,
                     reinterpret_cast<uint64_t>(pointers)};
    int result = kernel_->ioctl(file, drm::submit.request, &args);
    DOORBELL_CHECK(result <= 0 && result > -4096, "a submission returned {}", result);
  }

  // A queue as it should be, but for one word.
  void make_queue() {
    size_t card = input_.byte() % 2;
    auto type = static_cast<kfd::QueueType>(input_.byte() % 5);
    SaveArea area = save_area(*kernel_->resources().machine().cards[card].gpu);
    uint64_t save_bytes = (area.save_bytes + area.debug_bytes + page - 1) / page * page;
    // Behind what addresses of the input mostly reach.
    uint64_t base = arena() + arena_bytes / 2 + queues_.size() % 4 * (64 << 20);
    auto buffer = [&](uint64_t va, uint64_t bytes) {
      kfd::AllocMemory args{va, bytes, 0, 0, gpu_id(card), alloc::gtt | alloc::writable | alloc::executable};
      if (kernel_->ioctl(files_[0], kfd::alloc_memory.request, &args) != 0) return;
      uint32_t id = gpu_id(card);
      kfd::MapMemory mapped{args.handle, reinterpret_cast<uint64_t>(&id), 1, 0};
      kernel_->ioctl(files_[0], kfd::map_memory.request, &mapped);
      handles_.push_back(args.handle);
      intptr_t there = kernel_->mmap(pointer(va), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                     files_[1 + card], args.mmap_offset);
      if (there > 0 && bytes <= 2 * page) {
        uint8_t zero[2 * page] = {};
        copy_to_user(va, zero, bytes);
      }
    };
    kfd::CreateQueue args{};
    args.ring_base_address = base;
    args.ring_size = page;
    args.read_pointer_address = base + 2 * page + 128;
    args.write_pointer_address = base + 2 * page + 56;
    buffer(base, page);
    buffer(base + 2 * page, page);
    args.gpu_id = gpu_id(card);
    args.queue_type = static_cast<uint32_t>(type);
    args.queue_percentage = 100;
    args.queue_priority = 7;
    if (type == kfd::QueueType::aql || type == kfd::QueueType::pm4) {
      args.eop_buffer_address = base + 4 * page;
      args.eop_buffer_size = page;
      args.ctx_save_restore_address = base + 6 * page;
      args.ctx_save_restore_size = static_cast<uint32_t>(area.save_bytes);
      args.ctl_stack_size = area.ctl_stack_bytes;
      buffer(base + 4 * page, page);
      buffer(base + 6 * page, save_bytes);
    }
    uint8_t mistake = input_.byte();
    if (mistake < sizeof args / 4) reinterpret_cast<uint32_t*>(&args)[mistake] ^= number('n');
    if (kernel_->ioctl(files_[0], kfd::create_queue.request, &args) != 0) return;
    queues_.push_back(args.queue_id);
    doorbells_.push_back(args.doorbell_offset);
    rings_.push_back(base);
    // What the ring is to hold, and how much of it.
    uint8_t words = input_.byte();
    for (uint32_t i = 0; i < words && input_.left != 0; ++i) {
      uint32_t word = input_.take<uint32_t>();
      poke(base + i * 4, &word, 4);
    }
    uint64_t written = words / 4;
    poke(args.write_pointer_address, &written, 8);
  }

  void map() {
    uint8_t selector = input_.byte();
    uint64_t offset = input_.byte() * page, bytes = page << selector % 4;
    int file = pick(files_, -1);
    if (selector < 0xc0 && !offsets_.empty()) {
      const Offset& of = pick(offsets_);
      file = files_[1 + of.card];
      offset = of.offset + (selector & 0x20 ? page : 0);
      bytes = selector & 0x10 ? of.bytes : bytes;
    } else if (selector < 0xf0) {
      file = files_[0];
      offset = selector & 1 ? kfd_file::doorbells(selector / 2 % 2) : kfd_file::mmio(selector / 2 % 2);
      bytes = selector & 8 ? bytes : selector & 1 ? kfd_file::doorbell_bytes : page;
    }
    bytes = std::min<uint64_t>(bytes, 4 << 20);
    uint64_t at = input_.byte() < 0x80 ? 0 : arena() + input_.take<uint16_t>() * page % (memory_bytes * 2);
    intptr_t mapped = kernel_->mmap(pointer(at), bytes, PROT_READ | PROT_WRITE,
                                    MAP_SHARED | (at ? MAP_FIXED : 0), file, offset);
    if (mapped < 0 && mapped >= -4095) return;
    if (at == 0) mappings_.push_back({static_cast<uint64_t>(mapped), bytes});
    if (offset == kfd_file::doorbells(0) || offset == kfd_file::doorbells(1)) {
      if (at == 0 && bytes == kfd_file::doorbell_bytes) bells_.push_back(static_cast<uint64_t>(mapped));
    }
  }
  void unmap() {
    if (input_.byte() < 0x80 && !mappings_.empty()) {
      size_t which = input_.byte() % mappings_.size();
      auto [address, bytes] = mappings_[which];
      std::erase(bells_, address);
      kernel_->munmap(pointer(address), bytes);
      mappings_.erase(mappings_.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      uint64_t at = arena() + input_.take<uint16_t>() * page % memory_bytes,
               bytes = (1 + input_.byte() % 8) * page;
      kernel_->munmap(pointer(at), bytes);
      // The addresses stay the arena's.
      mmap(pointer(at), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }
  }
  void write_memory() {
    uint64_t at = rings_.empty() || input_.byte() < 0x40
                      ? arena() + input_.take<uint16_t>() * 16 % memory_bytes
                      : pick(rings_) + input_.take<uint16_t>() % (2 * page);
    uint8_t bytes[64] = {};
    size_t count = 1 + input_.byte() % sizeof bytes;
    for (size_t i = 0; i < count; ++i) bytes[i] = input_.byte();
    poke(at, bytes, count);
  }
  void ring() {
    uint64_t slot = doorbells_.empty() ? input_.byte() * 8 : pick(doorbells_) % kfd_file::doorbell_bytes;
    uint64_t value = input_.byte() < 0xe0 ? input_.byte() : input_.take<uint64_t>();
    if (bells_.empty()) return;
    *static_cast<volatile uint64_t*>(pointer(pick(bells_) + slot)) = value;
  }

  void look_at_files() {
    constexpr const char* known[] = {"/sys/devices/virtual/kfd/kfd/topology/nodes/1/properties",
                                     "/sys/class/kfd/kfd/topology/nodes",
                                     "/sys/dev/char/226:128/device/drm",
                                     "/sys/bus/pci/devices/0000:03:00.0/device",
                                     "/dev/dri",
                                     "/proc/modules",
                                     "/sys/class/drm/card0/device/ip_discovery/die/0"};
    std::string path = known[input_.byte() % std::size(known)];
    for (int edits = input_.byte() % 4; edits > 0; --edits) {
      size_t at = input_.byte() % (path.size() + 1);
      constexpr const char* pieces[] = {"/", "..", "/./", "//", "0", "1", "\n", ""};
      uint8_t piece = input_.byte();
      path = path.substr(0, at) +
             (piece < 0xc0 ? pieces[piece % 8] : std::string(1, static_cast<char>(piece))) +
             path.substr(at + (piece & 8 && at < path.size() ? 1 : 0));
    }
    // What is not the machine's is the host's, which is another program's business.
    if (!belongs_to_machine(path)) return;
    if (auto text = kernel_->read_file(path)) DOORBELL_CHECK(text->size() < 1 << 20, "{} is too long", path);
    if (auto names = kernel_->list_folder(path)) {
      for (const std::string& name : *names)
        DOORBELL_CHECK(!name.empty() && name.find('/') == std::string::npos, "{} lists \"{}\"", path, name);
    }
    int file = kernel_->open(path.c_str(), O_RDWR);
    DOORBELL_CHECK(file >= -4095, "open returned {}", file);
    if (file >= 0) kernel_->close(file);
  }
  void reopen() {
    int from = pick(files_);
    int copy = dup(from);
    if (input_.byte() % 2) kernel_->duplicated(from, copy);
    pollfd wait{copy, POLLIN, 0};
    kernel_->poll({&wait, 1}, 0);
    DOORBELL_CHECK(kernel_->device_of(copy) == kernel_->device_of(from), "a duplicate is another device");
    kernel_->close(copy);
  }

  struct Offset {
    uint64_t offset = 0, bytes = 0;
    size_t card = 0;
  };
  Bytes input_;
  std::unique_ptr<EmulatedKernel> kernel_;
  std::vector<int> files_;  // /dev/kfd, two render nodes
  std::vector<uint64_t> handles_, doorbells_, rings_, bells_;
  std::vector<uint32_t> queues_, events_, descriptors_;
  std::vector<Offset> offsets_;
  std::vector<std::pair<uint64_t, uint64_t>> mappings_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Session session({data, size});
  session.run();
  return 0;
}
