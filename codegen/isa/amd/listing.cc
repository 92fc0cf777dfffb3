#include "codegen/isa/amd/listing.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/elf.h"
#include "codegen/isa/amd/metadata.h"
#include "codegen/isa/amd/object.h"

namespace doorbell::amd {
namespace {

using Json = nlohmann::json;

uint64_t word_at(std::span<const std::byte> bytes, uint64_t at, size_t size) {
  uint64_t v = 0;
  std::memcpy(&v, bytes.data() + at, size);
  return v;
}

// Whether a name can stand in the text without quotes.
std::string quoted(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$';
  });
  if (plain && !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0]))) return std::string(name);
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) out += fmt::format("\\{:03o}", c);
    else out += c;
  }
  return out + "\"";
}

// One line of a section of code.
struct CodeLine {
  uint64_t offset = 0;
  size_t size = 0;
  std::string text;                // an instruction, or what data would be if it were one
  bool is_data = false;            // text does not give these bytes back
  std::optional<uint64_t> target;  // an offset that it branches to
};

// Where a branch goes, in its section.
std::optional<uint64_t> branch_target(const Inst& inst, uint64_t end) {
  const Row& r = row(inst);
  for (size_t i = 0; i < r.count; ++i)
    if (r.operands[i].notation == Notation::rel)
      return end + static_cast<uint64_t>(inst.operands[i].value * 4);
  return std::nullopt;
}

bool gives_back(const std::string& text, Target target, std::span<const std::byte> bytes) {
  const Result<Inst> inst = parse(text, target);
  std::vector<std::byte> again;
  return inst.ok() && check(*inst, target).ok() && encode(*inst, target, again).ok() &&
         std::equal(again.begin(), again.end(), bytes.begin(), bytes.end());
}

// `wave_at` says what a wave is at an offset.
template <class WaveAt>
std::vector<CodeLine> read_code(std::span<const std::byte> bytes, Arch arch, WaveAt wave_at) {
  std::vector<CodeLine> lines;
  std::set<uint64_t> begins;
  for (uint64_t at = 0; at < bytes.size();) {
    CodeLine line{.offset = at, .size = 4, .text = {}, .is_data = true, .target = {}};
    const Target target{arch, wave_at(at)};
    if (bytes.size() - at < 4) {
      line.size = 1;
    } else if (const Result<Decoded> d = decode(bytes.subspan(at), target)) {
      line.size = d->length;
      line.text = print(d->inst, target);
      line.is_data = !gives_back(line.text, target, bytes.subspan(at, d->length));
      line.target = branch_target(d->inst, at + d->length);
    }
    begins.insert(at);
    at += line.size;
    lines.push_back(std::move(line));
  }
  for (CodeLine& l : lines)
    if (l.target && (!begins.contains(*l.target) || l.is_data)) l.target.reset();
  return lines;
}

std::string hex_words(std::span<const std::byte> bytes) {
  std::string s;
  for (size_t at = 0; at < bytes.size(); at += 4) {
    const size_t n = std::min<size_t>(4, bytes.size() - at);
    s += fmt::format(" {:0{}X}", word_at(bytes, at, n), n * 2);
  }
  return s;
}

struct Listing {
  const CodeObject* object = nullptr;
  std::string out{};

  template <class... Args>
  void put(fmt::format_string<Args...> f, Args&&... args) {
    fmt::format_to(std::back_inserter(out), f, std::forward<Args>(args)...);
  }

  // Symbols by their offset in a section.
  [[nodiscard]] std::multimap<uint64_t, const Symbol*> symbols_in(size_t section) const;
  [[nodiscard]] uint64_t base(const Section& s) const { return object->relocatable() ? 0 : s.va; }
  [[nodiscard]] uint8_t wave_at(const Section& s, uint64_t offset) const;
  [[nodiscard]] static bool is_shown(const Section& s);
  // In the order of addresses.
  [[nodiscard]] std::vector<size_t> shown() const;

