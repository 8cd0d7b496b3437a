#include "helpers/run/disruption.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/evidence/collector.h"
#include "helpers/libvirt/discovery.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/parsers/pci_evidence.h"
#include "helpers/run/disruption_scripts.h"

namespace passthrough {
namespace {

using std::chrono::seconds;

// For one command on the node, and for a guest to let a device go or to take one. Firmware of real machines takes
// 10 s and more; an emulated machine inside an emulated machine takes its time for everything.
constexpr seconds kCommandLimit{120};
constexpr seconds kGuestLimit{60};
constexpr seconds kRestoreLimit{30};  // of a run that was interrupted
// A node goes down before it comes up, and an emulated one comes up slower than it first did: 30 s to 6 min were
// measured in a lab on a busy machine.
constexpr int kRebootsInSshLimits = 2;
constexpr size_t kMostConsole = 64u << 10;
constexpr int kConsoleLines = 6;
constexpr int kHoldersNamed = 10;
constexpr size_t kMostHolder = 60;

// Both shells of a node may have a PATH without sbin.
constexpr char kAsRoot[] = "sudo -n env PATH=\"$PATH:/usr/sbin:/sbin\" sh -c ";

// Runs one script as root and waits. The script must have no single quote in it.
std::string AsRoot(const std::string& script) { return kAsRoot + ("'" + script + "'"); }

std::string FunctionPath(const PciAddress& gpu) { return "/sys/bus/pci/devices/" + gpu.ToString(); }

// Throws Error where programs on the node hold its GPUs.
void RequireReleased(const ExecResult& result) {
  if (result.exit_status != kGpusAreHeld) return;
  std::vector<std::string> holders;
  for (const std::string_view line : SplitLines(LastLines(result.error_output, kHoldersNamed))) {
    holders.push_back(Shortened(Printable(Trim(line)), kMostHolder));
  }
  throw Error(fmt::format("nothing was done, for programs on the node hold its GPUs open, and the kernel would wait "
                          "for them without end: {}. Stop them",
                          fmt::join(holders, ", ")));
}

class NodeDisruption {
 public:
  NodeDisruption(const DisruptionTarget& target, const DisruptionTools& tools, const RunDirectory& run)
      : target_(target), account_(target.account), tools_(tools), run_(run) {
    const auto file = run.Evidence() / target.node / "pci.txt";
    const PciEvidence pci = PciEvidence::Parse(ReadFile(file), run.Relative(file));
    for (const PciFunction* gpu : pci.Nvidia(3)) in_node_.push_back(gpu->address);
  }

  void Run(const DisruptionRequest& request) {
    try {
      DoAll(request);
    } catch (const InterruptedError&) {
      if (released_) {
        unplugged_->GiveBack();
        Restore(Deadline::After(kRestoreLimit).Uninterruptible());
      }
      throw;
    }
  }

 private:
  void DoAll(const DisruptionRequest& request) {
    if (request.rescan) Step(kAfterRescan, [this](DisruptionStep&) { Rescan(); });
    if (request.unplug) {
      unplugged_.emplace(LiveDomainOf(*tools_.libvirt, target_.domain), run_.Evidence() / target_.node,
                         [this](const std::string& what) { Tell(what); }, tools_.debts);
      Step(kAfterUnplug, [this](DisruptionStep&) { Unplug(); });
      Step(kAfterReplug, [this](DisruptionStep&) { Replug(); });
    }
    for (int cycle = 1; cycle <= request.reboots; ++cycle) {
      Step(AfterReboot(cycle), [this](DisruptionStep& step) { Reboot(step); });
    }
    if (unplugged_) GiveBack();
  }

  // Does `body`, whose Error is the step's, then looks.
  template <typename Body>
  void Step(const std::string& look, Body body) {
    DisruptionStep step;
    step.look = look;
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
      Tell(Printable(look + ": " + step.error));
    }
    step.seconds = std::chrono::duration<double>(Deadline::Clock::now() - begin).count();
    Keep(step);
    if (lost_.empty()) Look(look);
  }

  void Keep(const DisruptionStep& step) {
    done_.steps.push_back(step);
    WriteDisruption(run_, target_.node, done_);
  }

