// A profile: where a cluster is deployed and how its nodes are reached. Files in configs/profiles/.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/ssh/ssh_account.h"
#include "helpers/yaml/config_error.h"

namespace passthrough {

// The longest that each phase of a run may take. All have defaults, so a profile names few or none.
struct TimeLimits {
  std::chrono::seconds host{600};     // bringing the host up: profile.host.up
  std::chrono::seconds create{1200};  // the deployer's create
  std::chrono::seconds ssh{300};      // until all nodes have addresses, and again until each node's SSH answers
  std::chrono::seconds collect{300};  // all probes of a node
  std::chrono::seconds destroy{300};  // the deployer's destroy
  bool destroy_is_given = false;      // by the profile or its host's facts; else it follows the number of VMs
  std::chrono::seconds ready{900};    // until a node is set up: profile.ready
  std::chrono::seconds libvirt{60};   // for one answer of libvirt, of however many
  // Multiplies the limits that the probes have on the node: for nodes that are slow by nature.
  int probe_scale = 1;
};

// Commands that bring a host up and down that does not run all the time, such as a lab. Argument
// lists; an empty list is a step that is not needed. `status` exits 0 if the host is up already:
// then it is not this run's to bring down; 1 if it is down, and with it all that was on it; with another status where
// neither is known. `check` says, a problem a line, what would keep `up` from working: 0: nothing. `facts` is a file
// that exists once the host is up: a profile fragment (libvirt, ssh, stub_driver, …) laid over this profile.
struct HostCommands {
  std::vector<std::string> check;
  std::vector<std::string> status;
  std::vector<std::string> up;
  std::vector<std::string> down;
  std::filesystem::path facts;
};

// The commands of a step, each an argument list, run one after the other. No shell sees them.
using CommandSequence = std::vector<std::vector<std::string>>;

// The outside program that makes the cluster and takes it away; at least one command each.
struct DeployerCommands {
  CommandSequence create;
  CommandSequence destroy;
  std::filesystem::path working_directory;  // empty: where the suite was started
  // It gives what it makes the UUIDs that follow from {run} (ObjectUuid): so that what the run made is known for sure.
  bool uuids_from_run = false;
};

// Values for the placeholders in a profile's strings, without braces: {"config", "/…/x.yaml"}.
// Known: config (absolute path of the cluster file), clusters ("hpc", "cloud" or "both": what is in it), lab (the
// passthrough-lab program), lab_dir, source (the project's root); and what no caller gives: libvirt, the profile's
// libvirt.uri or what stands in its place, and run, a word that nobody else has, by which a host knows whose it is.
// "{{" stands for "{", "}}" for "}". docs/profiles.md has them, and every key of a profile.
using Placeholders = std::map<std::string, std::string>;

// The limit of each command of the deployer's destroy for a cluster of `vms`: what the profile says; else 300 s, or
// 60 s and 30 s a VM where that is more. ai-how waits up to 30 s for each VM to shut down (destroy_vm of
// ai_how/vm_management/vm_lifecycle.py).
std::chrono::seconds DestroyLimit(const TimeLimits& limits, size_t vms);

// What takes the place of what a profile, or its host's facts, say, for one run: the command line's.
struct Overrides {
  std::string connect{};  // a libvirt URI; empty: the profile's
  std::optional<std::string> ssh_user{};
  std::optional<std::filesystem::path> ssh_key{};
};

// What says that a node is set up: run on it before anything is looked at.
struct ReadyCommand {
  // The default: cloud-init, where the node has it. Else `command`; empty: nothing is waited for.
  bool is_default = true;
  std::vector<std::string> command = {};
};

struct Profile {
  std::string name;            // the file's name without ".yaml"
  std::filesystem::path path;  // absolute
  std::string description;
  std::string libvirt_uri = "qemu:///system";
  Overrides overrides;
  std::optional<HostCommands> host;
  DeployerCommands deployer;
  SshAccount ssh;  // of the nodes; host is empty
  std::optional<SshAccount> jump;
  std::filesystem::path known_hosts;  // the user's own, honoured and never written; may be empty
  TimeLimits time_limits;
  ReadyCommand ready;
  int nodes_at_once = 100;  // of which evidence is collected
  // How much of each GPU's free memory is tested, in percent, 1 to 100; 0: half of it, 256 MiB at most.
  int gpu_memory_percent = 0;
  // Says that the GPU driver on the nodes is a stand-in, in words for the report; empty: a real
  // one.
  std::string stub_driver;
  // What the nodes' devices are on the host, where that differs from the cluster file because the
  // host only emulates them (a lab): checks of ids on the host's side do not apply.
  bool emulated_devices = false;
  // What copies to and from a GPU must reach of what its PCIe link carries, 1 to 100 %; absent: what the check has for
  // itself (helpers/health/nvidia/copy_rate_problems.h).
  std::optional<int> least_link_percent;
  // Host addresses of disks that may be written to, where they have a mark (remote/disks/marked_data.h). The file of
  // the profile says so, no host's facts.
  std::vector<PciAddress> may_be_overwritten;
  // From the facts file: the {run} of the run that brought the host up, or whatever the host says where it was no run;
  // empty: the host does not say.
  std::string host_owner;
  // What ReadProfileFile was given; host->facts may use them too.
  Placeholders placeholders;
};

// Which facts of the host of a profile are laid over it.
enum class HostFacts {
  kIfThere,   // those of a host that is up, or was; none where there is no such file, or no such host
  kRequired,  // those of a host that has been brought up: host.facts must be there
};

// The profile as its file has it. `name_or_path`: a profile by name, of configs/profiles/ below placeholders["source"],
// or a file (it has a '/' or ends in ".yaml"). Paths in it are made absolute from the working directory, "~/"
// is the home directory. `overrides` are kept in it, and followed where commands name {libvirt}; ResolveProfile() lays
// them over the rest. Throws ConfigError with all problems of the file: a placeholder that is unknown, or has no value
// in `placeholders`, is one.
Profile ReadProfileFile(const std::string& name_or_path, const Placeholders& placeholders,
                        const Overrides& overrides = {});

// The profile that a run goes by: `file`, as ReadProfileFile() returned it; over that host.facts, a file with any of
// libvirt, ssh, jump, known_hosts, deployer, time_limits, ready, nodes_at_once, stub_driver, emulated_devices and
// least_link_percent, each as in a profile, and owner; over both the overrides. Throws ConfigError for facts that are
// broken.
Profile ResolveProfile(const Profile& file, HostFacts facts);

// Both, for who has no host to bring up meanwhile.
Profile LoadProfile(const std::string& name_or_path, const Placeholders& placeholders, const Overrides& overrides = {});

// Throws Error where the run could not go by the profile's overrides. `connect`: the profile brings its own host up,
// whose facts would hold for another one; or, where the run `deploys`, one of the deployer's commands does not name it:
// the cluster would be made in one place and looked for, and destroyed, in another. `ssh_user`, `ssh_key`: the run
// deploys on a host that the profile brings up, whose nodes get a user and a key of that host's own.
void RequireOverridesAreFollowed(const Profile& profile, bool deploys);

// True where host.down is given {run}: it leaves a host alone that something else brought up.
bool HostDownKnowsItsRun(const Profile& profile);

}  // namespace passthrough
