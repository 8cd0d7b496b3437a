// libvirt's C API behind one class. This folder alone names libvirt.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// What libvirt says of one domain without looking into its XML.
struct DomainStatus {
  std::string name;
  std::string uuid;
  std::string state;   // "running", "shut off", "paused", "crashed", …, as virsh writes them
  std::string reason;  // "booted", "destroyed", "failed", …; empty: unknown
};

// One entry of a libvirt network's DHCP server.
struct DhcpLease {
  std::string mac;  // lower case
  std::string ip;   // IPv4 or IPv6
  std::string hostname;
  int64_t expiry = 0;  // seconds since 1970; 0: never ends
};

// A domain that is defined and never started: it says in its metadata that a run holds names and devices on this
// hypervisor. All that look at domains leave these out, but for Claims().
inline constexpr std::string_view kClaimPrefix = "_passthrough-suite-claim-";
struct ClaimDomain {
  std::string name;  // begins with kClaimPrefix
  std::string uuid;
  std::string text;  // of its metadata; empty where it has none
};

// A connection to one hypervisor. Any thread, also several at once, as libvirt allows; libvirt's
// errors are read on the thread that made them. Every function throws LibvirtError with what was
// tried and libvirt's own message. A host that stops answering is noticed by keep-alive messages
// within two minutes; from then on every call throws at once.
//
// Of libvirt's SSH transports prefer qemu+ssh:// (OpenSSH) or qemu+libssh2://. With qemu+libssh://
// of libvirt 9.0 every other longer reply comes a second late: it stays unread until more data
// comes.
class LibvirtConnection {
 public:
  // Throws LibvirtError; TimeoutError where the URI's host does not answer by `deadline`. Never
  // asks for a password.
  static LibvirtConnection Open(const std::string& uri, const Deadline& deadline);
  ~LibvirtConnection();
  LibvirtConnection(LibvirtConnection&&) noexcept;
  LibvirtConnection& operator=(LibvirtConnection&&) noexcept;
  // The same connection once more, which is closed when the last of them is gone: for a call on another thread that
  // may have to be given up (RunWithDeadline).
  LibvirtConnection Share() const;

  const std::string& uri() const;
  bool IsAlive() const;
  // Whether the hypervisor runs domains of type "kvm".
  bool OffersKvm();

  // --- looking ---
  // Everything of the host that a run could change. Active directory pools are refreshed first:
  // libvirt lists the volumes that it saw at the last refresh, not those that are there.
  Inventory TakeInventory();
  // The same, not waited for longer than `deadline`: a daemon that waits for a device or a dead NFS server answers
  // keep- alives and nothing else. Throws what Deadline::Check throws, too.
  Inventory TakeInventory(const Deadline& deadline) const;
  // All claims, by name.
  std::vector<ClaimDomain> Claims();
  // The same for as long as an answer comes at least every `silence`, however many there are. Throws TimeoutError where
  // none does, and InterruptedError.
  Inventory TakeInventory(std::chrono::seconds silence) const;
  // All domains, running or not, by name; one round trip where the hypervisor can.
  std::vector<DomainStatus> Domains();
  std::vector<std::string> DomainNames();
  // nullopt: there is none of this name.
  std::optional<std::string> DomainUuid(const std::string& domain);
  std::optional<std::string> NetworkUuid(const std::string& network);
  std::optional<std::string> PoolUuid(const std::string& pool);
  std::vector<std::string> NetworkNames();
  std::vector<std::string> PoolNames();
  // Of an active pool, refreshed. nullopt: no such pool, or it is not active.
  std::optional<std::vector<std::string>> VolumeNames(const std::string& pool);
  std::optional<std::string> DomainXml(const std::string& domain);  // nullopt: no such domain
  // Of what it starts with the next time. nullopt: no such domain, or it is transient and starts never again.
  std::optional<std::string> DomainDefinition(const std::string& domain);
  std::optional<std::string> DomainState(const std::string& domain);  // "running", …
  std::optional<std::string> NodeDeviceXml(const PciAddress& address);
  // The leases of `network` in the order in which they were given, oldest first; nullopt where the
  // hypervisor cannot tell or has no such network.
  std::optional<std::vector<DhcpLease>> NetworkLeases(const std::string& network);
  // IPv4 addresses of `domain` by MAC, from DHCP leases, the ARP table and the guest agent: those
  // of the first of the three that knows any; empty where none knows one yet. Loopback and MACs
  // that the domain's XML does not have are left out, and what is no IPv4 address. A guest agent gets 2 s to answer.
  struct Address {
    std::string mac;
    std::string ip;      // IPv4 or, of leases alone, IPv6
    std::string source;  // "lease", "arp", "agent"
  };
  std::vector<Address> DomainAddresses(const std::string& domain);
  // The same without DHCP leases, for callers that have asked NetworkLeases() already.
  // `domain_xml`: what DomainXml() returned.
  std::vector<Address> AddressesWithoutLeases(const std::string& domain, const std::string& domain_xml);
  // What the domain printed on its serial console, where the hypervisor keeps a log of it that can
  // be read from here: as a file, or as a volume of the pool in whose directory it lies. nullopt
  // where there is none. At most `most` last bytes.
  std::optional<std::string> ConsoleLog(const std::string& domain, size_t most);

  // --- changing: for deployers and tests that plant faults, never called by checks ---
  void DefineDomain(const std::string& xml);
  void StartDomain(const std::string& domain);
  void DestroyDomain(const std::string& domain);   // pulls the plug; no error where it is off or gone
  void UndefineDomain(const std::string& domain);  // with NVRAM, managed save, snapshots' metadata
  // Removes what has this UUID, whatever its name is by now; no error where it is gone. Of a pool, as RemovePool with
  // its directory.
  void RemoveDomainWithUuid(const std::string& uuid);
  void RemoveNetworkWithUuid(const std::string& uuid);
  void RemovePoolWithUuid(const std::string& uuid);
  // Defines a claim with this UUID; false where another domain has its name. Atomic: of two at once, one gets it.
  bool DefineClaim(const ClaimDomain& claim, const std::string& title);
  // Replaces the text of the claim with this UUID. Throws LibvirtError also where it is gone.
  void UpdateClaim(const ClaimDomain& claim);
  void DefineNetwork(const std::string& xml);
  void StartNetwork(const std::string& network);
  void RemoveNetwork(const std::string& network);  // destroy and undefine; no error where it is gone
  void DefinePool(const std::string& xml);
  void BuildAndStartPool(const std::string& pool);
  void RefreshPool(const std::string& pool);
  // Stops and undefines it; no error where it is gone. `delete_directory` also removes the volumes
  // that are named as the pool is ("x-pool": those that begin with "x-"), and then the directory.
  // Other files in the directory stay, are an error, and keep the pool defined, so that it can be
  // seen.
  void RemovePool(const std::string& pool, bool delete_directory);
  void CreateVolume(const std::string& pool, const std::string& xml);
  void UploadVolume(const std::string& pool, const std::string& volume, const std::filesystem::path& file,
                    const Deadline& deadline);
  // Absolute path of a volume on the hypervisor.
  std::string VolumePath(const std::string& pool, const std::string& volume);
  // Size of a volume as a guest sees it, in bytes.
  uint64_t VolumeCapacity(const std::string& pool, const std::string& volume);
  // `live`: of the running domain, which forgets it when it stops; else of its definition.
  void DetachDevice(const std::string& domain, const std::string& device_xml, bool live);
  void AttachDevice(const std::string& domain, const std::string& device_xml, bool live);

 private:
  struct Impl;
  explicit LibvirtConnection(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace passthrough
