// libFuzzer target: code objects: ELF headers, symbols, relocations, descriptors, MessagePack metadata, and
// the listing of what is in them, which the assembler then reads.
#include <nlohmann/json.hpp>

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
  (void)amd::disassemble_to_json(*object).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  (void)amd::assemble(amd::disassemble(*object), {}, 1 << 20);
  return 0;
}
