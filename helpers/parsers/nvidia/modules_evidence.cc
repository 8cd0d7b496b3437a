#include "helpers/parsers/nvidia/modules_evidence.h"

#include <algorithm>
#include <cctype>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// "535.54.03": digits and dots.
bool IsVersion(std::string_view word) {
  return word.find('.') != std::string_view::npos && word.find_first_not_of("0123456789.") == std::string_view::npos;
}

// "nvidia 2 nvidia_uvm,nvidia_drm, Live": name, users, who, state; "-" is nobody.
LoadedModule ParseModule(const FactFile& file, const Fact& fact) {
  std::vector<std::string_view> words = SplitWords(fact.value);
  if (words.size() != 4) {
    ThrowEvidenceError(file, fact.line, "expected \"module: name count users state\", found \"" + fact.value + "\"");
  }
  LoadedModule module;
  module.name = words[0];
  // A kernel that cannot unload modules prints "-" here.
  if (words[1] != "-") {
    Fact count{"module", std::string(words[1]), fact.line};
    module.use_count = file.ToInteger(count, -1, INT32_MAX);
  }
  if (words[2] != "-") module.used_by = words[2];
  if (module.used_by.ends_with(',')) module.used_by.pop_back();
  module.state = words[3];
  module.line = fact.line;
  return module;
}

}  // namespace

ModulesEvidence ModulesEvidence::Parse(std::string_view text, const std::filesystem::path& path) {
  FactFile file = FactFile::Parse(text, path, "modules");
  ModulesEvidence evidence;
  evidence.path = file.path;
  evidence.last_line = file.last_line;
  if (const Fact* error = file.head.Find("modules_error")) {
    ThrowEvidenceError(file, error->line, error->value);
  }
  evidence.kernel_release = file.Require(file.head, "kernel_release").value;
  if (const Fact* fact = file.head.Find("loaded_nvidia_version")) {
    evidence.loaded_nvidia_version = fact->value;
    evidence.loaded_nvidia_version_line = fact->line;
  }
  if (const Fact* fact = file.head.Find("driver_version_text")) {
    evidence.driver_version_text = fact->value;
    evidence.driver_version_line = fact->line;
  }
  for (std::string_view key : {"disk_file", "disk_version", "disk_error"}) {
    if (const Fact* fact = file.head.Find(key)) evidence.disk_line = fact->line;
  }
  evidence.disk_file = file.head.Value("disk_file");
  evidence.disk_version = file.head.Value("disk_version");
  evidence.disk_vermagic = file.head.Value("disk_vermagic");
  evidence.disk_error = file.head.Value("disk_error");
  if (const Fact* fact = file.head.Find("library_file")) {
    evidence.library_file = fact->value;
    evidence.library_line = fact->line;
  }
  for (const Fact* fact : file.head.FindAll("module")) {
    evidence.loaded.push_back(ParseModule(file, *fact));
  }
  return evidence;
}

const LoadedModule* ModulesEvidence::Find(std::string_view name) const {
  for (const LoadedModule& module : loaded) {
    if (module.name == name) return &module;
  }
  return nullptr;
}

std::string ModulesEvidence::DriverVersion() const {
  for (std::string_view word : SplitWords(driver_version_text)) {
    if (IsVersion(word)) return std::string(word);
  }
  return "";
}

std::string ModulesEvidence::LibraryVersion() const {
  constexpr std::string_view kName = "libnvidia-ml.so.";
  const size_t at = library_file.rfind(kName);
  if (at == std::string::npos) return "";
  const std::string version = library_file.substr(at + kName.size());
  return IsVersion(version) ? version : "";
}

}  // namespace passthrough
