#include "helpers/config/ai_how_rules.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "helpers/yaml/yaml_map.h"
#include "helpers/yaml/yaml_scalar.h"

namespace passthrough {
namespace {

const YamlNode* Find(const YamlNode& map, std::string_view key) {
  for (const YamlEntry& entry : map.entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

// Text that begins with "/", as mount_point must.
bool IsAbsolute(std::string_view text) { return text.starts_with('/'); }

// "0755".
bool IsMode(std::string_view text) {
  return text.size() == 4 && text[0] == '0' && text.find_first_not_of("01234567") == std::string_view::npos;
}

bool IsTag(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                              std::string_view::npos;
}

class Rules {
 public:
  explicit Rules(std::string file) : file_(std::move(file)) {}

  void Look(const YamlNode& root) {
    const YamlNode* const clusters = Find(root, "clusters");
    if (clusters == nullptr) return;
    if (const YamlNode* hpc = Find(*clusters, "hpc")) {
      Cluster(*hpc, "clusters.hpc", "controller", "compute_nodes");
      if (const YamlNode* storage = Find(*hpc, "storage")) Storage(*storage, "clusters.hpc.storage");
    }
    if (const YamlNode* cloud = Find(*clusters, "cloud")) {
      Cluster(*cloud, "clusters.cloud", "control_plane", "worker_nodes");
    }
  }

  std::vector<ConfigProblem> Take() {
    SortByPlace(found_);
    return std::move(found_);
  }

 private:
  void Add(const YamlNode& node, std::string field, std::string message) {
    found_.push_back({{file_, node.line, node.column}, std::move(field), std::move(message)});
  }

  void Cluster(const YamlNode& cluster, const std::string& path, std::string_view first, std::string_view others) {
    if (Find(cluster, "base_image_path") == nullptr) {
      Add(cluster, path,
          "has no base_image_path; ai-how makes every volume of the cluster from it, and its start fails");
    }
    if (const YamlNode* hardware = Find(cluster, "hardware")) {
      const YamlNode* const acceleration = Find(*hardware, "acceleration");
      const YamlNode* const model = acceleration == nullptr ? nullptr : Find(*acceleration, "cpu_model");
      if (model != nullptr && model->text == "host") {
        Add(*model, path + ".hardware.acceleration.cpu_model",
            "is \"host\", at which ai-how's start fails; \"host-passthrough\" is what libvirt calls it");
      }
    }
    if (const YamlNode* node = Find(cluster, first)) Node(*node, JoinFieldPath(path, first));
    const std::string nodes_path = JoinFieldPath(path, others);
    const YamlNode* const nodes = Find(cluster, others);
    if (nodes == nullptr) return Add(cluster, path, "has no " + std::string(others) + ", which ai-how requires");
    Nodes(*nodes, nodes_path);
  }

  void Nodes(const YamlNode& nodes, const std::string& path) {
    if (nodes.kind == YamlNode::Kind::kSequence) {
      if (nodes.items.empty()) Add(nodes, path, "is an empty list; ai-how requires one node at least");
      for (size_t i = 0; i < nodes.items.size(); ++i) {
        Node(nodes.items[i], path + "[" + std::to_string(i) + "]");
      }
    } else if (Find(nodes, "count") != nullptr) {
      Add(nodes, path, "is a map with \"count\", at which ai-how's start fails; write a list with an address each");
      Node(nodes, path);
    } else {
      Add(nodes, path,
          "is a map with the lists \"cpu\" and \"gpu\", which ai-how refuses; write one list of all workers");
    }
  }

  void Node(const YamlNode& node, const std::string& path) {
    const YamlNode* const ip = Find(node, "ip");
    if (ip != nullptr && ip->text == "DHCP" && Find(node, "count") == nullptr) {
      Add(*ip, path + ".ip", "is DHCP, which ai-how refuses in a list; give the node an address");
    }
    if (const YamlNode* passthrough = Find(node, "pcie_passthrough")) {
      const YamlNode* const devices = Find(*passthrough, "devices");
      for (size_t i = 0; devices != nullptr && i < devices->items.size(); ++i) {
        Device(devices->items[i], path + ".pcie_passthrough.devices[" + std::to_string(i) + "]");
      }
    }
    if (const YamlNode* mounts = Find(node, "virtio_fs_mounts")) {
      for (size_t i = 0; i < mounts->items.size(); ++i) {
        Mount(mounts->items[i], path + ".virtio_fs_mounts[" + std::to_string(i) + "]");
      }
    }
  }

  // 2684 and 0000:01:00.0 (in base 60) without quotes are numbers of YAML 1.1.
  void Device(const YamlNode& device, const std::string& path) {
    for (const std::string_view key : {"pci_address", "vendor_id", "device_id"}) {
      const YamlNode* const value = Find(device, key);
      if (value == nullptr || value->is_text || ResolvePlainScalar(value->text) == PlainScalar::kText) continue;
      Add(*value, JoinFieldPath(path, key),
          "is " + value->text + " without quotes, which ai-how reads as " +
              std::string(ToString(ResolvePlainScalar(value->text))) + " and refuses; put it in quotes");
    }
  }

  void Mount(const YamlNode& mount, const std::string& path) {
    const auto require = [&](std::string_view key, bool (*is_right)(std::string_view), std::string_view right) {
      const YamlNode* const value = Find(mount, key);
      if (value == nullptr || is_right(value->text)) return;
      Add(*value, JoinFieldPath(path, key), "is \"" + value->text + "\", which ai-how refuses; " + std::string(right));
    };
    require("tag", IsTag, "letters, digits, \"_\" and \"-\" are allowed");
    require("mount_point", IsAbsolute, "it must begin with \"/\"");
    require("mode", IsMode, "it must be of the form \"0755\"");
  }

  void Storage(const YamlNode& storage, const std::string& path) {
    const YamlNode* const beegfs = Find(storage, "beegfs");
    const YamlNode* const point = beegfs == nullptr ? nullptr : Find(*beegfs, "mount_point");
    if (point == nullptr || IsAbsolute(point->text)) return;
    Add(*point, path + ".beegfs.mount_point",
        "is \"" + point->text + "\", which ai-how refuses; it must begin with \"/\"");
  }

  const std::string file_;
  std::vector<ConfigProblem> found_;
};

}  // namespace

std::vector<ConfigProblem> WhatAiHowRefuses(const YamlNode& root, const std::string& file) {
  Rules rules(file);
  rules.Look(root);
  return rules.Take();
}

bool RunsAiHow(const CommandSequence& commands) {
  for (const auto& argv : commands) {
    for (const std::string& word : argv) {
      const std::string name = std::filesystem::path(word).filename().string();
      if (name == "ai-how" || name == "ai-how.sh") return true;
    }
  }
  return false;
}

void SortByPlace(std::vector<ConfigProblem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
  });
}

}  // namespace passthrough
