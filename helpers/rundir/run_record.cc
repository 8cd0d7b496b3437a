#include "helpers/rundir/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/config/gpu_vendor.h"

namespace passthrough {

NLOHMANN_JSON_SERIALIZE_ENUM(RunMode,
                             {{RunMode::kDirect, "direct"}, {RunMode::kCtest, "ctest"}, {RunMode::kAttach, "attach"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PhaseRecord, name, seconds, error)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunRecord, mode, started, config, cluster, profile, libvirt_uri, stub_driver,
                                   emulated_devices, target, disruptive, reboots, cleanup, error, versions, probes,
                                   not_checked, notes, phases)

namespace {

constexpr double kLongestPhase = 1e8;  // s: three years

// "NVIDIA's is", "AMD's and NVIDIA's are".
std::string KnownDrivers() {
  std::vector<std::string> makers;
  for (const GpuVendor& vendor : kGpuVendors) {
    if (vendor.driver_is_known) makers.push_back(std::string(vendor.name) + "'s");
  }
  return JoinForHumans(makers) + (makers.size() == 1 ? " is" : " are");
}

}  // namespace

std::vector<std::string> NotChecked(const std::string& stub_driver, const std::vector<const PlannedNode*>& nodes,
                                    const std::vector<std::string>& may_be_overwritten) {
  std::vector<std::string> what;
  const auto has_nvidia = [](const PlannedNode* node) { return !GpusOf(*node, kDefaultGpuVendor).empty(); };
  if (!stub_driver.empty() && std::any_of(nodes.begin(), nodes.end(), has_nvidia)) {
    what.push_back(
        "the GPUs at work (Workload, GpuWork: CUDA, memory, interrupts, bandwidth): a stand-in for the "
        "driver has no CUDA library");
  }
  for (const PlannedNode* node : nodes) {
    if (!node->auto_start) continue;
    for (const PlannedDevice& gpu : node->DevicesOfType(DeviceType::kGpu)) {
      if (DriverIsKnown(VendorOfGpu(gpu))) continue;
      const std::string device = gpu.device_id ? fmt::format(":{:04x}", *gpu.device_id) : "";
      what.push_back(fmt::format("the driver of GPU {} ({:04x}{}): only {} known to this suite",
                                 gpu.host_address.ToString(), VendorOfGpu(gpu), device, KnownDrivers()));
    }
  }
  std::vector<std::string> only_read;
  for (const PlannedNode* node : nodes) {
    if (!node->auto_start) continue;
    for (const PlannedDevice& device : node->DevicesOfType(DeviceType::kStorage)) {
      const std::string address = device.host_address.ToString();
      const auto& named = may_be_overwritten;
      if (std::find(named.begin(), named.end(), address) == named.end()) only_read.push_back(address);
    }
  }
  if (!only_read.empty()) {
    what.push_back(fmt::format("writing to the disks of {}: may_be_overwritten of the profile does not name {}",
                               JoinForHumans(only_read), only_read.size() == 1 ? "it" : "them"));
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
  nlohmann::json json(record);
  json["least_link_percent"] = record.least_link_percent;
  json["may_be_overwritten"] = record.may_be_overwritten;
  json["filter"] = record.filter;
  WriteFile(file, Json(json).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

RunRecord ReadRunRecord(const std::filesystem::path& file) {
  try {
    nlohmann::json json = nlohmann::json::parse(ReadFile(file));
    json.emplace("notes", nlohmann::json::array());  // where there are none; earlier runs wrote none
    auto record = json.get<RunRecord>();
    record.least_link_percent = json.value("least_link_percent", record.least_link_percent);
    record.may_be_overwritten = json.value("may_be_overwritten", record.may_be_overwritten);
    record.filter = json.value("filter", record.filter);
    for (const PhaseRecord& phase : record.phases) {
      if (phase.seconds >= 0 && phase.seconds <= kLongestPhase) continue;  // not of what is no number either
      throw EvidenceError(
          fmt::format("{}: phase {} took {} s, which cannot be", file.string(), Printable(phase.name), phase.seconds));
    }
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw EvidenceError(fmt::format("{} is not as this suite wrote it: {}", file.string(), error.what()));
  }
}

std::optional<int64_t> UnixTimeOf(const std::string& iso_8601) {
  std::tm time = {};
  const char* const rest = strptime(iso_8601.c_str(), "%Y-%m-%dT%H:%M:%S%z", &time);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const int64_t east = time.tm_gmtoff;  // timegm() takes the fields for UTC, and overwrites this
  return int64_t{timegm(&time)} - east;
}

std::optional<int64_t> EndOf(const RunRecord& record) {
  const auto started = UnixTimeOf(record.started);
  if (!started) return std::nullopt;
  double seconds = 0;
  for (const PhaseRecord& phase : record.phases) seconds += phase.seconds;
  return *started + std::llround(seconds);
}

}  // namespace passthrough
