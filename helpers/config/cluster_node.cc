#include "helpers/config/cluster_node.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace passthrough {
namespace {

constexpr std::string_view kNodeList = "a list of nodes, or a map with \"count\" and \"ip: DHCP\"";
constexpr std::string_view kWorkerNodes =
    "a list of nodes, a map with \"cpu\" and \"gpu\" lists, or a map with \"count\" and \"ip: "
    "DHCP\"";
constexpr int kMostCount = 250;      // what a /24 network has addresses for
constexpr size_t kMostDevices = 64;  // and mounts of one node: far more than a machine has slots

constexpr DeviceType kDeviceTypes[] = {DeviceType::kGpu, DeviceType::kAudio, DeviceType::kNetwork, DeviceType::kStorage,
                                       DeviceType::kOther};

std::optional<uint16_t> ReadPciId(YamlMap& device, std::string_view key) {
  constexpr std::string_view kAllowed = "4 hexadecimal digits, such as \"10de\"";
  const auto value = device.Find(key, Need::kOptional, kAllowed);
  if (!value) return std::nullopt;
  const auto text = value->AsWritten(kAllowed);
  if (!text) return std::nullopt;
  uint16_t id = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), id, 16);
  if (text->size() == 4 && error == std::errc() && end == text->data() + 4) return id;
  value->Wrong(kAllowed);
  return std::nullopt;
}

// False where there is no address to go on with.
bool ReadPciAddress(YamlMap& map, DeviceConfig& device) {
  constexpr std::string_view kAllowed =
      "dddd:bb:ss.f (domain, bus, slot, function in hexadecimal), such as \"0000:01:00.0\"";
  const auto value = map.Find("pci_address", Need::kRequired, kAllowed);
  if (!value) return false;
  const auto text = value->AsWritten(kAllowed);
  if (!text) return false;
  // As sysfs has it: more than four digits only for a domain that needs them. Eight with zeros are nvidia-smi's way.
  auto address = PciAddress::Parse(*text);
  if (address && address->ToString().size() != text->size()) address.reset();
  if (!address) {
    value->Wrong(kAllowed);
    return false;
  }
  device.pci_address = *address;
  device.field = value->path();
  device.where = value->where();
  return true;
}

std::optional<DeviceConfig> ReadDevice(const YamlValue& value) {
  DeviceConfig device;
  YamlMap map(value);
  const bool has_address = ReadPciAddress(map, device);
  const auto type = map.OneOf("device_type", Need::kRequired, {"gpu", "audio", "network", "storage", "other"});
  for (const DeviceType known : kDeviceTypes) {
    if (type == ToString(known)) device.device_type = known;
  }
  device.vendor_id = ReadPciId(map, "vendor_id");
  device.device_id = ReadPciId(map, "device_id");
  device.iommu_group = map.WholeNumber("iommu_group", Need::kOptional, 0);
  map.FinishOpen();
  return has_address ? std::optional(device) : std::nullopt;
}

void ReportRepeatedAddress(const DeviceConfig& device, const std::vector<DeviceConfig>& earlier,
                           const YamlValue& entry) {
  for (const DeviceConfig& other : earlier) {
    if (other.pci_address != device.pci_address) continue;
    entry.problems().problems.push_back({device.where, device.field,
                                         "is " + device.pci_address.ToString() + ", which " + other.field + " (line " +
                                             std::to_string(other.where.line) + ") is too; must be listed once"});
    return;
  }
}

// The items, unless there are more than `most`, which is noted.
std::vector<YamlValue> AtMost(size_t most, const std::optional<YamlValue>& list,
                              const std::optional<std::vector<YamlValue>>& items) {
  if (!items) return {};
  if (items->size() <= most) return *items;
  list->Problem("has " + std::to_string(items->size()) + " items; must have at most " + std::to_string(most));
  return {};
}

void ReadPassthrough(YamlMap& parent, NodeConfig& node) {
  const auto value = parent.Find("pcie_passthrough", Need::kOptional, "a map");
  if (!value) return;
  YamlMap map(*value);
  node.passthrough_enabled = map.Bool("enabled", Need::kOptional).value_or(false);
  const auto list = map.Find("devices", Need::kOptional, "a list of devices");
  const auto items = list ? list->Items("a list of devices") : std::nullopt;
  for (const YamlValue& item : AtMost(kMostDevices, list, items)) {
    if (const auto device = ReadDevice(item)) {
      ReportRepeatedAddress(*device, node.devices, item);
      node.devices.push_back(*device);
    }
  }
  const bool lists_none = !list ? map.Rank("devices") == value->node().entries.size() : items && items->empty();
  if (node.passthrough_enabled && lists_none) {
    value->Problem(
        "is enabled, but lists no devices; must list at least one device in \"devices\", "
        "or have \"enabled: false\"");
  }
  map.FinishOpen();
}

