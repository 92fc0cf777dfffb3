#include "codegen/isa/amd/object.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "codegen/isa/amd/elf.h"

namespace doorbell::amd {
namespace {

using Part = Object::Part;
using Label = Object::Label;
using Bytes = std::vector<std::byte>;

constexpr uint64_t page = 4096, largest = uint64_t{1} << 30;

constexpr uint64_t up(uint64_t v, uint64_t align) { return align <= 1 ? v : (v + align - 1) / align * align; }

template <class T>
void append(Bytes& to, const T& value) {
  const auto* first = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), first, first + sizeof(T));
}
uint32_t append_name(Bytes& table, std::string_view name) {
  if (table.empty()) table.push_back(std::byte{});
  if (name.empty()) return 0;
  const auto at = static_cast<uint32_t>(table.size());
  const auto bytes = std::as_bytes(std::span(name));
  table.insert(table.end(), bytes.begin(), bytes.end());
  table.push_back(std::byte{});
  return at;
}

bool is_exported(const Label& l) { return l.binding != 0 && l.visibility != 2; }
bool is_in_memory(const Part& p) { return p.flags & flag_alloc; }

// A section of the file.
struct Piece {
  elf::Section header{};
  std::string name;
  Bytes bytes;
};
Piece piece(std::string name, uint32_t type, uint64_t flags, uint64_t align, Bytes bytes = {},
            uint64_t entry_size = 0) {
  Piece p;
  p.header = {.name = 0,
              .type = type,
              .flags = flags,
              .va = 0,
              .offset = 0,
              .size = bytes.size(),
              .link = 0,
              .info = 0,
              .align = align,
              .entry_size = entry_size};
  p.name = std::move(name);
  p.bytes = std::move(bytes);
  return p;
}

// System V ABI, "Hash Table".
uint32_t hash(std::string_view name) {
  uint32_t h = 0;
  for (char c : name) {
    h = (h << 4) + static_cast<unsigned char>(c);
    const uint32_t high = h & 0xf0000000;
    h = (h ^ high >> 24) & ~high;
  }
  return h;
}

struct Writer {
  const Object& o;
  // Parts come behind the pieces of the frame: section number of part 0.
  static constexpr size_t first_part = 6;

  [[nodiscard]] elf::Symbol symbol(const Label& l, uint32_t name, bool local) const {
    const bool absolute = l.part == Label::absolute;
    const auto section = static_cast<uint16_t>(absolute ? elf::section_absolute : first_part + l.part);
    return {name,
            static_cast<uint8_t>((local ? 0 : l.binding) << 4 | l.type),
            l.visibility,
            section,
            (absolute ? 0 : o.parts[l.part].va) + l.offset,
            l.size};
  }

  // Note, dynamic symbols, hash table, their names, relocations: sections 1 to 5, one behind the other.
  [[nodiscard]] std::vector<Piece> frame() const {
    Bytes note, symbols, names, table, relocations;
    if (!o.metadata.empty()) {
      for (uint32_t v : {uint32_t{7}, static_cast<uint32_t>(o.metadata.size()), elf::note_metadata})
        append(note, v);
      for (char c : {'A', 'M', 'D', 'G', 'P', 'U', '\0', '\0'}) note.push_back(static_cast<std::byte>(c));
      const auto bytes = std::as_bytes(std::span(o.metadata));
      note.insert(note.end(), bytes.begin(), bytes.end());
      note.resize(up(note.size(), 4));
    }
    append(symbols, elf::Symbol{});
    append_name(names, {});
    std::vector<uint32_t> hashes{0};
    for (const Label& l : o.labels)
      if (is_exported(l)) {
        append(symbols, symbol(l, append_name(names, l.name), false));
        hashes.push_back(hash(l.name));
      }
    const auto count = static_cast<uint32_t>(hashes.size());
    std::vector<uint32_t> buckets(count), chain(count);
    for (uint32_t i = 1; i < count; ++i) chain[i] = std::exchange(buckets[hashes[i] % count], i);
    append(table, count);
    append(table, count);
    for (uint32_t v : buckets) append(table, v);
    for (uint32_t v : chain) append(table, v);
    for (const Object::Pointer& p : o.pointers)
      append(relocations, elf::Rela{o.parts[p.part].va + p.offset, relocation::relative64, p.target});
    std::vector<Piece> all;
    all.push_back(piece(".note", elf::section_note, flag_alloc, 4, std::move(note)));
    all.push_back(
        piece(".dynsym", elf::section_dynsym, flag_alloc, 8, std::move(symbols), sizeof(elf::Symbol)));
    all.back().header.link = 4;
    all.back().header.info = 1;
    all.push_back(piece(".hash", elf::section_hash, flag_alloc, 4, std::move(table), 4));
    all.back().header.link = 2;
    all.push_back(piece(".dynstr", elf::section_strtab, flag_alloc, 1, std::move(names)));
    all.push_back(
        piece(".rela.dyn", elf::section_rela, flag_alloc, 8, std::move(relocations), sizeof(elf::Rela)));
    all.back().header.link = 2;
    uint64_t va = o.frame_va;
    for (Piece& p : all) {
      p.header.va = va = up(va, p.header.align);
      va += p.header.size;
    }
    return all;
  }

