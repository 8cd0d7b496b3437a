#include "helpers/evidence/probe_files.h"

#include <fmt/format.h>

#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/evidence/probe_names.h"

namespace passthrough {

namespace fs = std::filesystem;

std::map<std::string, fs::path> ProbeFiles(const fs::path& remote_directory) {
  std::map<std::string, fs::path> files;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(remote_directory / "probes")) {
      const std::string name = entry.path().stem().string();
      if (entry.path().extension() != ".sh" || !IsProbeName(name)) continue;
      const auto [known, is_new] = files.emplace(name, entry.path());
      if (!is_new) {
        throw EvidenceError(
            fmt::format("two probes have one name: {} and {}", known->second.string(), entry.path().string()));
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw EvidenceError(fmt::format("cannot list the probes: {}", error.what()));
  }
  return files;
}

std::string ProbeHeader(std::string_view text, std::string_view key) {
  const std::string begin = fmt::format("# {}:", key);
  std::string value;
  for (const std::string_view line : SplitLines(text)) {
    if (!line.starts_with('#')) break;
    if (!line.starts_with(begin)) continue;
    value += (value.empty() ? "" : " ") + std::string(Trim(line.substr(begin.size())));
  }
  return value;
}

}  // namespace passthrough
