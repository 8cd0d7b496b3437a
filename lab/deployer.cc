// Creating a cluster. Removing it: deployer_destroy.cc.
#include "lab/deployer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "helpers/base/text.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "lab/deployer_log.h"

namespace passthrough {
namespace {

constexpr uint64_t kGibibyte = uint64_t{1} << 30;

// Throws unless `path` is a file that starts as qcow2 images do (QEMU's docs/interop/qcow2.txt).
void CheckBaseImage(const PlannedNode& node, const std::filesystem::path& path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  if (std::string_view(magic, sizeof magic) == "QFI\xfb") return;
  const bool exists = std::filesystem::exists(path);
  throw Error(fmt::format("{}: base image {} of {} {}", node.where.ToString(), path.string(),
                          node.name,
                          exists ? "is not a qcow2 image, or cannot be read"
                                 : "does not exist. Build it first, or name another"));
}

// One call of CreateCluster.
class Creation {
 public:
  Creation(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection,
           const DeployLog& log, const Deadline& deadline)
      : plan_(plan),
        settings_(settings),
        connection_(connection),
        log_(log),
        deadline_(deadline) {}

  void Run() {
    CheckBefore();
    try {
      for (const PlannedCluster& cluster : plan_.clusters) Make(cluster);
      StartNodes();
    } catch (const Error& error) {
      throw Error(fmt::format("{}\nMade so far: {}. To remove that: passthrough-lab destroy --force {}",
                              error.what(), made_.empty() ? "nothing" : JoinForHumans(made_),
                              plan_.config_path));
    }
    log_.Write(fmt::format("created {}", Count(plan_.nodes.size(), "node")));
  }

 private:
  // --- before the first change ---

  void CheckBefore() {
    std::vector<std::string> problems;
    CheckNamesAreFree(problems);
    CheckDevicesExist(problems);
    if (!problems.empty()) {
      std::string text = fmt::format("cannot create the cluster at {}; nothing was changed:",
                                     connection_.uri());
      for (const std::string& problem : problems) text += "\n  " + problem;
      throw Error(text);
    }
    if (settings_.base_volume) {
      connection_.VolumePath(settings_.base_volume->pool, settings_.base_volume->volume);
      return;
    }
    for (const PlannedNode& node : plan_.nodes) {
      if (node.base_image_path.empty()) {
        throw Error(fmt::format("{}: {} has no base_image_path, and neither has its cluster",
                                node.where.ToString(), node.name));
      }
      CheckBaseImage(node, node.base_image_path);
    }
  }

  void CheckNamesAreFree(std::vector<std::string>& problems) {
    const auto check = [&](std::string_view kind, const std::string& name,
                           const std::vector<std::string>& existing) {
      if (std::find(existing.begin(), existing.end(), name) == existing.end()) return;
      problems.push_back(
          fmt::format("{} {} exists already. If it is left from an earlier run, remove it: "
                      "passthrough-lab destroy --force {}, or virsh -c {} {}-undefine {}",
                      kind, name, plan_.config_path, connection_.uri(),
                      kind == "network" ? "net" : "pool", name));
    };
    const auto networks = connection_.NetworkNames();
    const auto pools = connection_.PoolNames();
    for (const PlannedCluster& cluster : plan_.clusters) {
      check("network", cluster.network_name, networks);
      check("pool", cluster.pool_name, pools);
    }
    CheckDomainsAreFree(problems);
  }

  // In every spelling: a domain of another deployer's would claim the same devices.
  void CheckDomainsAreFree(std::vector<std::string>& problems) {
    const auto existing = connection_.DomainNames();
    for (const PlannedNode& node : plan_.nodes) {
      for (size_t i = 0; i < node.domain_names.size(); ++i) {
        const std::string& name = node.domain_names[i];
        if (std::find(existing.begin(), existing.end(), name) == existing.end()) continue;
        const std::string virsh = fmt::format("virsh -c {0} destroy {1}; virsh -c {0} undefine {1}",
                                              connection_.uri(), name);
        const std::string ours =
            fmt::format("passthrough-lab destroy --force {}, or ", plan_.config_path);
        problems.push_back(
            fmt::format("domain {} exists already. If it is left from an earlier run, remove it: {}{}",
                        name, i == 0 ? ours : "", virsh));
      }
    }
  }

