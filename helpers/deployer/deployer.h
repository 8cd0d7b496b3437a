// The project's own deployer: makes in libvirt what ai-how makes for a cluster file, and removes it
// again. It talks to any libvirt URI, so it serves a lab and a real host alike.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/deployer/domain_xml.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

// A volume that the hypervisor has already.
struct VolumeReference {
  std::string pool;
  std::string volume;
};

// What a deployment may need beyond the cluster file. The defaults are those of a real host; a lab
// fills in what it must, and nothing of this is ever written into a cluster file.
struct DeploySettings {
  // A cluster's pool is the directory <pool_root>/<cluster> on the hypervisor.
  std::string pool_root = "/var/lib/libvirt/images";
  // The base image, if the hypervisor has it already, whatever base_image_path says. It must stay
  // for as long as the cluster does: the cluster's own base volume is an overlay of it. Absent:
  // each node's base_image_path is uploaded from this machine (relative to where the program was
  // started, as ai-how has it).
  std::optional<VolumeReference> base_volume;
  // What every node gets, whatever the cluster file asks for. Absent: what the file asks for.
  std::optional<NodeScale> scale;
  // Makes the emulated devices of a lab show the planned vendor and device ids to the node.
  bool impersonate = false;
  // The GPU's option ROM; off in a lab, where the emulated functions have none worth running.
  bool gpu_rom = true;
  // KVM where the hypervisor offers it and hardware.acceleration does not say no. false: never. (An
  // emulated host can offer it too: QEMU emulates AMD's SVM.)
  bool allow_kvm = true;
  // The nodes' CPU where there is no KVM, such as {"qemu64", {"+rdrand"}}. Empty: libvirt's
  // "maximum".
  CpuModel emulated_cpu;
  // A word that no other run has: what is made gets the UUIDs that follow from it (ObjectUuid), and what is removed has
  // them. Empty: random UUIDs, and what is removed goes by name.
  std::string run;
  // The options of passthrough-lab that say where this is, such as {"--connect", "qemu:///system"}: for the
  // commands that messages advise.
  std::vector<std::string> target_options;
};

// The command that removes what CreateCluster makes, or made in part, of `plan`.
std::string DestroyCommand(const Plan& plan, const DeploySettings& settings);

// Takes one line of progress, without its end: "network … started". Called on the calling thread.
using DeployLog = std::function<void(const std::string& line)>;

// Makes the clusters of `plan`: for each its network and pool, then the base image, an overlay
// volume and a domain a node; starts every node that the file does not keep off. Checks before the
// first change that no network, pool or domain of these names exists; an object that does is an
// error that says how to remove it. What a failed create has made stays, is named in the error, and
// goes with DestroyCluster. Throws Error.
void CreateCluster(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection,
                   const DeployLog& log, const Deadline& deadline = Deadline::Never());

// Removes what CreateCluster makes for `plan`, whether all of it is there, parts, or nothing, and
// then looks whether it is gone. Touches nothing but the names that CreateCluster gives. Without
// `force` it first asks "Destroy cluster …? [y/N]" on standard output and reads standard input.
// Throws Error that names everything that remains; also where the answer was not yes.
void DestroyCluster(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection,
                    const DeployLog& log, bool force);

}  // namespace passthrough
