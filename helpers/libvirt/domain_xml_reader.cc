#include "helpers/libvirt/domain_xml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <pugixml.hpp>
#include <sstream>

#include "helpers/base/error.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

// Parses `xml` into `document`, whose root must be a `root` element; returns that.
pugi::xml_node Parse(std::string_view xml, const char* root, pugi::xml_document& document) {
  const pugi::xml_parse_result result = document.load_buffer(xml.data(), xml.size());
  if (!result) {
    throw LibvirtError(
        fmt::format("cannot read libvirt's <{}> XML: {} at byte {}", root, result.description(), result.offset));
  }
  const pugi::xml_node node = document.child(root);
  if (!node) throw LibvirtError(fmt::format("cannot read libvirt's XML: no <{}> in it", root));
  return node;
}

// The text of the element at `path` below `node`, which libvirt always writes.
std::string RequiredText(const pugi::xml_node& node, const char* path) {
  const std::string_view text = Trim(node.first_element_by_path(path).child_value());
  if (text.empty()) {
    throw LibvirtError(fmt::format("cannot read libvirt's <{}> XML: no <{}> in it", node.name(), path));
  }
  return std::string(text);
}

// A number as libvirt reads them: "0x1f", "31" or "037".
uint32_t ReadNumber(const char* text, uint32_t most, std::string_view what) {
  char* end = nullptr;
  errno = 0;
  const unsigned long value = std::strtoul(text, &end, 0);
  const bool digits_only = std::isalnum(static_cast<unsigned char>(*text)) != 0 && *end == '\0';
  if (!digits_only || errno != 0 || value > most) {
    throw LibvirtError(
        fmt::format("cannot read libvirt's XML: {} is \"{}\", not a number up to {}", what, Printable(text), most));
  }
  return static_cast<uint32_t>(value);
}

// <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>; domain may be absent.
PciAddress ReadPciAddress(const pugi::xml_node& address) {
  PciAddress result;
  result.domain = ReadNumber(address.attribute("domain").as_string("0"), 0xffffffff, "domain");
  result.bus = static_cast<uint8_t>(ReadNumber(address.attribute("bus").value(), 0xff, "bus"));
  result.device = static_cast<uint8_t>(ReadNumber(address.attribute("slot").value(), 0x1f, "slot"));
  result.function = static_cast<uint8_t>(ReadNumber(address.attribute("function").value(), 7, "function"));
  return result;
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool IsPci(const pugi::xml_node& address) { return std::strcmp(address.attribute("type").value(), "pci") == 0; }

// Whether `device` takes a whole host PCI function, and its source address does not say so itself.
bool ClaimsHostPciFunction(const pugi::xml_node& device) {
  const std::string_view element = device.name();
  const std::string_view type = device.attribute("type").value();
  if (element == "hostdev") return type == "pci";
  if (element == "disk") return type == "nvme";
  return element == "interface" && type == "hostdev" && IsPci(device.child("source").child("address"));
}

DomainHostdev ReadHostdev(const pugi::xml_node& device) {
  DomainHostdev hostdev;
  hostdev.host_address = ReadPciAddress(device.child("source").child("address"));
  const pugi::xml_node guest_address = device.child("address");
  if (IsPci(guest_address)) hostdev.guest_address = ReadPciAddress(guest_address);
  hostdev.alias = device.child("alias").attribute("name").value();
  const bool is_disk = std::string_view(device.name()) == "disk";
  const pugi::xml_node managed_on = is_disk ? device.child("source") : device;
  hostdev.managed = std::string_view(managed_on.attribute("managed").value()) == "yes";
  return hostdev;
}

std::string ReadConsoleLog(const pugi::xml_node& devices) {
  for (const char* element : {"serial", "console"}) {
    const pugi::xml_node port = devices.child(element);
    const std::string log = port.child("log").attribute("file").value();
    if (!log.empty()) return log;
    if (std::string_view(port.attribute("type").value()) == "file") {
      return port.child("source").attribute("path").value();
    }
  }
  return {};
}

bool IsConnectedAgent(const pugi::xml_node& channel) {
  const pugi::xml_node target = channel.child("target");
  return std::string_view(target.attribute("name").value()) == "org.qemu.guest_agent.0" &&
         std::string_view(target.attribute("state").value()) == "connected";
}

}  // namespace

