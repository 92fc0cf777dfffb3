// An SDMA queue: a ring of copy, fill, fence, poll and interrupt packets, and indirect buffers of the same.
// Pointers and doorbell are 64-bit byte counts that only rise. Sources: driver/amd/abi/sdma.h; alignment of
// indirect buffers: Linux amdgpu/sdma_v5_2.c, sdma_v5_2_ring_emit_ib and _pad_ib; of copies of boxes:
// amd_blit_sdma.cpp, SubmitCopyRectCommand.
#include "driver/amd/abi/sdma.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "driver/amd/abi/aql.h"
#include "driver/amd/abi/pm4.h"
#include "sim/amd/atomics.h"
#include "sim/amd/clock.h"
#include "sim/amd/engine.h"

namespace doorbell::sim::amd {
namespace {

namespace sdma = doorbell::amd::sdma;
namespace aql = doorbell::amd::aql;
namespace pm4 = doorbell::amd::pm4;
using doorbell::amd::Field;
using doorbell::amd::join;

constexpr uint32_t any = 0xffffffff;

class SdmaQueue : public Engine {
 public:
  SdmaQueue(Commons& shared, const QueueConfig& queue, std::string called);
  void ring_doorbell(uint64_t value) override { rung_ = value; }
  [[nodiscard]] QueueState state() const override { return {read_.load(), write_.load()}; }
  Step step() override;
  void enter(uint64_t va, uint64_t dwords, uint64_t number) override {
    read_ = write_ = next_ = number;
    indirect_ = true;
    indirect_va_ = va;
    indirect_end_ = dwords * 4;
    at_ = 0;
  }

 private:
  using Packet = std::span<const uint32_t>;

  // One row a packet: its length and, for each dword, the bits that may be set. Bits that only some versions
  // know are marked by `v6`: cache policies and CPV.
  struct Row {
    const char* name;
    uint8_t op;
    int sub_op;  // any_sub_op: the header's bits 15:8 belong to the row's mask
    uint32_t dwords;
    Step (SdmaQueue::*handler)(Packet);
    std::vector<uint32_t> defined;
    uint32_t header_v6 = 0;
  };
  static constexpr int any_sub_op = -1;
  static const std::vector<Row>& rows();

  Step refuse(Check check, std::string text) {
    bus.refuse(check, std::move(text));
    return Step::done;  // step() looks at the bus
  }
  uint32_t dword(uint64_t byte);
  [[nodiscard]] uint64_t limit() const { return indirect_ ? indirect_end_ : write_.load(); }
  bool long_counts() const { return version_ >= sdma::Version::v5; }

  Step nop(Packet packet);
  Step copy(Packet packet);
  Step copy_box(Packet packet);
  Step write(Packet packet);
  Step indirect(Packet packet);
  Step fence(Packet packet);
  Step trap(Packet packet);
  Step poll(Packet packet);
  Step cond_exe(Packet packet);
  Step atomic_op(Packet packet);
  Step fill(Packet packet);
  Step timestamp(Packet packet);
  Step gcr(Packet packet);

