// The C interface over run(), Vm and the instruction table.
#include "sim/emu.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/assemble.h"
#include "codegen/isa/amd/code_object.h"
#include "driver/amd/abi/aql.h"
#include "hal/base/file.h"
#include "sim/amd/crew.h"
#include "sim/amd/dispatch.h"
#include "sim/amd/gpu.h"
#include "sim/amd/wave/counts.h"
#include "sim/amd/wave/simd.h"

namespace {

using namespace doorbell;
using namespace doorbell::sim::amd;
namespace isa = doorbell::amd;
namespace aql = doorbell::amd::aql;

constexpr uint64_t first_address = uint64_t{1} << 40;  // of what alloc() hands out
constexpr uint64_t gap = 1 << 20;  // between allocations: what runs past one meets nothing

template <size_t N>
void copy_text(char (&to)[N], const std::string& from) {
  size_t n = std::min(from.size(), N - 1);
  std::memcpy(to, from.data(), n);
  to[n] = 0;
}

constexpr uint64_t largest_object = uint64_t{1} << 30;

}  // namespace

struct doorbell_emu {
  const Gpu* gpu = nullptr;
  Vm vm;
  Strict strict;
  std::string error;
  std::vector<Mapping> memory;
  std::vector<std::byte> assembled;
  std::map<std::string, uint64_t> kernels;  // name to descriptor
  uint64_t next = first_address;

  int fail(std::string why) {
    error = std::move(why);
    return -1;
  }

  Result<uint64_t> alloc(uint64_t bytes, Access access, bool fresh) {
    if (bytes == 0 || bytes > uint64_t{1} << 40) return doorbell::error("an allocation of {} bytes", bytes);
    bytes = (bytes + page_bytes - 1) / page_bytes * page_bytes;
    Mapping mapping = TRY(map_anonymous(bytes));
    if (fresh) fill_fresh({mapping.data(), mapping.size()});
    Region region;
    region.va = next;
    region.bytes = bytes;
    region.host = mapping.data();
    region.access = access;
    region.fresh = fresh;
    TRY(vm.map(region));
    memory.push_back(std::move(mapping));
    next += (bytes + gap + gap - 1) / gap * gap;
    return region.va;
  }

  Status load(std::span<const std::byte> file);
  Result<Dispatch> prepare(const doorbell_emu_launch& launch);
};

Status doorbell_emu::load(std::span<const std::byte> file) {
  isa::CodeObject object = TRY(isa::CodeObject::parse(file));
  if (object.relocatable())
    return doorbell::error("code object: is not linked (clang without -c, ld.lld -shared, or doorbell asm)");
  if (object.arch() != gpu->arch)
    return doorbell::error("code object: is for {}, this GPU is {}", object.processor(), gpu->name);
  uint64_t end = 0;
  for (const isa::Segment& s : object.segments()) {
    if (s.type != isa::segment_load) continue;
    if (s.va > largest_object || s.memory_size > largest_object)
      return doorbell::error("code object: a segment at {:#x} reaches beyond 1 GiB", s.va);
    end = std::max(end, s.va + s.memory_size);
  }
  if (end == 0) return doorbell::error("code object: nothing to load");
  uint64_t base = TRY(alloc(end, access_all, false));
  for (const isa::Segment& s : object.segments())
    if (s.type == isa::segment_load && s.file_size != 0)
      vm.write(base + s.va, file.subspan(s.file_offset, s.file_size));
  for (const isa::Relocation& r : object.relocations()) {
    uint64_t value = base + static_cast<uint64_t>(r.addend);
    if (r.type == isa::relocation::abs64) value += r.symbol_value;
    else if (r.type != isa::relocation::relative64)
      return doorbell::error("code object: relocation type {} at {:#x}", r.type, r.offset);
    if (r.offset > end || end - r.offset < sizeof value)
      return doorbell::error("code object: a relocation of {:#x}, which is not loaded", r.offset);
    vm.write(base + r.offset, std::as_bytes(std::span(&value, 1)));
  }
  for (const isa::Kernel& k : object.kernels()) kernels[std::string(k.name)] = base + k.descriptor_va;
  return success();
}

namespace {

Result<aql::KernelDescriptor> descriptor_of(doorbell_emu& emu, const std::string& name, uint64_t& address) {
  auto at = emu.kernels.find(name);
  if (at == emu.kernels.end()) return error("no loaded code object has a kernel named {}", name);
  aql::KernelDescriptor descriptor{};
  address = at->second;
  if (!emu.vm.read(address, std::as_writable_bytes(std::span(&descriptor, 1)))) {
    return error("the descriptor of kernel {} at {:#x} is not mapped", name, address);
  }
  return descriptor;
}

void push64(std::vector<uint32_t>& to, uint64_t value) {
  to.push_back(static_cast<uint32_t>(value));
  to.push_back(static_cast<uint32_t>(value >> 32));
}

}  // namespace

