#include "helpers/deployer/domain_xml.h"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <sstream>

#include "helpers/base/error.h"
#include "helpers/base/ipv4_subnet.h"

namespace passthrough {
namespace {

constexpr const char* kQemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0";

// Appends <name> to `parent`, with `text` in it and `attributes` on it.
using Attributes = std::initializer_list<std::pair<const char*, std::string_view>>;

pugi::xml_node Add(pugi::xml_node parent, const char* name, Attributes attributes = {}) {
  pugi::xml_node child = parent.append_child(name);
  for (const auto& [key, value] : attributes) {
    child.append_attribute(key).set_value(std::string(value).c_str());
  }
  return child;
}

pugi::xml_node AddText(pugi::xml_node parent, const char* name, std::string_view text, Attributes attributes = {}) {
  pugi::xml_node child = Add(parent, name, attributes);
  child.text().set(std::string(text).c_str());
  return child;
}

std::string ToText(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "  ", pugi::format_indent | pugi::format_no_declaration);
  return out.str();
}

void AddMemory(pugi::xml_node domain, const DomainSpec& spec) {
  AddText(domain, "memory", std::to_string(spec.size.memory_mib), {{"unit", "MiB"}});
  const Acceleration& acceleration = spec.acceleration;
  const std::string backing = acceleration.memory_backing.value_or("default");
  if (acceleration.enable_hugepages.value_or(false) || backing == "hugepages") {
    pugi::xml_node hugepages = Add(Add(domain, "memoryBacking"), "hugepages");
    if (!acceleration.hugepage_size) return;
    const bool giant = *acceleration.hugepage_size == "1G";
    Add(hugepages, "page", {{"size", giant ? "1" : "2"}, {"unit", giant ? "GiB" : "MiB"}});
  } else if (backing == "memfd") {
    Add(Add(domain, "memoryBacking"), "source", {{"type", "memfd"}});
  }
}

void AddCpuFeatures(pugi::xml_node cpu, const std::vector<std::string>& features) {
  for (const std::string& feature : features) {
    if (feature.size() < 2) continue;
    const char* const policy = feature[0] == '-' ? "disable" : "require";
    const bool has_sign = feature[0] == '-' || feature[0] == '+';
    Add(cpu, "feature", {{"policy", policy}, {"name", feature.substr(has_sign ? 1 : 0)}});
  }
}

void AddCpuTopology(pugi::xml_node cpu, const DomainSpec& spec) {
  const auto& topology = spec.acceleration.cpu_topology;
  // libvirt wants it to give exactly the number of CPUs, which a lab scales down.
  if (!topology || topology->sockets * topology->cores * topology->threads != spec.size.cpus) return;
  Add(cpu, "topology",
      {{"sockets", std::to_string(topology->sockets)},
       {"cores", std::to_string(topology->cores)},
       {"threads", std::to_string(topology->threads)}});
}

void AddCpu(pugi::xml_node domain, const DomainSpec& spec) {
  const CpuModel of_kvm{spec.acceleration.cpu_model.value_or("host-passthrough"), spec.acceleration.cpu_features};
  const CpuModel& wanted = spec.kvm ? of_kvm : spec.emulated_cpu;
  pugi::xml_node cpu = Add(domain, "cpu");
  if (wanted.model.empty()) {
    cpu.append_attribute("mode").set_value("maximum");
  } else if (wanted.model == "host" || wanted.model.starts_with("host-")) {
    const bool model = wanted.model == "host-model";
    cpu.append_attribute("mode").set_value(model ? "host-model" : "host-passthrough");
  } else {
    cpu.append_attribute("mode").set_value("custom");
    cpu.append_attribute("match").set_value("exact");
    cpu.append_attribute("check").set_value("none");
    AddText(cpu, "model", wanted.model, {{"fallback", "allow"}});
  }
  AddCpuTopology(cpu, spec);
  AddCpuFeatures(cpu, wanted.features);
}

void AddHostdev(pugi::xml_node devices, const PlannedDevice& device, const std::string& alias, bool gpu_rom) {
  pugi::xml_node hostdev = Add(devices, "hostdev", {{"mode", "subsystem"}, {"type", "pci"}, {"managed", "yes"}});
  const PciAddress& address = device.host_address;
  Add(Add(hostdev, "source"), "address",
      {{"domain", fmt::format("{:#06x}", address.domain)},
       {"bus", fmt::format("{:#04x}", address.bus)},
       {"slot", fmt::format("{:#04x}", address.device)},
       {"function", fmt::format("{:#x}", address.function)}});
  Add(hostdev, "alias", {{"name", alias}});
  if (device.type == DeviceType::kGpu) Add(hostdev, "rom", {{"bar", gpu_rom ? "on" : "off"}});
}

void AddDevices(pugi::xml_node domain, const DomainSpec& spec) {
  pugi::xml_node devices = Add(domain, "devices");
  pugi::xml_node disk = Add(devices, "disk", {{"type", "file"}, {"device", "disk"}});
  // A node lives for one run: nothing on its disk need outlive a crash of the host.
  Add(disk, "driver", {{"name", "qemu"}, {"type", "qcow2"}, {"cache", "unsafe"}});
  Add(disk, "source", {{"file", spec.disk_path}});
  Add(disk, "target", {{"dev", "vda"}, {"bus", "virtio"}});

  pugi::xml_node interface = Add(devices, "interface", {{"type", "network"}});
  Add(interface, "mac", {{"address", spec.mac}});
  Add(interface, "source", {{"network", spec.network}});
  Add(interface, "model", {{"type", "virtio"}});
  Add(interface, "rom", {{"enabled", "no"}});  // it boots from its disk, never from the network

  pugi::xml_node rng = Add(devices, "rng", {{"model", "virtio"}});
  AddText(rng, "backend", "/dev/urandom", {{"model", "random"}});

  pugi::xml_node serial = Add(devices, "serial", {{"type", "pty"}});
  Add(serial, "log", {{"file", spec.console_log}, {"append", "on"}});
  Add(serial, "target", {{"port", "0"}});
  Add(Add(devices, "console", {{"type", "pty"}}), "target", {{"type", "serial"}, {"port", "0"}});

  // No guest addresses: each function gets a root port of its own, as ai-how has it, so that each
  // can be unplugged by itself.
  for (size_t i = 0; i < spec.devices.size(); ++i) {
    AddHostdev(devices, spec.devices[i], HostdevAlias(spec.devices[i], i), spec.gpu_rom);
  }
  // Nothing that a check could mistake for the real thing, and nothing that only costs boot time.
  Add(devices, "controller", {{"type", "usb"}, {"model", "none"}});
  Add(Add(devices, "video"), "model", {{"type", "none"}});
  Add(devices, "memballoon", {{"model", "none"}});
}

void AddIdOverride(pugi::xml_node frontend, const char* property, std::optional<uint16_t> value) {
  if (!value) return;
  Add(frontend, "qemu:property", {{"name", property}, {"type", "unsigned"}, {"value", std::to_string(*value)}});
}

// libvirt applies overrides to the devices that a domain starts with, never to one that is plugged in later: that
// one takes QEMU's defaults for its kind. So a GPU that is unplugged and plugged in again shows the same ids, where
// the node's GPUs are all of one kind.
void AddDefaultIds(pugi::xml_node domain, const DomainSpec& spec) {
  for (const PlannedDevice& device : spec.devices) {
    if (device.type != DeviceType::kGpu || !device.vendor_id || !device.device_id) continue;
    pugi::xml_node arguments = Add(domain, "qemu:commandline");
    for (const auto& [property, value] :
         {std::pair("x-pci-vendor-id", *device.vendor_id), std::pair("x-pci-device-id", *device.device_id)}) {
      Add(arguments, "qemu:arg", {{"value", "-global"}});
      Add(arguments, "qemu:arg", {{"value", fmt::format("vfio-pci.{}={:#x}", property, value)}});
    }
    return;
  }
}

// QEMU's vfio-pci shows the node these ids in the place of the device's own.
void AddImpersonation(pugi::xml_node domain, const DomainSpec& spec) {
  if (!spec.impersonate || spec.devices.empty()) return;
  pugi::xml_node overrides = Add(domain, "qemu:override");
  for (size_t i = 0; i < spec.devices.size(); ++i) {
    const PlannedDevice& device = spec.devices[i];
    if (!device.vendor_id && !device.device_id) continue;
    pugi::xml_node frontend = Add(Add(overrides, "qemu:device", {{"alias", HostdevAlias(device, i)}}), "qemu:frontend");
    AddIdOverride(frontend, "x-pci-vendor-id", device.vendor_id);
    AddIdOverride(frontend, "x-pci-device-id", device.device_id);
  }
  AddDefaultIds(domain, spec);
}

}  // namespace

