#include "helpers/libvirt/domain_xml_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "tests/libvirt/test_hypervisor.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// As libvirt 9.0 prints a running node of the lab, shortened.
constexpr std::string_view kRunningDomain = R"(
<domain type='qemu' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>test-hpc-pcie-minimal-compute-01</name>
  <uuid>11cbefa5-736c-4d8b-be6e-e2e07dfdec41</uuid>
  <devices>
    <controller type='pci' index='1' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0' multifunction='on'/>
    </controller>
    <disk type='file' device='disk'>
      <source file='/var/lib/libvirt/images/x.qcow2'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:AB:CD:EF'/>
      <source network='test-hpc-pcie-minimal-network' portid='8c' bridge='virbr140'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:02'/>
      <source bridge='br0'/>
    </interface>
    <serial type='pty'>
      <source path='/dev/pts/1'/>
      <log file='/var/lib/libvirt/images/t/x-console.log' append='on'/>
      <target type='isa-serial' port='0'/>
    </serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
    </channel>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <driver name='vfio'/>
      <source>
        <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
      </source>
      <alias name='ua-gpu0'/>
      <rom bar='off'/>
      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci' managed='no'>
      <source>
        <address domain='0x0001' bus='0xff' slot='0x1f' function='0x7'/>
      </source>
      <alias name='hostdev1'/>
    </hostdev>
    <hostdev mode='subsystem' type='usb'>
      <source><vendor id='0x1234'/><product id='0xbeef'/></source>
    </hostdev>
  </devices>
  <qemu:override>
    <qemu:device alias='ua-gpu0'>
      <qemu:frontend>
        <qemu:property name='x-pci-vendor-id' type='unsigned' value='4318'/>
      </qemu:frontend>
    </qemu:device>
  </qemu:override>
</domain>)";

// A domain of nothing but `devices`.
std::string DomainWith(std::string_view devices) {
  return "<domain><name>a</name><uuid>b</uuid><devices>" + std::string(devices) + "</devices></domain>";
}

TEST(ReadDomainXml, ReadsNameInterfacesAndConsole) {
  const DomainDescription domain = ReadDomainXml(kRunningDomain);
  EXPECT_EQ(domain.name, "test-hpc-pcie-minimal-compute-01");
  EXPECT_EQ(domain.id, 3);
  EXPECT_EQ(ReadDomainXml(DomainWith("")).id, -1) << "that does not run";
  EXPECT_EQ(domain.uuid, "11cbefa5-736c-4d8b-be6e-e2e07dfdec41");
  ASSERT_EQ(domain.interfaces.size(), 2u);
  EXPECT_EQ(domain.interfaces[0].mac, "52:54:00:ab:cd:ef");
  EXPECT_EQ(domain.interfaces[0].network, "test-hpc-pcie-minimal-network");
  EXPECT_EQ(domain.interfaces[1].network, "");
  EXPECT_EQ(domain.console_log, "/var/lib/libvirt/images/t/x-console.log");
  EXPECT_TRUE(domain.agent_connected);
}

TEST(ReadDomainXml, ReadsPciHostdevsWithBothAddresses) {
  const DomainHostdev gpu{At("0000:01:00.0"), At("0000:05:00.0"), "ua-gpu0", true};
  const DomainHostdev other{At("0001:ff:1f.7"), std::nullopt, "hostdev1", false};
  EXPECT_THAT(ReadDomainXml(kRunningDomain).hostdevs, ElementsAre(gpu, other));
}

TEST(ReadDomainXml, AnInterfaceOrDiskOnAHostFunctionClaimsIt) {
  const DomainDescription domain = ReadDomainXml(
      DomainWith("<interface type='hostdev' managed='yes'><mac address='52:54:00:00:00:01'/>"
                 "<source><address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/></source>"
                 "</interface>"
                 "<disk type='nvme' device='disk'><source type='pci' managed='yes' namespace='1'>"
                 "<address domain='0x0000' bus='0x04' slot='0x00' function='0x0'/></source></disk>"));
  const DomainHostdev nic{At("0000:03:10.1"), std::nullopt, "", true};
  const DomainHostdev disk{At("0000:04:00.0"), std::nullopt, "", true};
  EXPECT_THAT(domain.hostdevs, ElementsAre(nic, disk));
}

TEST(ReadDomainXml, ReadsNumbersInAnyBase) {
  const DomainDescription domain =
      ReadDomainXml(DomainWith("<hostdev type='pci'><source><address domain='0' bus='101' slot='0x0' "
                               "function='2'/></source></hostdev>"));
  ASSERT_EQ(domain.hostdevs.size(), 1u);
  EXPECT_EQ(domain.hostdevs[0].host_address, At("0000:65:00.2"));
}

