// The program passthrough-faults: plants every fault of the table in a lab and tells which checks noticed it.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "tests/faults/fault_lab.h"
#include "tests/faults/judgement.h"
#include "tests/faults/report.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr char kHelp[] =
    "Usage: passthrough-faults [options]\n\n"
    "Plants every fault of the table in a lab, one after the other, each from a snapshot of the healthy cluster,\n"
    "runs the suite on it, and compares the checks that failed with those that must fail. Exit status 0: each was\n"
    "caught by exactly its checks, and the healthy cluster was never red.\n\n"
    "  --list              the table, without a lab\n"
    "  --only ID           this fault only (N18, or N18b); may be given several times\n"
    "  --write FILE        also write the table as Markdown, as in docs/faults.md\n"
    "  --no-false-alarm N  judgements of the healthy cluster (default 2; 0 with --only)\n"
    "  --deployments N     whole runs of the healthy cluster (default 1; 0 with --only, but where a fault is planted in\n"
    "                      recorded evidence)\n";

struct FaultOptions {
  bool list = false;
  bool help = false;
  std::vector<std::string> only;
  fs::path write;
  std::optional<int> judgements;
  std::optional<int> deployments;
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
      options.judgements = Number("--no-false-alarm", value());
    } else if (words[i] == "--deployments") {
      options.deployments = Number("--deployments", value());
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

// One run of the harness.
class Harness {
 public:
  explicit Harness(const FaultOptions& options) : options_(options) {
    for (const Fault& fault : AllFaults()) {
      if (fault.IsPlanted() && IsSelected(fault, options.only)) selected_.push_back(&fault);
    }
    if (selected_.empty() && !options.only.empty()) throw Error("--only: there is no such fault; see --list");
  }

  Summary Run() {
    const auto start = std::chrono::steady_clock::now();
    const bool whole = options_.only.empty();
    // A whole run's evidence is what faults of the mode kReplay are planted in.
    const bool replays = std::any_of(selected_.begin(), selected_.end(), [](const Fault* fault) {
      return fault->mode == FaultMode::kReplay;
    });
    RunIn(FaultCluster::kOneGpu, options_.judgements.value_or(whole ? 2 : 0),
          std::max(options_.deployments.value_or(whole ? 1 : 0), replays ? 1 : 0));
    RunIn(FaultCluster::kTwoNodes, whole ? 1 : 0, 0);
    summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return summary_;
  }

 private:
  void RunIn(FaultCluster cluster, int judgements, int deployments) {
    std::vector<const Fault*> faults = selected_;
    std::erase_if(faults, [&](const Fault* fault) { return fault->cluster != cluster; });
    if (faults.empty() && judgements + deployments == 0) return;
    Say("bringing up a lab and deploying a cluster in it");
    FaultLab lab(cluster);
    for (int i = 0; i < judgements; ++i) JudgeHealthy(lab);
    for (int i = 0; i < deployments; ++i) DeployHealthy(lab);
    for (const Fault* fault : faults) {
      const Verdict verdict = Try(*fault, lab);
      fmt::print("{}", Row(verdict));
      std::fflush(stdout);
      summary_.verdicts.push_back(verdict);
    }
  }

  Verdict Try(const Fault& fault, FaultLab& lab) {
    try {
      return Compare(fault, PlantAndJudge(fault, lab, evidence_));
    } catch (const InterruptedError&) {
      throw;
    } catch (const Error& error) {
      Verdict verdict;
      verdict.fault = &fault;
      verdict.problems.emplace_back(error.what());
      return verdict;
    }
  }

  void JudgeHealthy(FaultLab& lab) {
    lab.Restore(FaultLab::kDeployed);
    Expect(lab.lab().Suite({"--attach"}), "a judgement of the healthy cluster");
    ++summary_.healthy_judgements;
  }

  void DeployHealthy(FaultLab& lab) {
    lab.Restore(FaultLab::kUp);
    Expect(lab.lab().Suite({}), "a whole run of the healthy cluster");
    ++summary_.deployments;
    if (evidence_.empty()) KeepEvidence(lab);
  }

  void Expect(const ChildResult& result, const std::string& what) {
    if (result.exit_status == 0) {
      Say(fmt::format("green: {} ({:.1f} s)", what, result.seconds));
      return;
    }
    summary_.false_alarms.push_back(what + ":\n" + result.output);
    Say("FALSE ALARM: " + what + "\n" + result.output);
  }

  void KeepEvidence(FaultLab& lab) {
    evidence_ = kept_.path() / "healthy";
    fs::copy(fs::canonical(lab.lab().Latest()), evidence_, fs::copy_options::recursive);
  }

  static void Say(const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
  }

  const FaultOptions& options_;
  std::vector<const Fault*> selected_;
  TemporaryDirectory kept_{"faults"};
  fs::path evidence_;
  Summary summary_;
};

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
  const Summary summary = Harness(options).Run();
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
