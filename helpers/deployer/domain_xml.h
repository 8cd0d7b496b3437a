// libvirt XML for what a cluster is made of. Pure functions: values in, text out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/config/plan.h"

namespace passthrough {

// Memory and cores of a node.
struct NodeScale {
  int memory_mib = 0;
  int cpus = 0;
};

// A CPU model and what is added to it or taken from it: "+rdrand", "-vmx".
struct CpuModel {
  std::string model;  // as hardware.acceleration.cpu_model, or any model of QEMU's; empty: the default
  std::vector<std::string> features;
};

// All that a node's domain XML says.
struct DomainSpec {
  std::string name;
  std::string uuid;  // empty: libvirt makes one
  std::string run;   // as DeploySettings::run, for the domain's metadata; empty: none
  NodeScale size;
  bool kvm = false;       // false: emulation
  CpuModel emulated_cpu;  // without KVM
  Acceleration acceleration;
  std::string disk_path;    // absolute, on the hypervisor
  std::string console_log;  // absolute, on the hypervisor
  std::string network;
  std::string mac;
  std::vector<PlannedDevice> devices;
  bool impersonate = false;
  bool gpu_rom = true;
};

// "52:54:00:…" made from the domain's name, so that the address of a node is the same at each
// deployment. `attempt` gives another one, for two names that would share one.
std::string MacAddressFor(std::string_view domain, int attempt = 0);

// The alias of the n-th device: "ua-gpu0".
std::string HostdevAlias(const PlannedDevice& device, size_t index);

std::string MakeDomainXml(const DomainSpec& spec);

// One <host> of a network's DHCP server.
struct DhcpHost {
  std::string mac;
  std::string ipv4;
  std::string name;
};

struct NetworkSpec {
  std::string name;
  std::string bridge;
  Ipv4Subnet subnet;
  std::vector<DhcpHost> hosts;
  std::string uuid{};  // empty: libvirt makes one
};

// NAT, gateway at the first address of the subnet, DHCP for the rest, leases that do not end.
// Throws Error where the subnet is too small or a host's address is not one of the subnet's.
std::string MakeNetworkXml(const NetworkSpec& spec);

std::string MakePoolXml(std::string_view name, std::string_view path, std::string_view uuid = {});

// A volume of a directory pool. `capacity_bytes` is the size that the guest sees. `backing_path`:
// the qcow2 image that it is an overlay of; empty: none.
std::string MakeVolumeXml(std::string_view name, std::string_view format, uint64_t capacity_bytes,
                          std::string_view backing_path = {});

}  // namespace passthrough
