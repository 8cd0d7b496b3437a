#include "helpers/health/nvidia/gpu_state_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "helpers/base/text.h"
#include "helpers/parsers/nvidia/nvidia_smi_words.h"

namespace passthrough {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

// The number that `text` begins with, "-7 C", "96 bank(s)", "70.00 W"; none for words.
std::optional<double> Number(std::string_view text) {
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || (rest != text.data() + text.size() && *rest != ' ' && *rest != '%')) return std::nullopt;
  return value;
}

struct Value {
  double number = 0;
  const NvidiaSmiField* field = nullptr;
};

std::optional<Value> ValueAt(const NvidiaSmiGpu& gpu, std::string_view path) {
  const NvidiaSmiField* field = gpu.Find(path);
  if (field == nullptr) return std::nullopt;
  const std::optional<double> number = Number(field->text);
  if (!number) return std::nullopt;
  return Value{*number, field};
}

std::string TextAt(const NvidiaSmiGpu& gpu, std::string_view path) {
  const NvidiaSmiField* field = gpu.Find(path);
  return field != nullptr ? field->text : std::string();
}

// What a GPU says of what it does not have, or does not tell.
bool SaysNothing(std::string_view text) {
  static const std::set<std::string, std::less<>> kWords{"",
                                                         "n/a",
                                                         "[n/a]",
                                                         "not supported",
                                                         "[not supported]",
                                                         "requested functionality has been deprecated",
                                                         "none",
                                                         "null",
                                                         "not available",
                                                         "not applicable"};
  return kWords.contains(Lower(text)) || FindNvidiaSmiError(text) != nullptr;  // errors are another check's
}

Finding Of(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const NvidiaSmiField& field, std::string_view what,
           std::string_view advice, bool note = false) {
  return {.found = fmt::format("{}: {} ({} is \"{}\")", gpu.Name(), what, field.path, field.text),
          .where = xml.At(field.line),
          .advice = std::string(advice),
          .note = note};
}

constexpr char kCoolIt[] =
    "Look at the host's airflow, fans and heat sinks, at the room, and at nvidia-smi -q -d TEMPERATURE.";
constexpr char kLookAtPcie[] =
    "Look at AER errors of the GPU and of the ports above it on the host; reseat the card, or change its riser or "
    "cable.";
constexpr char kReplaceSoon[] = "Plan a replacement, and run dcgmi diag or NVIDIA's field diagnostic.";

// Whether somebody's program is listed on it; nothing: the GPU does not tell.
std::optional<bool> HasPrograms(const NvidiaSmiGpu& gpu) {
  bool told = true;
  for (const NvidiaSmiField& field : gpu.fields) {
    if (field.path == "processes" && field.text != "None") told = false;
    if (field.path.starts_with("processes/") && field.path.ends_with("/pid")) return true;
  }
  if (!told) return std::nullopt;
  return false;
}

// The GPU's memory is the machine's, too (Grace Hopper): the kernel puts files and programs there.
bool SharesItsMemory(const NvidiaSmiGpu& gpu) {
  return TextAt(gpu, "addressing_mode") == "ATS" || TextAt(gpu, "c2c_mode") == "Enabled";
}

void AddMemoryProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  const auto total = ValueAt(gpu, "fb_memory_usage/total");
  const auto free = ValueAt(gpu, "fb_memory_usage/free");
  if (!total || gpu.MigIsOn()) return;
  if (total->number <= 0) {
    if (SharesItsMemory(gpu)) return;
    problems->push_back(Of(xml, gpu, *total->field, "it has no memory",
                           "Its memory did not come up: look for NVRM and Xid in the node's kernel log."));
    return;
  }
  if (!free || free->number >= total->number / 10) return;
  const std::optional<bool> has_programs = HasPrograms(gpu);
  if (has_programs.value_or(false)) return;
  problems->push_back(
      Of(xml, gpu, *free->field,
         fmt::format("hardly any of its {:.0f} MiB of memory is free, and no program is listed on it", total->number),
         "Something holds it that nvidia-smi does not show: a program that hangs in the kernel, or one "
         "of another container. Look at fuser -v /dev/nvidia*, else reset the GPU (nvidia-smi -r).",
         !has_programs || SharesItsMemory(gpu)));
}

void AddFabricProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  constexpr char kStartIt[] =
      "Look at nvidia-fabricmanager on the node, or, for a GPU of an NVSwitch board that is passed through alone, on "
      "the "
      "host; it must be of the driver's own version.";
  const NvidiaSmiField* state = gpu.Find("fabric/state");
  if (state != nullptr && !SaysNothing(state->text) && state->text != "Completed") {
    problems->push_back(Of(xml, gpu, *state, "its NVLink fabric is not ready, so that CUDA does not start", kStartIt));
  }
  const NvidiaSmiField* status = gpu.Find("fabric/status");
  const bool completed = state == nullptr || state->text == "Completed";
  if (status != nullptr && completed && !SaysNothing(status->text) && status->text != "Success") {
    problems->push_back(Of(xml, gpu, *status, "its registration with the NVLink fabric failed", kStartIt));
  }
  for (const NvidiaSmiField& field : gpu.fields) {
    if (!field.path.starts_with("fabric/health/") || SaysNothing(field.text)) continue;
    static const std::set<std::string, std::less<>> kFine{"healthy", "full", "no", "false", "none", "success", "ok"};
    const std::string name = field.path.substr(field.path.rfind('/') + 1);
    const std::string text = Lower(field.text);
    if (name == "partition_assigned") continue;  // either is in order
    if (kFine.contains(text)) continue;
    const bool note = name == "route_recovery_in_progress" || name == "access_timeout_recovery";
    problems->push_back(Of(xml, gpu, field, "its NVLink fabric is not healthy", kStartIt, note));
  }
}

void AddLicenseProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  // A whole GPU that is passed through works without one.
  const std::string mode = Lower(TextAt(gpu, "gpu_virtualization_mode/virtualization_mode"));
  for (const NvidiaSmiField* field : gpu.FindByName("license_status")) {
    const std::string text = Lower(field->text);
    if (SaysNothing(field->text) || text.starts_with("licensed")) continue;
    problems->push_back(Of(
        xml, gpu, *field, "it has no licence, without which a vGPU is slowed down",
        "Look at nvidia-gridd's log on the node, its client token and the way to the licence server.", mode != "vgpu"));
  }
}

}  // namespace

Findings TemperatureProblems(const NvidiaSmiXml& xml) {
  struct Limit {
    std::string_view now;
    std::string_view limit;
    std::string_view what;
    bool is_distance;  // both count down to 0 and below
  };
  constexpr auto kLimits = std::to_array<Limit>({
      {"gpu_temp", "gpu_temp_max_threshold", "it is as hot as where it shuts off", false},
      {"gpu_temp", "gpu_temp_slow_threshold", "it is as hot as where its hardware slows it down", false},
      {"gpu_temp", "gpu_temp_max_gpu_threshold", "it is hotter than its maximum operating temperature", false},
      {"gpu_temp_tlimit", "gpu_temp_max_tlimit_threshold", "it is as hot as where it shuts off", true},
      {"gpu_temp_tlimit", "gpu_temp_slow_tlimit_threshold", "it is as hot as where its hardware slows it down", true},
      {"gpu_temp_tlimit", "gpu_temp_max_gpu_tlimit_threshold", "it is hotter than its maximum operating temperature",
       true},
      {"memory_temp", "gpu_temp_max_mem_threshold", "its memory is hotter than its maximum operating temperature",
       false},
  });
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    std::set<std::string_view> told;
    for (const Limit& one : kLimits) {
      const auto now = ValueAt(gpu, fmt::format("temperature/{}", one.now));
      const auto limit = ValueAt(gpu, fmt::format("temperature/{}", one.limit));
      // A threshold of 0 degrees is none that was read.
      if (!now || !limit || (!one.is_distance && limit->number <= 0)) continue;
      // At its maximum operating temperature it is where its fan control keeps it under load.
      const bool operating = one.what.find("operating") != std::string_view::npos;
      const double over = one.is_distance ? limit->number - now->number : now->number - limit->number;
      if (operating ? over <= 0 : over < 0) continue;
      const std::string_view part = one.now == "memory_temp" ? "memory" : "gpu";
      if (!told.insert(part).second) continue;  // the gravest
      problems.push_back(
          Of(xml, gpu, *now->field, fmt::format("{} ({}: {})", one.what, one.limit, limit->field->text), kCoolIt));
    }
  }
  return problems;
}

