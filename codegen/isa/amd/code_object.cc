#include "codegen/isa/amd/code_object.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "codegen/isa/amd/elf.h"
#include "codegen/isa/amd/metadata.h"

namespace doorbell::amd {
namespace {

// LLVM, "AMDGPU ELF Header e_flags".
constexpr Machine machine_list[] = {
    {"gfx1030", 0x36, Arch::gfx1030}, {"gfx1031", 0x37, Arch::gfx1030}, {"gfx1032", 0x38, Arch::gfx1030},
    {"gfx1033", 0x39, Arch::gfx1030}, {"gfx1034", 0x3e, Arch::gfx1030}, {"gfx1035", 0x3d, Arch::gfx1030},
    {"gfx1036", 0x45, Arch::gfx1030}, {"gfx1100", 0x41, Arch::gfx1100}, {"gfx1101", 0x46, Arch::gfx1100},
    {"gfx1102", 0x47, Arch::gfx1100}, {"gfx1103", 0x44, Arch::gfx1100}, {"gfx1150", 0x43, Arch::gfx1151},
    {"gfx1151", 0x4a, Arch::gfx1151}, {"gfx1152", 0x55, Arch::gfx1151},
};

using elf::machine_amdgpu, elf::type_relocatable, elf::type_dynamic, elf::section_symtab, elf::section_rela,
    elf::section_note, elf::section_nobits, elf::section_dynsym, elf::segment_note, elf::note_metadata;

std::string text_of(const nlohmann::json& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() && found->is_string() ? found->get<std::string>() : std::string();
}
uint64_t number_of(const nlohmann::json& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

KernelMetadata read_kernel(const nlohmann::json& k) {
  KernelMetadata m;
  m.name = text_of(k, ".name");
  m.symbol = text_of(k, ".symbol");
  m.kernarg_segment_size = number_of(k, ".kernarg_segment_size");
  m.kernarg_segment_align = number_of(k, ".kernarg_segment_align");
  m.group_segment_fixed_size = number_of(k, ".group_segment_fixed_size");
  m.private_segment_fixed_size = number_of(k, ".private_segment_fixed_size");
  m.wavefront_size = number_of(k, ".wavefront_size");
  m.sgpr_count = number_of(k, ".sgpr_count");
  m.vgpr_count = number_of(k, ".vgpr_count");
  m.max_flat_workgroup_size = number_of(k, ".max_flat_workgroup_size");
  const auto arguments = k.find(".args");
  if (arguments == k.end() || !arguments->is_array()) return m;
  for (const nlohmann::json& a : *arguments) {
    if (!a.is_object()) continue;
    m.arguments.push_back({text_of(a, ".name"), text_of(a, ".value_kind"), text_of(a, ".address_space"),
                           number_of(a, ".offset"), number_of(a, ".size")});
  }
  return m;
}

}  // namespace

std::span<const Machine> machines() { return machine_list; }

class CodeObjectReader {
 public:
  explicit CodeObjectReader(std::span<const std::byte> bytes) : bytes_(bytes) { out_.bytes_ = bytes; }

  Result<CodeObject> read() {
    TRY(read_header());
    TRY(read_segments());
    TRY(read_sections());
    TRY(read_all_symbols());
    TRY(read_relocations());
    TRY(read_notes());
    TRY(read_kernels());
    return std::move(out_);
  }

 private:
  template <class T>
  Result<T> get(uint64_t offset, std::string_view what) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T))
      return error("code object: offset {}: {} lies beyond the end of the file ({} bytes)", offset, what,
                   bytes_.size());
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  Result<std::span<const std::byte>> range(uint64_t offset, uint64_t size, std::string_view what) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size)
      return error("code object: offset {}: {} of {} bytes lies beyond the end of the file ({} bytes)",
                   offset, what, size, bytes_.size());
    return bytes_.subspan(offset, size);
  }
  static std::string_view string_at(std::span<const std::byte> table, uint64_t at) {
    if (at >= table.size()) return {};
    const char* first = reinterpret_cast<const char*>(table.data()) + at;
    return {first, ::strnlen(first, table.size() - at)};
  }
  std::span<const std::byte> section_bytes(uint64_t index) const {
    return index < out_.sections_.size() ? out_.sections_[index].bytes : std::span<const std::byte>();
  }

  Status read_header();
  Status read_segments();
  Status read_sections();
  Status read_symbols(const Section& table, uint32_t strings, std::vector<Symbol>& into) const;
  Status read_all_symbols();
  Status read_relocations();
  Status read_notes();
  Status read_note_range(std::span<const std::byte> notes, uint64_t offset);
  Status read_metadata(std::span<const std::byte> bytes, uint64_t offset);
  Status read_kernels();

  std::span<const std::byte> bytes_;
  elf::Header header_{};
  std::vector<elf::Section> elf_sections_;
  CodeObject out_;
};

