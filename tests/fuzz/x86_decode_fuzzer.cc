// libFuzzer target: the x86 decoder and parser on arbitrary bytes. What decodes prints, parses back to the
// same text, and encodes to bytes that decode to the same instruction.
#include "codegen/isa/x86/x86.h"

using namespace doorbell;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto typed = x86::parse(std::string_view(reinterpret_cast<const char*>(data), size));
      typed.ok()) {
    std::vector<std::byte> code;
    x86::encode(*typed, code);
  }
  const Result<x86::Decoded> d = x86::decode(bytes);
  if (!d) return 0;
  DOORBELL_CHECK(d->length <= size, "length {} of {}", d->length, size);
  const std::string text = x86::print(d->inst);
  const Result<x86::Inst> parsed = x86::parse(text);
  DOORBELL_CHECK(parsed.ok() && x86::print(*parsed) == text, "`{}` does not parse back", text);
  std::vector<std::byte> once, twice;
  x86::encode(d->inst, once);
  const Result<x86::Decoded> again = x86::decode(once);
  DOORBELL_CHECK(again.ok(), "`{}` does not decode", text);
  x86::encode(again->inst, twice);
  DOORBELL_CHECK(once == twice, "`{}` and `{}` differ", text, x86::print(again->inst));
  return 0;
}
