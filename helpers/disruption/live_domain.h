// What a disruption asks of the hypervisor about one running domain.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

// For libvirt to answer about a domain, and for it to detach or attach a device, which makes the kernel unbind and bind
// it and pin all of the guest's memory. Where the kernel waits in there for whoever holds the device, libvirtd waits
// with it, also with what it is asked of that domain.
inline constexpr std::chrono::seconds kQueryLimit{30};
inline constexpr std::chrono::minutes kPlugLimit{5};

// One thread. Each function throws Error; TimeoutError, InterruptedError as the deadline says: what was asked may
// happen later, then.
class LiveDomain {
 public:
  virtual ~LiveDomain() = default;
  virtual std::string name() const = 0;
  virtual std::string uri() const = 0;  // of its libvirt, for messages

  // "running", …; nullopt: there is no such domain.
  virtual std::optional<std::string> State(const Deadline& deadline) = 0;
  virtual std::string Xml(const Deadline& deadline) = 0;
  // The XML that it starts with the next time; nullopt: none, it is transient.
  virtual std::optional<std::string> Definition(const Deadline& deadline) = 0;
  virtual void Detach(const std::string& hostdev_xml, const Deadline& deadline) = 0;
  virtual void Attach(const std::string& hostdev_xml, const Deadline& deadline) = 0;
  virtual std::vector<LibvirtConnection::Address> Addresses(const Deadline& deadline) = 0;
  // At most the `most` last bytes that its console showed; nullopt: it has no log.
  virtual std::optional<std::string> ConsoleLog(size_t most, const Deadline& deadline) = 0;
};

// libvirt's. `libvirt` may be closed meanwhile.
std::unique_ptr<LiveDomain> OpenLiveDomain(const LibvirtConnection& libvirt, const std::string& domain);

}  // namespace passthrough
