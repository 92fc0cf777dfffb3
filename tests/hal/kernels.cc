#include "tests/hal/kernels.h"

#include <cstring>
#include <thread>

namespace doorbell {
namespace {

constexpr ArgumentKind kBuffer = ArgumentKind::buffer, kValue = ArgumentKind::value;

template <class T>
Result<T> load(const model::KernelCall& call, uint64_t address) {
  auto bytes = TRY(call.memory.at(GpuAddr(address), Bytes(sizeof(T))));
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

template <class T>
Status store(const model::KernelCall& call, uint64_t address, T value) {
  auto bytes = TRY(call.memory.at(GpuAddr(address), Bytes(sizeof(T))));
  // Coherent memory is written whole, as hardware writes aligned words.
  std::atomic_ref(*reinterpret_cast<T*>(bytes.data())).store(value, std::memory_order_release);
  return success();
}

// counters[x + width * (y + height * z)] += 1
Status count(const model::KernelCall& call) {
  auto [base, width, height] = std::tuple(call.arguments[0], call.arguments[1], call.arguments[2]);
  uint64_t at = base + 4 * (call.group[0] + width * (call.group[1] + height * call.group[2]));
  return store(call, at, TRY(load<uint32_t>(call, at)) + 1);
}

// p[x] = p[x] * 3 + value: the order of two of them shows in the result
Status step(const model::KernelCall& call) {
  uint64_t at = call.arguments[0] + 8 * uint64_t{call.group[0]};
  return store(call, at, TRY(load<uint64_t>(call, at)) * 3 + call.arguments[1]);
}

// to[x] = from[x] * 2
Status double_into(const model::KernelCall& call) {
  uint64_t offset = 8 * uint64_t{call.group[0]};
  return store(call, call.arguments[0] + offset, TRY(load<uint64_t>(call, call.arguments[1] + offset)) * 2);
}

Status store_one(const model::KernelCall& call) { return store<uint32_t>(call, call.arguments[0], 1); }

// Keeps x in local memory for a while.
Status local(const model::KernelCall& call) {
  uint64_t x = call.group[0];
  std::memcpy(call.local.data(), &x, sizeof x);
  std::this_thread::yield();
  std::memcpy(&x, call.local.data(), sizeof x);
  return store(call, call.arguments[0] + 8 * uint64_t{call.group[0]}, x);
}

// Takes `value` turns of a loop.
Status spin(const model::KernelCall& call) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(call.arguments[0] / 4));
  return success();
}

Status hang(const model::KernelCall& call) {
  while (!call.stop) std::this_thread::yield();
  return success();
}

// clang-format off
const SuiteKernel kKernels[] = {
    {"count", {kBuffer, kValue, kValue}, 0,
     "mov eax, ecx; imul rax, qword ptr [rdi + 16]; mov edx, edx; add rax, rdx; imul rax, qword ptr [rdi + 8]; "
     "mov esi, esi; add rax, rsi; mov rdi, qword ptr [rdi]; lock inc dword ptr [rdi + 4*rax]; ret",
     {"\x89\xc8\x48\x0f\xaf\x47\x10\x89\xd2\x48\x01\xd0\x48\x0f\xaf\x47\x08\x89\xf6\x48\x01\xf0\x48\x8b\x3f\xf0\xff\x04\x87\xc3", 30},
     count},
    {"step", {kBuffer, kValue}, 0,
     "mov esi, esi; mov rax, qword ptr [rdi]; lea rax, [rax + 8*rsi]; mov rcx, qword ptr [rax]; lea rcx, [rcx + 2*rcx]; "
     "add rcx, qword ptr [rdi + 8]; mov qword ptr [rax], rcx; ret",
     {"\x89\xf6\x48\x8b\x07\x48\x8d\x04\xf0\x48\x8b\x08\x48\x8d\x0c\x49\x48\x03\x4f\x08\x48\x89\x08\xc3", 24},
     step},
    {"double_into", {kBuffer, kBuffer}, 0,
     "mov esi, esi; mov rax, qword ptr [rdi + 8]; mov rcx, qword ptr [rax + 8*rsi]; add rcx, rcx; mov rax, qword ptr [rdi]; "
     "mov qword ptr [rax + 8*rsi], rcx; ret",
     {"\x89\xf6\x48\x8b\x47\x08\x48\x8b\x0c\xf0\x48\x01\xc9\x48\x8b\x07\x48\x89\x0c\xf0\xc3", 21},
     double_into},
    {"store", {kBuffer}, 0,
     "mov rax, qword ptr [rdi]; mov dword ptr [rax], 1; ret",
     {"\x48\x8b\x07\xc7\x00\x01\x00\x00\x00\xc3", 10},
     store_one},
    {"local", {kBuffer}, 64,
     "mov esi, esi; mov qword ptr [r8], rsi; mov ecx, 100; 1: dec ecx; jne 1b; mov rax, qword ptr [rdi]; mov rcx, qword ptr [r8]; "
     "mov qword ptr [rax + 8*rsi], rcx; ret",
     {"\x89\xf6\x49\x89\x30\xb9\x64\x00\x00\x00\xff\xc9\x75\xfc\x48\x8b\x07\x49\x8b\x08\x48\x89\x0c\xf0\xc3", 25},
     local},
    {"spin", {kValue}, 0,
     "mov rax, qword ptr [rdi]; 1: dec rax; jne 1b; ret",
     {"\x48\x8b\x07\x48\xff\xc8\x75\xfb\xc3", 9},
     spin},
    {"hang", {}, 0, "1: jmp 1b", {"\xeb\xfe", 2}, hang},
    // What only a processor can do:
    {"illegal",  {}, 0, "nop; ud2", {"\x90\x0f\x0b", 3}, nullptr},
    {"divide",   {}, 0, "xor ecx, ecx; xor edx, edx; div ecx; ret", {"\x31\xc9\x31\xd2\xf7\xf1\xc3", 7}, nullptr},
    {"overflow", {}, 0, "1: push rax; jmp 1b", {"\x50\xeb\xfd", 3}, nullptr},
    {"jump",     {}, 0, "xor eax, eax; jmp rax", {"\x31\xc0\xff\xe0", 4}, nullptr},
    {"meet",     {kBuffer}, 0, "mov rax, qword ptr [rdi]; lock inc dword ptr [rax]; 1: pause; cmp dword ptr [rax], 2; jb 1b; ret",
     {"\x48\x8b\x07\xf0\xff\x00\xf3\x90\x83\x38\x02\x72\xf9\xc3", 14}, nullptr},
    {"control",  {kBuffer}, 0, "mov rax, qword ptr [rdi]; stmxcsr dword ptr [rax]; ret", {"\x48\x8b\x07\x0f\xae\x18\xc3", 7}, nullptr},
};
// clang-format on

}  // namespace

