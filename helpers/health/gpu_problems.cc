#include "helpers/health/gpu_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

std::string Name(const NvidiaSmiGpu& gpu) { return "GPU " + gpu.bus_id.ToString(); }

std::optional<uint64_t> ReadCount(std::string_view text) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

bool IsYes(std::string_view text) { return text == "Yes"; }

// A field of the GPU that ends in `path` and says "Yes".
struct Flag {
  std::string_view path;
  std::string_view found;
  std::string_view advice;
};

constexpr std::string_view kResetNow =
    "Stop its programs and reset it (nvidia-smi -r), or reboot the node, so that the repair takes effect.";
constexpr std::string_view kReplace =
    "The card meets NVIDIA's criteria for replacement: run dcgmi diag or NVIDIA's field diagnostic, and "
    "have it replaced.";

constexpr auto kRepairFlags = std::to_array<Flag>({
    {"remapped_rows/remapped_row_pending", "a row remapping is pending", kResetNow},
    {"remapped_rows/remapped_row_failure", "a row remapping failed", kReplace},
    {"retired_pages/pending_retirement", "pages wait to be retired", kResetNow},
    {"retired_pages/pending_blacklist", "pages wait to be retired", kResetNow},
    {"ecc_errors/channel_repair_pending", "a memory channel waits to be repaired", kResetNow},
    {"ecc_errors/tpc_repair_pending", "a TPC waits to be repaired", kResetNow},
    {"ecc_errors/unrepairable_memory", "its memory has an error that cannot be repaired", kReplace},
    {"ecc_errors/aggregate/sram_threshold_exceeded",
     "its SRAM had more uncorrected errors than NVIDIA's threshold", kReplace},
});

// Without "clocks_event_reason_" or "clocks_throttle_reason_".
constexpr auto kSlowdowns = std::to_array<Flag>({
    {"hw_thermal_slowdown", "the hardware slows it down because it is too hot",
     "Look at the host's airflow, fans and heat sinks, and at nvidia-smi -q -d TEMPERATURE."},
    {"hw_power_brake_slowdown", "an outside signal (power brake) slows it down",
     "The power supply or the board asserts it: look at the host's power supplies, their redundancy and "
     "the card's power cables."},
    {"hw_slowdown", "the hardware slows it down",
     "Heat, power brake or a voltage drop: look at nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER on the "
     "node."},
});

HealthProblems FlagProblem(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const NvidiaSmiField& field,
                           const Flag& flag) {
  return {{fmt::format("{}: {} ({} is \"{}\")", Name(gpu), flag.found, field.path, field.text),
           xml.At(field.line), std::string(flag.advice)}};
}

void Append(HealthProblems& all, HealthProblems more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

// "GPU-" and a UUID in hexadecimal digits, as nvidia-smi -L has it.
bool IsUuid(std::string_view text) {
  if (!text.starts_with("GPU-")) return false;
  text.remove_prefix(4);
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') ||
                        (text[i] >= 'A' && text[i] <= 'F');
    if (is_dash ? text[i] != '-' : !is_hex) return false;
  }
  return true;
}

}  // namespace

HealthProblems UncorrectedErrorProblems(const NvidiaSmiXml& xml) {
  HealthProblems problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    for (const NvidiaSmiField& field : gpu.fields) {
      const std::string_view path = field.path;
      if (!path.starts_with("ecc_errors/volatile/")) continue;
      // sram_uncorrectable, dram_uncorrectable, since v12 sram_uncorrectable_parity and …_secded; before
      // v11, double_bit/total.
      if (path.find("uncorrectable") == std::string_view::npos &&
          path.find("double_bit") == std::string_view::npos) {
        continue;
      }
      const std::optional<uint64_t> count = ReadCount(field.text);
      if (!count || *count == 0) continue;
      problems.push_back(
          {fmt::format("{}: {} uncorrected memory errors since its driver was loaded ({}), expected 0",
                       Name(gpu), *count, path.substr(path.rfind('/') + 1)),
           xml.At(field.line),
           "Data was lost: end its programs, reset it (nvidia-smi -r) and run dcgmi diag; if they come "
           "again, have the card replaced."});
    }
  }
  return problems;
}

HealthProblems MemoryRepairProblems(const NvidiaSmiXml& xml) {
  HealthProblems problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    for (const Flag& flag : kRepairFlags) {
      const NvidiaSmiField* field = gpu.Find(flag.path);
      if (field != nullptr && IsYes(field->text)) Append(problems, FlagProblem(xml, gpu, *field, flag));
    }
  }
  return problems;
}

HealthProblems RecoveryProblems(const NvidiaSmiXml& xml) {
  constexpr Flag kReset{"", "the driver says that it must be reset",
                        "Stop its programs and reset it (nvidia-smi -r), or reboot the node."};
  HealthProblems problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    for (const std::string_view path :
         {"gpu_reset_status/reset_required", "gpu_reset_status/drain_and_reset_recommended"}) {
      const NvidiaSmiField* field = gpu.Find(path);
      if (field != nullptr && IsYes(field->text)) Append(problems, FlagProblem(xml, gpu, *field, kReset));
    }
    const NvidiaSmiField* action = gpu.Find("gpu_recovery_action");
    if (action == nullptr || action->text == "None" || action->text == "N/A") continue;
    problems.push_back({fmt::format("{}: the driver asks for a recovery action: \"{}\"", Name(gpu),
                                    action->text),
                        xml.At(action->line), "Do that; until then, programs on it fail."});
  }
  return problems;
}

HealthProblems SlowdownProblems(const NvidiaSmiXml& xml) {
  HealthProblems problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    size_t found = 0;
    for (const Flag& slowdown : kSlowdowns) {
      // hw_slowdown is also set along with the reasons before it.
      if (slowdown.path == "hw_slowdown" && found > 0) continue;
      for (const std::string_view spelling : {"event", "throttle"}) {
        const NvidiaSmiField* field = gpu.Find(fmt::format("clocks_{0}_reasons/clocks_{0}_reason_{1}",
                                                           spelling, slowdown.path));
        if (field == nullptr || field->text != "Active") continue;
        ++found;
        Append(problems, FlagProblem(xml, gpu, *field, slowdown));
      }
    }
  }
  return problems;
}

HealthProblems UuidProblems(const std::vector<GpuOfEvidence>& gpus) {
  HealthProblems problems;
  std::map<std::string, std::vector<const GpuOfEvidence*>> owners;
  const auto where = [](const GpuOfEvidence& one) {
    const NvidiaSmiField* field = one.gpu->Find("uuid");
    return one.xml->At(field != nullptr ? field->line : one.gpu->line);
  };
  for (const GpuOfEvidence& one : gpus) {
    if (IsUuid(one.gpu->uuid)) {
      owners[one.gpu->uuid].push_back(&one);
      continue;
    }
    problems.push_back({fmt::format("{} of {} has no UUID: \"{}\"", Name(*one.gpu), one.node, one.gpu->uuid),
                        where(one), "The driver could not read it from the card: look at its kernel log."});
  }
  for (const auto& [uuid, sharing] : owners) {
    if (sharing.size() < 2) continue;
    std::vector<std::string> names;
    for (const GpuOfEvidence* one : sharing) names.push_back(Name(*one->gpu) + " of " + one->node);
    problems.push_back({fmt::format("{} have the same UUID {}", JoinForHumans(names), uuid),
                        where(*sharing.back()),
                        "Two nodes see one card, or evidence of one node was taken for another's: compare "
                        "their <hostdev> entries and their serial numbers."});
  }
  return problems;
}

}  // namespace passthrough