  [[nodiscard]] Bytes dynamic(const std::vector<Piece>& frame) const {
    // DT_HASH, DT_SYMTAB, DT_STRTAB, DT_STRSZ, DT_SYMENT, DT_RELA, DT_RELASZ, DT_RELAENT, DT_NULL
    const auto va = [&](size_t i) { return frame[i].header.va; };
    Bytes bytes;
    std::vector<elf::Dynamic> list{{4, va(2)}, {6, va(1)}, {5, va(3)}, {10, frame[3].header.size}, {11, 24}};
    if (!o.pointers.empty())
      list.insert(list.end(), {{7, va(4)}, {8, frame[4].header.size}, {9, sizeof(elf::Rela)}});
    list.push_back({0, 0});
    for (const elf::Dynamic& d : list) append(bytes, d);
    return bytes;
  }

  // All symbols but those that only the assembler knows; local ones first.
  void symbols(std::vector<Piece>& pieces) const {
    Bytes table, names;
    append(table, elf::Symbol{});
    append_name(names, {});
    uint32_t locals = 1;
    for (bool local : {true, false})
      for (const Label& l : o.labels) {
        if (is_exported(l) == local || l.name.starts_with(".L")) continue;
        append(table, symbol(l, append_name(names, l.name), local));
        locals += local;
      }
    pieces.push_back(piece(".symtab", elf::section_symtab, 0, 8, std::move(table), sizeof(elf::Symbol)));
    pieces.back().header.link = static_cast<uint32_t>(pieces.size() + 1);
    pieces.back().header.info = locals;
    pieces.push_back(piece(".strtab", elf::section_strtab, 0, 1, std::move(names)));
  }

  Result<Bytes> file() const;
};

// Program headers: a segment for each run of sections, the note, .dynamic.
uint64_t header_bytes(const Object& o) {
  return sizeof(elf::Header) + sizeof(elf::Segment) * (o.parts.size() + 5);
}
uint64_t frame_bytes(const Object& o) {
  Object at_zero;
  at_zero.parts = o.parts;
  for (Part& p : at_zero.parts) p.bytes.clear();
  at_zero.labels = o.labels;
  at_zero.pointers = o.pointers;
  at_zero.metadata = o.metadata;
  const std::vector<Piece> frame = Writer{at_zero}.frame();
  return frame.back().header.va + frame.back().header.size + 8;
}

