// PM4: the packets of AMD's compute queues, as the micro engine compute (MEC) of gfx9 to gfx12 reads them.
//
// A packet is a header dword and a body; the header's count is the body's dwords less one. Bits that no field
// names are zero. Sources: Linux drivers/gpu/drm/amd/amdgpu/{nvd.h, soc15d.h} (opcodes, field values; the
// names here are theirs), ROCR-Runtime core/inc/amd_gpu_pm4.h and
// libhsakmt/tests/kfdtest/include/pm4_pkt_struct_{common,ai,nv}.h (where the MEC's layout of a packet differs
// from the graphics engine's), registers from
// include/asic_reg/gc/gc_{9_4_3,10_3_0,11_0_0}_{offset,sh_mask}.h.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "driver/amd/abi/field.h"

namespace doorbell::amd::pm4 {

// What differs between generations is a column here.
enum class Generation : uint8_t { gfx9, gfx10, gfx11, gfx12 };

enum Opcode : uint8_t {
  NOP = 0x10,
  SET_BASE = 0x11,
  CLEAR_STATE = 0x12,
  DISPATCH_DIRECT = 0x15,
  DISPATCH_INDIRECT = 0x16,
  ATOMIC_MEM = 0x1e,
  COND_EXEC = 0x22,
  PRED_EXEC = 0x23,
  CONTEXT_CONTROL = 0x28,
  INDEX_TYPE = 0x2a,
  NUM_INSTANCES = 0x2f,
  WRITE_DATA = 0x37,
  WAIT_REG_MEM = 0x3c,
  INDIRECT_BUFFER = 0x3f,
  COPY_DATA = 0x40,
  PFP_SYNC_ME = 0x42,
  EVENT_WRITE = 0x46,
  RELEASE_MEM = 0x49,
  DMA_DATA = 0x50,
  ACQUIRE_MEM = 0x58,
  SET_CONTEXT_REG = 0x69,
  SET_SH_REG = 0x76,
  SET_UCONFIG_REG = 0x79,
  SET_UCONFIG_REG_INDEX = 0x7a,
  INCREMENT_CE_COUNTER = 0x84,
  INCREMENT_DE_COUNTER = 0x85,
  WAIT_ON_CE_COUNTER = 0x86,
  SET_CE_DE_COUNTERS = 0x89,
  WAIT_REG_MEM64 = 0x93,
  HDP_FLUSH = 0x95,
  INVALIDATE_TLBS = 0x98,
  SET_SH_REG_INDEX = 0x9b,
};

// The header of a type-3 packet. Type 2 (0x80000000) is one dword of padding; types 0 and 1 are not for
// compute.
struct Header {
  uint32_t word = 0;

