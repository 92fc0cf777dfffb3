// Device: one accelerator, and the maker of everything that lives on it.
//
// Threads: all members may be called from any thread.
// Lifetime: queues must be destroyed before their device, and signals not be used after it. Buffers and
// programs may outlive it. Errors: environment failures come back as Results. A fault or hang loses the
// device: all its queues end, every wait and submission returns the reason; other devices go on. A lost
// device stays lost: destroy it, open it anew.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hal/base/result.h"
#include "hal/base/units.h"
#include "hal/memory.h"
#include "hal/program.h"
#include "hal/queue.h"
#include "hal/signal.h"

namespace doorbell {

// What code generators and schedulers must know of a device, as data.
struct Limits {
  std::string isa;                    // of the program images it runs
  std::vector<std::string> features;  // of that ISA, in lower case, as ProgramImage::features names them
  std::vector<uint32_t> lanes;        // widths of the lane axis, the preferred one first
  Bytes local_memory;                 // most of one workgroup
  Bytes private_memory;               // most of ProgramImage::private_bytes
  Grid max_grid;                      // workgroups along each axis
  Bytes alignment;                    // of every allocation
  uint32_t compute_units;             // workgroups that run at the same time
};

struct Properties {
  std::string name;         // as DEV= spells it: "CPU"
  std::string description;  // one line for people: model, memory, threads
  Limits limits;
  bool imports_host_memory;  // import() needs no copy
  bool unified_memory;       // host_visible memory is as fast for kernels as BufferKind::device
};

// A program that is loaded. Move-only; must outlive the commands that name it.
class Program {
 public:
  // For drivers: `entry` and `storage` are the driver's own; the image's code is not kept.
  Program(const Device& device, const ProgramImage& image, GpuAddr entry, std::shared_ptr<void> storage);
  Program(Program&&) = default;
  Program& operator=(Program&&) = default;

  [[nodiscard]] const Device* device() const { return device_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<ArgumentKind>& arguments() const { return arguments_; }
  [[nodiscard]] uint32_t local_bytes() const { return local_bytes_; }
  [[nodiscard]] GpuAddr entry() const { return entry_; }
  [[nodiscard]] const std::shared_ptr<void>& storage() const { return storage_; }  // for drivers

 private:
  const Device* device_;
  std::string name_;
  std::vector<ArgumentKind> arguments_;
  uint32_t local_bytes_;
  GpuAddr entry_;
  std::shared_ptr<void> storage_;
};

// A moment on both clocks. Clocks drift: correlate again for spans minutes away from it.
struct ClockCorrelation {
  Ticks ticks;
  HostTime host;
  double ticks_per_second;

  [[nodiscard]] HostTime to_host(Ticks at) const {
    double seconds = static_cast<double>(static_cast<int64_t>(at.value - ticks.value)) / ticks_per_second;
    return host + std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
  }
};

// What is alive on a device, for leak checks.
struct LiveObjects {
  uint64_t buffers = 0, programs = 0, signals = 0, queues = 0;
  Bytes memory;  // of buffers and programs, imported memory not counted
  bool operator==(const LiveObjects&) const = default;
};

class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual const Properties& properties() const = 0;

  // Content is undefined. Zero bytes give a buffer without an address.
  virtual Result<Buffer> allocate(Bytes size, BufferKind kind) = 0;
  // Lends host memory, a mapped file for one, to the device without a copy; the memory must outlive the
  // buffer. Where properties().imports_host_memory is false this is an error: allocate and copy instead.
  // Writes of the device to memory that is mapped read-only are faults.
  virtual Result<Buffer> import(std::span<const std::byte> memory) = 0;
  // An image of another ISA, or with a feature that the device lacks, or too large for its limits is an
  // error.
  virtual Result<Program> load(const ProgramImage& image) = 0;
  virtual Result<std::unique_ptr<Queue>> create_queue() = 0;
  virtual Result<Signal> create_signal(uint64_t initial = 0) = 0;

  virtual Result<ClockCorrelation> correlate() = 0;
  // Success, or why the device is lost: kind of fault, queue, kernel, offset into its code and address, as
  // far as the device tells.
  [[nodiscard]] virtual Status status() const = 0;
  [[nodiscard]] virtual LiveObjects live() const = 0;

  // Behind Signal::wait and Signal::raise.
  virtual Status wait(const Signal& signal, uint64_t value, Deadline deadline) = 0;
  virtual Status raise(const Signal& signal, uint64_t value) = 0;
};

// For drivers: what every device refuses alike, with the device's name in the message.
Status check_image(const Properties& properties, const ProgramImage& image);

}  // namespace doorbell