  void code_lines(const std::vector<CodeLine>& lines, std::span<const std::byte> bytes, uint64_t va,
                  const std::multimap<uint64_t, const Symbol*>& symbols);
  // The nearest symbol at or before an address; null if none lies in the same section.
  [[nodiscard]] const Symbol* symbol_before(uint64_t va) const;
  void name_addresses(std::vector<CodeLine>& lines, std::span<const std::byte> bytes, uint64_t va) const;
  void symbol(const Symbol& s);
  void section(size_t number);
  void data(const Section& s, const std::multimap<uint64_t, const Symbol*>& symbols);
  void data_run(const Section& s, uint64_t at, uint64_t end);
  void kernel(const Kernel& k);
  void whole();
  [[nodiscard]] Json kernel_json(const Kernel& k) const;
  [[nodiscard]] Json lines_json(const std::vector<CodeLine>& lines, std::span<const std::byte> bytes,
                                uint64_t va, const std::multimap<uint64_t, const Symbol*>& symbols) const;
  [[nodiscard]] Json json() const;
};

// What is part of the program, and not written anew by whoever makes an ELF file of the text.
bool Listing::is_shown(const Section& s) {
  if (!(s.flags & flag_alloc) || s.size == 0 || s.name == ".relro_padding") return false;
  return s.type == elf::section_progbits || s.type == elf::section_nobits;
}

std::vector<size_t> Listing::shown() const {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < object->sections().size(); ++i)
    if (is_shown(object->sections()[i])) numbers.push_back(i);
  std::sort(numbers.begin(), numbers.end(), [&](size_t a, size_t b) {
    return std::pair(base(object->sections()[a]), a) < std::pair(base(object->sections()[b]), b);
  });
  return numbers;
}

std::multimap<uint64_t, const Symbol*> Listing::symbols_in(size_t number) const {
  std::multimap<uint64_t, const Symbol*> found;
  const Section& s = object->sections()[number];
  for (const Symbol& x : object->all_symbols())
    if (x.section == number && !x.name.empty() && x.type != 3 && x.value - base(s) <= s.size)
      found.emplace(x.value - base(s), &x);
  return found;
}

uint8_t Listing::wave_at(const Section& s, uint64_t offset) const {
  // The nearest kernel that begins before; else the first.
  const Kernel* best = nullptr;
  for (const Kernel& k : object->kernels())
    if (!best ||
        (k.code_va <= base(s) + offset && (best->code_va > base(s) + offset || k.code_va > best->code_va)))
      best = &k;
  return best && !is_wave32(best->descriptor) ? 64 : 32;
}

std::string local_label(uint64_t va) { return fmt::format(".L{:x}", va); }

const Symbol* Listing::symbol_before(uint64_t va) const {
  const Symbol* best = nullptr;
  for (const Symbol& s : object->all_symbols()) {
    if (s.section >= object->sections().size() || s.name.empty() || s.type == 3 || s.value > va) continue;
    const Section& in = object->sections()[s.section];
    if (!is_shown(in) || va < in.va || va - in.va >= in.size || s.value < in.va) continue;
    if (!best || s.value > best->value) best = &s;
  }
  return best;
}

// The address of what is far away is computed from the program counter: s_getpc_b64, then s_add_u32 and
// s_addc_u32 with the halves of a distance.
void Listing::name_addresses(std::vector<CodeLine>& lines, std::span<const std::byte> bytes,
                             uint64_t va) const {
  constexpr size_t reach = 5;
  for (size_t i = 0; i < lines.size(); ++i) {
    int low = 0, high = 0;
    if (std::sscanf(lines[i].text.c_str(), "s_getpc_b64 s[%d:%d]", &low, &high) != 2) continue;
    const uint64_t pc = lines[i].offset + 4;
    const auto find = [&](const std::string& begin) -> CodeLine* {
      for (size_t j = i + 1; j < std::min(lines.size(), i + reach); ++j)
        if (lines[j].size == 8 && lines[j].text.starts_with(begin)) return &lines[j];
      return nullptr;
    };
    const std::string add = fmt::format("s_add_u32 s{0}, s{0}, ", low),
                      carry = fmt::format("s_addc_u32 s{0}, s{0}, ", high);
    CodeLine *first = find(add), *second = find(carry);
    if (!first || !second) continue;
    const uint64_t distance = word_at(bytes, first->offset + 4, 4) | word_at(bytes, second->offset + 4, 4)
                                                                         << 32;
    const Symbol* s = symbol_before(va + pc + distance);
    if (!s || quoted(s->name) != s->name) continue;
    const auto addend = [&](const CodeLine& l) {
      return static_cast<int64_t>(va + pc + distance - s->value + (l.offset + 4 - pc));
    };
    first->text = fmt::format("{}{}@rel32@lo{:+}", add, quoted(s->name), addend(*first));
    second->text = fmt::format("{}{}@rel32@hi{:+}", carry, quoted(s->name), addend(*second));
    first->is_data = second->is_data = false;
  }
}

