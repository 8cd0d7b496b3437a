// The program passthrough-faults: plants every fault of the table in a lab and reports which checks noticed it.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "tests/faults/harness.h"
#include "tests/faults/report.h"

namespace passthrough {
namespace {

constexpr char kHelp[] =
    "Usage: passthrough-faults [options]\n\n"
    "Plants every fault of the table in a lab, one after the other, each from a snapshot of the healthy cluster,\n"
    "runs the suite on it, and compares the checks that failed with those that must fail. Exit status 0: each was\n"
    "caught by exactly its checks, and the healthy cluster was never red.\n\n"
    "  --list              the table, without a lab\n"
    "  --only ID           this fault only (N18, or N18b); may be given several times\n"
    "  --write FILE        also write the table as Markdown, as in docs/faults.md\n"
    "  --no-false-alarm N  runs on the healthy cluster (default 2; 0 with --only)\n"
    "  --deployments N     whole runs of the healthy cluster (default 1; 0 with --only, but where a fault is planted "
    "in\n"
    "                      recorded evidence)\n"
    "  --labs N            labs at a time (default: 2, or as many as there are processors)\n";

struct FaultOptions {
  bool list = false;
  bool help = false;
  std::vector<std::string> only;
  std::filesystem::path write;
  std::optional<int> healthy_runs;
  std::optional<int> deployments;
  std::optional<int> labs;
};

int Number(const std::string& option, const std::string& text) {
  if (!text.empty() && text.size() < 5 && text.find_first_not_of("0123456789") == std::string::npos) {
    return std::stoi(text);
  }
  throw Error(fmt::format("{} {}: must be a number", option, text));
}

FaultOptions Parse(const std::vector<std::string>& words) {
  FaultOptions options;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto value = [&] {
      if (i + 1 == words.size()) throw Error(words[i] + ": its value is missing; see --help");
      return words[++i];
    };
    if (words[i] == "--list") {
      options.list = true;
    } else if (words[i] == "--help") {
      options.help = true;
    } else if (words[i] == "--only") {
      options.only.push_back(value());
    } else if (words[i] == "--write") {
      options.write = value();
    } else if (words[i] == "--no-false-alarm") {
      options.healthy_runs = Number("--no-false-alarm", value());
    } else if (words[i] == "--deployments") {
      options.deployments = Number("--deployments", value());
    } else if (words[i] == "--labs") {
      options.labs = Number("--labs", value());
    } else {
      throw Error(words[i] + ": no such option; see --help");
    }
  }
  return options;
}

// "N18" selects N18, N18b and N18c; "N1" does not select N18.
bool IsSelected(const Fault& fault, const std::vector<std::string>& only) {
  if (only.empty()) return true;
  for (const std::string& id : only) {
    if (fault.id == id) return true;
    if (fault.id.starts_with(id) && fault.id.size() == id.size() + 1 && std::isalpha(fault.id.back()) != 0) {
      return true;
    }
  }
  return false;
}

void List() {
  for (const Fault& fault : AllFaults()) {
    fmt::print("{:<5} {}\n      {}\n", fault.id, fault.name, HowPlanted(fault));
  }
}

HarnessSettings SettingsOf(const FaultOptions& options) {
  HarnessSettings settings;
  for (const Fault& fault : AllFaults()) {
    if (fault.IsPlanted() && IsSelected(fault, options.only)) settings.faults.push_back(&fault);
  }
  if (settings.faults.empty()) throw Error("--only: there is no such fault; see --list");
  const bool whole = options.only.empty();
  settings.healthy_runs = options.healthy_runs.value_or(whole ? 2 : 0);
  settings.deployments = options.deployments.value_or(whole ? 1 : 0);
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  settings.labs = options.labs.value_or(std::clamp(processors, 1, 2));
  return settings;
}

int Main(const std::vector<std::string>& words) {
  const FaultOptions options = Parse(words);
  if (options.help) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (options.list) {
    List();
    return 0;
  }
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, RequestInterruption);
  const Summary summary = PlantAll(SettingsOf(options));
  if (!options.write.empty()) WriteFile(options.write, Document(summary));
  fmt::print("\n{}", ClosingLines(summary));
  return summary.AllIsWell() ? 0 : 1;
}

}  // namespace
}  // namespace passthrough

int main(int argc, char** argv) {
  try {
    return passthrough::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "passthrough-faults: {}\n", error.what());
    return 1;
  }
}
