// Machine: from the command line to a value, and through a line of text to other processes.
#include "sim/amd/machine.h"

#include <sys/sysinfo.h>

#include <charconv>

#include "sim/amd/wave/simd.h"

namespace doorbell::sim::amd {
namespace {

std::string known_gpus() {
  std::string names;
  for (const Gpu& gpu : gpus()) names += fmt::format("{}{}", names.empty() ? "" : ", ", gpu.name);
  return names;
}

template <class Visit>
void split(std::string_view text, char separator, Visit&& visit) {
  while (true) {
    size_t end = text.find(separator);
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// The kernel lets GPUs have 15/16 of system memory (amdgpu_amdkfd_gpuvm_init_mem_limits).
uint64_t system_memory_limit() {
  struct sysinfo info{};
  sysinfo(&info);
  uint64_t bytes = uint64_t{info.totalram} * info.mem_unit;
  return bytes - bytes / 16;
}

}  // namespace

Result<uint64_t> parse_size(std::string_view text) {
  uint64_t value = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  constexpr std::string_view suffixes = "KMGT";
  size_t power = rest.empty() ? 0 : suffixes.find(rest[0]) + 1;
  if (problem != std::errc() || rest.size() > 1 || (!rest.empty() && power == 0) ||
      (power > 0 && value >> (64 - 10 * power) != 0)) {
    return error("\"{}\" is not a size: a number with K, M, G or T, as in 512M", text);
  }
  return value << (10 * power);
}

Result<Machine> Machine::make(std::string_view gpus, uint64_t vram, std::string_view lenient,
                              std::string_view trace) {
  TRY(simds());
  Machine machine;
  std::string unknown;
  split(gpus, ',', [&](std::string_view name) {
    const Gpu* gpu = find_gpu(name);
    if (!gpu) unknown = name;
    if (gpu) machine.cards.push_back({gpu, vram ? vram : gpu->vram_bytes});
  });
  if (!unknown.empty() || machine.cards.empty()) {
    return error("there is no emulated GPU \"{}\"; known are {}", unknown, known_gpus());
  }
  if (machine.cards.size() > max_cards) {
    return error("{} GPUs are too many for one machine; it has room for {}", machine.cards.size(), max_cards);
  }
  if (vram && (vram < (16ull << 20) || vram > (1ull << 40))) {
    return error("a card cannot have {} bytes of memory; from 16M to 1T are possible", vram);
  }
  machine.lenient = lenient;
  machine.trace = trace;
  machine.system_memory = system_memory_limit();
  Strict strict;
  if (!lenient.empty()) TRY(strict.lenient(lenient));
  return machine;
}

std::string Machine::text() const {
  std::string line;
  for (const Card& card : cards) {
    line += fmt::format("{}{}:{}", line.empty() ? "" : ",", card.gpu->name, card.vram_bytes);
  }
  return fmt::format("{}|{}|{}|{}|{}|{}", line, system_memory, threads, lockup_ms, lenient, trace);
}

Result<Machine> Machine::from_text(std::string_view text) {
  Machine machine;
  std::vector<std::string_view> parts;
  split(text, '|', [&](std::string_view part) { parts.push_back(part); });
  if (parts.size() != 6) return error("\"{}\" does not describe a machine", text);
  bool good = true;
  auto number = [&](std::string_view digits) {
    uint64_t value = 0;
    good &= std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc();
    return value;
  };
  split(parts[0], ',', [&](std::string_view part) {
    size_t colon = part.find(':');
    const Gpu* gpu = find_gpu(part.substr(0, colon));
    good &= gpu && colon != std::string_view::npos;
    if (good) machine.cards.push_back({gpu, number(part.substr(colon + 1))});
  });
  machine.system_memory = number(parts[1]);
  machine.threads = static_cast<unsigned>(number(parts[2]));
  machine.lockup_ms = static_cast<uint32_t>(number(parts[3]));
  if (!good) return error("\"{}\" does not describe a machine", text);
  machine.lenient = parts[4];
  machine.trace = parts[5];
  return machine;
}

Strict Machine::strict() const {
  Strict strict;
  if (!lenient.empty()) {
    Status status = strict.lenient(lenient);
    DOORBELL_CHECK(status.ok(), "the names were checked before: {}", lenient);
  }
  return strict;
}

}  // namespace doorbell::sim::amd
