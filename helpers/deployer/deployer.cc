// Creating a cluster. What is checked before: deployer_checks.cc; removing it: deployer_destroy.cc.
#include "helpers/deployer/deployer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <vector>

#include "helpers/base/object_uuid.h"
#include "helpers/base/text.h"
#include "helpers/deployer/deployer_checks.h"

namespace passthrough {
namespace {

constexpr uint64_t kGibibyte = uint64_t{1} << 30;

using MacAddresses = std::map<const PlannedNode*, std::string>;

MacAddresses AssignMacAddresses(const std::vector<const PlannedNode*>& nodes) {
  MacAddresses macs;
  std::set<std::string> taken;
  for (const PlannedNode* const node : nodes) {
    int attempt = 0;
    std::string mac = MacAddressFor(node->domain_names.front());
    while (!taken.insert(mac).second) mac = MacAddressFor(node->domain_names.front(), ++attempt);
    macs[node] = mac;
  }
  return macs;
}

std::string DevicesText(const PlannedNode& node) {
  std::string text;
  for (const PlannedDevice& device : node.devices) text += ", " + device.host_address.ToString();
  return text;
}

// One call of CreateCluster.
class Creation {
 public:
  Creation(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection, const DeployLog& log,
           const Deadline& deadline)
      : plan_(plan), settings_(settings), connection_(connection), log_(log), deadline_(deadline) {}

  void Run() {
    CheckBeforeCreating(plan_, settings_, connection_);
    for (const std::string& ignored : WhatIsIgnored(plan_)) Say(ignored);
    try {
      for (const PlannedCluster& cluster : plan_.clusters) Make(cluster);
      StartNodes();
    } catch (const Error& error) {
      throw Error(fmt::format("{}\nMade so far: {}. To remove that: {}", error.what(),
                              made_.empty() ? "nothing" : JoinForHumans(made_), DestroyCommand(plan_, settings_)));
    }
  }

 private:
  void Make(const PlannedCluster& cluster) {
    deadline_.Check("create cluster " + cluster.name);
    std::vector<const PlannedNode*> nodes;
    for (const PlannedNode& node : plan_.nodes) {
      if (node.cluster == cluster.name) nodes.push_back(&node);
    }
    const MacAddresses macs = AssignMacAddresses(nodes);
    connection_.DefineNetwork(NetworkXml(cluster, macs));
    made_.push_back("network " + cluster.network_name);
    // Firewall rules and a DHCP server take an emulated host seconds, in which it can do the rest.
    auto network = std::async(std::launch::async, [&] { connection_.StartNetwork(cluster.network_name); });
    MakePool(cluster);
    for (const PlannedNode* const node : nodes) MakeNode(cluster, *node, macs.at(node));
    network.get();
    Say(fmt::format("network {} started ({}, {})", cluster.network_name, cluster.subnet.ToString(), cluster.bridge));
  }

  std::string NetworkXml(const PlannedCluster& cluster, const MacAddresses& macs) const {
    NetworkSpec spec{
        cluster.network_name, cluster.bridge, cluster.subnet, {}, UuidFor("network " + cluster.network_name)};
    for (const auto& [node, mac] : macs) {
      if (node->address) spec.hosts.push_back({mac, *node->address, node->domain_names.front()});
    }
    return MakeNetworkXml(spec);
  }

  void MakePool(const PlannedCluster& cluster) {
    connection_.DefinePool(
        MakePoolXml(cluster.pool_name, PoolDirectory(cluster), UuidFor("pool " + cluster.pool_name)));
    made_.push_back("storage pool " + cluster.pool_name);
    connection_.BuildAndStartPool(cluster.pool_name);
    RefuseOthersVolumes(cluster);
    Say(fmt::format("storage pool {} started ({})", cluster.pool_name, PoolDirectory(cluster)));
  }

  // What lies in the directory already would look like the cluster's own from here on, and go with it.
  void RefuseOthersVolumes(const PlannedCluster& cluster) {
    const auto volumes = connection_.VolumeNames(cluster.pool_name).value_or(std::vector<std::string>());
    if (volumes.empty()) return;
    connection_.RemovePool(cluster.pool_name, false);
    made_.pop_back();
    throw Error(
        fmt::format("{}, where the cluster's images belong, holds {} already. They were left alone: move them "
                    "away, or remove them, and try again",
                    PoolDirectory(cluster), JoinForHumans(volumes)));
  }

  // The volume that `node`'s disk is an overlay of; made at the first node that needs it.
  const std::string& BaseVolumeFor(const PlannedCluster& cluster, const PlannedNode& node) {
    auto& bases = bases_[cluster.name];
    const std::string source = settings_.base_volume ? "" : node.base_image_path;
    if (const auto known = bases.find(source); known != bases.end()) return known->second;
    const std::string name = bases.empty() ? fmt::format("{}-base.qcow2", cluster.name)
                                           : fmt::format("{}-base-{}.qcow2", cluster.name, bases.size() + 1);
    made_.push_back("volume " + name);
    if (settings_.base_volume) {
      LinkBase(cluster, name, *settings_.base_volume);
    } else {
      UploadBase(cluster, name, source);
    }
    Say(fmt::format("base image {} in place", name));
    return bases[source] = name;
  }

