// SDMA: the packets of AMD's copy engines, versions 4 (gfx9), 5.2 (gfx10.3), 6 (gfx11) and 7 (gfx12).
//
// A packet's first dword holds op and sub-op; its length follows from these, except NOP and WRITE, which
// count. Bits that no field names are zero. Sources: Linux
// drivers/gpu/drm/amd/amdgpu/{vega10,navi10}_sdma_pkt_open.h and sdma_v6_0_0_pkt_open.h; what ROCr sends:
// ROCR-Runtime core/inc/sdma_registers.h, core/runtime/amd_blit_sdma.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "driver/amd/abi/field.h"

namespace doorbell::amd::sdma {

enum class Version : uint8_t { v4, v5, v6, v7 };

enum Op : uint8_t {
  NOP = 0,
  COPY = 1,
  WRITE = 2,
  INDIRECT = 4,
  FENCE = 5,
  TRAP = 6,
  SEM = 7,
  POLL_REGMEM = 8,
  COND_EXE = 9,
  ATOMIC = 10,
  CONST_FILL = 11,
  PTEPDE = 12,
  TIMESTAMP = 13,
  SRBM_WRITE = 14,
  PRE_EXE = 15,
  GPUVM_INV = 16,
  GCR_REQ = 17,
  DUMMY_TRAP = 32,
};
enum SubOp : uint8_t {
  COPY_LINEAR = 0,
  COPY_LINEAR_SUB_WIND = 4,
  WRITE_LINEAR = 0,
  TIMESTAMP_SET = 0,
  TIMESTAMP_GET = 1,
  TIMESTAMP_GET_GLOBAL = 2,
  POLL_REGMEM_WAIT = 0,
  POLL_MEM_VERIFY = 3,
  FILL_CONSTANT = 0,
  FILL_MULTI = 1,
  GCR_USER = 1,  // ROCr's; the kernel driver's own has sub-op 0
};

[[nodiscard]] constexpr uint32_t header(Op op, SubOp sub_op = SubOp{}) {
  return uint32_t{sub_op} << 8 | uint32_t{op};
}
inline constexpr Field op{0, 0, 8}, sub_op{0, 8, 8};

namespace nop {
inline constexpr Field count{0, 16, 14};  // dwords that follow
}
namespace copy_linear {
inline constexpr uint32_t dwords = 7,
                          dwords_broadcast = 9;  // header, count, parameter, source, destination(s)
inline constexpr Field backwards{0, 25, 1}, broadcast{0, 27, 1};
inline constexpr Field count_v4{1, 0, 22}, count{1, 0, 30};  // bytes - 1
inline constexpr uint64_t max_bytes_v4 = 0x400000, max_bytes = 0x40000000;
}  // namespace copy_linear
namespace copy_sub_window {  // a box of a pitched surface; sizes are of elements, less one
inline constexpr uint32_t dwords = 13;
inline constexpr Field element_size{0, 29, 3};  // log2 of bytes
inline constexpr Field src_x{3, 0, 14}, src_y{3, 16, 14}, src_z{4, 0, 13}, src_pitch{4, 13, 19},
    src_slice{5, 0, 28};
inline constexpr Field dst_x{8, 0, 14}, dst_y{8, 16, 14}, dst_z{9, 0, 13}, dst_pitch{9, 13, 19},
    dst_slice{10, 0, 28};
inline constexpr Field rect_x{11, 0, 14}, rect_y{11, 16, 14}, rect_z{12, 0, 13};
}  // namespace copy_sub_window
namespace write {
inline constexpr uint32_t header_dwords = 4;  // header, address, count; then the data
inline constexpr Field count{3, 0, 20};       // dwords - 1
}  // namespace write
namespace indirect {
inline constexpr uint32_t dwords = 6;  // header, base, size, context save address
inline constexpr Field vmid{0, 16, 4}, size{3, 0, 20};
}  // namespace indirect
namespace fence {
inline constexpr uint32_t dwords = 4;
inline constexpr Field mtype{0, 16, 3}, gcc{0, 19, 1}, sys{0, 20, 1}, snp{0, 22, 1}, gpa{0, 23, 1},
    l2_policy{0, 24, 2};
}  // namespace fence
namespace trap {
inline constexpr uint32_t dwords = 2;
inline constexpr Field int_context{1, 0, 28};
}  // namespace trap
namespace poll_regmem {
inline constexpr uint32_t dwords = 6;  // header, address, value, mask, interval
inline constexpr Field hdp_flush{0, 26, 1}, func{0, 28, 3}, mem_poll{0, 31, 1};
inline constexpr Field interval{5, 0, 16}, retry_count{5, 16, 12};  // 0xfff: for ever
enum Function : uint32_t { always, less, less_equal, equal, not_equal, greater_equal, greater };
// Dword 2 of the packet with which ROCr flushes the HDP: a register poll of no register (SDMA_PKT_HDP_FLUSH).
inline constexpr uint32_t hdp_flush_address_high = 0x80000000;
}  // namespace poll_regmem
namespace cond_exe {
inline constexpr uint32_t dwords = 5;  // header, address, reference, exec count
inline constexpr Field exec_count{4, 0, 14};
}  // namespace cond_exe
namespace atomic {
inline constexpr uint32_t dwords = 8;  // header, address, source, compare, loop interval
inline constexpr Field loop{0, 16, 1}, operation{0, 25, 7}, loop_interval{7, 0, 13};
}  // namespace atomic
namespace const_fill {
inline constexpr uint32_t dwords = 5;  // header, address, data, count
inline constexpr Field fillsize{0, 30, 2}, count_v4{4, 0, 22},
    count{4, 0, 30};  // bytes - 1; fillsize 2: by dwords
}  // namespace const_fill
namespace timestamp {
inline constexpr uint32_t dwords = 3;
}
namespace gcr_req {
inline constexpr uint32_t dwords = 5;
inline constexpr Field base_lo{1, 7, 25}, base_hi{2, 0, 16}, control_15_0{2, 16, 16}, control_18_16{3, 0, 3};
inline constexpr Field limit_lo{3, 7, 25}, limit_hi{4, 0, 16}, vmid{4, 24, 4};
}  // namespace gcr_req

// The atomic operations of the second-level cache, shared by SDMA's ATOMIC and PM4's ATOMIC_MEM (TC_OP,
// GL2_OP: soc15_enum.h, navi10_enum.h). Those of 64 bits are 0x20 higher; *_RTN forms return the old value.
enum AtomicOp : uint8_t {
  ATOMIC_SWAP_RTN_32 = 7,
  ATOMIC_CMPSWAP_RTN_32 = 8,
  ATOMIC_ADD_RTN_32 = 15,
  ATOMIC_SUB_RTN_32 = 16,
  ATOMIC_SMIN_RTN_32 = 17,
  ATOMIC_UMIN_RTN_32 = 18,
  ATOMIC_SMAX_RTN_32 = 19,
  ATOMIC_UMAX_RTN_32 = 20,
  ATOMIC_AND_RTN_32 = 21,
  ATOMIC_OR_RTN_32 = 22,
  ATOMIC_XOR_RTN_32 = 23,
  ATOMIC_INC_RTN_32 = 24,
  ATOMIC_DEC_RTN_32 = 25,
  ATOMIC_SWAP_RTN_64 = 39,
  ATOMIC_CMPSWAP_RTN_64 = 40,
  ATOMIC_ADD_RTN_64 = 47,
  ATOMIC_SUB_RTN_64 = 48,
  ATOMIC_SMIN_RTN_64 = 49,
  ATOMIC_UMIN_RTN_64 = 50,
  ATOMIC_SMAX_RTN_64 = 51,
  ATOMIC_UMAX_RTN_64 = 52,
  ATOMIC_AND_RTN_64 = 53,
  ATOMIC_OR_RTN_64 = 54,
  ATOMIC_XOR_RTN_64 = 55,
  ATOMIC_INC_RTN_64 = 56,
  ATOMIC_DEC_RTN_64 = 57,
  ATOMIC_NORTN = 0x40,  // added to an operation: nothing is returned
};

}  // namespace doorbell::amd::sdma
