#include "helpers/disruption/pending_reattach.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

Deadline Within(Deadline::Clock::duration limit, bool interruptible) {
  const Deadline deadline = Deadline::After(limit);
  return interruptible ? deadline : deadline.Uninterruptible();
}

}  // namespace

std::string ReattachCommand(const LiveDomain& domain, const DetachedGpu& gpu) {
  return VirshCommand(domain.uri(), {"attach-device", domain.name(), gpu.file, "--live"});
}

PendingReattach::PendingReattach(DetachedGpu gpu, LiveDomain& domain, Hooks hooks)
    : gpu_(std::move(gpu)), domain_(domain), hooks_(std::move(hooks)) {
  const auto address = PciAddress::Parse(gpu_.gpu);
  if (!address) throw Error(fmt::format("\"{}\" is no PCI address", gpu_.gpu));
  address_ = *address;
}

void PendingReattach::MarkLeft() {
  if (std::exchange(gpu_.left, true)) return;
  if (hooks_.on_left) hooks_.on_left(gpu_);
}

bool PendingReattach::IsListed(const Deadline& deadline) {
  return HostdevXml(domain_.Xml(deadline), address_).has_value();
}

PendingReattach::State PendingReattach::Try(bool interruptible) {
  state_ = State::kPending;
  const auto running = domain_.State(Within(kQueryLimit, interruptible));
  if (!running) return Settle(fmt::format("domain {}, from which it was unplugged, is gone", gpu_.domain));
  const std::string xml = domain_.Xml(Within(kQueryLimit, interruptible));
  const std::string settled = WhySettled(*running, ReadDomainXml(xml), interruptible);
  if (!settled.empty()) return Settle(settled);
  if (HostdevXml(xml, address_)) {
    if (!gpu_.left && refused_) return Settle(fmt::format("domain {} was not asked to let it go", gpu_.domain));
    return state_ = gpu_.left ? State::kBack : State::kInGuest;
  }
  MarkLeft();
  if (hooks_.before_attach) hooks_.before_attach(gpu_);
  domain_.Attach(gpu_.hostdev, Within(kPlugLimit, interruptible));
  attached_here_ = true;
  return state_ = State::kBack;
}

PendingReattach::State PendingReattach::Settle(const std::string& why) {
  settled_ = why;
  return state_ = State::kSettled;
}

// Empty where the domain is what it was when the GPU was detached.
std::string PendingReattach::WhySettled(const std::string& state, const DomainDescription& now, bool interruptible) {
  if (now.uuid != gpu_.uuid) {
    return fmt::format("domain {} is another one now, with UUID {}; it was unplugged from the one with {}", gpu_.domain,
                       now.uuid, gpu_.uuid);
  }
  if (state == "shut off" || state == "crashed") {
    return fmt::format("domain {}, from which it was unplugged, is {} and starts with what its definition has",
                       gpu_.domain, state);
  }
  if (gpu_.domain_id >= 0 && now.id != gpu_.domain_id) {
    return fmt::format("domain {}, from which it was unplugged, was started anew since, with what its definition had",
                       gpu_.domain);
  }
  // Ids begin anew when the host does.
  if (!gpu_.defined) return {};
  const auto definition = domain_.Definition(Within(kQueryLimit, interruptible));
  if (!definition || HostdevXml(*definition, address_)) return {};
  return fmt::format("it was taken out of the definition of domain {}, from which it was unplugged", gpu_.domain);
}

std::string PendingReattach::TryUntil(const Deadline& busy, const Deadline& guest, bool interruptible) {
  constexpr char kNotLetGo[] = "the guest has not let it go";
  try {
    return WaitFor(busy, "reattaching " + gpu_.Name(), [&](std::string* cause) -> std::optional<std::string> {
      try {
        Try(interruptible);
        if (IsOver()) return "";
        if (guest.Passed()) return kNotLetGo;
        *cause = kNotLetGo;
      } catch (const InterruptedError&) {
        throw;
      } catch (const Error& error) {
        *cause = error.what();
      }
      return std::nullopt;
    });
  } catch (const TimeoutError& error) {
    return error.what();
  }
}

std::string PendingReattach::Outcome() const {
  if (state_ == State::kSettled) return fmt::format("{} is not pending any more: {}", gpu_.Name(), settled_);
  return fmt::format("{} is back in domain {}, from which it was unplugged", gpu_.Name(), gpu_.domain);
}

std::string PendingReattach::Problem(const std::string& why) const {
  const std::string how = ReattachCommand(domain_, gpu_);
  if (state_ == State::kInGuest) {
    return fmt::format(
        "domain {} still has {}, which its guest was asked to let go and may yet, at its next reboot; to reattach "
        "it then: {}",
        gpu_.domain, gpu_.Name(), how);
  }
  return fmt::format("{} was unplugged from domain {} and is not back ({}); to reattach it: {}", gpu_.Name(),
                     gpu_.domain, why, how);
}

}  // namespace passthrough