Result<Dispatch> doorbell_emu::prepare(const doorbell_emu_launch& launch) {
  Dispatch d;
  for (int i = 0; i < 3; ++i) {
    d.grid[i] = std::max(launch.grid[i], 1u);
    d.workgroup[i] = std::max(launch.workgroup[i], 1u);
  }
  d.strict = strict;
  d.lds_bytes = launch.lds_bytes;
  uint32_t lane_bytes = launch.private_bytes;
  aql::KernelDescriptor descriptor{};
  if (launch.kernel) {
    uint64_t address = 0;
    descriptor = TRY(descriptor_of(*this, launch.kernel, address));
    d.kernel = launch.kernel;
    d.code = address + static_cast<uint64_t>(descriptor.kernel_code_entry_byte_offset);
    d.rsrc1 = descriptor.compute_pgm_rsrc1;
    d.rsrc2 = descriptor.compute_pgm_rsrc2;
    d.rsrc3 = descriptor.compute_pgm_rsrc3;
    d.wave32 = descriptor.kernel_code_properties & aql::enable_wavefront_size32;
    d.lds_bytes += descriptor.group_segment_fixed_size;
    // A stack of unknown depth gets some.
    uint32_t dynamic = descriptor.kernel_code_properties & aql::uses_dynamic_stack ? 16384 : 0;
    lane_bytes = std::max({lane_bytes, descriptor.private_segment_fixed_size, dynamic});
  } else {
    d.code = launch.code;
    d.rsrc1 = launch.rsrc1;
    d.rsrc2 = launch.rsrc2;
    d.rsrc3 = launch.rsrc3;
    d.wave32 = !launch.wave64;
  }
  uint32_t lanes = d.wave32 ? 32 : 64;
  if (lane_bytes != 0) {
    constexpr uint32_t slots = 128;
    d.scratch_wave_bytes = (lane_bytes * lanes + 1023) / 1024 * 1024;
    d.scratch_waves = slots;
    d.scratch = TRY(alloc(uint64_t{slots} * d.scratch_wave_bytes, access_read | access_write, true));
  }
  if (!launch.kernel) {
    d.user_sgprs.assign(launch.user_sgprs, launch.user_sgprs + launch.user_sgpr_count);
    return d;
  }

  // User SGPRs in the order of kernel_code_properties.
  uint16_t properties = descriptor.kernel_code_properties;
  std::vector<uint32_t>& user = d.user_sgprs;
  if (properties & aql::enable_private_segment_buffer) {
    // A swizzled buffer over all of scratch; word 3: the lane number is added to the index, elements of 4
    // bytes, of each lane's neighbours together (RDNA2 ISA, "Buffer Resource Descriptor").
    push64(user, d.scratch | uint64_t{1} << 63);
    user.push_back(static_cast<uint32_t>(
        std::min<uint64_t>(uint64_t{d.scratch_waves} * d.scratch_wave_bytes, 0xffffffff)));
    user.push_back(0x00027fac | (d.wave32 ? 2u : 3u) << 21 | 1u << 23 | 1u << 24 | 2u << 28);
  }
  if (properties & aql::enable_dispatch_ptr) {
    aql::KernelDispatch packet{};
    packet.setup = 3;
    for (int i = 0; i < 3; ++i) {
      packet.workgroup_size[i] = static_cast<uint16_t>(d.workgroup[i]);
      packet.grid_size[i] = d.grid[i];
    }
    packet.private_segment_size = lane_bytes;
    packet.group_segment_size = d.lds_bytes;
    uint64_t at = TRY(alloc(sizeof packet, access_read, false));
    if (const std::byte* bytes = reinterpret_cast<const std::byte*>(&packet)) {
      std::memcpy(memory.back().data(), bytes, sizeof packet);
    }
    push64(user, at);
  }
  if (properties & aql::enable_queue_ptr) {
    aql::Queue queue{};
    queue.group_segment_aperture_base_hi = static_cast<uint32_t>(shared_aperture >> 32);
    queue.private_segment_aperture_base_hi = static_cast<uint32_t>(private_aperture >> 32);
    uint64_t at = TRY(alloc(sizeof queue, access_read | access_write, false));
    std::memcpy(memory.back().data(), &queue, sizeof queue);
    push64(user, at);
  }
  if (properties & aql::enable_kernarg_segment_ptr) {
    uint64_t at = TRY(alloc(std::max<uint64_t>(launch.kernarg_bytes, 64), access_read, false));
    if (launch.kernarg_bytes) std::memcpy(memory.back().data(), launch.kernarg, launch.kernarg_bytes);
    push64(user, at);
  }
  if (properties & aql::enable_dispatch_id) push64(user, 0);
  if (properties & aql::enable_flat_scratch_init) push64(user, d.scratch);
  if (properties & aql::enable_private_segment_size) user.push_back(lane_bytes);
  return d;
}

