#include "tests/suites/written_files.h"

#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {

namespace fs = std::filesystem;

std::vector<std::string> SecretLines(const fs::path& key) {
  const std::string content = ReadFile(key);
  std::vector<std::string> secrets;
  for (const std::string_view line : SplitLines(content)) {
    if (!line.empty() && !line.starts_with("-----")) secrets.emplace_back(line);
  }
  return secrets;
}

std::vector<std::string> FilesWith(const fs::path& directory, const std::vector<std::string>& secrets) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    const std::string content = ReadFile(entry.path());
    for (const std::string& secret : secrets) {
      if (content.find(secret) == std::string::npos) continue;
      found.push_back(entry.path().string());
      break;
    }
  }
  return found;
}

std::vector<std::string> OpenToOthers(const fs::path& run) {
  std::vector<std::string> open;
  const auto others = [](const fs::path& path) {
    return (fs::status(path).permissions() & (fs::perms::group_all | fs::perms::others_all)) != fs::perms::none;
  };
  if (others(run)) open.push_back(run.string());
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    if (entry.path().filename() == "console.log" && others(entry.path())) open.push_back(entry.path().string());
  }
  return open;
}

}  // namespace passthrough
