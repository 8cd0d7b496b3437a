#include "helpers/disruption/node_disruption.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/disruption/reboot.h"

namespace passthrough {
namespace {

constexpr int kGpusAreHeld = 6;  // exit status of release.sh and rescan.sh
constexpr int kStillListed = 3;  // of rescan.sh
constexpr int kRemovalHangs = 7;
constexpr int kHoldersNamed = 10;
constexpr size_t kMostHolder = 60;
constexpr size_t kMostWord = 64;
constexpr size_t kMostWords = 256;

// Throws Error where programs on the node, or its kernel, hold its GPUs.
void RequireReleased(const ExecResult& result) {
  if (result.exit_status != kGpusAreHeld) return;
  std::vector<std::string> holders;
  const std::string named = LastLines(result.error_output, kHoldersNamed);
  for (const std::string_view line : SplitLines(named)) {
    holders.push_back(Shortened(Printable(Trim(line)), kMostHolder));
  }
  throw Error(fmt::format(
      "nothing was done, for programs on the node, or its kernel, hold its GPUs open, and the removal would "
      "wait for them without end: {}. Stop them{}",
      fmt::join(holders, ", "),
      named.find("nvidia_drm") == std::string::npos
          ? ""
          : "; of nvidia_drm: end the display server, and load it with modeset=0 and fbdev=0"));
}

bool IsReleasedWord(std::string_view word) {
  return word.size() <= kMostWord &&
         word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:") ==
             std::string_view::npos &&
         word.find(':') != std::string_view::npos;
}

}  // namespace

std::vector<std::string> ReleasedWords(std::string_view printed) {
  std::vector<std::string> words;
  for (const std::string_view word : SplitLines(printed)) {
    if (IsReleasedWord(word) && words.size() < kMostWords) words.emplace_back(word);
  }
  return words;
}

NodeDisruption::NodeDisruption(const DisruptionTarget& target, std::vector<PciAddress> gpus_in_node,
                               const DisruptedNode& node, const RunDirectory& run)
    : target_(target),
      in_node_(std::move(gpus_in_node)),
      node_(node),
      run_(run),
      verified_(node.access, node.domain, node.limits),
      unplugged_(node.domain, run.Evidence() / target.node, node.report, node.log) {}

void NodeDisruption::Run(const DisruptionRequest& request) {
  try {
    DoAll(request);
  } catch (const InterruptedError&) {
    if (released_) {
      unplugged_.Reattach(node_.limits.reattach);
      Restore(Deadline::After(node_.limits.restore).Uninterruptible());
    }
    throw;
  }
}

void NodeDisruption::DoAll(const DisruptionRequest& request) {
  if (request.rescan) Step(kAfterRescan, [this](DisruptionStep&) { Rescan(); });
  if (request.unplug) {
    Step(kAfterUnplug, [this](DisruptionStep&) { Unplug(); });
    Step(kAfterReplug, [this](DisruptionStep&) { Replug(); });
  }
  for (int cycle = 1; cycle <= request.reboots; ++cycle) {
    Step(AfterReboot(cycle), [this](DisruptionStep& step) { Reboot(step); });
  }
  Reattach();
}

// Does `body`, whose Error is the step's, then takes the snapshot.
void NodeDisruption::Step(const std::string& snapshot, const Body& body) {
  DisruptionStep step;
  step.snapshot = snapshot;
  if (!lost_.empty()) {
    step.error = "not tried: " + lost_;
    Keep(step);
    return;
  }
  const auto begin = Deadline::Clock::now();
  try {
    body(step);
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    step.error = error.what();
    if (dynamic_cast<const NodeLostError*>(&error) != nullptr) {
      lost_ = "the node did not come back earlier (" + snapshot + ")";
    }
    node_.report(Printable(snapshot + ": " + step.error));
  }
  step.seconds = SecondsSince(begin);
  Keep(step);
  if (lost_.empty()) node_.access.TakeSnapshot(snapshot);
}

void NodeDisruption::Keep(const DisruptionStep& step) {
  done_.steps.push_back(step);
  WriteDisruption(run_, target_.node, done_);
}

void NodeDisruption::Rescan() {
  if (in_node_.empty()) throw Error("not tried: the node lists none of the planned GPUs");
  node_.report("removing and rescanning " + Count(in_node_.size(), "GPU"));
  const auto session = verified_.Connect();
  ExecResult result;
  try {
    result = session->Run("rescan", AsArguments(in_node_), Deadline::After(node_.limits.action));
  } catch (const TimeoutError&) {
    RemovalHangs();
  }
  if (result.exit_status == kRemovalHangs) RemovalHangs();
  RequireReleased(result);
  if (result.exit_status == kStillListed) throw Error("a GPU was still listed after it was removed through sysfs");
  if (result.exit_status != 0) {
    throw Error(fmt::format("remove and rescan through sysfs failed with exit status {}: {}", result.exit_status,
                            LastErrorLines(result)));
  }
  WaitForDrivers();
}

// The node's kernel holds its lock of the PCI bus from now on: whoever plugs or unplugs waits, and libvirt with them.
void NodeDisruption::RemovalHangs() {
  stuck_ = fmt::format("the removal of a GPU through sysfs hangs in the node's kernel ({})", kAfterRescan);
  throw TimeoutError(fmt::format(
      "removing the GPUs through sysfs did not end within {}: something holds them that no /proc shows, or "
      "their driver hangs; \"echo w >/proc/sysrq-trigger\" on the node shows in its kernel log where. Nothing "
      "but a reboot of the node ends it",
      HumanSeconds(std::chrono::duration<double>(node_.limits.action).count())));
}

void NodeDisruption::Unplug() {
  if (!stuck_.empty()) throw Error("not tried: " + stuck_);
  if (!target_.unplug.problem.empty()) throw Error("not tried: " + target_.unplug.problem);
  for (const UnplugGroup& group : target_.unplug.groups) unplugged_.RequireUnpluggable(group.functions);
  Release();
  for (const UnplugGroup& group : target_.unplug.groups) {
    for (const PciAddress& function : group.functions) {
      unplugged_.Unplug(function, Deadline::After(node_.limits.guest), !group.IsGpu(function));
    }
  }
}

void NodeDisruption::Replug() {
  const auto restore = [this] { Restore(Deadline::After(node_.limits.ssh + node_.limits.action)); };
  try {
    if (unplugged_.PlugIn() == 0) throw Error("not tried: no GPU was unplugged");
    WaitForDrivers();
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error&) {
    restore();
    throw;
  }
  restore();
}

// Before libvirt is asked: it would wait with the kernel.
void NodeDisruption::Release() {
  const ExecResult result = verified_.Connect()->Run("release", {}, Deadline::After(node_.limits.action));
  RequireReleased(result);
  if (result.exit_status != 0) {
    throw Error(
        fmt::format("nothing was unplugged, for whether the node's GPUs are in use is not known: exit status "
                    "{}: {}",
                    result.exit_status, LastErrorLines(result)));
  }
  released_ = ReleasedWords(result.output);
}

// What Release() stopped. No error of a step: the GPUs are checked by what the snapshot has.
void NodeDisruption::Restore(const Deadline& deadline) {
  if (!released_) return;
  const std::vector<std::string> words = *std::exchange(released_, std::nullopt);
  try {
    verified_.Connect(deadline)->Run("restore", words, deadline);
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    node_.report(fmt::format("whether what used the node's GPUs runs again as before is not known: {}",
                             Printable(error.what())));
  }
}

// What is still missing after all is an error of the step that had to bring it back.
void NodeDisruption::Reattach() {
  const std::string problem = unplugged_.Reattach(node_.limits.reattach);
  if (problem.empty()) return;
  for (DisruptionStep& step : done_.steps) {
    if (step.snapshot == kAfterReplug) step.error += (step.error.empty() ? "" : "; ") + problem;
  }
  WriteDisruption(run_, target_.node, done_);
}

void NodeDisruption::Reboot(DisruptionStep& step) {
  RebootNode({verified_, node_.domain, target_.subnet, node_.limits, node_.report}, step);
  WaitForDrivers();
}

// Not an error where one has none: the snapshot that follows has what is there.
void NodeDisruption::WaitForDrivers() {
  if (!verified_.WaitForDrivers(in_node_)) node_.report("not every GPU has a driver");
}

}  // namespace passthrough
