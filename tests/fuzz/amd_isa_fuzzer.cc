// libFuzzer target: the AMD decoder and the parser of single instructions. The first byte picks the processor
// and the waves. What decodes encodes to bytes that decode to the same, and its text is read back as the same
// text, unless no processor could execute it.
#include "codegen/isa/amd/amd.h"

using namespace doorbell;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const amd::Target target{static_cast<amd::Arch>(data[0] % amd::arch_count),
                           static_cast<uint8_t>(data[0] & 0x80 ? 64 : 32)};
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  if (const Result<amd::Inst> typed =
          amd::parse(std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1), target);
      typed.ok()) {
    std::vector<std::byte> code;
    DOORBELL_CHECK(amd::encode(*typed, target, code).ok(), "`{}` parses and does not encode",
                   amd::print(*typed, target));
    const Result<amd::Decoded> d = amd::decode(code, target);
    DOORBELL_CHECK(d.ok() && d->length == code.size(), "`{}` does not decode", amd::print(*typed, target));
  }
  const Result<amd::Decoded> d = amd::decode(bytes, target);
  if (!d) return 0;
  DOORBELL_CHECK(d->length <= bytes.size(), "length {} of {}", d->length, bytes.size());
  const std::string text = amd::print(d->inst, target);
  std::vector<std::byte> code;
  const Status encoded = amd::encode(d->inst, target, code);
  DOORBELL_CHECK(encoded.ok(), "`{}`: {}", text, encoded.error().message);
  const Result<amd::Decoded> again = amd::decode(code, target);
  DOORBELL_CHECK(again.ok() && again->inst == d->inst, "`{}` changes", text);
  if (!amd::check(d->inst, target)) return 0;
  const Result<amd::Inst> parsed = amd::parse(text, target);
  DOORBELL_CHECK(parsed.ok(), "`{}`: {}", text, parsed.error().message);
  // LLVM's text does not tell all literals from inline constants; from here on nothing changes any more.
  const std::string second = amd::print(*parsed, target);
  const Result<amd::Inst> settled = amd::parse(second, target);
  DOORBELL_CHECK(settled.ok() && amd::print(*settled, target) == second, "`{}` is read as another than `{}`",
                 second, text);
  return 0;
}
