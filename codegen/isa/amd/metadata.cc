#include "codegen/isa/amd/metadata.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

namespace doorbell::amd {
namespace {

using Json = nlohmann::json;
constexpr int deepest = 32;  // far beyond what the format nests; keeps garbage off the stack

bool is_plain(std::string_view s) {
  if (s.empty() || s.front() == ' ' || s.back() == ' ') return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`~").find(s.front()) != s.npos) return false;
  for (char c : s)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return s.find(": ") == s.npos && s.find(" #") == s.npos && s.back() != ':';
}

// What a plain scalar stands for: null, true, an integer, a float, or itself.
Json plain(std::string_view s) {
  if (s == "null" || s == "~") return nullptr;
  if (s == "true") return true;
  if (s == "false") return false;
  const char *first = s.data(), *last = s.data() + s.size();
  const auto whole = [&](auto v, const auto... base) -> std::optional<Json> {
    const auto [end, code] = std::from_chars(first, last, v, base...);
    if (code != std::errc() || end != last) return std::nullopt;
    return Json(v);
  };
  if (s.starts_with("0x")) {
    first += 2;
    if (const std::optional<Json> v = whole(uint64_t{}, 16)) return *v;
    first -= 2;
  }
  if (const std::optional<Json> v = whole(uint64_t{}, 10)) return *v;
  if (const std::optional<Json> v = whole(int64_t{}, 10)) return *v;
  if (s.find_first_of("0123456789") != s.npos && s.find_first_not_of("0123456789+-.eE") == s.npos)
    if (const std::optional<Json> v = whole(double{})) return *v;
  return std::string(s);
}

std::string scalar(const Json& j) {
  if (!j.is_string()) return j.dump();
  const std::string& s = j.get_ref<const std::string&>();
  if (is_plain(s) && plain(s).is_string()) return s;
  // JSON's strings are YAML's.
  return j.dump(-1, ' ', true, Json::error_handler_t::replace);
}

bool is_block(const Json& j) { return j.is_structured() && !j.empty(); }

void print(const Json& j, size_t indent, std::string& out) {
  const std::string blanks(indent, ' ');
  if (j.is_array()) {
    for (const Json& item : j) {
      out += blanks + "- ";
      if (is_block(item)) {
        const size_t at = out.size();
        print(item, indent + 2, out);
        out.erase(at, indent + 2);  // its first line goes on behind the dash
      } else {
        out += scalar(item) + "\n";
      }
    }
    return;
  }
  size_t widest = 0;
  for (const auto& [key, value] : j.items())
    if (!is_block(value)) widest = std::max(widest, key.size());
  for (const auto& [key, value] : j.items()) {
    out += blanks + scalar(Json(key)) + ":";
    if (is_block(value)) {
      out += "\n";
      print(value, indent + 2, out);
    } else {
      out += std::string(widest - std::min(widest, key.size()) + 1, ' ') + scalar(value) + "\n";
    }
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) {
    for (size_t number = 1; !text.empty(); ++number) {
      const size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text = end == text.npos ? std::string_view() : text.substr(end + 1);
      while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t'))
        line.remove_suffix(1);
      const size_t indent = std::min(line.find_first_not_of(' '), line.size());
      if (indent == line.size() || line[indent] == '#' || line == "---" || line == "...") continue;
      lines_.push_back({line, indent, number});
    }
  }

  Result<Json> read() {
    if (lines_.empty()) return Json::object();
    Json j = TRY(block(lines_[0].at, 0));
    if (next_ < lines_.size()) return fail("an end, or less indentation");
    return j;
  }

 private:
  struct Line {
    std::string_view text;
    size_t at;  // where its content begins
    size_t number;
  };

  Error fail(std::string_view expected) const {
    const Line& l = lines_[std::min(next_, lines_.size() - 1)];
    return error("line {}, column {}: expected {}", l.number, l.at + 1, expected);
  }
  [[nodiscard]] bool more() const { return next_ < lines_.size(); }
  [[nodiscard]] bool is_item() const {
    const Line& l = lines_[next_];
    return l.text[l.at] == '-' && (l.at + 1 == l.text.size() || l.text[l.at + 1] == ' ');
  }
  // Moves the beginning of the line's content on.
  void advance(size_t by) {
    Line& l = lines_[next_];
    l.at = std::min(l.text.find_first_not_of(' ', l.at + by), l.text.size());
  }

  Result<Json> block(size_t indent, int depth) {
    if (depth > deepest) return fail("metadata that nests less");
    return is_item() ? list(indent, depth) : map(indent, depth);
  }

  Result<Json> list(size_t indent, int depth) {
    Json j = Json::array();
    while (more() && lines_[next_].at == indent && is_item()) {
      advance(1);
      Line& l = lines_[next_];
      if (l.at == l.text.size()) {
        ++next_;
        if (!more() || lines_[next_].at <= indent) return fail("what belongs to the `-`");
        j.push_back(TRY(block(lines_[next_].at, depth + 1)));
      } else if (is_item() || key_end() != l.text.npos) {
        j.push_back(TRY(block(l.at, depth + 1)));
      } else {
        j.push_back(TRY(value()));
      }
    }
    if (more() && lines_[next_].at > indent) return fail("less indentation");
    return j;
  }

  Result<Json> map(size_t indent, int depth) {
    Json j = Json::object();
    while (more() && lines_[next_].at == indent && !is_item()) {
      const size_t colon = key_end();
      Line& l = lines_[next_];
      if (colon == l.text.npos) return fail("a key and `:`");
      const Json key = TRY(flow(l.text.substr(l.at, colon - l.at)));
      const std::string name = key.is_string() ? key.get<std::string>() : key.dump();
      if (j.contains(name)) return fail("a key that is not there yet");
      advance(colon + 1 - l.at);
      if (l.at < l.text.size()) {
        j[name] = TRY(value());
        continue;
      }
      ++next_;
      // A list may stand as far left as its key.
      if (!more() || lines_[next_].at < indent || (lines_[next_].at == indent && !is_item()))
        j[name] = nullptr;
      else j[name] = TRY(block(lines_[next_].at, depth + 1));
    }
    if (more() && lines_[next_].at > indent) return fail("less indentation");
    return j;
  }

  // Where the `:` behind a key is.
  [[nodiscard]] size_t key_end() const {
    const Line& l = lines_[next_];
    size_t at = l.at;
    if (l.text[at] == '{' || l.text[at] == '[') return l.text.npos;
    if (const char quote = l.text[at]; quote == '"' || quote == '\'') {
      at = l.text.find(quote, at + 1);
      if (at == l.text.npos || at + 1 >= l.text.size() || l.text[at + 1] != ':') return l.text.npos;
      return at + 1;
    }
    for (; at < l.text.size(); ++at)
      if (l.text[at] == ':' && (at + 1 == l.text.size() || l.text[at + 1] == ' ')) return at;
    return l.text.npos;
  }

  // The rest of the line.
  Result<Json> value() {
    const Line& l = lines_[next_];
    Json j = TRY(flow(l.text.substr(l.at)));
    ++next_;
    return j;
  }
  Result<Json> flow(std::string_view s) {
    if (s.front() == '\'') {
      std::string out;
      size_t at = 1;
      for (; at < s.size(); ++at) {
        if (s[at] == '\'' && !s.substr(at + 1).starts_with('\'')) break;
        if (s[at] == '\'') ++at;
        out += s[at];
      }
      if (at + 1 != s.size()) return fail("a `'` at the end of the string");
      return Json(out);
    }
    if (s.front() == '"' || s.front() == '[' || s.front() == '{') {
      const auto brackets = std::count_if(s.begin(), s.end(), [](char c) { return c == '[' || c == '{'; });
      Json j = brackets > deepest ? Json(Json::value_t::discarded) : Json::parse(s, nullptr, false);
      if (j.is_discarded()) return fail("a string, list or map as in JSON");
      return j;
    }
    if (const size_t comment = s.find(" #"); comment != s.npos)
      s = s.substr(0, s.find_last_not_of(' ', comment) + 1);
    return plain(s);
  }

  std::vector<Line> lines_;
  size_t next_ = 0;
};

// Refuses deep nesting before the recursive reader sees it.
struct DepthCheck : nlohmann::json_sax<Json> {
  int depth = 0;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return ++depth <= deepest; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return --depth >= 0; }
  bool start_array(size_t) override { return ++depth <= deepest; }
  bool end_array() override { return --depth >= 0; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
};

}  // namespace

std::string metadata_to_text(const Json& j) {
  std::string out;
  if (is_block(j)) print(j, 0, out);
  else out = scalar(j) + "\n";
  return out;
}

Result<Json> metadata_from_text(std::string_view text) { return Reader(text).read(); }

Result<Json> metadata_from_note(std::span<const std::byte> note) {
  const auto* first = reinterpret_cast<const uint8_t*>(note.data());
  DepthCheck check;
  if (!Json::sax_parse(first, first + note.size(), &check, Json::input_format_t::msgpack, false))
    return error("the metadata is not MessagePack, or nests too deeply");
  Json json = Json::from_msgpack(first, first + note.size(), false, false);
  if (!json.is_object()) return error("the metadata is no map");
  return json;
}

}  // namespace doorbell::amd
