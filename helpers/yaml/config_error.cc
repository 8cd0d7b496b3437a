#include "helpers/yaml/config_error.h"

#include <fmt/format.h>

#include <utility>

namespace passthrough {
namespace {

std::string JoinLines(const std::vector<ConfigProblem>& problems) {
  std::string joined;
  for (const ConfigProblem& problem : problems) {
    if (!joined.empty()) joined += '\n';
    joined += problem.ToString();
  }
  return joined;
}

}  // namespace

std::string SourcePosition::ToString() const { return line == 0 ? file : fmt::format("{}:{}:{}", file, line, column); }

std::string ConfigProblem::ToString() const {
  if (field.empty()) return fmt::format("{}: {}", where.ToString(), message);
  return fmt::format("{}: {}: {}", where.ToString(), field, message);
}

ConfigError::ConfigError(std::vector<ConfigProblem> problems)
    : Error(JoinLines(problems)), problems_(std::move(problems)) {}

}  // namespace passthrough