  void Look(const std::string& look) {
    CollectOptions options;
    options.remote_directory = tools_.remote_directory;
    options.evidence_directory = run_.Evidence() / target_.node;
    options.probes = ProbesOfLooks();
    options.jump = tools_.jump;
    options.host_keys = tools_.host_keys;
    options.ready_limit = tools_.limits.ssh;
    options.collect_limit = tools_.limits.collect;
    options.on_progress = [this](const std::string& name, const std::string& what) {
      Tell(name + ": " + what);
    };
    Collect({{.node = look, .account = account_}}, options,
            Deadline::After(tools_.limits.ssh + tools_.limits.collect));
  }

  // --- remove and rescan ---

  void Rescan() {
    Tell("removing and rescanning " + Count(in_node_.size(), "GPU"));
    SshSession session = Connect(Deadline::After(tools_.limits.ssh));
    ExecResult result;
    try {
      result = session.Exec(AsRoot(RescanScript(in_node_)), {}, Deadline::After(kCommandLimit));
    } catch (const TimeoutError&) {
      throw TimeoutError(fmt::format("removing the GPUs through sysfs did not end within {} s: something on the "
                                     "node holds them open, or their driver hangs",
                                     kCommandLimit.count()));
    }
    RequireReleased(result);
    const std::string said = Printable(Trim(LastLines(result.error_output, 2)));
    if (result.exit_status == 3) throw Error("a GPU was still listed after it was removed through sysfs");
    if (result.exit_status != 0) {
      throw Error(fmt::format("remove and rescan through sysfs failed with exit status {}: {}", result.exit_status,
                              said));
    }
    WaitUntilListed();
  }

  // --- unplug and replug ---

  void Unplug() {
    Release();
    for (const PciAddress& gpu : target_.gpus) unplugged_->Unplug(gpu, Deadline::After(kGuestLimit));
  }

  void Replug() {
    try {
      if (unplugged_->PlugIn() == 0) throw Error("not tried: no GPU was unplugged");
      WaitUntilListed();
    } catch (const InterruptedError&) {
      throw;
    } catch (const Error&) {
      Restore(Deadline::After(tools_.limits.ssh + kCommandLimit));
      throw;
    }
    Restore(Deadline::After(tools_.limits.ssh + kCommandLimit));
  }

  // Before libvirt is asked: it would wait with the kernel.
  void Release() {
    SshSession session = Connect(Deadline::After(tools_.limits.ssh));
    const ExecResult result = session.Exec(AsRoot(ReleaseScript()), {}, Deadline::After(kCommandLimit));
    RequireReleased(result);
    if (result.exit_status != 0) {
      throw Error(fmt::format("nothing was unplugged, for whether the node's GPUs are in use is not known: exit status "
                              "{}: {}",
                              result.exit_status, Printable(Trim(LastLines(result.error_output, 2)))));
    }
    released_ = ReadReleased(result.output, in_node_);
  }

  // What Release() stopped. No error of a step: the GPUs are judged by what the look finds.
  void Restore(const Deadline& deadline) {
    if (!released_) return;
    const std::string script = RestoreScript(*released_);
    released_.reset();
    try {
      Connect(deadline).Exec(AsRoot(script), {}, deadline);
    } catch (const InterruptedError&) {
      throw;
    } catch (const Error& error) {
      Tell(fmt::format("whether nvidia-persistenced and persistence mode are as before is not known: {}",
                       Printable(error.what())));
    }
  }

  // What is still missing after all, is an error of the step that had to bring it back.
  void GiveBack() {
    const std::string problem = unplugged_->GiveBack();
    if (problem.empty()) return;
    for (DisruptionStep& step : done_.steps) {
      if (step.look == kAfterReplug) step.error += (step.error.empty() ? "" : "; ") + problem;
    }
    WriteDisruption(run_, target_.node, done_);
  }

  // --- reboot ---

