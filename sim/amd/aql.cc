// An AQL queue: the packet processor of HSA on AMD's terms. Sources: driver/amd/abi/aql.h; what kernels find
// in their registers: LLVM's AMDGPUUsage, "Initial Kernel Execution State" and "Kernel Prolog"; scratch and
// errors: ROCR-Runtime core/runtime/amd_aql_queue.cpp (HandleInsufficientScratch, FillBufRsrcWord*,
// DynamicQueueEventsHandler).
//
// Packets are executed one after the other, which is an order that the barrier bit may ask for and that its
// absence allows.
#include "driver/amd/abi/aql.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "sim/amd/clock.h"
#include "sim/amd/engine.h"
#include "sim/amd/pm4.h"

namespace doorbell::sim::amd {
namespace {

namespace aql = doorbell::amd::aql;
namespace pm4 = doorbell::amd::pm4;
using doorbell::amd::high_dword;
using doorbell::amd::low_dword;

constexpr uint64_t signal_alignment = 64;  // AMD_SIGNAL_ALIGN_BYTES

union Slot {
  uint32_t dwords[16];
  aql::KernelDispatch dispatch;
  aql::Barrier barrier;
  aql::VendorPm4 vendor;
  aql::VendorBarrierValue value;
};
static_assert(sizeof(Slot) == aql::packet_bytes);

class AqlQueue : public Engine {
 public:
  AqlQueue(Commons& shared, const QueueConfig& queue, std::string called)
      : Engine(shared, queue, std::move(called)), pm4_(*this) {}

  void ring_doorbell(uint64_t value) override { rung_ = value; }
  [[nodiscard]] QueueState state() const override { return {read_.load(), write_.load()}; }
  Step step() override {
    Step result = advance();
    if (result == Step::wait) waits_at = read_;
    // Runtimes that do not listen to hardware exceptions (ROCr 5.2: Runtime::BindVmFaultHandler is for memory
    // faults only) would wait for ever for waves that were ended for a hang or a broken rule: they are told
    // as of an exception in a wave.
    bool excepted =
        result == Step::faulted && (fault.kind == FaultKind::hang || fault.kind == FaultKind::strict);
    if (excepted) errors = aql::error_trap;
    if (result == Step::refused || excepted) {
      // The host may end the process as soon as it knows.
      machine.report(fault);
      reported = true;
      raise(errors);
    }
    return result;
  }

 private:
  [[nodiscard]] uint64_t slots() const { return config.ring_bytes / aql::packet_bytes; }
  [[nodiscard]] uint64_t slot_va() const { return config.ring + read_ % slots() * aql::packet_bytes; }
  [[nodiscard]] uint64_t queue_va();
  template <class T>
  T queue_field(size_t offset) {
    return bus.load<T>(queue_va() + offset);
  }

  Step advance();
  Step start();
  Step execute();
  Step kernel_dispatch();
  Step barrier();
  Step barrier_value();
  Step indirect_buffer();
  Step complete();
  bool check_signal(uint64_t signal, const char* what);
  Step refuse(Check check, uint32_t queue_errors, std::string text) {
    if (!bus.refuse(check, std::move(text))) return Step::done;
    return fail(read_, queue_errors);
  }
  // Adds bits to the queue's inactive signal and raises its interrupt.
  void raise(uint32_t bits);
  void notify(const aql::Signal& signal);

