// AQL: the 64-byte packets of HSA's queues, and the structures in memory that AMD's command processor reads
// and writes around them: the queue, the signals, the kernel descriptors.
//
// Sources. Packets: HSA Runtime Programmer's Reference 1.2, 2.8 (hsa.h of ROCR-Runtime). amd_queue_t,
// amd_signal_t: ROCR-Runtime runtime/hsa-runtime/inc/amd_hsa_queue.h, amd_hsa_signal.h. Vendor packets:
// hsa_ext_amd.h (HSA_AMD_PACKET_TYPE_*), AqlQueue::ExecutePM4 in core/runtime/amd_aql_queue.cpp. Kernel
// descriptor: LLVM's AMDGPUUsage, "Kernel Descriptor"; AMDHSAKernelDescriptor.h. Queue errors:
// AqlQueue::DynamicQueueEventsHandler.
#pragma once

#include <cstddef>
#include <cstdint>

namespace doorbell::amd::aql {

enum class Type : uint8_t {
  vendor_specific = 0,
  invalid = 1,  // not written yet: the processor waits for the header to change
  kernel_dispatch = 2,
  barrier_and = 3,
  agent_dispatch = 4,  // for agents that run on a host; a GPU refuses it
  barrier_or = 5,
};

enum class Scope : uint8_t { none = 0, agent = 1, system = 2 };

// The first 16 bits of every packet, written last and with release order.
struct Header {
  uint16_t word = 0;

