#include "helpers/run/unplugged_gpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

bool SharesItsSlot(const std::string& xml, const PciAddress& gpu) {
  std::optional<PciAddress> place;
  const auto hostdevs = ReadDomainXml(xml).hostdevs;
  for (const DomainHostdev& one : hostdevs) {
    if (one.host_address == gpu) place = one.guest_address;
  }
  size_t in_slot = 0;
  for (const DomainHostdev& one : hostdevs) {
    if (place && one.guest_address && one.guest_address->SameDevice(*place)) ++in_slot;
  }
  return in_slot > 1;
}

std::string FileName(const PciAddress& gpu) {
  std::string name = "hostdev-" + gpu.ToString() + ".xml";
  std::replace(name.begin(), name.end(), ':', '-');
  return name;
}

std::string XmlOf(LibvirtConnection& libvirt, const std::string& domain) {
  const auto xml = libvirt.DomainXml(domain);
  if (!xml) throw LibvirtError(fmt::format("libvirt has no domain {} any more", domain));
  return *xml;
}

}  // namespace

LiveDomain LiveDomainOf(const LibvirtConnection& libvirt, const std::string& domain) {
  // Owned by each call, too: one that was given up goes on.
  const auto shared = std::make_shared<LibvirtConnection>(libvirt.Another());
  return {.name = domain,
          .uri = libvirt.uri(),
          .xml =
              [shared, domain](const Deadline& deadline) {
                return RunBy(deadline, "libvirt's look at domain " + domain,
                             [shared, domain] { return XmlOf(*shared, domain); });
              },
          .definition =
              [shared, domain](const Deadline& deadline) {
                return RunBy(deadline, "libvirt's look at the definition of domain " + domain,
                             [shared, domain] { return shared->DomainDefinition(domain); });
              },
          .detach =
              [shared, domain](const std::string& xml, const Deadline& deadline) {
                RunBy(deadline, "detaching a device from domain " + domain,
                      [shared, domain, xml] { shared->DetachDevice(domain, xml, true); });
              },
          .attach =
              [shared, domain](const std::string& xml, const Deadline& deadline) {
                RunBy(deadline, "attaching a device to domain " + domain,
                      [shared, domain, xml] { shared->AttachDevice(domain, xml, true); });
              }};
}

std::string HowToGiveBack(const LiveDomain& domain, const OwedGpu& owed) {
  return VirshCommand(domain.uri, {"attach-device", domain.name, owed.file, "--live"});
}

UnpluggedGpus::UnpluggedGpus(LiveDomain domain, std::filesystem::path directory,
                             std::function<void(const std::string&)> tell, GpuDebts debts)
    : domain_(std::move(domain)),
      directory_(std::move(directory)),
      tell_(std::move(tell)),
      debts_(std::move(debts)) {}

UnpluggedGpus::~UnpluggedGpus() { GiveBack(); }

bool UnpluggedGpus::IsListed(const Taken& one, const Deadline& deadline) const {
  return HostdevXml(domain_.xml(deadline), one.gpu).has_value();
}

void UnpluggedGpus::Detach(Taken& one, const Deadline& deadline) {
  try {
    domain_.detach(one.owed.hostdev, deadline);
  } catch (const TimeoutError&) {
    throw;
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error&) {  // also of a connection that broke: through that, nobody sees the GPU listed
    one.refused = true;
    throw;
  }
}

