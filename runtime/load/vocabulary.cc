#include "runtime/load/vocabulary.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "runtime/load/utf8.h"

namespace doorbell {
namespace {

// Long enough for any real token; what is longer would make every look-up of a hostile file's tokens dear.
constexpr size_t most_token_bytes = 65535;
constexpr size_t most_special_bytes = 256;

// Tokens that end a text whatever the file says of them, and that are control tokens even where it calls them
// normal. Files name one such token at most (eos_token_id), but chat models use several. llama.cpp's list, as
// far as it concerns vocabularies that can be read here.
constexpr std::string_view end_texts[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "<|end_of_text|>",
    // Between files and repositories in code models' training text: what follows is another document.
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
};

Status load_tokens(const Gguf& file, Vocabulary& vocabulary) {
  GgufValue tokens = TRY(file.require("tokenizer.ggml.tokens"));
  vocabulary.texts = TRY(tokens.as_strings());
  if (vocabulary.texts.empty() || vocabulary.texts.size() > INT32_MAX) {
    return tokens.fail(fmt::format("{} tokens", vocabulary.texts.size()), "1 to 2^31-1");
  }
  vocabulary.ids.reserve(vocabulary.texts.size());
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    std::string_view text = vocabulary.texts[static_cast<size_t>(id)];
    if (text.empty()) continue;
    if (text.size() > most_token_bytes) {
      return file.fail(file.offset_of(text.data()), fmt::format("token {} of {} bytes", id, text.size()),
                       fmt::format("at most {}", most_token_bytes));
    }
    auto [other, added] = vocabulary.ids.emplace(text, id);
    if (!added) {
      return file.fail(file.offset_of(text.data()), fmt::format("token {} {} again", id, in_quotes(text)),
                       fmt::format("each text once (it is token {}, too)", other->second));
    }
    vocabulary.longest = std::max(vocabulary.longest, text.size());
  }
  return success();
}

Status load_kinds(const Gguf& file, Vocabulary& vocabulary) {
  vocabulary.kinds.assign(vocabulary.texts.size(), TokenKind::normal);
  auto value = file.find("tokenizer.ggml.token_type");
  if (!value) return success();
  std::vector<int32_t> kinds = TRY(value->as_integers());
  if (kinds.size() != vocabulary.texts.size()) {
    return value->fail(fmt::format("{} token types", kinds.size()),
                       fmt::format("{}, one for each token", vocabulary.texts.size()));
  }
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] < 0 || kinds[i] > static_cast<int32_t>(TokenKind::byte)) {
      return file.fail(value->offset() + 4 * i, fmt::format("type {} of token {}", kinds[i], i), "0 to 6");
    }
    vocabulary.kinds[i] = static_cast<TokenKind>(kinds[i]);
  }
  return success();
}

Status load_special(const Gguf& file, Vocabulary& vocabulary) {
  auto named = [&](std::string_view key, std::optional<int32_t>& id) -> Status {
    if (auto value = file.find(key)) {
      id = static_cast<int32_t>(TRY(value->as_unsigned(0, vocabulary.texts.size() - 1)));
    }
    return success();
  };
  TRY(named("tokenizer.ggml.bos_token_id", vocabulary.bos));
  TRY(named("tokenizer.ggml.eos_token_id", vocabulary.eos));
  TRY(named("tokenizer.ggml.unknown_token_id", vocabulary.unknown));
  std::array<std::optional<int32_t>, 3> ends = {vocabulary.eos};
  TRY(named("tokenizer.ggml.eot_token_id", ends[1]));
  TRY(named("tokenizer.ggml.eom_token_id", ends[2]));
  vocabulary.ends_generation.resize(vocabulary.texts.size());
  for (std::optional<int32_t> id : ends) {
    if (id) vocabulary.ends_generation[static_cast<size_t>(*id)] = true;
  }
  for (std::string_view text : end_texts) {
    if (auto id = vocabulary.find(text)) {
      vocabulary.ends_generation[static_cast<size_t>(*id)] = true;
      vocabulary.kinds[static_cast<size_t>(*id)] = TokenKind::control;
    }
  }
  for (size_t i = 0; i < vocabulary.texts.size(); ++i) {
    TokenKind kind = vocabulary.kinds[i];
    bool special =
        kind == TokenKind::control || kind == TokenKind::user_defined || kind == TokenKind::unknown;
    if (!special) continue;
    std::string_view text = vocabulary.texts[i];
    if (text.size() > most_special_bytes) {
      return file.fail(file.offset_of(text.data()),
                       fmt::format("special token {} of {} bytes", i, text.size()),
                       fmt::format("at most {}", most_special_bytes));
    }
    // Texts are cut where special tokens stand in them; a token that begins inside a character would cut that
    // in two.
    if (size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
      return file.fail(file.offset_of(text.data()) + bad,
                       fmt::format("byte 0x{:02x} in special token {}", static_cast<uint8_t>(text[bad]), i),
                       "valid UTF-8");
    }
  }
  return success();
}

struct ByteTexts {
  std::array<char32_t, 256> of_byte;
  std::array<int16_t, 0x144> of_code_point;
};

constexpr ByteTexts byte_texts() {
  ByteTexts texts{};
  texts.of_code_point.fill(-1);
  char32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    char32_t text = printable ? byte : next++;
    texts.of_byte[byte] = text;
    texts.of_code_point[text] = static_cast<int16_t>(byte);
  }
  return texts;
}
constexpr ByteTexts bytes = byte_texts();
static_assert(bytes.of_byte[' '] == 0x120 && bytes.of_byte[0xad] == 0x143);

}  // namespace

Result<Vocabulary> Vocabulary::load(const Gguf& file) {
  Vocabulary vocabulary;
  TRY(load_tokens(file, vocabulary));
  TRY(load_kinds(file, vocabulary));
  TRY(load_special(file, vocabulary));
  return vocabulary;
}

void append_byte_as_text(std::string& text, uint8_t byte) { append_utf8(text, bytes.of_byte[byte]); }

std::optional<uint8_t> byte_of_text(char32_t code_point) {
  if (code_point >= std::size(bytes.of_code_point) || bytes.of_code_point[code_point] < 0)
    return std::nullopt;
  return static_cast<uint8_t>(bytes.of_code_point[code_point]);
}

}  // namespace doorbell
