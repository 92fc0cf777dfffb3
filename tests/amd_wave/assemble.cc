#include "tests/amd_wave/assemble.h"

#include <map>
#include <string>

#include "codegen/isa/amd/amd.h"

namespace doorbell::sim::amd {
namespace {

struct Labels : doorbell::amd::Names {
  std::map<std::string, int64_t, std::less<>> at;  // bytes
  int64_t here = 0;                                // behind the instruction
  bool measuring = true;

  [[nodiscard]] std::optional<Value> value(std::string_view) const override { return std::nullopt; }
  [[nodiscard]] std::optional<int64_t> relocated(std::string_view, std::string_view, int64_t) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<int64_t> distance(std::string_view name) const override {
    auto found = at.find(name);
    if (found == at.end()) return measuring ? std::optional<int64_t>(0) : std::nullopt;
    return (found->second - here) / 4;
  }
};

}  // namespace

Result<std::vector<std::byte>> assemble(std::string_view text, const Gpu& gpu, unsigned wave) {
  doorbell::amd::Target target{gpu.arch, static_cast<uint8_t>(wave)};
  Labels labels;
  std::vector<std::byte> code;
  for (bool measuring : {true, false}) {
    labels.measuring = measuring;
    code.clear();
    for (size_t begin = 0; begin < text.size();) {
      size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line = text.substr(begin, end - begin);
      begin = end + 1;
      line = line.substr(0, line.find(';'));
      while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
      while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
      if (line.empty()) continue;
      if (line.ends_with(':')) {
        labels.at[std::string(line.substr(0, line.size() - 1))] = static_cast<int64_t>(code.size());
        continue;
      }
      if (line.starts_with(".long ")) {
        auto word = static_cast<uint32_t>(std::stoul(std::string(line.substr(6)), nullptr, 0));
        for (int i = 0; i < 4; ++i) code.push_back(static_cast<std::byte>(word >> 8 * i));
        continue;
      }
      labels.here = static_cast<int64_t>(code.size()) + 4;  // branches are one dword
      auto inst = doorbell::amd::parse(line, target, &labels);
      if (!inst.ok()) return error("{}: {}", line, inst.error().message);
      TRY(doorbell::amd::encode(*inst, target, code));
    }
  }
  return code;
}

}  // namespace doorbell::sim::amd
