#include "lab/host/lab_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/config/cluster_file.h"
#include "helpers/config/plan.h"
#include "lab/host/machine.h"

namespace passthrough {
namespace {

using nlohmann::json;

// Where the lab host's image has the nodes' image (lab/images).
constexpr char kImagePool[] = "passthrough-lab-images";
constexpr char kNodeVolume[] = "node.qcow2";
constexpr char kNodeUser[] = "admin";
// In place of an owner's name: a lab that somebody started by hand is no run's.
constexpr std::string_view kNoOwner = "none";

// RFC 3986, 2.1: for a path as the value of a query's parameter.
std::string PercentEncoded(std::string_view text) {
  std::string encoded;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    const bool plain = std::isalnum(byte) != 0 || std::string_view("/-._~").find(character) != std::string_view::npos;
    encoded += plain ? std::string(1, character) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

// A YAML string in which no brace stands for a placeholder. Every JSON string is one of YAML.
std::string Quoted(std::string_view text) {
  std::string doubled;
  for (const char character : text) {
    const bool brace = character == '{' || character == '}';
    doubled.append(brace ? 2 : 1, character);
  }
  return json(doubled).dump();
}

// One emulated processor serves all nodes: the probes' limits hold for two at once.
int Slowness(const LabRecord& record) {
  if (record.accelerator == "kvm") return 1;
  try {
    const size_t nodes = MakePlan(LoadClusterFile(record.cluster_file)).RunningNodes().size();
    return std::clamp(static_cast<int>(nodes + 1) / 2, 1, 20);
  } catch (const Error&) {
    return 1;  // the file is gone or changed since the lab came up
  }
}

std::string FactsText(const LabPaths& paths, const LabRecord& record) {
  const std::string key = LabKey(record).string();
  const int scale = Slowness(record);
  return fmt::format(
      R"(# How to reach the lab that is up in this directory. Written by passthrough-lab, which removes it
# when the lab goes down.
version: "1.0"
libvirt:
  uri: {}
ssh:
  user: {}
  key: {}
jump:
  host: "127.0.0.1"
  port: {}
  user: root
  key: {}
known_hosts: {}
owner: {}
stub_driver: "the lab's stub of the NVIDIA driver: the module, nvidia-smi and the device are simulated, only the passthrough is real"
emulated_devices: true
time_limits:
  ssh: {}
  collect: {}
  probe_scale: {}
)",
      Quoted(LabLibvirtUri(paths)), kNodeUser, Quoted(key), record.ssh_port, Quoted(key),
      Quoted(paths.known_hosts().string()), Quoted(record.owner.empty() ? kNoOwner : record.owner), 300 * scale,
      180 * scale, scale);
}

json DeployerSettings() {
  return {{"base_volume", {{"pool", kImagePool}, {"volume", kNodeVolume}}},
          {"scale", {{"memory_mib", kLabNodeMemoryMiB}, {"cpus", kLabNodeCpus}}},
          {"impersonate", true},
          {"gpu_rom", false},
          {"emulated_cpu", {{"model", "qemu64"}, {"features", {"+rdrand"}}}}};
}

// ssh_config(5): a path with a space needs quotes.
std::string SshConfigText(const LabPaths& paths, const LabRecord& record) {
  return fmt::format(R"(Host lab-host
  HostName 127.0.0.1
  Port {}
  User root
  IdentityFile "{}"
  IdentitiesOnly yes
  BatchMode yes
  UserKnownHostsFile "{}"
  StrictHostKeyChecking yes
  LogLevel ERROR
)",
                     record.ssh_port, LabKey(record).string(), paths.known_hosts().string());
}

std::string SshProgramText(const LabPaths& paths) {
  return fmt::format("#!/bin/sh\nexec ssh -F {} \"$@\"\n", ShellWord(paths.ssh_config().string()));
}

}  // namespace

std::filesystem::path LabKey(const LabRecord& record) {
  return std::filesystem::path(record.images) / "ssh" / "id_ed25519";
}

// Over OpenSSH's client: with libvirt 9.0's own libssh transport a call now and then waits 30 s for an answer
// that has come (24 calls took 75 s there, 1.8 s here). A program in place of "ssh" is the one way to
// give it a known_hosts file that is not the user's.
std::string LabLibvirtUri(const LabPaths& paths) {
  return fmt::format("qemu+ssh://root@lab-host/system?command={}&no_tty=1",
                     PercentEncoded(paths.ssh_program().string()));
}

void WriteFacts(const LabPaths& paths, const LabRecord& record) {
  WriteFile(paths.deployer(), DeployerSettings().dump(2) + "\n");
  WriteFile(paths.ssh_config(), SshConfigText(paths, record));
  WriteFile(paths.ssh_program(), SshProgramText(paths), 0700);
  WriteFile(paths.facts(), FactsText(paths, record));
}

DeploySettings ReadDeploySettings(const std::filesystem::path& deployer_file) {
  try {
    const json value = json::parse(ReadFile(deployer_file));
    DeploySettings settings;
    settings.base_volume = VolumeReference{value.at("base_volume").at("pool"), value.at("base_volume").at("volume")};
    settings.scale = NodeScale{value.at("scale").at("memory_mib"), value.at("scale").at("cpus")};
    settings.impersonate = value.at("impersonate");
    settings.gpu_rom = value.at("gpu_rom");
    settings.emulated_cpu.model = value.at("emulated_cpu").at("model");
    settings.emulated_cpu.features = value.at("emulated_cpu").at("features").get<std::vector<std::string>>();
    return settings;
  } catch (const json::exception& error) {
    throw Error(fmt::format("{}: {}", deployer_file.string(), error.what()));
  }
}

}  // namespace passthrough
