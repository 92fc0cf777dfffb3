#include "runtime/load/chat.h"

namespace doorbell {
namespace {

constexpr ChatFamily plain = {"plain", "", "", "", "", false};
constexpr ChatFamily chatml = {"chatml", "<|im_start|>", "\n", "<|im_end|>", "\n", false};
// The template of Meta-Llama-3-Instruct: '<|start_header_id|>' + role + '<|end_header_id|>\n\n' + content |
// trim +
// '<|eot_id|>'
constexpr ChatFamily llama3 = {"llama3", "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>", "",
                               true};

// In the order in which llama.cpp looks, with those families left out that cannot be mistaken for one of
// these.
struct Markers {
  std::vector<std::string_view> all, none;
  const ChatFamily* family;
};
const std::vector<Markers>& markers() {
  static const std::vector<Markers> rows = {
      // <|im_sep|> is Phi-4's, <end_of_utterance> SmolVLM's: neither is ChatML.
      {{"<|im_start|>"}, {"<|im_sep|>", "<end_of_utterance>"}, &chatml},
      {{"<|start_header_id|>", "<|end_header_id|>"}, {"[INST]", "<|assistant|>"}, &llama3},
  };
  return rows;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// The literal system message that a ChatML template writes when the first message is of another role, as in
// SmolLM2's
//   {% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are ...<|im_end|>\n'
//   }}{% endif %}
// A newline is one, or a backslash and an n, as the file has it.
std::optional<std::string> find_default_system(std::string_view jinja) {
  constexpr std::string_view opening = "<|im_start|>system";
  if (!contains(jinja, "messages[0]['role'] != 'system'")) return std::nullopt;
  for (size_t at = jinja.find(opening); at != jinja.npos; at = jinja.find(opening, at + 1)) {
    std::string_view rest = jinja.substr(at + opening.size());
    if (rest.starts_with("\n")) {
      rest.remove_prefix(1);
    } else if (rest.starts_with("\\n")) {
      rest.remove_prefix(2);
    } else {
      continue;
    }
    size_t end = rest.find("<|im_end|>");
    if (end == rest.npos) break;
    std::string_view text = rest.substr(0, end);
    // A quote would end the literal: then the text is put together from expressions.
    if (text.find_first_of("'\"{}\\") == text.npos) return std::string(text);
  }
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\n\v\f\r";
  size_t begin = text.find_first_not_of(space);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

}  // namespace

void ChatText::add(std::string_view text, bool reads_control) {
  if (text.empty()) return;
  text_ += text;
  if (!parts_.empty() && parts_.back().reads_control == reads_control) {
    parts_.back().size += text.size();
  } else {
    parts_.push_back({text.size(), reads_control});
  }
}

std::vector<TextPart> ChatText::parts() const {
  std::vector<TextPart> parts;
  std::string_view rest = text_;
  for (const Part& part : parts_) {
    parts.push_back({rest.substr(0, part.size), part.reads_control});
    rest.remove_prefix(part.size);
  }
  return parts;
}

Result<ChatFormat> ChatFormat::detect(const Gguf& file) {
  auto value = file.find("tokenizer.chat_template");
  if (!value) return ChatFormat(plain);
  std::string_view jinja = TRY(value->as_string());
  auto format = from_template(jinja);
  if (!format.ok()) return value->fail(format.error().message, "one of ChatML or Llama 3");
  return format;
}

Result<ChatFormat> ChatFormat::from_template(std::string_view jinja) {
  for (const Markers& row : markers()) {
    bool fits = true;
    for (std::string_view marker : row.all) fits &= contains(jinja, marker);
    for (std::string_view marker : row.none) fits &= !contains(jinja, marker);
    if (!fits) continue;
    ChatFormat format(*row.family);
    if (row.family == &chatml) format.default_system_ = find_default_system(jinja);
    return format;
  }
  return error("a chat template of an unknown family");
}

void ChatFormat::write(ChatText& text, std::string_view role, std::string_view content) const {
  // A role of the plain family would be part of the text.
  if (family_ != &plain) {
    text.add(family_->before_role, true);
    text.add(role, true);
    text.add(family_->after_role, true);
  }
  text.add(family_->trims_content ? trimmed(content) : content, false);
  text.add(family_->end, true);
  text.add(family_->after_end, true);
}

void ChatFormat::ask(ChatText& text) const {
  if (family_ == &plain) return;
  text.add(family_->before_role, true);
  text.add("assistant", true);
  text.add(family_->after_role, true);
}

ChatText ChatFormat::conversation(std::span<const ChatMessage> messages, bool asks) const {
  ChatText text;
  bool has_system = !messages.empty() && messages[0].role == "system";
  if (default_system_ && !messages.empty() && !has_system) write(text, "system", *default_system_);
  for (const ChatMessage& message : messages) write(text, message.role, message.content);
  if (asks) ask(text);
  return text;
}

ChatText ChatFormat::next(std::string_view user, bool end_was_fed) const {
  ChatText text;
  if (!end_was_fed) text.add(family_->end, true);
  text.add(family_->after_end, true);
  write(text, "user", user);
  ask(text);
  return text;
}

}  // namespace doorbell