TEST(ReadDomainXml, FindsTheConsoleOfASerialPortThatIsAFile) {
  EXPECT_EQ(ReadDomainXml(DomainWith("<serial type='file'><source path='/var/log/n.log'/></serial>")).console_log,
            "/var/log/n.log");
  EXPECT_EQ(ReadDomainXml(DomainWith("<serial type='pty'><source path='/dev/pts/1'/></serial>")).console_log, "");
}

TEST(ReadDomainXml, AnAgentThatNobodyOpenedIsNotConnected) {
  EXPECT_FALSE(ReadDomainXml(DomainWith("<channel type='unix'><target type='virtio' "
                                        "name='org.qemu.guest_agent.0' state='disconnected'/>"
                                        "</channel>"))
                   .agent_connected);
}

TEST(ReadDomainXml, RefusesWhatLibvirtNeverWrites) {
  const auto message = [](std::string_view xml) { return MessageOf([&] { ReadDomainXml(xml); }); };
  EXPECT_THAT(message("<domain><name>a</na"), HasSubstr("<domain> XML: "));
  EXPECT_THAT(message(""), HasSubstr("<domain> XML: "));
  EXPECT_THAT(message("<network/>"), HasSubstr("no <domain>"));
  EXPECT_THAT(message("<domain><uuid>b</uuid></domain>"), HasSubstr("no <name>"));
  EXPECT_THAT(message("<domain><name>a</name><uuid> </uuid></domain>"), HasSubstr("no <uuid>"));
  for (const std::string_view address :
       {"", "<address/>", "<address bus='x' slot='0' function='0'/>", "<address bus='256' slot='0' function='0'/>",
        "<address bus='1' slot='32' function='0'/>", "<address bus='1' slot='0' function='8'/>",
        "<address bus='-1' slot='0' function='0'/>"}) {
    EXPECT_THAT(message(DomainWith("<hostdev type='pci'><source>" + std::string(address) + "</source></hostdev>")),
                HasSubstr("not a number"))
        << address;
  }
}

// As libvirt 9.0 prints it, shortened.
constexpr std::string_view kGpu = R"(
<device>
  <name>pci_0000_65_00_2</name>
  <path>/sys/devices/pci0000:64/0000:64:00.0/0000:65:00.2</path>
  <parent>pci_0000_64_00_0</parent>
  <driver>
    <name>bochs-drm</name>
  </driver>
  <capability type='pci'>
    <class>0x030000</class>
    <domain>0</domain>
    <bus>101</bus>
    <slot>0</slot>
    <function>2</function>
    <product id='0x1111'/>
    <vendor id='0x1234'/>
    <iommuGroup number='3'>
      <address domain='0x0000' bus='0x65' slot='0x00' function='0x3'/>
      <address domain='0x0000' bus='0x65' slot='0x00' function='0x2'/>
    </iommuGroup>
    <pci-express>
      <link validity='cap' port='0' speed='2.5' width='1'/>
    </pci-express>
  </capability>
</device>)";

TEST(ReadNodeDeviceXml, ReadsIdsDriverAndGroup) {
  const HostPciDevice device = ReadNodeDeviceXml(kGpu);
  EXPECT_EQ(device.address, At("0000:65:00.2"));
  EXPECT_EQ(device.class_code, 0x030000u);
  EXPECT_EQ(device.vendor_id, 0x1234);
  EXPECT_EQ(device.device_id, 0x1111);
  EXPECT_EQ(device.driver, "bochs-drm");
  EXPECT_EQ(device.iommu_group, 3);
  EXPECT_THAT(device.iommu_group_members, ElementsAre(At("0000:65:00.2"), At("0000:65:00.3")));
  EXPECT_EQ(device.parent, At("0000:64:00.0"));
  std::string vmd(kGpu);
  vmd.replace(vmd.find("pci_0000_64_00_0"), 16, "pci_10000_e0_01_0");
  vmd.replace(vmd.find("<domain>0</domain>"), 18, "<domain>65536</domain>");
  EXPECT_EQ(ReadNodeDeviceXml(vmd).parent, At("10000:e0:01.0"));
  EXPECT_EQ(ReadNodeDeviceXml(vmd).address, At("10000:65:00.2"));
  EXPECT_EQ(device.max_link_width, 1);
  EXPECT_EQ(device.max_link_speed, 2.5);
}