  Pm4 pm4_;
  uint64_t rung_ = nothing_rung;
  std::atomic<uint64_t> read_{0}, write_{0};
  Slot slot_{};            // the packet at read_, as it was when its header became valid
  bool started_ = false;   // slot_ holds it
  bool buffered_ = false;  // its indirect buffer was started
  Stream buffer_;
  bool waits_for_scratch_ = false;
  bool ran_ = false;  // its waves have ended
  bool waits_for_reclaim_ = false;
  uint64_t started_at_ = 0;  // ticks
};

uint64_t AqlQueue::queue_va() {
  uint64_t read_index = config.read_pointer;
  return read_index -
         bus.load<uint32_t>(read_index + offsetof(aql::Queue, read_dispatch_id_field_base_byte_offset) -
                            offsetof(aql::Queue, read_dispatch_id));
}

Step AqlQueue::advance() {
  if (rung_ != nothing_rung) {
    bus.purpose("doorbell");
    uint64_t last = std::exchange(rung_, nothing_rung), published = bus.load<uint64_t>(config.write_pointer);
    if (!bus.failed() && last >= published)
      bus.refuse(Check::doorbell, fmt::format("packet {} was rung, the write index at {:#x} says {}", last,
                                              config.write_pointer, published));
    if (!bus.failed() && last >= read_ + slots())
      bus.refuse(
          Check::slot_overwritten,
          fmt::format("packet {} was rung while packet {} is in the same slot or a later one of the {}", last,
                      read_.load(), slots()));
    uint64_t end = std::max(write_.load(), std::min(last + 1, read_ + slots()));
    // Producers ring in any order, and of stores in quick succession only the last is seen here: packets
    // behind it that are written count as rung.
    while (!bus.failed() && end < std::min(published, read_ + slots()) &&
           (bus.load<uint16_t>(config.ring + end % slots() * aql::packet_bytes) & 0xff) !=
               static_cast<uint8_t>(aql::Type::invalid)) {
      ++end;
    }
    if (bus.failed()) return fail(read_, 0);
    write_ = end;
  }
  if (read_ == write_) return Step::idle;
  if (!started_) {
    Step result = start();
    if (result != Step::done || !started_) return result;
  }
  Step result = ran_ ? Step::done : execute();
  if (result != Step::done || stop.load(std::memory_order_relaxed)) return result;
  ran_ = true;
  aql::Header header{static_cast<uint16_t>(slot_.dwords[0])};
  if (header.type() != static_cast<uint8_t>(aql::Type::kernel_dispatch))
    machine.caches.acquire(header.acquire());
  return complete();
}

Step AqlQueue::start() {
  bus.purpose("packet fetch");
  aql::Header header{bus.load<uint16_t>(slot_va())};
  if (!bus.failed() && header.type() == static_cast<uint8_t>(aql::Type::invalid)) {
    waits_for = "the packet was rung, but its header still says INVALID";
    return Step::wait;
  }
  bus.read(slot_va(), std::as_writable_bytes(std::span(&slot_, 1)));
  if (bus.failed()) return fail(read_, aql::error_invalid_packet);
  bus.purpose("AQL packet");
  if ((header.word & aql::Header::reserved) != 0)
    bus.refuse(Check::packet_reserved, fmt::format("header {:#06x}: bits 15:13 are reserved", header.word));
  if (header.acquire() == 3 || header.release() == 3)
    bus.refuse(Check::packet_field, fmt::format("header {:#06x}: fence scope 3 is reserved", header.word));
  if (bus.failed()) return fail(read_, aql::error_invalid_packet);
  ran_ = buffered_ = waits_for_scratch_ = waits_for_reclaim_ = false;
  started_at_ = gpu_ticks();
  started_ = true;
  return Step::done;
}

Step AqlQueue::execute() {
  aql::Header header{static_cast<uint16_t>(slot_.dwords[0])};
  Step (AqlQueue::*handler)() = nullptr;
  const char* what = "";
  uint32_t stray = 0;  // of reserved fields
  switch (static_cast<aql::Type>(header.type())) {
    case aql::Type::kernel_dispatch:
      handler = &AqlQueue::kernel_dispatch;
      what = "kernel dispatch";
      stray = slot_.dispatch.reserved0 | (slot_.dispatch.setup & ~3u) | low_dword(slot_.dispatch.reserved2) |
              high_dword(slot_.dispatch.reserved2);
      break;
    case aql::Type::barrier_and:
    case aql::Type::barrier_or:
      handler = &AqlQueue::barrier;
      what = header.type() == static_cast<uint8_t>(aql::Type::barrier_and) ? "barrier-and" : "barrier-or";
      stray = slot_.barrier.reserved0 | slot_.barrier.reserved1 | low_dword(slot_.barrier.reserved2) |
              high_dword(slot_.barrier.reserved2);
      break;
    case aql::Type::vendor_specific:
      if ((slot_.vendor.format & 0xff) == static_cast<unsigned>(aql::VendorFormat::barrier_value)) {
        handler = &AqlQueue::barrier_value;
        what = "barrier-value";
        stray = slot_.value.reserved | slot_.value.reserved0 | slot_.value.reserved1;
      } else if (slot_.vendor.format == static_cast<unsigned>(aql::VendorFormat::pm4_indirect_buffer)) {
        handler = &AqlQueue::indirect_buffer;
        what = "PM4 indirect buffer";
        for (uint32_t word : slot_.vendor.reserved) stray |= word;
      } else {
        bus.purpose("AQL packet");
        return refuse(
            Check::packet_type, aql::error_invalid_vendor_packet,
            fmt::format("vendor packet of format {}; there are 1 (PM4 indirect buffer) and 2 (barrier-value)",
                        slot_.vendor.format));
      }
      break;
    default: break;
  }
  if (!handler) {
    bus.purpose("AQL packet");
    return refuse(
        Check::packet_type, aql::error_invalid_packet,
        fmt::format("header {:#06x}: type {} is none that a GPU takes", header.word, header.type()));
  }
  bus.purpose(what);
  if (stray != 0) {
    Step result = refuse(Check::packet_reserved, aql::error_invalid_packet, "a reserved field is not zero");
    if (result != Step::done) return result;
  }
  // At the same place in every packet.
  if (!check_signal(slot_.dispatch.completion_signal, "completion signal"))
    return fail(read_, aql::error_invalid_packet);
  return (this->*handler)();
}

// A signal is 64 bytes on 64 bytes, and says what it is.
bool AqlQueue::check_signal(uint64_t signal, const char* what) {
  if (signal == 0) return true;
  if (signal % signal_alignment != 0) {
    bus.refuse_at(Check::packet_signal, signal,
                  fmt::format("the {} {:#x} is not on {} bytes", what, signal, signal_alignment));
    return !bus.failed();
  }
  auto kind = static_cast<int64_t>(bus.load<uint64_t>(signal + offsetof(aql::Signal, kind)));
  if (!bus.failed() && kind != aql::signal_user)
    bus.refuse_at(Check::packet_signal, signal,
                  fmt::format("the {} {:#x} is of kind {}, not a user's", what, signal, kind));
  return !bus.failed();
}

Step AqlQueue::barrier() {
  bool all = (slot_.dwords[0] & 0xff) == static_cast<uint8_t>(aql::Type::barrier_and);
  uint64_t waiting_on = 0;
  uint32_t given = 0, reached = 0;
  for (uint64_t signal : slot_.barrier.dep_signal) {
    if (signal == 0) continue;
    ++given;
    if (!check_signal(signal, "dependency")) return fail(read_, aql::error_invalid_packet);
    if (bus.load<uint64_t>(signal + offsetof(aql::Signal, value)) == 0) {
      ++reached;
    } else {
      waiting_on = signal;
    }
  }
  if (all ? reached == given : reached != 0 || given == 0) return Step::done;
  waits_for = fmt::format(
      "{} waits until signal {:#x} is 0; it is {}", all ? "barrier-and" : "barrier-or", waiting_on,
      static_cast<int64_t>(bus.load<uint64_t>(waiting_on + offsetof(aql::Signal, value))));
  return Step::wait;
}

Step AqlQueue::barrier_value() {
  const aql::VendorBarrierValue& packet = slot_.value;
  if (packet.condition > static_cast<uint32_t>(aql::Condition::gte))
    return refuse(Check::packet_field, aql::error_invalid_vendor_packet,
                  fmt::format("condition {}", packet.condition));
  if (packet.signal == 0) return Step::done;
  if (!check_signal(packet.signal, "signal")) return fail(read_, aql::error_invalid_packet);
  int64_t value =
      static_cast<int64_t>(bus.load<uint64_t>(packet.signal + offsetof(aql::Signal, value))) & packet.mask;
  bool reached = false;
  switch (static_cast<aql::Condition>(packet.condition)) {
    case aql::Condition::eq: reached = value == packet.value; break;
    case aql::Condition::ne: reached = value != packet.value; break;
    case aql::Condition::lt: reached = value < packet.value; break;
    case aql::Condition::gte: reached = value >= packet.value; break;
  }
  if (reached) return Step::done;
  waits_for =
      fmt::format("barrier-value waits for signal {:#x}, which is {} under its mask", packet.signal, value);
  return Step::wait;
}

Step AqlQueue::indirect_buffer() {
  if (!buffered_) {
    pm4::Header header{slot_.vendor.indirect_buffer[0]};
    if (header.type() != 3 || header.opcode() != pm4::INDIRECT_BUFFER ||
        header.dwords() != pm4::indirect_buffer::dwords)
      return refuse(Check::packet_field, aql::error_invalid_vendor_packet,
                    fmt::format("{:#010x} is no header of an INDIRECT_BUFFER packet", header.word));
    if (slot_.vendor.remaining_dwords != 10)
      return refuse(Check::packet_field, aql::error_invalid_vendor_packet,
                    fmt::format("{} dwords are said to follow, 10 do", slot_.vendor.remaining_dwords));
    buffer_ = {slot_va() + offsetof(aql::VendorPm4, indirect_buffer), 0, 0, pm4::indirect_buffer::dwords};
    buffered_ = true;
  }
  if (buffer_.at == buffer_.end && !pm4_.nested()) return Step::done;
  Step result = pm4_.step(buffer_, read_);
  return result == Step::done ? Step::more : result;
}

Step AqlQueue::kernel_dispatch() {
  const aql::KernelDispatch& packet = slot_.dispatch;
  uint64_t inactive = 0;
  if (waits_for_scratch_) {
    inactive = queue_field<uint64_t>(offsetof(aql::Queue, queue_inactive_signal));
    if (bus.load<uint64_t>(inactive + offsetof(aql::Signal, value)) != 0) return Step::wait;
    waits_for_scratch_ = false;
  }
  uint32_t dimensions = packet.setup & 3;
  if (dimensions == 0) return refuse(Check::packet_field, aql::error_invalid_dimensions, "0 dimensions");
  uint64_t workgroup = 1;
  for (uint32_t i = 0; i < 3; ++i) {
    uint32_t grid = packet.grid_size[i], size = packet.workgroup_size[i];
    if (grid == 0 || size == 0 || (i >= dimensions && (grid != 1 || size != 1)))
      return refuse(Check::packet_field, aql::error_invalid_dimensions,
                    fmt::format("dimension {} of {}: a grid of {} work-items in workgroups of {}", i + 1,
                                dimensions, grid, size));
    workgroup *= size;
  }
  if (workgroup > 1024)
    return refuse(Check::packet_field, aql::error_group_too_large,
                  fmt::format("a workgroup of {} work-items, at most 1024", workgroup));
  if (packet.kernel_object == 0)
    return refuse(Check::packet_field, aql::error_invalid_code, "the kernel object is null");
  if (packet.kernel_object % 64 != 0)
    return refuse(Check::packet_alignment, aql::error_invalid_code,
                  fmt::format("the kernel descriptor {:#x} is not on 64 bytes", packet.kernel_object));
  // hsa.h promises compilers 16 bytes; the processor passes the address on unlooked at, and hosts that
  // promise 8 work (tinygrad's AQL queues). Scalar loads ignore bits 0 and 1 (RDNA3 ISA 8.1), so off a dword
  // all is wrong.
  if (packet.kernarg_address % 4 != 0)
    return refuse(Check::packet_alignment, aql::error_invalid_packet,
                  fmt::format("the kernarg segment {:#x} is not on a dword", packet.kernarg_address));
  auto descriptor = bus.load_struct<aql::KernelDescriptor>(packet.kernel_object);
  if (bus.failed()) return fail(read_, aql::error_invalid_code);
  uint32_t properties = descriptor.kernel_code_properties;
  if ((properties & aql::properties_reserved) != 0 || descriptor.reserved0 != 0 ||
      std::ranges::any_of(descriptor.reserved1, [](uint8_t byte) { return byte != 0; }))
    return refuse(Check::packet_reserved, aql::error_invalid_code,
                  fmt::format("{:#x} is no kernel descriptor: reserved bits are set", packet.kernel_object));
  if (packet.group_segment_size < descriptor.group_segment_fixed_size)
    return refuse(Check::packet_field, aql::error_invalid_group_memory,
                  fmt::format("{} bytes of group memory, the kernel's own are {}", packet.group_segment_size,
                              descriptor.group_segment_fixed_size));

  Dispatch work;
  work.code = packet.kernel_object + static_cast<uint64_t>(descriptor.kernel_code_entry_byte_offset);
  if (work.code % 256 != 0)
    return refuse(Check::packet_alignment, aql::error_invalid_code,
                  fmt::format("the kernel's entry {:#x} is not on 256 bytes", work.code));
  work.kernel = fmt::format("of descriptor {:#x}", packet.kernel_object);
  work.rsrc1 = descriptor.compute_pgm_rsrc1;
  work.rsrc2 = descriptor.compute_pgm_rsrc2;
  work.rsrc3 = descriptor.compute_pgm_rsrc3;
  bool gfx9 = generation(machine.gpu) == pm4::Generation::gfx9;
  work.wave32 = !gfx9 && (properties & aql::enable_wavefront_size32) != 0;
  std::copy(std::begin(packet.grid_size), std::end(packet.grid_size), work.grid);
  std::copy(std::begin(packet.workgroup_size), std::end(packet.workgroup_size), work.workgroup);
  work.lds_bytes = packet.group_segment_size;

  uint64_t queue = queue_va();
  auto state = bus.load_struct<aql::Queue>(queue);
  if (bus.failed()) return fail(read_, aql::error_invalid_packet);
  bool scratch = (work.rsrc2 & 1) != 0 && packet.private_segment_size != 0;
  if (scratch) {
    // The queue's field is for waves of 64; one of 32 has twice as much for each lane.
    uint64_t lane_bytes = uint64_t{state.scratch_wave64_lane_byte_size} * (work.wave32 ? 2 : 1);
    if (packet.private_segment_size > lane_bytes) {
      if (state.queue_inactive_signal == 0)
        return refuse(
            Check::packet_field, aql::error_invalid_packet,
            fmt::format("{} bytes of scratch a lane, the queue has {} and no inactive signal to ask by",
                        packet.private_segment_size, lane_bytes));
      waits_for_scratch_ = true;
      waits_for =
          fmt::format("the kernel needs {} bytes of scratch a lane, the queue has {}; waits for the host",
                      packet.private_segment_size, lane_bytes);
      raise(work.wave32 ? aql::error_insufficient_scratch_wave32 : aql::error_insufficient_scratch_wave64);
      return bus.failed() ? fail(read_, 0) : Step::wait;
    }
    Scratch slots = tmpring(machine.gpu, state.compute_tmpring_size);
    work.scratch = state.scratch_backing_memory_location;
    work.scratch_wave_bytes = slots.wave_bytes;
    work.scratch_waves = slots.waves;
  }

  // User SGPRs, in the order of the descriptor's bits.
  auto push = [&](uint64_t value) {
    work.user_sgprs.push_back(low_dword(value));
    work.user_sgprs.push_back(high_dword(value));
  };
  if ((properties & aql::enable_private_segment_buffer) != 0) {
    for (uint32_t word : state.scratch_resource_descriptor) work.user_sgprs.push_back(word);
    // INDEX_STRIDE (word 3, bits 22:21) follows the wave's size: 2 is 32 lanes, 3 is 64.
    if (!gfx9) {
      uint32_t& word3 = work.user_sgprs.back();
      word3 = (word3 & ~(3u << 21)) | (work.wave32 ? 2u : 3u) << 21;
    }
  }
  if ((properties & aql::enable_dispatch_ptr) != 0) push(slot_va());
  if ((properties & aql::enable_queue_ptr) != 0) push(queue);
  if ((properties & aql::enable_kernarg_segment_ptr) != 0) push(packet.kernarg_address);
  if ((properties & aql::enable_dispatch_id) != 0) push(read_);
  if ((properties & aql::enable_flat_scratch_init) != 0) push(state.scratch_backing_memory_location);
  if ((properties & aql::enable_private_segment_size) != 0)
    work.user_sgprs.push_back(packet.private_segment_size);
  // There may be more of them than were asked for: compilers pad (FeatureUserSGPRInit16Bug), to no content.
  uint32_t declared = work.rsrc2 >> 1 & 0x1f;
  if (work.user_sgprs.size() > declared)
    return refuse(Check::packet_field, aql::error_invalid_code,
                  fmt::format("the kernel descriptor asks for {} user SGPRs, its RSRC2 counts {}",
                              work.user_sgprs.size(), declared));

  machine.caches.acquire(aql::Header{packet.header}.acquire());
  started_at_ = gpu_ticks();
  Step result = launch(work, read_);
  if (result != Step::done) return result;
  if (scratch && (state.queue_properties & aql::property_use_scratch_once) != 0 &&
      !stop.load(std::memory_order_relaxed)) {
    waits_for_reclaim_ = true;
    raise(aql::error_large_scratch_reclaim);
  }
  return bus.failed() ? fail(read_, 0) : Step::done;
}

Step AqlQueue::complete() {
  bus.purpose("completion");
  if (waits_for_reclaim_) {
    // The host takes the scratch back, clears the property, and then the queue goes on.
    uint32_t properties = queue_field<uint32_t>(offsetof(aql::Queue, queue_properties));
    if (bus.failed()) return fail(read_, 0);
    if ((properties & aql::property_use_scratch_once) != 0) {
      waits_for = "the host has not taken back the scratch that was to be used once";
      return Step::wait;
    }
    waits_for_reclaim_ = false;
  }
  Slot now;
  bus.read(slot_va(), std::as_writable_bytes(std::span(&now, 1)));
  if (!bus.failed() && std::memcmp(&now, &slot_, sizeof now) != 0) {
    size_t at = 0;
    while (now.dwords[at] == slot_.dwords[at]) ++at;
    bus.refuse(
        Check::slot_overwritten,
        fmt::format("dword {} of the packet became {:#010x}, it was {:#010x}, before the packet was consumed",
                    at, now.dwords[at], slot_.dwords[at]));
  }
  uint64_t address = slot_.dispatch.completion_signal;
  aql::Signal signal{};
  if (aql::Header{static_cast<uint16_t>(slot_.dwords[0])}.release() ==
      static_cast<unsigned>(aql::Scope::system))
    write_back();
  if (address != 0 && !bus.failed()) {
    authors.tell();
    bus.purpose("completion signal");
    // All that is needed of it is read first: once its value has changed, the host may free it.
    signal.event_mailbox = bus.load<uint64_t>(address + offsetof(aql::Signal, event_mailbox));
    signal.event_id = bus.load<uint32_t>(address + offsetof(aql::Signal, event_id));
    if ((queue_field<uint32_t>(offsetof(aql::Queue, queue_properties)) & aql::property_profiling) != 0) {
      bus.store<uint64_t>(address + offsetof(aql::Signal, start_ts), started_at_);
      bus.store<uint64_t>(address + offsetof(aql::Signal, end_ts), gpu_ticks());
    }
    bus.exchange<uint64_t>(address + offsetof(aql::Signal, value), [](uint64_t value) { return value - 1; });
  }
  bus.purpose("read index");
  bus.store<uint16_t>(slot_va(), static_cast<uint16_t>(aql::Type::invalid));
  bus.store<uint64_t>(config.read_pointer, read_ + 1);
  if (bus.failed()) return fail(read_, aql::error_invalid_packet);
  ++read_;
  started_ = false;
  machine.touch();
  notify(signal);
  return bus.failed() ? fail(read_ - 1, 0) : Step::done;
}

void AqlQueue::notify(const aql::Signal& signal) {
  if (signal.event_mailbox == 0) return;
  bus.purpose("event mailbox");
  bus.store<uint64_t>(signal.event_mailbox, signal.event_id);
  if (!bus.failed()) machine.interrupt(signal.event_id);
}

void AqlQueue::raise(uint32_t bits) {
  bus.purpose("inactive signal");
  uint64_t address = queue_field<uint64_t>(offsetof(aql::Queue, queue_inactive_signal));
  if (bus.failed() || address == 0) {
    bus.take_fault();  // the queue stands anyway, and what it stands for was reported
    return;
  }
  aql::Signal signal{};
  signal.event_mailbox = bus.load<uint64_t>(address + offsetof(aql::Signal, event_mailbox));
  signal.event_id = bus.load<uint32_t>(address + offsetof(aql::Signal, event_id));
  bus.exchange<uint64_t>(address + offsetof(aql::Signal, value),
                         [&](uint64_t value) { return value | bits; });
  machine.touch();
  notify(signal);
}

}  // namespace

std::unique_ptr<Engine> make_aql(Commons& machine, const QueueConfig& config, std::string name) {
  return std::make_unique<AqlQueue>(machine, config, std::move(name));
}

}  // namespace doorbell::sim::amd
