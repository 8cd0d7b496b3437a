#include "helpers/health/nvidia/gpu_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

std::optional<uint64_t> ReadCount(std::string_view text) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

bool IsYes(std::string_view text) { return text == "Yes" || text == "YES" || text == "yes" || text == "True"; }

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
    {"ecc_errors/aggregate/sram_threshold_exceeded", "its SRAM had more uncorrected errors than NVIDIA's threshold",
     kReplace},
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

// Reasons for lower clocks that are no hardware's protection.
constexpr auto kHarmlessReasons =
    std::to_array<std::string_view>({"gpu_idle", "applications_clocks_setting", "sw_power_cap", "sync_boost",
                                     "display_clocks_setting", "display_clock_setting", "user_defined_clocks", "none"});

// Heat that the driver keeps at bay, and reasons that later drivers may have: notes.
void AddOtherReasons(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, Findings* problems) {
  for (const NvidiaSmiField& field : gpu.fields) {
    const std::string_view path = field.path;
    const bool event = path.starts_with("clocks_event_reasons/clocks_event_reason_");
    if ((!event && !path.starts_with("clocks_throttle_reasons/clocks_throttle_reason_")) || field.text != "Active") {
      continue;
    }
    const std::string_view reason = path.substr(path.find("_reason_") + 8);
    const auto is_reason = [&](std::string_view one) { return one == reason; };
    if (std::any_of(kHarmlessReasons.begin(), kHarmlessReasons.end(), is_reason)) continue;
    if (std::any_of(kSlowdowns.begin(), kSlowdowns.end(), [&](const Flag& one) { return is_reason(one.path); }))
      continue;
    const bool heat = reason == "sw_thermal_slowdown";
    problems->push_back(
        {.found = fmt::format("{}: {} ({} is \"{}\")", gpu.Name(),
                              heat ? "the driver slows it down because it, or its memory, is hotter than "
                                     "its maximum operating temperature"
                                   : "its clocks are lowered for a reason that no check here knows",
                              field.path, field.text),
         .where = xml.At(field.line),
         .advice = heat ? "Look at the host's airflow and fans, and at nvidia-smi -q -d TEMPERATURE."
                        : "Look it up in nvml.h, nvmlClocksEventReasons.",
         .note = true});
  }
}

Findings FlagProblem(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const NvidiaSmiField& field, const Flag& flag) {
  return {{fmt::format("{}: {} ({} is \"{}\")", gpu.Name(), flag.found, field.path, field.text), xml.At(field.line),
           std::string(flag.advice)}};
}

// Of a recovery action: that there is none, or that the driver does not tell.
bool SaysNoAction(std::string_view text) {
  return text == "None" || text == "N/A" || text == "[N/A]" || text == "Not Supported" || text == "[Not Supported]" ||
         text == "Requested functionality has been deprecated";
}

void Append(Findings& all, Findings more) { std::move(more.begin(), more.end(), std::back_inserter(all)); }

// "GPU-" and a UUID in hexadecimal digits, as nvidia-smi -L has it.
bool IsUuid(std::string_view text) {
  if (!text.starts_with("GPU-")) return false;
  text.remove_prefix(4);
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_hex =
        (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') || (text[i] >= 'A' && text[i] <= 'F');
    if (is_dash ? text[i] != '-' : !is_hex) return false;
  }
  return text.find_first_not_of("0-") != std::string_view::npos;  // of zeros: nobody wrote one
}

}  // namespace

Findings UncorrectedErrorProblems(const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    for (const NvidiaSmiField& field : gpu.fields) {
      const std::string_view path = field.path;
      // With MIG on, SRAM's are told of its instances alone (nvml.h, nvmlDeviceGetMemoryErrorCounter).
      const bool of_instance = path.starts_with("mig_devices/") && path.find("/volatile_count/") != path.npos;
      if (!path.starts_with("ecc_errors/volatile/") && !of_instance) continue;
      // sram_uncorrectable, dram_uncorrectable, since v12 sram_uncorrectable_parity and …_secded; before
      // v11, double_bit/total.
      if (path.find("uncorrectable") == std::string_view::npos && path.find("double_bit") == std::string_view::npos) {
        continue;
      }
      const std::optional<uint64_t> count = ReadCount(field.text);
      if (!count || *count == 0) continue;
      // Of the parts that schemas before 11 list, the sum is enough.
      if (path.find("/double_bit/") != std::string_view::npos && !path.ends_with("/total") &&
          gpu.Find("ecc_errors/volatile/double_bit/total") != nullptr) {
        continue;
      }
      problems.push_back({fmt::format("{}: {} uncorrected memory errors since its driver was loaded ({}), expected 0",
                                      gpu.Name(), *count, path.substr(path.rfind('/') + 1)),
                          xml.At(field.line),
                          "Data was lost: end its programs, reset it (nvidia-smi -r) and run dcgmi diag; if they come "
                          "again, have the card replaced."});
    }
  }
  return problems;
}