  [[nodiscard]] static constexpr Header make(Opcode op, uint32_t dwords) {  // dwords: of the whole packet
    return {3u << 30 | (dwords - 2) << 16 | uint32_t{op} << 8 | 1u << 1};
  }
  [[nodiscard]] constexpr uint32_t type() const { return word >> 30; }
  [[nodiscard]] constexpr uint8_t opcode() const { return word >> 8 & 0xff; }
  [[nodiscard]] constexpr bool compute() const { return (word >> 1 & 1) != 0; }
  [[nodiscard]] constexpr bool predicated() const { return (word & 1) != 0; }
  // Of the whole packet. A NOP whose count is all ones is the header alone (soc15d.h: "one dword NOP").
  [[nodiscard]] constexpr uint32_t dwords() const {
    uint32_t count = word >> 16 & 0x3fff;
    return count == 0x3fff ? 1 : count + 2;
  }
  static constexpr uint32_t reserved = 0xfc;  // bits 7:2
};
static_assert(Header::make(DISPATCH_DIRECT, 5).word == 0xc0031502);
inline constexpr uint32_t padding = 0x80000000;  // a type-2 packet

namespace dispatch_direct {
inline constexpr uint32_t dwords = 5;  // header, x, y, z, initiator
}
namespace dispatch_indirect {                   // the MEC's form: the address of x, y, z; no base
inline constexpr uint32_t dwords = 4;           // header, address low, high, initiator
inline constexpr uint32_t dwords_graphics = 3;  // header, offset from SET_BASE's address, initiator
}  // namespace dispatch_indirect
namespace set_base {                   // of graphics rings
inline constexpr uint32_t dwords = 4;  // header, which, address
inline constexpr Field base_index{1, 0, 4};
inline constexpr uint32_t indirect = 1;
}  // namespace set_base
namespace initiator {  // COMPUTE_DISPATCH_INITIATOR
inline constexpr Field compute_shader_en{0, 0, 1}, partial_tg_en{0, 1, 1}, force_start_at_000{0, 2, 1};
inline constexpr Field ordered_append_enbl{0, 3, 1}, use_thread_dimensions{0, 5, 1}, order_mode{0, 6, 1};
inline constexpr Field scalar_l1_inv_vol{0, 10, 1}, vector_l1_inv_vol{0, 11, 1}, tunnel_enable{0, 13, 1};
inline constexpr Field restore{0, 14, 1}, cs_w32_en{0, 15, 1};
}  // namespace initiator

namespace atomic_mem {
inline constexpr uint32_t dwords = 9;  // header, control, address, source, compare, loop interval
inline constexpr Field atomic{1, 0, 7}, command{1, 8, 4}, cache_policy{1, 25, 2};
inline constexpr Field loop_interval{8, 0, 13};
enum Command : uint32_t {
  single_pass = 0,
  loop_until_compare_satisfied = 1,
  wait_for_write_confirm = 2,
  send = 3
};
}  // namespace atomic_mem

namespace write_data {
inline constexpr uint32_t header_dwords = 4;  // header, control, address; then the data
inline constexpr Field dst_sel{1, 8, 4}, addr_incr{1, 16, 1}, wr_confirm{1, 20, 1}, cache_policy{1, 25, 2};
inline constexpr Field engine_sel{1, 30, 2};
enum Destination : uint32_t { mem_mapped_register = 0, tc_l2 = 2, gds = 3, memory = 5 };
}  // namespace write_data

namespace wait_reg_mem {
inline constexpr uint32_t dwords = 7;    // header, control, address, reference, mask, poll interval
inline constexpr uint32_t dwords64 = 9;  // WAIT_REG_MEM64: reference and mask of two dwords each
inline constexpr Field function{1, 0, 3}, mem_space{1, 4, 2}, operation{1, 6, 2}, engine{1, 8, 2};
inline constexpr Field cache_policy{1, 25, 2}, poll_interval{6, 0, 16}, optimize_ace_offload_mode{6, 31, 1};
enum Function : uint32_t { always, less, less_equal, equal, not_equal, greater_equal, greater };
enum Operation : uint32_t { wait = 0, write_wait_write = 1, wait_preemptable = 3 };
}  // namespace wait_reg_mem

namespace indirect_buffer {
inline constexpr uint32_t dwords = 4;
inline constexpr Field base_lo{1, 2, 30}, base_hi{2, 0, 32}, size{3, 0, 20}, chain{3, 20, 1};
inline constexpr Field offload_polling{3, 21, 1}, valid{3, 23, 1}, vmid{3, 24, 4}, cache_policy{3, 28, 2};
inline constexpr Field priv{3, 31, 1};
}  // namespace indirect_buffer

namespace copy_data {
inline constexpr uint32_t dwords = 6;  // header, control, source, destination
inline constexpr Field src_sel{1, 0, 4}, dst_sel{1, 8, 4}, src_cache_policy{1, 13, 2}, count_sel{1, 16, 1};
inline constexpr Field wr_confirm{1, 20, 1}, dst_cache_policy{1, 25, 2}, pq_exe_status{1, 29, 1};
enum Source : uint32_t {
  src_register = 0,
  src_memory_obsolete = 1,
  src_tc_l2 = 2,
  src_gds = 3,
  src_perfcounters = 4,
  src_immediate = 5,
  src_atomic_return = 6,
  src_gpu_clock = 9,
  src_system_clock = 10
};
enum Destination : uint32_t {
  dst_register = 0,
  dst_tc_l2 = 2,
  dst_gds = 3,
  dst_perfcounters = 4,
  dst_memory_obsolete = 5
};
}  // namespace copy_data

namespace event_write {
inline constexpr uint32_t dwords = 2, dwords_with_address = 4;
inline constexpr Field event_type{1, 0, 6}, event_index{1, 8, 4};
enum Event : uint32_t {  // VGT_EVENT_TYPE
  CACHE_FLUSH_TS = 4,
  CACHE_FLUSH = 6,
  CS_PARTIAL_FLUSH = 7,
  CACHE_FLUSH_AND_INV_TS_EVENT = 0x14,
  CACHE_FLUSH_AND_INV_EVENT = 0x16,
  BOTTOM_OF_PIPE_TS = 0x28,
  CS_DONE = 0x2f,
  THREAD_TRACE_START = 0x33,
  THREAD_TRACE_STOP = 0x34,
  THREAD_TRACE_MARKER = 0x35,
  THREAD_TRACE_FINISH = 0x37,
};
enum Index : uint32_t { other = 0, sample_pipelinestat = 2, cs_partial_flush = 4 };
}  // namespace event_write

namespace release_mem {
inline constexpr uint32_t dwords = 8;  // header, event, selectors, address, data, interrupt context
inline constexpr Field event_type{1, 0, 6}, event_index{1, 8, 4}, gcr_cntl{1, 12, 13}, cache_policy{1, 25, 2};
inline constexpr Field execute{1, 28, 1};
inline constexpr Field dst_sel{2, 16, 2}, int_sel{2, 24, 3}, data_sel{2, 29, 3};
enum Index : uint32_t { end_of_pipe = 5, shader_done = 6 };
enum Destination : uint32_t { memory_controller = 0, tc_l2 = 1 };
enum Interrupt : uint32_t {
  int_none = 0,
  send_interrupt_only = 1,
  send_interrupt_after_write_confirm = 2,
  send_data_after_write_confirm = 3,
  send_int_ctxid = 4,
  int_if_compare32 = 5,
  int_if_compare64 = 6
};
enum Data : uint32_t { data_none = 0, data32 = 1, data64 = 2, gpu_clock = 3, system_clock = 4, gds_data = 5 };
// gcr_cntl of gfx10 and later, as bits of dword 1.
inline constexpr uint32_t gcr_glm_wb = 1u << 12, gcr_glm_inv = 1u << 13, gcr_glv_inv = 1u << 14;
inline constexpr uint32_t gcr_gl1_inv = 1u << 15, gcr_gl2_discard = 1u << 19, gcr_gl2_inv = 1u << 20;
inline constexpr uint32_t gcr_gl2_wb = 1u << 21, gcr_seq = 1u << 22;
// gfx9: EOP_TC*_ACTION_EN.
inline constexpr uint32_t tcl1_vol_action = 1u << 12, tc_wb_action = 1u << 15, tcl1_action = 1u << 16;
inline constexpr uint32_t tc_action = 1u << 17, tc_nc_action = 1u << 19;
}  // namespace release_mem

namespace acquire_mem {
inline constexpr uint32_t dwords_gfx9 =
    7;                                 // header, coher_cntl, size (8 more bits), base (24), poll interval
inline constexpr uint32_t dwords = 8;  // the same with dword 1 reserved, then gcr_cntl
inline constexpr Field gcr_cntl{7, 0, 19};
// COHER_CNTL of gfx9.
inline constexpr uint32_t tc_nc_action = 1u << 3, tc_wb_action = 1u << 18, tcl1_action = 1u << 22;
inline constexpr uint32_t tc_action = 1u << 23, sh_kcache_action = 1u << 27, sh_icache_action = 1u << 29;
}  // namespace acquire_mem

// GCR_CNTL of gfx10 and later: ACQUIRE_MEM's last dword, and SDMA's GCR_REQ.
namespace gcr {
inline constexpr uint32_t gli_inv = 3u << 0;  // 0 none, 1 all, 2 range, 3 first last
inline constexpr uint32_t glm_wb = 1u << 4, glm_inv = 1u << 5, glk_wb = 1u << 6, glk_inv = 1u << 7;
inline constexpr uint32_t glv_inv = 1u << 8, gl1_inv = 1u << 9, gl2_us = 1u << 10, gl2_range = 3u << 11;
inline constexpr uint32_t gl2_discard = 1u << 13, gl2_inv = 1u << 14, gl2_wb = 1u << 15, seq = 3u << 16;
}  // namespace gcr

namespace dma_data {
inline constexpr uint32_t dwords = 7;
inline constexpr Field dst_sel{1, 20, 2}, src_sel{1, 29, 2}, src_cache_policy{1, 13, 2},
    dst_cache_policy{1, 25, 2};
inline constexpr Field cp_sync{1, 31, 1}, byte_count{6, 0, 26}, sas{6, 26, 1}, das{6, 27, 1}, saic{6, 28, 1};
inline constexpr Field daic{6, 29, 1}, raw_wait{6, 30, 1}, dis_wc{6, 31, 1};
enum Destination : uint32_t { dst_address = 0, dst_gds = 1, dst_l2 = 3 };
enum Source : uint32_t { src_address = 0, src_gds = 1, src_data = 2, src_l2 = 3 };
}  // namespace dma_data

namespace set_reg {
inline constexpr uint32_t header_dwords = 2;  // header, offset; then the values
inline constexpr Field offset{1, 0, 16}, index{1, 28, 4};
inline constexpr uint32_t sh_start = 0x2c00, sh_end = 0x3000;             // SET_SH_REG, in dwords
inline constexpr uint32_t context_start = 0xa000, context_end = 0xa400;   // SET_CONTEXT_REG
inline constexpr uint32_t uconfig_start = 0xc000, uconfig_end = 0x10000;  // SET_UCONFIG_REG
}  // namespace set_reg

namespace cond_exec {
inline constexpr uint32_t dwords = 5;
inline constexpr Field exec_count{4, 0, 14};
}  // namespace cond_exec

namespace pred_exec {
inline constexpr uint32_t dwords = 2;
inline constexpr Field exec_count{1, 0, 14}, virtual_xcc_id_select{1, 24, 8};
}  // namespace pred_exec

// Registers, in dwords of the register space (byte address / 4), that SET_SH_REG sets for a dispatch.
namespace reg {
enum Register : uint32_t {
  COMPUTE_DISPATCH_INITIATOR = 0x2e00,
  COMPUTE_DIM_X = 0x2e01,
  COMPUTE_DIM_Y = 0x2e02,
  COMPUTE_DIM_Z = 0x2e03,
  COMPUTE_START_X = 0x2e04,
  COMPUTE_START_Y = 0x2e05,
  COMPUTE_START_Z = 0x2e06,
  COMPUTE_NUM_THREAD_X = 0x2e07,
  COMPUTE_NUM_THREAD_Y = 0x2e08,
  COMPUTE_NUM_THREAD_Z = 0x2e09,
  COMPUTE_PIPELINESTAT_ENABLE = 0x2e0a,
  COMPUTE_PERFCOUNT_ENABLE = 0x2e0b,
  COMPUTE_PGM_LO = 0x2e0c,
  COMPUTE_PGM_HI = 0x2e0d,  // the address >> 8
  COMPUTE_DISPATCH_PKT_ADDR_LO = 0x2e0e,
  COMPUTE_DISPATCH_PKT_ADDR_HI = 0x2e0f,
  COMPUTE_DISPATCH_SCRATCH_BASE_LO = 0x2e10,
  COMPUTE_DISPATCH_SCRATCH_BASE_HI = 0x2e11,  // >> 8
  COMPUTE_PGM_RSRC1 = 0x2e12,
  COMPUTE_PGM_RSRC2 = 0x2e13,
  COMPUTE_VMID = 0x2e14,
  COMPUTE_RESOURCE_LIMITS = 0x2e15,
  COMPUTE_STATIC_THREAD_MGMT_SE0 = 0x2e16,
  COMPUTE_STATIC_THREAD_MGMT_SE1 = 0x2e17,
  COMPUTE_TMPRING_SIZE = 0x2e18,
  COMPUTE_STATIC_THREAD_MGMT_SE2 = 0x2e19,
  COMPUTE_STATIC_THREAD_MGMT_SE3 = 0x2e1a,
  COMPUTE_RESTART_X = 0x2e1b,
  COMPUTE_RESTART_Y = 0x2e1c,
  COMPUTE_RESTART_Z = 0x2e1d,
  COMPUTE_THREAD_TRACE_ENABLE = 0x2e1e,
  COMPUTE_DISPATCH_ID = 0x2e20,
  COMPUTE_THREADGROUP_ID = 0x2e21,
  COMPUTE_PGM_RSRC3_GFX10 = 0x2e28,  // gfx10 and later
  COMPUTE_PGM_RSRC3_GFX9 = 0x2e2d,   // gfx90a, gfx94x
  COMPUTE_USER_DATA_0 = 0x2e40,
  COMPUTE_USER_DATA_15 = 0x2e4f,
};
}  // namespace reg

namespace tmpring {  // COMPUTE_TMPRING_SIZE
inline constexpr Field waves{0, 0, 12};
inline constexpr Field wavesize_gfx10{0, 12, 13};  // in units of 1 KiB
inline constexpr Field wavesize_gfx11{0, 12, 15};  // in units of 256 bytes; waves counts those of one engine
}  // namespace tmpring

// One row for each packet that a compute queue may carry. `defined` holds, for each dword after the header,
// the bits that may be set: everything else is reserved.
struct Packet {
  std::string_view name;
  Opcode opcode;
  uint16_t min_dwords, max_dwords;  // 0: as far as the count goes
  std::array<uint32_t, 8> defined;
};

// clang-format off
inline constexpr uint32_t any = 0xffffffff;
inline constexpr std::array packets = {
  Packet{"NOP",               NOP,               1, 0, {any, any, any, any, any, any, any, any}},
  Packet{"DISPATCH_DIRECT",   DISPATCH_DIRECT,   5, 5, {any, any, any, 0x0003fc7f}},
  Packet{"DISPATCH_INDIRECT", DISPATCH_INDIRECT, 3, 4, {0xfffffffc, any, 0x0003fc7f}},
  Packet{"ATOMIC_MEM",        ATOMIC_MEM,        9, 9, {0x06000f7f, any, 0x0000ffff, any, any, any, any, 0x1fff}},
  Packet{"COND_EXEC",         COND_EXEC,         5, 5, {0xfffffffc, 0x0000ffff, 0, 0x3fff}},
  Packet{"PRED_EXEC",         PRED_EXEC,         2, 2, {0xff003fff}},
  Packet{"WRITE_DATA",        WRITE_DATA,        5, 0, {0xc7110f00, any, any, any, any, any, any, any}},
  Packet{"WAIT_REG_MEM",      WAIT_REG_MEM,      7, 7, {0x060003f7, any, any, any, any, 0x8000ffff}},
  Packet{"WAIT_REG_MEM64",    WAIT_REG_MEM64,    9, 9, {0x060003f7, any, any, any, any, any, any, 0x8000ffff}},
  Packet{"INDIRECT_BUFFER",   INDIRECT_BUFFER,   4, 4, {0xfffffffc, 0x0000ffff, 0xbfbfffff}},
  Packet{"COPY_DATA",         COPY_DATA,         6, 6, {0x26116f0f, any, any, any, any}},
  Packet{"EVENT_WRITE",       EVENT_WRITE,       2, 4, {0x60000f3f, 0xfffffff8, 0x0000ffff}},
  Packet{"RELEASE_MEM",       RELEASE_MEM,       7, 8, {0x17ffff3f, 0xe7030000, any, 0x0000ffff, any, any, any}},
  Packet{"DMA_DATA",          DMA_DATA,          7, 7, {0xe6306001, any, any, any, any, any}},
  Packet{"ACQUIRE_MEM",       ACQUIRE_MEM,       7, 8, {any, any, any, any, any, 0xffff, 0x7ffff}},
  Packet{"SET_SH_REG",        SET_SH_REG,        3, 0, {0xffff, any, any, any, any, any, any, any}},
  Packet{"SET_UCONFIG_REG",   SET_UCONFIG_REG,   3, 0, {0xffff, any, any, any, any, any, any, any}},
  Packet{"HDP_FLUSH",         HDP_FLUSH,         2, 2, {any}},
  // Of graphics rings, from nvd.h and soc15d.h. What they set is for drawing; lengths are all that counts.
  Packet{"SET_BASE",              SET_BASE,              4, 4, {0xf, 0xfffffff8, any}},
  Packet{"CLEAR_STATE",           CLEAR_STATE,           2, 2, {any}},
  Packet{"CONTEXT_CONTROL",       CONTEXT_CONTROL,       3, 3, {any, any}},
  Packet{"INDEX_TYPE",            INDEX_TYPE,            2, 2, {any}},
  Packet{"NUM_INSTANCES",         NUM_INSTANCES,         2, 2, {any}},
  Packet{"PFP_SYNC_ME",           PFP_SYNC_ME,           2, 2, {any}},
  Packet{"SET_CONTEXT_REG",       SET_CONTEXT_REG,       3, 0, {0xf000ffff, any, any, any, any, any, any, any}},
  Packet{"SET_UCONFIG_REG_INDEX", SET_UCONFIG_REG_INDEX, 3, 0, {0xf000ffff, any, any, any, any, any, any, any}},
  Packet{"SET_SH_REG_INDEX",      SET_SH_REG_INDEX,      3, 0, {0xf000ffff, any, any, any, any, any, any, any}},
  Packet{"INCREMENT_CE_COUNTER",  INCREMENT_CE_COUNTER,  2, 2, {any}},
  Packet{"INCREMENT_DE_COUNTER",  INCREMENT_DE_COUNTER,  2, 2, {any}},
  Packet{"WAIT_ON_CE_COUNTER",    WAIT_ON_CE_COUNTER,    2, 2, {any}},
  Packet{"SET_CE_DE_COUNTERS",    SET_CE_DE_COUNTERS,    2, 2, {any}},
};
// clang-format on

[[nodiscard]] constexpr const Packet* find(uint8_t opcode) {
  for (const Packet& packet : packets)
    if (packet.opcode == opcode) return &packet;
  return nullptr;
}

// The packets that draw, by their names; empty for others.
[[nodiscard]] constexpr std::string_view drawing(uint8_t opcode) {
  switch (opcode) {
    case 0x24: return "DRAW_INDIRECT";
    case 0x25: return "DRAW_INDEX_INDIRECT";
    case 0x27: return "DRAW_INDEX_2";
    case 0x2c: return "DRAW_INDIRECT_MULTI";
    case 0x2d: return "DRAW_INDEX_AUTO";
    case 0x30: return "DRAW_INDEX_MULTI_AUTO";
    case 0x35: return "DRAW_INDEX_OFFSET_2";
    case 0x38: return "DRAW_INDEX_INDIRECT_MULTI";
    case 0x3a: return "DRAW_INDEX_MULTI_INST";
    case 0x9c: return "DRAW_INDIRECT_COUNT_MULTI";
    case 0x9d: return "DRAW_INDEX_INDIRECT_COUNT_MULTI";
    default: return {};
  }
}
static_assert(find(RELEASE_MEM)->name == "RELEASE_MEM" && find(0xff) == nullptr);

}  // namespace doorbell::amd::pm4