Status CodeObjectReader::read_header() {
  if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "\177ELF", 4) != 0)
    return error("code object: offset 0: not an ELF file");
  header_ = TRY(get<elf::Header>(0, "the ELF header"));
  if (header_.ident[4] != 2 || header_.ident[5] != 1)
    return error("code object: offset 4: not a 64-bit little-endian ELF file");
  if (header_.machine != machine_amdgpu)
    return error("code object: offset 18: machine {} is not AMDGPU ({})", header_.machine, machine_amdgpu);
  if (header_.type != type_relocatable && header_.type != type_dynamic)
    return error("code object: offset 16: type {} is neither an object file nor a shared object",
                 header_.type);
  out_.relocatable_ = header_.type == type_relocatable;
  out_.version_ = header_.ident[8] + 2;
  for (const Machine& m : machine_list)
    if (m.number == (header_.flags & 0xff)) {
      out_.arch_ = m.arch;
      out_.processor_ = m.name;
      return success();
    }
  return error(
      "code object: offset 48: processor {:#x} is not known here (gfx1030 to gfx1036, gfx1100 to gfx1103, "
      "gfx1150 to gfx1152 are)",
      header_.flags & 0xff);
}

Status CodeObjectReader::read_segments() {
  if (header_.phnum != 0 && header_.phentsize != sizeof(elf::Segment))
    return error("code object: offset 54: program headers of {} bytes", header_.phentsize);
  for (uint64_t i = 0; i < header_.phnum; ++i) {
    const uint64_t at = header_.phoff + i * sizeof(elf::Segment);
    const elf::Segment s = TRY(get<elf::Segment>(at, "a program header"));
    if (s.type == segment_load) {
      (void)TRY(range(s.offset, s.file_size, "a segment"));
      if (s.file_size > s.memory_size)
        return error("code object: offset {}: a segment has {} bytes in the file and {} in memory", at,
                     s.file_size, s.memory_size);
      if (s.va + s.memory_size < s.va) return error("code object: offset {}: a segment wraps around", at);
    }
    out_.segments_.push_back({s.type, s.flags, s.offset, s.va, s.file_size, s.memory_size, s.align});
  }
  return success();
}

Status CodeObjectReader::read_sections() {
  if (header_.shnum != 0 && header_.shentsize != sizeof(elf::Section))
    return error("code object: offset 58: section headers of {} bytes", header_.shentsize);
  for (uint64_t i = 0; i < header_.shnum; ++i) {
    const uint64_t at = header_.shoff + i * sizeof(elf::Section);
    const elf::Section s = TRY(get<elf::Section>(at, "a section header"));
    Section section{{}, s.type, s.flags, s.va, s.offset, s.size, {}};
    if (s.type != section_nobits && s.type != 0) section.bytes = TRY(range(s.offset, s.size, "a section"));
    elf_sections_.push_back(s);
    out_.sections_.push_back(section);
  }
  for (size_t i = 0; i < elf_sections_.size(); ++i)
    out_.sections_[i].name = string_at(section_bytes(header_.shstrndx), elf_sections_[i].name);
  return success();
}

Status CodeObjectReader::read_symbols(const Section& table, uint32_t strings,
                                      std::vector<Symbol>& into) const {
  for (uint64_t at = 0; at + sizeof(elf::Symbol) <= table.bytes.size(); at += sizeof(elf::Symbol)) {
    const elf::Symbol s = TRY(get<elf::Symbol>(table.file_offset + at, "a symbol"));
    into.push_back({string_at(section_bytes(strings), s.name), s.value, s.size,
                    static_cast<uint8_t>(s.info & 15), static_cast<uint8_t>(s.info >> 4),
                    static_cast<uint8_t>(s.other & 3), s.section});
  }
  return success();
}

Status CodeObjectReader::read_all_symbols() {
  for (size_t i = 0; i < elf_sections_.size(); ++i) {
    const Section& s = out_.sections_[i];
    if (s.type == section_dynsym) TRY(read_symbols(s, elf_sections_[i].link, out_.symbols_));
    if (s.type == section_symtab) TRY(read_symbols(s, elf_sections_[i].link, out_.all_symbols_));
  }
  if (out_.symbols_.empty()) out_.symbols_ = out_.all_symbols_;
  return success();
}

Status CodeObjectReader::read_relocations() {
  for (size_t i = 0; i < elf_sections_.size(); ++i) {
    const Section& s = out_.sections_[i];
    if (s.type != section_rela) continue;
    std::vector<Symbol> symbols;
    const uint32_t link = elf_sections_[i].link;
    if (link < out_.sections_.size() &&
        (out_.sections_[link].type == section_dynsym || out_.sections_[link].type == section_symtab))
      TRY(read_symbols(out_.sections_[link], elf_sections_[link].link, symbols));
    for (uint64_t at = 0; at + sizeof(elf::Rela) <= s.bytes.size(); at += sizeof(elf::Rela)) {
      const elf::Rela r = TRY(get<elf::Rela>(s.file_offset + at, "a relocation"));
      const uint64_t symbol = r.info >> 32;
      if (symbol != 0 && symbol >= symbols.size())
        return error("code object: offset {}: a relocation names symbol {} of {}", s.file_offset + at, symbol,
                     symbols.size());
      Relocation out{r.offset, static_cast<uint32_t>(r.info), r.addend, {}, 0};
      if (symbol != 0) {
        out.symbol = symbols[symbol].name;
        out.symbol_value = symbols[symbol].value;
      }
      out_.relocations_.push_back(out);
    }
  }
  return success();
}

