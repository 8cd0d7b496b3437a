#include "tests/reports/sample_run.h"

#include <fmt/format.h>

#include <algorithm>

namespace passthrough {
namespace {

constexpr const char* kOfNodes[] = {"Node",          "NodeIdentity", "HostDomain",    "NodeHealth",
                                    "PciVisibility", "KernelModule", "DeviceFiles",   "NvidiaKernelMessages",
                                    "NvidiaSmi",     "GpuHealth",    "KernelMessages"};
constexpr const char* kOfGpus[] = {"HostDevice", "PciDevice", "GpuDriver", "GpuLink", "CleanupDevice"};

std::string Subject(const std::string& node, std::string address) {
  std::replace_if(
      address.begin(), address.end(), [](char c) { return c == ':' || c == '.'; }, '_');
  return node + "_" + address;
}

DeviceFacts MakeDevice(const std::string& host, const std::string& guest, DeviceType type, size_t group) {
  DeviceFacts device;
  device.planned.host_address = *PciAddress::Parse(host);
  device.planned.type = type;
  device.host_address = host;
  device.guest_address = guest;
  device.host = {{"driver", "vfio-pci"},
                 {"id", "10de:2684"},
                 {"IOMMU group", fmt::format("{}", group)},
                 {"below", "0000:00:01.0"}};
  device.node = {{"driver", type == DeviceType::kGpu ? "nvidia" : "snd_hda_intel"},
                 {"id", "10de:2684"},
                 {"lanes now", "16"},
                 {"lanes at most", "16"},
                 {"link speed at most", "16.0 GT/s PCIe"}};
  device.readings = {{"link speed", "2.5 GT/s PCIe"}};
  return device;
}

}  // namespace

SampleRun::SampleRun(size_t nodes) {
  results_.cluster_file = "/etc/clusters/hpc.yaml";
  results_.profile = "host";
  results_.run = RunDirectory::Create(directory_.path());
  results_.facts.record = RunRecord{};
  results_.facts.record->started = "2026-11-27T10:00:00+0000";
  results_.facts.record->cluster = "hpc";
  results_.facts.record->versions = {{"suite", "0.1.0"}, {"libvirt", "9.0.0"}};
  for (const char* phase : {"host", "preflight", "deploy", "discover", "collect", "look", "destroy"}) {
    results_.facts.record->phases.push_back({.name = phase, .seconds = 4, .error = ""});
  }
  results_.facts.host = Inventory{};
  results_.facts.host->hostname = "gpu-host";
  results_.facts.host->hypervisor = "QEMU 7.2.22, libvirt 9.0.0";
  for (size_t i = 1; i <= nodes; ++i) {
    PlannedNode& planned = planned_.emplace_back();
    planned.name = Node(i);
    planned.cluster = "hpc";
    planned.devices.resize(1);
    planned.devices[0].type = DeviceType::kGpu;
    NodeFacts& node = results_.facts.nodes.emplace_back();
    node.node = Node(i);
    node.cluster = "hpc";
    node.domain = fmt::format("hpc-compute-{:02}", i);
    node.facts = {{"kernel", "6.1.0-56-amd64"}, {"NVIDIA driver", "550.54.15"}};
    node.domain_xml = {{"devices/hostdev[1]/managed", "yes"}};
    node.devices = {MakeDevice(Gpu(i), "0000:05:00.0", DeviceType::kGpu, i),
                    MakeDevice(Gpu(i, 1), "0000:05:00.1", DeviceType::kAudio, i)};
    for (const char* suite : kOfNodes) Check(suite, "IsRight", Node(i));
    for (const char* suite : kOfGpus) Check(suite, "IsRight", Subject(Node(i), Gpu(i)));
    Check("PciDevice", "IsRight", Subject(Node(i), Gpu(i, 1)));
  }
  for (const PlannedNode& node : planned_) results_.nodes.push_back(&node);
  Check("Cluster", "IsComplete", "hpc");
}

std::string SampleRun::Node(size_t number) const { return fmt::format("hpc_compute_{:02}", number); }

std::string SampleRun::Gpu(size_t number, size_t function) const {
  return fmt::format("{:04x}:{:02x}:00.{}", number / 200, number % 200, function);
}

DeviceFacts& SampleRun::Device(size_t node, size_t function) {
  return results_.facts.nodes.at(node - 1).devices.at(function);
}

CheckResult& SampleRun::Check(const std::string& suite, const std::string& name, const std::string& subject) {
  const std::string full = name + "/" + subject;
  for (CheckResult& check : results_.checks) {
    if (results_.checks.size() < 1000 && check.suite == suite && check.name == full) return check;
  }
  CheckResult& check = results_.checks.emplace_back();
  check.suite = suite;
  check.name = full;
  check.subject = subject;
  return check;
}

void SampleRun::Find(CheckResult& check, ReportedFinding finding) {
  finding.sentence = finding.found + (finding.expected.empty() ? "" : ", expected " + finding.expected) +
                     (finding.where.empty() ? "" : " (" + finding.where + ")") + "." +
                     (finding.advice.empty() ? "" : " " + finding.advice);
  if (finding.note) {
    check.skipped = check.noted = true;
    check.skip_reason = finding.sentence;
  } else {
    check.failures.push_back(finding.sentence);
  }
  check.findings.push_back(finding);
}

void SampleRun::KillGpu(size_t node) {
  const std::string name = Node(node);
  const std::string gpu = Subject(name, Gpu(node));
  const std::filesystem::path evidence = results_.run->Evidence() / name;
  std::filesystem::create_directories(evidence);
  WriteFile(evidence / "pci.txt",
            "function: 0000:05:00.0\nvendor: 0x10de\ndevice: 0x2684\ndriver: nvidia\nconfig: ff ff ff ff\nend: pci\n");
  Find(Check("PciDevice", "ConfigSpaceIsAlive", gpu),
       {.sentence = "",
        .found = fmt::format("{}: GPU {} does not answer: its config space reads all ones", name, Gpu(node)),
        .where = "evidence/" + name + "/pci.txt:5",
        .advice = "The device is dead: power-cycle the host. Look for its reset method.",
        .explains = Explains::kDevice});
  Find(Check("GpuLink", "IsRight", gpu), {.sentence = "", .found = name + ": nvidia-smi knows no link"});
  for (const char* suite : {"NvidiaSmi", "GpuHealth", "DeviceFiles"}) {
    Find(Check(suite, "IsRight", name), {.sentence = "", .found = name + ": no answer of " + suite});
  }
}

void SampleRun::UnloadDriver(size_t node) {
  const std::string name = Node(node);
  Find(Check("KernelModule", "IsRight", name),
       {.sentence = "",
        .found = name + ": kernel module nvidia is not loaded",
        .advice = "modprobe nvidia on the node says why; look at its kernel log.",
        .explains = Explains::kGpus});
  Find(Check("GpuDriver", "IsRight", Subject(name, Gpu(node))),
       {.sentence = "",
        .found = fmt::format("{}: GPU {} is bound to no driver", name, Gpu(node)),
        .expected = "nvidia",
        .explains = Explains::kGpu});
  Find(Check("NvidiaSmi", "IsRight", name), {.sentence = "", .found = name + ": nvidia-smi has failed"});
}

}  // namespace passthrough
