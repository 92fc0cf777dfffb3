// The emulated machine's /sys, /dev and /proc/modules.
#include "sim/amd/sysfs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "hal/base/file.h"
#include "sim/amd/dispatch.h"

namespace doorbell::sim::amd {
namespace {

// "name value" lines, as all of the topology's files are.
class Properties {
 public:
  Properties& add(std::string_view name, uint64_t value) {
    text_ += fmt::format("{} {}\n", name, value);
    return *this;
  }
  operator std::string() const { return text_; }  // NOLINT(google-explicit-constructor)

 private:
  std::string text_;
};

// Linux include/uapi/linux/kfd_sysfs.h
enum Capability : uint32_t {
  cap_watch_points = 0x80,
  cap_watch_points_shift = 8,
  cap_doorbell_type_2 = 2 << 12,  // 64-bit doorbells
  cap_revision_shift = 22,
  cap_svm_api = 1 << 27,
};
enum HeapType : uint32_t { heap_system = 0, heap_frame_buffer_public = 1 };
enum CacheType : uint32_t { cache_data = 1, cache_instruction = 2, cache_cpu = 4, cache_compute = 8 };
enum LinkType : uint32_t { link_pcie = 2 };
enum LinkFlag : uint32_t { link_enabled = 1, link_non_coherent = 2 };

constexpr std::string_view topology = "/sys/devices/virtual/kfd/kfd/topology";
// GPUs sit behind CPU cores in the numbering of processors (kfd_crat.c, "simd_id_base").
constexpr uint32_t first_simd_id = 0x80000000;

// What IP discovery tells of the blocks that drivers in user space look up: hardware ids and names of Linux
// amdgpu_discovery.c (soc15_hw_ip.h), base addresses of include/dimgrey_cavefish_ip_offset.h (RDNA2). They
// hold for gfx11 as well: gc_11_0_0_offset.h, gc_11_5_0_offset.h, nbio_4_3_0_offset.h and
// nbio_7_11_0_offset.h count from them.
constexpr uint32_t graphics_bases[] = {0x1260, 0xa000, 0x1c000, 0x2402c00};
constexpr uint32_t bus_bases[] = {0x0, 0x14, 0xd20, 0x10400, 0x241b000, 0x4040000};
struct Ip {
  uint32_t id;
  std::string_view name;
  uint8_t (Gpu::*version)[3];
  std::span<const uint32_t> bases;
};
constexpr Ip ips[] = {{11, "GC", &Gpu::gc_ip, graphics_bases},
                      {42, "SDMA0", &Gpu::sdma_ip, graphics_bases},
                      {108, "NBIF", &Gpu::nbio_ip, bus_bases}};

std::string slot(size_t card) { return fmt::format("0000:{:02x}:00.0", pci_bus(card)); }

std::string link_properties(size_t from, size_t to) {
  bool between_gpus = from != 0 && to != 0;
  // PCIe 4.0 x16 in MB/s; "weight" 20 is KFD's for PCIe, 40 through the CPU.
  return Properties()
      .add("type", link_pcie)
      .add("version_major", 0)
      .add("version_minor", 0)
      .add("node_from", from)
      .add("node_to", to)
      .add("weight", between_gpus ? 40 : 20)
      .add("min_latency", 0)
      .add("max_latency", 0)
      .add("min_bandwidth", 312)
      .add("max_bandwidth", 31504)
      .add("recommended_transfer_size", 0)
      // [kfd_topology.c, kfd_set_iolink_non_coherent] PCIe is coherent only from the GPU to the CPU.
      .add("flags", between_gpus || from == 0 ? link_enabled | link_non_coherent : link_enabled);
}

void add_cpu(Tree& tree, const Machine& machine) {
  std::string node = fmt::format("{}/nodes/0", topology);
  struct sysinfo info{};
  sysinfo(&info);
  size_t gpus = machine.cards.size();
  tree.file(node + "/gpu_id", "0\n");
  tree.file(node + "/name", "\n");
  Properties properties;
  properties.add("cpu_cores_count", static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  // One cache here, although the CPU's own are read elsewhere: ROCm 5.2 takes 0 for "none to be listed".
  for (auto [name, value] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"simd_count", 0}, {"mem_banks_count", 1}, {"caches_count", 1}, {"io_links_count", gpus}}) {
    properties.add(name, value);
  }
  for (const char* name : {"p2p_links_count",
                           "cpu_core_id_base",
                           "simd_id_base",
                           "max_waves_per_simd",
                           "lds_size_in_kb",
                           "gds_size_in_kb",
                           "num_gws",
                           "wave_front_size",
                           "array_count",
                           "simd_arrays_per_engine",
                           "cu_per_simd_array",
                           "simd_per_cu",
                           "max_slots_scratch_cu",
                           "gfx_target_version",
                           "vendor_id",
                           "device_id",
                           "location_id",
                           "domain",
                           "drm_render_minor",
                           "hive_id",
                           "num_sdma_engines",
                           "num_sdma_xgmi_engines",
                           "num_sdma_queues_per_engine",
                           "num_cp_queues"}) {
    properties.add(name, 0);
  }
  tree.file(node + "/properties", properties.add("max_engine_clk_ccompute", 2400));
  tree.file(node + "/mem_banks/0/properties",
            Properties()
                .add("heap_type", heap_system)
                .add("size_in_bytes", uint64_t{info.totalram} * info.mem_unit)
                .add("flags", 0)
                .add("width", 64)
                .add("mem_clk_max", 3200));
  tree.file(node + "/caches/0/properties", std::string(Properties()
                                                           .add("processor_id_low", 0)
                                                           .add("level", 1)
                                                           .add("size", 32)
                                                           .add("cache_line_size", 64)
                                                           .add("cache_lines_per_tag", 1)
                                                           .add("association", 8)
                                                           .add("latency", 1)
                                                           .add("type", cache_data | cache_cpu)) +
                                               "sibling_map 1\n");
  for (size_t gpu = 1; gpu <= gpus; ++gpu) {
    tree.file(fmt::format("{}/io_links/{}/properties", node, gpu - 1), link_properties(0, gpu));
  }
}

std::string cache_properties(const CacheInfo& cache, uint32_t processor, uint32_t cus) {
  constexpr uint32_t types[] = {cache_data, cache_instruction, cache_data, cache_data};
  std::string text = Properties()
                         .add("processor_id_low", processor)
                         .add("level", cache.level)
                         .add("size", cache.kib)
                         .add("cache_line_size", cache.line_bytes)
                         .add("cache_lines_per_tag", 1)
                         .add("association", 16)
                         .add("latency", 0)
                         .add("type", types[cache.kind] | cache_compute);
  text += "sibling_map ";
  // A byte's worth of bits at least, as the kernel prints them.
  for (uint32_t bit = 0; bit < (cus + 31) / 32 * 32; ++bit) {
    text += fmt::format("{}{}", bit ? "," : "", bit < cus ? 1 : 0);
  }
  return text + "\n";
}

uint32_t add_caches(Tree& tree, const std::string& node, const Gpu& gpu) {
  uint32_t count = 0;
  for (const CacheInfo& cache : gpu.caches) {
    uint32_t shared = cache.cus ? cache.cus : gpu.cus();
    // Caches end at the border of a shader array.
    for (uint32_t array = 0; array < gpu.cus(); array += cache.cus ? gpu.cus_per_array : gpu.cus()) {
      for (uint32_t cu = 0; cu < (cache.cus ? gpu.cus_per_array : 1u); cu += shared) {
        tree.file(fmt::format("{}/caches/{}/properties", node, count++),
                  cache_properties(cache, first_simd_id + array + cu, shared));
      }
    }
  }
  return count;
}

void add_gpu(Tree& tree, const Machine& machine, size_t card) {
  const Gpu& gpu = *machine.cards[card].gpu;
  std::string node = fmt::format("{}/nodes/{}", topology, card + 1);
  tree.file(node + "/gpu_id", fmt::format("{}\n", gpu_id(card)));
  tree.file(node + "/name", fmt::format("{}\n", gpu.asic));
  uint32_t caches = add_caches(tree, node, gpu);
  size_t peers = machine.cards.size() - 1;
  // clang-format off
  tree.file(node + "/properties", Properties()
      .add("cpu_cores_count", 0)
      .add("simd_count", gpu.simds())
      .add("mem_banks_count", 1)
      .add("caches_count", caches)
      .add("io_links_count", 1)
      .add("p2p_links_count", peers)
      .add("cpu_core_id_base", 0)
      .add("simd_id_base", first_simd_id)
      .add("max_waves_per_simd", gpu.waves_per_simd)
      .add("lds_size_in_kb", gpu.lds_per_cu / 1024)
      .add("gds_size_in_kb", 0)
      .add("num_gws", Gws::count)  // [kfd_device.c, kfd_gws_init] with such firmware
      .add("wave_front_size", 32)
      .add("array_count", static_cast<uint64_t>(gpu.shader_engines * gpu.arrays_per_engine))
      .add("simd_arrays_per_engine", gpu.arrays_per_engine)
      .add("cu_per_simd_array", gpu.cus_per_array)
      .add("simd_per_cu", gpu.simds_per_cu)
      .add("max_slots_scratch_cu", gpu.scratch_slots_per_cu)
      .add("gfx_target_version", gpu.target_version)
      .add("vendor_id", 0x1002)
      .add("device_id", gpu.device_id)
      .add("location_id", pci_bus(card) << 8)
      .add("domain", 0)
      .add("drm_render_minor", render_minor(card))
      .add("hive_id", 0)
      .add("num_sdma_engines", gpu.sdma_engines)
      .add("num_sdma_xgmi_engines", 0)
      .add("num_sdma_queues_per_engine", gpu.sdma_queues_per_engine)
      .add("num_cp_queues", gpu.compute_queues)
      .add("max_engine_clk_fcompute", gpu.engine_mhz)
      .add("local_mem_size", 0)
      .add("fw_version", gpu.mec_firmware)
      .add("capability", cap_watch_points | 2u << cap_watch_points_shift | cap_doorbell_type_2 | cap_svm_api |
                             uint32_t{1} << cap_revision_shift)
      .add("debug_prop", 0)
      .add("sdma_fw_version", gpu.sdma_firmware)
      .add("unique_id", 0xd00be11000000000 + gpu_id(card))
      .add("num_xcc", 1)
      .add("max_engine_clk_ccompute", 2400));
  tree.file(node + "/mem_banks/0/properties", Properties()
      .add("heap_type", heap_frame_buffer_public)
      .add("size_in_bytes", machine.cards[card].vram_bytes)
      .add("flags", 0)
      .add("width", gpu.memory_bits)
      .add("mem_clk_max", gpu.memory_mhz));
  // clang-format on
  tree.file(node + "/io_links/0/properties", link_properties(card + 1, 0));
  for (size_t peer = 0, link = 0; peer < machine.cards.size(); ++peer) {
    if (peer == card) continue;
    tree.file(fmt::format("{}/p2p_links/{}/properties", node, link++), link_properties(card + 1, peer + 1));
  }
}

// The PCI device with its DRM nodes, and the links that lead to it from everywhere.
void add_device(Tree& tree, const Machine& machine, size_t card) {
  const Gpu& gpu = *machine.cards[card].gpu;
  std::string device = fmt::format("/sys/devices/pci0000:00/0000:00:{:02x}.1/{}", card + 1, slot(card));
  tree.file(device + "/vendor", "0x1002\n");
  tree.file(device + "/device", fmt::format("0x{:04x}\n", gpu.device_id));
  tree.file(device + "/subsystem_vendor", "0x1002\n");
  tree.file(device + "/subsystem_device", "0x0e3a\n");
  tree.file(device + "/revision", fmt::format("0x{:02x}\n", gpu.revision));
  tree.file(device + "/class", "0x030000\n");
  tree.file(device + "/numa_node", "-1\n");
  tree.file(device + "/uevent",
            fmt::format("DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:{:04X}\nPCI_SUBSYS_ID=1002:0E3A\n"
                        "PCI_SLOT_NAME={}\n",
                        gpu.device_id, slot(card)));
  std::string config(64, '\0');
  config[0] = 0x02;
  config[1] = 0x10;
  config[2] = static_cast<char>(gpu.device_id & 0xff);
  config[3] = static_cast<char>(gpu.device_id >> 8);
  config[8] = static_cast<char>(gpu.revision);
  config[0x2c] = 0x02;
  config[0x2d] = 0x10;
  config[0x2e] = 0x3a;
  config[0x2f] = 0x0e;
  tree.file(device + "/config", config);
  tree.file(device + "/mem_info_vram_total", fmt::format("{}\n", machine.cards[card].vram_bytes));
  tree.file(device + "/mem_info_vis_vram_total", fmt::format("{}\n", machine.cards[card].vram_bytes));
  tree.file(device + "/mem_info_gtt_total", fmt::format("{}\n", machine.system_memory));
  tree.link(device + "/subsystem", "../../../../bus/pci");
  tree.link(device + "/driver", "../../../../bus/pci/drivers/amdgpu");
  for (const Ip& each : ips) {
    const std::string die = device + "/ip_discovery/die/0", ip = fmt::format("{}/{}/0", die, each.id);
    const auto& version = gpu.*each.version;
    std::string bases;
    for (uint32_t base : each.bases) bases += fmt::format("0x{:08X}\n", base);
    tree.file(ip + "/hw_id", fmt::format("{}\n", each.id));
    tree.file(ip + "/num_instance", "0\n");
    tree.file(ip + "/major", fmt::format("{}\n", version[0]));
    tree.file(ip + "/minor", fmt::format("{}\n", version[1]));
    tree.file(ip + "/revision", fmt::format("{}\n", version[2]));
    tree.file(ip + "/harvest", "0x0\n");
    tree.file(ip + "/num_base_addresses", fmt::format("{}\n", each.bases.size()));
    tree.file(ip + "/base_addr", bases);
    tree.link(fmt::format("{}/{}", die, each.name), fmt::format("{}", each.id));
  }
  tree.link(fmt::format("/sys/bus/pci/devices/{}", slot(card)), "../../../" + device.substr(5));
  tree.link(fmt::format("/sys/bus/pci/drivers/amdgpu/{}", slot(card)), "../../../../" + device.substr(5));
  for (auto [name, minor] : {std::pair{fmt::format("card{}", card), static_cast<uint32_t>(card)},
                             {fmt::format("renderD{}", render_minor(card)), render_minor(card)}}) {
    std::string node = fmt::format("{}/drm/{}", device, name);
    tree.file(node + "/dev", fmt::format("{}:{}\n", drm_major, minor));
    tree.file(node + "/uevent",
              fmt::format("MAJOR={}\nMINOR={}\nDEVNAME=dri/{}\nDEVTYPE=drm_minor\n", drm_major, minor, name));
    tree.link(node + "/device", "../..");
    tree.link(node + "/subsystem", "../../../../../../class/drm");
    tree.link("/sys/class/drm/" + name, "../../" + node.substr(5));
    tree.link(fmt::format("/sys/dev/char/{}:{}", drm_major, minor), "../../" + node.substr(5));
    tree.device("/dev/dri/" + name);
  }
}

void add_module(Tree& tree) {
  std::string module = "/sys/module/amdgpu";
  tree.file(module + "/refcnt", "1\n");
  tree.file(module + "/coresize", "13000000\n");
  tree.file(module + "/initstate", "live\n");
  tree.file(module + "/taint", "\n");
  tree.add(module + "/holders", {});
  // The defaults of amdgpu_drv.c.
  for (auto [name, value] :
       {std::pair{"noretry", -1}, {"emu_mode", 0}, {"cwsr_enable", 1}, {"sched_policy", 0}})
    tree.file(fmt::format("{}/parameters/{}", module, name), fmt::format("{}\n", value));
  Result<std::string> others = read_file("/proc/modules");
  tree.file("/proc/modules", "amdgpu 13000000 1 - Live 0x0000000000000000\n" + (others ? *others : ""));
}

}  // namespace

