#include "helpers/evidence/collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <thread>

#include "helpers/base/interruption.h"
#include "helpers/base/text.h"
#include "helpers/evidence/collection.h"
#include "helpers/evidence/driver_wait.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/evidence/probe_names.h"
#include "helpers/evidence/remote_archive.h"

namespace passthrough {
namespace {

using Clock = Deadline::Clock;

// More than the command waits on the node.
constexpr std::chrono::seconds kDriverLimit{60};

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// By the clock that people read, which a node's is compared with.
int64_t EpochSeconds() { return static_cast<int64_t>(std::time(nullptr)); }

// One node, on a thread of its own. Throws EvidenceError where its evidence cannot be written.
class NodeCollector {
 public:
  NodeCollector(const CollectTarget& target, const CollectOptions& options,
                const std::string& archive, const Deadline& deadline)
      : target_(target), options_(options), archive_(archive), deadline_(deadline) {}

  CollectOutcome Run() {
    Collection collection = Collect();
    SaveCollection(options_.evidence_directory, target_.node, collection);
    Tell(collection.error.empty()
             ? fmt::format("{} collected in {}", Count(collection.probes.size(), "probe"),
                           HumanSeconds(collection.collect_seconds))
             : Printable(collection.error));
    return {target_.node, collection.error, collection.ready_seconds, collection.collect_seconds};
  }

 private:
  SshSession Connect() const {
    try {
      return ConnectWhenReady(target_.account, options_.jump, *options_.host_keys,
                              deadline_.OrAfter(options_.ready_limit));
    } catch (const TimeoutError& error) {
      throw TimeoutError(
          fmt::format("{}. It had {} (time_limits.ssh of the profile); its console.log shows how far it came", error.what(),
                      HumanSeconds(std::chrono::duration<double>(options_.ready_limit).count())));
    }
  }

  Collection Collect() {
    Collection collection;
    Clock::time_point begin = Clock::now();
    try {
      SshSession session = Connect();
      Tell("SSH answers");
      if (target_.has_gpus) WaitForDriver(session);
      double ready_seconds = SecondsSince(begin);
      begin = Clock::now();
      RemoteExec exec = [&](const std::string& command, ExecOptions exec_options,
                            const Deadline& deadline) {
        exec_options.keep_alive = options_.keep_alive;
        return session.Exec(command, exec_options, deadline);
      };
      const int64_t began = EpochSeconds();
      collection =
          CollectByExec(exec, archive_, options_.probes, deadline_.OrAfter(options_.collect_limit),
                        options_.probe_scale);
      collection.ready_seconds = ready_seconds;
      collection.collect_seconds = SecondsSince(begin);
      collection.began_epoch = began;
      collection.ended_epoch = EpochSeconds();
    } catch (const Error& error) {
      collection.error = error.what();
      collection.ready_seconds = SecondsSince(begin);
    }
    return collection;
  }

  // Whatever comes of it, the probes tell what is there.
  void WaitForDriver(SshSession& session) {
    ExecOptions exec_options;
    exec_options.keep_alive = options_.keep_alive;
    try {
      const ExecResult result =
          session.Exec(DriverWaitCommand(), exec_options, deadline_.OrAfter(kDriverLimit));
      if (result.output.find("waited") != std::string::npos) Tell("its GPUs have a driver now");
      if (result.output.find("no driver") != std::string::npos) Tell("not every GPU has a driver");
    } catch (const TimeoutError&) {
      Tell("does not say whether its GPUs have a driver");
    }
  }

  void Tell(const std::string& what) const {
    if (options_.on_progress) options_.on_progress(target_.node, what);
  }

  const CollectTarget& target_;
  const CollectOptions& options_;
  const std::string& archive_;
  const Deadline deadline_;
};

}  // namespace

std::vector<CollectOutcome> Collect(const std::vector<CollectTarget>& targets,
                                    const CollectOptions& options, const Deadline& deadline) {
  const std::string archive = BuildRemoteArchive(options.remote_directory, options.probes,
                                                 options.program_directory);
  std::vector<CollectOutcome> outcomes(targets.size());
  std::vector<std::exception_ptr> failures(targets.size());
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < targets.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          outcomes[i] = NodeCollector(targets[i], options, archive, deadline).Run();
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
  }  // joins
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  bool incomplete =
      std::any_of(outcomes.begin(), outcomes.end(),
                  [](const CollectOutcome& outcome) { return !outcome.error.empty(); });
  if (incomplete && InterruptionSignal() != 0) {
    throw InterruptedError("collecting evidence was interrupted");
  }
  return outcomes;
}

std::vector<std::string> AvailableProbes(const std::filesystem::path& remote_directory) {
  std::vector<std::string> probes;
  try {
    for (const auto& entry : std::filesystem::directory_iterator(remote_directory / "probes")) {
      std::string name = entry.path().stem().string();
      if (entry.path().extension() == ".sh" && IsProbeName(name)) probes.push_back(name);
    }
  } catch (const std::filesystem::filesystem_error& error) {
    throw EvidenceError(fmt::format("cannot list the probes: {}", error.what()));
  }
  std::sort(probes.begin(), probes.end());
  return probes;
}

}  // namespace passthrough