Findings ReplayProblems(const NvidiaSmiXml& xml, std::optional<double> uptime_seconds) {
  constexpr double kMostPerMinute = 8;
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    if (const auto rollovers = ValueAt(gpu, "pci/replay_rollover_counter"); rollovers && rollovers->number > 0) {
      problems.push_back(Of(xml, gpu, *rollovers->field,
                            "its PCIe link was so bad that it had to be trained anew (replay rollover), expected 0",
                            kLookAtPcie));
    }
    const auto replays = ValueAt(gpu, "pci/replay_counter");
    if (!replays) continue;
    const double minutes = std::max(uptime_seconds.value_or(3600) / 60, 1.0);
    const bool too_many = replays->number > kMostPerMinute * minutes;
    const bool in_an_hour = replays->number > kMostPerMinute * 60;  // it may count from before the kernel's start
    if (!too_many && !in_an_hour) continue;
    problems.push_back(Of(
        xml, gpu, *replays->field,
        too_many && uptime_seconds
            ? fmt::format("its PCIe link repeated {:.0f} packets in {:.0f} minutes, NVIDIA's limit is {:.0f} a minute",
                          replays->number, minutes, kMostPerMinute)
            : fmt::format("its PCIe link repeated {:.0f} packets", replays->number),
        kLookAtPcie, !too_many || !in_an_hour || !uptime_seconds));
  }
  return problems;
}

Findings PowerLimitProblems(const NvidiaSmiXml& xml) {
  constexpr double kFarBelow = 0.75;
  constexpr char kAdvice[] =
      "If nobody set it on purpose (nvidia-smi -pl), look at the card's power cables and at the host's power supplies.";
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    for (const std::string_view group : {"gpu_power_readings", "power_readings", "module_power_readings"}) {
      const auto value = [&](std::string_view name) { return ValueAt(gpu, fmt::format("{}/{}", group, name)); };
      auto current = value("enforced_power_limit");  // before schema 12
      if (!current) current = value("current_power_limit");
      if (!current) current = value("power_limit");
      if (!current) continue;
      const auto usual = value("default_power_limit");
      const auto least = value("min_power_limit");
      const auto most = value("max_power_limit");
      if (usual && current->number < kFarBelow * usual->number) {
        problems.push_back(Of(xml, gpu, *current->field,
                              fmt::format("its power limit is far below its default of {}", usual->field->text),
                              kAdvice, true));
      } else if ((least && current->number < least->number) || (most && current->number > most->number)) {
        problems.push_back(
            Of(xml, gpu, *current->field, "its power limit is outside of what it allows itself", kAdvice, true));
      }
    }
  }
  return problems;
}

Findings UsabilityProblems(const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    if (const NvidiaSmiField* mode = gpu.Find("compute_mode")) {
      if (mode->text == "Prohibited") {
        problems.push_back(
            Of(xml, gpu, *mode, "its compute mode forbids programs", "nvidia-smi -c 0 on the node sets the default."));
      } else if (Lower(mode->text).starts_with("exclusive")) {
        problems.push_back(Of(xml, gpu, *mode, "its compute mode allows one program at a time",
                              "nvidia-smi -c 0 on the node sets the default.", true));
      }
    }
    AddMemoryProblems(xml, gpu, &problems);
    AddFabricProblems(xml, gpu, &problems);
    AddLicenseProblems(xml, gpu, &problems);
    const NvidiaSmiField* firmware = gpu.Find("gsp_firmware_version");
    if (firmware != nullptr && Number(firmware->text.substr(0, firmware->text.find('.'))) &&
        !xml.driver_version.empty() && firmware->text != xml.driver_version) {
      problems.push_back(
          Of(xml, gpu, *firmware,
             fmt::format("its firmware (GSP) is of another release than the driver, {}", xml.driver_version),
             "Install module and firmware of one release, then reboot the node."));
    }
  }
  return problems;
}

