#include "tests/install/installation.h"

#include <cstdlib>

#include "helpers/base/error.h"
#include "helpers/base/files.h"

namespace passthrough {

const std::filesystem::path& Installation() {
  static const TemporaryDirectory directory("installation");
  static const std::filesystem::path moved = [] {
    const std::filesystem::path made = directory.path() / "made";
    const ChildResult result =
        RunChild({"cmake", "--install", PASSTHROUGH_BINARY_DIR, "--strip", "--prefix", made.string()}, {},
                 Deadline::After(std::chrono::minutes(2)));
    if (!result.Succeeded()) throw Error(result.HowItEnded() + "\n" + result.output);
    std::filesystem::rename(made, directory.path() / "moved away");
    return directory.path() / "moved away";
  }();
  return moved;
}

ChildResult RunInstalled(const std::vector<std::string>& command) {
  const TemporaryDirectory home("home");  // shells write into it
  std::vector<std::string> all{"env",
                               "-u",
                               "XDG_CONFIG_HOME",
                               "-u",
                               "XDG_DATA_HOME",
                               "-u",
                               "XDG_CACHE_HOME",
                               "HOME=" + home.path().string(),
                               "PATH=" + (Installation() / "bin").string() + ":" + std::getenv("PATH")};
  all.insert(all.end(), command.begin(), command.end());
  return RunChild(all, {}, Deadline::After(std::chrono::minutes(1)));
}

}  // namespace passthrough
