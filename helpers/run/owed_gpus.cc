#include "helpers/run/owed_gpus.h"

#include <fmt/format.h>

#include <filesystem>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/run/host_status.h"
#include "helpers/run/run_registry.h"
#include "helpers/run/lease_end.h"

namespace passthrough {
namespace {

constexpr std::chrono::seconds kConnectLimit{30};

// Why nothing is owed; empty: something is.
std::string WhySettled(const OwedGpu& owed, const DomainFinder& domains) {
  const auto state = domains.state(owed.domain);
  const std::string gone = fmt::format("GPU {} is not owed any more: ", owed.gpu);
  if (!state) return gone + fmt::format("domain {}, from which it was unplugged, is gone", owed.domain);
  const std::string uuid = ReadDomainXml(domains.live(owed.domain).xml()).uuid;
  if (uuid != owed.uuid) {
    return gone + fmt::format("domain {} is another one now, with UUID {}; it was unplugged from the one with {}",
                              owed.domain, uuid, owed.uuid);
  }
  if (*state == "shut off" || *state == "crashed") {
    return gone + fmt::format("domain {}, from which it was unplugged, is {} and starts with what its definition has",
                              owed.domain, *state);
  }
  return {};
}

}  // namespace

std::vector<OwedGpu> GiveBack(const std::vector<OwedGpu>& owed, const DomainFinder& domains,
                              const std::function<void(const std::string&)>& tell, std::chrono::seconds limit) {
  std::vector<OwedGpu> left;
  for (const OwedGpu& one : owed) {
    try {
      const std::string settled = WhySettled(one, domains);
      if (!settled.empty()) {
        tell(settled);
        continue;
      }
      bool dropped = false;
      const auto ignore = [](const std::string&) {};
      UnpluggedGpus gpus(domains.live(one.domain), {}, ignore,
                         {.add = {}, .drop = [&](const OwedGpu&) { dropped = true; }});
      gpus.TakeOn(one);
      const std::string problem = gpus.GiveBack(limit);
      if (!dropped) left.push_back(one);
      tell(!problem.empty() ? problem
                            : fmt::format("GPU {} is back in domain {}, from which a run that was killed had unplugged "
                                          "it",
                                          one.gpu, one.domain));
    } catch (const Error& error) {
      left.push_back(one);
      tell(fmt::format("GPU {} was unplugged from domain {} and may not be back: {}", one.gpu, one.domain,
                       error.what()));
    }
  }
  return left;
}

std::string GiveOwedGpusBack(Lease& lease, Progress& progress, std::chrono::seconds limit) {
  if (lease.unplugged.empty()) return {};
  std::string said;
  const auto tell = [&](const std::string& what) {
    progress.Line(Printable(what));
    said += (said.empty() ? "" : "\n") + what;
  };
  try {
    auto libvirt = LibvirtConnection::Open(lease.libvirt_uri, Deadline::After(kConnectLimit).Uninterruptible());
    const DomainFinder domains{.state = [&](const std::string& name) { return libvirt.DomainState(name); },
                               .live = [&](const std::string& name) { return LiveDomainOf(libvirt, name); }};
    lease.unplugged = GiveBack(lease.unplugged, domains, tell, limit);
  } catch (const Error& error) {
    if (HostIsKnownDown(lease.host_status)) {
      progress.Line("the host is down, and with it the domains that are owed GPUs");
      lease.unplugged.clear();
      return {};
    }
    for (const OwedGpu& one : lease.unplugged) {
      tell(fmt::format("GPU {} was unplugged from domain {} and may not be back: {}", one.gpu, one.domain,
                       error.what()));
    }
  }
  if (lease.unplugged.empty()) return {};
  return fmt::format("{}\nPlug it in by hand, or try again with passthrough-suite --reap", said);
}

bool GiveGpusBack(const RunDirectory& run, Progress& progress, std::chrono::seconds limit) {
  const TeardownLock lock(run, progress);
  if (!std::filesystem::exists(run.LeaseJson())) return true;  // somebody else did it meanwhile
  Lease lease = ReadLease(run.LeaseJson());
  const size_t before = lease.unplugged.size();
  GiveOwedGpusBack(lease, progress, limit);
  if (lease.attached && lease.unplugged.empty()) {
    EndLease(run);
  } else if (lease.unplugged.size() != before) {
    WriteRunLease(run, lease);
  }
  return lease.unplugged.empty();
}

}  // namespace passthrough
