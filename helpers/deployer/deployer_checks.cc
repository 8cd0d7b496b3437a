#include "helpers/deployer/deployer_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "helpers/base/disk_image.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

class Checks {
 public:
  Checks(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection)
      : plan_(plan), settings_(settings), connection_(connection) {}

  void Run() {
    CheckNames();
    CheckDevices();
    CheckBaseImages();
    if (problems_.empty()) return;
    std::string text = fmt::format("cannot create the cluster at {}; nothing was changed:", connection_.uri());
    for (const std::string& problem : problems_) text += "\n  " + problem;
    throw Error(text);
  }

 private:
  void CheckNames() {
    std::vector<std::string> taken;
    const auto networks = connection_.NetworkNames();
    const auto pools = connection_.PoolNames();
    for (const PlannedCluster& cluster : plan_.clusters) {
      AddIfIn(networks, "network", cluster.network_name, taken);
      AddIfIn(pools, "storage pool", cluster.pool_name, taken);
    }
    const auto domains = connection_.DomainNames();
    for (const PlannedNode& node : plan_.nodes) {
      AddIfIn(domains, "domain", node.domain_names.front(), taken);
    }
    AddTaken(taken, DestroyCommand(plan_, settings_));

    // In every other spelling too: a domain of another deployer's would claim the same devices.
    std::vector<std::string> of_others;
    for (const PlannedNode& node : plan_.nodes) {
      for (size_t i = 1; i < node.domain_names.size(); ++i) {
        AddIfIn(domains, "domain", node.domain_names[i], of_others);
      }
    }
    AddTaken(of_others, "with the deployer that made them");
  }

  void CheckDevices() {
    for (const PlannedNode& node : plan_.nodes) {
      for (const PlannedDevice& device : node.devices) {
        const std::string what =
            fmt::format("{}: {} of {}", device.where.ToString(), device.host_address.ToString(), node.name);
        const auto xml = connection_.NodeDeviceXml(device.host_address);
        if (!xml) {
          problems_.push_back(what + " is not there: the host has no such PCI function");
        } else if (!ReadNodeDeviceXml(*xml).iommu_group) {
          problems_.push_back(what +
                              " is in no IOMMU group. Switch on the IOMMU in the host's firmware "
                              "(VT-d, AMD-Vi) and its kernel (intel_iommu=on)");
        }
      }
    }
  }

  void CheckBaseImages() {
    if (settings_.base_volume) {
      CheckBaseVolume(*settings_.base_volume);
      return;
    }
    std::set<std::string> good;
    for (const PlannedNode& node : plan_.nodes) {
      if (good.contains(node.base_image_path)) continue;
      const std::string problem = BaseImageProblem(node.base_image_path);
      if (problem.empty()) {
        good.insert(node.base_image_path);
      } else {
        problems_.push_back(fmt::format("{}: {}: {}", node.where.ToString(), node.name, problem));
      }
    }
  }

  void CheckBaseVolume(const VolumeReference& base) {
    try {
      connection_.VolumePath(base.pool, base.volume);
    } catch (const LibvirtError& error) {
      problems_.emplace_back(error.what());
    }
  }

  static void AddIfIn(const std::vector<std::string>& existing, std::string_view kind, const std::string& name,
                      std::vector<std::string>& taken) {
    if (std::find(existing.begin(), existing.end(), name) == existing.end()) return;
    taken.push_back(fmt::format("{} {}", kind, name));
  }

  void AddTaken(const std::vector<std::string>& taken, const std::string& remedy) {
    if (taken.empty()) return;
    problems_.push_back(fmt::format("there already: {}. If that is left from an earlier run, remove it: {}",
                                    JoinForHumans(taken), remedy));
  }

  const Plan& plan_;
  const DeploySettings& settings_;
  LibvirtConnection& connection_;
  std::vector<std::string> problems_;
};

}  // namespace

void CheckBeforeCreating(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection) {
  Checks(plan, settings, connection).Run();
}

std::vector<std::string> WhatIsIgnored(const Plan& plan) {
  std::vector<std::string> lines;
  const auto add = [&](const std::string& whose, std::string_view field) {
    lines.push_back(fmt::format("NOTE: {}: {} is ignored", whose, field));
  };
  for (const PlannedCluster& cluster : plan.clusters) {
    const Acceleration& wanted = cluster.acceleration;
    if (wanted.enable_nested.value_or(false)) add(cluster.name, "hardware.acceleration.enable_nested");
    if (wanted.numa_nodes) add(cluster.name, "hardware.acceleration.numa_topology");
    if (wanted.cpu_pinning.value_or(false)) add(cluster.name, "hardware.acceleration.performance.cpu_pinning");
  }
  for (const PlannedNode& node : plan.nodes) {
    if (!node.virtio_fs_mounts.empty()) add(node.name, "virtio_fs_mounts");
  }
  return lines;
}

}  // namespace passthrough