std::span<const SuiteKernel> suite_kernels() { return kKernels; }

ProgramImage suite_image(std::string_view isa, std::string_view name) {
  for (const SuiteKernel& kernel : kKernels) {
    if (name != kernel.name) continue;
    DOORBELL_CHECK(isa == "x86-64" || isa == "lanes", "no kernels for {}", isa);
    std::string code = isa == "lanes" ? std::string(name) : kernel.x86_code;
    ProgramImage image;
    image.name = name;
    image.isa = isa;
    auto bytes = std::as_bytes(std::span(code));
    image.code.assign(bytes.begin(), bytes.end());
    image.lanes = isa == "lanes" ? 32 : 1;
    image.local_bytes = kernel.local_bytes;
    image.arguments = kernel.arguments;
    return image;
  }
  DOORBELL_CHECK(false, "no kernel {}", name);
  return {};
}

model::KernelLoader suite_loader() {
  return [](const ProgramImage& image) -> Result<model::KernelRunner> {
    std::string_view name(reinterpret_cast<const char*>(image.code.data()), image.code.size());
    for (const SuiteKernel& kernel : kKernels)
      if (name == kernel.name && kernel.model) return model::KernelRunner(kernel.model);
    return error("no meaning for kernel {}", name);
  };
}

}  // namespace doorbell
