// The GGUF reader on any bytes: no crash, no undefined behaviour, no table larger than the bytes justify; and
// all of a file that it accepts can be read. Seeds: tests/load/make_corpus.py.
#include "hal/base/result.h"
#include "runtime/load/gguf.h"

namespace {

void read_all(const doorbell::Gguf& file) {
  for (size_t i = 0; i < file.metadata_size(); ++i) {
    doorbell::GgufValue value = file.metadata(i);
    DOORBELL_CHECK(file.find(value.key())->offset() == value.offset(), "a key that is not found");
    (void)value.as_unsigned();
    (void)value.as_float();
    (void)value.as_bool();
    (void)value.as_string();
    (void)value.as_strings();
    (void)value.as_floats();
    (void)value.as_integers();
  }
  unsigned sum = 0;
  for (const doorbell::GgufTensor& tensor : file.tensors()) {
    DOORBELL_CHECK(file.find_tensor(tensor.name) == &tensor, "a tensor that is not found");
    for (std::byte byte : tensor.data) sum += static_cast<unsigned>(byte);
  }
  volatile unsigned sink = sum;
  (void)sink;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file = doorbell::Gguf::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (file.ok()) {
    read_all(*file);
  } else {
    DOORBELL_CHECK(file.error().message.find('\n') == std::string::npos, "{}", file.error().message);
  }
  return 0;
}
