// TRACE=out.json: spans of the host and of devices on one clock, as Chrome trace events that Perfetto and
// chrome://tracing open. The file is a JSON array written as it grows; the format lets a reader do without
// the closing bracket (Trace Event Format, "JSON Array Format"), so that a crash loses only the last moments.
//
// Threads: everything may be called from any thread. Off, a span costs one relaxed load.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "hal/base/result.h"
#include "hal/base/units.h"

namespace doorbell {

namespace trace_detail {
extern std::atomic<bool> enabled;
}
inline bool trace_enabled() { return trace_detail::enabled.load(std::memory_order_relaxed); }

// Opens the file that TRACE names, if any. Closing happens at exit, or by trace_stop().
Status trace_start();
Status trace_start(const std::filesystem::path& path);
void trace_stop();

// A row of the picture. Host threads get theirs by themselves; a device asks for one per queue.
struct TraceTrack {
  uint32_t process;  // 1: the host; others: devices
  uint32_t thread;
};
TraceTrack trace_device_track(std::string_view device, std::string_view queue);

// A span that is over. `detail` is shown beside it; it may be empty.
void trace_span(TraceTrack track, std::string_view name, HostTime start, HostTime end,
                std::string_view detail = {});
TraceTrack trace_host_track();  // of the calling thread

// The time from its construction to its destruction, on the calling thread's track. The name must stay alive.
class TraceSpan {
 public:
  explicit TraceSpan(std::string_view name) {
    if (!trace_enabled()) return;
    name_ = name;
    start_ = HostClock::now();
  }
  ~TraceSpan() {
    if (name_.data()) trace_span(trace_host_track(), name_, start_, HostClock::now());
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  std::string_view name_;
  HostTime start_;
};

}  // namespace doorbell