void Tree::add(const std::string& path, Node node) {
  for (size_t slash = path.rfind('/'); slash != std::string::npos && slash != 0;
       slash = path.rfind('/', slash - 1)) {
    if (!nodes_.try_emplace(path.substr(0, slash)).second) break;
  }
  nodes_[path] = std::move(node);
}

std::string Tree::resolve(std::string_view path, int depth) const {
  std::string at;
  while (!path.empty()) {
    size_t start = path.find_first_not_of('/');
    if (start == std::string_view::npos) break;
    path.remove_prefix(start);
    std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part == ".") continue;
    if (part == "..") {
      at.resize(at.empty() ? 0 : at.rfind('/'));
      continue;
    }
    std::string next = at + "/" + std::string(part);
    auto found = nodes_.find(next);
    if (found == nodes_.end() || depth > 20) return "?";  // no node's name
    if (found->second.kind == Node::Kind::link) {
      const std::string& to = found->second.content;
      next = resolve(to.starts_with('/') ? to : at + "/" + to, depth + 1);
      if (next == "?") return next;
    }
    at = next;
  }
  return at;
}

const Tree::Node* Tree::find(std::string_view path) const {
  auto found = nodes_.find(resolve(path));
  return found == nodes_.end() ? nullptr : &found->second;
}