Findings MemoryRepairProblems(const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    std::set<std::string_view> known;
    for (const Flag& flag : kRepairFlags) {
      const NvidiaSmiField* field = gpu.Find(flag.path);
      if (field == nullptr) continue;
      known.insert(field->path);
      if (IsYes(field->text)) Append(problems, FlagProblem(xml, gpu, *field, flag));
    }
    // What later schemas add to these three is of the same kind.
    for (const NvidiaSmiField& field : gpu.fields) {
      const std::string_view path = field.path;
      const bool of_memory =
          path.starts_with("remapped_rows/") || path.starts_with("retired_pages/") || path.starts_with("ecc_errors/");
      if (!of_memory || !IsYes(field.text) || known.contains(path)) continue;
      Append(problems,
             FlagProblem(xml, gpu, field, {"", "its memory waits for a repair, or cannot be repaired", kResetNow}));
    }
  }
  return problems;
}

Findings RecoveryProblems(const NvidiaSmiXml& xml) {
  constexpr Flag kReset{"", "the driver says that it must be reset",
                        "Stop its programs and reset it (nvidia-smi -r), or reboot the node."};
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    for (const std::string_view path :
         {"gpu_reset_status/reset_required", "gpu_reset_status/drain_and_reset_recommended"}) {
      const NvidiaSmiField* field = gpu.Find(path);
      if (field != nullptr && IsYes(field->text)) Append(problems, FlagProblem(xml, gpu, *field, kReset));
    }
    const NvidiaSmiField* action = gpu.Find("gpu_recovery_action");
    if (action == nullptr || SaysNoAction(action->text)) continue;
    problems.push_back({fmt::format("{}: the driver asks for a recovery action: \"{}\"", gpu.Name(), action->text),
                        xml.At(action->line), "Do that; until then, programs on it fail."});
  }
  return problems;
}

Findings SlowdownProblems(const NvidiaSmiXml& xml) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    size_t found = 0;
    for (const Flag& slowdown : kSlowdowns) {
      // hw_slowdown is also set along with the reasons before it.
      if (slowdown.path == "hw_slowdown" && found > 0) continue;
      for (const std::string_view spelling : {"event", "throttle"}) {
        const NvidiaSmiField* field =
            gpu.Find(fmt::format("clocks_{0}_reasons/clocks_{0}_reason_{1}", spelling, slowdown.path));
        if (field == nullptr || field->text != "Active") continue;
        ++found;
        Findings problem = FlagProblem(xml, gpu, *field, slowdown);
        // Alone it "may be also reported during PState or clock change" (nvidia-smi --help-query-gpu).
        const std::string heat = fmt::format("clocks_{0}_reasons/clocks_{0}_reason_hw_thermal_slowdown", spelling);
        for (Finding& one : problem) one.note = slowdown.path == "hw_slowdown" && gpu.Find(heat) != nullptr;
        Append(problems, std::move(problem));
      }
    }
    AddOtherReasons(xml, gpu, &problems);
  }
  return problems;
}

Findings UuidProblems(const std::vector<GpuOfEvidence>& gpus) {
  Findings problems;
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
    problems.push_back({fmt::format("{} of {} has no UUID: \"{}\"", one.gpu->Name(), one.node, one.gpu->uuid),
                        where(one), "The driver could not read it from the card: look at its kernel log."});
  }
  for (const auto& [uuid, sharing] : owners) {
    if (sharing.size() < 2) continue;
    std::vector<std::string> names;
    for (const GpuOfEvidence* one : sharing) names.push_back(one->gpu->Name() + " of " + one->node);
    problems.push_back({fmt::format("{} have the same UUID {}", JoinForHumans(names), uuid), where(*sharing.back()),
                        "Two nodes see one card, or evidence of one node was taken for another's: compare "
                        "their <hostdev> entries and their serial numbers."});
  }
  return problems;
}