Findings PendingModeProblems(const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    for (const NvidiaSmiField& field : gpu.fields) {
      const size_t at = field.path.rfind('/') + 1;  // 0 where there is none
      constexpr std::string_view kPending = "pending_";
      if (std::string_view(field.path).substr(at, kPending.size()) != kPending || SaysNothing(field.text)) continue;
      const NvidiaSmiField* current =
          gpu.Find(fmt::format("{}current_{}", field.path.substr(0, at), field.path.substr(at + kPending.size())));
      if (current == nullptr || SaysNothing(current->text) || current->text == field.text) continue;
      problems.push_back(
          Of(xml, gpu, field,
             fmt::format("it will be in another mode after its next reset: now it is \"{}\"", current->text),
             "Reset it (nvidia-smi -r) or reboot the node, so that what is tested is what will be.", true));
    }
  }
  return problems;
}

namespace {

void AddRowProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  constexpr double kMostRows = 512;
  const auto uncorrected = ValueAt(gpu, "remapped_rows/remapped_row_unc");
  if (uncorrected && uncorrected->number >= kMostRows / 2) {
    const bool all = uncorrected->number >= kMostRows;
    problems->push_back(
        Of(xml, gpu, *uncorrected->field,
           fmt::format("{:.0f} rows of its memory were replaced for uncorrected errors, NVIDIA's limit is "
                       "{:.0f}",
                       uncorrected->number, kMostRows),
           kReplaceSoon, !all));
  }
  for (const auto& [name, what] : {std::pair("none", "have no spare row left"), std::pair("low", "have hardly any")}) {
    for (const NvidiaSmiField* field : gpu.FindByName(fmt::format("row_remapper_histogram_{}", name))) {
      if (Number(field->text).value_or(0) <= 0) continue;
      problems->push_back(
          Of(xml, gpu, *field,
             fmt::format("{} of its memory {}: the next error there makes it a card to replace", field->text, what),
             kReplaceSoon, true));
    }
  }
}

void AddPageProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  constexpr double kMostPages = 63;
  constexpr double kManyPages = 15;
  double pages = 0;
  const NvidiaSmiField* last = nullptr;
  for (const NvidiaSmiField& field : gpu.fields) {
    if (!field.path.starts_with("retired_pages/") || !field.path.ends_with("/retired_count")) continue;
    pages += Number(field.text).value_or(0);
    last = &field;
  }
  if (last == nullptr || pages < kManyPages) return;
  problems->push_back({.found = fmt::format("{}: {:.0f} pages of its memory are retired, NVIDIA's limit is {:.0f}",
                                            gpu.Name(), pages, kMostPages),
                       .where = xml.At(last->line),
                       .advice = kReplaceSoon,
                       .note = pages < kMostPages});
}

void AddCorrectedErrors(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  constexpr double kTooMany = 50'000'000;
  constexpr double kMany = 1'000;
  for (const NvidiaSmiField& field : gpu.fields) {
    const std::string_view path = field.path;
    if (!path.starts_with("ecc_errors/volatile/")) continue;
    const bool corrected = path.ends_with("_correctable") || path == "ecc_errors/volatile/single_bit/total";
    const double count = Number(field.text).value_or(0);
    if (!corrected || count < kMany) continue;
    problems->push_back(
        Of(xml, gpu, field, fmt::format("{:.0f} memory errors were corrected since its driver was loaded", count),
           "Watch whether they go on; look for Xid 92 in the kernel log, and run dcgmi diag.", count < kTooMany));
  }
}

}  // namespace

Findings MemoryReserveProblems(const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    AddRowProblems(xml, gpu, &problems);
    AddPageProblems(xml, gpu, &problems);
    AddCorrectedErrors(xml, gpu, &problems);
  }
  return problems;
}

