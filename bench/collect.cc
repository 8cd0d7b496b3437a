// Collecting from N real OpenSSH servers on the loopback, beside a bare libssh loop that does the
// same remote work. Both run in turns in one process, so that a busy machine slows both.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/bare_loop.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/evidence/available_probes.h"
#include "helpers/evidence/collector.h"
#include "helpers/evidence/remote_archive.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {
namespace {

constexpr char kUsage[] = R"(Usage: collect [--nodes 1,8,32] [--jump] [--repetitions 5] [--at-most RATIO]
Compares collecting with a bare libssh loop: one connection and one exec a node, the same probes.
  --nodes        how many servers, a list (default 1,8,32)
  --jump         collects through one jump host, and leaves the bare loop out
  --repetitions  of both, in turns (default 5; the median counts)
  --at-most      exit status 1 if collecting takes more than RATIO times the bare loop
                 with the most nodes
)";

struct Settings {
  std::vector<size_t> nodes = {1, 8, 32};
  bool jump = false;
  int repetitions = 5;
  double at_most = 0;  // 0: no limit
};

constexpr size_t kMostNodes = 1000;
constexpr size_t kInOneNet = 250;

// The servers of one table row, all on one port of 127.0.1.1 to 127.0.1.250, 127.0.2.1, …
class Servers {
 public:
  explicit Servers(size_t count) {
    const uint16_t port = FreePort("127.0.1.1");
    for (size_t i = 0; i < count; ++i) {
      OpensshServer::Options options;
      options.address = fmt::format("127.0.{}.{}", i / kInOneNet + 1, i % kInOneNet + 1);
      options.port = port;
      servers_.push_back(std::make_unique<OpensshServer>(options));
      accounts_.push_back(servers_.back()->account());
    }
  }
  const std::vector<SshAccount>& accounts() const { return accounts_; }
  SshAccount jump_account() const { return jump_.account(); }
  // What one measurement left to be done must not slow the next.
  void Settle() const {
    for (const auto& server : servers_) server->WaitUntilIdle();
  }

 private:
  std::vector<std::unique_ptr<OpensshServer>> servers_;
  std::vector<SshAccount> accounts_;
  OpensshServer jump_;
};

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

const std::filesystem::path& RemoteDirectory() {
  static const std::filesystem::path directory = PASSTHROUGH_SOURCE_DIR "/remote";
  return directory;
}

double TimeBareLoop(const Servers& servers, const std::vector<std::string>& probes) {
  const std::string nonce = MakeNonce();
  const std::string archive = BuildRemoteArchive(RemoteDirectory(), probes);
  const std::string command = RemoteCommand(nonce, probes);
  servers.Settle();
  const auto begin = std::chrono::steady_clock::now();
  const auto outputs = RunBareLoop(servers.accounts(), command, archive);
  const double seconds = SecondsSince(begin);
  for (const auto& output : outputs) {
    if (output.find("@end " + nonce) == std::string::npos) {
      throw Error("bare loop: the probes' output is not complete");
    }
  }
  return seconds;
}

