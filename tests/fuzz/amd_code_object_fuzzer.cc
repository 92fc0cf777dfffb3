// libFuzzer target: code objects: ELF headers, symbols, relocations, descriptors, MessagePack metadata, and
// the listing of what is in them, which the assembler then reads.
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

#include "codegen/isa/amd/assemble.h"
#include "codegen/isa/amd/code_object.h"
#include "codegen/isa/amd/listing.h"

using namespace doorbell;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<amd::CodeObject> object =
      amd::CodeObject::parse({reinterpret_cast<const std::byte*>(data), size});
  if (!object) return 0;
  for (const amd::Kernel& k : object->kernels()) {
    DOORBELL_CHECK(object->find_kernel(k.name), "kernel {} is lost", k.name);
    (void)object->at(k.code_va, 4);
  }
  // A listing costs a hundred times what reading does: one input of eight is listed.
  if (std::hash<std::string_view>()({reinterpret_cast<const char*>(data), size}) % 8 != 0) return 0;
  (void)amd::disassemble_to_json(*object).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  (void)amd::assemble(amd::disassemble(*object), {}, 1 << 20);
  return 0;
}
