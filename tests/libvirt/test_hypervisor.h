// A hypervisor of one's own: libvirt's test driver, which lives in this process and touches
// nothing.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>

#include "helpers/base/deadline.h"
#include "helpers/base/files.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

inline PciAddress At(std::string_view text) { return PciAddress::Parse(text).value(); }

// The message of the LibvirtError that `call` throws; "" if it throws none.
template <typename Call>
std::string MessageOf(Call call) {
  try {
    call();
  } catch (const LibvirtError& error) {
    return error.what();
  }
  return {};
}

class TestHypervisor {
 public:
  // `content`: what <node> holds at first, in the form of libvirt's test driver
  // (https://libvirt.org/drvtest.html).
  explicit TestHypervisor(std::string_view content = {})
      : path_(directory_.path() / "node.xml"), connection_(Open(content)) {}

  LibvirtConnection& connection() { return connection_; }

  // A domain's XML. `state`: a virDomainState; 1 runs, 5 is shut off, 6 has crashed.
  static std::string Domain(std::string_view name, std::string_view devices = {}, int state = 1) {
    return fmt::format(
        "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
        "<test:runstate>{}</test:runstate><name>{}</name><memory unit='MiB'>64</memory>"
        "<os><type>hvm</type></os><devices>{}</devices></domain>",
        state, name, devices);
  }

  static std::string Interface(std::string_view network, std::string_view mac) {
    return fmt::format("<interface type='network'><source network='{}'/><mac address='{}'/></interface>", network, mac);
  }

  // On 192.168.140.0/24: the driver invents addresses of it for the domains that run.
  static std::string Network(std::string_view name) {
    return fmt::format(
        "<network><name>{}</name><forward mode='nat'/><bridge name='virbr140'/>"
        "<ip address='192.168.140.1' netmask='255.255.255.0'><dhcp>"
        "<range start='192.168.140.2' end='192.168.140.254'/></dhcp></ip></network>",
        name);
  }

  // A directory pool with one volume "image.qcow2".
  static std::string Pool(std::string_view name, std::string_view path) {
    return fmt::format(
        "<pool type='dir'><name>{0}</name><target><path>{1}</path></target>"
        "<volume><name>image.qcow2</name><capacity>1048576</capacity>"
        "<target><path>{1}/image.qcow2</path><format type='qcow2'/></target></volume></pool>",
        name, path);
  }

  // What every node device hangs on.
  static std::string Computer() {
    return "<device><name>computer</name><capability type='system'><hardware>"
           "<uuid>dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566</uuid></hardware><firmware/></capability>"
           "</device>";
  }

  // A PCI function at 0000:01:00.<function> in IOMMU group 12, or in none.
  static std::string PciDevice(int function, int class_code, bool with_group = true) {
    const std::string_view group =
        "<iommuGroup number='12'>"
        "<address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/>"
        "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></iommuGroup>";
    return fmt::format(
        "<device><name>pci_0000_01_00_{0}</name><parent>computer</parent>"
        "<capability type='pci'><class>{1:#08x}</class><domain>0</domain><bus>1</bus><slot>0</slot>"
        "<function>{0}</function><product id='0x{2:04x}'/><vendor id='0x10de'/>{3}</capability>"
        "</device>",
        function, class_code, function == 0 ? 0x2684 : 0x22bd, with_group ? group : "");
  }

 private:
  LibvirtConnection Open(std::string_view content) {
    WriteFile(path_, fmt::format("<node>{}</node>", content));
    return LibvirtConnection::Open("test://" + path_.string(), Deadline::After(std::chrono::seconds(60)));
  }

  TemporaryDirectory directory_{"libvirt-test"};
  std::filesystem::path path_;
  LibvirtConnection connection_;
};

}  // namespace passthrough
