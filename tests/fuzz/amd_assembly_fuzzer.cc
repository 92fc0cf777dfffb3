// libFuzzer target: the assembler on arbitrary text. What it makes is a code object that is read, and whose
// listing assembles to the same code.
#include "codegen/isa/amd/assemble.h"
#include "codegen/isa/amd/code_object.h"
#include "codegen/isa/amd/listing.h"

using namespace doorbell;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t most = 1 << 16;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const Result<std::vector<std::byte>> made = amd::assemble(source, {}, most);
  if (!made) {
    DOORBELL_CHECK(made.error().message.find('\n') == std::string::npos, "{}", made.error().message);
    return 0;
  }
  const Result<amd::CodeObject> object = amd::CodeObject::parse(*made);
  DOORBELL_CHECK(object.ok(), "{}", object.error().message);
  const Result<std::vector<std::byte>> again = amd::assemble(amd::disassemble(*object), {}, 2 * most);
  if (!again) return 0;  // names that only the source could spell, sections that lie in each other's way
  const Result<amd::CodeObject> second = amd::CodeObject::parse(*again);
  DOORBELL_CHECK(second.ok(), "{}", second.error().message);
  for (const amd::Section& s : object->sections()) {
    if (s.name != ".text" || s.size == 0) continue;
    const std::span<const std::byte> bytes = second->at(s.va, s.size);
    DOORBELL_CHECK(std::equal(s.bytes.begin(), s.bytes.end(), bytes.begin(), bytes.end()), "{} changes",
                   s.name);
  }
  return 0;
}
