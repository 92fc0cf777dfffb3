// Sources: see driver/amd/abi/pm4.h. Where hardware has several agents (PFP, ME, the shader pipe) this
// interpreter is one that finishes each packet before the next, which is one of the orders that hardware may
// choose; waits that a program needs for another order are therefore satisfied at once.
#include "sim/amd/pm4.h"

#include <algorithm>
#include <utility>

#include "driver/amd/abi/aql.h"
#include "sim/amd/atomics.h"
#include "sim/amd/clock.h"

namespace doorbell::sim::amd {
namespace {

namespace pm4 = doorbell::amd::pm4;
namespace aql = doorbell::amd::aql;
using doorbell::amd::Field;
using doorbell::amd::join;

constexpr uint64_t address_of(std::span<const uint32_t> packet, size_t dword) {
  return join(packet[dword], packet[dword + 1]);
}

// WAIT_REG_MEM's and SDMA's comparisons have the same numbers.
bool compare(uint32_t function, uint64_t value, uint64_t reference) {
  switch (function) {
    case pm4::wait_reg_mem::always: return true;
    case pm4::wait_reg_mem::less: return value < reference;
    case pm4::wait_reg_mem::less_equal: return value <= reference;
    case pm4::wait_reg_mem::equal: return value == reference;
    case pm4::wait_reg_mem::not_equal: return value != reference;
    case pm4::wait_reg_mem::greater_equal: return value >= reference;
    case pm4::wait_reg_mem::greater: return value > reference;
    default: return true;
  }
}
constexpr const char* function_names[] = {"anything", "<", "<=", "==", "!=", ">=", ">", "reserved"};

}  // namespace

pm4::Generation generation(const Gpu& gpu) {
  switch (gpu.target_version / 10000) {
    case 9: return pm4::Generation::gfx9;
    case 10: return pm4::Generation::gfx10;
    case 11: return pm4::Generation::gfx11;
    default: return pm4::Generation::gfx12;
  }
}

Scratch tmpring(const Gpu& gpu, uint32_t value) {
  bool gfx11 = generation(gpu) >= pm4::Generation::gfx11;
  uint32_t waves = pm4::tmpring::waves.get(&value);
  if (gfx11) return {pm4::tmpring::wavesize_gfx11.get(&value) * 256, waves * gpu.shader_engines};
  return {pm4::tmpring::wavesize_gfx10.get(&value) * 1024, waves};
}

const Pm4::Row Pm4::rows[] = {
    {pm4::NOP, &Pm4::nop},
    {pm4::DISPATCH_DIRECT, &Pm4::dispatch_direct},
    {pm4::DISPATCH_INDIRECT, &Pm4::dispatch_indirect},
    {pm4::ATOMIC_MEM, &Pm4::atomic_mem},
    {pm4::COND_EXEC, &Pm4::cond_exec},
    {pm4::PRED_EXEC, &Pm4::pred_exec},
    {pm4::WRITE_DATA, &Pm4::write_data},
    {pm4::WAIT_REG_MEM, &Pm4::wait_reg_mem},
    {pm4::WAIT_REG_MEM64, &Pm4::wait_reg_mem},
    {pm4::INDIRECT_BUFFER, &Pm4::indirect_buffer},
    {pm4::COPY_DATA, &Pm4::copy_data},
    {pm4::EVENT_WRITE, &Pm4::event_write},
    {pm4::RELEASE_MEM, &Pm4::release_mem},
    {pm4::DMA_DATA, &Pm4::dma_data},
    {pm4::ACQUIRE_MEM, &Pm4::acquire_mem},
    {pm4::SET_SH_REG, &Pm4::set_sh_reg},
    {pm4::SET_SH_REG_INDEX, &Pm4::set_sh_reg},
    {pm4::SET_UCONFIG_REG, &Pm4::set_uconfig_reg},
    {pm4::HDP_FLUSH, &Pm4::nop},
    // State that only drawing reads is kept nowhere.
    {pm4::CLEAR_STATE, &Pm4::nop, true},
    {pm4::CONTEXT_CONTROL, &Pm4::nop, true},
    {pm4::INDEX_TYPE, &Pm4::nop, true},
    {pm4::NUM_INSTANCES, &Pm4::nop, true},
    {pm4::PFP_SYNC_ME, &Pm4::nop, true},
    {pm4::SET_BASE, &Pm4::set_base, true},
    {pm4::SET_CONTEXT_REG, &Pm4::set_context_reg, true},
    {pm4::SET_UCONFIG_REG_INDEX, &Pm4::set_uconfig_reg, true},
    {pm4::INCREMENT_CE_COUNTER, &Pm4::count_ce, true},
    {pm4::INCREMENT_DE_COUNTER, &Pm4::count_ce, true},
    {pm4::SET_CE_DE_COUNTERS, &Pm4::count_ce, true},
    {pm4::WAIT_ON_CE_COUNTER, &Pm4::wait_on_ce, true},
};

Step Pm4::refuse(Check check, std::string text) {
  engine_.bus.refuse(check, std::move(text));
  return Step::done;  // step() looks at the bus
}

bool Pm4::fetch(const Stream& stream, uint64_t offset, std::span<uint32_t> to) {
  Bus& bus = engine_.bus;
  for (size_t done = 0; done < to.size();) {
    uint64_t at = stream.at + offset + done;
    size_t part = to.size() - done;
    if (stream.ring_dwords != 0) {
      at %= stream.ring_dwords;
      part = std::min<uint64_t>(part, stream.ring_dwords - at);
    }
    bus.read(stream.va + at * 4, std::as_writable_bytes(to.subspan(done, part)));
    done += part;
  }
  return !bus.failed();
}

Step Pm4::step(Stream& outer, uint64_t packet) {
  Bus& bus = engine_.bus;
  packet_ = packet;
  if (!buffers_.empty() && buffers_.back().at == buffers_.back().end) {
    buffers_.pop_back();
    return Step::done;
  }
  // A copy: indirect_buffer() may move the vector.
  Stream stream = buffers_.empty() ? outer : buffers_.back();
  size_t depth = buffers_.size();
  if (stream.at == stream.end) return Step::idle;
  current_ = &stream;
  bus.purpose("packet fetch");
  uint32_t dwords = 1;
  Step result = Step::done;
  auto execute = [&] {
    pm4::Header header;
    if (!fetch(stream, 0, std::span(&header.word, 1))) return;
    if (header.word == pm4::padding) return;
    std::string place = fmt::format("dword {}{}: header {:#010x}", stream.at,
                                    depth ? " of an indirect buffer" : "", header.word);
    if (header.type() != 3) {
      refuse(Check::packet_type, fmt::format("{}: a packet of type {}", place, header.type()));
      return;
    }
    const pm4::Packet* known = pm4::find(header.opcode());
    const Row* row = std::find_if(std::begin(rows), std::end(rows), [&](const Row& one) {
      return known && one.opcode == known->opcode && (graphics_ || !one.graphics);
    });
    if (!known || row == std::end(rows)) {
      std::string_view draws = graphics_ ? pm4::drawing(header.opcode()) : std::string_view();
      refuse(Check::packet_type,
             draws.empty() ? fmt::format("{}: opcode {:#04x} is none of a {}", place, header.opcode(),
                                         graphics_ ? "graphics ring's" : "compute queue's")
                           : fmt::format("{}: {} draws, and nothing here does", place, draws));
      return;
    }
    bus.purpose(known->name.data());
    dwords = header.dwords();
    if (dwords < known->min_dwords || (known->max_dwords != 0 && dwords > known->max_dwords)) {
      refuse(
          Check::packet_field,
          fmt::format("{}: a packet of {} dwords, it has {}{}", place, dwords, known->min_dwords,
                      known->max_dwords == 0                   ? " or more"
                      : known->max_dwords == known->min_dwords ? ""
                                                               : fmt::format(" to {}", known->max_dwords)));
      return;
    }
    if (dwords > stream.end - stream.at) {
      refuse(Check::packet_bounds, fmt::format("{}: a packet of {} dwords, of which only {} were submitted",
                                               place, dwords, stream.end - stream.at));
      return;
    }
    if ((header.word & (pm4::Header::reserved | 1)) != 0)
      refuse(Check::packet_reserved, fmt::format("{}: its bits 7:2 and 0 are reserved", place));
    words_.resize(header.opcode() == pm4::NOP ? 1 : dwords);
    if (!fetch(stream, 0, words_)) return;
    for (size_t i = 1; i < std::min<size_t>(words_.size(), known->defined.size() + 1); ++i) {
      uint32_t stray = words_[i] & ~known->defined[i - 1];
      if (stray != 0)
        refuse(Check::packet_reserved, fmt::format("{}: reserved bits {:#x} of dword {} ({:#010x}) are set",
                                                   place, stray, i, words_[i]));
    }
    if (!bus.failed()) result = (this->*row->handler)(words_);
  };
  execute();
  current_ = nullptr;
  if (bus.failed()) return engine_.fail(packet_, aql::error_invalid_vendor_packet);
  if (result != Step::done) return result;
  // CHAIN replaced the buffer that the packet was in; otherwise that one goes on behind the packet.
  if (!std::exchange(chained_, false))
    (depth == 0 ? outer : buffers_[depth - 1]).at = std::min(stream.at + dwords, stream.end);
  return Step::done;
}

Step Pm4::nop(Packet) { return Step::done; }

Step Pm4::set_sh_reg(Packet packet) {
  return set_registers(packet, pm4::set_reg::sh_start, pm4::set_reg::sh_end, "SH");
}
Step Pm4::set_uconfig_reg(Packet packet) {
  return set_registers(packet, pm4::set_reg::uconfig_start, pm4::set_reg::uconfig_end, "UCONFIG");
}

Step Pm4::set_registers(Packet packet, uint32_t first, uint32_t last, const char* space) {
  uint32_t reg = first + pm4::set_reg::offset.get(packet.data());  // an index above it says how to write
  auto values = packet.subspan(pm4::set_reg::header_dwords);
  if (reg + values.size() > last)
    return refuse(Check::packet_field, fmt::format("registers [{:#x}, {:#x}) are not {} registers", reg,
                                                   reg + values.size(), space));
  for (uint32_t value : values) {
    if (first == pm4::set_reg::sh_start) {
      // A compute queue's are those of the compute shader: 0x2e00 up to COMPUTE_NOWHERE.
      if (!graphics_ && (reg < pm4::reg::COMPUTE_DISPATCH_INITIATOR || reg > 0x2e7f))
        return refuse(Check::packet_field, fmt::format("register {:#x} is none of a compute shader's", reg));
      sh_[reg - first] = value;
      sh_set_[reg - first] = true;
    } else {
      uconfig_[reg] = value;
    }
    ++reg;
  }
  return Step::done;
}

Step Pm4::dispatch_direct(Packet packet) { return dispatch({packet[1], packet[2], packet[3]}, packet[4]); }

Step Pm4::set_context_reg(Packet packet) {
  const uint32_t reg = pm4::set_reg::context_start + pm4::set_reg::offset.get(packet.data());
  const size_t values = packet.size() - pm4::set_reg::header_dwords;
  if (reg + values > pm4::set_reg::context_end)
    return refuse(Check::packet_field,
                  fmt::format("registers [{:#x}, {:#x}) are not CONTEXT registers", reg, reg + values));
  return Step::done;
}

Step Pm4::set_base(Packet packet) {
  if (pm4::set_base::base_index.get(packet.data()) == pm4::set_base::indirect)
    indirect_base_ = address_of(packet, 2);
  return Step::done;
}

// The constant engine and the drawing engine run beside each other and count for each other; here the one's
// buffers come first, as in the ring.
Step Pm4::count_ce(Packet packet) {
  switch (pm4::Header{packet[0]}.opcode()) {
    case pm4::INCREMENT_CE_COUNTER: ++ce_count_; break;
    case pm4::INCREMENT_DE_COUNTER: ++de_count_; break;
    default: ce_count_ = de_count_ = 0;
  }
  return Step::done;
}

Step Pm4::wait_on_ce(Packet) {
  if (static_cast<int32_t>(ce_count_ - de_count_) > 0) return Step::done;
  engine_.waits_for = fmt::format("WAIT_ON_CE_COUNTER waits until {} is more than {}", ce_count_, de_count_);
  return Step::wait;
}

Step Pm4::dispatch_indirect(Packet packet) {
  const bool based = packet.size() == pm4::dispatch_indirect::dwords_graphics;
  if (based != graphics_)
    return refuse(Check::packet_field, fmt::format("{} dwords, which is the form of a {}", packet.size(),
                                                   based ? "graphics ring" : "compute queue"));
  if (!based && (packet[2] >> 16) != 0)
    return refuse(Check::packet_reserved, fmt::format("address bits 63:48 ({:#x}) are set", packet[2] >> 16));
  uint64_t va = based ? indirect_base_ + packet[1] : address_of(packet, 1);
  std::array<uint32_t, 3> dim{};
  for (uint32_t i = 0; i < 3; ++i) dim[i] = engine_.bus.load<uint32_t>(va + 4 * i);
  if (engine_.bus.failed()) return Step::done;
  return dispatch(dim, packet[based ? 2 : 3]);
}

Step Pm4::dispatch(std::array<uint32_t, 3> dim, uint32_t initiator) {
  namespace reg = pm4::reg;
  pm4::Generation chip = generation(engine_.machine.gpu);
  if (pm4::initiator::compute_shader_en.get(&initiator) == 0)
    return refuse(Check::packet_field, "DISPATCH_INITIATOR without COMPUTE_SHADER_EN");
  uint32_t rsrc3 = chip == pm4::Generation::gfx9 ? reg::COMPUTE_PGM_RSRC3_GFX9 : reg::COMPUTE_PGM_RSRC3_GFX10;
  constexpr std::pair<uint32_t, const char*> needed[] = {{reg::COMPUTE_PGM_LO, "COMPUTE_PGM_LO"},
                                                         {reg::COMPUTE_PGM_HI, "COMPUTE_PGM_HI"},
                                                         {reg::COMPUTE_PGM_RSRC1, "COMPUTE_PGM_RSRC1"},
                                                         {reg::COMPUTE_PGM_RSRC2, "COMPUTE_PGM_RSRC2"},
                                                         {reg::COMPUTE_NUM_THREAD_X, "COMPUTE_NUM_THREAD_X"},
                                                         {reg::COMPUTE_NUM_THREAD_Y, "COMPUTE_NUM_THREAD_Y"},
                                                         {reg::COMPUTE_NUM_THREAD_Z, "COMPUTE_NUM_THREAD_Z"}};
  for (auto [number, name] : needed)
    if (!is_set(number)) return refuse(Check::packet_field, fmt::format("{} was never set", name));

  Dispatch work;
  work.code = join(sh(reg::COMPUTE_PGM_LO), sh(reg::COMPUTE_PGM_HI) & 0xff) << 8;
  work.rsrc1 = sh(reg::COMPUTE_PGM_RSRC1);
  work.rsrc2 = sh(reg::COMPUTE_PGM_RSRC2);
  work.rsrc3 = sh(rsrc3);
  work.wave32 = chip != pm4::Generation::gfx9 && pm4::initiator::cs_w32_en.get(&initiator) != 0;
  bool threads = pm4::initiator::use_thread_dimensions.get(&initiator) != 0;
  bool partial = pm4::initiator::partial_tg_en.get(&initiator) != 0;
  bool from_zero = pm4::initiator::force_start_at_000.get(&initiator) != 0;
  for (uint32_t i = 0; i < 3; ++i) {
    uint32_t size = sh(reg::COMPUTE_NUM_THREAD_X + i);
    uint32_t full = size & 0xffff, rest = size >> 16;
    if (full == 0) return refuse(Check::packet_field, fmt::format("COMPUTE_NUM_THREAD_{} is 0", "XYZ"[i]));
    // The dimensions of the packet are ends, not counts.
    uint32_t start = from_zero ? 0 : sh(reg::COMPUTE_START_X + i);
    uint64_t end = threads ? dim[i] : uint64_t{dim[i]} * full;
    if (!threads && partial && rest != 0 && dim[i] != 0) end = end - full + rest;
    uint64_t begin = uint64_t{start} * full;
    if (end <= begin) return Step::done;  // an empty grid
    if (end - begin > 0xffffffff)
      return refuse(Check::packet_field, fmt::format("{} work-items in dimension {}", end - begin, "xyz"[i]));
    work.workgroup[i] = full;
    work.first[i] = start;
    work.grid[i] = static_cast<uint32_t>(end - begin);
  }
  uint32_t user_sgprs = work.rsrc2 >> 1 & 0x1f;
  if (user_sgprs > 16)
    return refuse(Check::packet_field,
                  fmt::format("COMPUTE_PGM_RSRC2.USER_SGPR is {}, there are 16", user_sgprs));
  for (uint32_t i = 0; i < user_sgprs && is_set(reg::COMPUTE_USER_DATA_0 + i); ++i)
    work.user_sgprs.push_back(sh(reg::COMPUTE_USER_DATA_0 + i));
  // LDS_SIZE counts 128 dwords on every generation since gfx7.
  work.lds_bytes = (work.rsrc2 >> 15 & 0x1ff) * 512;
  Scratch scratch = tmpring(engine_.machine.gpu, sh(reg::COMPUTE_TMPRING_SIZE));
  work.scratch_wave_bytes = scratch.wave_bytes;
  work.scratch_waves = scratch.waves;
  work.scratch =
      join(sh(reg::COMPUTE_DISPATCH_SCRATCH_BASE_LO), sh(reg::COMPUTE_DISPATCH_SCRATCH_BASE_HI) & 0xff) << 8;
  work.kernel = fmt::format("at {:#x}", work.code);
  return engine_.launch(work, packet_);
}

Step Pm4::atomic_mem(Packet packet) {
  namespace f = pm4::atomic_mem;
  uint32_t op = f::atomic.get(packet.data()), command = f::command.get(packet.data());
  if (command > f::send) return refuse(Check::packet_field, fmt::format("command {} is reserved", command));
  uint64_t compare_with = join(packet[6], packet[7]);
  AtomicResult result =
      atomic(engine_.bus, op, address_of(packet, 2), join(packet[4], packet[5]), compare_with);
  if (!result.known) return refuse(Check::packet_field, fmt::format("atomic operation {} is reserved", op));
  if (engine_.bus.failed()) return Step::done;
  atomic_return_ = result.old;
  engine_.machine.touch();
  if (command == f::loop_until_compare_satisfied && result.old != compare_with) {
    engine_.waits_for =
        fmt::format("ATOMIC_MEM loops until {:#x} holds {:#x}", address_of(packet, 2), compare_with);
    return Step::wait;
  }
  return Step::done;
}

// Skips what follows by taking it as part of this packet: the stream is this step's own copy.
Step Pm4::cond_exec(Packet packet) {
  if (engine_.bus.load<uint32_t>(address_of(packet, 1)) != 0 || engine_.bus.failed()) return Step::done;
  uint32_t skipped = pm4::cond_exec::exec_count.get(packet.data());
  if (skipped > current_->end - current_->at - packet.size())
    return refuse(Check::packet_bounds,
                  fmt::format("{} dwords to skip are more than were submitted", skipped));
  current_->at += skipped;
  return Step::done;
}

Step Pm4::pred_exec(Packet packet) {
  if (buffers_.empty())
    return refuse(Check::packet_field, "PRED_EXEC stands in a ring; it works in indirect buffers only");
  uint32_t skipped = pm4::pred_exec::exec_count.get(packet.data());
  if ((pm4::pred_exec::virtual_xcc_id_select.get(packet.data()) & 1) != 0)
    return Step::done;  // one XCC, number 0
  if (skipped > current_->end - current_->at - packet.size())
    return refuse(Check::packet_bounds,
                  fmt::format("{} dwords to skip are more than were submitted", skipped));
  current_->at += skipped;
  return Step::done;
}

Step Pm4::write_data(Packet packet) {
  namespace f = pm4::write_data;
  auto data = packet.subspan(f::header_dwords);
  uint32_t to = f::dst_sel.get(packet.data());
  bool increment = f::addr_incr.get(packet.data()) == 0;
  if (to == f::mem_mapped_register) {
    // The registers of the kernel's rings that are the kernel's own: a write raises an interrupt, and the
    // ring is taken for hung (gfx_v10_0_priv_reg_irq).
    if (engine_.config.ring_bytes == 0 && packet[2] < pm4::set_reg::sh_start)
      return refuse(Check::packet_field, fmt::format("register {:#x} is the kernel's", packet[2]));
    for (size_t i = 0; i < data.size(); ++i)
      uconfig_[packet[2] + static_cast<uint32_t>(increment ? i : 0)] = data[i];
    return Step::done;
  }
  if (to != f::tc_l2 && to != f::memory)
    return refuse(Check::packet_field, fmt::format("destination {} is reserved", to));
  uint64_t va = address_of(packet, 2);
  if (va % 4 != 0) return refuse(Check::packet_alignment, fmt::format("address {:#x} is not on a dword", va));
  if (increment) {
    // Whole dwords, in order: a reader may poll the last one.
    for (size_t i = 0; i < data.size() && !engine_.bus.failed(); ++i) engine_.bus.store(va + 4 * i, data[i]);
  } else {
    for (uint32_t word : data) engine_.bus.store(va, word);
  }
  engine_.machine.touch();
  return Step::done;
}

Step Pm4::wait_reg_mem(Packet packet) {
  namespace f = pm4::wait_reg_mem;
  bool wide = packet.size() == f::dwords64;
  uint32_t function = f::function.get(packet.data()), space = f::mem_space.get(packet.data());
  uint32_t operation = f::operation.get(packet.data());
  uint64_t reference = wide ? join(packet[4], packet[5]) : packet[4];
  uint64_t mask = wide ? join(packet[6], packet[7]) : packet[5];
  if (function > f::greater) return refuse(Check::packet_field, "function 7 is reserved");
  if (operation == 2 || space > 1)
    return refuse(Check::packet_field, fmt::format("operation {} of space {} is reserved", operation, space));
  if (operation == f::write_wait_write || space == 0) {
    // The registers that a compute queue may poll are those of the HDP flush: a request, and the next one
    // that says it is done. Flushes are done at once.
    bool flush = operation == f::write_wait_write && space == 0 && packet[3] == packet[2] + 1;
    auto known = uconfig_.find(packet[2]);
    if (!flush && known == uconfig_.end())
      return refuse(Check::packet_field, fmt::format("register {:#x} may not be polled", packet[2]));
    if (flush || compare(function, known->second & mask, reference)) return Step::done;
    engine_.waits_for = fmt::format("WAIT_REG_MEM waits for register {:#x}", packet[2]);
    return Step::wait;
  }
  uint64_t va = address_of(packet, 2);
  if (va % (wide ? 8 : 4) != 0)
    return refuse(Check::packet_alignment, fmt::format("address {:#x} is not on {} bytes", va, wide ? 8 : 4));
  uint64_t value = wide ? engine_.bus.load<uint64_t>(va) : engine_.bus.load<uint32_t>(va);
  if (engine_.bus.failed() || compare(function, value & mask, reference)) return Step::done;
  engine_.waits_for =
      fmt::format("WAIT_REG_MEM waits until {:#x}, which holds {:#x}, is {} {:#x} under mask {:#x}", va,
                  value, function_names[function], reference, mask);
  return Step::wait;
}

Step Pm4::indirect_buffer(Packet packet) {
  namespace f = pm4::indirect_buffer;
  const uint32_t* p = packet.data();
  if (f::valid.get(p) == 0) return refuse(Check::packet_field, "the VALID bit (23) of dword 3 is not set");
  if (f::vmid.get(p) != 0 || f::priv.get(p) != 0)
    return refuse(Check::packet_field, "VMID and PRIV are the kernel's to set");
  Stream buffer;
  buffer.va = join(f::base_lo.get(p) << 2, f::base_hi.get(p));
  buffer.end = f::size.get(p);
  if (f::chain.get(p) != 0) {
    if (buffers_.empty()) return refuse(Check::packet_field, "CHAIN in a ring: there is no buffer to leave");
    buffers_.back() = buffer;
    chained_ = true;
    return Step::done;
  }
  if (buffers_.size() == deepest)
    return refuse(Check::packet_bounds, fmt::format("indirect buffers nest more than {} deep", deepest));
  buffers_.push_back(buffer);
  return Step::done;
}

Step Pm4::copy_data(Packet packet) {
  namespace f = pm4::copy_data;
  Bus& bus = engine_.bus;
  const uint32_t* p = packet.data();
  bool wide = f::count_sel.get(p) != 0;
  uint64_t from = address_of(packet, 2), to = address_of(packet, 4);
  uint64_t align = wide ? 8 : 4;
  uint64_t value = 0;
  switch (f::src_sel.get(p)) {
    case f::src_register: value = uconfig_.contains(packet[2]) ? uconfig_[packet[2]] : 0; break;
    case f::src_memory_obsolete:
    case f::src_tc_l2:
      if (from % align != 0)
        return refuse(Check::packet_alignment, fmt::format("source {:#x}: {} bytes", from, align));
      value = wide ? bus.load<uint64_t>(from) : bus.load<uint32_t>(from);
      break;
    case f::src_perfcounters: value = uconfig_.contains(packet[2]) ? uconfig_[packet[2]] : 0; break;
    case f::src_immediate: value = from; break;
    case f::src_atomic_return: value = atomic_return_; break;
    case f::src_gpu_clock:
    case f::src_system_clock: value = gpu_ticks(); break;
    default: return refuse(Check::packet_field, fmt::format("source {} is reserved", f::src_sel.get(p)));
  }
  switch (f::dst_sel.get(p)) {
    case f::dst_register: uconfig_[packet[4]] = doorbell::amd::low_dword(value); break;
    case f::dst_memory_obsolete:
    case f::dst_tc_l2:
      if (to % align != 0)
        return refuse(Check::packet_alignment, fmt::format("target {:#x}: {} bytes", to, align));
      if (wide) {
        bus.store<uint64_t>(to, value);
      } else {
        bus.store<uint32_t>(to, doorbell::amd::low_dword(value));
      }
      engine_.machine.touch();
      break;
    default: return refuse(Check::packet_field, fmt::format("destination {} is reserved", f::dst_sel.get(p)));
  }
  return Step::done;
}

Step Pm4::event_write(Packet packet) {
  namespace f = pm4::event_write;
  // Shaders are done when their dispatch returns, so that partial flushes find nothing to wait for; counters
  // are not kept, so that samples and traces have nothing to write.
  uint32_t index = f::event_index.get(packet.data()), type = f::event_type.get(packet.data());
  if ((type == f::CS_PARTIAL_FLUSH) != (index == f::cs_partial_flush))
    return refuse(Check::packet_field,
                  fmt::format("event {:#x} with index {}: CS_PARTIAL_FLUSH (7) is the event of "
                              "index 4",
                              type, index));
  return Step::done;
}

Step Pm4::release_mem(Packet packet) {
  namespace f = pm4::release_mem;
  Bus& bus = engine_.bus;
  const uint32_t* p = packet.data();
  if (packet.size() != f::dwords)
    return refuse(Check::packet_field,
                  fmt::format("{} dwords, RELEASE_MEM has {}", packet.size(), f::dwords));
  uint32_t index = f::event_index.get(p);
  if (index != f::end_of_pipe && index != f::shader_done)
    return refuse(Check::packet_field,
                  fmt::format("event index {}: 5 is the end of the pipe, 6 of the shaders", index));
  if (engine_.config.eop_buffer == 0) return refuse(Check::eop_buffer, "the queue was created without one");
  uint32_t interrupt = f::int_sel.get(p), data = f::data_sel.get(p);
  uint64_t va = address_of(packet, 3), value = join(packet[5], packet[6]);
  if (f::dst_sel.get(p) > f::tc_l2)
    return refuse(Check::packet_field, fmt::format("destination {} is reserved", f::dst_sel.get(p)));
  if (interrupt > f::int_if_compare64) return refuse(Check::packet_field, "interrupt selector 7 is reserved");
  if (interrupt == f::send_interrupt_only && data != f::data_none)
    return refuse(Check::packet_field, "an interrupt only (1), and data to be written");
  uint64_t align = data == f::data32 ? 4 : 8;
  if (data != f::data_none && va % align != 0)
    return refuse(Check::packet_alignment, fmt::format("address {:#x} is not on {} bytes", va, align));
  bool compares = interrupt == f::int_if_compare32 || interrupt == f::int_if_compare64;
  if (!compares && data > f::system_clock)
    return refuse(Check::packet_field, fmt::format("data selector {} is reserved", data));
  // The fetcher goes on while the pipe runs empty: whoever is woken finds the packet consumed.
  if (current_->read_pointer != 0)
    bus.store<uint32_t>(current_->read_pointer,
                        static_cast<uint32_t>((current_->at + f::dwords) % current_->ring_dwords));
  // The data and the interrupt come after the write-back.
  bool gfx9 = generation(engine_.machine.gpu) == pm4::Generation::gfx9;
  if ((packet[1] & (gfx9 ? f::tc_wb_action : f::gcr_gl2_wb)) != 0) engine_.write_back();
  bool send = interrupt == f::send_interrupt_only || interrupt == f::send_interrupt_after_write_confirm ||
              interrupt == f::send_int_ctxid;
  if (interrupt == f::int_if_compare32) {
    send = bus.load<uint32_t>(va) == packet[5];
  } else if (interrupt == f::int_if_compare64) {
    send = bus.load<uint64_t>(va) == value;
  } else {
    switch (data) {
      case f::data_none: break;
      case f::data32: bus.store<uint32_t>(va, packet[5]); break;
      case f::data64: bus.store<uint64_t>(va, value); break;
      case f::gpu_clock:
      case f::system_clock: bus.store<uint64_t>(va, gpu_ticks()); break;
      default: break;  // reserved
    }
  }
  if (bus.failed()) return Step::done;
  if (send || data != f::data_none) engine_.authors.tell();
  if (!gfx9)
    engine_.machine.caches.invalidate({.l0 = (packet[1] & f::gcr_glv_inv) != 0,
                                       .gl1 = (packet[1] & f::gcr_gl1_inv) != 0,
                                       .l2 = (packet[1] & f::gcr_gl2_inv) != 0});
  engine_.machine.touch();
  if (send) engine_.machine.interrupt(packet[7]);
  return Step::done;
}

Step Pm4::dma_data(Packet packet) {
  namespace f = pm4::dma_data;
  const uint32_t* p = packet.data();
  uint32_t from = f::src_sel.get(p), to = f::dst_sel.get(p), bytes = f::byte_count.get(p);
  if (from == f::src_gds || to == f::dst_gds || to == 2)
    return refuse(Check::packet_field,
                  fmt::format("source {} to destination {}: GDS is not there", from, to));
  if (f::sas.get(p) != 0 || f::das.get(p) != 0)
    return refuse(Check::packet_field, "register space (SAS, DAS) is the kernel's");
  uint64_t target = address_of(packet, 4);
  engine_.bus.packet(packet_);
  engine_.bus.past_l2(to != f::dst_l2);
  if (from == f::src_data) {
    std::array<uint32_t, 1> word = {packet[2]};
    engine_.bus.fill(target, std::as_bytes(std::span(word)), bytes, engine_.stop);
  } else {
    engine_.bus.copy(target, address_of(packet, 2), bytes, engine_.stop);
  }
  engine_.machine.touch();
  return Step::done;
}

Step Pm4::acquire_mem(Packet packet) {
  namespace f = pm4::acquire_mem;
  bool gfx9 = generation(engine_.machine.gpu) == pm4::Generation::gfx9;
  uint32_t dwords = gfx9 ? f::dwords_gfx9 : f::dwords;
  if (packet.size() != dwords)
    return refuse(Check::packet_field,
                  fmt::format("{} dwords, this GPU's ACQUIRE_MEM has {}", packet.size(), dwords));
  uint32_t control = gfx9 ? packet[1] : f::gcr_cntl.get(packet.data());
  if ((control & (gfx9 ? f::tc_wb_action : pm4::gcr::gl2_wb)) != 0) engine_.write_back();
  engine_.machine.caches.invalidate(gfx9 ? Caches::Which{.code = (control & f::sh_icache_action) != 0,
                                                         .scalar = (control & f::sh_kcache_action) != 0,
                                                         .l0 = (control & f::tcl1_action) != 0,
                                                         .gl1 = (control & f::tcl1_action) != 0,
                                                         .l2 = (control & f::tc_action) != 0}
                                         : Caches::Which{.code = (control & pm4::gcr::gli_inv) != 0,
                                                         .scalar = (control & pm4::gcr::glk_inv) != 0,
                                                         .l0 = (control & pm4::gcr::glv_inv) != 0,
                                                         .gl1 = (control & pm4::gcr::gl1_inv) != 0,
                                                         .l2 = (control & pm4::gcr::gl2_inv) != 0});
  return Step::done;
}

namespace {

// A ring of PM4 packets. The write pointer and the doorbell are 64-bit counts of dwords that only rise; the
// read pointer is a 32-bit index into the ring (CP_HQD_PQ_RPTR).
class Pm4Queue : public Engine {
 public:
  Pm4Queue(Commons& shared, const QueueConfig& queue, std::string called, bool graphics)
      : Engine(shared, queue, std::move(called)), pm4_(*this, graphics) {}

