#include "tests/amd_isa/llvm.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace doorbell::amd {
namespace {

// llvm-c/Disassembler.h
using CreateDisasm = void* (*)(const char* triple, const char* cpu, const char* features, void* info, int tag,
                               void* get_operand_info, void* lookup_symbol);
using DisasmInstruction = size_t (*)(void* context, const uint8_t* bytes, uint64_t size, uint64_t pc,
                                     char* out, size_t out_size);

struct Library {
  CreateDisasm create = nullptr;
  DisasmInstruction disasm = nullptr;

  Library() {
    void* handle = nullptr;
    for (const char* name : {"libLLVM.so.19.1", "libLLVM-19.so.1", "libLLVM-19.so"})
      if (!handle) handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return;
    for (const char* name : {"LLVMInitializeAMDGPUTargetInfo", "LLVMInitializeAMDGPUTarget",
                             "LLVMInitializeAMDGPUTargetMC", "LLVMInitializeAMDGPUDisassembler"})
      if (void* f = ::dlsym(handle, name)) reinterpret_cast<void (*)()>(f)();
    create = reinterpret_cast<CreateDisasm>(::dlsym(handle, "LLVMCreateDisasmCPUFeatures"));
    disasm = reinterpret_cast<DisasmInstruction>(::dlsym(handle, "LLVMDisasmInstruction"));
  }
};
const Library& library() {
  static const Library l;
  return l;
}

std::string wave_feature(Target t) {
  return t.wave == 64 ? "+wavefrontsize64,-wavefrontsize32" : "+wavefrontsize32,-wavefrontsize64";
}

std::string tidy(std::string_view line) {
  std::string s;
  for (char c : line.substr(0, line.find(';')))
    if (c != ' ' && c != '\t') s += c;
    else if (!s.empty() && s.back() != ' ') s += ' ';
  while (!s.empty() && s.back() == ' ') s.pop_back();
  return s;
}

}  // namespace

Llvm* Llvm::get(Target t) {
  if (!library().create || !library().disasm) return nullptr;
  static auto& contexts = *new std::map<std::pair<Arch, int>, Llvm>;  // as long as the process
  const auto key = std::pair(t.arch, int{t.wave});
  if (const auto found = contexts.find(key); found != contexts.end()) return &found->second;
  void* context = library().create("amdgcn-amd-amdhsa", std::string(name(t.arch)).c_str(),
                                   wave_feature(t).c_str(), nullptr, 0, nullptr, nullptr);
  return context ? &contexts.emplace(key, Llvm(context)).first->second : nullptr;
}

std::optional<LlvmDecoded> Llvm::decode(std::span<const std::byte> bytes) const {
  char text[1024];
  const size_t n = library().disasm(context_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), 0,
                                    text, sizeof text);
  if (n == 0 || std::string_view(text).find("/*") != std::string_view::npos) return std::nullopt;
  return LlvmDecoded{n, tidy(text)};
}

bool have_llvm_mc() {
  static const bool have = std::system("llvm-mc-19 --version >/dev/null 2>&1") == 0;
  return have;
}

std::vector<std::vector<std::byte>> llvm_assemble(const std::vector<std::string>& lines, Target t) {
  const std::filesystem::path stem =
      std::filesystem::temp_directory_path() / fmt::format("doorbell-amd-isa-{}", ::getpid());
  const std::string in = stem.string() + ".s", out = stem.string() + ".out";
  // A label before each line tells which bytes are whose, also where a line is refused.
  {
    std::ofstream file(in);
    for (size_t i = 0; i < lines.size(); ++i) file << "L" << i << ":\n" << lines[i] << "\n";
  }
  const int status = std::system(
      fmt::format("llvm-mc-19 -triple=amdgcn-amd-amdhsa -mcpu={} -mattr={} -show-encoding {} >{} 2>/dev/null",
                  name(t.arch), wave_feature(t), in, out)
          .c_str());
  (void)status;  // refused lines show as such below
  std::vector<std::vector<std::byte>> all(lines.size());
  std::ifstream result(out);
  std::string line;
  size_t at = lines.size();
  while (std::getline(result, line)) {
    if (line.size() > 1 && line[0] == 'L' && line.back() == ':') {
      at = std::stoul(line.substr(1));
      continue;
    }
    const size_t begin = line.find("encoding: [");
    if (begin == std::string::npos || at >= lines.size()) continue;
    for (size_t p = begin + 11; p < line.size() && line[p] != ']';) {
      if (line.compare(p, 2, "0x") != 0) break;
      all[at].push_back(static_cast<std::byte>(std::stoul(line.substr(p + 2, 2), nullptr, 16)));
      p += 5;
    }
  }
  std::filesystem::remove(in);
  std::filesystem::remove(out);
  return all;
}

}  // namespace doorbell::amd