TEST(ReadNodeDeviceXml, AVirtualFunctionBelongsToAPhysicalOne) {
  const std::string capability =
      "<capability type='phys_function'><address domain='0x0000' bus='0x41' slot='0x00' function='0x0'/></capability>";
  const auto read = [](const std::string& inner) {
    return ReadNodeDeviceXml(
               "<device><capability type='pci'><domain>0</domain><bus>65</bus><slot>0</slot>"
               "<function>4</function><product id='0x2235'/><vendor id='0x10de'/>" +
               inner + "</capability></device>")
        .physical_function;
  };
  EXPECT_EQ(read(capability), At("0000:41:00.0"));
  EXPECT_EQ(read(""), std::nullopt);
  EXPECT_EQ(read("<capability type='virt_functions' maxCount='16'/>"), std::nullopt);
}

TEST(ReadNodeDeviceXml, ARootBusHasNoBridgeAbove) {
  for (const char* parent : {"computer", "pci_", "pci_0000_64_00", "pci_x_y_z_0", ""}) {
    const HostPciDevice device =
        ReadNodeDeviceXml(std::string("<device><parent>") + parent +
                          "</parent><capability type='pci'><domain>0</domain><bus>1</bus><slot>0</slot>"
                          "<function>0</function><product id='0x2684'/><vendor id='0x10de'/></capability></device>");
    EXPECT_EQ(device.parent, std::nullopt) << parent;
    EXPECT_EQ(device.max_link_width, std::nullopt);
    EXPECT_EQ(device.max_link_speed, std::nullopt);
  }
}

TEST(ReadNodeDeviceXml, DriverAndGroupMayBeAbsent) {
  const HostPciDevice device = ReadNodeDeviceXml(
      "<device><capability type='pci'><domain>0</domain><bus>1</bus><slot>0</slot>"
      "<function>0</function><product id='0x2684'/><vendor id='0x10de'/></capability></device>");
  EXPECT_EQ(device.driver, "");
  EXPECT_EQ(device.class_code, 0u);
  EXPECT_EQ(device.iommu_group, std::nullopt);
  EXPECT_TRUE(device.iommu_group_members.empty());
}

TEST(ReadNodeDeviceXml, RefusesWhatIsNoPciFunction) {
  EXPECT_THROW(ReadNodeDeviceXml("<device"), LibvirtError);
  EXPECT_THAT(MessageOf([] { ReadNodeDeviceXml("<device><capability type='net'/></device>"); }),
              HasSubstr("not a PCI function"));
  EXPECT_THAT(MessageOf([] {
                ReadNodeDeviceXml(
                    "<device><capability type='pci'><domain>0</domain><bus>1</bus>"
                    "<slot>0</slot><function>0</function></capability></device>");
              }),
              HasSubstr("vendor id"));
}

TEST(ReadPoolXml, ReadsTypeAndPath) {
  const PoolDescription pool = ReadPoolXml("<pool type='dir'><name>p</name><target><path>/a b</path></target></pool>");
  EXPECT_EQ(pool.type, "dir");
  EXPECT_EQ(pool.path, "/a b");
  EXPECT_THROW(ReadPoolXml("<pool"), LibvirtError);
}

TEST(ReadNetworkBridge, MayHaveNone) {
  EXPECT_EQ(ReadNetworkBridge("<network><bridge name='virbr0'/></network>"), "virbr0");
  EXPECT_EQ(ReadNetworkBridge("<network><name>n</name></network>"), "");
  EXPECT_THROW(ReadNetworkBridge("<domain/>"), LibvirtError);
}

// What comes back is what was taken out: at the same place, under the same name.
TEST(HostdevXmlTest, IsTheElementOfThatFunctionAlone) {
  constexpr std::string_view kDomain = R"(<domain><devices>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>
      <alias name='ua-gpu0'/>
      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci'>
      <source><address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/></source>
    </hostdev></devices></domain>)";
  const auto gpu = HostdevXml(kDomain, At("0000:01:00.0"));
  ASSERT_TRUE(gpu);
  EXPECT_THAT(*gpu, HasSubstr("<alias name=\"ua-gpu0\""));
  EXPECT_THAT(*gpu, HasSubstr("bus=\"0x05\""));
  EXPECT_THAT(*gpu, testing::Not(HasSubstr("function=\"0x1\"")));
  EXPECT_FALSE(HostdevXml(kDomain, At("0000:02:00.0")));
  EXPECT_THROW(HostdevXml("<domain>", At("0000:01:00.0")), LibvirtError);
}

}  // namespace
}  // namespace passthrough