  void Reboot(DisruptionStep& step) {
    {
      SshSession session = Connect(Deadline::After(tools_.limits.ssh));
      step.boot_id_before = BootId(session);
    }
    Tell("rebooting");
    {
      SshSession session = Connect(Deadline::After(tools_.limits.ssh));
      const std::string command = AsRoot("(sleep 1; reboot) >/dev/null 2>&1 </dev/null &");
      const ExecResult result = session.Exec(command, {}, Deadline::After(kCommandLimit));
      if (result.exit_status != 0) {
        throw Error(fmt::format("the node does not reboot: exit status {}: {}", result.exit_status,
                                Printable(Trim(LastLines(result.error_output, 2)))));
      }
    }
    const auto begin = Deadline::Clock::now();
    try {
      step.boot_id_after = WaitFor(
          Deadline::After(kRebootsInSshLimits * tools_.limits.ssh), "waiting for the node to come back",
          [&](std::string* cause) -> std::optional<std::string> {
            const std::string now = TryBootId(step.boot_id_before, cause);
            if (!now.empty() && now != step.boot_id_before) return now;
            if (!now.empty()) *cause = "it answers, and has not rebooted: its boot id is the old one";
            const std::string state = tools_.libvirt->DomainState(target_.domain).value_or("gone");
            if (state == "shut off" || state == "crashed" || state == "gone") {
              throw Error("there is no use in waiting for it");
            }
            if (now.empty()) FollowAddress();
            return std::nullopt;
          });
    } catch (const InterruptedError&) {
      throw;
    } catch (const Error& error) {
      const double waited = std::chrono::duration<double>(Deadline::Clock::now() - begin).count();
      step.console = LastOfConsole();
      lost_ = "the node did not come back earlier (" + step.look + ")";
      throw Error(fmt::format("it did not come back within {} after it was told to reboot; {}; {}",
                              HumanSeconds(waited), DomainStateInWords(), error.what()));
    }
    Tell("is back");
    WaitUntilListed();
  }

  // A node may come back with another address. It has its old host key there.
  void FollowAddress() {
    std::optional<std::string> moved;
    try {
      moved = MovedTo(account_.host, target_.subnet, tools_.libvirt->DomainAddresses(target_.domain));
    } catch (const LibvirtError&) {  // the next look may tell
    }
    if (!moved) return;
    Tell(fmt::format("has a new address: {}, before it was {}", *moved, account_.host));
    tools_.host_keys->Expect(KnownHostsName(*moved, account_.port),
                             KnownHostsName(account_.host, account_.port));
    account_.host = *moved;
  }

  // Empty where the node does not answer yet, with the reason. Another machine may have taken its address meanwhile,
  // and have its host key, where both come from one image.
  std::string TryBootId(const std::string& before, std::string* cause) {
    try {
      SshSession session =
          SshSession::Connect(account_, tools_.jump, *tools_.host_keys, Deadline::After(seconds(20)));
      const std::string now = BootId(session);
      if (now != before) RequireTheDomain(session);
      return now;
    } catch (const InterruptedError&) {
      throw;
    } catch (const Error& error) {
      *cause = error.what();
      return {};
    }
  }

  static std::string BootId(SshSession& session) {
    const ExecResult result =
        session.Exec("cat /proc/sys/kernel/random/boot_id", {}, Deadline::After(kCommandLimit));
    return Printable(Trim(std::string_view(result.output).substr(0, 64)));
  }

  std::string DomainStateInWords() {
    try {
      const auto state = tools_.libvirt->DomainState(target_.domain);
      return fmt::format("libvirt says that domain {} is {}", target_.domain, state.value_or("gone"));
    } catch (const LibvirtError& error) {
      return error.what();
    }
  }

  std::string LastOfConsole() {
    try {
      const auto console = tools_.libvirt->ConsoleLog(target_.domain, kMostConsole);
      return console ? Printable(LastLines(*console, kConsoleLines)) : std::string();
    } catch (const LibvirtError&) {
      return {};
    }
  }

  // --- common ---

  SshSession Connect(const Deadline& deadline) {
    SshSession session = ConnectWhenReady(account_, tools_.jump, *tools_.host_keys, deadline);
    if (known_host_ != account_.host) RequireTheDomain(session);
    known_host_ = account_.host;
    return session;
  }

