#include "helpers/disruption/live_domain.h"

#include <fmt/format.h>

#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

class LibvirtDomain : public LiveDomain {
 public:
  LibvirtDomain(const LibvirtConnection& libvirt, std::string domain)
      : libvirt_(std::make_shared<LibvirtConnection>(libvirt.Share())), domain_(std::move(domain)) {}

  std::string name() const override { return domain_; }
  std::string uri() const override { return libvirt_->uri(); }

  std::optional<std::string> State(const Deadline& deadline) override {
    return Ask(deadline, "asking libvirt for the state of", &LibvirtConnection::DomainState);
  }
  std::string Xml(const Deadline& deadline) override {
    auto xml = Ask(deadline, "asking libvirt for the XML of", &LibvirtConnection::DomainXml);
    if (!xml) throw LibvirtError(fmt::format("libvirt has no domain {} any more", domain_));
    return *std::move(xml);
  }
  std::optional<std::string> Definition(const Deadline& deadline) override {
    return Ask(deadline, "asking libvirt for the definition of", &LibvirtConnection::DomainDefinition);
  }
  std::vector<LibvirtConnection::Address> Addresses(const Deadline& deadline) override {
    return Ask(deadline, "asking libvirt for the addresses of", &LibvirtConnection::DomainAddresses);
  }
  void Detach(const std::string& xml, const Deadline& deadline) override {
    RunWithDeadline(deadline, "detaching a device from domain " + domain_,
                    [libvirt = libvirt_, domain = domain_, xml] { libvirt->DetachDevice(domain, xml, true); });
  }
  void Attach(const std::string& xml, const Deadline& deadline) override {
    RunWithDeadline(deadline, "attaching a device to domain " + domain_,
                    [libvirt = libvirt_, domain = domain_, xml] { libvirt->AttachDevice(domain, xml, true); });
  }
  std::optional<std::string> ConsoleLog(size_t most, const Deadline& deadline) override {
    return RunWithDeadline(deadline, "reading the console log of domain " + domain_,
                           [libvirt = libvirt_, domain = domain_, most] { return libvirt->ConsoleLog(domain, most); });
  }

 private:
  // The connection is owned by each call, too: one that was given up goes on.
  template <typename Result>
  Result Ask(const Deadline& deadline, const std::string& what,
             Result (LibvirtConnection::*question)(const std::string&)) const {
    return RunWithDeadline(deadline, what + " domain " + domain_,
                           [libvirt = libvirt_, domain = domain_, question] { return ((*libvirt).*question)(domain); });
  }

  std::shared_ptr<LibvirtConnection> libvirt_;
  std::string domain_;
};

}  // namespace

std::unique_ptr<LiveDomain> OpenLiveDomain(const LibvirtConnection& libvirt, const std::string& domain) {
  return std::make_unique<LibvirtDomain>(libvirt, domain);
}

}  // namespace passthrough
