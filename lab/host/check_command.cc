#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/config/cluster_file.h"
#include "helpers/config/plan.h"
#include "helpers/process/child_process.h"
#include "lab/host/commands.h"
#include "lab/host/kvm_probe.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_images.h"
#include "lab/host/lab_start.h"
#include "lab/host/machine.h"
#include "lab/host/qemu_process.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

// Measured: 0.7 GB of images, as much again while they are built, 0.3 GB for each saved state, 2 GB for a lab's layers
// with a snapshot.
constexpr uintmax_t kBytesOfImages = uintmax_t{2} << 30;
constexpr uintmax_t kBytesOfLab = uintmax_t{3} << 30;

// Of the file system that `path` is on, or will be.
std::optional<uintmax_t> FreeBytes(fs::path path) {
  while (!fs::exists(path) && path.has_relative_path()) path = path.parent_path();
  std::error_code error;
  const fs::space_info space = fs::space(path, error);
  return error ? std::nullopt : std::optional(space.available);
}

void CheckSpace(const fs::path& path, uintmax_t needed, const std::string& purpose,
                std::vector<std::string>* problems) {
  const std::optional<uintmax_t> free = FreeBytes(path);
  if (!free || *free >= needed) return;
  problems->push_back(
      fmt::format("{}: {} MiB are free, {} needs {} MiB", path.string(), *free >> 20, purpose, needed >> 20));
}

// MemAvailable of /proc/meminfo, in MiB (proc(5)).
std::optional<int> AvailableMemoryMiB() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("MemAvailable:")) continue;
    const auto words = SplitWords(line);
    return words.size() < 2 ? std::nullopt : std::optional(static_cast<int>(std::stol(std::string(words[1])) / 1024));
  }
  return std::nullopt;
}

void CheckImages(const LabImageRecipe& recipe, std::vector<std::string>* problems, std::vector<std::string>* notes) {
  const ChildResult check = CheckImageBuild(recipe);
  if (!check.Succeeded()) {
    for (const std::string_view line : SplitLines(check.output)) problems->emplace_back(line);
    if (Trim(check.output).empty()) problems->push_back("the check of the images " + check.HowItEnded());
    return;
  }
  if (ImagesAreThere(recipe)) return;
  notes->emplace_back("the lab's images are not built yet: the first run does it, which takes some minutes");
  CheckSpace(recipe.cache, kBytesOfImages, "building the lab's images", problems);
}

void CheckQemu(std::vector<std::string>* problems, std::vector<std::string>* notes) {
  try {
    const KvmAnswer kvm = ProbeKvm(QemuProgram());
    if (!kvm.works) notes->push_back(kvm.reason + ": the lab is emulated, which is slower");
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    problems->emplace_back(error.what());
  }
}

}  // namespace

int RunCheck(const CommandLine& line) {
  const fs::path directory = LabDirectoryOf(line);
  std::vector<std::string> problems;
  std::vector<std::string> notes;
  const Plan plan = MakePlan(LoadClusterFile(line.arguments[0]));
  CheckQemu(&problems, &notes);
  CheckImages(ImageRecipeOf(line), &problems, &notes);
  const std::optional<LabRecord> record = ReadLabRecord(LabPaths(directory));
  if (!record || record->phase != LabPhase::kUp || !MachineRuns(*record)) {
    CheckSpace(directory, kBytesOfLab, "a lab", &problems);
    const int needed = LabMemoryMiB(plan);
    const std::optional<int> available = AvailableMemoryMiB();
    if (available && *available < needed) {
      problems.push_back(fmt::format("{} MiB of memory are available, the lab of {} needs {} MiB", *available,
                                     plan.config_path, needed));
    }
  }
  for (const std::string& note : notes) fmt::print("NOTE: {}\n", Printable(note));
  for (const std::string& problem : problems) fmt::print("{}\n", Printable(problem));
  return problems.empty() ? 0 : 1;
}

}  // namespace passthrough