  void ring_doorbell(uint64_t value) override { rung_ = value; }
  void enter(uint64_t va, uint64_t dwords, uint64_t number) override {
    read_ = write_ = next_ = number;
    pm4_.enter(va, dwords);
  }

  [[nodiscard]] QueueState state() const override { return {read_.load(), write_.load()}; }

  Step step() override {
    uint64_t dwords = config.ring_bytes / 4;
    if (rung_ != nothing_rung) {
      bus.purpose("doorbell");
      uint64_t published = bus.load<uint64_t>(config.write_pointer);
      if (!bus.failed() && rung_ > published)
        bus.refuse(Check::doorbell, fmt::format("dword {} was rung, the write pointer at {:#x} says {}",
                                                rung_, config.write_pointer, published));
      if (!bus.failed() && rung_ > read_ + dwords)
        bus.refuse(Check::doorbell,
                   fmt::format("dword {} was rung while {} is being read: more than the ring's {}", rung_,
                               read_.load(), dwords));
      if (!bus.failed() && rung_ < write_)
        bus.refuse(Check::doorbell, fmt::format("dword {} was rung after {}", rung_, write_.load()));
      if (bus.failed()) return fail(read_, 0);
      write_ = std::min(std::exchange(rung_, nothing_rung), read_ + dwords);
    }
    Stream ring{config.ring, dwords, read_, write_, config.read_pointer};
    Step result = pm4_.step(ring, read_);
    if (result == Step::wait) waits_at = read_;
    if (result != Step::done || pm4_.nested()) {
      // The ring goes on behind the packet that started an indirect buffer, but the packet is not consumed.
      next_ = result == Step::done && ring.at != read_ ? ring.at : next_;
      return result;
    }
    if (dwords == 0) return Step::done;
    read_ = std::max(ring.at, next_);
    bus.purpose("read pointer");
    bus.store<uint32_t>(config.read_pointer, static_cast<uint32_t>(read_ % dwords));
    return bus.failed() ? fail(read_, 0) : Step::done;
  }

 private:
  Pm4 pm4_;
  uint64_t rung_ = nothing_rung;
  std::atomic<uint64_t> read_{0}, write_{0};
  uint64_t next_ = 0;
};

}  // namespace

std::unique_ptr<Engine> make_pm4(Commons& machine, const QueueConfig& config, std::string name) {
  return std::make_unique<Pm4Queue>(machine, config, std::move(name), false);
}

std::unique_ptr<Engine> make_gfx(Commons& machine, const QueueConfig& config, std::string name) {
  return std::make_unique<Pm4Queue>(machine, config, std::move(name), true);
}

}  // namespace doorbell::sim::amd
