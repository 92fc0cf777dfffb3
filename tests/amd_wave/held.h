// Memory of the host for a Rig, of which the second-level cache of its GPU holds what is stored there, and
// who stores there.
#pragma once

#include "tests/amd_packets/rig.h"
#include "tests/amd_wave/assemble.h"

namespace doorbell::sim::amd {

using doorbell::amd::high_dword, doorbell::amd::low_dword;

struct Held {
  static constexpr uint64_t base = 0x20'0000'0000, bytes = 16 * page_bytes;

  explicit Held(Rig& owner, Mtype mtype = Mtype::nc, MemoryKind kind = MemoryKind::userptr)
      : rig(owner), memory(bytes / 8) {
    rig.vm.hold_host_stores(rig.strict.on(Check::missing_release));
    Region region;
    region.va = base;
    region.bytes = bytes;
    region.host = reinterpret_cast<std::byte*>(memory.data());
    region.access = access_read | access_write;
    region.kind = kind;
    region.mtype = mtype;
    EXPECT_TRUE(rig.vm.map(region).ok());
  }
  ~Held() { rig.vm.unmap(base, bytes); }
  // What the host finds there.
  uint32_t word(size_t index = 0) {
    return __atomic_load_n(reinterpret_cast<uint32_t*>(memory.data()) + index, __ATOMIC_ACQUIRE);
  }

  Rig& rig;
  std::vector<uint64_t> memory;
};

// A kernel of machine code for a wave32, with the address of its arguments in s[0:1].
inline uint64_t machine_code(Rig& rig, std::string_view text) {
  rig.instructions = true;
  auto code = assemble(text, rig.gpu, 32);
  EXPECT_TRUE(code.ok()) << code.error().message;
  uint64_t descriptor = rig.take(64, 64), entry = rig.take(code->size(), 256);
  std::memcpy(rig.at(entry), code->data(), code->size());
  aql::KernelDescriptor content{};
  content.kernel_code_properties = aql::enable_kernarg_segment_ptr | aql::enable_wavefront_size32;
  content.compute_pgm_rsrc2 = 2 << 1 | 1 << 7;
  content.kernel_code_entry_byte_offset = static_cast<int64_t>(entry - descriptor);
  *rig.at<aql::KernelDescriptor>(descriptor) = content;
  return descriptor;
}
inline constexpr const char* stores_sevens =
    "v_lshlrev_b32 v1, 2, v0\n v_mov_b32 v2, 7\n global_store_b32 v1, v2, s[0:1]\n s_endpgm";

inline aql::KernelDispatch packet(uint64_t kernel, uint64_t kernarg, aql::Scope acquire, aql::Scope release,
                                  uint64_t signal = 0) {
  aql::KernelDispatch packet = AqlRing::dispatch(kernel, signal, 32);
  packet.kernarg_address = kernarg;
  packet.header = aql::Header::make(aql::Type::kernel_dispatch, true, acquire, release).word;
  return packet;
}

// Words are filled with 7 by the packets of the other rings, and the host is told by a word of its own.
inline void fill_by_cp_dma(Pm4Ring& ring, uint64_t va, uint32_t bytes, uint32_t to = pm4::dma_data::dst_l2) {
  ring.packet(pm4::DMA_DATA, {to << 20 | uint32_t{pm4::dma_data::src_data} << 29, 7, 0, low_dword(va),
                              high_dword(va), bytes});
}
inline void tell(Pm4Ring& ring, uint64_t va, uint32_t gcr) {
  ring.packet(pm4::RELEASE_MEM, {0x14 | 5 << 8 | gcr, 1u << 29, low_dword(va), high_dword(va), 1, 0, 0});
}
inline void fill(SdmaRing& ring, uint64_t va, uint32_t bytes) {
  ring.push({sdma::header(sdma::CONST_FILL) | 2u << 30, low_dword(va), high_dword(va), 7, bytes - 4});
}
inline void gcr(SdmaRing& ring, uint32_t control) {
  ring.push({sdma::header(sdma::GCR_REQ, sdma::GCR_USER), 0, control << 16, 0, 0});
}
inline void tell(SdmaRing& ring, uint64_t va) {
  ring.push({sdma::header(sdma::FENCE) | 3u << 16, low_dword(va), high_dword(va), 1});
}

}  // namespace doorbell::sim::amd