  sdma::Version version_;
  uint64_t rung_ = nothing_rung;
  std::atomic<uint64_t> read_{0}, write_{0};  // bytes
  // Inside an indirect buffer: `at_` counts its bytes, `next_` is where the ring goes on.
  bool indirect_ = false;
  uint64_t indirect_va_ = 0, indirect_end_ = 0, at_ = 0, next_ = 0;
  uint64_t skip_ = 0;   // dwords that the packet of this step wants left out
  uint64_t polls_ = 0;  // of the packet that stands
  std::vector<uint32_t> words_;
};

sdma::Version version(const Gpu& gpu) {
  switch (gpu.sdma_ip[0]) {
    case 4: return sdma::Version::v4;
    case 5: return sdma::Version::v5;
    case 6: return sdma::Version::v6;
    default: return sdma::Version::v7;
  }
}

SdmaQueue::SdmaQueue(Commons& shared, const QueueConfig& queue, std::string called)
    : Engine(shared, queue, std::move(called)), version_(version(shared.gpu)) {
  bus.past_l2(true);  // as Linux sets it up: WR_L2_POLICY of SDMA*_UTCL1_PAGE (sdma_common.h)
}

// clang-format off
const std::vector<SdmaQueue::Row>& SdmaQueue::rows() {
  using Q = SdmaQueue;
  constexpr uint32_t head = 0xffff;  // op and sub-op
  // Never destroyed, as all tables here: the GPU's threads work until the very end of the process.
  static const auto& table = *new std::vector<Row>{
    {"NOP", sdma::NOP, 0, 1, &Q::nop, {head | 0x3fff0000}},
    {"COPY_LINEAR", sdma::COPY, sdma::COPY_LINEAR, 7, &Q::copy,
     {head | 0x0a050000, 0x3fffffff, 0x1f1f1f00, any, any, any, any, any, any}, 0x00080000},
    {"COPY_LINEAR_SUB_WIND", sdma::COPY, sdma::COPY_LINEAR_SUB_WIND, 13, &Q::copy_box,
     {head | 0xe0040000, any, any, 0x3fff3fff, any, 0x0fffffff, any, any, 0x3fff3fff, any, 0x0fffffff, 0x3fff3fff,
      0x1f1f1fff}, 0x00080000},
    {"WRITE_LINEAR", sdma::WRITE, sdma::WRITE_LINEAR, 4, &Q::write, {head | 0x00050000, any, any, 0x030fffff}, 0x10080000},
    {"INDIRECT", sdma::INDIRECT, 0, 6, &Q::indirect, {head | 0x800f0000, 0xffffffe0, any, 0x000fffff, any, any}},
    {"FENCE", sdma::FENCE, 0, 4, &Q::fence, {head | 0x03df0000, 0xfffffffc, any, any}, 0x14000000},
    {"TRAP", sdma::TRAP, 0, 2, &Q::trap, {head, 0x0fffffff}},
    {"DUMMY_TRAP", sdma::DUMMY_TRAP, 0, 2, &Q::nop, {head, 0x0fffffff}},
    {"POLL_REGMEM", sdma::POLL_REGMEM, sdma::POLL_REGMEM_WAIT, 6, &Q::poll,
     {head | 0xf4000000, any, any, any, any, 0x0fffffff}, 0x01700000},
    {"COND_EXE", sdma::COND_EXE, 0, 5, &Q::cond_exe, {head, 0xfffffffc, any, any, 0x3fff}, 0x17000000},
    {"ATOMIC", sdma::ATOMIC, any_sub_op, 8, &Q::atomic_op, {0xff | 0xfe050000, any, any, any, any, any, any, 0x1fff}, 0x01700000},
    {"CONST_FILL", sdma::CONST_FILL, sdma::FILL_CONSTANT, 5, &Q::fill, {head | 0xc0030000, any, any, any, 0x3fffffff}, 0x17000000},
    {"TIMESTAMP_GET", sdma::TIMESTAMP, sdma::TIMESTAMP_GET, 3, &Q::timestamp, {head, 0xfffffff8, any}, 0x17000000},
    {"TIMESTAMP_GET_GLOBAL", sdma::TIMESTAMP, sdma::TIMESTAMP_GET_GLOBAL, 3, &Q::timestamp, {head, 0xfffffff8, any}, 0x17000000},
    {"GCR_REQ", sdma::GCR_REQ, 0, 5, &Q::gcr, {head, 0xffffff80, any, 0xffffff87, 0x0f00ffff}},
    {"GCR_REQ", sdma::GCR_REQ, sdma::GCR_USER, 5, &Q::gcr, {head, 0xffffff80, any, 0xffffff87, 0x0f00ffff}},
  };
  return table;
}
// clang-format on

uint32_t SdmaQueue::dword(uint64_t byte) {
  return indirect_ ? bus.load<uint32_t>(indirect_va_ + byte)
                   : bus.load<uint32_t>(config.ring + byte % config.ring_bytes);
}

Step SdmaQueue::step() {
  if (rung_ != nothing_rung) {
    bus.purpose("doorbell");
    uint64_t published = bus.load<uint64_t>(config.write_pointer);
    if (!bus.failed() && rung_ % 4 != 0)
      bus.refuse(Check::doorbell, fmt::format("byte {} was rung, which is no dword", rung_));
    if (!bus.failed() && rung_ > published)
      bus.refuse(Check::doorbell, fmt::format("byte {} was rung, the write pointer at {:#x} says {}", rung_,
                                              config.write_pointer, published));
    if (!bus.failed() && rung_ > read_ + config.ring_bytes)
      bus.refuse(Check::doorbell,
                 fmt::format("byte {} was rung while {} is being read: more than the ring's {}", rung_,
                             read_.load(), config.ring_bytes));
    if (!bus.failed() && rung_ < write_)
      bus.refuse(Check::doorbell, fmt::format("byte {} was rung after {}", rung_, write_.load()));
    if (bus.failed()) return fail(read_, 0);
    write_ = std::min(std::exchange(rung_, nothing_rung), read_ + config.ring_bytes) & ~uint64_t{3};
  }
  if (!indirect_) at_ = read_;
  uint64_t end = limit();
  if (at_ >= end && indirect_) {
    indirect_ = false;
    at_ = next_;
  } else if (at_ >= end) {
    return Step::idle;
  } else {
    bus.purpose("packet fetch");
    Step result = Step::done;
    uint64_t dwords = 1;
    auto execute = [&] {
      uint32_t header = dword(at_);
      if (bus.failed()) return;
      uint32_t op = sdma::op.get(&header), sub_op = sdma::sub_op.get(&header);
      std::string place =
          fmt::format("byte {}{}: header {:#010x}", at_, indirect_ ? " of an indirect buffer" : "", header);
      const auto& table = rows();
      auto row = std::find_if(table.begin(), table.end(), [&](const Row& one) {
        return one.op == op && (one.sub_op == any_sub_op || one.sub_op == static_cast<int>(sub_op));
      });
      if (row == table.end()) {
        refuse(Check::packet_type,
               fmt::format("{}: op {} sub-op {} is no packet of a user's queue", place, op, sub_op));
        return;
      }
      if (op == sdma::GCR_REQ && version_ < sdma::Version::v5) {
        refuse(Check::packet_type, fmt::format("{}: GCR_REQ came with version 5", place));
        return;
      }
      bus.purpose(row->name);
      dwords = row->dwords;
      if (op == sdma::COPY && sub_op == sdma::COPY_LINEAR && sdma::copy_linear::broadcast.get(&header) != 0)
        dwords = sdma::copy_linear::dwords_broadcast;
      if (op == sdma::NOP) dwords += sdma::nop::count.get(&header);
      uint64_t left = (end - at_) / 4;
      size_t read = op == sdma::NOP ? 1 : dwords;
      auto bounded = [&] {
        if (dwords <= left) return true;
        refuse(Check::packet_bounds, fmt::format("{}: a packet of {} dwords, of which only {} were submitted",
                                                 place, dwords, left));
        dwords = left;
        return false;
      };
      if (!bounded()) return;
      words_.resize(read);
      for (size_t i = 0; i < read; ++i) words_[i] = dword(at_ + 4 * i);
      if (bus.failed()) return;
      if (op == sdma::WRITE) {
        uint64_t data = uint64_t{sdma::write::count.get(words_.data())} + 1;
        dwords += data;
        if (!bounded()) return;
        for (size_t i = read; i < dwords; ++i) words_.push_back(dword(at_ + 4 * i));
      }
      for (size_t i = 0; i < std::min(words_.size(), row->defined.size()); ++i) {
        uint32_t defined = row->defined[i];
        if (i == 0 && version_ >= sdma::Version::v6) defined |= row->header_v6;
        if ((words_[i] & ~defined) != 0)
          refuse(Check::packet_reserved, fmt::format("{}: reserved bits {:#x} of dword {} ({:#010x}) are set",
                                                     place, words_[i] & ~defined, i, words_[i]));
      }
      if (!bus.failed()) result = (this->*row->handler)(words_);
    };
    skip_ = 0;
    bool was_indirect = indirect_;
    execute();
    if (bus.failed()) return fail(read_, aql::error_invalid_packet);
    if (result != Step::done) {
      waits_at = read_;
      return result;
    }
    polls_ = 0;
    uint64_t after = (was_indirect ? at_ : read_.load()) + 4 * (dwords + skip_);
    if (indirect_ && !was_indirect) {
      next_ = after;  // indirect() has set at_
    } else {
      at_ = after;
    }
  }
  if (indirect_ || config.ring_bytes == 0) return Step::done;
  read_ = at_;
  bus.purpose("read pointer");
  bus.store<uint64_t>(config.read_pointer, at_);
  return bus.failed() ? fail(read_, 0) : Step::done;
}

Step SdmaQueue::nop(Packet) { return Step::done; }

Step SdmaQueue::copy(Packet packet) {
  namespace f = sdma::copy_linear;
  uint64_t bytes = uint64_t{(long_counts() ? f::count : f::count_v4).get(packet.data())} + 1;
  uint64_t from = join(packet[3], packet[4]);
  bool backwards = f::backwards.get(packet.data()) != 0;
  if (!long_counts() && f::count.get(packet.data()) >= f::max_bytes_v4)
    return refuse(Check::packet_field,
                  fmt::format("{} bytes, this engine copies at most {}",
                              uint64_t{f::count.get(packet.data())} + 1, f::max_bytes_v4));
  for (size_t i = 5; i < packet.size(); i += 2) {
    bus.copy(join(packet[i], packet[i + 1]), from, bytes, stop, backwards);
  }
  machine.touch();
  return Step::done;
}

Step SdmaQueue::copy_box(Packet packet) {
  namespace f = sdma::copy_sub_window;
  const uint32_t* p = packet.data();
  uint32_t log2 = f::element_size.get(p);
  if (log2 > 4) return refuse(Check::packet_field, fmt::format("elements of 2^{} bytes", log2));
  struct Surface {
    uint64_t base, x, y, z, pitch, slice;
  };
  auto surface = [&](uint64_t base, const Field& x, const Field& y, const Field& z, const Field& pitch,
                     const Field& slice) {
    return Surface{
        base, x.get(p), y.get(p), z.get(p), uint64_t{pitch.get(p)} + 1, uint64_t{slice.get(p)} + 1};
  };
  Surface from =
      surface(join(packet[1], packet[2]), f::src_x, f::src_y, f::src_z, f::src_pitch, f::src_slice);
  Surface to = surface(join(packet[6], packet[7]), f::dst_x, f::dst_y, f::dst_z, f::dst_pitch, f::dst_slice);
  if (from.base % 4 != 0 || to.base % 4 != 0)
    return refuse(Check::packet_alignment,
                  fmt::format("surfaces at {:#x} and {:#x} are not on dwords", from.base, to.base));
  uint64_t width = uint64_t{f::rect_x.get(p)} + 1, height = uint64_t{f::rect_y.get(p)} + 1;
  uint64_t depth = uint64_t{f::rect_z.get(p)} + 1;
  for (const Surface* one : {&from, &to})
    if (one->x + width > one->pitch)
      return refuse(Check::packet_field,
                    fmt::format("a box of {} elements from {} on sticks out of a pitch of {}", width, one->x,
                                one->pitch));
  auto address = [&](const Surface& one, uint64_t y, uint64_t z) {
    return one.base + (((one.z + z) * one.slice + (one.y + y) * one.pitch + one.x) << log2);
  };
  // What cannot be copied ends the packet even where that is not refused: a box has up to 2^25 rows.
  bool whole = true;
  for (uint64_t z = 0; z < depth && whole; ++z)
    for (uint64_t y = 0; y < height && whole; ++y)
      whole = bus.copy(address(to, y, z), address(from, y, z), width << log2, stop);
  machine.touch();
  return Step::done;
}

Step SdmaQueue::write(Packet packet) {
  uint64_t va = join(packet[1], packet[2]);
  if (va % 4 != 0) return refuse(Check::packet_alignment, fmt::format("address {:#x} is not on a dword", va));
  for (size_t i = sdma::write::header_dwords; i < packet.size() && !bus.failed(); ++i) {
    bus.store(va, packet[i]);
    va += 4;
  }
  machine.touch();
  return Step::done;
}

Step SdmaQueue::indirect(Packet packet) {
  if (indirect_) return refuse(Check::packet_bounds, "indirect buffers do not nest");
  uint64_t end = at_ + 4 * packet.size();
  if (end % 32 != 0)
    return refuse(Check::packet_alignment, fmt::format("the packet ends at byte {}, not on 8 dwords", end));
  if (sdma::indirect::vmid.get(packet.data()) != 0 || (packet[0] >> 31) != 0)
    return refuse(Check::packet_field, "VMID and PRIV are the kernel's to set");
  uint64_t dwords = sdma::indirect::size.get(packet.data());
  if (dwords % 8 != 0)
    return refuse(Check::packet_alignment,
                  fmt::format("an indirect buffer of {} dwords, not a multiple of 8", dwords));
  indirect_ = true;
  indirect_va_ = join(packet[1], packet[2]);
  indirect_end_ = dwords * 4;
  at_ = 0;
  return Step::done;
}

Step SdmaQueue::fence(Packet packet) {
  bus.store<uint32_t>(join(packet[1], packet[2]), packet[3]);
  machine.touch();
  return Step::done;
}

Step SdmaQueue::trap(Packet packet) {
  machine.interrupt(sdma::trap::int_context.get(packet.data()));
  return Step::done;
}

Step SdmaQueue::poll(Packet packet) {
  namespace f = sdma::poll_regmem;
  const uint32_t* p = packet.data();
  uint64_t va = join(packet[1], packet[2]);
  if (f::mem_poll.get(p) == 0) {
    // Registers: an HDP flush, which is done at once. ROCr's form of it names no register.
    bool rocr = packet[1] == 0 && packet[2] == f::hdp_flush_address_high;
    if (f::hdp_flush.get(p) == 0 && !rocr)
      return refuse(Check::packet_field, fmt::format("registers may not be polled ({:#x})", va));
    return Step::done;
  }
  uint32_t function = f::func.get(p);
  if (function > f::greater) return refuse(Check::packet_field, "function 7 is reserved");
  uint32_t value = bus.load<uint32_t>(va) & packet[4];
  if (bus.failed()) return Step::done;
  static constexpr bool (*satisfied[])(uint32_t, uint32_t) = {
      [](uint32_t, uint32_t) { return true; },       [](uint32_t a, uint32_t b) { return a < b; },
      [](uint32_t a, uint32_t b) { return a <= b; }, [](uint32_t a, uint32_t b) { return a == b; },
      [](uint32_t a, uint32_t b) { return a != b; }, [](uint32_t a, uint32_t b) { return a >= b; },
      [](uint32_t a, uint32_t b) { return a > b; },
  };
  if (satisfied[function](value, packet[3])) return Step::done;
  // A count below 0xfff is how often to look before going on regardless.
  uint32_t retries = f::retry_count.get(p);
  if (retries != 0xfff && polls_++ >= retries) return Step::done;
  static constexpr const char* names[] = {"anything", "<", "<=", "==", "!=", ">=", ">"};
  waits_for = fmt::format("POLL_REGMEM waits until {:#x}, which holds {:#x} under mask {:#x}, is {} {:#x}",
                          va, value, packet[4], names[function], packet[3]);
  return Step::wait;
}

Step SdmaQueue::cond_exe(Packet packet) {
  uint32_t value = bus.load<uint32_t>(join(packet[1], packet[2]));
  if (bus.failed() || value == packet[3]) return Step::done;
  uint64_t skipped = sdma::cond_exe::exec_count.get(packet.data());
  if (skipped > (limit() - at_) / 4 - packet.size())
    return refuse(Check::packet_bounds,
                  fmt::format("{} dwords to skip are more than were submitted", skipped));
  skip_ = skipped;
  return Step::done;
}

Step SdmaQueue::atomic_op(Packet packet) {
  namespace f = sdma::atomic;
  uint32_t op = f::operation.get(packet.data());
  uint64_t va = join(packet[1], packet[2]), expected = join(packet[5], packet[6]);
  AtomicResult result = atomic(bus, op, va, join(packet[3], packet[4]), expected);
  if (!result.known) return refuse(Check::packet_field, fmt::format("atomic operation {} is reserved", op));
  if (bus.failed()) return Step::done;
  machine.touch();
  if (f::loop.get(packet.data()) != 0 && result.old != expected) {
    waits_for = fmt::format("ATOMIC loops until {:#x} holds {:#x}", va, expected);
    return Step::wait;
  }
  return Step::done;
}

Step SdmaQueue::fill(Packet packet) {
  namespace f = sdma::const_fill;
  const uint32_t* p = packet.data();
  uint64_t va = join(packet[1], packet[2]);
  uint32_t size = f::fillsize.get(p);
  uint64_t count = (long_counts() ? f::count : f::count_v4).get(p);
  if (!long_counts() && f::count.get(p) > count)
    return refuse(Check::packet_field,
                  fmt::format("{} bytes, this engine fills at most {}", f::count.get(p), count));
  if (size == 1 || size == 3)
    return refuse(Check::packet_field, fmt::format("fill size {} is reserved", size));
  if (size == 0) {
    uint8_t byte = static_cast<uint8_t>(packet[3]);
    bus.fill(va, std::as_bytes(std::span(&byte, 1)), count + 1, stop);
  } else {
    if (va % 4 != 0)
      return refuse(Check::packet_alignment, fmt::format("address {:#x} is not on a dword", va));
    // Whole dwords: ROCr's count is bytes - 4, the kernel's bytes - 1.
    bus.fill(va, std::as_bytes(packet.subspan(3, 1)), (count & ~uint64_t{3}) + 4, stop);
  }
  machine.touch();
  return Step::done;
}

Step SdmaQueue::timestamp(Packet packet) {
  bus.store<uint64_t>(join(packet[1], packet[2]), gpu_ticks());
  machine.touch();
  return Step::done;
}

Step SdmaQueue::gcr(Packet packet) {
  if (sdma::gcr_req::vmid.get(packet.data()) != 0)
    return refuse(Check::packet_field, "VMID is the kernel's to set");
  uint32_t control = sdma::gcr_req::control_15_0.get(packet.data());
  if ((control & pm4::gcr::gl2_wb) != 0) write_back();
  machine.caches.invalidate({.code = (control & pm4::gcr::gli_inv) != 0,
                             .scalar = (control & pm4::gcr::glk_inv) != 0,
                             .l0 = (control & pm4::gcr::glv_inv) != 0,
                             .gl1 = (control & pm4::gcr::gl1_inv) != 0,
                             .l2 = (control & pm4::gcr::gl2_inv) != 0});
  return Step::done;
}

}  // namespace

std::unique_ptr<Engine> make_sdma(Commons& machine, const QueueConfig& config, std::string name) {
  return std::make_unique<SdmaQueue>(machine, config, std::move(name));
}

}  // namespace doorbell::sim::amd