namespace {

bool IsUsersText(std::string_view path) { return path.starts_with("processes/") || path.starts_with("accounted_"); }

// Judged by a rule of its own, here or in gpu_problems.cc.
bool HasARule(std::string_view path) {
  for (const std::string_view begin :
       {"remapped_rows/", "retired_pages/", "clocks_event_reasons/", "clocks_throttle_reasons/", "fabric/",
        "gpu_reset_status/", "gpu_recovery_action", "compute_mode", "temperature/", "ecc_errors/volatile/"}) {
    if (path.starts_with(begin)) return true;
  }
  for (const std::string_view end : {"channel_repair_pending", "tpc_repair_pending", "unrepairable_memory",
                                     "threshold_exceeded", "license_status"}) {
    if (path.ends_with(end)) return true;
  }
  return false;
}

void AddFlags(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  static const std::set<std::string, std::less<>> kYes{"yes", "true", "active", "1", "set", "asserted"};
  static const std::set<std::string, std::less<>> kBad{"failed",   "failure",   "fail",     "error",   "unhealthy",
                                                       "degraded", "not ready", "critical", "fault",   "faulty",
                                                       "bad",      "corrupted", "lost",     "unknown", "invalid"};
  for (const NvidiaSmiField& field : gpu.fields) {
    if (IsUsersText(field.path) || HasARule(field.path)) continue;
    const std::string text = Lower(field.text);
    const std::string_view path = field.path;
    const std::string_view name = path.substr(path.rfind('/') + 1);
    bool alarming = kBad.contains(text);
    for (const std::string_view part : {"fail", "error", "required", "exceeded", "unhealthy", "degraded", "fault",
                                        "violation", "mismatch", "corrupt"}) {
      alarming = alarming || (kYes.contains(text) && name.find(part) != std::string_view::npos);
    }
    alarming = alarming || (kYes.contains(text) && name.ends_with("_pending"));
    if (!alarming) continue;
    problems->push_back(Of(xml, gpu, field, "it says something that no check here knows, and that seems wrong",
                           "Look it up in nvidia-smi's manual.", true));
  }
}

// How often clocks were lowered by the hardware since the driver was loaded, in microseconds.
void AddSlowdownCounters(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  constexpr double kOneSecond = 1e6;
  for (const std::string_view name : {"hw_therm_slowdown", "hw_power_brake", "sw_therm_slowdown"}) {
    for (const NvidiaSmiField* field : gpu.FindByName(fmt::format("clocks_event_reasons_counters_{}", name))) {
      if (Number(field->text).value_or(0) < kOneSecond) continue;
      problems->push_back(Of(xml, gpu, *field, "it was slowed down for a while since its driver was loaded",
                             "Look at nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER while it works.", true));
    }
  }
}

void AddUncorrectedOfItsLife(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  for (const NvidiaSmiField& field : gpu.fields) {
    const std::string_view path = field.path;
    const bool uncorrected =
        path.find("uncorrectable") != std::string_view::npos || path == "ecc_errors/aggregate/double_bit/total";
    if (!path.starts_with("ecc_errors/aggregate/") || !uncorrected || Number(field.text).value_or(0) <= 0) continue;
    problems->push_back(
        Of(xml, gpu, field, "its memory had uncorrected errors in its life", "If they grow, run dcgmi diag.", true));
  }
}

// Links of one GPU that are not all alike.
void AddNvlinks(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  size_t up = 0;
  const NvidiaSmiField* down = nullptr;
  for (const NvidiaSmiField& field : gpu.fields) {
    const std::string path = Lower(field.path);
    if (path.find("nvlink") == std::string::npos || SaysNothing(field.text)) continue;
    const std::string text = Lower(field.text);
    if (text == "active" || text == "enabled" || text == "up") ++up;
    if (text == "inactive" || text == "disabled" || text == "down") down = &field;
    const bool counts = path.find("error") != std::string::npos || path.find("replay") != std::string::npos ||
                        path.find("recovery") != std::string::npos;
    if (counts && Number(field.text).value_or(0) > 0) {
      problems->push_back(Of(xml, gpu, field, "its NVLink counts errors", "Look at nvidia-smi nvlink -e.", true));
    }
  }
  if (up == 0 || down == nullptr) return;
  problems->push_back(Of(xml, gpu, *down,
                         fmt::format("an NVLink is down while {} up", up == 1 ? "one is" : "others are"),
                         "Look at nvidia-smi nvlink -s, and for Xid 74 in the kernel log.", true));
}

// Busy, and slow without a reason.
void AddLowState(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  const NvidiaSmiField* state = gpu.Find("performance_state");
  if (state == nullptr || !state->text.starts_with("P")) return;
  const double number = Number(std::string_view(state->text).substr(1)).value_or(0);
  const auto used = ValueAt(gpu, "utilization/gpu_util");
  if (number < 8 || !used || used->number < 90) return;
  for (const std::string_view reason : {"gpu_idle", "sw_power_cap", "applications_clocks_setting"}) {
    for (const std::string_view word : {"event", "throttle"}) {
      if (TextAt(gpu, fmt::format("clocks_{0}_reasons/clocks_{0}_reason_{1}", word, reason)) == "Active") return;
    }
  }
  problems->push_back(Of(xml, gpu, *state, fmt::format("it works ({} used) in a state for idling", used->field->text),
                         "Look at nvidia-smi -q -d CLOCK,PERFORMANCE while it works.", true));
}

void AddWhatIsMissing(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  if (xml.SchemaIsKnown()) return;
  std::string missing;
  for (const std::string_view group :
       {"ecc_errors", "retired_pages|remapped_rows", "temperature", "gpu_power_readings|power_readings",
        "clocks_event_reasons|clocks_throttle_reasons", "pci", "fb_memory_usage", "compute_mode", "uuid",
        "performance_state"}) {
    bool found = false;
    size_t begin = 0;
    while (begin <= group.size()) {
      const size_t end = std::min(group.find('|', begin), group.size());
      const std::string_view one = group.substr(begin, end - begin);
      for (const NvidiaSmiField& field : gpu.fields) {
        const std::string_view path = field.path;
        found = found || path == one || (path.starts_with(one) && path[one.size()] == '/');
      }
      begin = end + 1;
    }
    if (!found) missing += (missing.empty() ? "" : ", ") + std::string(group.substr(0, group.find('|')));
  }
  problems->push_back(
      {.found = fmt::format("{}: nvidia-smi's XML is {}, so it was read by what is in it{}{}", gpu.Name(),
                            xml.schema_version == 0 ? std::string("of no named schema")
                                                    : fmt::format("of schema version {}", xml.schema_version),
                            missing.empty() ? "" : "; it does not tell, and nothing was checked of: ", missing),
       .where = xml.At(gpu.line),
       .advice = "A driver release whose schema is 11 to 13 tells all of it.",
       .note = true});
}

}  // namespace

