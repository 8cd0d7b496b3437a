#include "lab/host/commands.h"

#include <fmt/format.h>

#include "helpers/base/files.h"
#include "helpers/base/install_paths.h"
#include "helpers/base/text.h"
#include "helpers/command_line/completion.h"
#include "helpers/command_line/manual_page.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_images.h"
#include "lab/host/lab_snapshots.h"
#include "lab/host/lab_up.h"
#include "lab/host/step_log.h"

namespace passthrough {
namespace {

constexpr char kOverview[] =
    R"(A lab is a GPU host in a virtual machine, with emulated devices and a stub driver, on any machine.
Several can be up at once, each in a directory of its own: --lab-dir, $PASSTHROUGH_LAB_DIR, or
~/.local/state/pcie-passthrough-suite/labs/default.)";

std::string OwnerProblem(const std::string& owner) {
  if (SnapshotNameProblem(owner).empty()) return "";
  return "must be at most 64 letters, digits, '_', '.' and '-', and neither '.' nor '-' first";
}

int RunUp(const CommandLine& line) {
  LabUpOptions options;
  options.cluster_file = line.arguments[0];
  options.directory = LabDirectoryOf(line);
  options.images = ImageRecipeOf(line);
  options.fresh = line.Has("--fresh");
  options.owner = line.Value("--owner").value_or("");
  BringLabUp(options, StepLog());
  return 0;
}

int RunDown(const CommandLine& line) {
  TakeLabDown(LabDirectoryOf(line), line.Has("--keep"), StepLog(), line.Value("--owner").value_or(""));
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
  const LabImages images = EnsureImages(ImageRecipeOf(line), StepLog(line.Has("--quiet")));
  fmt::print("{}\n", images.directory.string());
  return 0;
}

int RunCompletion(const CommandLine& line) {
  const std::string& shell = line.arguments[0];
  if (const std::string problem = ShellProblem(shell); !problem.empty()) {
    throw UsageError(fmt::format("completion: {}: {}", Printable(shell), problem));
  }
  fmt::print("{}", CompletionScript(LabCommandRule(), shell));
  return 0;
}

int RunManual(const CommandLine& /*line*/) {
  fmt::print("{}", ManualPage(LabCommandRule(), "pcie-passthrough-suite " PASSTHROUGH_VERSION));
  return 0;
}

// --- what they are called and take ---

OptionRule LabDir() {
  return {
      .name = "--lab-dir", .value = "DIR", .help = "the lab's directory", .default_text = "see passthrough-lab --help"};
}

std::string ReleaseProblem(const std::string& release) {
  return release == "bookworm" || release == "trixie" ? "" : "must be bookworm or trixie, Debian's 12 and 13";
}

// Where the lab's images are kept and what they are made of; lab/images/build.sh has the same.
std::vector<OptionRule> ImageOptions() {
  return {{.name = "--cache",
           .value = "DIR",
           .help = "images and saved states",
           .default_text = "~/.cache/pcie-passthrough-suite"},
          {.name = "--host-release",
           .value = "RELEASE",
           .help = "of Debian, in the lab host: bookworm or trixie",
           .default_text = "$PASSTHROUGH_LAB_HOST_RELEASE, else bookworm",
           .problem_of = ReleaseProblem},
          {.name = "--node-release",
           .value = "RELEASE",
           .help = "the same, in the nodes",
           .default_text = "$PASSTHROUGH_LAB_NODE_RELEASE, else bookworm",
           .problem_of = ReleaseProblem},
          {.name = "--host-kernel",
           .value = "WHAT",
           .help = "the lab host's kernel: a package's name or file, or a directory with vmlinuz and "
                   "lib/modules/VERSION",
           .default_text = "$PASSTHROUGH_LAB_HOST_KERNEL, else the release's"},
          {.name = "--host-qemu",
           .value = "WHAT",
           .help = "the lab host's QEMU: a package file, or a directory as make install DESTDIR=DIR fills it",
           .default_text = "$PASSTHROUGH_LAB_HOST_QEMU, else the release's"}};
}

std::vector<OptionRule> With(std::vector<OptionRule> options, const std::vector<OptionRule>& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

OptionRule Owner(const std::string& help) {
  return {.name = "--owner", .value = "NAME", .help = help, .problem_of = OwnerProblem};
}

CommandRule CheckRule() {
  return {.name = "check",
          .options = With({LabDir()}, ImageOptions()),
          .arguments = {"CLUSTER_FILE"},
          .help =
              "Says what would keep a lab for CLUSTER_FILE from starting here, a problem a line: QEMU, what\n"
              "its images are built with, disk, memory. Exit status 0 if there is nothing. Starts nothing."};
}

CommandRule UpRule() {
  return {.name = "up",
          .options = With({LabDir(),
                           {.name = "--fresh", .help = "boot, even where a saved state is there"},
                           Owner("whose it is if this starts it, for down --owner")},
                          ImageOptions()),
          .arguments = {"CLUSTER_FILE"},
          .help =
              "Starts a lab host: a virtual machine with an IOMMU, libvirt, and a function at every PCI\n"
              "address that CLUSTER_FILE names. Says so where it is up already."};
}

CommandRule DownRule() {
  return {.name = "down",
          .options = {LabDir(),
                      {.name = "--keep", .help = "keep the snapshots, for restore"},
                      Owner("only if up was called with the same --owner, and started it")},
          .help = "Stops the lab host, with whatever runs in it, and removes all of its files."};
}

CommandRule StatusRule() {
  return {.name = "status",
          .options = {LabDir(), {.name = "--quiet", .help = "print nothing"}},
          .help =
              "Prints what the lab is and what runs in it. Exit status 0 if it is up, 1 if it is\n"
              "down, 2 if it is neither (it starts), that cannot be found out, or the command line\n"
              "is wrong."};
}

CommandRule SshRule() {
  return {.name = "ssh",
          .options = {LabDir()},
          .arguments = {"[NODE_OR_DOMAIN]"},
          .passes_on = true,
          .help =
              "A shell, or COMMAND, on the lab host, or through it on a node: by its name in the plan\n"
              "(hpc_compute_01) or by its libvirt domain."};
}

CommandRule SnapshotRule() {
  return {.name = "snapshot",
          .options = {LabDir(), {.name = "--replace", .help = "in place of an earlier one of this name"}},
          .arguments = {"NAME"},
          .help = "Saves the lab host with whatever runs in it. It stands still meanwhile."};
}

CommandRule RestoreRule() {
  return {.name = "restore",
          .options = {LabDir()},
          .arguments = {"NAME"},
          .help = "Goes back to a snapshot; also starts a lab that was stopped by down --keep."};
}

CommandRule SnapshotsRule() {
  return {.name = "snapshots", .options = {LabDir()}, .help = "Lists the snapshots: when, name, size."};
}

CommandRule DeployRule(const std::string& name, const std::string& help) {
  return {.name = name,
          .options = {LabDir(),
                      {.name = "--facts", .value = "FILE", .help = "in the lab that this facts.yaml is of"},
                      {.name = "--connect",
                       .value = "URI",
                       .help = "on the host with this libvirt URI, with its real devices"},
                      {.name = "--run",
                       .value = "WORD",
                       .help = "for one run: what is created gets UUIDs that follow from WORD, and nothing else is "
                               "destroyed"}},
          .arguments = {"CLUSTER_FILE"},
          .help = help,
          .choices = {{{"--connect", "--facts", "--lab-dir"}, "only one of them can say where to deploy"}}};
}

CommandRule CreateRule() {
  CommandRule rule =
      DeployRule("create",
                 "Makes the clusters of CLUSTER_FILE in libvirt: networks, pools, volumes, domains; starts\n"
                 "the nodes. In the lab, unless --connect names another host.");
  rule.options.push_back({.name = "--wait", .help = "until the nodes answer over SSH; in a lab"});
  rule.choices.push_back({{"--wait", "--connect"}, "it waits for nodes in a lab alone"});
  return rule;
}

CommandRule DestroyRule() {
  CommandRule rule = DeployRule("destroy", "Removes what create makes for CLUSTER_FILE.");
  rule.options.push_back({.name = "--force", .help = "do not ask"});
  return rule;
}

CommandRule BuildRule() {
  return {.name = "build",
          .options = With({{.name = "--quiet", .help = "print nothing but the directory"}}, ImageOptions()),
          .help = "Builds the lab's images, if this version's are not in the cache, and prints where they are."};
}

CommandRule CompletionRule() {
  return {.name = "completion",
          .arguments = {"SHELL"},
          .help = "Prints the completion script of a shell: of bash, zsh or fish."};
}

CommandRule ManualRule() { return {.name = "manual", .help = "Prints the manual page: for man -l -."}; }

}  // namespace

std::filesystem::path LabDirectoryOf(const CommandLine& line) {
  const auto directory = line.Value("--lab-dir");
  const std::filesystem::path path = directory ? ExpandHome(*directory) : DefaultLabDirectory();
  return std::filesystem::absolute(path).lexically_normal();
}

LabImageRecipe ImageRecipeOf(const CommandLine& line) {
  const auto cache = line.Value("--cache");
  LabImageRecipe recipe;
  recipe.cache = std::filesystem::absolute(cache ? ExpandHome(*cache) : UserCacheDirectory());
  for (const OptionRule& option : ImageOptions()) {
    const auto value = line.Value(option.name);
    if (value && option.name != "--cache") recipe.options.insert(recipe.options.end(), {option.name, *value});
  }
  return recipe;
}

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = {
      {CheckRule(), RunCheck},     {UpRule(), RunUp},
      {DownRule(), RunDown},       {StatusRule(), RunStatus},
      {SshRule(), RunSsh},         {SnapshotRule(), RunSnapshot},
      {RestoreRule(), RunRestore}, {SnapshotsRule(), RunSnapshots},
      {CreateRule(), RunCreate},   {DestroyRule(), RunDestroy},
      {BuildRule(), RunBuild},     {CompletionRule(), RunCompletion},
      {ManualRule(), RunManual},
  };
  return commands;
}

const CommandRule& LabCommandRule() {
  static const CommandRule rule = [] {
    CommandRule program{.name = "passthrough-lab",
                        .summary = "GPU hosts in virtual machines, with emulated devices",
                        .help = kOverview,
                        .synopsis = "COMMAND [OPTIONS...]",
                        .footer = "passthrough-lab COMMAND --help describes one.",
                        .see_also = "passthrough-suite(1), qemu-system-x86_64(1), virsh(1)"};
    for (const Command& command : Commands()) program.commands.push_back(command.rule);
    return program;
  }();
  return rule;
}

}  // namespace passthrough