Status CodeObjectReader::read_notes() {
  for (const Segment& s : out_.segments_)
    if (s.type == segment_note && out_.metadata_text_.empty())
      TRY(read_note_range(TRY(range(s.file_offset, s.file_size, "a segment of notes")), s.file_offset));
  for (const Section& s : out_.sections_)
    if (s.type == section_note && out_.metadata_text_.empty()) TRY(read_note_range(s.bytes, s.file_offset));
  return success();
}

// Name and description are each padded to 4 bytes.
Status CodeObjectReader::read_note_range(std::span<const std::byte> notes, uint64_t offset) {
  for (uint64_t at = 0; notes.size() - at >= 12;) {
    uint32_t name_size, size, type;
    std::memcpy(&name_size, notes.data() + at, 4);
    std::memcpy(&size, notes.data() + at + 4, 4);
    std::memcpy(&type, notes.data() + at + 8, 4);
    const uint64_t name_at = at + 12, data_at = name_at + (uint64_t{name_size} + 3) / 4 * 4;
    const uint64_t end = data_at + (uint64_t{size} + 3) / 4 * 4;
    if (data_at > notes.size() || notes.size() - data_at < size)
      return error("code object: offset {}: a note of {} bytes lies beyond its segment", offset + at, size);
    if (type == note_metadata && string_at(notes, name_at) == "AMDGPU")
      return read_metadata(notes.subspan(data_at, size), offset + data_at);
    at = std::min<uint64_t>(end, notes.size());
  }
  return success();
}

Status CodeObjectReader::read_metadata(std::span<const std::byte> bytes, uint64_t offset) {
  const Result<nlohmann::json> read = metadata_from_note(bytes);
  if (!read) return error("code object: offset {}: {}", offset, read.error().message);
  const nlohmann::json& json = *read;
  out_.metadata_text_ = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto kernels = json.find("amdhsa.kernels");
  if (kernels == json.end() || !kernels->is_array()) return success();
  for (const nlohmann::json& k : *kernels)
    if (k.is_object()) out_.metadata_.push_back(read_kernel(k));
  return success();
}

Status CodeObjectReader::read_kernels() {
  for (const Symbol& s : out_.all_symbols()) {
    if (!s.name.ends_with(".kd") || s.section == 0) continue;
    Kernel k;
    k.name = s.name.substr(0, s.name.size() - 3);
    k.descriptor_va = s.value;
    std::span<const std::byte> bytes;
    if (out_.relocatable_) {
      const std::span<const std::byte> section = section_bytes(s.section);
      if (s.value <= section.size() && section.size() - s.value >= sizeof(KernelDescriptor))
        bytes = section.subspan(s.value, sizeof(KernelDescriptor));
    } else {
      bytes = out_.at(s.value, sizeof(KernelDescriptor));
    }
    if (bytes.size() < sizeof(KernelDescriptor))
      return error("code object: the descriptor {} at {:#x} lies outside of the file", s.name, s.value);
    std::memcpy(&k.descriptor, bytes.data(), sizeof(KernelDescriptor));
    k.code_va = s.value + static_cast<uint64_t>(k.descriptor.kernel_code_entry_byte_offset);
    out_.kernels_.push_back(k);
  }
  for (Kernel& k : out_.kernels_)
    for (const KernelMetadata& m : out_.metadata_)
      if (m.symbol.size() == k.name.size() + 3 && m.symbol.starts_with(k.name)) k.metadata = &m;
  return success();
}

Result<CodeObject> CodeObject::parse(std::span<const std::byte> bytes) {
  return CodeObjectReader(bytes).read();
}

const Symbol* CodeObject::find(std::string_view name) const {
  for (const Symbol& s : all_symbols())
    if (s.name == name && s.section != 0) return &s;
  return nullptr;
}
const Kernel* CodeObject::find_kernel(std::string_view name) const {
  for (const Kernel& k : kernels_)
    if (k.name == name) return &k;
  return nullptr;
}

std::span<const std::byte> CodeObject::at(uint64_t va, uint64_t size) const {
  for (const Segment& s : segments_)
    if (s.type == segment_load && va >= s.va && va - s.va <= s.file_size && s.file_size - (va - s.va) >= size)
      return bytes_.subspan(s.file_offset + (va - s.va), size);
  return {};
}

}  // namespace doorbell::amd
