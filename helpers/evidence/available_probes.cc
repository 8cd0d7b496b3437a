#include "helpers/evidence/available_probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/evidence/probe_files.h"

namespace passthrough {
namespace {

int OrderOfProbe(const std::filesystem::path& file) {
  const std::string number = ProbeHeader(ReadFile(file), "order");
  int order = 0;
  const char* const last = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), last, order);
  if (error == std::errc() && end == last) return order;
  throw EvidenceError(fmt::format(
      "{}: its header has no line \"# order: N\", a number that gives its place among the probes", file.string()));
}

}  // namespace

std::vector<std::string> AvailableProbes(const std::filesystem::path& remote_directory) {
  std::vector<std::pair<int, std::string>> probes;
  for (const auto& [name, file] : ProbeFiles(remote_directory)) probes.emplace_back(OrderOfProbe(file), name);
  std::sort(probes.begin(), probes.end());
  std::vector<std::string> names;
  for (auto& [order, name] : probes) names.push_back(std::move(name));
  return names;
}

}  // namespace passthrough