void Listing::symbol(const Symbol& s) {
  const std::string name = quoted(s.name);
  if (s.binding == 1) put("\t.globl\t{}\n", name);
  if (s.binding == 2) put("\t.weak\t{}\n", name);
  if (s.visibility >= 2) put("\t{}\t{}\n", s.visibility == 3 ? ".protected" : ".hidden", name);
  if (s.type == symbol_function || s.type == symbol_object)
    put("\t.type\t{},{}\n", name, s.type == symbol_function ? "@function" : "@object");
  if (s.size != 0) put("\t.size\t{}, {}\n", name, s.size);
  put("{}:\n", name);
}

void Listing::code_lines(const std::vector<CodeLine>& lines, std::span<const std::byte> bytes, uint64_t va,
                         const std::multimap<uint64_t, const Symbol*>& symbols) {
  std::set<uint64_t> targets;
  for (const CodeLine& l : lines)
    if (l.target) targets.insert(*l.target);
  for (size_t i = 0; i < lines.size(); ++i) {
    const CodeLine& l = lines[i];
    const auto [first, last] = symbols.equal_range(l.offset);
    for (auto s = first; s != last; ++s) {
      if (i != 0 && s == first) out += '\n';
      symbol(*s->second);
    }
    // Symbols within an instruction are only said.
    for (auto s = symbols.upper_bound(l.offset); s != symbols.end() && s->first < l.offset + l.size; ++s)
      put("\t// {} is {} bytes behind this\n", quoted(s->second->name), s->first - l.offset);
    if (targets.contains(l.offset)) put("{}:\n", local_label(va + l.offset));
    const std::span<const std::byte> own = bytes.subspan(l.offset, l.size);
    // Padding: the same word again and again.
    size_t same = 1;
    const auto equal = [&](const CodeLine& m) {
      return m.size == 4 && l.size == 4 && !m.target && !targets.contains(m.offset) &&
             !symbols.contains(m.offset) && word_at(bytes, m.offset, 4) == word_at(bytes, l.offset, 4);
    };
    while (!l.target && i + same < lines.size() && equal(lines[i + same])) ++same;
    std::string text = l.text;
    if (same >= 8) {
      text = fmt::format(".fill {}, 4, {:#x}", same, word_at(own, 0, 4));
    } else if (l.is_data) {
      text = l.size == 1 ? ".byte" : ".long";
      for (size_t at = 0; at < l.size; at += 4)
        text += fmt::format("{} {:#x}", at == 0 ? "" : ",", word_at(own, at, l.size == 1 ? 1 : 4));
    } else if (l.target) {
      // The distance is the text's last word; a symbol's name says more than an address.
      const auto s = symbols.find(*l.target);
      text = text.substr(0, text.find_last_of(' ') + 1) +
             (s != symbols.end() ? quoted(s->second->name) : local_label(va + *l.target));
    }
    put("\t{:<58} // {:012X}:{}", text, va + l.offset, hex_words(own));
    if (same >= 8 || l.is_data) put(" {}", l.text.empty() ? "is no instruction" : l.text);
    out += '\n';
    if (same >= 8) i += same - 1;
  }
  const auto [first, last] = symbols.equal_range(bytes.size());
  for (auto s = first; s != last; ++s) symbol(*s->second);
}

void Listing::kernel(const Kernel& k) {
  const KernelDescriptor& d = k.descriptor;
  put("\t.amdhsa_kernel {}\n", quoted(k.name));
  for (const DescriptorNumber& n : descriptor_numbers) put("\t\t.amdhsa_{} {}\n", n.directive, d.*n.number);
  put("\t\t.amdhsa_next_free_vgpr {}\n", vgpr_count(d));
  put("\t\t.amdhsa_next_free_sgpr 0\n\t\t.amdhsa_reserve_vcc 0\n");
  for (const DescriptorField& f : descriptor_fields(object->arch())) {
    const uint32_t v = get(d, f);
    if (f.name == "granulated_workitem_vgpr_count") continue;
    if (!f.directive.empty()) put("\t\t.amdhsa_{} {}\n", f.directive, v);
    else if (v != 0) put("\t\t.amdhsa_{} {}\n", f.name, v);
  }
  put("\t.end_amdhsa_kernel\n");
}

