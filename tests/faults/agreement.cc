#include "tests/faults/agreement.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

using nlohmann::json;

constexpr char kEnvironment[] = "Environment.NothingIsLeftBehind";

std::string InHtml(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c == '&'    ? "&amp;"
               : c == '<'  ? "&lt;"
               : c == '>'  ? "&gt;"
               : c == '"'  ? "&quot;"
               : c == '\'' ? "&apos;"
                           : std::string(1, c);
  }
  return escaped;
}

}  // namespace

std::vector<std::string> Disagreements(const JunitReport& junit, const std::string& verdict, const std::string& page) {
  std::vector<std::string> problems;
  const json value = json::parse(verdict);
  std::set<std::string> failed;
  for (const json& check : value.at("checks")) {
    if (check.at("result") == "failed") failed.insert(check.at("name").get<std::string>());
  }
  if (!value.at("environment_failures").empty()) failed.insert(kEnvironment);
  if (failed != junit.failed)
    problems.push_back(
        fmt::format("verdict.json has {} failed checks, junit.xml {}", failed.size(), junit.failed.size()));
  if ((value.at("verdict") == "passed" || value.at("verdict") == "nothing_checked") != junit.failed.empty()) {
    problems.push_back("verdict.json says " + value.at("verdict").dump());
  }
  std::map<std::string, size_t> bytes;  // of the sentences of each failed check
  for (const json& finding : value.at("findings")) {
    const auto check = finding.at("check").get<std::string>();
    const auto sentence = finding.at("sentence").get<std::string>();
    const auto message = junit.messages.find(check);
    if (finding.at("severity") == "failure") {
      bytes[check] += sentence.size() + 1;
      if (message == junit.messages.end() || message->second.find(sentence) == std::string::npos) {
        problems.push_back(fmt::format("junit.xml does not have of {}: {}", check, sentence));
      }
      if (value.value("error", "").empty() &&
          page.find(InHtml(finding.at("found").get<std::string>())) == std::string::npos) {
        problems.push_back(fmt::format("report.html does not have of {}: {}", check, sentence));
      }
    }
  }
  for (const auto& [check, message] : junit.messages) {
    const std::string without_notes(Trim(message.substr(0, message.find("\nNOTE: "))));
    if (check != kEnvironment && without_notes.size() + 1 > bytes[check]) {
      problems.push_back(fmt::format("verdict.json has not all of {}: {}", check, message));
    }
  }
  std::multiset<std::string> of_causes;
  for (const json& cause : value.at("causes")) {
    for (const char* list : {"checks", "explains"}) {
      for (const json& check : cause.at(list)) of_causes.insert(check.get<std::string>());
    }
  }
  for (const std::string& check : failed) {
    if (check != kEnvironment && !of_causes.contains(check)) problems.push_back("no cause has " + check);
  }
  return problems;
}

}  // namespace passthrough