Result<Bytes> Writer::file() const {
  std::vector<Piece> pieces = frame();
  const std::vector<Piece> frame_pieces = pieces;
  for (const Part& p : o.parts) {
    pieces.push_back(piece(p.name, p.has_bytes ? elf::section_progbits : elf::section_nobits, p.flags,
                           p.align, p.has_bytes ? p.bytes : Bytes{}));
    pieces.back().header.va = is_in_memory(p) ? p.va : 0;
    pieces.back().header.size = p.size;
  }
  pieces.push_back(piece(".dynamic", elf::section_dynamic, flag_alloc | flag_write, 8, dynamic(frame_pieces),
                         sizeof(elf::Dynamic)));
  pieces.back().header.link = 4;
  pieces.back().header.va = o.dynamic_va;

  // Segments, in the order of addresses. A page of the file may be mapped twice, an address once.
  std::vector<Piece*> in_memory;
  for (Piece& p : pieces)
    if (p.header.flags & flag_alloc) in_memory.push_back(&p);
  std::sort(in_memory.begin(), in_memory.end(), [](const Piece* a, const Piece* b) {
    return std::tie(a->header.va, a) < std::tie(b->header.va, b);
  });
  std::vector<elf::Segment> segments;
  const bool headers_loaded = o.frame_va == header_bytes(o);
  uint64_t at = header_bytes(o);
  if (headers_loaded) segments.push_back({elf::segment_load, 4, 0, 0, 0, at, at, page});
  for (Piece* p : in_memory) {
    elf::Section& h = p->header;
    const uint32_t flags = 4 | (h.flags & flag_write ? 2 : 0) | (h.flags & flag_execute ? 1 : 0);
    elf::Segment* s = segments.empty() ? nullptr : &segments.back();
    const bool has_bytes = h.type != elf::section_nobits;
    if (!s || s->flags != flags || h.va - (s->va + s->memory_size) >= page ||
        (has_bytes && s->memory_size != s->file_size)) {
      const uint64_t same_place = at - at % page + h.va % page;
      at = same_place < at ? same_place + page : same_place;
      segments.push_back({elf::segment_load, flags, at, h.va, h.va, 0, 0, page});
      s = &segments.back();
    }
    h.offset = s->offset + (h.va - s->va);
    s->memory_size = h.va + h.size - s->va;
    if (has_bytes) {
      s->file_size = s->memory_size;
      at = h.offset + h.size;
    }
    if (at > largest) return error("the code object would have more than {} bytes", largest);
  }
  for (const Piece& p : pieces) {
    const elf::Section& h = p.header;
    const auto add = [&](uint32_t type) {
      segments.push_back({type, 4, h.offset, h.va, h.va, h.size, h.size, h.align});
    };
    if (p.name == ".dynamic") add(elf::segment_dynamic);
    if (p.name == ".note" && h.size != 0) add(elf::segment_note);
  }

  symbols(pieces);
  Bytes names;
  append_name(names, {});
  for (Piece& p : pieces) p.header.name = append_name(names, p.name);
  const uint32_t own_name = append_name(names, ".shstrtab");
  pieces.push_back(piece(".shstrtab", elf::section_strtab, 0, 1, std::move(names)));
  pieces.back().header.name = own_name;
  for (Piece& p : pieces)
    if (!(p.header.flags & flag_alloc)) {
      p.header.offset = at = up(at, p.header.align);
      at += p.header.size;
    }

  elf::Header header{};
  std::memcpy(header.ident, "\177ELF\2\1\1", 7);
  header.ident[7] = elf::osabi_hsa;
  header.ident[8] = static_cast<uint8_t>(o.version - 2);
  header.type = elf::type_dynamic;
  header.machine = elf::machine_amdgpu;
  header.version = 1;
  header.phoff = sizeof header;
  header.shoff = up(at, 8);
  for (const Machine& m : machines())
    if (m.name == o.processor) header.flags = m.number;
  header.ehsize = sizeof header;
  header.phentsize = sizeof(elf::Segment);
  header.phnum = static_cast<uint16_t>(segments.size());
  header.shentsize = sizeof(elf::Section);
  header.shnum = static_cast<uint16_t>(pieces.size() + 1);
  header.shstrndx = static_cast<uint16_t>(pieces.size());

  Bytes out(header.shoff + sizeof(elf::Section) * (pieces.size() + 1));
  std::memcpy(out.data(), &header, sizeof header);
  std::memcpy(out.data() + header.phoff, segments.data(), sizeof(elf::Segment) * segments.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& p = pieces[i];
    if (!p.bytes.empty()) std::memcpy(out.data() + p.header.offset, p.bytes.data(), p.bytes.size());
    std::memcpy(out.data() + header.shoff + sizeof(elf::Section) * (i + 1), &p.header, sizeof p.header);
  }
  return out;
}

}  // namespace

Status place(Object& o) {
  std::vector<Part*> asked;
  for (Part& p : o.parts) {
    if (!is_in_memory(p) || !p.asked) continue;
    p.va = *p.asked;
    if (p.va > largest || p.size > largest) return error("section {} lies beyond 1 GiB", p.name);
    asked.push_back(&p);
  }
  std::sort(asked.begin(), asked.end(),
            [](const Part* a, const Part* b) { return std::tie(a->va, a) < std::tie(b->va, b); });
  for (size_t i = 1; i < asked.size(); ++i)
    if (asked[i - 1]->va + asked[i - 1]->size > asked[i]->va)
      return error("sections {} and {} overlap at {:#x}", asked[i - 1]->name, asked[i]->name, asked[i]->va);

  const uint64_t headers = header_bytes(o), frame = frame_bytes(o);
  o.frame_va = headers;
  uint64_t end = asked.empty() ? 0 : asked.back()->va + asked.back()->size;
  if (asked.empty()) end = headers + frame;
  else if (asked.front()->va < headers + frame) {
    o.frame_va = up(end, page);
    end = o.frame_va + frame;
  }
  // Read-only data follows the frame, the rest begins at pages of its own.
  for (uint64_t flags : {flag_alloc, flag_alloc | flag_execute, flag_alloc | flag_write | flag_execute,
                         flag_alloc | flag_write})
    for (bool has_bytes : {true, false}) {
      bool first = flags != flag_alloc || !asked.empty();
      for (Part& p : o.parts) {
        if (p.asked || p.has_bytes != has_bytes || p.flags != flags) continue;
        end = up(end, std::max(first ? page : 1, p.align));
        first = false;
        p.va = end;
        end += p.size;
        if (end > largest) return error("section {} lies beyond 1 GiB", p.name);
      }
    }
  o.dynamic_va = up(end, page);
  return success();
}

Result<std::vector<std::byte>> write(const Object& o) { return Writer{o}.file(); }

}  // namespace doorbell::amd