  void CheckDevicesExist(std::vector<std::string>& problems) {
    for (const PlannedNode& node : plan_.nodes) {
      for (const PlannedDevice& device : node.devices) {
        const std::string what = fmt::format("{}: {} of {}", device.where.ToString(),
                                             device.host_address.ToString(), node.name);
        const auto xml = connection_.NodeDeviceXml(device.host_address);
        if (!xml) {
          problems.push_back(what + " is not there: the host has no such PCI function");
        } else if (!ReadNodeDeviceXml(*xml).iommu_group) {
          problems.push_back(what +
                             " is in no IOMMU group. Switch on the IOMMU in the host's firmware (VT-d, "
                             "AMD-Vi) and its kernel (intel_iommu=on)");
        }
      }
    }
  }

  // --- making ---

  void Make(const PlannedCluster& cluster) {
    std::vector<const PlannedNode*> nodes;
    for (const PlannedNode& node : plan_.nodes) {
      if (node.cluster == cluster.name) nodes.push_back(&node);
    }
    ReportWhatIsIgnored(cluster);
    std::map<const PlannedNode*, std::string> macs = AssignMacAddresses(nodes);
    MakeNetwork(cluster, nodes, macs);
    MakePool(cluster);
    for (const PlannedNode* const node : nodes) {
      deadline_.Check("create " + node->name);
      MakeNode(cluster, *node, macs[node]);
    }
  }

  std::map<const PlannedNode*, std::string> AssignMacAddresses(
      const std::vector<const PlannedNode*>& nodes) {
    std::map<const PlannedNode*, std::string> macs;
    std::set<std::string> taken;
    for (const PlannedNode* const node : nodes) {
      int attempt = 0;
      std::string mac = MacAddressFor(node->domain_names.front(), attempt);
      while (!taken.insert(mac).second) mac = MacAddressFor(node->domain_names.front(), ++attempt);
      macs[node] = mac;
    }
    return macs;
  }

  void MakeNetwork(const PlannedCluster& cluster, const std::vector<const PlannedNode*>& nodes,
                   const std::map<const PlannedNode*, std::string>& macs) {
    NetworkSpec spec{cluster.network_name, cluster.bridge, cluster.subnet, {}};
    for (const PlannedNode* const node : nodes) {
      if (!node->address) continue;
      spec.hosts.push_back({macs.at(node), *node->address, node->domain_names.front()});
    }
    connection_.DefineNetwork(MakeNetworkXml(spec));
    made_.push_back("network " + cluster.network_name);
    connection_.StartNetwork(cluster.network_name);
    log_.Write(fmt::format("network {} started ({}, {})", cluster.network_name, cluster.subnet,
                           cluster.bridge));
  }

  void MakePool(const PlannedCluster& cluster) {
    const std::string directory = fmt::format("{}/{}", settings_.pool_root, cluster.name);
    connection_.DefinePool(MakePoolXml(cluster.pool_name, directory));
    made_.push_back("pool " + cluster.pool_name);
    connection_.BuildAndStartPool(cluster.pool_name);
    log_.Write(fmt::format("storage pool {} started ({})", cluster.pool_name, directory));
  }

  // The volume that `node`'s disk is an overlay of; made at the first node that needs it.
  const std::string& BaseVolumeFor(const PlannedCluster& cluster, const PlannedNode& node) {
    auto& bases = bases_[cluster.name];
    const std::string source = settings_.base_volume ? "" : node.base_image_path;
    if (const auto known = bases.find(source); known != bases.end()) return known->second;
    const std::string name =
        bases.empty() ? fmt::format("{}-base.qcow2", cluster.name)
                      : fmt::format("{}-base-{}.qcow2", cluster.name, bases.size() + 1);
    if (settings_.base_volume) {
      const auto& [pool, volume] = *settings_.base_volume;
      connection_.CloneVolume(
          cluster.pool_name,
          MakeVolumeXml(name, "qcow2", connection_.VolumeCapacity(pool, volume)), pool, volume);
    } else {
      UploadBase(cluster, name, source);
    }
    made_.push_back("volume " + name);
    log_.Write(fmt::format("base image {} in place", name));
    return bases[source] = name;
  }

  void UploadBase(const PlannedCluster& cluster, const std::string& name,
                  const std::filesystem::path& file) {
    const auto size = static_cast<uint64_t>(std::filesystem::file_size(file));
    log_.Write(fmt::format("uploading {} ({} MiB)", file.string(), size >> 20));
    // Raw: it becomes a qcow2 image by what is written into it.
    connection_.CreateVolume(cluster.pool_name, MakeVolumeXml(name, "raw", size));
    connection_.UploadVolume(cluster.pool_name, name, file, deadline_);
    connection_.RefreshPool(cluster.pool_name);
  }