std::string MacAddressFor(std::string_view domain, int attempt) {
  // FNV-1a (RFC 9923): the same on every machine and in every version, unlike std::hash.
  uint32_t hash = 2166136261u + static_cast<uint32_t>(attempt);
  for (const char c : domain) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 16777619u;
  }
  hash ^= hash >> 24;
  return fmt::format("52:54:00:{:02x}:{:02x}:{:02x}", hash >> 16 & 0xff, hash >> 8 & 0xff, hash & 0xff);
}

std::string HostdevAlias(const PlannedDevice& device, size_t index) {
  return fmt::format("ua-{}{}", ToString(device.type), index);
}

std::string MakeDomainXml(const DomainSpec& spec) {
  pugi::xml_document document;
  pugi::xml_node domain = Add(document, "domain", {{"type", spec.kvm ? "kvm" : "qemu"}});
  if (spec.impersonate) domain.append_attribute("xmlns:qemu").set_value(kQemuNamespace);
  AddText(domain, "name", spec.name);
  if (!spec.uuid.empty()) AddText(domain, "uuid", spec.uuid);
  if (!spec.run.empty()) {
    AddText(Add(domain, "metadata"), "passthrough-suite:run", spec.run,
            {{"xmlns:passthrough-suite", "urn:passthrough-suite:run:1"}});
  }
  AddMemory(domain, spec);
  AddText(domain, "vcpu", std::to_string(spec.size.cpus));
  pugi::xml_node os = Add(domain, "os");
  AddText(os, "type", "hvm", {{"arch", "x86_64"}, {"machine", "q35"}});
  Add(os, "boot", {{"dev", "hd"}});
  pugi::xml_node features = Add(domain, "features");
  Add(features, "acpi");
  Add(features, "apic");
  AddCpu(domain, spec);
  // A node that crashes stays down, so that it is seen, rather than hiding it by starting again.
  AddText(domain, "on_crash", "destroy");
  AddDevices(domain, spec);
  AddImpersonation(domain, spec);
  return ToText(document);
}