Findings SerialNumberProblems(const std::vector<GpuOfEvidence>& gpus) {
  Findings problems;
  std::map<std::string, std::vector<const GpuOfEvidence*>> owners;
  for (const GpuOfEvidence& one : gpus) {
    const std::string& serial = one.gpu->serial;
    const bool is_one = serial.size() >= 6 && serial.find_first_not_of("0123456789") == std::string::npos &&
                        serial.find_first_not_of('0') != std::string::npos;
    const NvidiaSmiField* board = one.gpu->Find("multigpu_board");
    if (!is_one || (board != nullptr && board->text == "Yes")) continue;
    owners[serial].push_back(&one);
  }
  for (const auto& [serial, sharing] : owners) {
    if (sharing.size() < 2) continue;
    std::vector<std::string> names;
    for (const GpuOfEvidence* one : sharing) names.push_back(one->gpu->Name() + " of " + one->node);
    const NvidiaSmiField* field = sharing.back()->gpu->Find("serial");
    problems.push_back({fmt::format("{} have the same serial number {}, and say that they are boards with one GPU each",
                                    JoinForHumans(names), serial),
                        sharing.back()->xml->At(field != nullptr ? field->line : sharing.back()->gpu->line),
                        "Two nodes see one card, or evidence of one node was taken for another's."});
  }
  return problems;
}

namespace {

std::string TextOf(const NvidiaSmiGpu& gpu, std::string_view path) {
  const NvidiaSmiField* field = gpu.Find(path);
  return field == nullptr || SaysNoAction(field->text) ? std::string() : field->text;
}

// "81559 MiB" of a GPU that has its memory to itself; 0: not known.
uint64_t MemoryOf(const NvidiaSmiGpu& gpu) {
  if (gpu.MigIsOn()) return 0;
  const std::string text = TextOf(gpu, "fb_memory_usage/total");
  return ReadCount(std::string_view(text).substr(0, text.find(' '))).value_or(0);
}

// Those of `gpus` for which `value_of` says what it says of `one`, in words, or nothing.
struct Difference {
  const GpuOfEvidence* first = nullptr;
  const GpuOfEvidence* other = nullptr;
};

// The first two of `gpus` that say different things; what is empty says nothing.
template <typename ValueOf>
Difference FirstDifference(const std::vector<const GpuOfEvidence*>& gpus, const ValueOf& value_of) {
  const GpuOfEvidence* first = nullptr;
  for (const GpuOfEvidence* one : gpus) {
    if (value_of(*one).empty()) continue;
    if (first == nullptr) first = one;
    if (value_of(*one) != value_of(*first)) return {first, one};
  }
  return {};
}

}  // namespace

Findings UnlikeGpus(const std::vector<GpuOfEvidence>& gpus) {
  Findings problems;
  std::vector<const GpuOfEvidence*> all;
  std::map<std::string, std::vector<const GpuOfEvidence*>> models;
  for (const GpuOfEvidence& one : gpus) {
    all.push_back(&one);
    models[one.gpu->product_name + TextOf(*one.gpu, "board_part_number")].push_back(&one);
  }
  const auto add = [&](const Difference& pair, const std::string& what, const auto& value_of, bool note) {
    if (pair.first == nullptr) return;
    problems.push_back({.found = fmt::format("{} of {} and {} of {} have {}: {} and {}", pair.first->gpu->Name(),
                                             pair.first->node, pair.other->gpu->Name(), pair.other->node, what,
                                             value_of(*pair.first), value_of(*pair.other)),
                        .where = pair.other->xml->At(pair.other->gpu->line),
                        .advice = "Equal nodes make programs behave alike: bring them to one state, or name why they "
                                  "differ.",
                        .note = note});
  };
  const auto driver = [](const GpuOfEvidence& one) { return one.xml->driver_version; };
  add(FirstDifference(all, driver), "different drivers", driver, true);
  for (const auto& [model, same] : models) {
    const auto vbios = [](const GpuOfEvidence& one) { return TextOf(*one.gpu, "vbios_version"); };
    add(FirstDifference(same, vbios), "one product name and different VBIOS versions", vbios, true);
    const auto ecc = [](const GpuOfEvidence& one) { return TextOf(*one.gpu, "ecc_mode/current_ecc"); };
    const Difference modes = FirstDifference(same, ecc);
    add(modes, "one product name and different ECC modes", ecc, true);
    uint64_t least = 0, most = 0;
    Difference pair;
    for (const GpuOfEvidence* one : same) {
      const uint64_t memory = MemoryOf(*one->gpu);
      if (memory == 0) continue;
      if (least == 0 || memory < least) least = memory, pair.other = one;
      if (memory > most) most = memory, pair.first = one;
    }
    // ECC takes a sixteenth of the memory of cards whose memory has no bits of its own for it.
    const auto memory = [](const GpuOfEvidence& one) { return TextOf(*one.gpu, "fb_memory_usage/total"); };
    if (least * 10 < most * 9) add(pair, "one product name and different memory", memory, false);
  }
  return problems;
}

}  // namespace passthrough
