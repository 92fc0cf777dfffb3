// The file: magic, then the key, then fields as 8-byte little-endian words and length-prefixed bytes, then
// the hash of all before it.
#include "runtime/kernel_cache.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "codegen/kernel.h"
#include "hal/base/env.h"
#include "hal/base/file.h"

namespace doorbell {

namespace {

constexpr uint64_t magic = 0x3130656e72656b64;  // "dkerne01"

// Empty: no cache.
std::filesystem::path folder() {
  std::string chosen = env_text(Env::cache);
  if (chosen == "off") return {};
  if (!chosen.empty()) return chosen;
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path base = xdg && *xdg ? xdg : std::filesystem::path(home ? home : "/tmp") / ".cache";
  return base / "doorbell" / "kernels";
}

class Writer {
 public:
  void word(uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), 8); }
  void bytes(std::span<const std::byte> b) {
    word(b.size());
    bytes_.append(reinterpret_cast<const char*>(b.data()), b.size());
  }
  void text(std::string_view t) { bytes(std::as_bytes(std::span(t))); }
  std::string& out() { return bytes_; }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  uint64_t word() {
    uint64_t value = 0;
    if (rest_.size() < 8) good_ = false;
    else std::memcpy(&value, rest_.data(), 8), rest_.remove_prefix(8);
    return value;
  }
  std::string_view bytes() {
    uint64_t n = word();
    if (n > rest_.size()) good_ = false, n = 0;
    auto b = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return b;
  }
  // A count of things of at least 8 bytes each.
  uint64_t count() {
    uint64_t n = word();
    if (n > rest_.size() / 8) good_ = false, n = 0;
    return n;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

bool load_kernel(const Hash128& key, CachedKernel* kernel) {
  if (folder().empty()) return false;
  auto content = read_file(folder() / key.hex());
  if (!content || content->size() < 16) return false;
  std::string_view all = *content;
  Hash128 check = Hash128{}.add(all.substr(0, all.size() - 16));
  Hash128 stored;
  std::memcpy(&stored.lo, all.data() + all.size() - 16, 8);
  std::memcpy(&stored.hi, all.data() + all.size() - 8, 8);
  if (check != stored) return false;
  Reader in(all.substr(0, all.size() - 16));
  if (in.word() != magic || in.word() != key.lo || in.word() != key.hi) return false;
  ProgramImage& image = kernel->image;
  image.name = in.bytes();
  image.isa = in.bytes();
  auto code = in.bytes();
  image.code.assign(reinterpret_cast<const std::byte*>(code.data()),
                    reinterpret_cast<const std::byte*>(code.data()) + code.size());
  image.entry = static_cast<uint32_t>(in.word());
  image.lanes = static_cast<uint32_t>(in.word());
  image.local_bytes = static_cast<uint32_t>(in.word());
  image.private_bytes = static_cast<uint32_t>(in.word());
  for (uint64_t n = in.count(); n-- > 0;) image.arguments.push_back(static_cast<ArgumentKind>(in.word()));
  for (uint64_t n = in.count(); n-- > 0;) image.features.emplace_back(in.bytes());
  for (uint32_t& g : kernel->grid) g = static_cast<uint32_t>(in.word());
  for (uint64_t n = in.count(); n-- > 0;) kernel->symbols.push_back(static_cast<uint32_t>(in.word()));
  return in.good();
}

void store_kernel(const Hash128& key, const CachedKernel& kernel) {
  if (folder().empty()) return;
  Writer out;
  out.word(magic);
  out.word(key.lo);
  out.word(key.hi);
  const ProgramImage& image = kernel.image;
  out.text(image.name);
  out.text(image.isa);
  out.bytes(image.code);
  out.word(image.entry);
  out.word(image.lanes);
  out.word(image.local_bytes);
  out.word(image.private_bytes);
  out.word(image.arguments.size());
  for (ArgumentKind a : image.arguments) out.word(static_cast<uint64_t>(a));
  out.word(image.features.size());
  for (const std::string& f : image.features) out.text(f);
  for (uint32_t g : kernel.grid) out.word(g);
  out.word(kernel.symbols.size());
  for (uint32_t s : kernel.symbols) out.word(s);
  Hash128 check = Hash128{}.add(out.out());
  out.word(check.lo);
  out.word(check.hi);
  std::error_code ignored;
  std::filesystem::create_directories(folder(), ignored);
  (void)write_file_atomically(folder() / key.hex(), std::as_bytes(std::span(out.out())), false).ok();
}

std::string kernel_name(const Node* sink) {
  std::string loops, reduced;
  for (const Node* n : topological(std::span(&sink, 1)))
    if (n->is(Op::Range)) {
      const Node* extent = n->src[0];
      std::string text =
          extent->is(Op::Const) ? fmt::format("{}", extent->as_int()) : fmt::format("s{}", extent->arg[2]);
      (static_cast<RangeKind>(n->arg[1]) == RangeKind::Reduce ? reduced : loops) += "_" + text;
    }
  return (reduced.empty() ? "e" : "r") + loops + (reduced.empty() ? "" : "_k" + reduced.substr(1));
}

}  // namespace doorbell
