#include "tests/faults/expectation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "helpers/base/error.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string Named(std::string pattern) {
  ReplaceAll(pattern, "@gpu", "hpc_compute_01_0000_01_00_0");
  ReplaceAll(pattern, "@audio", "hpc_compute_01_0000_01_00_1");
  ReplaceAll(pattern, "@card", "hpc_compute_01_0000_06_00_0");
  ReplaceAll(pattern, "@disk", "hpc_compute_01_0000_05_00_0");
  ReplaceAll(pattern, "@node", "hpc_compute_01");
  return pattern;
}

// Suites by what they need: "@smi/@node" is each of them with that parameter.
const std::map<std::string, std::vector<std::string>>& Groups() {
  static const std::vector<std::string> smi{"NvidiaSmi.*", "GpuHealth.*", "GpuLink.*", "GpuUuids.*"};
  static const std::map<std::string, std::vector<std::string>> groups = [] {
    std::vector<std::string> probes{"NodeIdentity.IsTheDomainItClaimsToBe",
                                    "NodeHealth.*",
                                    "PciVisibility.*",
                                    "PciDevice.*",
                                    "KernelMessages.*",
                                    "NvidiaKernelMessages.*",
                                    "KernelModule.*",
                                    "GpuDriver.*",
                                    "DeviceFiles.*"};
    probes.insert(probes.end(), smi.begin(), smi.end());
    return std::map<std::string, std::vector<std::string>>{{"@smi", smi}, {"@probes", probes}};
  }();
  return groups;
}

// The pattern, or those of its group.
std::vector<std::string> WithoutGroup(const std::string& pattern) {
  const size_t slash = std::min(pattern.find('/'), pattern.size());
  const auto group = Groups().find(pattern.substr(0, slash));
  if (group == Groups().end()) return {pattern};
  std::vector<std::string> patterns;
  for (const std::string& one : group->second) patterns.push_back(one + pattern.substr(slash));
  return patterns;
}

// '*' stands for any text; there is no other wildcard.
bool Fits(std::string_view name, std::string_view pattern) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] != '*') {
    return !name.empty() && name[0] == pattern[0] && Fits(name.substr(1), pattern.substr(1));
  }
  for (size_t skipped = 0; skipped <= name.size(); ++skipped) {
    if (Fits(name.substr(skipped), pattern.substr(1))) return true;
  }
  return false;
}

std::string SuiteOf(const std::string& check) { return check.substr(0, check.find('.')); }
// "PciDevice.*/hpc_compute_01_0000_01_00_0"
std::string WithoutName(const std::string& check) {
  const size_t slash = check.find('/');
  return slash == std::string::npos ? check : SuiteOf(check) + ".*" + check.substr(slash);
}
std::string WithoutParameter(const std::string& check) { return check.substr(0, check.find('/')); }

// Replaces each group of which all members are in `checks` by its name.
template <typename GroupOf>
void Collapse(std::set<std::string>& checks, const std::set<std::string>& all, GroupOf group_of,
              std::string_view ending) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const std::string& check : all) groups[group_of(check)].push_back(check);
  for (const auto& [group, members] : groups) {
    const bool whole =
        std::all_of(members.begin(), members.end(), [&](const std::string& one) { return checks.contains(one); });
    if (!whole || members.size() < 2) continue;
    for (const std::string& member : members) checks.erase(member);
    checks.insert(group + std::string(ending));
  }
}

}  // namespace

std::set<std::string> ReadTestList(const std::string& listing) {
  std::set<std::string> all;
  std::string suite;
  for (const std::string_view line : SplitLines(listing)) {
    const std::string text(Trim(line.substr(0, line.find('#'))));
    if (text.empty()) continue;
    if (line[0] != ' ') {
      suite = text;
    } else if (!suite.empty()) {
      all.insert(suite + text);
    }
  }
  return all;
}

std::set<std::string> ExpandChecks(const std::vector<std::string>& patterns, const std::set<std::string>& all) {
  std::set<std::string> checks;
  for (const std::string& pattern : patterns) {
    const bool takes_away = pattern.starts_with("-");
    std::set<std::string> fitting;
    for (const std::string& one : WithoutGroup(takes_away ? pattern.substr(1) : pattern)) {
      const std::string name = Named(one);
      const bool of_every_parameter = name.find('/') == std::string::npos;
      for (const std::string& check : all) {
        if (Fits(check, name) || (of_every_parameter && Fits(check, name + "/*"))) fitting.insert(check);
      }
    }
    if (fitting.empty()) throw Error(fmt::format("{}: there is no such check", pattern));
    for (const std::string& check : fitting) {
      if (takes_away) {
        checks.erase(check);
      } else {
        checks.insert(check);
      }
    }
  }
  return checks;
}

std::string InShort(const std::set<std::string>& checks, const std::set<std::string>& all) {
  if (checks.empty()) return "none";
  if (checks == all) return fmt::format("all {} checks", all.size());
  std::set<std::string> text = checks;
  Collapse(text, all, SuiteOf, ".*");
  Collapse(text, all, WithoutParameter, "");
  Collapse(text, all, WithoutName, "");
  return fmt::format("{}", fmt::join(text, ", "));
}

}  // namespace passthrough
