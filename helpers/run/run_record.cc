#include "helpers/run/run_record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {

NLOHMANN_JSON_SERIALIZE_ENUM(RunMode, {{RunMode::kDirect, "direct"},
                                       {RunMode::kCtest, "ctest"},
                                       {RunMode::kAttach, "attach"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PhaseRecord, name, seconds, error)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunRecord, mode, started, config, cluster, profile, libvirt_uri,
                                   stub_driver, emulated_devices, target, disruptive, reboots, cleanup, error, versions,
                                   probes, not_checked, phases)

std::vector<std::string> NotChecked(const std::string& stub_driver, const std::vector<const PlannedNode*>& nodes) {
  std::vector<std::string> what;
  if (!stub_driver.empty()) {
    what.push_back("the GPUs at work (Workload, GpuWork: CUDA, memory, interrupts, bandwidth): a stand-in for the "
                   "driver has no CUDA library");
  }
  std::vector<std::string> off;
  for (const PlannedNode* node : nodes) {
    if (!node->auto_start) off.push_back(node->name);
  }
  if (!off.empty()) {
    what.push_back("the inside of " + JoinForHumans(off) + ": off, as the cluster file has it (auto_start: false)");
  }
  return what;
}

void WriteRunRecord(const std::filesystem::path& file, const RunRecord& record) {
  // Texts may quote what a node printed: bytes that are not UTF-8 are replaced, not thrown at.
  using Json = nlohmann::ordered_json;
  WriteFile(file, Json(nlohmann::json(record)).dump(2, ' ', false, Json::error_handler_t::replace) +
                      "\n");
}

RunRecord ReadRunRecord(const std::filesystem::path& file) {
  try {
    return nlohmann::json::parse(ReadFile(file)).get<RunRecord>();
  } catch (const nlohmann::json::exception& error) {
    throw EvidenceError(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace passthrough