void UnpluggedGpus::Unplug(const PciAddress& gpu, const Deadline& deadline) {
  const std::string xml = domain_.xml(Deadline::After(kLookLimit));
  const auto hostdev = HostdevXml(xml, gpu);
  if (!hostdev) {
    throw Error(fmt::format("domain {} has no <hostdev> for {} that could be unplugged", domain_.name,
                            gpu.ToString()));
  }
  if (SharesItsSlot(xml, gpu)) {
    throw Error(fmt::format("GPU {} shares its slot in the domain with another function: a guest lets a slot "
                            "go as a whole, so it was not unplugged; give each function a root port of its own",
                            gpu.ToString()));
  }
  tell_("unplugging " + gpu.ToString());
  const auto file = directory_ / FileName(gpu);
  WriteFile(file, *hostdev + "\n");
  // Before the guest is asked: from then on it can let go at any time, also after an error.
  const DomainDescription running = ReadDomainXml(xml);
  const auto definition = domain_.definition(Deadline::After(kLookLimit));
  const OwedGpu owed{.domain = domain_.name,
                     .uuid = running.uuid,
                     .domain_id = running.id,
                     .defined = definition && HostdevXml(*definition, gpu),
                     .gpu = gpu.ToString(),
                     .hostdev = *hostdev,
                     .file = std::filesystem::absolute(file).string(),
                     .left = false};
  if (debts_.add) debts_.add(owed);
  taken_.push_back({.gpu = gpu, .owed = owed});
  Taken& one = taken_.back();
  const auto begin = Deadline::Clock::now();
  const double limit = std::chrono::duration<double>(deadline.Left()).count();
  Detach(one, Deadline::After(kPlugLimit));
  WaitFor(deadline,
          fmt::format("the guest was asked to let GPU {} go, and has not within {}", gpu.ToString(),
                      HumanSeconds(limit)),
          [&](std::string* cause) -> std::optional<bool> {
            if (!IsListed(one, Deadline::After(kLookLimit))) return true;
            *cause = "libvirt still lists the <hostdev>";
            return std::nullopt;
          });
  HasLeft(one);
  tell_(fmt::format("{} is unplugged after {}", gpu.ToString(),
                    HumanSeconds(std::chrono::duration<double>(Deadline::Clock::now() - begin).count())));
}

void UnpluggedGpus::Attach(Taken& one, const Deadline& deadline) {
  tell_(fmt::format("plugging {} in again", one.gpu.ToString()));
  domain_.attach(one.owed.hostdev, deadline);
  one.back = true;
  Drop(one);
}

void UnpluggedGpus::HasLeft(Taken& one) {
  if (one.owed.left) return;
  one.owed.left = true;
  if (!debts_.add) return;
  try {
    debts_.add(one.owed);
  } catch (const Error& error) {  // whoever comes after this process waits in vain for the GPU to go
    tell_(Printable(error.what()));
  }
}

// A debt that stays noted though it is none is found to be none by whoever looks next.
void UnpluggedGpus::Drop(const Taken& one) {
  if (!debts_.drop) return;
  try {
    debts_.drop(one.owed);
  } catch (const Error& error) {
    tell_(Printable(error.what()));
  }
}

size_t UnpluggedGpus::PlugIn() {
  size_t count = 0;
  for (Taken& one : taken_) {
    if (one.back || IsListed(one, Deadline::After(kLookLimit))) continue;
    Attach(one, Deadline::After(kPlugLimit));
    ++count;
  }
  return count;
}

std::string UnpluggedGpus::GiveOneBack(Taken& one, const Deadline& deadline) {
  const std::string how = HowToGiveBack(domain_, one.owed);
  bool asked_alone = false;
  try {
    WaitFor(deadline, "giving GPU " + one.gpu.ToString() + " back",
            [&](std::string* cause) -> std::optional<bool> {
              try {
                asked_alone = false;
                if (IsListed(one, Deadline::After(kLookLimit).Uninterruptible())) {
                  asked_alone = !one.owed.left && !one.refused;
                  *cause = "the guest has not let it go";
                  return asked_alone ? std::nullopt : std::optional<bool>(true);
                }
                HasLeft(one);
                Attach(one, Deadline::After(kPlugLimit).Uninterruptible());
                return true;
              } catch (const Error& error) {
                *cause = error.what();
                return std::nullopt;
              }
            });
    if (!one.back) Drop(one);  // somebody else gave it back, or it never went
    return {};
  } catch (const Error& error) {
    if (asked_alone) {
      Drop(one);  // nothing can be attached where it still is
      return fmt::format("domain {} still has GPU {}, which its guest was asked to let go and may yet, at its next "
                         "reboot; to give it back then: {}",
                         domain_.name, one.gpu.ToString(), how);
    }
    return fmt::format("GPU {} was unplugged from domain {} and is not back ({}); to give it back: {}",
                       one.gpu.ToString(), domain_.name, error.what(), how);
  }
}

std::string UnpluggedGpus::GiveBack(Deadline::Clock::duration limit) noexcept {
  std::string problems;
  try {
    const Deadline deadline = Deadline::After(limit).Uninterruptible();
    for (Taken& one : taken_) {
      if (one.back) continue;
      const std::string problem = GiveOneBack(one, deadline);
      one.back = true;  // or told: once
      if (problem.empty()) continue;
      tell_(Printable(problem));
      problems += (problems.empty() ? "" : "\n") + problem;
    }
  } catch (const std::exception&) {  // of telling: there is nobody to tell
  }
  return problems;
}

}  // namespace passthrough