Result<std::string> Tree::read(const std::string& path) const {
  const Node* node = find(path);
  if (!node || node->kind != Node::Kind::file) {
    return error("cannot open {}: {}", path, std::strerror(node ? EISDIR : ENOENT));
  }
  return node->content;
}

Result<std::vector<std::string>> Tree::list(const std::string& path) const {
  std::string folder = resolve(path);
  auto found = nodes_.find(folder);
  if (found == nodes_.end() || found->second.kind != Node::Kind::folder) {
    return error("cannot list {}: {}", path, std::strerror(found == nodes_.end() ? ENOENT : ENOTDIR));
  }
  std::vector<std::string> names;
  folder += '/';
  for (auto node = nodes_.upper_bound(folder); node != nodes_.end() && node->first.starts_with(folder);
       ++node) {
    if (node->first.find('/', folder.size()) == std::string::npos) {
      names.push_back(node->first.substr(folder.size()));
    }
  }
  return names;
}

Status Tree::write(const std::string& folder) const {
  // Parents come before what lies in them: '/' sorts before all letters, but not before '-' or '.', so a name
  // may come before its folder's content, never before its folder.
  for (const auto& [path, node] : nodes_) {
    std::string at = folder + path;
    bool done = true;
    if (node.kind == Node::Kind::folder) {
      done = mkdir(at.c_str(), 0755) == 0 || errno == EEXIST;
    } else if (node.kind == Node::Kind::link) {
      done = symlink(node.content.c_str(), at.c_str()) == 0;
    } else {
      Fd file(open(at.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                   node.kind == Node::Kind::device ? 0666 : 0444));
      done = file && ::write(file.get(), node.content.data(), node.content.size()) ==
                         static_cast<ssize_t>(node.content.size());
    }
    if (!done) return error("cannot write {}: {}", at, std::strerror(errno));
  }
  return success();
}