// Whether the directives of kernel() give these bytes back.
bool is_expressible(const Kernel& k, Arch arch, const CodeObject& object) {
  KernelDescriptor again = initial_descriptor(arch);
  for (const DescriptorNumber& n : descriptor_numbers) again.*n.number = k.descriptor.*n.number;
  for (const DescriptorField& f : descriptor_fields(arch)) set(again, f, get(k.descriptor, f));
  again.kernel_code_entry_byte_offset = k.descriptor.kernel_code_entry_byte_offset;
  const Symbol* code = object.find(k.name);
  return code && code->value == k.code_va && k.descriptor_va % 64 == 0 &&
         std::memcmp(&again, &k.descriptor, sizeof again) == 0;
}

void Listing::data_run(const Section& s, uint64_t at, uint64_t end) {
  std::map<uint64_t, const Relocation*> pointers;
  for (const Relocation& r : object->relocations())
    if (r.type == relocation::relative64 || r.type == relocation::abs64)
      pointers.emplace(r.offset - base(s), &r);
  while (at < end) {
    if (const auto p = pointers.find(at); p != pointers.end() && !object->relocatable() && end - at >= 8) {
      const uint64_t to = static_cast<uint64_t>(p->second->addend) +
                          (p->second->type == relocation::abs64 ? p->second->symbol_value : 0);
      std::string text = fmt::format("{:#x}", to);
      if (const Symbol* symbol = symbol_before(to)) {
        text = quoted(symbol->name);
        if (to != symbol->value) text += fmt::format("+{}", to - symbol->value);
      }
      put("\t.quad\t{}\n", text);
      at += 8;
      continue;
    }
    const auto next = pointers.upper_bound(at);
    const uint64_t stop = next == pointers.end() ? end : std::min(end, next->first);
    if (s.bytes.empty()) {
      put("\t.zero\t{}\n", stop - at);
      at = stop;
      continue;
    }
    uint64_t zeros = at;
    while (zeros < stop && s.bytes[zeros] == std::byte{}) ++zeros;
    if (zeros - at >= 16 || zeros == stop) {
      put("\t.zero\t{}\n", zeros - at);
      at = zeros;
      continue;
    }
    const size_t size = at % 4 == 0 && stop - at >= 4 ? 4 : 1;
    const uint64_t line_end = std::min(stop, at / 16 * 16 + 16);
    put("\t{}\t", size == 4 ? ".long" : ".byte");
    for (bool first = true; line_end - at >= size; first = false, at += size)
      put("{}{:#x}", first ? "" : ", ", word_at(s.bytes, at, size));
    out += '\n';
  }
}

void Listing::data(const Section& s, const std::multimap<uint64_t, const Symbol*>& symbols) {
  uint64_t at = 0;
  while (at < s.size) {
    const Kernel* descriptor = nullptr;
    for (const Kernel& k : object->kernels())
      if (k.descriptor_va == base(s) + at && !object->relocatable() &&
          s.size - at >= sizeof(KernelDescriptor) && is_expressible(k, object->arch(), *object))
        descriptor = &k;
    const auto [first, last] = symbols.equal_range(at);
    for (auto x = first; x != last; ++x)
      if (!descriptor || x->second->name != std::string(descriptor->name) + ".kd") symbol(*x->second);
    if (descriptor) {
      kernel(*descriptor);
      at += sizeof(KernelDescriptor);
      continue;
    }
    uint64_t end = s.size;
    if (const auto next = symbols.upper_bound(at); next != symbols.end()) end = std::min(end, next->first);
    data_run(s, at, end);
    at = end;
  }
  const auto [first, last] = symbols.equal_range(s.size);
  for (auto x = first; x != last; ++x) symbol(*x->second);
}

void Listing::section(size_t number) {
  const Section& s = object->sections()[number];
  std::string flags;
  for (auto [bit, letter] : {std::pair{flag_alloc, 'a'}, {flag_write, 'w'}, {flag_execute, 'x'}})
    if (s.flags & bit) flags += letter;
  put("\n\t.section\t{},\"{}\",{}\n", quoted(s.name), flags,
      s.type == elf::section_nobits ? "@nobits" : "@progbits");
  if (!object->relocatable()) put("\t.address\t{:#x}\n", s.va);
  const auto symbols = symbols_in(number);
  if ((s.flags & flag_execute) && !s.bytes.empty()) {
    auto lines = read_code(s.bytes, object->arch(), [&](uint64_t at) { return wave_at(s, at); });
    if (!object->relocatable()) name_addresses(lines, s.bytes, s.va);
    code_lines(lines, s.bytes, base(s), symbols);
  } else {
    data(s, symbols);
  }
  if (object->relocatable())
    for (const Relocation& r : object->relocations())
      put("\t// relocation at {:#x}: type {}, {}+{}\n", r.offset, r.type, quoted(r.symbol), r.addend);
}

