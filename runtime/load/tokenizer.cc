#include "runtime/load/tokenizer.h"

#include "runtime/load/utf8.h"

namespace doorbell {
namespace {

constexpr size_t most_text_bytes = size_t{1} << 28;
constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

Result<std::string_view> string_or(const Gguf& file, std::string_view key, std::string_view otherwise) {
  if (auto value = file.find(key)) return value->as_string();
  return otherwise;
}

Status flag(const Gguf& file, std::string_view key, bool& flag) {
  if (auto value = file.find(key)) flag = TRY(value->as_bool());
  return success();
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// "<0x0A>"
std::optional<char> byte_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  int high = hex_digit(text[3]), low = hex_digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

bool is_special(TokenKind kind) { return kind == TokenKind::control || kind == TokenKind::unknown; }

}  // namespace

Result<Tokenizer> Tokenizer::load(const Gguf& file) {
  GgufValue value = TRY(file.require("tokenizer.ggml.model"));
  std::string_view model = TRY(value.as_string());
  Tokenizer tokenizer;
  tokenizer.vocabulary_ = std::make_unique<Vocabulary>();
  if (model == "llama") {
    *tokenizer.vocabulary_ = TRY(Vocabulary::load(file));
    tokenizer.model_ = TRY(SentencePieces::load(file, *tokenizer.vocabulary_));
    tokenizer.adds_bos_ = tokenizer.adds_space_prefix_ = true;
  } else if (model == "gpt2") {
    std::string_view name = TRY(string_or(file, "tokenizer.ggml.pre", "default"));
    const PreTokenizer* pre_tokenizer = find_pre_tokenizer(name);
    if (!pre_tokenizer) {
      std::string known;
      for (const PreTokenizer& row : pre_tokenizers()) known += " " + std::string(row.name);
      return file.find("tokenizer.ggml.pre")->fail("pre-tokenizer " + in_quotes(name), "one of" + known);
    }
    *tokenizer.vocabulary_ = TRY(Vocabulary::load(file));
    tokenizer.model_ = TRY(BytePairs::load(file, *tokenizer.vocabulary_, *pre_tokenizer));
    tokenizer.adds_bos_ = pre_tokenizer->adds_bos;
  } else {
    return value.fail("tokenizer " + in_quotes(model), "'llama' (SentencePiece) or 'gpt2' (byte pairs)");
  }
  TRY(flag(file, "tokenizer.ggml.add_bos_token", tokenizer.adds_bos_));
  TRY(flag(file, "tokenizer.ggml.add_eos_token", tokenizer.adds_eos_));
  TRY(flag(file, "tokenizer.ggml.add_space_prefix", tokenizer.adds_space_prefix_));
  const Vocabulary& vocabulary = *tokenizer.vocabulary_;
  if ((tokenizer.adds_bos_ && !vocabulary.bos) || (tokenizer.adds_eos_ && !vocabulary.eos)) {
    return value.fail("a tokenizer that adds BOS or EOS", "bos_token_id and eos_token_id for it");
  }
  tokenizer.special_.emplace(vocabulary);
  TRY(tokenizer.build_pieces(file));
  return tokenizer;
}

Status Tokenizer::build_pieces(const Gguf& file) {
  bool byte_level = std::holds_alternative<BytePairs>(model_);
  piece_ends_.reserve(vocabulary_->texts.size());
  for (size_t id = 0; id < vocabulary_->texts.size(); ++id) {
    std::string_view text = vocabulary_->texts[id];
    TokenKind kind = vocabulary_->kinds[id];
    if (is_special(kind) || kind == TokenKind::user_defined) {
      pieces_ += text;
    } else if (kind == TokenKind::byte) {
      auto byte = byte_token(text);
      if (!byte)
        return file.fail(file.offset_of(text.data()), "byte token " + in_quotes(text), "the form <0x0A>");
      pieces_ += *byte;
    } else if (kind == TokenKind::normal) {
      for (size_t at = 0; at < text.size();) {
        Utf8Char next = decode_utf8(text, at);
        std::string_view self = text.substr(at, next.length);
        auto byte = next.state == Utf8Char::valid ? byte_of_text(next.code_point) : std::nullopt;
        if (byte_level && byte) {
          pieces_ += static_cast<char>(*byte);
        } else {
          pieces_ += !byte_level && self == space_mark ? " " : self;
        }
        at += next.length;
      }
    }  // undefined and unused tokens print nothing
    if (pieces_.size() > UINT32_MAX) {
      return file.fail(file.offset_of(text.data()), "a vocabulary of more than 4 GiB", "less");
    }
    piece_ends_.push_back(static_cast<uint32_t>(pieces_.size()));
  }
  return success();
}

bool Tokenizer::ends_generation(int32_t token) const {
  return token >= 0 && token < size() && vocabulary_->ends_generation[static_cast<size_t>(token)];
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text, bool add_special,
                                               bool reads_control) const {
  TextPart part{text, reads_control};
  return encode({&part, 1}, add_special);
}

Result<std::vector<int32_t>> Tokenizer::encode(std::span<const TextPart> parts, bool add_special) const {
  std::string joined;
  for (const TextPart& part : parts) joined += part.text;
  if (joined.size() > most_text_bytes) {
    return error("text: found {} bytes, expected at most {}", joined.size(), most_text_bytes);
  }
  if (size_t bad = find_invalid_utf8(joined); bad != std::string::npos) {
    return error("text: at byte {}: found 0x{:02x}, expected valid UTF-8", bad,
                 static_cast<uint8_t>(joined[bad]));
  }
  std::vector<int32_t> tokens;
  if (add_special && adds_bos_) tokens.push_back(*vocabulary_->bos);
  bool after_special = true;
  for (const Fragment& fragment : special_->split(joined, parts)) {
    if (fragment.token >= 0) {
      tokens.push_back(fragment.token);
      after_special = true;
      continue;
    }
    std::string_view text = std::string_view(joined).substr(fragment.begin, fragment.end - fragment.begin);
    if (const auto* pairs = std::get_if<BytePairs>(&model_)) {
      pairs->encode(text, tokens);
    } else {
      std::string spaced = adds_space_prefix_ && after_special ? " " : "";
      std::get<SentencePieces>(model_).encode(spaced.append(text), tokens);
    }
    after_special = false;
  }
  if (add_special && adds_eos_) tokens.push_back(*vocabulary_->eos);
  return tokens;
}

std::string_view Tokenizer::piece(int32_t token, bool special) const {
  DOORBELL_CHECK(token >= 0 && token < size(), "token {} of {}", token, size());
  auto id = static_cast<size_t>(token);
  if (!special && is_special(vocabulary_->kinds[id])) return {};
  uint32_t begin = id ? piece_ends_[id - 1] : 0;
  return std::string_view(pieces_).substr(begin, piece_ends_[id] - begin);
}

std::string Tokenizer::decode(std::span<const int32_t> tokens, bool special) const {
  std::string text;
  bool drop_space = adds_space_prefix_;
  for (int32_t token : tokens) {
    std::string_view next = piece(token, special);
    if (drop_space && !is_special(vocabulary_->kinds[static_cast<size_t>(token)])) {
      if (next.starts_with(' ')) next.remove_prefix(1);
      drop_space = false;
    }
    text += next;
  }
  return text;
}

std::string StreamDecoder::add(int32_t token) {
  std::string_view next = tokenizer_->piece(token);
  if (drop_space_ && !next.empty()) {
    if (next[0] == ' ') next.remove_prefix(1);
    drop_space_ = false;
  }
  held_ += next;
  std::string text;
  size_t at = 0;
  while (at < held_.size()) {
    Utf8Char character = decode_utf8(held_, at);
    if (character.state == Utf8Char::cut_off) break;
    text += character.state == Utf8Char::valid ? std::string_view(held_).substr(at, character.length)
                                               : replacement;
    at += character.length;
  }
  held_.erase(0, at);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text(held_.empty() ? "" : replacement);
  held_.clear();
  return text;
}

}  // namespace doorbell
