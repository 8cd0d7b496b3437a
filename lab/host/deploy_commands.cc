#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "helpers/base/error.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/deployer/deployer.h"
#include "helpers/libvirt/connection.h"
#include "lab/host/commands.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_facts.h"
#include "lab/host/lab_nodes.h"

namespace passthrough {
namespace {

// Where to deploy, and how it differs from a real host.
struct Target {
  std::string uri;
  DeploySettings settings;
};

std::string UriFromFacts(const std::filesystem::path& facts) {
  Profile profile;
  profile.host.emplace();
  profile.host->facts = facts;
  return ResolveProfile(profile, HostFacts::kRequired).libvirt_uri;
}

enum class Task { kCreate, kDestroy };

// Who destroys has no use for a new lab: either nothing is left, or it is elsewhere.
std::string WhatToDo(Task task, const std::filesystem::path& lab, const std::string& cluster_file) {
  if (task == Task::kDestroy) {
    return "so no cluster is there. One elsewhere is named by --connect URI (on a real host), --facts FILE or "
           "--lab-dir DIR (in a lab)";
  }
  const std::string file = std::filesystem::absolute(cluster_file).string();
  return "to start one: " + Printable(LabCommand({"up", "--lab-dir", lab.string(), file}));
}

LabPaths LabOf(const CommandLine& line) {
  const auto facts = line.Value("--facts");
  return LabPaths(facts ? std::filesystem::absolute(*facts).parent_path() : LabDirectoryOf(line));
}

Target TargetOf(const CommandLine& line, Task task) {
  const auto facts_file = line.Value("--facts");
  Target target;
  if (const auto uri = line.Value("--connect")) {
    target.uri = *uri;
    target.settings.target_options = {"--connect", *uri};
    return target;
  }
  const LabPaths paths = LabOf(line);
  const std::filesystem::path facts = facts_file ? std::filesystem::absolute(*facts_file) : paths.facts();
  if (!std::filesystem::exists(facts)) {
    throw Error(fmt::format("no lab is up in {} ({} is not there); {}", paths.directory.string(), facts.string(),
                            WhatToDo(task, paths.directory, line.arguments[0])));
  }
  target.uri = UriFromFacts(facts);
  target.settings = ReadDeploySettings(paths.deployer());
  if (facts_file) {
    target.settings.target_options = {"--facts", facts.string()};
  } else {
    target.settings.target_options = {"--lab-dir", paths.directory.string()};
  }
  return target;
}

void WaitForNodes(const Plan& plan, const CommandLine& line) {
  const LabPaths lab = LabOf(line);
  const std::optional<LabRecord> record = ReadLabRecord(lab);
  if (!record) throw Error(fmt::format("--wait: {} is not the directory of a lab", lab.directory.string()));
  for (const PlannedNode* const node : plan.RunningNodes()) {
    WaitForNode(node->name, lab, *record);
    fmt::print("node {} answers\n", node->name);
    std::fflush(stdout);
  }
}

template <typename Action>
int Deploy(const CommandLine& line, Task task, Action action) {
  const ClusterFile file = LoadClusterFile(line.arguments[0]);
  Target target = TargetOf(line, task);
  target.settings.run = line.Value("--run").value_or("");
  LibvirtConnection connection = LibvirtConnection::Open(target.uri, Deadline::After(std::chrono::seconds(60)));
  action(MakePlan(file), target.settings, connection, [](const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
  });
  return 0;
}

}  // namespace

int RunCreate(const CommandLine& line) {
  return Deploy(
      line, Task::kCreate,
      [&](const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection, const DeployLog& log) {
        CreateCluster(plan, settings, connection, log);
        if (line.Has("--wait")) WaitForNodes(plan, line);
      });
}

int RunDestroy(const CommandLine& line) {
  return Deploy(line, Task::kDestroy,
                [&](const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection,
                    const DeployLog& log) { DestroyCluster(plan, settings, connection, log, line.Has("--force")); });
}

}  // namespace passthrough
