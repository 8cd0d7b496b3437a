#include "lab/host/lab_images.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/install_paths.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using std::chrono::minutes;

std::string Builder() { return DataDirectory() / "lab/images/build.sh"; }

std::filesystem::path ImageDirectory(const std::string& cache) {
  const ChildResult result = RunChild({Builder(), "--cache", cache, "--print-dir"}, {}, Deadline::After(minutes(1)));
  const std::string_view printed = Trim(result.output);
  if (result.Succeeded() && printed.starts_with('/')) return printed;
  throw Error(fmt::format("{} --print-dir: {}: {}", Builder(), result.HowItEnded(), Printable(printed)));
}

}  // namespace

ChildResult CheckImageBuild(const std::filesystem::path& cache) {
  return RunChild({Builder(), "--cache", std::filesystem::absolute(cache).string(), "--check"}, {},
                  Deadline::After(minutes(1)));
}

bool ImagesAreThere(const std::filesystem::path& cache) {
  const char* const given = std::getenv("PASSTHROUGH_LAB_IMAGES");
  if (given != nullptr && *given != '\0') return true;
  return std::filesystem::exists(ImageDirectory(std::filesystem::absolute(cache).string()) / "manifest.json");
}

LabImages EnsureImages(const std::filesystem::path& cache, const StepLog& log) {
  if (const char* const given = std::getenv("PASSTHROUGH_LAB_IMAGES"); given && *given) {
    LabImages images;
    images.directory = std::filesystem::absolute(given).lexically_normal();
    images.manifest = ReadFile(images.directory / "manifest.json");
    return images;
  }
  const std::string place = std::filesystem::absolute(cache).lexically_normal();
  LabImages images;
  images.directory = ImageDirectory(place);
  const std::filesystem::path manifest = images.directory / "manifest.json";
  if (!std::filesystem::exists(manifest)) {
    log.Say("images: building them, once for this version of the lab (some minutes)");
    ChildOptions options;
    options.on_line = [&](std::string_view line) { log.Say(fmt::format("images: {}", Printable(line))); };
    const ChildResult result = RunChild({Builder(), "--cache", place}, options, Deadline::After(minutes(60)));
    if (!result.Succeeded()) {
      throw Error(fmt::format("the lab's images could not be built: {} ended with {}:\n{}", Builder(),
                              result.HowItEnded(), Printable(LastLines(result.output, 20))));
    }
  }
  images.manifest = ReadFile(manifest);
  return images;
}

}  // namespace passthrough
