#include "helpers/deployer/domain_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

PciAddress At(std::string_view text) { return PciAddress::Parse(text).value(); }

PlannedDevice Device(std::string_view address, DeviceType type, uint16_t vendor, uint16_t device) {
  PlannedDevice planned;
  planned.host_address = At(address);
  planned.type = type;
  planned.vendor_id = vendor;
  planned.device_id = device;
  return planned;
}

DomainSpec GpuNode() {
  DomainSpec spec;
  spec.name = "c-compute-01";
  spec.size = {.memory_mib = 4096, .cpus = 4};
  spec.disk_path = "/images/c/c-compute-01.qcow2";
  spec.console_log = "/images/c/c-compute-01-console.log";
  spec.network = "c-network";
  spec.mac = "52:54:00:01:02:03";
  spec.devices = {Device("0000:65:00.2", DeviceType::kGpu, 0x10de, 0x2684),
                  Device("0000:65:00.3", DeviceType::kAudio, 0x10de, 0x22bd)};
  return spec;
}

TEST(MakeDomainXml, SaysWhatAiHowSays) {
  const std::string xml = MakeDomainXml(GpuNode());
  for (const char* const part :
       {"<domain type=\"qemu\">", "<name>c-compute-01</name>", "<memory unit=\"MiB\">4096</memory>", "<vcpu>4</vcpu>",
        "machine=\"q35\"", "<boot dev=\"hd\" />", "<on_crash>destroy</on_crash>",
        "<source file=\"/images/c/c-compute-01.qcow2\" />", "<target dev=\"vda\" bus=\"virtio\" />",
        "<mac address=\"52:54:00:01:02:03\" />", "<source network=\"c-network\" />", "<model type=\"virtio\" />",
        "<rng model=\"virtio\">", "<serial type=\"pty\">", "<rom bar=\"on\" />"}) {
    EXPECT_THAT(xml, HasSubstr(part));
  }
}

TEST(MakeDomainXml, GivesEachFunctionAnAliasAndNoGuestAddress) {
  const DomainSpec spec = GpuNode();
  // libvirt gives the UUID.
  std::string xml = MakeDomainXml(spec);
  xml.insert(xml.find("<name>"), "<uuid>u</uuid>");
  const DomainDescription domain = ReadDomainXml(xml);
  ASSERT_EQ(domain.hostdevs.size(), 2u);
  EXPECT_EQ(domain.hostdevs[0], (DomainHostdev{At("0000:65:00.2"), std::nullopt, "ua-gpu0", true}));
  EXPECT_EQ(domain.hostdevs[1], (DomainHostdev{At("0000:65:00.3"), std::nullopt, "ua-audio1", true}));
  EXPECT_EQ(domain.console_log, spec.console_log);
}

TEST(MakeDomainXml, OnlyTheGpuHasARom) {
  DomainSpec spec = GpuNode();
  spec.gpu_rom = false;
  EXPECT_THAT(MakeDomainXml(spec), AllOf(HasSubstr("<rom bar=\"off\" />"), Not(HasSubstr("<rom bar=\"on\" />"))));
  spec.devices.erase(spec.devices.begin());
  EXPECT_THAT(MakeDomainXml(spec), Not(HasSubstr("<rom bar")));
}

TEST(MakeDomainXml, ImpersonatesOnlyWhereAsked) {
  DomainSpec spec = GpuNode();
  EXPECT_THAT(MakeDomainXml(spec), Not(HasSubstr("qemu:")));
  spec.impersonate = true;
  const std::string xml = MakeDomainXml(spec);
  EXPECT_THAT(xml, HasSubstr("xmlns:qemu=\"http://libvirt.org/schemas/domain/qemu/1.0\""));
  EXPECT_THAT(xml, HasSubstr("<qemu:device alias=\"ua-gpu0\">"));
  EXPECT_THAT(xml, HasSubstr("name=\"x-pci-vendor-id\" type=\"unsigned\" value=\"4318\""));
  EXPECT_THAT(xml, HasSubstr("name=\"x-pci-device-id\" type=\"unsigned\" value=\"8893\""));
  spec.devices[0].device_id.reset();
  EXPECT_THAT(MakeDomainXml(spec), Not(HasSubstr("9860")));
}

TEST(MakeDomainXml, GpusOfTwoMakersEachHaveTheirOwnIds) {
  DomainSpec spec = GpuNode();
  spec.impersonate = true;
  spec.devices = {Device("0000:01:00.0", DeviceType::kGpu, 0x1002, 0x744c),
                  Device("0000:02:00.0", DeviceType::kGpu, 0x10de, 0x2684)};
  const std::string xml = MakeDomainXml(spec);
  const size_t amd = xml.find("alias=\"ua-gpu0\"");
  const size_t nvidia = xml.find("alias=\"ua-gpu1\"");
  ASSERT_LT(amd, nvidia);
  ASSERT_NE(nvidia, std::string::npos);
  EXPECT_THAT(xml.substr(amd, nvidia - amd), AllOf(HasSubstr("value=\"4098\""), HasSubstr("value=\"29772\"")));
  EXPECT_THAT(xml.substr(nvidia), AllOf(HasSubstr("value=\"4318\""), HasSubstr("value=\"9860\"")));
}

