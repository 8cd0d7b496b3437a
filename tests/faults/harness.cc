#include "tests/faults/harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
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

// In the order in which their labs are brought up; the last takes whoever is free.
constexpr std::array kClusters = {FaultCluster::kTwoNodes, FaultCluster::kDevices, FaultCluster::kOneGpu};

class Harness {
 public:
  explicit Harness(const HarnessSettings& settings) {
    std::map<FaultCluster, std::vector<const Fault*>> replays;
    std::map<FaultCluster, std::deque<Job>> faults;
    for (const Fault* fault : settings.faults) {
      if (fault->mode == FaultMode::kReplay) {
        replays[fault->cluster].push_back(fault);
      } else {
        faults[fault->cluster].push_back([this, fault](FaultLab& lab) { Try(*fault, lab); });
      }
    }
    for (const FaultCluster cluster : kClusters) {
      std::deque<Job>& jobs = jobs_[cluster];
      const bool usual = cluster == FaultCluster::kOneGpu;
      // What is planted in evidence needs that of a whole run.
      if (!replays[cluster].empty()) {
        jobs.push_back([this, planted = replays[cluster]](FaultLab& lab) {
          DeployHealthy(lab);
          for (const Fault* fault : planted) Try(*fault, lab);
        });
      }
      for (int i = static_cast<int>(jobs.size()); usual && i < settings.deployments; ++i) {
        jobs.push_back([this](FaultLab& lab) { DeployHealthy(lab); });
      }
      for (int i = 0; usual && i < settings.healthy_runs; ++i) {
        jobs.push_back([this](FaultLab& lab) { RunOnHealthy(lab); });
      }
      jobs.insert(jobs.end(), faults[cluster].begin(), faults[cluster].end());
      labs_ += static_cast<int>(jobs.size());
    }
    labs_ = std::min(settings.labs, labs_);
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
      for (const FaultCluster cluster : kClusters) Drain(cluster);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      for (auto& [cluster, jobs] : jobs_) jobs.clear();
    }
  }

  // Of the clusters with few faults there is one lab each: bringing up another would take longer than they do.
  void Drain(FaultCluster cluster) {
    std::optional<Job> job = Next(cluster);
    if (!job) return;
    Say(fmt::format("bringing up a lab and deploying the cluster of {} in it", ConfigOf(cluster).filename().string()));
    FaultLab lab(cluster);
    for (; job; job = Next(cluster, &lab)) (*job)(lab);
  }

  // `lab`: in which the last one was done; nullptr: there is none yet.
  std::optional<Job> Next(FaultCluster cluster, FaultLab* lab = nullptr) {
    const std::lock_guard lock(mutex_);
    std::deque<Job>& jobs = jobs_[cluster];
    if (jobs.empty()) return std::nullopt;
    if (lab == nullptr && cluster != FaultCluster::kOneGpu && !taken_.insert(cluster).second) return std::nullopt;
    Job job = std::move(jobs.front());
    jobs.pop_front();
    return job;
  }

  void Try(const Fault& fault, FaultLab& lab) {
    Verdict verdict;
    try {
      const PlantedRun planted = PlantAndRun(fault, lab, Evidence(fault.cluster));
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
      healthy = ReadFile(Evidence(fault.cluster) / "verdict.json");
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
    const fs::path kept = Evidence(lab.cluster());
    const std::lock_guard lock(mutex_);
    if (!fs::exists(kept)) fs::copy(fs::canonical(lab.lab().Latest()), kept, fs::copy_options::recursive);
  }

  // Of a healthy run; there before any fault is planted in it.
  fs::path Evidence(FaultCluster cluster) const { return kept_.path() / ConfigOf(cluster).stem(); }

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

  std::mutex mutex_;  // guards all but labs_ and kept_
  std::map<FaultCluster, std::deque<Job>> jobs_;
  std::set<FaultCluster> taken_;  // those whose one lab there is or was
  int labs_ = 0;
  TemporaryDirectory kept_{"faults"};
  std::string attached_;  // verdict.json of the first run on the healthy cluster; empty: there was none yet
  Summary summary_;
  std::exception_ptr failure_;
};

}  // namespace

Summary PlantAll(const HarnessSettings& settings) { return Harness(settings).Run(); }

}  // namespace passthrough
