#include "lab/commands.h"

#include <fmt/format.h>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "lab/lab_directory.h"
#include "lab/lab_images.h"
#include "lab/lab_snapshots.h"
#include "lab/lab_up.h"
#include "lab/step_log.h"

namespace passthrough {
namespace {

const OptionRule kLabDir = {"--lab-dir", "DIR",
                            "the lab's directory (default: see passthrough-lab --help)"};
const OptionRule kCache = {"--cache", "DIR",
                           "images and saved states (default ~/.cache/pcie-passthrough-suite)"};

std::filesystem::path CacheOf(const CommandLine& line) {
  const auto cache = line.Value("--cache");
  return std::filesystem::absolute(cache ? ExpandHome(*cache) : UserCacheDirectory());
}

// Empty without the option.
std::string OwnerOf(const CommandLine& line) {
  const auto owner = line.Value("--owner");
  if (owner && SnapshotNameProblem(*owner) != "") {
    throw UsageError(fmt::format("--owner {}: must be at most 64 letters, digits, '_', '.' and '-', and neither '.' "
                                 "nor '-' first",
                                 Printable(*owner)));
  }
  return owner.value_or("");
}

int RunUp(const CommandLine& line) {
  LabUpOptions options;
  options.cluster_file = line.arguments[0];
  options.directory = LabDirectoryOf(line);
  options.cache = CacheOf(line);
  options.fresh = line.Has("--fresh");
  options.owner = OwnerOf(line);
  BringLabUp(options, StepLog());
  return 0;
}

int RunDown(const CommandLine& line) {
  TakeLabDown(LabDirectoryOf(line), line.Has("--keep"), StepLog(), OwnerOf(line));
  return 0;
}

int RunSnapshot(const CommandLine& line) {
  SnapshotLab(LabDirectoryOf(line), line.arguments[0], line.Has("--replace"), StepLog());
  return 0;
}

int RunRestore(const CommandLine& line) {
  RestoreLab(LabDirectoryOf(line), line.arguments[0], StepLog());
  return 0;
}

int RunSnapshots(const CommandLine& line) {
  for (const LabSnapshot& snapshot : ListSnapshots(LabPaths(LabDirectoryOf(line)))) {
    fmt::print("{}  {}  {} MiB\n", snapshot.time, snapshot.name, snapshot.bytes >> 20);
  }
  return 0;
}

int RunBuild(const CommandLine& line) {
  const LabImages images = EnsureImages(CacheOf(line), StepLog(line.Has("--quiet")));
  fmt::print("{}\n", images.directory.string());
  return 0;
}

}  // namespace

std::filesystem::path LabDirectoryOf(const CommandLine& line) {
  const auto directory = line.Value("--lab-dir");
  const std::filesystem::path path = directory ? ExpandHome(*directory) : DefaultLabDirectory();
  return std::filesystem::absolute(path).lexically_normal();
}

const std::vector<Command>& Commands() {
  const OptionRule facts = {"--facts", "FILE", "deploy into the lab that this facts.yaml is of"};
  const OptionRule connect = {"--connect", "URI",
                              "deploy on the host with this libvirt URI, with real devices"};
  static const std::vector<Command> commands = {
      {{"up",
        {kLabDir,
         {"--fresh", "", "boot, even where a saved state is there"},
         {"--owner", "NAME", "whose it is if this starts it, for down --owner"},
         kCache},
        {"CLUSTER_FILE"},
        false,
        "Starts a lab host: a virtual machine with an IOMMU, libvirt, and a function at every PCI\n"
        "address that CLUSTER_FILE names. Says so where it is up already.\n"},
       RunUp},
      {{"down",
        {kLabDir,
         {"--keep", "", "keep the snapshots, for restore"},
         {"--owner", "NAME", "only if up was called with the same --owner, and started it"}},
        {},
        false,
        "Stops the lab host, with whatever runs in it, and removes all of its files.\n"},
       RunDown},
      {{"status",
        {kLabDir, {"--quiet", "", "say nothing"}},
        {},
        false,
        "Tells what the lab is and what runs in it. Exit status 0 if it is up, 1 if it is\n"
        "down, 2 if it is neither (it starts) or that cannot be found out.\n"},
       RunStatus},
      {{"ssh",
        {kLabDir},
        {"[NODE_OR_DOMAIN]"},
        true,
        "A shell, or COMMAND, on the lab host, or through it on a node: by its name in the plan\n"
        "(hpc_compute_01) or by its libvirt domain.\n"},
       RunSsh},
      {{"snapshot",
        {kLabDir, {"--replace", "", "in place of an earlier one of this name"}},
        {"NAME"},
        false,
        "Saves the lab host with whatever runs in it. It stands still meanwhile.\n"},
       RunSnapshot},
      {{"restore",
        {kLabDir},
        {"NAME"},
        false,
        "Goes back to a snapshot; also starts a lab that was stopped by down --keep.\n"},
       RunRestore},
      {{"snapshots", {kLabDir}, {}, false, "Lists the snapshots: when, name, size.\n"},
       RunSnapshots},
      {{"create",
        {kLabDir, facts, connect},
        {"CLUSTER_FILE"},
        false,
        "Makes the clusters of CLUSTER_FILE in libvirt: networks, pools, volumes, domains; starts\n"
        "the nodes. In the lab, unless --connect names another host.\n"},
       RunCreate},
      {{"destroy",
        {kLabDir, facts, connect, {"--force", "", "do not ask"}},
        {"CLUSTER_FILE"},
        false,
        "Removes what create makes for CLUSTER_FILE.\n"},
       RunDestroy},
      {{"build",
        {kCache, {"--quiet", "", "print nothing but the directory"}},
        {},
        false,
        "Builds the lab's images, if this version's are not in the cache, and prints where they "
        "are.\n"},
       RunBuild}};
  return commands;
}

}  // namespace passthrough