  void MakeNode(const PlannedCluster& cluster, const PlannedNode& node, const std::string& mac) {
    const std::string& domain = node.domain_names.front();
    const std::string& base = BaseVolumeFor(cluster, node);
    const std::string disk = domain + ".qcow2";
    const uint64_t capacity = std::max(static_cast<uint64_t>(node.disk_gb) * kGibibyte,
                                       connection_.VolumeCapacity(cluster.pool_name, base));
    connection_.CreateVolume(
        cluster.pool_name,
        MakeVolumeXml(disk, "qcow2", capacity, connection_.VolumePath(cluster.pool_name, base)));
    made_.push_back("volume " + disk);

    DomainSpec spec;
    spec.name = domain;
    spec.size = settings_.scale.value_or(NodeScale{node.memory_gb * 1024, node.cpu_cores});
    spec.acceleration = AccelerationOf(cluster);
    spec.kvm = spec.acceleration.enable_kvm.value_or(true) && OffersKvm();
    spec.emulated_cpu = settings_.emulated_cpu;
    spec.disk_path = connection_.VolumePath(cluster.pool_name, disk);
    spec.console_log =
        fmt::format("{}/{}/{}-console.log", settings_.pool_root, cluster.name, domain);
    spec.network = cluster.network_name;
    spec.mac = mac;
    spec.devices = node.devices;
    spec.impersonate = settings_.impersonate;
    spec.gpu_rom = settings_.gpu_rom;
    connection_.DefineDomain(MakeDomainXml(spec));
    made_.push_back("domain " + domain);
    log_.Write(fmt::format("domain {} defined ({} MiB, {}, {}{})", domain, spec.size.memory_mib,
                           Count(static_cast<size_t>(spec.size.cpus), "CPU"),
                           spec.kvm ? "KVM" : "emulation", DevicesText(node)));
  }

  // Those with devices first: VFIO and the drivers make them the last to be ready.
  void StartNodes() {
    std::vector<const PlannedNode*> nodes = plan_.RunningNodes();
    std::stable_partition(nodes.begin(), nodes.end(),
                          [](const PlannedNode* node) { return !node->devices.empty(); });
    for (const PlannedNode* const node : nodes) {
      deadline_.Check("start " + node->name);
      connection_.StartDomain(node->domain_names.front());
      log_.Write(fmt::format("domain {} started", node->domain_names.front()));
    }
  }

  // --- small things ---

  Acceleration AccelerationOf(const PlannedCluster& cluster) const {
    const auto found = settings_.acceleration.find(cluster.name);
    return found == settings_.acceleration.end() ? Acceleration() : found->second;
  }

  bool OffersKvm() {
    if (!offers_kvm_) offers_kvm_ = connection_.OffersKvm();
    return *offers_kvm_;
  }

  void ReportWhatIsIgnored(const PlannedCluster& cluster) {
    const Acceleration acceleration = AccelerationOf(cluster);
    if (acceleration.numa_nodes) log_.Write(cluster.name + ": numa_topology is ignored");
    if (acceleration.cpu_pinning.value_or(false)) log_.Write(cluster.name + ": cpu_pinning is ignored");
  }

  static std::string DevicesText(const PlannedNode& node) {
    std::string text;
    for (const PlannedDevice& device : node.devices) text += ", " + device.host_address.ToString();
    return text;
  }

  const Plan& plan_;
  const DeploySettings& settings_;
  LibvirtConnection& connection_;
  DeployerLog log_;
  const Deadline deadline_;
  std::vector<std::string> made_;
  // By cluster: the base volume of each base image.
  std::map<std::string, std::map<std::string, std::string>> bases_;
  std::optional<bool> offers_kvm_;
};

}  // namespace

std::map<std::string, Acceleration> AccelerationByCluster(const ClusterFile& file) {
  std::map<std::string, Acceleration> acceleration;
  for (const ClusterConfig& cluster : file.clusters) {
    acceleration[cluster.name] = cluster.acceleration;
  }
  return acceleration;
}

void CreateCluster(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection,
                   const DeployLog& log, const Deadline& deadline) {
  Creation(plan, settings, connection, log, deadline).Run();
}

}  // namespace passthrough