TEST(MakeDomainXml, NamesTheCpuOfEmulationOrOfKvm) {
  DomainSpec spec = GpuNode();
  EXPECT_THAT(MakeDomainXml(spec), HasSubstr("<cpu mode=\"maximum\" />"));
  spec.emulated_cpu = {"qemu64", {"+rdrand"}};
  spec.acceleration.cpu_model = "host-model";
  spec.acceleration.cpu_features = {"-vmx"};
  EXPECT_THAT(MakeDomainXml(spec), AllOf(HasSubstr("<model fallback=\"allow\">qemu64</model>"),
                                         HasSubstr("<feature policy=\"require\" name=\"rdrand\" />")));
  spec.kvm = true;
  EXPECT_THAT(MakeDomainXml(spec),
              AllOf(HasSubstr("<domain type=\"kvm\">"), HasSubstr("<cpu mode=\"host-model\">"),
                    HasSubstr("<feature policy=\"disable\" name=\"vmx\" />"), Not(HasSubstr("rdrand"))));
  spec.acceleration = {};
  EXPECT_THAT(MakeDomainXml(spec), HasSubstr("<cpu mode=\"host-passthrough\" />"));
  spec.acceleration.cpu_model = "host";
  EXPECT_THAT(MakeDomainXml(spec), HasSubstr("<cpu mode=\"host-passthrough\" />"));
}

TEST(MakeDomainXml, SaysATopologyOnlyWhereItFits) {
  DomainSpec spec = GpuNode();
  spec.acceleration.cpu_topology = CpuTopology{1, 2, 2};
  EXPECT_THAT(MakeDomainXml(spec), HasSubstr("<topology sockets=\"1\" cores=\"2\" threads=\"2\" />"));
  spec.size.cpus = 1;
  EXPECT_THAT(MakeDomainXml(spec), Not(HasSubstr("<topology")));
}

TEST(MakeDomainXml, SaysWhatBacksTheMemory) {
  DomainSpec spec = GpuNode();
  EXPECT_THAT(MakeDomainXml(spec), Not(HasSubstr("memoryBacking")));
  spec.acceleration.memory_backing = "memfd";
  EXPECT_THAT(MakeDomainXml(spec), HasSubstr("<source type=\"memfd\" />"));
  spec.acceleration.enable_hugepages = true;
  EXPECT_THAT(MakeDomainXml(spec), HasSubstr("<hugepages />"));
  spec.acceleration.hugepage_size = "1G";
  EXPECT_THAT(MakeDomainXml(spec), HasSubstr("<page size=\"1\" unit=\"GiB\" />"));
}

TEST(MakeDomainXml, EscapesWhatItIsGiven) {
  DomainSpec spec = GpuNode();
  spec.name = "a<b&c";
  spec.disk_path = "/x\"/y";
  EXPECT_THAT(MakeDomainXml(spec), AllOf(HasSubstr("<name>a&lt;b&amp;c</name>"), HasSubstr("file=\"/x&quot;/y\"")));
}

TEST(MacAddressFor, IsALocalQemuAddressOfItsOwn) {
  EXPECT_THAT(MacAddressFor("c-compute-01"), MatchesRegex("52:54:00(:[0-9a-f]{2}){3}"));
  EXPECT_EQ(MacAddressFor("c-compute-01"), MacAddressFor("c-compute-01"));
  EXPECT_NE(MacAddressFor("c-compute-01"), MacAddressFor("c-compute-02"));
  EXPECT_NE(MacAddressFor("c-compute-01"), MacAddressFor("c-compute-01", 1));
}

Ipv4Subnet Subnet(const std::string& text) { return Ipv4Subnet::Parse(text).value(); }

TEST(MakeNetworkXml, GivesStaticAddressesByMac) {
  const std::string xml = MakeNetworkXml(
      {"c-network", "virbr140", Subnet("192.168.140.0/24"), {{"52:54:00:01:02:03", "192.168.140.11", "c-compute-01"}}});
  for (const char* const part : {"<name>c-network</name>", "<forward mode=\"nat\" />", "<bridge name=\"virbr140\"",
                                 "<ip address=\"192.168.140.1\" netmask=\"255.255.255.0\">",
                                 "<range start=\"192.168.140.2\" end=\"192.168.140.254\">", "<lease expiry=\"0\" />",
                                 "<host mac=\"52:54:00:01:02:03\" name=\"c-compute-01\" ip=\"192.168.140.11\">"}) {
    EXPECT_THAT(xml, HasSubstr(part));
  }
  EXPECT_EQ(ReadNetworkBridge(xml), "virbr140");
}

TEST(MakeNetworkXml, RefusesAddressesThatDoNotFit) {
  EXPECT_THROW(MakeNetworkXml({"n", "b", Subnet("192.168.140.0/31"), {}}), Error);
  EXPECT_THROW(MakeNetworkXml({"n", "b", Subnet("192.168.140.0/24"), {{"m", "192.168.141.5", "x"}}}), Error);
  EXPECT_THROW(MakeNetworkXml({"n", "b", Subnet("192.168.140.0/24"), {{"m", "DHCP", "x"}}}), Error);
}

TEST(MakeVolumeXml, MayHaveABackingImage) {
  EXPECT_THAT(MakeVolumeXml("v", "qcow2", 10, "/base.qcow2"),
              AllOf(HasSubstr("<capacity unit=\"bytes\">10</capacity>"), HasSubstr("<path>/base.qcow2</path>")));
  EXPECT_THAT(MakeVolumeXml("v", "raw", 10), Not(HasSubstr("backingStore")));
}

TEST(MakePoolXml, IsADirectory) {
  const PoolDescription pool = ReadPoolXml(MakePoolXml("c-pool", "/images/c"));
  EXPECT_EQ(pool.type, "dir");
  EXPECT_EQ(pool.path, "/images/c");
}

}  // namespace
}  // namespace passthrough
