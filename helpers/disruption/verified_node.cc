#include "helpers/disruption/verified_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/cluster/node_address.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

constexpr size_t kMostId = 64;

// The value in the line "key: value" of `text`, which a node printed.
std::string ValueOf(std::string_view text, std::string_view key) {
  for (const std::string_view line : SplitLines(text)) {
    if (line.starts_with(key)) return Printable(Trim(line.substr(key.size()).substr(0, kMostId)));
  }
  return {};
}

}  // namespace

std::string ProblemOfMachine(std::string_view product_uuid, const std::string& domain, const std::string& domain_uuid) {
  std::string uuid = Printable(Trim(product_uuid.substr(0, kMostId)));
  std::transform(uuid.begin(), uuid.end(), uuid.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (uuid == domain_uuid) return {};
  if (uuid.empty()) {
    return fmt::format(
        "nothing was done, for it is not known whether this is domain {}: /sys/class/dmi/id/"
        "product_uuid cannot be read by sudo",
        domain);
  }
  return fmt::format("nothing was done to a machine with DMI product UUID {}, for domain {} has UUID {}", uuid, domain,
                     domain_uuid);
}

VerifiedNode::Identity VerifiedNode::IdentityOf(NodeSession& session) const {
  const ExecResult result = session.Run("identity", {}, Deadline::After(limits_.action));
  return {.boot_id = ValueOf(result.output, "boot_id: "), .product_uuid = ValueOf(result.output, "product_uuid: ")};
}

void VerifiedNode::Verify(const Identity& identity) const {
  const std::string uuid = ReadDomainXml(domain_.Xml(Deadline::After(kQueryLimit))).uuid;
  const std::string problem = ProblemOfMachine(identity.product_uuid, domain_.name(), uuid);
  if (!problem.empty()) throw Error(fmt::format("{} at {}", problem, access_.Host()));
}

std::unique_ptr<NodeSession> VerifiedNode::Connect(const Deadline& deadline) {
  std::unique_ptr<NodeSession> session = access_.Connect(deadline);
  if (verified_host_ != access_.Host()) Verify(IdentityOf(*session));
  verified_host_ = access_.Host();
  return session;
}

std::string VerifiedNode::BootId() {
  std::string boot_id = IdentityOf(*Connect()).boot_id;
  if (boot_id.empty()) throw Error("the node's boot id cannot be read, so whether it reboots could not be seen");
  return boot_id;
}

std::string VerifiedNode::TryBootId(const std::string& before, std::string* cause) {
  try {
    const Identity identity = IdentityOf(*access_.TryConnect());
    if (identity.boot_id.empty()) *cause = "it answers, and its boot id cannot be read";
    if (!identity.boot_id.empty() && identity.boot_id != before) Verify(identity);
    return identity.boot_id;
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    *cause = error.what();
    return {};
  }
}

std::optional<std::string> VerifiedNode::FollowAddress(const std::optional<Ipv4Subnet>& subnet) {
  std::optional<std::string> moved;
  try {
    moved = MovedTo(access_.Host(), subnet, domain_.Addresses(Deadline::After(kQueryLimit)));
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error&) {  // the next attempt may know
  }
  if (moved) access_.MoveTo(*moved);
  return moved;
}

bool VerifiedNode::WaitForDrivers(const std::vector<PciAddress>& gpus) {
  try {
    const std::unique_ptr<NodeSession> session = Connect();
    WaitFor(Deadline::After(limits_.driver), "the driver to bind", [&](std::string*) -> std::optional<bool> {
      if (session->Run("drivers", AsArguments(gpus), Deadline::After(limits_.action)).exit_status == 0) return true;
      return std::nullopt;
    });
    return true;
  } catch (const TimeoutError&) {
    return false;
  }
}

std::vector<std::string> AsArguments(const std::vector<PciAddress>& gpus) {
  std::vector<std::string> arguments;
  arguments.reserve(gpus.size());
  for (const PciAddress& gpu : gpus) arguments.push_back(gpu.ToString());
  return arguments;
}

std::string LastErrorLines(const ExecResult& result) { return Printable(Trim(LastLines(result.error_output, 2))); }

}  // namespace passthrough
