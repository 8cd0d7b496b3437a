#include "helpers/libvirt/pci_controllers.h"

#include <fmt/format.h>

#include <pugixml.hpp>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

pugi::xml_document ParseDomain(std::string_view domain_xml) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(domain_xml.data(), domain_xml.size());
  if (!parsed) throw LibvirtError(fmt::format("domain XML: {}", parsed.description()));
  return document;
}

PciAddress ReadAddress(const pugi::xml_node& address) {
  return {.domain = address.attribute("domain").as_uint(),
          .bus = static_cast<uint8_t>(address.attribute("bus").as_uint()),
          .device = static_cast<uint8_t>(address.attribute("slot").as_uint()),
          .function = static_cast<uint8_t>(address.attribute("function").as_uint())};
}

}  // namespace

std::vector<PciController> ReadPciControllers(std::string_view domain_xml) {
  const pugi::xml_document document = ParseDomain(domain_xml);
  std::vector<PciController> controllers;
  for (const pugi::xml_node node : document.child("domain").child("devices").children("controller")) {
    if (std::string_view(node.attribute("type").value()) != "pci") continue;
    PciController controller;
    controller.index = node.attribute("index").as_int(-1);
    controller.model = node.attribute("model").value();
    if (const pugi::xml_node address = node.child("address")) controller.address = ReadAddress(address);
    const pugi::xml_attribute bus = node.child("target").attribute("busNr");
    const int bus_number = *bus.value() == '\0' ? -1 : bus.as_int(-1);
    if (bus_number >= 0 && bus_number <= 255) controller.bus_number = static_cast<uint8_t>(bus_number);
    controllers.push_back(controller);
  }
  return controllers;
}

std::vector<PciAddress> ReadEmulatedFunctions(std::string_view domain_xml) {
  const pugi::xml_document document = ParseDomain(domain_xml);
  std::vector<PciAddress> addresses;
  for (const pugi::xml_node device : document.child("domain").child("devices").children()) {
    // <interface type='hostdev'> is one, too (https://libvirt.org/formatdomain.html#pci-passthrough).
    const bool is_host_device =
        std::string_view(device.name()) == "hostdev" || std::string_view(device.attribute("type").value()) == "hostdev";
    const pugi::xml_node address = device.child("address");
    if (is_host_device || std::string_view(address.attribute("type").value()) != "pci") continue;
    addresses.push_back(ReadAddress(address));
  }
  return addresses;
}

}  // namespace passthrough
