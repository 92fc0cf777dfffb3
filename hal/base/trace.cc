#include "hal/base/trace.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "hal/base/env.h"

namespace doorbell {
namespace trace_detail {
std::atomic<bool> enabled{false};
}

namespace {

using namespace std::chrono_literals;

constexpr size_t kFlushBytes = 1 << 15;
constexpr auto kFlushEvery = 200ms;  // what a crash may lose
constexpr uint32_t kHostProcess = 1;

struct Writer {
  std::mutex mutex;
  FILE* file = nullptr;
  std::string pending;
  HostTime flushed;
  std::map<std::string, uint32_t, std::less<>> devices;
  uint32_t next_track = 1;

  void flush() {
    std::fwrite(pending.data(), 1, pending.size(), file);
    std::fflush(file);
    pending.clear();
    flushed = HostClock::now();
  }
  void close() {
    if (!file) return;
    // Every event is followed by a comma: one more must end the list. This one puts the host on top.
    pending += R"({"ph":"M","name":"process_sort_index","pid":1,"tid":0,"args":{"sort_index":-1}}])";
    pending += '\n';
    flush();
    std::fclose(file);
    file = nullptr;
  }
};

Writer& writer() {
  static Writer* const kWriter = [] {
    std::atexit(trace_stop);
    return new Writer;  // never destroyed: threads may still trace at exit
  }();
  return *kWriter;
}

// JSON needs quotes, backslashes and control characters escaped; other bytes pass as they are.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_name(std::string& out, const char* what, TraceTrack track, std::string_view name) {
  fmt::format_to(std::back_inserter(out), R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":)",
                 what, track.process, track.thread);
  append_quoted(out, name);
  out += "}},\n";
}

double microseconds(HostClock::duration span) {
  return std::chrono::duration<double, std::micro>(span).count();
}

}  // namespace

Status trace_start() {
  std::string path = env_text(Env::trace);
  return path.empty() ? success() : trace_start(path);
}

Status trace_start(const std::filesystem::path& path) {
  trace_stop();
  std::lock_guard lock(writer().mutex);
  Writer& out = writer();
  out.file = std::fopen(path.c_str(), "w");
  if (!out.file) return error("{}: cannot write the trace: {}", path.string(), std::strerror(errno));
  out.pending = "[\n";
  append_name(out.pending, "process_name", {kHostProcess, 0}, "host");
  for (const auto& [device, process] : out.devices)
    append_name(out.pending, "process_name", {process, 0}, device);
  out.flush();
  trace_detail::enabled.store(true, std::memory_order_relaxed);
  return success();
}

void trace_stop() {
  if (!trace_detail::enabled.exchange(false)) return;
  std::lock_guard lock(writer().mutex);
  writer().close();
}

TraceTrack trace_device_track(std::string_view device, std::string_view queue) {
  Writer& out = writer();
  std::lock_guard lock(out.mutex);
  auto found = out.devices.find(device);
  bool fresh = found == out.devices.end();
  if (fresh)
    found = out.devices.emplace(device, kHostProcess + 1 + static_cast<uint32_t>(out.devices.size())).first;
  TraceTrack track{found->second, out.next_track++};
  if (out.file) {
    if (fresh) append_name(out.pending, "process_name", {track.process, 0}, device);
    append_name(out.pending, "thread_name", track, queue);
  }
  return track;
}

TraceTrack trace_host_track() {
  thread_local const uint32_t kThread = [] {
    std::lock_guard lock(writer().mutex);
    return writer().next_track++;
  }();
  return {kHostProcess, kThread};
}

void trace_span(TraceTrack track, std::string_view name, HostTime start, HostTime end,
                std::string_view detail) {
  if (!trace_enabled()) return;
  Writer& out = writer();
  std::lock_guard lock(out.mutex);
  if (!out.file) return;
  out.pending += R"({"ph":"X","name":)";
  append_quoted(out.pending, name);
  fmt::format_to(std::back_inserter(out.pending), R"(,"pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f})",
                 track.process, track.thread, microseconds(start.time_since_epoch()),
                 microseconds(end - start));
  if (!detail.empty()) {
    out.pending += R"(,"args":{"detail":)";
    append_quoted(out.pending, detail);
    out.pending += '}';
  }
  out.pending += "},\n";
  if (out.pending.size() >= kFlushBytes || HostClock::now() - out.flushed > kFlushEvery) out.flush();
}

}  // namespace doorbell