  // An address may be another machine's: nothing is done to that one.
  void RequireTheDomain(SshSession& session) {
    const LiveDomain domain = LiveDomainOf(*tools_.libvirt, target_.domain);
    const std::string uuid = ReadDomainXml(domain.xml(Deadline::After(kLookLimit))).uuid;
    const ExecResult result =
        session.Exec(AsRoot("cat /sys/class/dmi/id/product_uuid"), {}, Deadline::After(kCommandLimit));
    const std::string problem = ProblemOfMachine(result.output, target_.domain, uuid);
    if (problem.empty()) return;
    throw Error(fmt::format("{} at {}", problem, account_.host));
  }

  // Gives the node time to find its GPUs and to bind their driver, which it does after the command that caused it
  // returned. Not an error where it does not: the look that follows has what is there.
  void WaitUntilListed() {
    std::string script;
    for (const PciAddress& gpu : in_node_) script += fmt::format("[ -e {}/driver ] && ", FunctionPath(gpu));
    script += "exit 0; exit 1";
    try {
      SshSession session = Connect(Deadline::After(tools_.limits.ssh));
      WaitFor(Deadline::After(seconds(30)), "the driver to bind", [&](std::string*) -> std::optional<bool> {
        const ExecResult result =
            session.Exec("sh -c '" + script + "'", {}, Deadline::After(kCommandLimit));
        if (result.exit_status == 0) return true;
        return std::nullopt;
      });
    } catch (const TimeoutError&) {
      Tell("not every GPU has a driver");
    }
  }

  void Tell(const std::string& what) const {
    if (tools_.on_progress) tools_.on_progress(target_.node, what);
  }

  const DisruptionTarget& target_;
  SshAccount account_;  // at the address that the node has now
  const DisruptionTools& tools_;
  const RunDirectory& run_;
  std::vector<PciAddress> in_node_;  // display functions of NVIDIA as the node has them
  std::string known_host_;  // the address at which the machine is known to be the domain
  std::string lost_;  // why the node cannot be reached any more; empty: it can
  Disruption done_;
  std::optional<ReleasedGpus> released_;  // to be restored
  std::optional<UnpluggedGpus> unplugged_;  // last: what it tells and asks for is above
};

}  // namespace

namespace {

std::vector<std::string> LooksOf(const DisruptionRequest& request) {
  std::vector<std::string> looks;
  if (request.rescan) looks.push_back(kAfterRescan);
  if (request.unplug) looks.insert(looks.end(), {kAfterUnplug, kAfterReplug});
  for (int cycle = 1; cycle <= request.reboots; ++cycle) looks.push_back(AfterReboot(cycle));
  return looks;
}

}  // namespace

std::string ProblemOfMachine(std::string_view told, const std::string& domain, const std::string& domain_uuid) {
  std::string product_uuid = Printable(Trim(told.substr(0, 64)));
  std::transform(product_uuid.begin(), product_uuid.end(), product_uuid.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (product_uuid == domain_uuid) return {};
  if (product_uuid.empty()) {
    return fmt::format("nothing was done, for it is not known whether this is domain {}: /sys/class/dmi/id/"
                       "product_uuid cannot be read by sudo",
                       domain);
  }
  return fmt::format("nothing was done to a machine with DMI product UUID {}, for domain {} has UUID {}", product_uuid,
                     domain, domain_uuid);
}

std::string AfterReboot(int cycle) { return fmt::format("after-reboot-{}", cycle); }

std::vector<std::string> ProbesOfLooks() {
  return {"identity", "pci", "modules", "nvidia_smi", "nvidia_smi_xml", "kernel_log"};
}

void Disrupt(const DisruptionTarget& target, const DisruptionRequest& request, const DisruptionTools& tools,
             const RunDirectory& run) {
  std::optional<NodeDisruption> disruption;
  try {
    disruption.emplace(target, tools, run);
  } catch (const Error& error) {
    Disruption nothing;
    for (const std::string& look : LooksOf(request)) {
      DisruptionStep step;
      step.look = look;
      step.error = fmt::format("not tried: it is not known which GPUs the node has: {}", error.what());
      nothing.steps.push_back(step);
    }
    WriteDisruption(run, target.node, nothing);
    return;
  }
  disruption->Run(request);
}

}  // namespace passthrough
