#include "tests/faults/harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "fixtures/verdict/compare.h"
#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "tests/faults/fault_lab.h"
#include "tests/faults/planted_run.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

// Something to do in a lab that others may do at the same time in theirs.
using Job = std::function<void(FaultLab&)>;

class Harness {
 public:
  explicit Harness(const HarnessSettings& settings) {
    std::vector<const Fault*> replays;
    std::deque<Job> faults;
    for (const Fault* fault : settings.faults) {
      if (fault->mode == FaultMode::kReplay) {
        replays.push_back(fault);
      } else if (fault->cluster == FaultCluster::kTwoNodes) {
        two_nodes_.push_back([this, fault](FaultLab& lab) { Try(*fault, lab); });
      } else {
        faults.push_back([this, fault](FaultLab& lab) { Try(*fault, lab); });
      }
    }
    const int deployments = std::max(settings.deployments, replays.empty() ? 0 : 1);
    for (int i = 0; i < deployments; ++i) {
      one_gpu_.push_back([this, replays = i == 0 ? replays : std::vector<const Fault*>()](FaultLab& lab) {
        DeployHealthy(lab);
        for (const Fault* fault : replays) Try(*fault, lab);
      });
    }
    for (int i = 0; i < settings.healthy_runs; ++i) one_gpu_.push_back([this](FaultLab& lab) { RunOnHealthy(lab); });
    one_gpu_.insert(one_gpu_.end(), faults.begin(), faults.end());
    labs_ = std::min(settings.labs, static_cast<int>(one_gpu_.size() + two_nodes_.size()));
  }

  Summary Run() {
    const auto start = std::chrono::steady_clock::now();
    if (labs_ < 2) {
      Work();
    } else {
      std::vector<std::jthread> workers;
      for (int i = 0; i < labs_; ++i) workers.emplace_back([this] { Work(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return summary_;
  }

 private:
  // One lab after the other, until there is nothing left to do.
  void Work() {
    try {
      Drain(FaultCluster::kTwoNodes, two_nodes_);
      Drain(FaultCluster::kOneGpu, one_gpu_);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      one_gpu_.clear();
      two_nodes_.clear();
    }
  }

  void Drain(FaultCluster cluster, std::deque<Job>& jobs) {
    if (cluster == FaultCluster::kTwoNodes && two_nodes_taken_.exchange(true)) return;
    std::optional<Job> job = Next(jobs);
    if (!job) return;
    Say(fmt::format("bringing up a lab and deploying {} in it",
                    cluster == FaultCluster::kOneGpu ? "a cluster" : "a cluster of two GPU nodes"));
    FaultLab lab(cluster);
    for (; job; job = Next(jobs)) (*job)(lab);
  }

  std::optional<Job> Next(std::deque<Job>& jobs) {
    const std::lock_guard lock(mutex_);
    if (jobs.empty()) return std::nullopt;
    Job job = std::move(jobs.front());
    jobs.pop_front();
    return job;
  }

  void Try(const Fault& fault, FaultLab& lab) {
    Verdict verdict;
    try {
      const PlantedRun planted = PlantAndRun(fault, lab, evidence_);
      verdict = Compare(fault, planted);
      CompareWithHealthy(fault, planted, verdict);
    } catch (const InterruptedError&) {
      throw;
    } catch (const Error& error) {
      verdict.fault = &fault;
      verdict.problems.emplace_back(error.what());
    }
    Say(Row(verdict));
    const std::lock_guard lock(mutex_);
    summary_.verdicts.push_back(verdict);
  }

  // --compare of a healthy run with one on a fault has to name something.
  void CompareWithHealthy(const Fault& fault, const PlantedRun& planted, Verdict& verdict) {
    std::string healthy;
    if (fault.mode == FaultMode::kReplay) {
      healthy = ReadFile(evidence_ / "verdict.json");
    } else if (fault.mode == FaultMode::kAttach && fault.cluster == FaultCluster::kOneGpu) {
      const std::lock_guard lock(mutex_);
      healthy = attached_;
    }
    if (healthy.empty() || planted.report.failed.empty() || !CompareVerdicts(healthy, planted.verdict).empty()) return;
    verdict.problems.emplace_back("--compare with a healthy run names nothing");
    verdict.caught = false;
  }

  void RunOnHealthy(FaultLab& lab) {
    lab.Restore(FaultLab::kDeployed);
    Expect(lab.lab().Suite({"--attach"}), "a run on the healthy cluster", &summary_.healthy_runs);
    const std::string verdict = ReadFile(lab.lab().Latest() / "verdict.json");
    const std::lock_guard lock(mutex_);
    if (attached_.empty()) attached_ = verdict;
    // And of two healthy ones nothing.
    for (const std::string& change : CompareVerdicts(attached_, verdict)) {
      summary_.false_alarms.push_back("--compare of two healthy runs: " + change);
    }
  }

  void DeployHealthy(FaultLab& lab) {
    lab.Restore(FaultLab::kUp);
    Expect(lab.lab().Suite({}), "a whole run of the healthy cluster", &summary_.deployments);
    const std::lock_guard lock(mutex_);
    if (!evidence_.empty()) return;
    evidence_ = kept_.path() / "healthy";
    fs::copy(fs::canonical(lab.lab().Latest()), evidence_, fs::copy_options::recursive);
  }

  void Expect(const ChildResult& result, const std::string& what, int* count) {
    const bool green = result.exit_status == 0;
    Say(green ? fmt::format("green: {} ({:.1f} s)", what, result.seconds)
              : fmt::format("FALSE ALARM: {}\n{}", what, result.output));
    const std::lock_guard lock(mutex_);
    ++*count;
    if (!green) summary_.false_alarms.push_back(what);
  }

  void Say(const std::string& text) {
    const std::lock_guard lock(mutex_);
    fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
    std::fflush(stdout);
  }

  std::mutex mutex_;  // guards all but labs_, kept_ and what the two below were before the first worker
  std::deque<Job> one_gpu_;
  std::deque<Job> two_nodes_;
  std::atomic<bool> two_nodes_taken_ = false;
  int labs_ = 1;
  TemporaryDirectory kept_{"faults"};
  std::string attached_;  // verdict.json of the first run on the healthy cluster; empty: there was none yet
  fs::path evidence_;     // of a healthy run; written before any fault that is planted in it is tried
  Summary summary_;
  std::exception_ptr failure_;
};

}  // namespace

Summary PlantAll(const HarnessSettings& settings) { return Harness(settings).Run(); }

}  // namespace passthrough