  // Not copied: that would take an emulated host seconds a deployment.
  void LinkBase(const PlannedCluster& cluster, const std::string& name, const VolumeReference& base) {
    connection_.CreateVolume(cluster.pool_name,
                             MakeVolumeXml(name, "qcow2", connection_.VolumeCapacity(base.pool, base.volume),
                                           connection_.VolumePath(base.pool, base.volume)));
  }

  void UploadBase(const PlannedCluster& cluster, const std::string& name, const std::filesystem::path& file) {
    const auto size = static_cast<uint64_t>(std::filesystem::file_size(file));
    Say(fmt::format("uploading {} ({} MiB)", file.string(), size >> 20));
    // Raw: it becomes a qcow2 image by what is written into it.
    connection_.CreateVolume(cluster.pool_name, MakeVolumeXml(name, "raw", size));
    connection_.UploadVolume(cluster.pool_name, name, file, deadline_);
    connection_.RefreshPool(cluster.pool_name);
  }

  void MakeNode(const PlannedCluster& cluster, const PlannedNode& node, const std::string& mac) {
    deadline_.Check("create " + node.name);
    DomainSpec spec;
    spec.name = node.domain_names.front();
    spec.uuid = UuidFor("domain " + spec.name);
    spec.run = settings_.run;
    spec.size = settings_.scale.value_or(NodeScale{node.memory_gb * 1024, node.cpu_cores});
    spec.acceleration = cluster.acceleration;
    spec.kvm = settings_.allow_kvm && cluster.acceleration.enable_kvm.value_or(true) && OffersKvm();
    spec.emulated_cpu = settings_.emulated_cpu;
    spec.disk_path = MakeDisk(cluster, node);
    spec.console_log = fmt::format("{}/{}-console.log", PoolDirectory(cluster), spec.name);
    spec.network = cluster.network_name;
    spec.mac = mac;
    spec.devices = node.devices;
    spec.impersonate = settings_.impersonate;
    spec.gpu_rom = settings_.gpu_rom;
    connection_.DefineDomain(MakeDomainXml(spec));
    made_.push_back("domain " + spec.name);
    Say(fmt::format("domain {} defined ({} MiB, {}, {}{})", spec.name, spec.size.memory_mib,
                    Count(static_cast<size_t>(spec.size.cpus), "CPU"), spec.kvm ? "KVM" : "emulation",
                    DevicesText(node)));
  }

  // Returns its path on the hypervisor.
  std::string MakeDisk(const PlannedCluster& cluster, const PlannedNode& node) {
    const std::string& base = BaseVolumeFor(cluster, node);
    const std::string disk = node.domain_names.front() + ".qcow2";
    // A disk smaller than the image that it starts from would lose the end of its file system.
    const uint64_t capacity =
        std::max(static_cast<uint64_t>(node.disk_gb) * kGibibyte, connection_.VolumeCapacity(cluster.pool_name, base));
    connection_.CreateVolume(cluster.pool_name,
                             MakeVolumeXml(disk, "qcow2", capacity, connection_.VolumePath(cluster.pool_name, base)));
    made_.push_back("volume " + disk);
    return connection_.VolumePath(cluster.pool_name, disk);
  }

  // All at once, those with devices first: VFIO and the drivers make them the last to be ready.
  void StartNodes() {
    std::vector<const PlannedNode*> nodes = plan_.RunningNodes();
    std::stable_partition(nodes.begin(), nodes.end(), [](const PlannedNode* node) { return !node->devices.empty(); });
    deadline_.Check("start the nodes");
    std::vector<std::future<void>> starts;
    for (const PlannedNode* const node : nodes) {
      starts.push_back(
          std::async(std::launch::async, [this, node] { connection_.StartDomain(node->domain_names.front()); }));
    }
    std::string problems;
    for (size_t i = 0; i < nodes.size(); ++i) {
      try {
        starts[i].get();
        Say(fmt::format("domain {} started", nodes[i]->domain_names.front()));
      } catch (const LibvirtError& error) {
        problems += (problems.empty() ? "" : "\n") + std::string(error.what());
      }
    }
    if (!problems.empty()) throw LibvirtError(problems);
  }

  // Small things.

  // Empty: libvirt makes one.
  std::string UuidFor(const std::string& object) const {
    return settings_.run.empty() ? std::string() : ObjectUuid(settings_.run, object);
  }

  std::string PoolDirectory(const PlannedCluster& cluster) const {
    return fmt::format("{}/{}", settings_.pool_root, cluster.name);
  }

  bool OffersKvm() {
    if (!offers_kvm_) offers_kvm_ = connection_.OffersKvm();
    return *offers_kvm_;
  }

  void Say(const std::string& text) const {
    if (log_) log_(text);
  }

  const Plan& plan_;
  const DeploySettings& settings_;
  LibvirtConnection& connection_;
  const DeployLog& log_;
  const Deadline deadline_;
  std::vector<std::string> made_;
  // By cluster: the base volume of each base image.
  std::map<std::string, std::map<std::string, std::string>> bases_;
  std::optional<bool> offers_kvm_;
};

}  // namespace

void CreateCluster(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection,
                   const DeployLog& log, const Deadline& deadline) {
  Creation(plan, settings, connection, log, deadline).Run();
}

}  // namespace passthrough