Tree describe(const Machine& machine) {
  Tree tree;
  std::string root(topology);
  // Starts at 1 and counts devices (kfd_topology.c, "generation_count").
  tree.file(root + "/generation_id", fmt::format("{}\n", 1 + machine.cards.size()));
  tree.file(root + "/system_properties",
            Properties().add("platform_oem", 0).add("platform_id", 0).add("platform_rev", 0));
  add_cpu(tree, machine);
  for (size_t card = 0; card < machine.cards.size(); ++card) {
    add_gpu(tree, machine, card);
    add_device(tree, machine, card);
  }
  tree.link("/sys/class/kfd/kfd", "../../devices/virtual/kfd/kfd");
  tree.file("/sys/devices/virtual/kfd/kfd/dev", "234:0\n");
  add_module(tree);
  tree.device("/dev/kfd");
  return tree;
}

bool belongs_to_machine(std::string_view path) {
  for (std::string_view prefix :
       {"/dev/kfd", "/dev/dri", "/sys/devices/virtual/kfd", "/sys/class/kfd", "/sys/class/drm",
        "/sys/module/amdgpu", "/sys/bus/pci/drivers/amdgpu", "/proc/modules"}) {
    if (path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/')) return true;
  }
  return path.starts_with(fmt::format("/sys/dev/char/{}:", drm_major));
}

}  // namespace doorbell::sim::amd
