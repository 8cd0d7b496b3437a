#include "tests/parsers/evidence_parsers.h"

#include <filesystem>

#include "helpers/base/files.h"
#include "helpers/parsers/disks_evidence.h"
#include "helpers/parsers/identity_evidence.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/network_evidence.h"
#include "helpers/parsers/nvidia/device_files_evidence.h"
#include "helpers/parsers/nvidia/modules_evidence.h"
#include "helpers/parsers/nvidia/nvidia_smi_table.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"
#include "helpers/parsers/nvidia/workload_evidence.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {
namespace {

template <typename... Evidence>
struct TypeList {};

// Of all rooms. EvidenceTypesTest fails where one is not here, or has no seed.
using EvidenceTypes = TypeList<DeviceFilesEvidence, DisksEvidence, IdentityEvidence, KernelLog, ModulesEvidence,
                               NetworkEvidence, NvidiaSmiTable, NvidiaSmiXml, PciEvidence, WorkloadEvidence>;

// What reads a parsed text once more, and may stumble over it as well.
template <typename Evidence>
void Use(const Evidence&) {}
void Use(const DeviceFilesEvidence& evidence) { evidence.GpuFiles(); }
void Use(const DisksEvidence& evidence) { evidence.DisksOf({}); }
void Use(const KernelLog& evidence) { evidence.Containing("Xid"); }
void Use(const ModulesEvidence& evidence) { evidence.DriverVersion(); }
void Use(const NetworkEvidence& evidence) { evidence.InterfacesOf({}); }
void Use(const NvidiaSmiXml& evidence) { evidence.Problems(); }

template <typename... Evidence>
std::map<std::string, EvidenceParser> ParsersOf(TypeList<Evidence...>) {
  return {{Evidence::kProbe, [](std::string_view text) { Use(Evidence::Parse(text, "x")); }}...};
}

std::map<std::string, std::string> ReadSeeds() {
  std::map<std::string, std::string> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(PASSTHROUGH_SOURCE_DIR "/tests/parsers/seeds")) {
    seeds[entry.path().stem().string()] = ReadFile(entry.path());
  }
  return seeds;
}

}  // namespace

const std::map<std::string, EvidenceParser>& EvidenceParsers() {
  static const std::map<std::string, EvidenceParser> parsers = ParsersOf(EvidenceTypes{});
  return parsers;
}

const std::map<std::string, std::string>& EvidenceSeeds() {
  static const std::map<std::string, std::string> seeds = ReadSeeds();
  return seeds;
}

}  // namespace passthrough