// ai-how takes the key here, and its template of a controller (controller.xml.j2) has no devices.
void IgnorePassthrough(YamlMap& map, NodeConfig& node) {
  ReadPassthrough(map, node);
  if (node.passthrough_enabled) {
    map.value().Note(
        "has an enabled pcie_passthrough, which ai-how ignores here: the VM gets no devices, and none are "
        "checked");
  }
  node.passthrough_enabled = false;
  node.devices.clear();
}

std::vector<VirtioFsMount> ReadVirtioFsMounts(YamlMap& node) {
  std::vector<VirtioFsMount> mounts;
  const auto list = node.Find("virtio_fs_mounts", Need::kOptional, "a list of mounts");
  const auto items = list ? list->Items("a list of mounts") : std::nullopt;
  for (const YamlValue& item : AtMost(kMostDevices, list, items)) {
    YamlMap map(item);
    VirtioFsMount mount;
    mount.tag = map.Text("tag", Need::kRequired).value_or("");
    mount.host_path = map.Text("host_path", Need::kRequired).value_or("");
    mount.mount_point = map.Text("mount_point", Need::kRequired).value_or("");
    mount.readonly = map.Bool("readonly", Need::kOptional).value_or(false);
    for (const char* key : {"owner", "group", "mode", "options"}) map.Text(key, Need::kOptional);
    map.FinishOpen();
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// An IPv4 address in `key`, which may also be DHCP where that is allowed.
void ReadAddress(YamlMap& map, std::string_view key, bool address_too, bool dhcp_too, NodeConfig& node) {
  const std::string_view allowed = !dhcp_too     ? "an IPv4 address"
                                   : address_too ? "an IPv4 address or DHCP"
                                                 : "DHCP, for all nodes of a \"count\" alike";
  const auto value = map.Find(key, Need::kRequired, allowed);
  const auto text = value ? value->Text(allowed) : std::nullopt;
  if (!text) return;
  if (dhcp_too && *text == "DHCP") return;
  if (!address_too || !ParseIpv4(*text)) {
    value->Wrong(allowed);
    return;
  }
  node.ip = *text;
  node.ip_where = value->where();
}

void ReadSize(YamlMap& map, NodeConfig& node) {
  node.cpu_cores = map.WholeNumber("cpu_cores", Need::kRequired, 1).value_or(1);
  node.memory_gb = map.WholeNumber("memory_gb", Need::kRequired, 1).value_or(1);
  node.disk_gb = map.WholeNumber("disk_gb", Need::kRequired, 10).value_or(10);
}

void ReadCommonOptions(YamlMap& map, NodeConfig& node) {
  node.base_image_path = ReadBaseImagePath(map);
  node.virtio_fs_mounts = ReadVirtioFsMounts(map);
  node.auto_start = map.Bool("auto_start", Need::kOptional).value_or(true);
}

// Devices of a passthrough that is not enabled do not count (has_gpu_passthrough of ai_how/utils/gpu_utils.py).
bool HasGpu(const NodeConfig& node) {
  return node.passthrough_enabled &&
         std::any_of(node.devices.begin(), node.devices.end(),
                     [](const DeviceConfig& device) { return device.device_type == DeviceType::kGpu; });
}

// Where a node stands, and what that says about it.
struct NodeShape {
  NodeRole role = NodeRole::kCompute;
  bool is_worker = false;
  bool role_is_set = true;  // the list's name says the role; else the devices do
  bool has_count = false;
};

// What ai-how names a worker after is its devices; `worker_type` is of the older form, where it had to be the list's.
void ReadWorkerType(YamlMap& map, const NodeShape& shape, NodeConfig& node) {
  if (!shape.is_worker) return;
  if (!shape.role_is_set) {
    if (HasGpu(node)) node.role = NodeRole::kGpuWorker;
    const auto value = map.Find("worker_type", Need::kOptional, "\"cpu\" or \"gpu\"", true);
    const std::string_view role = node.role == NodeRole::kGpuWorker ? "gpu" : "cpu";
    if (value && value->node().text != role) {
      value->Note(
          "is ignored, by ai-how, too: what has a GPU in an enabled pcie_passthrough is a GPU worker, and this "
          "is a " +
          std::string(role == "gpu" ? "GPU" : "CPU") + " worker");
    }
    return;
  }
  const auto value = map.Find("worker_type", Need::kOptional, "\"cpu\" or \"gpu\"");
  const auto type = value ? value->OneOf({"cpu", "gpu"}) : std::nullopt;
  if (!type) return;
  const NodeRole role = *type == "gpu" ? NodeRole::kGpuWorker : NodeRole::kCpuWorker;
  if (role != shape.role) {
    value->Problem("is \"" + *type + "\" in the list of the other type; must be \"" + (*type == "gpu" ? "cpu" : "gpu") +
                   "\", or the node belongs in the other list");
  }
}

// One node; `count` of them where the shape has that.
std::vector<NodeConfig> ReadNode(const YamlValue& value, const NodeShape& shape) {
  NodeConfig node;
  node.role = shape.role;
  node.field = value.path();
  node.where = value.where();
  YamlMap map(value, "a map with cpu_cores, memory_gb, disk_gb and ip");
  const int count = shape.has_count ? map.WholeNumber("count", Need::kRequired, 1, kMostCount).value_or(1) : 1;
  ReadSize(map, node);
  ReadAddress(map, "ip", !shape.has_count, true, node);
  ReadPassthrough(map, node);
  ReadCommonOptions(map, node);
  ReadWorkerType(map, shape, node);
  map.FinishOpen();
  return std::vector<NodeConfig>(static_cast<size_t>(count), node);
}

std::vector<NodeConfig> ReadNodeList(const YamlValue& list, const NodeShape& shape) {
  std::vector<NodeConfig> nodes;
  const auto items = list.Items("a list of nodes");
  if (!items) return nodes;
  for (const YamlValue& item : *items) {
    auto read = ReadNode(item, shape);
    nodes.insert(nodes.end(), read.begin(), read.end());
  }
  return nodes;
}

bool HasKey(const YamlValue& map, std::string_view key) {
  const auto& entries = map.node().entries;
  return std::any_of(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key; });
}

// The map with the lists `cpu` and `gpu`, whose nodes come in the order of the lists in the file.
std::vector<NodeConfig> ReadWorkerLists(const YamlValue& value) {
  YamlMap map(value, kWorkerNodes);
  if (value.node().kind == YamlNode::Kind::kMap) {
    value.Note(
        "is a map with the lists \"cpu\" and \"gpu\", which ai-how refuses by now: write one list of all workers");
  }
  const auto read = [&map](std::string_view key, NodeRole role) {
    const auto list = map.Find(key, Need::kOptional, "a list of nodes");
    return list ? ReadNodeList(*list, {.role = role, .is_worker = true}) : std::vector<NodeConfig>();
  };
  std::vector<NodeConfig> first = read("cpu", NodeRole::kCpuWorker);
  std::vector<NodeConfig> second = read("gpu", NodeRole::kGpuWorker);
  if (map.Rank("gpu") < map.Rank("cpu")) std::swap(first, second);
  map.Finish();
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

std::optional<std::string> ReadBaseImagePath(YamlMap& map) {
  constexpr std::string_view kAllowed = "the path of a \".qcow2\" file";
  const auto value = map.Find("base_image_path", Need::kOptional, kAllowed);
  if (!value) return std::nullopt;
  auto path = value->Text(kAllowed);
  if (path && !path->ends_with(".qcow2")) {
    value->Wrong(kAllowed);
    return std::nullopt;
  }
  return path;
}

NodeConfig ReadController(const YamlValue& value, NodeRole role) {
  NodeConfig node;
  node.role = role;
  node.field = value.path();
  node.where = value.where();
  YamlMap map(value, "a map with cpu_cores, memory_gb, disk_gb and ip_address");
  ReadSize(map, node);
  ReadAddress(map, "ip_address", true, false, node);
  ReadCommonOptions(map, node);
  if (role == NodeRole::kControlPlane && !node.auto_start) {
    node.auto_start = true;
    value.Note("has \"auto_start: false\", which ai-how ignores on a control plane: it is started");
  }
  IgnorePassthrough(map, node);
  map.FinishOpen();
  return node;
}

std::vector<NodeConfig> ReadComputeNodes(const YamlValue& value) {
  if (value.node().kind == YamlNode::Kind::kMap) return ReadNode(value, {.has_count = true});
  if (value.node().kind == YamlNode::Kind::kSequence && !value.node().items.empty()) {
    return ReadNodeList(value, {});
  }
  value.Wrong(kNodeList);
  return {};
}

std::vector<NodeConfig> ReadWorkerNodes(const YamlValue& value) {
  NodeShape shape{.role = NodeRole::kCpuWorker, .is_worker = true, .role_is_set = false};
  if (value.node().kind == YamlNode::Kind::kSequence) return ReadNodeList(value, shape);
  if (value.node().kind == YamlNode::Kind::kMap && (HasKey(value, "count") || HasKey(value, "cpu_cores"))) {
    shape.has_count = true;
    return ReadNode(value, shape);
  }
  return ReadWorkerLists(value);
}

}  // namespace passthrough
