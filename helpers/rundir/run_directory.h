// The directory of one run: logs, evidence and reports, and where each of them is.
#pragma once

#include <filesystem>
#include <string>

namespace passthrough {

// logs/run-YYYY-MM-DD_HH-MM-SS/ with logs/latest pointing to it. Readable by its owner alone: console
// logs may hold anything. A value; any thread.
class RunDirectory {
 public:
  // Makes a new one below `log_directory` (which is made too) and points `latest` to it. Throws Error.
  static RunDirectory Create(const std::filesystem::path& log_directory);
  // One that exists. Throws Error where it is not a run: no run.json in it.
  static RunDirectory Open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path RunJson() const { return path_ / "run.json"; }
  std::filesystem::path TeardownRecordJson() const { return path_ / "teardown-record.json"; }
  std::filesystem::path JunitXml() const { return path_ / "junit.xml"; }
  std::filesystem::path MetricsProm() const { return path_ / "metrics.prom"; }
  std::filesystem::path VerdictJson() const { return path_ / "verdict.json"; }
  std::filesystem::path ReportHtml() const { return path_ / "report.html"; }
  std::filesystem::path GitlabAnnotations() const { return path_ / "gitlab-annotations.json"; }
  std::filesystem::path SummaryMd() const { return path_ / "summary.md"; }
  std::filesystem::path HostStartLog() const { return path_ / "host-start.log"; }
  std::filesystem::path HostStopLog() const { return path_ / "host-stop.log"; }
  std::filesystem::path ClusterStartLog() const { return path_ / "cluster-start.log"; }
  std::filesystem::path ClusterDestroyLog() const { return path_ / "cluster-destroy.log"; }
  std::filesystem::path GuardLog() const { return path_ / "guard.log"; }
  std::filesystem::path SshConfig() const { return path_ / "ssh_config"; }
  std::filesystem::path KnownHosts() const { return path_ / "known_hosts"; }
  std::filesystem::path TestResultsLog(const std::string& vm) const { return path_ / ("test-results-" + vm + ".log"); }
  std::filesystem::path Evidence() const { return path_ / "evidence"; }
  std::filesystem::path ClusterFile() const { return Evidence() / "cluster.yaml"; }
  // What the variables of the cluster file stood for; not there where it has none.
  std::filesystem::path ClusterVariables() const { return Evidence() / "cluster-variables.txt"; }
  std::filesystem::path DiscoveryJson() const { return Evidence() / "discovery.json"; }
  std::filesystem::path HostBefore() const { return Evidence() / "host" / "before.json"; }
  std::filesystem::path HostRunning() const { return Evidence() / "host" / "running.json"; }
  std::filesystem::path HostAfter() const { return Evidence() / "host" / "after.json"; }
  std::filesystem::path DomainXml(const std::string& domain) const { return Evidence() / "host" / (domain + ".xml"); }
  std::filesystem::path ConsoleLog(const std::string& node) const { return Evidence() / node / "console.log"; }

  // `file` as messages name it: relative to the run directory.
  std::string Relative(const std::filesystem::path& file) const;

 private:
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace passthrough
