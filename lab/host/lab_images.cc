#include "lab/host/lab_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/install_paths.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using std::chrono::minutes;

constexpr const char* kVariables[] = {"PASSTHROUGH_LAB_HOST_RELEASE", "PASSTHROUGH_LAB_NODE_RELEASE",
                                      "PASSTHROUGH_LAB_HOST_KERNEL", "PASSTHROUGH_LAB_HOST_QEMU"};

std::string Builder() { return DataDirectory() / "lab/images/build.sh"; }

// build.sh with the recipe's options and `last`.
std::vector<std::string> BuildCommand(const LabImageRecipe& recipe, const std::string& last = {}) {
  std::vector<std::string> command{Builder(), "--cache", std::filesystem::absolute(recipe.cache).lexically_normal()};
  command.insert(command.end(), recipe.options.begin(), recipe.options.end());
  if (!last.empty()) command.push_back(last);
  return command;
}

// $PASSTHROUGH_LAB_IMAGES: images that are used as they are.
std::optional<std::filesystem::path> GivenImages() {
  const char* const given = std::getenv("PASSTHROUGH_LAB_IMAGES");
  if (given == nullptr || *given == '\0') return std::nullopt;
  return std::filesystem::absolute(given).lexically_normal();
}

}  // namespace

bool LabImageRecipe::IsChosen() const {
  const auto is_set = [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  return !options.empty() || std::any_of(std::begin(kVariables), std::end(kVariables), is_set);
}

ChildResult CheckImageBuild(const LabImageRecipe& recipe) {
  return RunChild(BuildCommand(recipe, "--check"), {}, Deadline::After(minutes(1)));
}

bool ImagesAreThere(const LabImageRecipe& recipe) {
  return GivenImages() || std::filesystem::exists(ImageDirectory(recipe) / "manifest.json");
}

std::filesystem::path ImageDirectory(const LabImageRecipe& recipe) {
  if (const auto given = GivenImages()) {
    if (!recipe.IsChosen()) return *given;
    throw Error(
        fmt::format("$PASSTHROUGH_LAB_IMAGES names images that are there already ({}): neither options nor "
                    "variables can choose what they are made of",
                    given->string()));
  }
  const ChildResult result = RunChild(BuildCommand(recipe, "--print-dir"), {}, Deadline::After(minutes(1)));
  const std::string_view printed = Trim(result.output);
  if (result.Succeeded() && printed.starts_with('/')) return printed;
  throw Error(fmt::format("the lab's images: {}", printed.empty() ? result.HowItEnded() : Printable(printed)));
}

LabImages EnsureImages(const LabImageRecipe& recipe, const StepLog& log) {
  LabImages images;
  images.directory = ImageDirectory(recipe);
  const std::filesystem::path manifest = images.directory / "manifest.json";
  if (!GivenImages() && !std::filesystem::exists(manifest)) {
    log.Say("images: building them, once for this version of the lab (some minutes)");
    ChildOptions options;
    options.on_line = [&](std::string_view line) { log.Say(fmt::format("images: {}", Printable(line))); };
    const ChildResult result = RunChild(BuildCommand(recipe), options, Deadline::After(minutes(60)));
    if (!result.Succeeded()) {
      throw Error(fmt::format("the lab's images could not be built: {} ended with {}:\n{}", Builder(),
                              result.HowItEnded(), Printable(LastLines(result.output, 20))));
    }
  }
  images.manifest = ReadFile(manifest);
  return images;
}

}  // namespace passthrough
