// What the CPU device's command processor reads: commands as 64-byte packets, encoded when they are recorded.
// The ring itself carries one packet per submission, which points at an encoded list (as an INDIRECT packet
// of other devices' rings does), so that a replay costs its patches and one ring entry however long the list
// is.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "driver/cpu/crew.h"
#include "hal/device.h"

namespace doorbell {

// The driver's part of a Program.
struct CpuCode {
  Mapping code;  // readable and executable, never writable
  std::string name;
  size_t size;
  std::atomic<float> cycles_per_group{0};
};

enum class CpuOp : uint32_t { wait, barrier, dispatch, copy, timestamp, signal };

struct alignas(64) CpuPacket {
  CpuOp op;
  Grid grid;                    // dispatch
  CpuCode* code;                // dispatch
  KernelEntry entry;            // dispatch
  std::atomic<uint64_t>* word;  // wait, signal
  uint64_t value;  // wait, signal: the timeline's; dispatch: index of the first argument; copy: bytes
  uint64_t to;     // copy, timestamp
  uint64_t from;   // copy
};
static_assert(sizeof(CpuPacket) == 64);

// One copy of an encoded list, in flight at most once.
struct CpuInstance {
  std::vector<CpuPacket> packets;
  std::vector<uint64_t> arguments;
  std::atomic<bool> busy{false};
  std::shared_ptr<void> keep;  // the encoded list itself, while in flight
};

// Where a patch lands in an instance, resolved when recorded.
struct CpuPatch {
  bool in_arguments;
  uint8_t width;    // 4 or 8
  uint32_t offset;  // bytes from the start of the packets or of the arguments
  uint64_t limit;   // largest value
  Affine value;
};

class CpuEncoded {
 public:
  CpuEncoded(const Commands& commands, const Properties& properties);

  // A free instance, patched and marked busy. The caller publishes it.
  static Result<CpuInstance*> prepare(const std::shared_ptr<CpuEncoded>& encoded,
                                      std::span<const uint64_t> values);
  // By the command processor, when it has read the last packet. May destroy the instance.
  static void release(CpuInstance& instance);

 private:
  Status apply(CpuInstance& instance, std::span<const uint64_t> values) const;

  std::vector<CpuPatch> patches_;
  size_t variables_;
  std::string device_;
  CpuInstance pristine_;  // never in flight: what further instances are copied from
  std::mutex mutex_;      // over what follows
  std::vector<std::unique_ptr<CpuInstance>> instances_;
  size_t oldest_ = 0;  // submissions end in order: if this instance is busy, so are nearly all
};

}  // namespace doorbell