double TimeCollect(const Servers& servers, const std::vector<std::string>& probes, bool through_jump) {
  const TemporaryDirectory directory("collect-bench");
  HostKeys host_keys(directory.path() / "known_hosts", "");
  CollectOptions options;
  options.remote_directory = RemoteDirectory();
  options.evidence_directory = directory.path() / "evidence";
  options.probes = probes;
  options.host_keys = &host_keys;
  const Deadline deadline = Deadline::After(std::chrono::minutes(30));
  std::optional<JumpHost> jump;
  if (through_jump) options.jump = &jump.emplace(servers.jump_account(), host_keys, deadline);
  std::vector<CollectTarget> targets;
  for (const auto& account : servers.accounts()) {
    targets.push_back({fmt::format("node_{}", targets.size() + 1), account});
  }
  servers.Settle();
  const auto begin = std::chrono::steady_clock::now();
  const auto outcomes = Collect(targets, options, deadline);
  const double seconds = SecondsSince(begin);
  for (const auto& outcome : outcomes) {
    if (!outcome.error.empty()) throw Error(outcome.node + ": " + outcome.error);
  }
  return seconds;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Prints one row, without the bare loop: there is no ratio.
double MeasureThroughJump(const Servers& servers, const Settings& settings, const std::vector<std::string>& probes) {
  std::vector<double> seconds;
  for (int i = 0; i < settings.repetitions; ++i) seconds.push_back(TimeCollect(servers, probes, true));
  const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
  fmt::print("| {:5} | {:^23} | {:6.3f} ({:.3f} to {:.3f}) |   -   |\n", servers.accounts().size(), "-",
             Median(seconds), *least, *most);
  std::fflush(stdout);
  return 0;
}

// Prints one row; gives the ratio of the medians.
double Compare(size_t nodes, const Settings& settings, const std::vector<std::string>& probes) {
  const Servers servers(nodes);
  if (settings.jump) return MeasureThroughJump(servers, settings, probes);
  TimeBareLoop(servers, probes);  // the first of all finds cold caches
  std::vector<double> bare;
  std::vector<double> ours;
  for (int i = 0; i < settings.repetitions; ++i) {
    const bool bare_first = i % 2 == 0;
    if (bare_first) bare.push_back(TimeBareLoop(servers, probes));
    ours.push_back(TimeCollect(servers, probes, false));
    if (!bare_first) bare.push_back(TimeBareLoop(servers, probes));
  }
  const double ratio = Median(ours) / Median(bare);
  const auto [bare_least, bare_most] = std::minmax_element(bare.begin(), bare.end());
  const auto [least, most] = std::minmax_element(ours.begin(), ours.end());
  fmt::print("| {:5} | {:6.3f} ({:.3f} to {:.3f}) | {:6.3f} ({:.3f} to {:.3f}) | {:5.2f} |\n", nodes, Median(bare),
             *bare_least, *bare_most, Median(ours), *least, *most, ratio);
  std::fflush(stdout);
  return ratio;
}

std::vector<size_t> ParseNodes(const std::string& list) {
  std::vector<size_t> nodes;
  size_t begin = 0;
  while (begin <= list.size()) {
    const size_t end = std::min(list.find(',', begin), list.size());
    size_t count = 0;
    const auto parsed = std::from_chars(list.data() + begin, list.data() + end, count);
    if (parsed.ec != std::errc() || parsed.ptr != list.data() + end || count < 1 || count > kMostNodes) {
      throw Error(fmt::format("--nodes {}: numbers from 1 to {}, with commas between", list, kMostNodes));
    }
    nodes.push_back(count);
    begin = end + 1;
  }
  return nodes;
}

Settings ParseArguments(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--help") {
      fmt::print("{}", kUsage);
      std::exit(0);
    }
    if (option == "--jump") {
      settings.jump = true;
      continue;
    }
    if (i + 1 == argc) throw Error(fmt::format("{}: not an option, or its value is missing", option));
    const std::string value = argv[++i];
    if (option == "--nodes") {
      settings.nodes = ParseNodes(value);
    } else if (option == "--repetitions") {
      settings.repetitions = std::max(1, std::atoi(value.c_str()));
    } else if (option == "--at-most") {
      settings.at_most = std::atof(value.c_str());
    } else {
      throw Error(fmt::format("{}: not an option", option));
    }
  }
  return settings;
}

int Main(int argc, char** argv) {
  const Settings settings = ParseArguments(argc, argv);
  const auto probes = AvailableProbes(RemoteDirectory());
  fmt::print("{} a node; seconds, median of {} (least to most)\n\n", Count(probes.size(), "probe"),
             settings.repetitions);
  fmt::print("| nodes | bare loop               | collect                 | ratio |\n");
  fmt::print("|------:|------------------------:|------------------------:|------:|\n");
  double ratio = 0;
  for (const size_t nodes : settings.nodes) ratio = Compare(nodes, settings, probes);
  if (settings.at_most == 0 || ratio <= settings.at_most) return 0;
  fmt::print("\ncollect takes {:.2f} times the bare loop, more than {:.2f}\n", ratio, settings.at_most);
  return 1;
}

}  // namespace
}  // namespace passthrough

int main(int argc, char** argv) {
  try {
    return passthrough::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "collect: {}\n", error.what());
    return 1;
  }
}
