#include "tests/faults/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// A script as one line, its first comment in place of it where it has one: "# the GPU is unbound".
std::string InShort(std::string_view script) {
  const auto lines = SplitLines(script);
  for (const std::string_view line : lines) {
    if (Trim(line).starts_with("# ")) return std::string(Trim(line).substr(2));
  }
  std::string text;
  for (const std::string_view line : lines) {
    if (Trim(line).empty()) continue;
    text += (text.empty() ? "" : "; ") + std::string(Trim(line));
  }
  return "`" + text + "`";
}

}  // namespace

std::filesystem::path ConfigOf(FaultCluster cluster) {
  const std::filesystem::path source = PASSTHROUGH_SOURCE_DIR;
  if (cluster == FaultCluster::kOneGpu) return source / "configs" / "test-pcie-passthrough-minimal.yaml";
  return source / "tests" / "faults" /
         (cluster == FaultCluster::kTwoNodes ? "two-gpu-nodes.yaml" : "device-nodes.yaml");
}

std::string HowPlanted(const Fault& fault) {
  if (!fault.IsPlanted()) return "not planted: " + fault.not_planted;
  const Fault untouched;
  std::vector<std::string> parts;
  const auto add = [&](std::string_view where, const std::string& script, const std::string& usual) {
    if (script != usual) parts.push_back(fmt::format("{}: {}", where, InShort(script)));
  };
  add(fault.node == untouched.node ? "node" : fault.node, fault.in_node, "");
  add("lab host", fault.on_host, "");
  add("cluster file", fault.cluster_file, "");
  add("profile", fault.profile, "");
  add("create", fault.create, untouched.create);
  add("destroy", fault.destroy, untouched.destroy);
  add("evidence", fault.in_evidence, "");
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string Cell(std::string text) {
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string FaultCells(const Fault& fault) {
  return fmt::format("| {} {} | {} | ", fault.id, Cell(fault.name), Cell(HowPlanted(fault)));
}

const std::vector<Fault>& AllFaults() {
  static const std::vector<Fault> all = [] {
    std::vector<Fault> faults;
    for (auto* part : {PciPresenceFaults,   PciFunctionFaults,  PciLinkFaults,     DriverUseFaults,  DriverFaults,
                       DriverReleaseFaults, DeviceFileFaults,   NvidiaSmiFaults,   GpuLinkFaults,    GpuMemoryFaults,
                       GpuLimitFaults,      GpuUseFaults,       NodeFaults,        DriverLogFaults,  DeviceLogFaults,
                       NodeLogFaults,       LogAfterStepFaults, WorkloadFaults,    DiskFaults,       DiskReadFaults,
                       DiskWriteFaults,     NetworkFaults,      NetworkLinkFaults, DisruptiveFaults, PreflightFaults,
                       HostFaults,          DeployerFaults,     TeardownFaults}) {
      for (Fault& fault : part()) faults.push_back(std::move(fault));
    }
    // "N2" before "N18b" before "H1".
    const auto key = [](const Fault& fault) {
      return std::tuple(fault.id[0] == 'N' ? 0 : 1, std::stoi(fault.id.substr(1)), fault.id);
    };
    std::sort(faults.begin(), faults.end(), [&](const Fault& a, const Fault& b) { return key(a) < key(b); });
    return faults;
  }();
  return all;
}

}  // namespace passthrough