Findings OtherStateProblems(const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    AddFlags(xml, gpu, &problems);
    AddSlowdownCounters(xml, gpu, &problems);
    AddUncorrectedOfItsLife(xml, gpu, &problems);
    AddNvlinks(xml, gpu, &problems);
    AddLowState(xml, gpu, &problems);
    AddWhatIsMissing(xml, gpu, &problems);
  }
  return problems;
}

Findings EccDisagreements(const NvidiaSmiTable& table, const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiTableGpu& row : table.gpus) {
    const auto gpu = std::find_if(xml.gpus.begin(), xml.gpus.end(),
                                  [&](const NvidiaSmiGpu& one) { return one.bus_id == row.bus_id; });
    if (gpu == xml.gpus.end() || row.ecc.empty()) continue;
    const NvidiaSmiField* mode = gpu->Find("ecc_mode/current_ecc");
    const std::optional<double> count = Number(row.ecc);
    const auto disagree = [&](const std::string& what, const std::string& advice) {
      problems.push_back(
          {.found = fmt::format("{}: nvidia-smi's table says \"{}\" of ECC, {}", gpu->Name(), row.ecc, what),
           .where = table.At(row.line),
           .advice = advice});
    };
    if (mode != nullptr && ((mode->text == "Enabled" && row.ecc == "Off") || (mode->text == "Disabled" && count))) {
      disagree(fmt::format("its XML that it is {} ({})", mode->text, xml.At(mode->line)),
               "Look at nvidia-smi -q -d ECC; the mode changes at a reset alone.");
      continue;
    }
    if (!count || *count <= 0 || gpu->MigIsOn()) continue;
    double in_xml = 0;
    bool told = false;
    for (const NvidiaSmiField& field : gpu->fields) {
      if (!field.path.starts_with("ecc_errors/volatile/")) continue;
      const bool uncorrected =
          field.path.find("uncorrectable") != std::string::npos || field.path == "ecc_errors/volatile/double_bit/total";
      const std::optional<double> number = Number(field.text);
      if (!uncorrected || !number) continue;
      told = true;
      in_xml += *number;
    }
    if (told && in_xml >= *count) continue;  // the check of uncorrected errors fails with it
    disagree(told ? fmt::format("that is uncorrected errors, and its XML has {:.0f}", in_xml)
                  : "that is uncorrected errors, and its XML does not tell",
             "Data was lost: end its programs, reset it (nvidia-smi -r) and run dcgmi diag.");
  }
  return problems;
}

}  // namespace passthrough