  static constexpr uint16_t reserved = 0xe000;
  [[nodiscard]] static constexpr Header make(Type type, bool barrier, Scope acquire, Scope release) {
    return {static_cast<uint16_t>(static_cast<unsigned>(type) | unsigned{barrier} << 8 |
                                  static_cast<unsigned>(acquire) << 9 |
                                  static_cast<unsigned>(release) << 11)};
  }
  [[nodiscard]] constexpr uint8_t type() const { return word & 0xff; }
  [[nodiscard]] constexpr bool barrier() const { return (word >> 8 & 1) != 0; }
  [[nodiscard]] constexpr uint8_t acquire() const { return word >> 9 & 3; }  // a Scope, or 3: not one
  [[nodiscard]] constexpr uint8_t release() const { return word >> 11 & 3; }
};
static_assert(Header::make(Type::kernel_dispatch, true, Scope::system, Scope::system).word == 0x1502);

struct KernelDispatch {
  uint16_t header;
  uint16_t setup;  // bits 1:0 the number of dimensions, the rest zero
  uint16_t workgroup_size[3];
  uint16_t reserved0;
  uint32_t grid_size[3];          // in work-items
  uint32_t private_segment_size;  // bytes a work-item
  uint32_t group_segment_size;    // bytes a workgroup
  uint64_t kernel_object;         // address of the KernelDescriptor
  uint64_t kernarg_address;
  uint64_t reserved2;
  uint64_t completion_signal;
};

struct Barrier {  // barrier_and, barrier_or
  uint16_t header;
  uint16_t reserved0;
  uint32_t reserved1;
  uint64_t dep_signal[5];  // 0: none
  uint64_t reserved2;
  uint64_t completion_signal;
};

// Of vendor_specific packets, in the byte after the header.
enum class VendorFormat : uint8_t { pm4_indirect_buffer = 1, barrier_value = 2 };

struct VendorPm4 {
  uint16_t header;
  uint16_t format;              // 1
  uint32_t indirect_buffer[4];  // a PM4 INDIRECT_BUFFER packet
  uint32_t remaining_dwords;    // 10: what follows in the slot
  uint32_t reserved[8];
  uint64_t completion_signal;
};

struct VendorBarrierValue {
  uint16_t header;
  uint8_t format;  // 2
  uint8_t reserved;
  uint32_t reserved0;
  uint64_t signal;
  int64_t value;
  int64_t mask;
  uint32_t condition;  // of (signal & mask) against value
  uint32_t reserved1;
  uint64_t reserved2;
  uint64_t reserved3;
  uint64_t completion_signal;
};
enum class Condition : uint32_t { eq = 0, ne = 1, lt = 2, gte = 3 };

inline constexpr size_t packet_bytes = 64;
static_assert(sizeof(KernelDispatch) == packet_bytes && offsetof(KernelDispatch, kernel_object) == 32);
static_assert(offsetof(KernelDispatch, grid_size) == 12 && offsetof(KernelDispatch, kernarg_address) == 40);
static_assert(sizeof(Barrier) == packet_bytes && offsetof(Barrier, dep_signal) == 8);
static_assert(sizeof(VendorPm4) == packet_bytes && offsetof(VendorPm4, completion_signal) == 56);
static_assert(sizeof(VendorBarrierValue) == packet_bytes && offsetof(VendorBarrierValue, condition) == 32);
static_assert(offsetof(KernelDispatch, completion_signal) == 56 &&
              offsetof(Barrier, completion_signal) == 56);

// amd_queue_t. The processor finds it from the read index: read_dispatch_id_field_base_byte_offset lies
// behind it.
struct Queue {
  uint32_t type;  // hsa_queue_t
  uint32_t features;
  uint64_t base_address;
  uint64_t doorbell_signal;
  uint32_t size;  // packets
  uint32_t reserved0;
  uint64_t id;
  uint32_t caps;
  uint32_t reserved1[3];
  uint64_t write_dispatch_id;
  uint32_t group_segment_aperture_base_hi;
  uint32_t private_segment_aperture_base_hi;
  uint32_t max_cu_id;
  uint32_t max_wave_id;
  uint64_t max_legacy_doorbell_dispatch_id_plus_1;
  uint32_t legacy_doorbell_lock;
  uint32_t reserved2[9];
  uint64_t read_dispatch_id;
  uint32_t read_dispatch_id_field_base_byte_offset;
  uint32_t compute_tmpring_size;
  uint32_t scratch_resource_descriptor[4];
  uint64_t
      scratch_backing_memory_location;  // relative to the private aperture where flat scratch is a register
  uint64_t scratch_backing_memory_byte_size;
  uint32_t scratch_wave64_lane_byte_size;
  uint32_t queue_properties;
  uint64_t scratch_last_used_index;
  uint64_t queue_inactive_signal;
  uint32_t reserved4[2];
};
static_assert(offsetof(Queue, write_dispatch_id) == 0x38);
static_assert(offsetof(Queue, group_segment_aperture_base_hi) == 0x40);
static_assert(offsetof(Queue, read_dispatch_id) == 0x80);
static_assert(offsetof(Queue, compute_tmpring_size) == 0x8c);
static_assert(offsetof(Queue, scratch_resource_descriptor) == 0x90);
static_assert(offsetof(Queue, scratch_backing_memory_location) == 0xa0);
static_assert(offsetof(Queue, scratch_wave64_lane_byte_size) == 0xb0);
static_assert(offsetof(Queue, queue_properties) == 0xb4 && offsetof(Queue, queue_inactive_signal) == 0xc0);

enum QueueProperty : uint32_t {
  property_trap_handler = 1u << 0,
  property_ptr64 = 1u << 1,
  property_trap_handler_debug_sgprs = 1u << 2,
  property_profiling = 1u << 3,  // write start and end times into the completion signal
  property_use_scratch_once = 1u << 4,
};

struct Signal {  // amd_signal_t
  int64_t kind;
  int64_t value;
  uint64_t event_mailbox;  // 0: no interrupt
  uint32_t event_id;
  uint32_t reserved1;
  uint64_t start_ts;
  uint64_t end_ts;
  uint64_t queue;
  uint32_t reserved3[2];
};
static_assert(sizeof(Signal) == 64 && offsetof(Signal, value) == 8 && offsetof(Signal, event_mailbox) == 16);
static_assert(offsetof(Signal, event_id) == 24 && offsetof(Signal, start_ts) == 32 &&
              offsetof(Signal, queue) == 48);

enum SignalKind : int64_t { signal_user = 1, signal_doorbell = -1, signal_legacy_doorbell = -2 };

// What the processor or the trap handler adds to queue_inactive_signal; the queue stands until the host
// stores 0.
enum QueueError : uint32_t {
  error_insufficient_scratch_wave64 = 0x1,
  error_invalid_dimensions = 0x2,
  error_invalid_group_memory = 0x4,
  error_invalid_code = 0x8,
  error_invalid_packet = 0x20,
  error_group_too_large = 0x40,
  error_out_of_vgprs = 0x80,
  error_invalid_vendor_packet = 0x100,
  error_large_scratch_reclaim = 0x200,  // a queue that uses scratch once is done with it
  error_insufficient_scratch_wave32 = 0x400,
  error_aperture_violation = 0x20000000,
  error_illegal_instruction = 0x40000000,
  error_trap = 0x80000000,
};

struct KernelDescriptor {
  uint32_t group_segment_fixed_size;
  uint32_t private_segment_fixed_size;
  uint32_t kernarg_size;
  uint32_t reserved0;
  int64_t kernel_code_entry_byte_offset;  // from the descriptor's own address
  uint8_t reserved1[20];
  uint32_t compute_pgm_rsrc3;
  uint32_t compute_pgm_rsrc1;
  uint32_t compute_pgm_rsrc2;
  uint16_t kernel_code_properties;
  uint16_t kernarg_preload;
  uint8_t reserved3[4];
};
static_assert(sizeof(KernelDescriptor) == 64 &&
              offsetof(KernelDescriptor, kernel_code_entry_byte_offset) == 16);
static_assert(offsetof(KernelDescriptor, compute_pgm_rsrc3) == 44);
static_assert(offsetof(KernelDescriptor, kernel_code_properties) == 56);

// kernel_code_properties, in the order in which their user SGPRs are laid out.
enum KernelProperty : uint16_t {
  enable_private_segment_buffer = 1u << 0,  // 4 SGPRs
  enable_dispatch_ptr = 1u << 1,            // 2
  enable_queue_ptr = 1u << 2,               // 2
  enable_kernarg_segment_ptr = 1u << 3,     // 2
  enable_dispatch_id = 1u << 4,             // 2
  enable_flat_scratch_init = 1u << 5,       // 2
  enable_private_segment_size = 1u << 6,    // 1
  enable_wavefront_size32 = 1u << 10,
  uses_dynamic_stack = 1u << 11,
  properties_reserved = 0xf380,
};

}  // namespace doorbell::amd::aql