extern "C" {

doorbell_emu* doorbell_emu_create(const char* gpu, char* error, size_t error_bytes) {
  const Gpu* found = gpu ? find_gpu(gpu) : nullptr;
  std::string why;
  if (!found) {
    std::string known;
    for (const Gpu& g : gpus()) known += fmt::format("{}{}", known.empty() ? "" : ", ", g.name);
    why = fmt::format("there is no GPU {}; there are {}", gpu ? gpu : "(null)", known);
  } else if (auto copies = simds(); !copies) {
    why = copies.error().message;
  }
  if (!why.empty()) {
    if (error && error_bytes) {
      std::strncpy(error, why.c_str(), error_bytes - 1);
      error[error_bytes - 1] = 0;
    }
    return nullptr;
  }
  auto* emu = new doorbell_emu;
  emu->gpu = found;
  return emu;
}

void doorbell_emu_destroy(doorbell_emu* emu) { delete emu; }
const char* doorbell_emu_error(const doorbell_emu* emu) { return emu->error.c_str(); }

int doorbell_emu_lenient(doorbell_emu* emu, const char* names) {
  Status status = emu->strict.lenient(names);
  return status.ok() ? 0 : emu->fail(status.error().message);
}

uint64_t doorbell_emu_alloc(doorbell_emu* emu, uint64_t bytes) {
  Result<uint64_t> address = emu->alloc(bytes, access_all, true);
  if (address.ok()) return *address;
  emu->fail(address.error().message);
  return 0;
}

int doorbell_emu_map(doorbell_emu* emu, uint64_t address, void* memory, uint64_t bytes, unsigned access) {
  Region region;
  region.va = address;
  region.bytes = bytes;
  region.host = static_cast<std::byte*>(memory);
  region.access = static_cast<Access>(access & access_all);
  region.kind = MemoryKind::userptr;
  Status status = emu->vm.map(region);
  return status.ok() ? 0 : emu->fail(status.error().message);
}

int doorbell_emu_unmap(doorbell_emu* emu, uint64_t address, uint64_t bytes) {
  if (address % page_bytes || bytes % page_bytes)
    return emu->fail(fmt::format("unmapping {} bytes at {:#x}: not whole pages", bytes, address));
  emu->vm.unmap(address, bytes);
  return 0;
}

int doorbell_emu_write(doorbell_emu* emu, uint64_t address, const void* from, uint64_t bytes) {
  uint64_t missing = 0;
  if (emu->vm.write(address, {static_cast<const std::byte*>(from), bytes}, &missing)) return 0;
  return emu->fail(fmt::format("writing {:#x}: {}", missing, emu->vm.explain(missing, 1, access_write)));
}
int doorbell_emu_read(doorbell_emu* emu, uint64_t address, void* to, uint64_t bytes) {
  uint64_t missing = 0;
  if (emu->vm.read(address, {static_cast<std::byte*>(to), bytes}, &missing)) return 0;
  return emu->fail(fmt::format("reading {:#x}: {}", missing, emu->vm.explain(missing, 1, access_read)));
}

const void* doorbell_emu_assemble(doorbell_emu* emu, const char* source, size_t* bytes) {
  Result<std::vector<std::byte>> object = isa::assemble(source, isa::name(emu->gpu->arch));
  if (!object.ok()) {
    emu->fail(object.error().message);
    return nullptr;
  }
  emu->assembled = std::move(*object);
  *bytes = emu->assembled.size();
  return emu->assembled.data();
}

size_t doorbell_emu_disassemble(doorbell_emu* emu, const void* code, size_t bytes, unsigned lanes, char* text,
                                size_t text_bytes) {
  if (lanes != 32 && lanes != 64) {
    emu->fail(fmt::format("waves of {} lanes", lanes));
    return 0;
  }
  isa::Target target{emu->gpu->arch, static_cast<uint8_t>(lanes)};
  Result<isa::Decoded> decoded = isa::decode({static_cast<const std::byte*>(code), bytes}, target);
  if (!decoded.ok()) {
    emu->fail(decoded.error().message);
    return 0;
  }
  if (text_bytes != 0) {
    std::string line = isa::print(decoded->inst, target);
    size_t n = std::min(line.size(), text_bytes - 1);
    std::memcpy(text, line.data(), n);
    text[n] = 0;
  }
  return decoded->length;
}

int doorbell_emu_load(doorbell_emu* emu, const void* file, size_t bytes) {
  Status status = emu->load({static_cast<const std::byte*>(file), bytes});
  return status.ok() ? 0 : emu->fail(status.error().message);
}

int doorbell_emu_find(doorbell_emu* emu, const char* name, doorbell_emu_kernel* kernel) {
  uint64_t address = 0;
  Result<aql::KernelDescriptor> descriptor = descriptor_of(*emu, name, address);
  if (!descriptor.ok()) return emu->fail(descriptor.error().message);
  doorbell_emu_kernel found{};
  found.struct_bytes = kernel->struct_bytes;
  found.descriptor = address;
  found.entry = address + static_cast<uint64_t>(descriptor->kernel_code_entry_byte_offset);
  found.kernarg_bytes = descriptor->kernarg_size;
  found.lds_bytes = descriptor->group_segment_fixed_size;
  found.private_bytes = descriptor->private_segment_fixed_size;
  found.lanes = descriptor->kernel_code_properties & aql::enable_wavefront_size32 ? 32 : 64;
  found.vgprs = ((descriptor->compute_pgm_rsrc1 & 63) + 1) *
                (found.lanes == 32 ? emu->gpu->vgpr_encoding : emu->gpu->vgpr_encoding / 2u);
  std::memcpy(kernel, &found, std::min<size_t>(kernel->struct_bytes, sizeof found));
  return 0;
}

int doorbell_emu_run(doorbell_emu* emu, const doorbell_emu_launch* given, doorbell_emu_fault* fault) {
  doorbell_emu_launch launch{};
  std::memcpy(&launch, given, std::min<size_t>(given->struct_bytes, sizeof launch));
  size_t had = emu->memory.size();
  uint64_t next = emu->next;
  Result<Dispatch> dispatch = emu->prepare(launch);
  int status = -1;
  if (!dispatch.ok()) {
    emu->fail(dispatch.error().message);
  } else {
    Surroundings surroundings;
    auto pass = [&](auto* to, const WaveRegisters& registers) {
      doorbell_emu_wave wave{};
      std::copy_n(registers.workgroup, 3, wave.workgroup);
      wave.wave = registers.wave;
      wave.lanes = registers.lanes;
      wave.vgprs = registers.vgprs;
      wave.vgpr = registers.vgpr;
      wave.sgpr = registers.sgpr;
      wave.scc = registers.scc;
      wave.mode = registers.mode;
      to(launch.context, &wave);
    };
    if (launch.begin)
      surroundings.begin = [&](const WaveRegisters& registers) { pass(launch.begin, registers); };
    if (launch.end) surroundings.end = [&](const WaveRegisters& registers) { pass(launch.end, registers); };
    std::optional<Crew> crew;
    std::atomic<uint64_t> activity{0};
    if (launch.threads > 1) {
      surroundings.crew = &crew.emplace(Crew::members_for(launch.threads));
      surroundings.activity = &activity;
    }
    Outcome outcome = run(*emu->gpu, emu->vm, *dispatch, surroundings);
    status = outcome.status == Outcome::Status::done ? 0 : 1;
    if (status == 1) {
      const Fault& f = outcome.fault;
      emu->error = describe(f);
      if (fault) {
        doorbell_emu_fault out{};
        out.struct_bytes = fault->struct_bytes;
        out.kind = static_cast<uint32_t>(f.kind);
        copy_text(out.check, f.check == Check::count ? std::string() : std::string(check_row(f.check).name));
        out.pc = f.pc;
        copy_text(out.instruction, f.instruction);
        std::copy_n(f.workgroup, 3, out.workgroup);
        out.wave = f.wave;
        out.lane = f.lane;
        out.has_address = f.has_address;
        out.address = f.address;
        out.write = f.write;
        copy_text(out.text, f.text);
        copy_text(out.line, describe(f));
        std::memcpy(fault, &out, std::min<size_t>(fault->struct_bytes, sizeof out));
      }
    }
  }
  // What was only needed for this launch: scratch, arguments, the packet.
  emu->vm.unmap(next, emu->next - next);
  emu->memory.resize(had);
  emu->next = next;
  return status;
}

size_t doorbell_emu_rows(void) { return isa::rows().size(); }
const char* doorbell_emu_row_name(size_t row) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const isa::Row& r : isa::rows()) all.emplace_back(r.name);
    return all;
  }();
  return row < names.size() ? names[row].c_str() : nullptr;
}
int doorbell_emu_row_known(const doorbell_emu* emu, size_t row) {
  return row < isa::rows().size() && isa::rows()[row].in(emu->gpu->arch);
}
uint64_t doorbell_emu_row_count(size_t row) {
  std::vector<uint64_t> counts = row_counts();
  return row < counts.size() ? counts[row] : 0;
}

}  // extern "C"
