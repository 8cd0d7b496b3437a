#include "tests/docs/command_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>

#include "helpers/base/text.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

using Words = std::vector<std::string>;

const std::string kFaults = std::string(PASSTHROUGH_BINARY_DIR) + "/bin/passthrough-faults";

// What `argv` prints; each command is run once.
const ChildResult& OutputOf(const Words& argv) {
  static std::map<Words, ChildResult> known;
  const auto [place, is_new] = known.try_emplace(argv);
  if (is_new) {
    ChildOptions options;
    options.working_directory = PASSTHROUGH_SOURCE_DIR;
    options.most_kept = 1u << 20;
    place->second = RunChild(argv, options, Deadline::After(std::chrono::minutes(2)));
  }
  return place->second;
}

bool Mentions(const std::string& text, const std::string& option) {
  const std::regex whole("(^|[^-a-z])" + option + "($|[^-a-z_])");
  return std::regex_search(text, whole);
}

// "--gtest_filter=X" and "--force" without what follows the '='.
std::string NameOf(const std::string& word) { return word.substr(0, word.find('=')); }

std::string Shown(const DocumentedCommand& command) {
  return fmt::format("{}: {}", command.where, fmt::join(command.words, " "));
}

std::string ProblemOfOwn(const DocumentedCommand& command, Words argv) {
  argv.insert(argv.end(), command.words.begin() + 1, command.words.end());
  argv.emplace_back("--help");
  const ChildResult& result = OutputOf(argv);
  return result.Succeeded() ? "" : fmt::format("{}\n{}", Shown(command), result.output);
}

// Each long option of the command stands in what `help` prints.
std::string ProblemByHelp(const DocumentedCommand& command, const Words& help) {
  const ChildResult& known = OutputOf(help);
  if (!known.Succeeded()) return fmt::format("{}\n{}", Shown(command), known.output);
  for (const std::string& word : command.words) {
    if (!word.starts_with("--") || word == "--") continue;
    if (!Mentions(known.output, NameOf(word))) return fmt::format("{}: no option {}", Shown(command), word);
  }
  return {};
}

std::string ProblemOfVirsh(const DocumentedCommand& command) {
  size_t verb = 1;
  while (verb < command.words.size() && command.words[verb].starts_with("-")) verb += 2;  // -c URI
  if (verb >= command.words.size()) return Shown(command) + ": no verb";
  return ProblemByHelp(command, {"virsh", "help", command.words[verb]});
}

std::string ProblemOfPreset(const DocumentedCommand& command, const std::string& program) {
  const Words& words = command.words;
  const auto preset = std::find(words.begin(), words.end(), "--preset");
  if (preset == words.end() || preset + 1 == words.end()) return {};
  const Words list = program == "ctest" ? Words{"ctest", "--list-presets"} : Words{"cmake", "--list-presets=all"};
  if (Mentions(OutputOf(list).output, "\"" + *(preset + 1) + "\"")) return {};
  return fmt::format("{}: no preset {}", Shown(command), *(preset + 1));
}

}  // namespace

std::string ProblemOf(const DocumentedCommand& command) {
  const std::string program = command.words[0].substr(command.words[0].rfind('/') + 1);
  if (program == "run-suite.sh") {
    DocumentedCommand rest = command;
    if (rest.words.size() > 1 && rest.words[1] == "--all") rest.words.erase(rest.words.begin() + 1);
    return ProblemOfOwn(rest, {SuiteProgram().string()});
  }
  if (program == "$suite" || program == "passthrough-suite") return ProblemOfOwn(command, {SuiteProgram().string()});
  if (program == "passthrough-faults") return ProblemOfOwn(command, {kFaults});
  if (program == "$lab" || program == "passthrough-lab") {
    DocumentedCommand upto = command;  // what follows "--" is for the node
    upto.words.erase(std::find(upto.words.begin(), upto.words.end(), "--"), upto.words.end());
    return ProblemOfOwn(upto, {LabProgramOfTests().string()});
  }
  if (program == "virsh") return ProblemOfVirsh(command);
  if (program == "ctest" || program == "run-tests.sh") {
    const std::string problem = ProblemByHelp(command, {"ctest", "--help"});
    return problem.empty() ? ProblemOfPreset(command, "ctest") : problem;
  }
  if (program == "cmake") return ProblemOfPreset(command, "cmake");
  return {};
}

bool IsOptionOfTheProject(const std::string& option) {
  std::vector<Words> helps{{SuiteProgram().string(), "--help"},
                           {kFaults, "--help"},
                           {"ctest", "--help"},
                           {"virsh", "help", "domifaddr"},
                           {"sh", "./remote/run-all.sh", "--help"}};
  static const Words verbs{"up",        "down",  "status", "ssh",    "snapshot", "restore",
                           "snapshots", "build", "check",  "create", "destroy",  "completion"};
  for (const std::string& verb : verbs) helps.push_back({LabProgramOfTests().string(), verb, "--help"});
  if (option == "--all") return true;  // of run-suite.sh itself
  return std::any_of(helps.begin(), helps.end(),
                     [&](const Words& help) { return Mentions(OutputOf(help).output, option); });
}

}  // namespace passthrough
