// The PM4 interpreter of a compute queue: ring or indirect buffer in, dispatches, memory writes and
// interrupts out. The queues of type PM4 own one for their ring, AQL queues one for the indirect buffers of
// vendor packets. Register state lives as long as the queue.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "driver/amd/abi/pm4.h"
#include "sim/amd/engine.h"

namespace doorbell::sim::amd {

[[nodiscard]] doorbell::amd::pm4::Generation generation(const Gpu& gpu);

// What the fields of COMPUTE_TMPRING_SIZE mean on this GPU.
struct Scratch {
  uint32_t wave_bytes = 0;
  uint32_t waves = 0;  // of the whole GPU
};
[[nodiscard]] Scratch tmpring(const Gpu& gpu, uint32_t compute_tmpring_size);

// Dwords to be read as packets. A ring wraps; an indirect buffer does not.
struct Stream {
  uint64_t va = 0;
  uint64_t ring_dwords = 0;   // 0: no ring
  uint64_t at = 0, end = 0;   // dwords, monotonic
  uint64_t read_pointer = 0;  // address of where a ring's is reported; 0: nobody asks
};

class Pm4 {
 public:
  // `graphics`: of a graphics ring, which carries compute and more.
  explicit Pm4(Engine& engine, bool graphics = false) : engine_(engine), graphics_(graphics) {}

  // The next packets are those of an indirect buffer that no packet leads to.
  void enter(uint64_t va, uint64_t dwords) { buffers_.assign(1, Stream{va, 0, 0, dwords, 0}); }

  // Executes one packet of the innermost indirect buffer, or of `outer` where there is none. `packet` is what
  // messages call it.
  Step step(Stream& outer, uint64_t packet);
  // Inside an indirect buffer of `outer`.
  [[nodiscard]] bool nested() const { return !buffers_.empty(); }

 private:
  using Packet = std::span<const uint32_t>;
  using Handler = Step (Pm4::*)(Packet);
  struct Row {
    doorbell::amd::pm4::Opcode opcode;
    Handler handler;
    bool graphics = false;  // of graphics rings only
  };
  static const Row rows[];

  Step refuse(Check check, std::string text);
  bool fetch(const Stream& stream, uint64_t offset, std::span<uint32_t> to);
  Step nop(Packet packet);
  Step dispatch_direct(Packet packet);
  Step dispatch_indirect(Packet packet);
  Step dispatch(std::array<uint32_t, 3> dim, uint32_t initiator);
  Step atomic_mem(Packet packet);
  Step cond_exec(Packet packet);
  Step pred_exec(Packet packet);
  Step write_data(Packet packet);
  Step wait_reg_mem(Packet packet);
  Step indirect_buffer(Packet packet);
  Step copy_data(Packet packet);
  Step event_write(Packet packet);
  Step release_mem(Packet packet);
  Step dma_data(Packet packet);
  Step acquire_mem(Packet packet);
  Step set_sh_reg(Packet packet);
  Step set_uconfig_reg(Packet packet);
  Step set_context_reg(Packet packet);
  Step set_base(Packet packet);
  Step count_ce(Packet packet);
  Step wait_on_ce(Packet packet);
  Step set_registers(Packet packet, uint32_t first, uint32_t last, const char* space);
  [[nodiscard]] uint32_t sh(uint32_t reg) const { return sh_[reg - doorbell::amd::pm4::set_reg::sh_start]; }
  [[nodiscard]] bool is_set(uint32_t reg) const {
    return sh_set_[reg - doorbell::amd::pm4::set_reg::sh_start];
  }

  static constexpr size_t sh_registers = 0x400;
  static constexpr size_t deepest = 2;  // indirect buffers in each other: IB1, IB2

  Engine& engine_;
  const bool graphics_;
  std::vector<Stream> buffers_;
  Stream* current_ = nullptr;  // during a step
  uint64_t packet_ = 0;        // during a step
  bool chained_ = false;       // by the packet of this step
  std::vector<uint32_t> words_;
  std::array<uint32_t, sh_registers> sh_{};
  std::bitset<sh_registers> sh_set_;
  std::unordered_map<uint32_t, uint32_t> uconfig_;
  uint64_t atomic_return_ = 0;
  uint64_t indirect_base_ = 0;  // of a graphics ring's DISPATCH_INDIRECT
  uint32_t ce_count_ = 0, de_count_ = 0;
};

}  // namespace doorbell::sim::amd