std::string MakeNetworkXml(const NetworkSpec& spec) {
  const Ipv4Subnet& subnet = spec.subnet;
  // Gateway, at least one node, network and broadcast address.
  if (subnet.prefix_length > 29) {
    throw Error(
        fmt::format("network {}: its subnet is {}; must be a.b.c.d/n, n at most 29", spec.name, subnet.ToString()));
  }
  pugi::xml_document document;
  pugi::xml_node network = Add(document, "network");
  AddText(network, "name", spec.name);
  if (!spec.uuid.empty()) AddText(network, "uuid", spec.uuid);
  Add(network, "forward", {{"mode", "nat"}});
  Add(network, "bridge", {{"name", spec.bridge}, {"stp", "on"}, {"delay", "0"}});
  pugi::xml_node dhcp =
      Add(Add(network, "ip", {{"address", Ipv4ToString(subnet.Gateway())}, {"netmask", Ipv4ToString(subnet.Mask())}}),
          "dhcp");
  pugi::xml_node range = Add(
      dhcp, "range", {{"start", Ipv4ToString(subnet.Gateway() + 1)}, {"end", Ipv4ToString(subnet.Broadcast() - 1)}});
  Add(range, "lease", {{"expiry", "0"}});
  for (const DhcpHost& host : spec.hosts) {
    const auto address = ParseIpv4(host.ipv4);
    if (!address || !subnet.Contains(*address)) {
      throw Error(fmt::format("network {}: {} of {} is not an address of {}", spec.name, host.ipv4, host.name,
                              subnet.ToString()));
    }
    pugi::xml_node entry = Add(dhcp, "host", {{"mac", host.mac}, {"name", host.name}, {"ip", host.ipv4}});
    Add(entry, "lease", {{"expiry", "0"}});
  }
  return ToText(document);
}

std::string MakePoolXml(std::string_view name, std::string_view path, std::string_view uuid) {
  pugi::xml_document document;
  pugi::xml_node pool = Add(document, "pool", {{"type", "dir"}});
  AddText(pool, "name", name);
  if (!uuid.empty()) AddText(pool, "uuid", uuid);
  AddText(Add(pool, "target"), "path", path);
  return ToText(document);
}

std::string MakeVolumeXml(std::string_view name, std::string_view format, uint64_t capacity_bytes,
                          std::string_view backing_path) {
  pugi::xml_document document;
  pugi::xml_node volume = Add(document, "volume");
  AddText(volume, "name", name);
  AddText(volume, "capacity", std::to_string(capacity_bytes), {{"unit", "bytes"}});
  AddText(volume, "allocation", "0", {{"unit", "bytes"}});
  Add(Add(volume, "target"), "format", {{"type", format}});
  if (!backing_path.empty()) {
    pugi::xml_node backing = Add(volume, "backingStore");
    AddText(backing, "path", backing_path);
    Add(backing, "format", {{"type", "qcow2"}});
  }
  return ToText(document);
}

}  // namespace passthrough
