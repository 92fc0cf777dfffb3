// The files through which a machine with AMD GPUs describes itself: KFD's topology, the DRM and PCI devices,
// the kernel module, and the device nodes, which stand here as empty files. The in-process door reads them
// from memory; for the preloaded one they are written below a folder, where the C library finds them by
// itself.
//
// Formats: Linux amdkfd/kfd_topology.c (node_show, mem_show, kfd_cache_show, iolink_show),
// amdgpu/amdgpu_discovery.c (ip_discovery), Documentation/ABI/testing/sysfs-bus-pci. What readers want of
// them: libhsakmt/src/topology.c of ROCm 5.2 and 6.2, libdrm's xf86drm.c.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"
#include "sim/amd/machine.h"

namespace doorbell::sim::amd {

class Tree {
 public:
  struct Node {
    enum class Kind : uint8_t { folder, file, link, device } kind = Kind::folder;
    std::string content;  // of a file; of a link, where it leads
  };

  void add(const std::string& path, Node node);  // with the folders above it
  void file(const std::string& path, std::string content) {
    add(path, {Node::Kind::file, std::move(content)});
  }
  void link(const std::string& path, std::string to) { add(path, {Node::Kind::link, std::move(to)}); }
  void device(const std::string& path) { add(path, {Node::Kind::device, {}}); }

  // Follows links; null if there is nothing, or no path through the tree.
  [[nodiscard]] const Node* find(std::string_view path) const;
  [[nodiscard]] Result<std::string> read(const std::string& path) const;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) const;
  // Writes everything below `folder`.
  [[nodiscard]] Status write(const std::string& folder) const;

 private:
  [[nodiscard]] std::string resolve(std::string_view path, int depth = 0) const;

  std::map<std::string, Node, std::less<>> nodes_{{"", {}}};  // "" is the root; no trailing slashes
};

Tree describe(const Machine& machine);

// True for paths that belong to the emulated machine, whether they exist in it or not: programs must not see
// the host's GPUs beside the emulated ones.
bool belongs_to_machine(std::string_view path);

}  // namespace doorbell::sim::amd
