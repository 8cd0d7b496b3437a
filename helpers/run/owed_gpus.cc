#include "helpers/run/owed_gpus.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/run/host_status.h"
#include "helpers/run/lease_end.h"
#include "helpers/run/lease_home.h"

namespace passthrough {
namespace {

Deadline Within(const GiveBackLimits& limits, Deadline::Clock::duration limit) {
  const Deadline deadline = Deadline::After(limit);
  return limits.interruptible ? deadline : deadline.Uninterruptible();
}

// One GPU that is owed to a domain.
class Debt {
 public:
  Debt(OwedGpu owed, const DomainFinder& domains, const GiveBackLimits& limits)
      : owed_(std::move(owed)), domains_(domains), limits_(limits), live_(domains.live(owed_.domain)) {
    const auto gpu = PciAddress::Parse(owed_.gpu);
    if (!gpu) throw Error(fmt::format("\"{}\" is no PCI address", owed_.gpu));
    gpu_ = *gpu;
  }

  const OwedGpu& owed() const { return owed_; }
  // The last look showed that the domain has it, because its guest has not let it go.
  bool IsAsked() const { return asked_; }

  // One look, and one attempt to attach what the domain lacks. Returns why nothing is owed any more; empty: something
  // is. Throws Error.
  std::string Try() {
    asked_ = false;
    const auto state = domains_.state(owed_.domain, Within(limits_, kLookLimit));
    if (!state) return Settled(fmt::format("domain {}, from which it was unplugged, is gone", owed_.domain));
    const std::string xml = live_.xml(Within(limits_, kLookLimit));
    const std::string settled = WhySettled(*state, ReadDomainXml(xml));
    if (!settled.empty()) return Settled(settled);
    if (!HostdevXml(xml, gpu_)) {
      owed_.left = true;
      live_.attach(owed_.hostdev, Within(limits_, kPlugLimit));
    } else if (!owed_.left) {
      asked_ = true;
      return {};
    }
    return fmt::format("GPU {} is back in domain {}, from which a run that was killed had unplugged it", owed_.gpu,
                       owed_.domain);
  }

  std::string WhatIsMissing(const std::string& why) const {
    if (asked_) {
      return fmt::format("domain {} still has GPU {}, which its guest was asked to let go and may yet, at its next "
                         "reboot; to give it back then: {}",
                         owed_.domain, owed_.gpu, HowToGiveBack(live_, owed_));
    }
    return fmt::format("GPU {} was unplugged from domain {} and is not back ({}); to give it back: {}", owed_.gpu,
                       owed_.domain, why, HowToGiveBack(live_, owed_));
  }

 private:
  std::string Settled(const std::string& why) const {
    return fmt::format("GPU {} is not owed any more: {}", owed_.gpu, why);
  }

  // Empty where the domain is what it was when the GPU was unplugged.
  std::string WhySettled(const std::string& state, const DomainDescription& now) const {
    if (now.uuid != owed_.uuid) {
      return fmt::format("domain {} is another one now, with UUID {}; it was unplugged from the one with {}",
                         owed_.domain, now.uuid, owed_.uuid);
    }
    if (state == "shut off" || state == "crashed") {
      return fmt::format("domain {}, from which it was unplugged, is {} and starts with what its definition has",
                         owed_.domain, state);
    }
    if (owed_.domain_id >= 0 && now.id != owed_.domain_id) {
      return fmt::format("domain {}, from which it was unplugged, was started anew since, with what its definition had",
                         owed_.domain);
    }
    // Ids begin anew when the host does.
    if (!owed_.defined) return {};
    const auto definition = live_.definition(Within(limits_, kLookLimit));
    if (!definition || HostdevXml(*definition, gpu_)) return {};
    return fmt::format("somebody has taken it out of the definition of domain {}, from which it was unplugged",
                       owed_.domain);
  }

