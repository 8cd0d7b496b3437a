// Claims: domains that are defined and never started, and say who holds what on the hypervisor.
#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>

#include "helpers/libvirt/connection_impl.h"

namespace passthrough {
namespace {

constexpr char kNamespace[] = "urn:passthrough-suite:claim:1";
constexpr char kKey[] = "passthrough-suite";

std::string ToText(const pugi::xml_document& document) {
  std::ostringstream text;
  document.save(text, "", pugi::format_raw | pugi::format_no_declaration);
  return text.str();
}

// What libvirt keeps below <metadata>: with its namespace where it is part of a domain's XML; libvirt adds that itself
// where it is given alone.
void AddClaim(pugi::xml_node parent, const std::string& text, bool with_namespace) {
  pugi::xml_node claim = parent.append_child(with_namespace ? "passthrough-suite:claim" : "claim");
  if (with_namespace) claim.append_attribute("xmlns:passthrough-suite").set_value(kNamespace);
  claim.text().set(text.c_str());
}

void AddText(pugi::xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).text().set(text.c_str());
}

std::string ClaimXml(const ClaimDomain& claim, const std::string& title, const char* type) {
  pugi::xml_document document;
  pugi::xml_node domain = document.append_child("domain");
  domain.append_attribute("type").set_value(type);
  AddText(domain, "name", claim.name);
  AddText(domain, "uuid", claim.uuid);
  AddText(domain, "title", title);
  AddClaim(domain.append_child("metadata"), claim.text, true);
  AddText(domain, "memory", "1024");
  AddText(domain, "vcpu", "1");
  AddText(domain.append_child("os"), "type", "hvm");
  return ToText(document);
}

// What the element says; empty where it is none.
std::string TextOf(const std::string& element) {
  pugi::xml_document document;
  if (!document.load_buffer(element.data(), element.size())) return {};
  return document.first_child().text().get();
}

}  // namespace

std::vector<ClaimDomain> LibvirtConnection::Claims() {
  std::vector<ClaimDomain> claims;
  for (const DomainHandle& domain : ListAll<DomainHandle>("list domains", [&](auto* items) {
         return virConnectListAllDomains(impl_->handle.get(), items, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
       })) {
    const std::string name = virDomainGetName(domain.get());
    if (!name.starts_with(kClaimPrefix)) continue;
    const TextHandle element(
        virDomainGetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT, kNamespace, VIR_DOMAIN_AFFECT_CONFIG));
    if (!element && LastErrorCode() == VIR_ERR_NO_DOMAIN) continue;  // gone since it was listed
    claims.push_back({name, UuidOf(domain.get()), element ? TextOf(element.get()) : std::string()});
  }
  std::sort(claims.begin(), claims.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return claims;
}

bool LibvirtConnection::DefineClaim(const ClaimDomain& claim, const std::string& title) {
  virConnectPtr connection = impl_->handle.get();
  const char* const driver = virConnectGetType(connection);
  const char* const type = driver != nullptr && std::string_view(driver) == "TEST" ? "test"
                           : OffersKvm()                                           ? "kvm"
                                                                                   : "qemu";
  if (DomainHandle(virDomainDefineXML(connection, ClaimXml(claim, title, type).c_str()))) return true;
  const std::string error = virGetLastErrorMessage();
  const DomainHandle other = impl_->FindDomain(claim.name);
  if (other && UuidOf(other.get()) != claim.uuid) return false;
  throw LibvirtError(fmt::format("cannot define {}, which says that a run holds its cluster: {}", claim.name, error));
}

void LibvirtConnection::UpdateClaim(const ClaimDomain& claim) {
  const DomainHandle domain(virDomainLookupByUUIDString(impl_->handle.get(), claim.uuid.c_str()));
  if (!domain) ThrowLastError("look up " + claim.name);
  pugi::xml_document document;
  AddClaim(document, claim.text, false);
  Require(virDomainSetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT, ToText(document).c_str(), kKey, kNamespace,
                               VIR_DOMAIN_AFFECT_CONFIG),
          "update " + claim.name);
}

}  // namespace passthrough