void Listing::whole() {
  put("\t.amdgcn_target \"amdgcn-amd-amdhsa--{}\"\n", object->processor());
  if (object->version() >= 4) put("\t.amdhsa_code_object_version {}\n", object->version());
  for (size_t i : shown()) section(i);
  if (object->metadata_text().empty()) return;
  put("\n\t.amdgpu_metadata\n---\n{}...\n\t.end_amdgpu_metadata\n",
      metadata_to_text(Json::parse(object->metadata_text())));
}

Json Listing::kernel_json(const Kernel& k) const {
  Json fields = Json::object();
  for (const DescriptorNumber& n : descriptor_numbers)
    fields[std::string(n.directive)] = k.descriptor.*n.number;
  for (const DescriptorField& f : descriptor_fields(object->arch()))
    fields[std::string(f.name)] = get(k.descriptor, f);
  return {{"name", k.name},
          {"descriptor_address", k.descriptor_va},
          {"code_address", k.code_va},
          {"vgprs", vgpr_count(k.descriptor)},
          {"wave", is_wave32(k.descriptor) ? 32 : 64},
          {"descriptor", std::move(fields)}};
}

Json Listing::lines_json(const std::vector<CodeLine>& lines, std::span<const std::byte> bytes, uint64_t va,
                         const std::multimap<uint64_t, const Symbol*>& symbols) const {
  Json list = Json::array();
  for (const CodeLine& l : lines) {
    std::string hex;
    for (std::byte b : bytes.subspan(l.offset, l.size)) hex += fmt::format("{:02x}", static_cast<int>(b));
    Json j{{"address", va + l.offset}, {"bytes", hex}};
    if (!l.text.empty()) j["text"] = l.text;
    if (l.target) j["target"] = va + *l.target;
    if (const auto s = symbols.find(l.offset); s != symbols.end()) j["symbol"] = s->second->name;
    list.push_back(std::move(j));
  }
  return list;
}

Json Listing::json() const {
  Json sections = Json::array(), kernels = Json::array(), symbols = Json::array();
  for (size_t i : shown()) {
    const Section& s = object->sections()[i];
    Json j{{"name", s.name}, {"address", base(s)}, {"size", s.size}};
    if ((s.flags & flag_execute) && !s.bytes.empty()) {
      auto lines = read_code(s.bytes, object->arch(), [&](uint64_t at) { return wave_at(s, at); });
      if (!object->relocatable()) name_addresses(lines, s.bytes, s.va);
      j["instructions"] = lines_json(lines, s.bytes, base(s), symbols_in(i));
    }
    sections.push_back(std::move(j));
  }
  for (const Kernel& k : object->kernels()) kernels.push_back(kernel_json(k));
  for (const Symbol& s : object->all_symbols())
    if (!s.name.empty()) symbols.push_back({{"name", s.name}, {"address", s.value}, {"size", s.size}});
  Json j{{"processor", object->processor()},
         {"kernels", std::move(kernels)},
         {"symbols", std::move(symbols)},
         {"sections", std::move(sections)}};
  if (!object->metadata_text().empty()) j["metadata"] = Json::parse(object->metadata_text());
  return j;
}

}  // namespace

std::string disassemble(const CodeObject& object) {
  Listing l{.object = &object};
  l.whole();
  return l.out;
}
Json disassemble_to_json(const CodeObject& object) { return Listing{.object = &object}.json(); }

std::string disassemble_code(std::span<const std::byte> bytes, uint64_t va, Target target) {
  Listing l;
  l.put("\t.amdgcn_target \"amdgcn-amd-amdhsa--{}\"\n\t.text\n", name(target.arch));
  l.code_lines(read_code(bytes, target.arch, [&](uint64_t) { return target.wave; }), bytes, va, {});
  return l.out;
}
Json disassemble_code_to_json(std::span<const std::byte> bytes, uint64_t va, Target target) {
  const auto lines = read_code(bytes, target.arch, [&](uint64_t) { return target.wave; });
  return {{"processor", name(target.arch)}, {"instructions", Listing{}.lines_json(lines, bytes, va, {})}};
}

}  // namespace doorbell::amd
