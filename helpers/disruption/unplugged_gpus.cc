#include "helpers/disruption/unplugged_gpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

bool SharesItsSlot(const DomainDescription& domain, const PciAddress& gpu) {
  std::optional<PciAddress> in_guest;
  for (const DomainHostdev& one : domain.hostdevs) {
    if (one.host_address == gpu) in_guest = one.guest_address;
  }
  const auto in_slot = std::count_if(domain.hostdevs.begin(), domain.hostdevs.end(), [&](const DomainHostdev& one) {
    return in_guest && one.guest_address && one.guest_address->SameDevice(*in_guest);
  });
  return in_slot > 1;
}

std::string FileName(const PciAddress& gpu) {
  std::string name = "hostdev-" + gpu.ToString() + ".xml";
  std::replace(name.begin(), name.end(), ':', '-');
  return name;
}

double Seconds(Deadline::Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

UnpluggedGpus::UnpluggedGpus(LiveDomain& domain, std::filesystem::path directory,
                             std::function<void(const std::string&)> report, DetachedGpuLog log)
    : domain_(domain), directory_(std::move(directory)), report_(std::move(report)), log_(std::move(log)) {}

UnpluggedGpus::~UnpluggedGpus() { Reattach(); }

void UnpluggedGpus::RequireUnpluggable(const std::vector<PciAddress>& functions) {
  for (const PciAddress& function : functions) Describe(function, false);
}

DetachedGpu UnpluggedGpus::Describe(const PciAddress& gpu, bool companion) {
  const std::string xml = domain_.Xml(Deadline::After(kQueryLimit));
  const auto hostdev = HostdevXml(xml, gpu);
  if (!hostdev) {
    throw Error(
        fmt::format("domain {} has no <hostdev> for {} that could be unplugged", domain_.name(), gpu.ToString()));
  }
  const DomainDescription running = ReadDomainXml(xml);
  if (SharesItsSlot(running, gpu)) {
    throw Error(
        fmt::format("function {} shares its slot in the domain with another function: a guest lets a slot "
                    "go as a whole, so it was not unplugged; give each function a root port of its own",
                    gpu.ToString()));
  }
  const auto definition = domain_.Definition(Deadline::After(kQueryLimit));
  return {.domain = domain_.name(),
          .uuid = running.uuid,
          .domain_id = running.id,
          .defined = definition && HostdevXml(*definition, gpu),
          .gpu = gpu.ToString(),
          .hostdev = *hostdev,
          .file = std::filesystem::absolute(directory_ / FileName(gpu)).string(),
          .left = false,
          .companion = companion};
}

void UnpluggedGpus::Detach(PendingReattach& one) {
  try {
    domain_.Detach(one.gpu().hostdev, Deadline::After(kPlugLimit));
  } catch (const TimeoutError&) {
    throw;
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error&) {  // also of a connection that broke: through that, nobody sees the GPU listed
    one.MarkRefused();
    throw;
  }
}

void UnpluggedGpus::Unplug(const PciAddress& gpu, const Deadline& deadline, bool companion) {
  const DetachedGpu detached = Describe(gpu, companion);
  report_("unplugging " + gpu.ToString());
  WriteFile(detached.file, detached.hostdev + "\n");
  // Before the guest is asked: from then on it can let go at any time, also after an error.
  if (log_.add) log_.add(detached);
  taken_.push_back(
      {PendingReattach(detached, domain_,
                       {.on_left = [this](const DetachedGpu& one) { RecordThatItLeft(one); },
                        .before_attach =
                            [this](const DetachedGpu& one) {
                              report_(fmt::format("plugging {} in again", one.companion ? one.Name() : one.gpu));
                            }})});
  PendingReattach& one = taken_.back().pending;
  const auto begin = Deadline::Clock::now();
  const double limit = Seconds(deadline.Left());
  Detach(one);
  WaitFor(deadline,
          fmt::format("the guest was asked to let {} go, and has not within {}", detached.Name(), HumanSeconds(limit)),
          [&](std::string* cause) -> std::optional<bool> {
            if (!one.IsListed(Deadline::After(kQueryLimit))) return true;
            *cause = "libvirt still lists the <hostdev>";
            return std::nullopt;
          });
  one.MarkLeft();
  report_(
      fmt::format("{} is unplugged after {}", gpu.ToString(), HumanSeconds(Seconds(Deadline::Clock::now() - begin))));
}

void UnpluggedGpus::RecordThatItLeft(const DetachedGpu& gpu) {
  if (!log_.add) return;
  try {
    log_.add(gpu);
  } catch (const Error& error) {  // whoever comes after this process waits in vain for the GPU to go
    report_(Printable(error.what()));
  }
}

// A GPU that stays recorded though it is back is found to be back by whoever reads the record next.
void UnpluggedGpus::Drop(const DetachedGpu& gpu) {
  if (!log_.drop) return;
  try {
    log_.drop(gpu);
  } catch (const Error& error) {
    report_(Printable(error.what()));
  }
}

size_t UnpluggedGpus::PlugIn() {
  size_t count = 0;
  for (size_t i = taken_.size(); i-- > 0;) {
    Taken& one = taken_[i];
    if (one.done) continue;
    const PendingReattach::State state = one.pending.Try(true);
    const bool settled = state == PendingReattach::State::kSettled;
    if (state == PendingReattach::State::kInGuest || (settled && one.pending.WasRefused())) continue;
    one.done = true;
    Drop(one.pending.gpu());
    if (settled) throw Error(one.pending.Outcome());
    if (one.pending.AttachedHere()) ++count;
  }
  return count;
}

// Returns what is missing; empty: nothing.
std::string UnpluggedGpus::ReattachOne(Taken& one, const Deadline& deadline) {
  PendingReattach& pending = one.pending;
  std::string why;
  try {
    why = pending.TryUntil(deadline, deadline, false);
  } catch (const Error& error) {
    why = error.what();
  }
  // Also where the guest has it still: nothing can be attached then, and whoever reads this report knows.
  if (pending.state() != PendingReattach::State::kPending) Drop(pending.gpu());
  return pending.IsOver() ? std::string() : pending.Problem(why);
}

std::string UnpluggedGpus::Reattach(Deadline::Clock::duration limit) noexcept {
  std::string problems;
  try {
    const Deadline deadline = Deadline::After(limit).Uninterruptible();
    for (size_t i = taken_.size(); i-- > 0;) {
      Taken& one = taken_[i];
      if (one.done) continue;
      const std::string problem = ReattachOne(one, deadline);
      one.done = true;
      if (problem.empty()) continue;
      report_(Printable(problem));
      problems += (problems.empty() ? "" : "\n") + problem;
    }
  } catch (const std::exception&) {  // of reporting: there is nobody to report to
  }
  return problems;
}

}  // namespace passthrough
