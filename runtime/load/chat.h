// Conversations in the form that a model was trained on. GGUF files carry that form as a Jinja program
// (tokenizer.chat_template); it is not run but recognised by its markers, as llama.cpp's
// llm_chat_detect_template does (src/llama-chat.cpp), and a row of a table says how the family writes a
// message.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/load/gguf.h"
#include "runtime/load/special_tokens.h"

namespace doorbell {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// A message is written: before_role role after_role content end after_end.
struct ChatFamily {
  std::string_view name;
  std::string_view before_role, after_role;
  std::string_view end;  // the token with which the model itself ends a reply
  std::string_view after_end;
  bool trims_content;
};

// A conversation's text, in parts: the family's markers are read as control tokens, what people typed is not.
class ChatText {
 public:
  void add(std::string_view text, bool reads_control);
  // For Tokenizer::encode; refers to this object.
  [[nodiscard]] std::vector<TextPart> parts() const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  struct Part {
    size_t size;
    bool reads_control;
  };
  std::string text_;
  std::vector<Part> parts_;
};

class ChatFormat {
 public:
  // A file without a template gets the family "plain", where messages follow each other as they are; one
  // whose template is not recognised, an error.
  static Result<ChatFormat> detect(const Gguf& file);
  static Result<ChatFormat> from_template(std::string_view jinja);

  [[nodiscard]] const ChatFamily& family() const { return *family_; }
  // What the template says for a system message when the conversation brings none.
  [[nodiscard]] const std::optional<std::string>& default_system() const { return default_system_; }

  // A whole conversation, and the beginning of a reply if `asks`.
  [[nodiscard]] ChatText conversation(std::span<const ChatMessage> messages, bool asks) const;
  // What follows a reply that the model has just given: its end (without the end token, if that was fed as
  // the model said it), the user's next message, the beginning of the next reply.
  [[nodiscard]] ChatText next(std::string_view user, bool end_was_fed) const;

 private:
  explicit ChatFormat(const ChatFamily& family) : family_(&family) {}
  void write(ChatText& text, std::string_view role, std::string_view content) const;
  void ask(ChatText& text) const;

  const ChatFamily* family_;
  std::optional<std::string> default_system_;
};

}  // namespace doorbell
