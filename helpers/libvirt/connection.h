// libvirt's C API behind one class. This folder alone names libvirt.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/libvirt/inventory.h"

namespace passthrough {

// A connection to one hypervisor. Calls may come from one thread at a time; libvirt's errors are read
// on the thread that made them. Every function throws LibvirtError with what was tried and libvirt's
// own message.
class LibvirtConnection {
 public:
  // Throws LibvirtError; TimeoutError where the URI's host does not answer by `deadline`.
  static LibvirtConnection Open(const std::string& uri, const Deadline& deadline);
  ~LibvirtConnection();
  LibvirtConnection(LibvirtConnection&&) noexcept;
  LibvirtConnection& operator=(LibvirtConnection&&) noexcept;

  const std::string& uri() const;
  bool IsAlive() const;

  // --- looking ---
  Inventory TakeInventory();
  std::vector<std::string> DomainNames();
  std::optional<std::string> DomainXml(const std::string& domain);       // nullopt: no such domain
  std::optional<std::string> DomainState(const std::string& domain);     // "running", …
  std::optional<std::string> NodeDeviceXml(const PciAddress& address);
  // IPv4 addresses of `domain` by MAC, from DHCP leases, the ARP table and the guest agent, whichever
  // answers; empty where none knows one yet.
  struct Address {
    std::string mac;
    std::string ipv4;
    std::string source;  // "lease", "arp", "agent"
  };
  std::vector<Address> DomainAddresses(const std::string& domain);
  // What the domain printed on its serial console, where the hypervisor keeps a log that a volume
  // download or a domain's <log file=…/> can give; nullopt where it does not. At most `most` last bytes.
  std::optional<std::string> ConsoleLog(const std::string& domain, size_t most);

  // --- changing: for deployers, never called by checks ---
  void DefineDomain(const std::string& xml);
  void StartDomain(const std::string& domain);
  void DestroyDomain(const std::string& domain);   // pulls the plug; no error where it is off or gone
  void UndefineDomain(const std::string& domain);  // with NVRAM, managed save, snapshots' metadata
  void DefineNetwork(const std::string& xml);
  void StartNetwork(const std::string& network);
  void RemoveNetwork(const std::string& network);  // destroy and undefine; no error where it is gone
  void DefinePool(const std::string& xml);
  void BuildAndStartPool(const std::string& pool);
  void RemovePool(const std::string& pool, bool delete_directory);  // with all its volumes
  void CreateVolume(const std::string& pool, const std::string& xml);
  // A copy of source_pool/source_volume made on the hypervisor.
  void CloneVolume(const std::string& pool, const std::string& xml, const std::string& source_pool,
                   const std::string& source_volume);
  void UploadVolume(const std::string& pool, const std::string& volume,
                    const std::filesystem::path& file, const Deadline& deadline);
  // Absolute path of a volume on the hypervisor.
  std::string VolumePath(const std::string& pool, const std::string& volume);
  void DetachDevice(const std::string& domain, const std::string& device_xml, bool live);
  void AttachDevice(const std::string& domain, const std::string& device_xml, bool live);

 private:
  struct Impl;
  explicit LibvirtConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace passthrough