DomainDescription ReadDomainXml(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node domain = Parse(xml, "domain", document);
  DomainDescription description;
  description.name = RequiredText(domain, "name");
  description.uuid = RequiredText(domain, "uuid");
  if (const auto id = domain.attribute("id")) {
    description.id = static_cast<int>(ReadNumber(id.value(), INT_MAX, "id"));
  }
  const pugi::xml_node devices = domain.child("devices");
  for (const pugi::xml_node& device : devices.children()) {
    if (ClaimsHostPciFunction(device)) description.hostdevs.push_back(ReadHostdev(device));
  }
  for (const pugi::xml_node& interface : devices.children("interface")) {
    const std::string mac = interface.child("mac").attribute("address").value();
    if (mac.empty()) continue;
    description.interfaces.push_back({LowerCase(mac), interface.child("source").attribute("network").value()});
  }
  for (const pugi::xml_node& channel : devices.children("channel")) {
    description.agent_connected |= IsConnectedAgent(channel);
  }
  description.console_log = ReadConsoleLog(devices);
  return description;
}

std::optional<std::string> HostdevXml(std::string_view domain_xml, const PciAddress& host_address) {
  pugi::xml_document document;
  const pugi::xml_node domain = Parse(domain_xml, "domain", document);
  for (const pugi::xml_node& device : domain.child("devices").children("hostdev")) {
    if (!ClaimsHostPciFunction(device) || ReadHostdev(device).host_address != host_address) continue;
    std::ostringstream out;
    device.print(out, "  ");
    return out.str();
  }
  return std::nullopt;
}

namespace {

// "pci_0000_00_01_0"; nothing for "computer", the parent of root buses.
std::optional<PciAddress> ReadParent(std::string name) {
  constexpr std::string_view kPrefix = "pci_";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.erase(0, kPrefix.size());
  const size_t last = name.rfind('_');
  if (last == std::string::npos) return std::nullopt;
  std::replace(name.begin(), name.end(), '_', ':');
  name[last] = '.';
  return PciAddress::Parse(name);
}

// <pci-express><link validity='cap' port='0' speed='16' width='16'/>…
void ReadLink(const pugi::xml_node& pci, HostPciDevice* device) {
  const pugi::xml_node link = pci.child("pci-express").find_child_by_attribute("link", "validity", "cap");
  const int width = link.attribute("width").as_int();
  const double speed = link.attribute("speed").as_double();
  if (width > 0) device->max_link_width = width;
  if (speed > 0) device->max_link_speed = speed;
}

}  // namespace

HostPciDevice ReadNodeDeviceXml(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node device = Parse(xml, "device", document);
  const pugi::xml_node pci = device.find_child_by_attribute("capability", "type", "pci");
  if (!pci) throw LibvirtError("cannot read libvirt's <device> XML: it is not a PCI function");

  HostPciDevice result;
  result.address.domain = ReadNumber(pci.child_value("domain"), 0xffffffff, "domain");
  result.address.bus = static_cast<uint8_t>(ReadNumber(pci.child_value("bus"), 0xff, "bus"));
  result.address.device = static_cast<uint8_t>(ReadNumber(pci.child_value("slot"), 0x1f, "slot"));
  result.address.function = static_cast<uint8_t>(ReadNumber(pci.child_value("function"), 7, "function"));
  // libvirt before 5.2 and its test driver leave the class out.
  if (const char* class_code = pci.child_value("class"); *class_code != '\0') {
    result.class_code = ReadNumber(class_code, 0xffffff, "class");
  }
  result.vendor_id =
      static_cast<uint16_t>(ReadNumber(pci.child("vendor").attribute("id").value(), 0xffff, "vendor id"));
  result.device_id =
      static_cast<uint16_t>(ReadNumber(pci.child("product").attribute("id").value(), 0xffff, "product id"));
  result.driver = Trim(device.child("driver").child_value("name"));
  result.parent = ReadParent(device.child_value("parent"));
  ReadLink(pci, &result);
  const pugi::xml_node of = pci.find_child_by_attribute("capability", "type", "phys_function");
  if (const pugi::xml_node physical = of.child("address")) result.physical_function = ReadPciAddress(physical);
  if (const pugi::xml_node group = pci.child("iommuGroup")) {
    result.iommu_group = static_cast<int>(ReadNumber(group.attribute("number").value(), 0x7fffffff, "IOMMU group"));
    for (const pugi::xml_node& member : group.children("address")) {
      result.iommu_group_members.push_back(ReadPciAddress(member));
    }
    std::sort(result.iommu_group_members.begin(), result.iommu_group_members.end());
  }
  return result;
}

PoolDescription ReadPoolXml(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node pool = Parse(xml, "pool", document);
  return {pool.attribute("type").value(), pool.child("target").child_value("path")};
}

std::string ReadNetworkBridge(std::string_view xml) {
  pugi::xml_document document;
  return Parse(xml, "network", document).child("bridge").attribute("name").value();
}

}  // namespace passthrough