  OwedGpu owed_;
  const DomainFinder& domains_;
  const GiveBackLimits& limits_;
  const LiveDomain live_;
  PciAddress gpu_;
  bool asked_ = false;
};

// Tries until nothing is owed any more, or time is over. Returns why it is not; empty: it is. Throws Error.
std::string TryUntil(Debt& debt, const Deadline& busy, const Deadline& guest) {
  return WaitFor(busy, "giving GPU " + debt.owed().gpu + " back",
                 [&](std::string* cause) -> std::optional<std::string> {
                   try {
                     std::string ended = debt.Try();
                     if (!ended.empty() || guest.Passed()) return ended;
                     *cause = "the guest has not let it go";
                   } catch (const InterruptedError&) {
                     throw;
                   } catch (const Error& error) {
                     *cause = error.what();
                   }
                   return std::nullopt;
                 });
}

using Tell = std::function<void(const std::string&)>;

// Returns whether a GPU is missing.
bool GiveBackWhatIsIn(Lease& lease, Progress& progress, const Tell& tell, const GiveBackLimits& limits) {
  if (lease.unplugged.empty()) return false;
  try {
    const auto libvirt = std::make_shared<LibvirtConnection>(
        LibvirtConnection::Open(lease.libvirt_uri, Within(limits, limits.connect)));
    const DomainFinder domains{
        .state =
            [libvirt](const std::string& name, const Deadline& deadline) {
              return RunBy(deadline, "libvirt's look at domain " + name,
                           [libvirt, name] { return libvirt->DomainState(name); });
            },
        .live = [libvirt](const std::string& name) { return LiveDomainOf(*libvirt, name); }};
    StillOwed still = GiveBack(lease.unplugged, domains, tell, limits);
    lease.unplugged = std::move(still.noted);
    return still.missing;
  } catch (const InterruptedError&) {
    return true;
  } catch (const Error& error) {
    if (HostIsKnownDown(lease.host_status)) {
      progress.Line("the host is down, and with it the domains that are owed GPUs");
      lease.unplugged.clear();
      return false;
    }
    for (const OwedGpu& one : lease.unplugged) {
      tell(fmt::format("GPU {} was unplugged from domain {} and may not be back: {}", one.gpu, one.domain,
                       error.what()));
    }
    return true;
  }
}

std::string WhatToDo(const RunDirectory& run, const Lease& lease, bool missing) {
  const std::string how = missing
                              ? "To try again, once what is named above is mended: "
                              : "The guest still holds its GPU. Once it has let it go, the next run plugs it in again, "
                                "and so does: ";
  return fmt::format("{}{}\nTo give up on it ({}): {}", how, SuiteCommand({"--reap"}),
                     lease.attached ? "this tries once more, and leaves the cluster as it is"
                                    : "this takes the cluster down",
                     SuiteCommand({"--destroy", run.path().string()}));
}

// The file that a person's command names went with a run directory that was deleted.
void KeepFile(const RunDirectory& run, OwedGpu& owed) {
  if (LookFor(owed.file) != Presence::kGone) return;
  const std::filesystem::path file =
      run.Evidence() / "host" / std::filesystem::path(owed.file).filename();
  try {
    WriteFile(file, owed.hostdev);
    owed.file = file.string();
  } catch (const Error&) {
    // Then there is none. It is a person's only.
  }
}

}  // namespace

StillOwed GiveBack(const std::vector<OwedGpu>& owed, const DomainFinder& domains, const Tell& tell,
                   const GiveBackLimits& limits) {
  const Deadline busy = Within(limits, limits.busy);
  const Deadline guest = Within(limits, limits.guest);
  StillOwed still;
  bool interrupted = false;
  for (const OwedGpu& one : owed) {
    if (interrupted) {
      still.noted.push_back(one);
      continue;
    }
    std::optional<Debt> debt;
    std::string why;
    try {
      debt.emplace(one, domains, limits);
      const std::string ended = TryUntil(*debt, busy, guest);
      if (!ended.empty()) {
        tell(ended);
        continue;
      }
    } catch (const InterruptedError& error) {
      interrupted = true;
      why = error.what();
    } catch (const Error& error) {
      why = error.what();
    }
    still.noted.push_back(debt ? debt->owed() : one);
    still.missing |= !debt || !debt->IsAsked();
    tell(debt ? debt->WhatIsMissing(why)
              : fmt::format("GPU {} was unplugged from domain {} and may not be back: {}", one.gpu, one.domain, why));
  }
  return still;
}

bool GiveGpusBack(const RunDirectory& run, Progress& progress, const GiveBackLimits& limits) {
  const TeardownLock lock(run, progress);
  if (!IsLeased(run.path())) return true;  // somebody else did it meanwhile
  Lease lease = ReadRunLease(run);
  const std::vector<OwedGpu> before = lease.unplugged;
  for (OwedGpu& owed : lease.unplugged) KeepFile(run, owed);
  const bool missing =
      GiveBackWhatIsIn(lease, progress, [&](const std::string& what) { progress.Line(Printable(what)); }, limits);
  if (lease.attached && lease.unplugged.empty()) {
    EndLease(run);
  } else if (lease.unplugged != before) {
    WriteRunLease(run, lease);
  }
  if (!lease.unplugged.empty()) progress.Line(Printable(WhatToDo(run, lease, missing)));
  return !missing;
}

void ForgetOwedGpus(Lease& lease, Progress& progress) {
  GiveBackWhatIsIn(lease, progress, [&](const std::string& what) { progress.Line(Printable(what)); }, kOnce);
  for (const OwedGpu& one : lease.unplugged) {
    progress.Line(Printable(fmt::format("given up: GPU {} is not plugged into domain {} by the suite any more", one.gpu, one.domain)));
  }
  lease.unplugged.clear();
}

}  // namespace passthrough
