#include "helpers/evidence/collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <exception>
#include <map>
#include <optional>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/base/text.h"
#include "helpers/evidence/collection.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/evidence/probe_files.h"
#include "helpers/evidence/remote_archive.h"

namespace passthrough {
namespace {

using Clock = Deadline::Clock;

// Runs first on nodes with GPUs, whichever probes are wanted.
constexpr char kDriverWait[] = "driver_wait";
constexpr std::chrono::seconds kDriverWaitLimit{45};  // as the probe's header has it

// By the clock that people read, which a node's is compared with.
int64_t EpochSeconds() { return static_cast<int64_t>(std::time(nullptr)); }

// What all nodes are sent.
struct Sent {
  std::string archive;
  std::map<std::string, std::string> if_hung;  // what a probe's header says, by the probe's name
};

std::vector<std::string> ProbesFor(bool has_gpus, const CollectOptions& options) {
  std::vector<std::string> probes = options.probes;
  if (has_gpus) probes.insert(probes.begin(), kDriverWait);
  return probes;
}

Sent Prepare(const std::vector<CollectTarget>& targets, const CollectOptions& options) {
  Sent sent;
  const bool any_gpus =
      std::any_of(targets.begin(), targets.end(), [](const CollectTarget& target) { return target.has_gpus; });
  const std::vector<std::string> probes = ProbesFor(any_gpus, options);
  sent.archive = BuildRemoteArchive(options.remote_directory, probes, options.program_directory);
  const auto files = ProbeFiles(options.remote_directory);
  for (const std::string& probe : probes) sent.if_hung[probe] = ProbeHeader(ReadFile(files.at(probe)), "if-hung");
  return sent;
}

// One node, on a thread of its own. Throws EvidenceError where its evidence cannot be written.
class NodeCollector {
 public:
  NodeCollector(const CollectTarget& target, const CollectOptions& options, const Sent& sent, const Deadline& deadline)
      : target_(target), options_(options), sent_(sent), deadline_(deadline) {}

  CollectOutcome Run() {
    Collection collection = Collect();
    SaveCollection(options_.evidence_directory, target_.node, collection);
    Tell(collection.error.empty() ? fmt::format("{} collected in {}", Count(collection.probes.size(), "probe"),
                                                HumanSeconds(collection.collect_seconds))
                                  : Printable(collection.error));
    return {target_.node, collection.error, collection.ready_seconds, collection.collect_seconds};
  }

 private:
  SshSession Connect() const {
    const Deadline deadline = deadline_.OrAfter(options_.ready_limit);
    Clock::time_point report_at = Clock::now() + options_.report_after;
    const auto on_wait = [&](std::string_view cause) {
      if (Clock::now() < report_at) return;
      report_at = Clock::now() + options_.report_after;
      Tell(Shortened(fmt::format("gives up in {}: {}",
                                 HumanSeconds(std::chrono::duration<double>(deadline.Left()).count()), cause),
                     200));
    };
    try {
      return ConnectWhenReady(target_.account, options_.jump, *options_.host_keys, deadline, on_wait);
    } catch (const TimeoutError& error) {
      throw TimeoutError(fmt::format("{}. It had {} (time_limits.ssh of the profile)", error.what(),
                                     HumanSeconds(std::chrono::duration<double>(options_.ready_limit).count())));
    }
  }

  // A set-up may reboot the node: then it is asked again.
  NodeSetup WaitForSetup(std::optional<SshSession>& session) {
    const Deadline deadline = deadline_.OrAfter(options_.setup->limit);
    const RemoteExec exec = [&](const std::string& command, const ExecOptions& exec_options, const Deadline& until) {
      return session->Exec(command, exec_options, until);
    };
    const auto report = [this](const std::string& what) { Tell(what); };
    constexpr int kAttempts = 3;
    for (int attempt = 1;; ++attempt) {
      try {
        NodeSetup setup = WaitUntilSetUp(exec, *options_.setup, options_.remote_directory, deadline, report);
        if (setup.exit_status != 0) {
          Tell(Shortened(
              fmt::format("{}: {}", setup.command,
                          setup.exit_status ? fmt::format("exit status {}", *setup.exit_status) : setup.problem),
              200));
        } else if (setup.seconds > 5) {
          Tell("is set up after " + HumanSeconds(setup.seconds));
        }
        return setup;
      } catch (const SshError&) {
        if (attempt == kAttempts) throw;
        Tell("the connection broke while it was set up");
        session.emplace(Connect());
      }
    }
  }

  Collection Collect() {
    Collection collection;
    Clock::time_point begin = Clock::now();
    try {
      std::optional<SshSession> session(Connect());
      Tell("SSH answers");
      double ready_seconds = SecondsSince(begin);
      if (options_.setup) collection.setup = WaitForSetup(session);
      const NodeSetup setup = collection.setup;
      const RemoteExec exec = [&](const std::string& command, ExecOptions exec_options, const Deadline& deadline) {
        exec_options.keep_alive = options_.keep_alive;
        return session->Exec(command, exec_options, deadline);
      };
      begin = Clock::now();
      const int64_t began = EpochSeconds();
      const auto limit = options_.collect_limit + (target_.has_gpus ? kDriverWaitLimit : std::chrono::seconds(0));
      collection = CollectByExec(exec, sent_.archive, ProbesFor(target_.has_gpus, options_), deadline_.OrAfter(limit),
                                 {.limit_scale = options_.probe_scale,
                                  .gpu_memory_percent = options_.gpu_memory_percent,
                                  .may_be_overwritten = target_.may_be_overwritten});
      collection.setup = setup;
      collection.ready_seconds = ready_seconds;
      collection.collect_seconds = SecondsSince(begin);
      for (ProbeOutput& output : collection.probes) {
        if (output.timed_out) output.if_hung = sent_.if_hung.at(output.probe);
        if (output.probe == kDriverWait && output.text.starts_with("no driver")) Tell("not every GPU has a driver");
      }
      collection.began_epoch = began;
      collection.ended_epoch = EpochSeconds();
    } catch (const Error& error) {
      collection.error = error.what();
      collection.ready_seconds = SecondsSince(begin);
    }
    return collection;
  }

  void Tell(const std::string& what) const {
    if (options_.on_progress) options_.on_progress(target_.node, what);
  }

  const CollectTarget& target_;
  const CollectOptions& options_;
  const Sent& sent_;
  const Deadline deadline_;
};

}  // namespace

std::vector<CollectOutcome> Collect(const std::vector<CollectTarget>& targets, const CollectOptions& options,
                                    const Deadline& deadline) {
  const Sent sent = Prepare(targets, options);
  std::vector<CollectOutcome> outcomes(targets.size());
  std::vector<std::exception_ptr> failures(targets.size());
  {
    std::atomic<size_t> next = 0;
    const auto work = [&] {
      for (size_t i = next++; i < targets.size(); i = next++) {
        try {
          outcomes[i] = NodeCollector(targets[i], options, sent, deadline).Run();
        } catch (...) {
          failures[i] = std::current_exception();
        }
      }
    };
    std::vector<std::jthread> threads;
    const size_t most = std::min(targets.size(), static_cast<size_t>(std::max(options.nodes_at_once, 1)));
    for (size_t i = 0; i < most; ++i) threads.emplace_back(work);
  }  // joins
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  bool incomplete = std::any_of(outcomes.begin(), outcomes.end(),
                                [](const CollectOutcome& outcome) { return !outcome.error.empty(); });
  if (incomplete && InterruptionSignal() != 0) {
    throw InterruptedError("collecting evidence was interrupted");
  }
  return outcomes;
}

}  // namespace passthrough
